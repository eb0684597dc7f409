"""The state table.

Keys and records.  One table, one changelog; each key starts with its type and its tenant.

No record grows with its tenant or group: a membership costs two small edges, whatever the group's
size (DESIGN §4).
"""

from datetime import datetime
from typing import Final, Literal, TypeVar

import msgspec

from schemas.access import NO_ACCESS, Access
from schemas.manual import Manual
from schemas.names import is_redacted
from schemas.origin import Attribute, Kind, Mode, OnDisconnect, Provider, Stamp
from schemas.policy import Hold
from schemas.scim import Document

SEPARATOR: Final = b"\0"
"""Parts every key: ids never contain it, because the door refuses it, as Postgres does."""
_SEPARATOR: Final = SEPARATOR.decode()
Leaving = Literal["deactivated", "deleted"]
"""What the IdP wants to become of a person whom a policy keeps."""


def key(kind: str, tenant_id: str, *parts: str) -> bytes:
    """The key of a record: its type, its tenant, its ids."""
    return _SEPARATOR.join((kind, tenant_id, *parts)).encode()


def prefix(kind: str, tenant_id: str, *parts: str) -> bytes:
    """What all keys below these parts begin with."""
    return key(kind, tenant_id, *parts) + SEPARATOR


def parts_of(record_key: bytes) -> list[str]:
    """The parts that a key was made of, its type first."""
    return [part.decode() for part in record_key.split(SEPARATOR)]


def last_part_of(record_key: bytes) -> str:
    """The last of the parts that a key was made of."""
    return record_key.rpartition(SEPARATOR)[2].decode()


Record = TypeVar("Record", bound="State")


class State(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What every state record is."""


class Directory(State, frozen=True, kw_only=True):
    """One provisioning link from a tenant's IdP."""

    name: str
    provider: Provider
    kind: Kind
    mode: Mode = "active"
    on_disconnect: OnDisconnect = "keep"
    stamp: Stamp | None = None
    """Of the newest event about the directory itself."""
    connected: bool = True
    deleted_at: Stamp | None = None
    """Of the newest deletion: what is not newer is no longer there."""
    replaces: str | None = None
    """The directory whose people these are: they are linked by what that one knew of them."""
    replaced_by: str | None = None
    """The directory that came in its place; what this one says counts no more."""


class DirectoryUser(State, frozen=True, kw_only=True):
    """What the IdP said about a person; stays as a tombstone after deletion."""

    stamp: Stamp
    """Of the newest change that was applied."""
    deleted_at: Stamp | None = None
    """Of the newest deletion: edges and reports that are not newer do not count."""
    idp_id: str = ""
    """Empty where a deletion came before any report."""
    active: bool = False
    email: str | None = None
    first_name: str | None = None
    last_name: str | None = None
    user_name: str | None = None
    attributes: dict[str, Attribute] = {}
    member_id: str | None = None
    created_at: datetime | None = None
    resource: Document = {}
    """The whole SCIM resource; empty for what WorkOS reports."""
    leaving: Leaving | None = None
    """The IdP wants this person gone, and a policy holds it back."""
    in_conflict: bool = False
    """Returning, or somebody new with an old address: an administrator says which."""
    unlinked: bool = False
    """An administrator said that this is no member's: nothing that is reported links it again."""

    @property
    def deleted(self) -> bool:
        """Whether the deletion is the newest that is known."""
        return self.deleted_at is not None and self.deleted_at == self.stamp

    @property
    def display_name(self) -> str:
        """How people call the person."""
        parts = (self.first_name, self.last_name)
        name = " ".join(part for part in parts if part and not is_redacted(part))
        return name or self.email or self.user_name or self.idp_id


class DirectoryGroup(State, frozen=True, kw_only=True):
    """What the IdP said about a group; stays as a tombstone after deletion."""

    stamp: Stamp
    deleted_at: Stamp | None = None
    name: str = ""
    idp_id: str | None = None
    created_at: datetime | None = None
    resource: Document = {}
    """The SCIM resource without members; empty for what WorkOS reports."""
    members_at: Stamp | None = None
    """Of the newest change of members by SCIM."""
    closed_at: Stamp | None = None
    """Of the newest replacement of all members: additions built on less count no more."""

    @property
    def deleted(self) -> bool:
        """Whether the deletion is the newest that is known."""
        return self.deleted_at is not None and self.deleted_at == self.stamp


class Edge(State, frozen=True, kw_only=True):
    """Whether a user is in a group; a removal stays as a tombstone."""

    stamp: Stamp
    present: bool


class Link(State, frozen=True, kw_only=True):
    """Which member a person at an IdP is; outlives the directory user."""

    member_id: str
    unlinked: bool = False
    """The person was that member, and an administrator ended it."""


class UserKey(msgspec.Struct, frozen=True, order=True):
    """Names a directory user within its tenant."""

    directory_id: str
    user_id: str


class Member(State, frozen=True, kw_only=True):
    """A person in the product."""

    users: tuple[UserKey, ...] = ()
    """The directory users that are not deleted, sorted; deleted ones too while their directory is
    testing or paused, whose mode they are asked for."""
    external_ids: tuple[str, ...] = ()
    spoken_for: tuple[str, ...] = ()
    """Directories that spoke for the member, and whose silence is a word too, until unlinked."""
    unlinked_from: tuple[str, ...] = ()
    """Directories from which an administrator unlinked it: there no address links it again."""
    product_id: str | None = None
    manual: Manual | None = None
    """What the product says of the member; None where it says nothing."""
    rivals: tuple[str, ...] = ()
    """Members of whom this may be one: nothing is told of it before somebody says."""
    email: str | None = None
    display_name: str = ""
    attributes: dict[str, Attribute] = {}
    desired: Access = NO_ACCESS
    """What directories, mapping and policy say."""
    applied: Access = NO_ACCESS
    """What the product was told."""
    provisioned: bool = False
    """Whether the person ever had access."""
    revision: int = 0
    """Counts the member's access events."""
    hold: Hold | None = None
    """Why `applied` is not what is desired."""
    holds: int = 0
    """Counts what became of the member's holds."""
    refused_email: str | None = None
    """An address that a directory gave and that was not taken over: its domain is not verified."""


class Position(State, frozen=True, kw_only=True):
    """The last message that was applied from a lane (DESIGN §5.4)."""

    topic_id: str
    offset: int
    ce_id: str


class Late(State, frozen=True, kw_only=True):
    """An outdated change that was ignored and audited once; its repeats are silent."""


def directory_key(tenant_id: str, directory_id: str) -> bytes:
    """Where a Directory stands."""
    return key("directory", tenant_id, directory_id)


def user_key(tenant_id: str, directory_id: str, user_id: str) -> bytes:
    """Where a DirectoryUser stands."""
    return key("user", tenant_id, directory_id, user_id)


def group_key(tenant_id: str, directory_id: str, group_id: str) -> bytes:
    """Where a DirectoryGroup stands."""
    return key("group", tenant_id, directory_id, group_id)


def edge_of_user_key(tenant_id: str, directory_id: str, user_id: str, group_id: str) -> bytes:
    """Where an Edge stands for who asks "which groups is this user in?"."""
    return key("groups-of", tenant_id, directory_id, user_id, group_id)


def edge_of_group_key(tenant_id: str, directory_id: str, group_id: str, user_id: str) -> bytes:
    """Where the same Edge stands for who asks "who is in this group?"."""
    return key("users-in", tenant_id, directory_id, group_id, user_id)


def link_key(tenant_id: str, directory_id: str, idp_id: str) -> bytes:
    """Where a Link stands."""
    return key("link", tenant_id, directory_id, idp_id)


def member_key(tenant_id: str, member_id: str) -> bytes:
    """Where a Member stands."""
    return key("member", tenant_id, member_id)


def late_key(tenant_id: str, change_id: str) -> bytes:
    """Where a Late mark stands."""
    return key("late", tenant_id, change_id)


def position_key(lane: str) -> bytes:
    """Where the Position of a lane stands; without a tenant, since a lane carries many."""
    return key("position", "", lane)


def changed(record: Record, **fields: object) -> Record:
    """The same record with other values in some fields."""
    return msgspec.structs.replace(record, **fields)
