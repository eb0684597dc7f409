"""What Hypothesis makes up: histories of a few directories, and ways in which they arrive."""

from collections.abc import Sequence
from datetime import timedelta
from typing import NamedTuple, TypeVar

import msgspec
from hypothesis import strategies as st
from msgspec.structs import replace
from typing_extensions import override

from schemas import ids
from schemas.access import WorkspaceGrant
from schemas.changes import AnyChange, AnyReportedChange, ReportedChange
from schemas.origin import Stamp
from schemas.settings_changes import AnySettingsChange
from tests.core import scenario as say

T = TypeVar("T")

TENANTS = ("acme", "bolt")
DIRECTORIES = (("acme", "dir-1"), ("acme", "dir-2"), ("bolt", "dir-3"))
USERS = tuple(f"{name}-{number}" for name in ("ann", "bo", "cy", "di", "ed") for number in (1, 2))
"""Each person may come as two directory users."""
GROUPS = ("g1", "g2", "g3", "g4")
_ROLES = ("viewer", "member", "admin")
_SPACES = ("design", "sales")

_grant = st.builds(WorkspaceGrant, st.sampled_from(_SPACES), st.sampled_from((None, *_ROLES)))
_grants = st.lists(_grant, max_size=2, unique_by=lambda grant: grant.workspace)


_MOST = 40  # happenings in a course


class Arrival(NamedTuple):
    """A change that arrives, and what the partition's loop does right after it."""

    change: AnyChange
    commits: bool
    chunks: int
    """How many chunks of work it does then, if that many are due."""


class Course(NamedTuple):
    """What happened, and how it arrived."""

    history: list[AnyReportedChange]
    arrivals: list[Arrival]

    @override
    def __repr__(self) -> str:
        """As few words as a find needs."""
        lines = [
            f"{_in_short(change)}{' commits' * commits}{' works' * chunks}"
            for change, commits, chunks in self.arrivals
        ]
        return "\n" + "\n".join(lines)


def _in_short(change: AnyChange) -> str:
    left_out = {"change_id", "tenant_id", "recorded_at", "reply", "stamp", "idp_id", "email"}
    fields = msgspec.to_builtins(change) | msgspec.to_builtins(getattr(change, "user", {}))
    at = f"@{change.stamp.at:%S}" if isinstance(change, ReportedChange) else "set"
    return f"{at} {[value for name, value in fields.items() if name not in left_out | {'user'}]}"


def _role_change(tenant: str) -> st.SearchStrategy[AnySettingsChange]:
    """A rank from few, so that ties come up; any role may become the default, or cease to be."""
    return st.builds(
        lambda slug, rank, default: say.role(slug, rank, default=default, tenant_id=tenant),
        st.sampled_from(_ROLES),
        st.integers(0, 3),
        st.booleans(),
    )


def _mapping_change(tenant: str, directory: str) -> st.SearchStrategy[AnySettingsChange]:
    return st.builds(
        lambda group, role, grants: say.mapping(
            group, role, *grants, directory=directory, tenant_id=tenant
        ),
        st.sampled_from(GROUPS),
        st.sampled_from((None, *_ROLES)),
        _grants,
    )


def _end_change(tenant: str, directory: str) -> st.SearchStrategy[AnySettingsChange]:
    return st.builds(
        lambda policy: say.at_end(policy, directory=directory, tenant_id=tenant),
        st.sampled_from(("keep", "deactivate")),
    )


@st.composite
def settings(draw: st.DrawFn) -> list[AnySettingsChange]:
    """Two tenants' policies and the mappings of their directories, in a valid order."""
    made: list[AnySettingsChange] = []
    for tenant in TENANTS:
        made += [say.tenant(tenant, tenant.title())]
        default = draw(st.sampled_from((None, *_ROLES)))
        ranks = draw(st.tuples(*[st.integers(0, 3)] * len(_ROLES)))
        for slug, rank in zip(_ROLES, ranks, strict=True):
            made.append(say.role(slug, rank, default=slug == default, tenant_id=tenant))
        made += [say.workspace(slug, tenant_id=tenant) for slug in _SPACES]
    for tenant, directory in DIRECTORIES:
        made.append(say.directory(directory, directory.title(), tenant_id=tenant))
        made += draw(st.lists(_mapping_change(tenant, directory), max_size=4))
        made.append(draw(_end_change(tenant, directory)))
    return _numbered("made", made)


@st.composite
def later_settings(draw: st.DrawFn) -> list[AnySettingsChange]:
    """Changes of what `settings` made."""
    kinds = [_role_change(tenant) for tenant in TENANTS]
    kinds += [_mapping_change(*place) for place in DIRECTORIES]
    kinds += [_end_change(*place) for place in DIRECTORIES]
    return _numbered("later", draw(st.lists(st.one_of(kinds), max_size=6)))


def _happening(  # noqa: PLR0911 # one arm a kind of happening is the point
    place: tuple[str, str], user_id: str, group: str, form: int
) -> AnyReportedChange:
    """One thing at an IdP."""
    where = {"tenant_id": place[0], "directory": place[1]}
    match form:
        case 0 | 1 | 2 | 3:
            return say.reported(
                user_id.split("-", maxsplit=1)[0],
                active=form != 1,
                as_user=user_id,
                email="new@acme.example" if form == 2 else None,
                last_name="Lee" if form < 3 else "Ray",
                attributes={"title": "Lead"} if form == 3 else {},
                **where,
            )
        case 4:
            return say.deleted(user_id, **where)
        case 5 | 6:
            return say.group(group, f"{group} named {form}", **where)
        case 7:
            return say.group_deleted(group, **where)
        case 8:
            return say.directory_deleted(**where)
        case 9:
            return say.connected(user_id.endswith("1"), **where)
        case 10:
            return say.left(user_id, group, **where)
        case _:
            return say.joined(user_id, group, **where)


@st.composite
def courses(draw: st.DrawFn, meanwhile: Sequence[AnySettingsChange] = ()) -> Course:
    """What happened at the IdPs, arriving in any order, once or twice; settings keep their order.

    Lanes, retries and pauses can do no more than reorder and repeat, so this is every interleaving.
    Anything may follow anything, which includes every sensible life: a return under a new user id,
    memberships before users, groups and directories that come again.  Each course has a cast of
    its own, often a small one, so that its happenings meet; several share an instant, where the
    event id decides.
    """
    happening = st.builds(
        _happening,
        _some_of(draw, DIRECTORIES),
        _some_of(draw, USERS),
        _some_of(draw, GROUPS),
        st.integers(0, 13),
    )
    told = st.tuples(  # few draws, since drawing is what takes the time
        happening,
        st.integers(0, _MOST),
        st.integers(-_MOST, _MOST),
        st.integers(0, 11),
    )
    history: list[AnyReportedChange] = []
    queue: list[tuple[int, AnyChange, int]] = []
    at = say.HAPPENED
    for index, (change, late, again, doing) in enumerate(draw(_list_of(told, draw))):
        at += timedelta(seconds=int(doing < 6))
        stamp = Stamp(at, f"event_{999 - index}")
        history.append(replace(change, stamp=stamp, change_id=ids.of_cause(stamp.event_id)))
        queue.append((index + late, history[-1], doing % 6))
        if again > 0:
            queue.append((index + again, history[-1], doing % 6))
    moments = sorted(draw(st.integers(0, 2 * _MOST)) for _ in meanwhile)
    queue += [(moment, change, 0) for moment, change in zip(moments, meanwhile, strict=True)]
    queue.sort(key=lambda entry: entry[0])  # stable: settings of one moment keep their order
    return Course(history, [_arrival(index, *entry[1:]) for index, entry in enumerate(queue)])


def _arrival(index: int, change: AnyChange, doing: int) -> Arrival:
    """Our clock goes on with every arrival, a repeat's too."""
    arrived = replace(change, recorded_at=say.ARRIVED + timedelta(seconds=index))
    return Arrival(arrived, commits=doing % 2 == 0, chunks=doing // 2)


def _some_of(draw: st.DrawFn, all_of: Sequence[T]) -> st.SearchStrategy[T]:
    return st.sampled_from(all_of[: draw(st.integers(1, len(all_of)))])


def _list_of(one: st.SearchStrategy[T], draw: st.DrawFn) -> st.SearchStrategy[list[T]]:
    """Left alone, Hypothesis makes mostly short lists."""
    return st.lists(one, min_size=draw(st.integers(1, _MOST - 5)), max_size=_MOST)


def _numbered(series: str, made: list[AnySettingsChange]) -> list[AnySettingsChange]:
    """With ids that a replay of the same example gives again."""
    return [replace(each, change_id=ids.of_cause(series, str(n))) for n, each in enumerate(made)]
