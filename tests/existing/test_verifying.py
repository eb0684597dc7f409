"""A domain is verified by its DNS record, and who waited for that is linked (access-rules §4)."""

import re

import pytest

from tests.existing.rollcall_cli import Cli
from tests.harness import World
from tests.ingest.conftest import serving
from tests.ingest.dns_server import dns_server
from tests.scim.idp import Admin, Idp
from tests.waiting import eventually

DOMAIN = "acme.example"


def test_who_is_in_conflict_is_linked_when_the_record_is_there(
    rollcall: World, admin: Admin, idp: Idp, cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    member = admin.put("/members/u-1", email="ann@acme.example", role="viewer")["member_id"]
    ann = idp.user("ann")
    (hold,) = eventually(lambda: admin.get("/holds")["holds"], 30)
    assert (hold["reason"], hold["rivals"]) == ("conflict", [member])

    verify = ("domain", "verify", DOMAIN, "-t", admin.tenant_id)
    with dns_server() as server, monkeypatch.context() as patch:
        changed = {"port": 0, "dns_servers": (server.setting,)}
        settings = rollcall.settings.model_copy(update=changed)
        with serving(settings, rollcall.installation) as door:
            patch.setenv("ROLLCALL_URL", str(door.http.base_url))
            missing = str(cli.run(*verify).exception)
            record = re.search(r"the name (\S+) and the value (\S+),", missing)
            assert record, missing
            server.publish(*record.groups())
            assert cli.json(*verify) == {"domain": DOMAIN, "proof": "dns"}

    found = admin.until_standing(ann, "active")
    assert (found["member_id"], found["product_id"]) == (member, "u-1")
    assert admin.get("/holds")["holds"] == []
    assert len(admin.get("/members")["members"]) == 1
    listed = cli.json("domain", "list", "-t", admin.tenant_id)["domains"]
    assert [(each["domain"], each["proof"]) for each in listed] == [(DOMAIN, "dns")]
    assert f"The domain {DOMAIN} is verified: " in "\n".join(admin.sentences())
    removed = cli.json("domain", "remove", DOMAIN, "-t", admin.tenant_id)
    assert removed == {"domain": DOMAIN, "proof": None}
    assert admin.member(ann) is not None
    assert cli.run("domain", "list", "-t", admin.tenant_id).stdout == "No domains.\n"
