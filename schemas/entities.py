"""What a message is about: changes of one entity may not overtake one another's dead letters."""

import hashlib
import re
from typing import TYPE_CHECKING, Final, assert_never
from urllib.parse import quote

from schemas import changes, events, recorded, scim
from schemas import settings_changes as settings
from schemas.envelope import ReadHeaders, header
from schemas.letters import DeadLetter, DeadLetterRuled

if TYPE_CHECKING:  # the codec writes entities into headers
    from schemas.changes import Inbound
    from schemas.codec import Output

_LONGEST: Final = 500  # it is a part of keys and of an index
_PLAIN: Final = re.compile(r"[A-Za-z0-9_.~-]*")  # what quoting leaves as it is: nearly every id


def entity_of(message: "Inbound | Output") -> str:  # noqa: C901, PLR0911, PLR0912 # a table
    """The entity of a change or of what processors publish, unique within its tenant."""
    match message:
        case events.AuditEntry() | DeadLetter():  # first, since half of all messages are entries
            return of_itself(message.event_id)
        case changes.UserReported():
            return _named("user", message.directory_id, message.user.user_id)
        case changes.UserDeleted() | scim.ScimUserChange() | recorded.UserRecorded():
            return _named("user", message.directory_id, message.user_id)
        case (
            changes.GroupReported()
            | changes.GroupDeleted()
            | scim.ScimGroupChange()
            | recorded.GroupRecorded()
        ):
            return _named("group", message.directory_id, message.group_id)
        case (
            changes.MembershipAdded() | changes.MembershipRemoved() | recorded.MembershipRecorded()
        ):
            return _named("membership", message.directory_id, message.group_id, message.user_id)
        case (
            settings.CreateDirectory()
            | settings.SetDirectory()
            | settings.DisconnectDirectory()
            | settings.SwitchDirectory()
            | changes.DirectoryStateReported()
            | changes.DirectoryDeleted()
            | recorded.DirectoryRecorded()
        ):
            return _named("directory", message.directory_id)
        case settings.SetMapping() | recorded.MappingRecorded():
            return _named("mapping", message.directory_id, message.group_id)
        case settings.SetRole() | recorded.RoleRecorded():
            return _named("role", message.slug)
        case settings.CreateWorkspace() | recorded.WorkspaceRecorded():
            return _named("workspace", message.slug)
        case settings.CreateTenant() | settings.SetPolicy() | recorded.TenantRecorded():
            return "tenant"
        case settings.CreateToken() | settings.RevokeToken() | recorded.TokenRecorded():
            return _named("token", message.directory_id, message.token_id)
        case settings.RuleHold() | recorded.HoldRecorded():
            return _named("hold", message.member_id)
        case settings.SetProductMember() | settings.RemoveProductMember():
            return _named("product", message.product_id)
        case settings.LinkMember() | settings.UnlinkMember() | recorded.ManualRecorded():
            return _named("manual", message.member_id)
        case settings.SetDomain() | settings.RemoveDomain() | recorded.DomainRecorded():
            return _named("domain", message.domain)
        case recorded.WarningRecorded():
            return of_itself(message.event_id)
        case changes.DropDeadLetter() | DeadLetterRuled():
            return _named("letter", message.letter_id)
        case changes.DirectoryNoted() | changes.DomainsReported() | changes.Page():
            return of_itself(message.change_id)
        case recorded.ChangeSettled():
            return of_itself(message.cause)
        case events.MemberEvent():
            return _named("member", message.member.member_id)
        case _:
            assert_never(message)


def of_headers(headers: ReadHeaders, message_id: str) -> str:
    """The entity of a message whose body does not decode: as its sender names it in ce_subject.

    Args:
        headers: of the message; they may be foreign.
        message_id: what the message is known by if they say nothing.
    """
    subject = header(headers, "ce_subject")
    return subject if subject and len(subject) <= _LONGEST else of_itself(message_id)


def of_letter(message: "Inbound | Output | None", headers: ReadHeaders, letter_id: str) -> str:
    """The entity of a message that becomes a dead letter; None for one that does not decode."""
    return of_headers(headers, letter_id) if message is None else entity_of(message)


def of_itself(message_id: str) -> str:
    """The entity of a message that nothing else is about."""
    return _named("message", message_id)


def _named(kind: str, *ids: str) -> str:
    plain = (each if _PLAIN.fullmatch(each) else quote(each, safe="") for each in ids)
    name = "/".join((kind, *plain))
    if len(name) <= _LONGEST:
        return name
    return f"{kind}/sha256:{hashlib.sha256(name.encode()).hexdigest()}"
