"""Changes through the admin API: published, and answered with what became of them."""

import pytest
import structlog

from schemas import limits
from schemas.access import WorkspaceGrant
from schemas.settings_changes import SetDirectory, SetMapping, SetRole
from tests.ingest import rows
from tests.ingest.asking import only_change, sending, settle
from tests.ingest.conftest import WAIT_SECONDS, Door
from tests.waiting import eventually

TENANT = "/api/tenants/acme"
CUT_EVERYBODY_OFF = """
    SELECT pg_terminate_backend(pid) FROM pg_stat_activity
    WHERE datname = current_database() AND pid <> pg_backend_pid()
"""


def test_a_change_is_answered_with_its_outcome(kafka_door: Door) -> None:
    sent = {"role": "admin", "workspaces": [{"workspace": "b"}, {"workspace": "a", "role": "x"}]}
    with sending(
        kafka_door, "PUT", f"{TENANT}/directories/acme-okta/mappings/group-1", sent
    ) as answers:
        change = only_change(kafka_door)
        assert isinstance(change, SetMapping)
        assert change.reply
        assert (change.directory_id, change.group_id, change.role) == (
            "acme-okta",
            "group-1",
            "admin",
        )
        assert change.workspaces == (WorkspaceGrant("a", "x"), WorkspaceGrant("b"))
        settle(kafka_door, change, status=409)
    (answer,) = answers
    assert (answer.status_code, answer.json()) == (409, {"settled": True})


def test_what_the_end_of_a_directory_means_is_a_change_like_any_other(kafka_door: Door) -> None:
    sent = {"on_disconnect": "deactivate"}
    with sending(kafka_door, "PUT", f"{TENANT}/directories/acme-okta", sent) as answers:
        change = only_change(kafka_door)
        assert isinstance(change, SetDirectory)
        assert (change.directory_id, change.on_disconnect) == ("acme-okta", "deactivate")
        assert change.reply
        settle(kafka_door, change, status=200)
    assert answers[0].status_code == 200


def test_a_lost_notification_costs_no_answer(kafka_door: Door) -> None:
    with sending(kafka_door, "PUT", f"{TENANT}/roles/admin", {"rank": 3}) as answers:
        change = only_change(kafka_door)
        assert isinstance(change, SetRole)
        settle(kafka_door, change, status=200, notify=False)
    assert answers[0].status_code == 200


def test_a_new_connection_reads_what_it_missed(kafka_door: Door) -> None:
    with sending(kafka_door, "POST", f"{TENANT}/workspaces", {"slug": "w", "name": "W"}) as answers:
        change = only_change(kafka_door)
        with structlog.testing.capture_logs() as logs:
            kafka_door.administer(CUT_EVERYBODY_OFF)
            unheard = "outcomes are not heard"
            eventually(lambda: unheard in {each["event"] for each in logs}, WAIT_SECONDS)
        settle(kafka_door, change, status=201)
    assert answers[0].status_code == 201
    assert kafka_door.gateway.why_not_ready() is None
    assert kafka_door.http.get(f"{TENANT}/roles").status_code == 200  # the pool is whole again


def test_without_an_outcome_the_answer_is_503_and_says_that_it_may_land(
    kafka_door: Door, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "OUTCOME_SECONDS", 0.5)
    answer = kafka_door.http.put(f"{TENANT}/roles/admin", json={"rank": 3})
    assert (answer.status_code, answer.json()["error"]) == (503, "outcome_pending")
    assert answer.headers["Retry-After"] == str(limits.RETRY_AFTER_SECONDS)
    assert "may still land" in answer.json()["detail"]
    assert only_change(kafka_door).tenant_id == "acme"


def test_of_two_tenants_that_ask_for_a_directory_at_once_one_is_told_that_it_is_taken(
    kafka_door: Door,
) -> None:
    sent = {"directory_id": "wanted", "name": "Okta"}
    with sending(kafka_door, "POST", f"{TENANT}/directories", sent) as answers:
        change = only_change(kafka_door)
        kafka_door.write(rows.insert("directory_owner", directory_id="wanted", tenant_id="other"))
        settle(kafka_door, change, status=201)
    assert (answers[0].status_code, answers[0].json()["error"]) == (409, "taken")
