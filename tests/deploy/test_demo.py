"""The demo's company and the first sync that it sends, without anything running."""

import hashlib
import hmac
import json
from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from deploy.demo import company
from deploy.simulate.workos import GROUPS, REPEATED, Event, deactivation, first_sync, sign

DIRECTORY, ORGANIZATION = "directory_01A", "org_01A"
USER_KEYS = {
    *("object", "id", "directory_id", "organization_id", "idp_id", "email", "first_name"),
    *("last_name", "name", "emails", "username", "state", "raw_attributes"),
    *("custom_attributes", "created_at", "updated_at"),
}


def sync(seed: int = 1, people: int = 1000, groups: int = 14) -> list[Event]:
    return first_sync(seed, people, groups, DIRECTORY, ORGANIZATION)


def once(events: list[Event]) -> dict[str, Event]:
    return {event["id"]: event for event in events}


def kinds(events: list[Event]) -> Counter[str]:
    return Counter(event["event"] for event in once(events).values())


def test_it_is_the_same_each_time_and_another_with_another_seed() -> None:
    assert json.dumps(sync()) == json.dumps(sync())
    assert not once(sync()).keys() & once(sync(seed=2)).keys()


@pytest.mark.parametrize(("people", "groups"), [(1000, 14), (1, 1), (3, 20), (5000, 2), (7, 0)])
def test_everybody_and_every_group_comes(people: int, groups: int) -> None:
    events = sync(people=people, groups=groups)
    assert kinds(events)["dsync.user.created"] == people
    assert kinds(events)["dsync.group.created"] == groups
    users = [each["data"] for each in once(events).values() if each["event"].startswith("dsync.u")]
    for key in ("id", "idp_id", "email"):
        assert len({user[key] for user in users}) == people
    added = [
        each["data"] for each in once(events).values() if each["event"] == "dsync.group.user_added"
    ]
    assert len({(each["group"]["id"], each["user"]["id"]) for each in added}) == len(added)
    assert len({each["group"]["id"] for each in added}) == groups
    assert len({each["user"]["id"] for each in added}) == (people if groups else 0)


def test_memberships_overlap() -> None:
    assert kinds(sync())["dsync.group.user_added"] > 1900


def test_two_in_a_hundred_are_repeats_byte_for_byte() -> None:
    events = sync()
    unique = once(events)
    assert len(events) - len(unique) == round(REPEATED * len(unique))
    assert all(event == unique[event["id"]] for event in events)


def test_order_of_arrival_is_not_order_of_creation() -> None:
    events = sync()
    created = [event["created_at"] for event in events]
    assert created != sorted(created)
    known: set[Any] = set()
    early = 0
    for event in events:
        if event["event"] == "dsync.user.created":
            known.add(event["data"]["id"])
        elif event["event"] == "dsync.group.user_added":
            early += event["data"]["user"]["id"] not in known
    assert early > 0, "nobody's membership came before the person"


def test_the_shapes_are_those_of_workos() -> None:
    for event in sync(people=20):
        assert list(event) == ["object", "id", "event", "data", "created_at"]
        data = event["data"]
        match event["event"]:
            case "dsync.user.created":
                assert data.keys() == USER_KEYS
            case "dsync.group.created":
                assert data["object"] == "directory_group"
            case _:
                assert data.keys() == {"directory_id", "user", "group"}
                assert data["user"].keys() == USER_KEYS
        assert data["directory_id"] == DIRECTORY
        assert datetime.fromisoformat(event["created_at"]).tzinfo is not None


def test_a_deactivation_is_about_the_same_person_and_has_an_id_of_its_own() -> None:
    created = next(each for each in sync() if each["event"] == "dsync.user.created")
    before = json.dumps(created)
    at = datetime(2026, 3, 1, tzinfo=UTC)
    event = deactivation(created, at)
    assert json.dumps(created) == before
    assert event["event"] == "dsync.user.updated"
    assert event["created_at"] == "2026-03-01T00:00:00.000Z"
    assert event["data"]["id"] == created["data"]["id"]
    assert event["data"]["state"] == "inactive"
    assert event["data"]["previous_attributes"] == {"state": "active"}
    assert event == deactivation(created, at)
    assert event["id"] != deactivation(created, at + timedelta(seconds=1))["id"]


def test_a_signature_is_over_milliseconds_and_body() -> None:
    now = datetime(2026, 3, 1, microsecond=123456, tzinfo=UTC)
    sent = 1772323200123
    expected = hmac.new(b"secret", f"{sent}.{{}}".encode(), hashlib.sha256).hexdigest()
    assert sign(b"{}", "secret", now) == f"t={sent}, v1={expected}"


def test_the_demo_has_grants_for_exactly_the_groups_of_its_sync() -> None:
    names = [name for name, _ in GROUPS]
    assert list(company.GRANTS) == names
    ids = company.group_ids(sync())
    assert sorted(ids) == sorted(names)
    roles = {grant.role for grant in company.GRANTS.values()} - {None}
    assert roles <= company.RANKS.keys()
    workspaces = {each for grant in company.GRANTS.values() for each in grant.workspaces}
    assert {each.partition(":")[0] for each in workspaces} == company.WORKSPACES.keys()


def test_expected_access_is_the_highest_role_and_all_workspaces() -> None:
    def event(kind: str, **data: Any) -> Event:
        return {"event": kind, "data": data}

    ann = {"email": "ann@example.com"}
    events = [
        event("dsync.user.created", **ann),
        event("dsync.user.created", email="bob@example.com"),
        event("dsync.group.user_added", user=ann, group={"name": "All Employees"}),
        event("dsync.group.user_added", user=ann, group={"name": "IT Admins"}),
        event("dsync.group.user_added", user=ann, group={"name": "Marketing"}),
    ]
    assert company.expected(events) == {
        "ann@example.com": company.Expected(
            "admin", frozenset({"handbook", "operations", "design", "sales"})
        ),
        "bob@example.com": company.Expected(company.DEFAULT_ROLE, frozenset()),
    }
