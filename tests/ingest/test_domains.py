"""Domains at the admin API, with a real little DNS server behind it."""

import asyncio
from collections.abc import Iterator

import dns.rcode
import httpx2
import pytest

from ingest import domains
from ingest.resolver import DnsUnavailableError, Resolver
from schemas import limits
from schemas.changes import AnyChange
from schemas.positions import Installation
from schemas.settings import Settings, SettingsError, address_and_port, load
from schemas.settings_changes import RemoveDomain, SetDomain
from tests.harness import World
from tests.ingest import rows
from tests.ingest.asking import only_change, sending, settle
from tests.ingest.conftest import Door, Opening, serving
from tests.ingest.dns_server import DnsServer, dns_server

DOMAIN = "acme.example"
RECORD = "_rollcall.acme.example"
OF_ACME = "/api/tenants/acme/domains"
URL = f"{OF_ACME}/{DOMAIN}"


@pytest.fixture
def server() -> Iterator[DnsServer]:
    with dns_server() as server:
        yield server


@pytest.fixture
def asked(opened: Opening, server: DnsServer) -> Door:
    """A door that asks our DNS server, with two tenants; what passes it would reach no Kafka."""
    door = opened(dns_servers=(server.setting,))
    door.write(rows.tenant("acme"), rows.tenant("other"))
    return door


@pytest.fixture
def known(world: World, server: DnsServer) -> Iterator[Door]:
    """The same, with topics behind it."""
    settings = world.settings.model_copy(update={"dns_servers": (server.setting,)})
    with serving(settings, world.installation) as door:
        door.write(rows.tenant("acme"))
        yield door


def put(door: Door, url: str = URL, proof: str = "dns") -> httpx2.Response:
    return door.http.put(url, json={"proof": proof})


def value(door: Door, tenant_id: str = "acme", domain: str = DOMAIN) -> str:
    return domains.record_of(domain, tenant_id, door.settings, door.installation).value


def require_not_published(answer: httpx2.Response) -> None:
    assert (answer.status_code, answer.json()["error"]) == (409, "not_published"), answer.text


# --- what is published, and what is not


def test_what_is_missing_is_named_and_once_it_is_published_the_domain_is_set(
    known: Door, server: DnsServer
) -> None:
    refused = put(known)
    require_not_published(refused)
    told = refused.json()["detail"]
    assert f"name {RECORD} " in told
    assert f"value {value(known)}, " in told
    assert value(known).startswith("rollcall-domain=")

    server.publish(RECORD, "v=spf1 -all", value(known))
    url = f"{OF_ACME}/ACME.Example."
    with sending(known, "PUT", url, {"proof": "dns"}) as answers:
        settle(known, published(known, DOMAIN, "dns"), status=200)
    assert answers[0].status_code == 200
    assert set(server.asked) == {RECORD}


def test_the_vendors_word_asks_nobody(known: Door, server: DnsServer) -> None:
    with sending(known, "PUT", URL, {"proof": "vouched"}) as answers:
        settle(known, published(known, DOMAIN, "vouched"), status=200)
    assert answers[0].status_code == 200
    assert server.asked == []


def published(door: Door, domain: str, proof: str) -> AnyChange:
    change = only_change(door)
    assert isinstance(change, SetDomain)
    assert (change.tenant_id, change.domain, change.proof) == ("acme", domain, proof)
    return change


def test_a_domain_is_removed(known: Door) -> None:
    with sending(known, "DELETE", URL, None) as answers:
        change = only_change(known)
        assert isinstance(change, RemoveDomain)
        assert (change.tenant_id, change.domain) == ("acme", DOMAIN)
        settle(known, change, status=200)
    assert answers[0].status_code == 200


def test_the_list_holds_those_of_the_tenant_alone(asked: Door) -> None:
    for tenant_id, domain, proof in (
        ("acme", "b.example", "dns"),
        ("acme", "a.example", "workos"),
        ("other", "c.example", "vouched"),
    ):
        place = {"tenant_id": tenant_id, "domain": domain}
        asked.write(rows.insert("domain", **place, proof=proof, recorded_at=rows.LONG_AGO))
    at = rows.LONG_AGO.isoformat().replace("+00:00", "Z")
    assert asked.http.get(OF_ACME).json() == {
        "domains": [
            {"domain": "a.example", "proof": "workos", "recorded_at": at},
            {"domain": "b.example", "proof": "dns", "recorded_at": at},
        ]
    }


def test_what_is_published_for_one_proves_nothing_for_another(
    asked: Door, server: DnsServer
) -> None:
    server.publish(RECORD, value(asked, "other"))
    require_not_published(put(asked))
    server.publish(RECORD, value(asked, domain="other.example"))
    require_not_published(put(asked))
    server.publish(RECORD, value(asked) + "0", value(asked)[:-1], value(asked).upper())
    require_not_published(put(asked))
    server.publish(DOMAIN, value(asked))  # in the wrong place
    del server.zone[RECORD]
    require_not_published(put(asked))


def test_another_rollcalls_record_proves_nothing_here() -> None:
    def record(cluster: str, name: str) -> domains.Record:
        made = Installation(cluster_id=cluster, partitions=1, topic_ids={})
        return domains.record_of(DOMAIN, "acme", Settings(installation=name), made)

    assert record("one", "rollcall") == record("one", "rollcall")
    assert len({record("one", "rollcall"), record("two", "rollcall"), record("one", "b")}) == 3


# --- DNS


async def texts(server: DnsServer, *more: DnsServer) -> frozenset[str]:
    servers = tuple(each.setting for each in (server, *more))
    return await Resolver(Settings(dns_servers=servers)).texts(RECORD)


def test_a_name_without_such_a_record_has_none(server: DnsServer) -> None:
    assert asyncio.run(texts(server)) == frozenset()
    server.zone[RECORD] = ("A", "192.0.2.1")
    assert asyncio.run(texts(server)) == frozenset()


def test_the_strings_of_a_record_are_joined_and_what_is_no_utf_8_is_no_failure(
    server: DnsServer,
) -> None:
    server.zone[RECORD] = ("TXT", '"rollcall-" "domain=" "1"', '"\\255"')
    assert asyncio.run(texts(server)) == {"rollcall-domain=1", "\ufffd"}


def test_a_record_may_stand_elsewhere(server: DnsServer) -> None:
    server.zone[RECORD] = ("CNAME", "proofs.elsewhere.example.")
    assert asyncio.run(texts(server)) == frozenset()
    server.publish("proofs.elsewhere.example", "here")
    assert asyncio.run(texts(server)) == {"here"}


def test_a_server_that_fails_or_says_nothing_is_not_called_a_missing_record(
    asked: Door, server: DnsServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "DNS_SECONDS", 0.3)
    server.publish(RECORD, value(asked))
    for rcode, silent in (
        (dns.rcode.SERVFAIL, False),
        (dns.rcode.REFUSED, False),
        (dns.rcode.NOERROR, True),
    ):
        server.rcode, server.silent = rcode, silent
        answer = put(asked)
        assert (answer.status_code, answer.json()["error"]) == (503, "dns_unavailable")
        assert "ROLLCALL_DNS_SERVERS" in answer.json()["detail"]
        assert answer.headers["Retry-After"] == str(limits.RETRY_AFTER_SECONDS)


def test_the_next_server_is_asked_where_one_fails(server: DnsServer) -> None:
    server.publish(RECORD, "here")
    with dns_server() as broken:
        broken.rcode = dns.rcode.SERVFAIL
        assert asyncio.run(texts(broken, server)) == {"here"}
        assert broken.asked == server.asked == [RECORD]


def test_a_name_is_looked_up_once_at_a_time(server: DnsServer) -> None:
    server.publish(RECORD, "here")

    async def at_once() -> None:
        resolver = Resolver(Settings(dns_servers=(server.setting,)))
        first = await asyncio.gather(*(resolver.texts(RECORD) for _ in range(5)))
        assert set(first) == {frozenset({"here"})}
        assert server.asked == [RECORD]
        server.rcode = dns.rcode.SERVFAIL
        failed = await asyncio.gather(
            *(resolver.texts(RECORD) for _ in range(5)), return_exceptions=True
        )
        assert {type(each) for each in failed} == {DnsUnavailableError}
        server.rcode = dns.rcode.NOERROR
        assert await resolver.texts(RECORD) == {"here"}  # nothing is remembered
        assert server.asked == [RECORD] * 3

    asyncio.run(at_once())


# --- names


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("ACME.Example.", "acme.example"),
        ("acme.example\u3002", "acme.example"),
        ("Bücher.example", "xn--bcher-kva.example"),
        ("xn--bcher-kva.example", "xn--bcher-kva.example"),
        ("acme\u3002example", "acme.example"),
        ("mail.acme.co.uk", "mail.acme.co.uk"),
        ("3com.example", "3com.example"),
        (f"{'a' * 63}." * 3 + "a" * 51, f"{'a' * 63}." * 3 + "a" * 51),
    ],
)
def test_a_domain_has_one_form(given: str, kept: str) -> None:
    assert domains.normalised(given) == kept


NO_DOMAINS = (
    "com",
    "com.",
    "gmail.com..",
    "gmail.com.\uff0e",
    "*.acme.example",
    "ann@acme.example",
    "acme..example",
    ".acme.example",
    "acme_inc.example",
    "acme example",
    "-acme.example",
    "192.0.2.1",
    "[192.0.2.1]",
    "2001:db8::1",
    "acme.1",
    "acme.example%00",
    f"{'a' * 64}.example",
    f"{'a' * 63}." * 3 + "a" * 52,
    "a" * 300,
)


def test_what_is_no_domain_or_no_proof_is_refused(asked: Door) -> None:
    requests = [("PUT", given, "vouched", "domain: ") for given in NO_DOMAINS]
    requests += [("DELETE", given, "vouched", "domain: ") for given in NO_DOMAINS]
    requests += [("PUT", DOMAIN, given, "proof: ") for given in ("workos", "")]
    for method, domain, proof, complaint in requests:
        answer = asked.http.request(method, f"{OF_ACME}/{domain}", json={"proof": proof})
        assert (answer.status_code, answer.json()["error"]) == (422, "invalid"), domain
        assert answer.json()["detail"].startswith(complaint)


def test_free_mail_is_nobodys_whoever_says_so(asked: Door, server: DnsServer) -> None:
    for proof in ("dns", "vouched"):
        answer = put(asked, f"{OF_ACME}/GMail.com", proof)
        assert (answer.status_code, answer.json()["error"]) == (422, "invalid")
        assert "anybody can have an address" in answer.json()["detail"]
    assert server.asked == []
    assert all(domains.normalised(each) == each for each in domains.FREE_MAIL)


# --- the setting


def test_servers_are_given_by_address_and_port(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ROLLCALL_DNS_SERVERS", "192.0.2.1:53, [2001:db8::1]:5353")
    servers = load().dns_servers
    assert [*map(address_and_port, servers)] == [("192.0.2.1", 53), ("2001:db8::1", 5353)]
    for wrong in ("192.0.2.1", "dns.example:53", "192.0.2.1:0", "192.0.2.1:65536", "1.2.3:53"):
        monkeypatch.setenv("ROLLCALL_DNS_SERVERS", wrong)
        with pytest.raises(SettingsError, match="ROLLCALL_DNS_SERVERS: "):
            load()
