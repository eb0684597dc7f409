"""The domains that WorkOS verified, beside the event that lists them."""

from datetime import UTC, datetime
from typing import Any

import pytest

from ingest.workos import translation, verified
from schemas import codec, limits, topics
from schemas.changes import AnyReportedChange, DirectoryStateReported, DomainsReported
from schemas.letters import DeadLetter
from tests.ingest import events
from tests.ingest.conftest import Door
from tests.ingest.events import DIRECTORY, directory, event

ARRIVED = datetime(2026, 7, 1, tzinfo=UTC)


def entry(domain: object, state: object = "verified", **changed: Any) -> dict[str, Any]:
    about = {"object": "organization_domain", "id": "org_domain_01"}
    return about | {"domain": domain, "state": state} | changed


def changes_of(sent: dict[str, Any]) -> tuple[AnyReportedChange, DomainsReported | None]:
    report = translation.read(events.body_of(sent))
    assert isinstance(report, translation.Report)
    change = translation.change_of(report, tenant_id="acme", recorded_at=ARRIVED)
    return change, verified.domains_of(report, change)


def activated(domains: object, **changed: Any) -> dict[str, Any]:
    return event("dsync.activated", directory(domains=domains), **changed)


def test_verified_domains_are_a_change_of_their_own() -> None:
    sent = activated([entry("Acme.example."), entry("Bücher.example"), entry("acme.example")])
    change, domains = changes_of(sent)
    assert isinstance(change, DirectoryStateReported)
    assert domains is not None
    assert domains == DomainsReported(
        change_id=domains.change_id,
        tenant_id="acme",
        recorded_at=ARRIVED,
        directory_id=DIRECTORY,
        stamp=change.stamp,
        domains=("acme.example", "xn--bcher-kva.example"),
    )
    assert domains.change_id != change.change_id
    assert changes_of(sent)[1] == domains
    other = changes_of(activated([entry("acme.example")], id="event_other"))[1]
    assert other is not None
    assert other.change_id != domains.change_id


UNPROVEN: tuple[object, ...] = (
    {"object": "organization_domain", "id": "org_domain_01", "domain": "acme.example"},
    *(entry("acme.example", state) for state in ("pending", "failed", "legacy_verified", None, 1)),
    *(
        entry(domain)
        for domain in (None, 7, "", "com", "*.acme.example", "gmail.com", "a\0.example")
    ),
    {"state": "verified"},
    "acme.example",
    None,
    [],
)


@pytest.mark.parametrize("one", UNPROVEN, ids=repr)
def test_an_entry_that_proves_nothing_is_passed_over_and_no_other(one: object) -> None:
    change, domains = changes_of(activated([one]))
    assert change == changes_of(activated([]))[0]
    assert domains is None
    domains = changes_of(activated([one, entry("b.example")]))[1]
    assert domains is not None
    assert domains.domains == ("b.example",)


@pytest.mark.parametrize("listed", [None, "acme.example", {}, 7, entry("acme.example")], ids=repr)
def test_what_is_no_list_holds_up_no_event(listed: object) -> None:
    change, domains = changes_of(activated(listed))
    assert isinstance(change, DirectoryStateReported)
    assert change.connected
    assert domains is None


@pytest.mark.parametrize("kind", ["dsync.deactivated", "dsync.deleted", "dsync.new"])
def test_no_other_event_verifies(kind: str) -> None:
    assert changes_of(event(kind, directory(domains=[entry("acme.example")])))[1] is None


def test_of_very_many_the_first_count() -> None:
    domains = changes_of(activated([entry(f"d{n}.example") for n in range(1_000)]))[1]
    assert domains is not None
    assert len(domains.domains) == limits.REPORTED_DOMAINS


def test_both_changes_stand_on_the_lane_in_order_or_wait_for_their_tenant(
    kafka_door: Door,
) -> None:
    sent = activated([entry("acme.example")])
    assert kafka_door.post_event(sent).is_success
    first, second = (
        codec.decode_change(message.key(), message.value())
        for message in kafka_door.messages(topics.CHANGES)
    )
    assert isinstance(first, DirectoryStateReported)
    assert isinstance(second, DomainsReported)
    assert second.domains == ("acme.example",)

    sent["data"]["id"] = "directory_of_nobody"
    assert kafka_door.post_event(sent).is_success
    letters = [
        codec.decode_output(topics.DEAD_LETTERS.name, message.key(), message.value())
        for message in kafka_door.messages(topics.DEAD_LETTERS)
    ]
    kept = [each.value for each in letters if isinstance(each, DeadLetter)]
    assert [type(codec.decode_change(b"_unassigned", value)) for value in kept if value] == [
        DirectoryStateReported,
        DomainsReported,
    ]
    assert len({each.event_id for each in letters}) == 2
