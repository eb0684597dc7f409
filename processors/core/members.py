"""A member's life: what may be applied is compared with what is, and the difference is told."""

from typing import Literal

from processors.core import access, description, explain, gates, linking, matching
from processors.core.draft import Draft
from schemas import state
from schemas.access import Access, Because, LostBecause, MemberRef
from schemas.commands import RefreshClaims, RevokeSessions
from schemas.events import (
    MemberDeactivated,
    MemberProfileChanged,
    MemberProvisioned,
    MemberReactivated,
    MemberRoleChanged,
    MemberWorkspacesChanged,
    PersonDeprovisioned,
    PersonRestored,
)
from schemas.policy import Hold
from schemas.recorded import HoldRecorded
from schemas.state import Member


def reevaluate(
    draft: Draft, member_id: str, word: gates.Word | None = None, *, was: Member | None = None
) -> bool:
    """Decide anew about one member; say whether anything was told to anybody.

    `word` is what an administrator says about what is on hold; `was` the member before the product
    said something else of it, where it did.
    """
    place = state.member_key(draft.tenant_id, member_id)
    known = draft.member(member_id)
    before = was or known
    users = access.users_of(draft, known)
    wanted = access.desired(draft, known, users)
    case = gates.Case(
        member_id=member_id,
        member=known,
        users=users,
        wanted=wanted.access,
        by_product=wanted.by_product,
        word=word,
    )
    ruling = gates.ask(draft, case)
    left = linking.left(draft, known, users)
    after = state.changed(
        description.described(draft, known, users), desired=wanted.access, users=left
    )
    story = _Story(draft, member_id, after, _because(draft, wanted))
    moves = ruling.allowed != before.applied
    heard = ruling.heard or case
    lost_because = access.lost_because(
        draft, heard.member, heard.users, by_product=heard.by_product
    )
    if before.provisioned and description.told(before) != description.told(after):
        story.profile_changed(alone=not moves)
    if moves:
        story.access_moved(ruling.allowed, lost_because)
    if _held(before, before.hold) != _held(after, ruling.hold):
        story.held(before, ruling, lost_because)
    if after.refused_email not in {None, before.refused_email}:
        story.email_refused()
    if story.member != known:
        draft.put(place, story.member)
    if story.member != before:
        matching.index(draft, member_id, before, story.member)
    gates.follow(draft, case, story.member)
    return story.told


class _Story:
    """Tells one member's changes; each access event grows the revision by one."""

    def __init__(self, draft: Draft, member_id: str, member: Member, because: Because) -> None:
        self._draft, self._member_id, self._because = draft, member_id, because
        self.member = member
        self.told = False

    def profile_changed(self, *, alone: bool) -> None:
        sentence = self._sentence("has a new profile")
        self._tell(sentence, MemberProfileChanged, attributes=self.member.attributes)
        if alone:
            self._audit(sentence)

    def access_moved(self, after: Access, lost_because: LostBecause) -> None:
        before = self.member.applied
        again = self.member.provisioned
        sentence = self._sentence(explain.movement(before, after, provisioned=again))
        if before.standing == "none":
            self._gained(sentence, after, again=again)
        elif after.standing == "none":
            self._lost(sentence, before, lost_because)
        else:
            self._changed(sentence, before, after)
        self.member = state.changed(self.member, applied=after, provisioned=True)
        self._audit(sentence, moved=(before, after))

    def held(self, before: Member, ruling: gates.Ruling, lost_because: LostBecause) -> None:
        """What is on hold, or is no longer; the last administrator has to log in again at once."""
        hold, sentence = ruling.hold, self._held_sentence(ruling)
        self.member = state.changed(self.member, hold=hold, holds=self.member.holds + 1)
        self._draft.emit(
            HoldRecorded(
                **self._draft.common("HoldRecorded", self._member_id, str(self.member.holds)),
                member_id=self._member_id,
                display_name=self.member.display_name,
                reason=None if hold is None else hold.reason,
                discarded=hold is not None and hold.discarded,
                desired=self.member.desired,
                rivals=self.member.rivals,
            )
        )
        if (before.hold, before.desired) != (hold, self.member.desired):
            self._audit(sentence, decision="held")
        if _cuts_off(hold, ruling.stopped) and not _cuts_off(before.hold, before.desired):
            self._say(sentence, RevokeSessions, reason=lost_because)
            # Whoever logs in from now on does it under another revision than what was revoked.
            sentence = self._sentence("has to log in again")
            self._tell(sentence, MemberProfileChanged, attributes=self.member.attributes)

    def email_refused(self) -> None:
        """A directory gave an address that may be somebody else's."""
        member = self.member
        sentence = (
            f"{member.display_name} keeps the email {member.email}, because the domain of"
            f" {member.refused_email} is not verified."
        )
        self._audit(sentence, decision="ignored")

    def _gained(self, sentence: str, after: Access, *, again: bool) -> None:
        if again:
            self._tell(sentence, MemberReactivated, access=after)
            self._say(sentence, PersonRestored, access=after)
        else:
            attributes = self.member.attributes
            self._tell(sentence, MemberProvisioned, access=after, attributes=attributes)

    def _lost(self, sentence: str, before: Access, reason: LostBecause) -> None:
        self._tell(sentence, MemberDeactivated, reason=reason, access_before=before)
        self._say(sentence, PersonDeprovisioned, reason=reason, access_before=before)
        self._say(sentence, RevokeSessions, reason=reason)

    def _changed(self, sentence: str, before: Access, after: Access) -> None:
        roles = {"role_from": before.role, "role_to": after.role}
        if before.role != after.role:
            self._tell(sentence, MemberRoleChanged, **roles)
            if self._demoted(before.role, after.role):
                self._say(sentence, RefreshClaims, **roles)
        if before.workspaces != after.workspaces:
            self._tell(
                sentence,
                MemberWorkspacesChanged,
                workspaces_from=before.workspaces,
                workspaces_to=after.workspaces,
            )

    def _demoted(self, before: str | None, after: str | None) -> bool:
        """Whether a token that was made before may say too much: a lower rank, or admin no more."""
        tenant = self._draft.tenant()
        if before is None:
            return False
        lost_admin = before in tenant.admin_roles and after not in tenant.admin_roles
        return lost_admin or tenant.ranks.get(after or "", -1) < tenant.ranks.get(before, -1)

    def _tell(self, sentence: str, event: type, **fields: object) -> None:
        """An access event: the next of the member's revisions."""
        self.member = state.changed(self.member, revision=self.member.revision + 1)
        self._say(sentence, event, **fields)

    def _say(self, sentence: str, event: type, **fields: object) -> None:
        draft, revision = self._draft, self.member.revision
        self.told = True
        draft.emit(
            event(
                **draft.common(event.__name__, self._member_id, str(revision)),
                member=self._ref(),
                directory_id=draft.trigger.directory_id,
                occurred_at=draft.trigger.occurred_at,
                revision=revision,
                because=self._because,
                sentence=sentence,
                **fields,
            )
        )

    def _audit(
        self,
        sentence: str,
        *,
        decision: Literal["changed", "held", "ignored"] = "changed",
        moved: tuple[Access, Access] | None = None,
    ) -> None:
        draft, subject = self._draft, f"member/{self._member_id}"
        self.told = True
        number = self.member.holds if decision == "held" else self.member.revision
        draft.audit(
            subject,
            sentence,
            decision=decision,
            because=self._because,
            member=self._ref(),
            access=moved,
            part=str(number),
        )

    def _held_sentence(self, ruling: gates.Ruling) -> str:
        member, hold = self.member, ruling.hold
        if hold is None:
            return f"Nothing of {self._sentence('is on hold any more')}"
        what = explain.held(member.applied, ruling.stopped, provisioned=member.provisioned)
        if hold.discarded:
            return self._sentence(f"{what}; it is not applied")
        return f"{self._sentence(what)[:-1]}; it is held: {explain.HOLDS[hold.reason]}."

    def _sentence(self, what: str) -> str:
        return f"{self.member.display_name} {what} because {self._draft.trigger.phrase}."

    def _ref(self) -> MemberRef:
        return MemberRef(
            member_id=self._member_id,
            product_id=self.member.product_id,
            external_ids=self.member.external_ids,
            email=self.member.email,
            display_name=self.member.display_name,
        )


def _held(member: Member, hold: Hold | None) -> tuple[object, ...] | None:
    """What is told about a hold."""
    if hold is None:
        return None
    return hold, member.desired, member.display_name, member.rivals


def _cuts_off(hold: Hold | None, stopped: Access) -> bool:
    """Whether a hold keeps somebody who should have no access any more."""
    return hold is not None and hold.reason == "sole_admin" and stopped.standing == "none"


def _because(draft: Draft, wanted: access.Desired) -> Because:
    """A directory's report explains itself by the group or rule that gave the role."""
    if draft.trigger.because.kind == "directory" and wanted.because is not None:
        return wanted.because
    return draft.trigger.because
