"""From WorkOS to direct SCIM: compared, switched, disconnected, and nobody is made twice."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx2

from deploy.simulate.workos import deactivation, first_sync, sign
from tests.existing.rollcall_cli import Cli
from tests.harness import World
from tests.scim.idp import Admin, Idp, adds
from tests.waiting import eventually

Event = dict[str, Any]


def post(rollcall: World, events: list[Event]) -> None:
    """Deliver webhooks, signed now."""
    secret = rollcall.settings.workos_webhook_secrets[0]
    with httpx2.Client(base_url=rollcall.settings.url, timeout=60) as http:
        for event in events:
            body = json.dumps(event).encode()
            signed = {"WorkOS-Signature": sign(body, secret, datetime.now(UTC))}
            answer = http.post("/api/webhooks/workos", content=body, headers=signed)
            assert answer.status_code == 200, answer.text


def test_workos_is_replaced_by_direct_scim(rollcall: World, admin: Admin, cli: Cli) -> None:
    old = f"directory_{admin.tenant_id}"
    events = first_sync(7, 12, 2, old, f"org_{admin.tenant_id}")
    people = {e["data"]["idp_id"]: e["data"] for e in events if e["event"] == "dsync.user.created"}
    admin.post("/directories", directory_id=old, name="By WorkOS", provider="okta")
    post(rollcall, events)
    before = eventually(lambda: _members(admin) if len(_members(admin)) == 12 else None, 60)
    assert before is not None

    made = cli.json(
        *("directory", "create", "--name", "Direct", "--provider", "okta"),
        *("--replaces", old, "-t", admin.tenant_id),
    )
    new = made["directory_id"]
    assert made["mode"] == "testing"
    token = admin.post(f"/directories/{new}/tokens")["token"]
    url = str(rollcall.settings.url) + "/scim/v2/"
    with httpx2.Client(
        base_url=url, headers={"Authorization": f"Bearer {token}"}, timeout=60
    ) as http:
        idp = Idp(http, admin, new)
        *most, gone, by_mail = people.values()
        ids = {person["email"]: _pushed(idp, person) for person in most}
        ids[by_mail["email"]] = _pushed(idp, by_mail, externalId="unknown-to-workos")
        stranger = idp.user("zed")
        admins = idp.group("Admins", ids[by_mail["email"]])
        admin.put(f"/directories/{new}/mappings/{admins}", role="admin")

        compared = _settled(cli, admin, old, new)
        assert compared["counts"] == {
            "unchanged": 10,
            "changed": 1,
            "only_in_old": 1,
            "only_in_new": 1,
            "conflicts": 0,
        }
        assert [each["email"] for each in compared["changed"]] == [by_mail["email"]]
        assert compared["changed"][0]["desired"]["role"] == "admin"
        assert [each["email"] for each in compared["only_in_old"]] == [gone["email"]]
        assert _members(admin) == before, "the test moves nobody"

        # What the old one says counts meanwhile, and at once.
        cut_off, *_ = most
        post(rollcall, [deactivation({"data": cut_off}, datetime.now(UTC))])
        eventually(lambda: _standing(admin, cut_off["email"]) == "none", 30)

        cli.json("directory", "set", old, "--on-disconnect", "deactivate", "-t", admin.tenant_id)
        cli.json("directory", "replace", old, new, "--switch", "--yes", "-t", admin.tenant_id)
        eventually(lambda: _standing(admin, gone["email"]) == "none", 30)
        eventually(lambda: _standing(admin, cut_off["email"]) == "active", 30)
        eventually(lambda: _role(admin, by_mail["email"]) == "admin", 30)
        assert admin.until_standing(stranger, "active")["email"] == "zed@acme.example"
        assert len(_members(admin)) == 13

        again = cli.run("directory", "replace", old, new, "-t", admin.tenant_id)
        assert f"was replaced by {new}" in str(again.exception)

        # The old one goes on reporting, and counts no more.
        late = datetime.now(UTC) + timedelta(minutes=1)
        renamed = deactivation({"data": most[1]}, late)
        renamed["data"] |= {"state": "active", "last_name": "Other"}
        post(rollcall, [renamed])
        assert idp.patch(f"Groups/{admins}", adds(ids[most[1]["email"]])).is_success
        eventually(lambda: _role(admin, most[1]["email"]) == "admin", 30)
        assert sum("goes on reporting" in each for each in admin.sentences()) == 1


def _pushed(idp: Idp, person: Event, **changed: str) -> str:
    mails = [{"value": person["email"], "primary": True, "type": "work"}]
    about = {"externalId": person["idp_id"], "userName": person["email"], "emails": mails}
    return idp.user(**about | changed)


def _settled(cli: Cli, admin: Admin, old: str, new: str) -> Event:
    """The comparison, once all that was pushed is in it."""

    def compared() -> Event | None:
        found: Event = cli.json("directory", "replace", old, new, "-t", admin.tenant_id)
        return found if found["changed"] else None

    found = eventually(compared, 30)
    assert found is not None
    return found


def _members(admin: Admin) -> dict[str, tuple[str, str | None]]:
    rows = admin.get("/members")["members"]
    return {row["email"]: (row["standing"], row["role"]) for row in rows}


def _standing(admin: Admin, email: str) -> str:
    return _members(admin)[email][0]


def _role(admin: Admin, email: str) -> str | None:
    return _members(admin)[email][1]
