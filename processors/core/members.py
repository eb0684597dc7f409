"""A member's life: what is desired is compared with what is applied, and the difference is told."""

from processors.core import access, explain
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
from schemas.state import DirectoryUser, Member


def reevaluate(draft: Draft, member_id: str) -> bool:
    """Decide anew about one member; say whether anything was told to anybody."""
    place = state.member_key(draft.tenant_id, member_id)
    before = draft.get(place, Member)
    assert before is not None, f"member {member_id} was never made"
    held = _users_of(draft, before)
    users = access.speaking(draft, held)
    wanted = access.desired(draft, users)
    after = state.changed(_profiled(before, held), desired=wanted.access)
    story = _Story(draft, member_id, after, _because(draft, wanted))
    if before.provisioned and _profile(before) != _profile(after):
        story.profile_changed()
    if after.applied != after.desired:
        story.access_moved(lost_because=_lost_because(held, users))
    if story.member != before:
        draft.put(place, story.member)
    return story.told


class _Story:
    """Tells one member's changes; each access event grows the revision by one."""

    def __init__(self, draft: Draft, member_id: str, member: Member, because: Because) -> None:
        self._draft, self._member_id, self._because = draft, member_id, because
        self.member = member
        self.told = False

    def profile_changed(self) -> None:
        sentence = self._sentence("has a new profile")
        self._tell(sentence, MemberProfileChanged, attributes=self.member.attributes)
        if self.member.applied == self.member.desired:
            self._audit(sentence, None)

    def access_moved(self, lost_because: LostBecause) -> None:
        before, after = self.member.applied, self.member.desired
        again = self.member.provisioned
        sentence = self._sentence(explain.movement(before, after, provisioned=again))
        if before.standing == "none":
            self._gained(sentence, after, again=again)
        elif after.standing == "none":
            self._lost(sentence, before, lost_because)
        else:
            self._changed(sentence, before, after)
        self.member = state.changed(self.member, applied=after, provisioned=True)
        self._audit(sentence, (before, after))

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

    def _audit(self, sentence: str, moved: tuple[Access, Access] | None) -> None:
        self._draft.audit(
            f"member/{self._member_id}",
            sentence,
            because=self._because,
            member=self._ref(),
            access=moved,
            part=str(self.member.revision),
        )

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


def _users_of(draft: Draft, member: Member) -> access.Users:
    users = []
    for key in member.users:
        place = state.user_key(draft.tenant_id, key.directory_id, key.user_id)
        user = draft.get(place, DirectoryUser)
        assert user is not None, f"a member holds {key}, which was never recorded"
        users.append((key, user))
    return tuple(users)


def _profile(member: Member) -> tuple[object, ...]:
    return member.email, member.display_name, member.attributes


def _profiled(member: Member, users: access.Users) -> Member:
    """The member as the newest report of an active directory user describes it."""
    if not users:
        return member
    _, best = max(users, key=lambda entry: (entry[1].active, entry[1].stamp))
    return state.changed(
        member, email=best.email, display_name=best.display_name, attributes=best.attributes
    )


def _because(draft: Draft, wanted: access.Desired) -> Because:
    """A directory's report explains itself by the group or rule that gave the role."""
    if draft.trigger.because.kind == "directory" and wanted.because is not None:
        return wanted.because
    return draft.trigger.because


def _lost_because(held: access.Users, speaking: access.Users) -> LostBecause:
    """By who is left: the directory users that are not deleted, and those of them that count."""
    if any(user.active for _, user in speaking):
        return "no_mapped_group"
    if speaking:
        return "deactivated"
    return "disconnected" if held else "deleted"
