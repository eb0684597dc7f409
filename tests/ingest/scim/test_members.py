"""Members taken apart into who comes and who goes: the same as applying a PATCH to all of them."""

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from scim2_models import Context, PatchOp

from ingest.scim.members import deltas_of, names_active
from ingest.scim.resources import provider_for

PROVIDER = provider_for(())
GROUP: Any = PROVIDER.model_for("Group")
USER: Any = PROVIDER.model_for("User")
IDS = st.sampled_from(["a", "b", "c", "d"])
MANY = st.lists(IDS, min_size=1, max_size=3, unique=True)


def values(ids: list[str]) -> list[dict[str, str]]:
    return [{"value": each} for each in ids]


def _any_of(ids: list[str]) -> str:
    return " or ".join(f'value eq "{each}"' for each in ids)


FORMS: st.SearchStrategy[dict[str, Any]] = st.one_of(
    MANY.map(lambda ids: {"op": "add", "path": "members", "value": values(ids)}),
    MANY.map(lambda ids: {"op": "Add", "value": {"members": values(ids)}}),
    IDS.map(lambda each: {"op": "add", "path": "members", "value": {"value": each}}),
    MANY.map(lambda ids: {"op": "Remove", "path": "members", "value": values(ids)}),
    IDS.map(lambda each: {"op": "remove", "path": f'members[value eq "{each}"]'}),
    MANY.map(lambda ids: {"op": "remove", "path": f"members[{_any_of(ids)}]"}),
    st.just({"op": "replace", "path": "displayName", "value": "Sketch"}),
    st.just({"op": "replace", "value": {"displayName": "Design"}}),
)
WHOLE: st.SearchStrategy[dict[str, Any]] = st.one_of(
    MANY.map(lambda ids: {"op": "replace", "path": "members", "value": values(ids)}),
    MANY.map(lambda ids: {"op": "replace", "value": {"members": values(ids)}}),
    st.just({"op": "remove", "path": "members"}),
    st.just({"op": "remove", "path": 'members[type eq "User"]'}),
    st.just({"op": "remove", "path": 'members[value sw "a"]'}),
    st.just({"op": "remove", "path": 'members[value eq "a" and type eq "User"]'}),
)


def read(model: Any, operations: list[dict[str, Any]]) -> Any:
    body = {"Operations": operations}
    with PROVIDER:
        return PatchOp[model].model_validate(body, scim_ctx=Context.RESOURCE_PATCH_REQUEST)


@settings(derandomize=True, max_examples=200)
@given(st.sets(IDS), st.lists(FORMS, min_size=1, max_size=6))
def test_deltas_do_what_the_library_does_to_the_whole_group(
    members: set[str], operations: list[dict[str, Any]]
) -> None:
    patch = read(GROUP, operations)
    whole = GROUP(display_name="Design", members=values(sorted(members)))
    split = deltas_of(patch)
    assert split is not None
    rest, deltas = split
    with PROVIDER:
        patch.patch(whole)
        alone = GROUP(display_name="Design")
        if rest is not None:
            rest.patch(alone)
    assert {each.value for each in whole.members or []} == (
        (members | set(deltas.added)) - set(deltas.removed)
    )
    assert not set(deltas.added) & set(deltas.removed)
    assert alone.display_name == whole.display_name
    assert not alone.members


@settings(derandomize=True, max_examples=50)
@given(st.lists(FORMS, max_size=2), WHOLE, st.lists(FORMS, max_size=2))
def test_what_needs_all_members_is_left_to_the_library(
    before: list[dict[str, Any]], operation: dict[str, Any], after: list[dict[str, Any]]
) -> None:
    assert deltas_of(read(GROUP, [*before, operation, *after])) is None


def test_a_patch_that_names_active_is_known() -> None:
    urn = "urn:ietf:params:scim:schemas:core:2.0:User"
    for operation in (
        {"op": "replace", "path": "active", "value": False},
        {"op": "Replace", "path": "ACTIVE", "value": "False"},
        {"op": "replace", "path": f"{urn}:active", "value": False},
        {"op": "replace", "value": {"active": False}},
        {"op": "replace", "value": {f"{urn}:active": False, "title": "x"}},
        {"op": "replace", "value": {urn: {"Active": False}}},
    ):
        assert names_active(read(USER, [operation]))
    assert not names_active(read(USER, [{"op": "replace", "path": "title", "value": "active"}]))
    own = {"urn:acme:params:scim:2.0:User:badge": "active"}
    assert not names_active(read(USER, [{"op": "replace", "value": own}]))
