"""Read models from messages of a real Kafka, and their corner cases one batch at a time."""

from datetime import timedelta

import psycopg
import pytest

from schemas import topics
from schemas.access import WorkspaceGrant
from schemas.codec import Output
from schemas.events import MemberWorkspacesChanged
from schemas.read_models import OUTCOME_CHANNEL
from schemas.recorded import (
    GroupRecorded,
    MappingRecorded,
    RoleRecorded,
    TenantRecorded,
    WorkspaceRecorded,
)
from sinks import directory_view
from sinks.directory_view import DirectoryView
from tests.harness import World
from tests.sinks import messages
from tests.sinks.conftest import WAIT_SECONDS
from tests.sinks.messages import (
    LIFE,
    common,
    deactivated,
    directory,
    in_group,
    provisioned,
    role_changed,
    user,
)
from tests.waiting import eventually

SETTINGS: tuple[Output, ...] = (
    TenantRecorded(
        **common(),
        name="Acme",
        default_role=None,
        sole_admin="allow",
        breaker="off",
        linked="directory",
        own_attributes=(),
        kept_as_sent=(),
    ),
    RoleRecorded(**common(), slug="admin", rank=10, is_admin=True),
    WorkspaceRecorded(**common(), slug="sales", name="Sales"),
    directory(),
    GroupRecorded(
        **common(), directory_id="okta", group_id="g1", name="Platform", deleted=False, **LIFE
    ),
    MappingRecorded(
        **common(),
        directory_id="okta",
        group_id="g1",
        role="admin",
        workspaces=(WorkspaceGrant("sales", "viewer"),),
    ),
)


def apply(sink: psycopg.Connection, *outputs: Output) -> None:
    with sink.transaction():
        DirectoryView().apply(sink, outputs)


def test_what_processors_publish_becomes_rows(world: World) -> None:
    said = [*SETTINGS, user("ann"), in_group("ann", present=True), messages.settled("c1", slug="x")]
    with (
        psycopg.connect(world.settings.require_database(), autocommit=True) as listener,
        world.process("sinks") as process,
    ):
        listener.execute(f"LISTEN {OUTCOME_CHANNEL}")
        world.produce(topics.DIRECTORY_EVENTS.name, *said)
        world.produce(topics.ACCESS_EVENTS.name, provisioned("m-ann"))
        notes = listener.notifies(timeout=WAIT_SECONDS, stop_after=1)
        assert [note.payload for note in notes] == ["c1"]
        eventually(lambda: world.rows("SELECT FROM member"), WAIT_SECONDS)
        assert process.stop() == 0
    (acme,) = rows(world, "tenant")
    assert (acme["name"], acme["default_role"], acme["sole_admin"]) == ("Acme", None, "allow")
    assert rows(world, "role")[0] | {"rank": 10, "is_admin": True} == rows(world, "role")[0]
    assert rows(world, "workspace")[0]["name"] == "Sales"
    (okta,) = rows(world, "directory")
    assert (okta["provider"], okta["connected"], okta["on_disconnect"]) == ("okta", True, "keep")
    assert rows(world, "directory_owner") == [{"directory_id": "okta", "tenant_id": "acme"}]
    assert rows(world, "directory_group")[0]["name"] == "Platform"
    assert rows(world, "group_mapping")[0]["workspaces"] == [
        {"workspace": "sales", "role": "viewer"}
    ]
    assert rows(world, "directory_user")[0]["idp_id"] == "idp-ann"
    assert rows(world, "membership")[0]["user_id"] == "ann"
    (outcome,) = rows(world, "outcome")
    assert (outcome["change_id"], outcome["status"], outcome["body"]) == ("c1", 201, {"slug": "x"})
    (member,) = rows(world, "member")
    assert member["external_ids"] == ["okta/m-ann"]
    assert member["attributes"] == {"title": "Engineer"}
    assert (member["standing"], member["role"], member["revision"]) == ("active", "member", 1)
    assert rows(world, "member_workspace")[0]["role"] == "viewer"


def rows(world: World, table: str) -> list[dict[str, object]]:
    return world.rows(f"SELECT * FROM {table}")


def test_only_the_last_word_about_a_row_counts(sink: psycopg.Connection) -> None:
    apply(sink, user("ann", email="old@acme.example"), user("ann", email="new@acme.example"))
    assert column(sink, "SELECT email FROM directory_user") == ["new@acme.example"]
    apply(sink, user("ann", deleted=True, active=False))
    assert column(sink, "SELECT deleted FROM directory_user") == [True]


def test_a_membership_is_as_last_said(sink: psycopg.Connection) -> None:
    stories = [[True, False], [False, True], [True, False, True], [True, True], [False]]
    for number, story in enumerate(stories):
        one = [in_group(f"one-batch-{number}", present=present) for present in story]
        two = [in_group(f"two-batches-{number}", present=present) for present in story]
        apply(sink, *one, *two[:1])
        apply(sink, *two[1:])
    left = ["one-batch-1", "one-batch-2", "one-batch-3"]
    left += ["two-batches-1", "two-batches-2", "two-batches-3"]
    assert column(sink, "SELECT user_id FROM membership ORDER BY 1") == left


def test_a_directory_stays_with_the_tenant_that_had_it_first(sink: psycopg.Connection) -> None:
    for tenant_id in ("acme", "globex"):
        apply(sink, directory("d", tenant_id))
    assert column(sink, "SELECT tenant_id FROM directory_owner") == ["acme"]


@pytest.mark.parametrize("batches", [1, 3])
def test_a_members_row_is_the_fold_of_its_events(sink: psycopg.Connection, batches: int) -> None:
    story: list[Output] = [
        provisioned("ann"),
        role_changed("ann", 2, "admin"),
        MemberWorkspacesChanged(
            **messages.about("ann", 3),
            workspaces_from=(),
            workspaces_to=(WorkspaceGrant("ops"), WorkspaceGrant("sales")),
        ),
    ]
    size = len(story) // batches
    for start in range(0, len(story), size):
        apply(sink, *story[start : start + size])
    query = "SELECT standing, role, revision, attributes FROM member"
    assert sink.execute(query).fetchall() == [("active", "admin", 3, {"title": "Engineer"})]
    assert column(sink, "SELECT workspace FROM member_workspace ORDER BY 1") == ["ops", "sales"]
    apply(sink, deactivated("ann", 4))
    assert sink.execute("SELECT standing, role FROM member").fetchall() == [("none", None)]
    assert column(sink, "SELECT workspace FROM member_workspace") == []


def test_an_older_revision_changes_nothing(sink: psycopg.Connection) -> None:
    apply(sink, provisioned("ann"), deactivated("ann", 5))
    apply(sink, role_changed("ann", 4, "admin"), provisioned("ann", 5))
    assert sink.execute("SELECT standing, role, revision FROM member").fetchall() == [
        ("none", None, 5)
    ]
    assert column(sink, "SELECT workspace FROM member_workspace") == []


def test_members_of_two_tenants_may_have_one_id(sink: psycopg.Connection) -> None:
    apply(sink, provisioned("ann"), provisioned("ann", tenant_id="globex"))
    apply(sink, deactivated("ann", 2))
    query = "SELECT tenant_id, standing FROM member ORDER BY 1"
    assert sink.execute(query).fetchall() == [("acme", "none"), ("globex", "active")]
    assert column(sink, "SELECT tenant_id FROM member_workspace") == ["globex"]


def test_outcomes_go_after_a_day(sink: psycopg.Connection, monkeypatch: pytest.MonkeyPatch) -> None:
    apply(sink, messages.settled("old"), messages.settled("young"))
    aged = "UPDATE outcome SET settled_at = now() - %s WHERE change_id = %s"
    sink.execute(aged, [timedelta(hours=25), "old"])
    sink.execute(aged, [timedelta(hours=23), "young"])
    monkeypatch.setattr(directory_view, "PRUNE_SECONDS", 0)
    DirectoryView().tidy(sink)
    assert column(sink, "SELECT change_id FROM outcome") == ["young"]


def column(sink: psycopg.Connection, query: str) -> list[object]:
    return [value for (value,) in sink.execute(query).fetchall()]
