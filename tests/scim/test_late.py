"""What comes late undoes nothing: one gateway's link to Kafka is held, another works on."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import httpx2
import pytest

from schemas import limits
from schemas.recorded import ChangeSettled
from schemas.scim import ScimChange
from tests.harness import World
from tests.ingest.conftest import Door, serving
from tests.scim.idp import Admin, Idp, adds, removes, replaces, user
from tests.storm.proxy import Link
from tests.storm.shelter import shelter
from tests.waiting import eventually

pytestmark = pytest.mark.kafka
SECONDS = 60.0


class Two:
    """A gateway that works, and one whose messages wait on their way to Kafka."""

    def __init__(self, world: World, link: Link, door: Door, works: Idp, held: Idp) -> None:
        self.world, self.link, self._door = world, link, door
        self.works, self.held = works, held

    def hold(self) -> None:
        """What the held gateway sends from now on stays on its way; it is connected before."""
        eventually(lambda: self.held.post_user("warm").status_code in {201, 409}, SECONDS)
        self.link.slow(3_600)

    def until_waiting(self) -> None:
        """Wait until a request of the held gateway waits for its outcome."""
        eventually(lambda: self._door.gateway.outcomes._waiting, SECONDS)

    def let_go(self) -> None:
        """What waited arrives, and is decided."""
        before = self._decided()
        self.link.heal()
        eventually(lambda: self._arrived() > before and self._decided() == self._arrived(), SECONDS)

    def _arrived(self) -> int:
        changes = [
            change
            for lane in ("directory-changes", "directory-changes-urgent")
            for change in self.world.messages(lane)
        ]
        return sum(isinstance(change, ScimChange) for change in changes)

    def _decided(self) -> int:
        told = self.world.messages("directory-events")
        return sum(isinstance(e, ChangeSettled) and e.directory_id is not None for e in told)


@pytest.fixture(scope="module")
def two(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Two]:
    folder = tmp_path_factory.mktemp("late")
    with (
        shelter(folder, [("gateway", "held")]) as (parts, world),
        world.process("processors"),
        world.process("sinks"),
        world.process("gateway"),
        pytest.MonkeyPatch.context() as patch,
    ):
        patch.setattr(limits, "OUTCOME_SECONDS", 4)
        patch.setattr(limits, "DELIVERY_SECONDS", 2)
        link = parts.links[("gateway", "held"), "kafka"]
        settings = world.settings.model_copy(update={"kafka": f"127.0.0.1:{link.port}", "port": 0})
        token = {"Authorization": f"Bearer {world.settings.require_admin_token()}"}
        with (
            serving(settings, world.installation) as door,
            httpx2.Client(base_url=world.settings.url, headers=token, timeout=60) as http,
        ):
            admin = Admin(http, "acme")
            admin.open()
            with admin.idp() as works, _same(works, str(door.http.base_url)) as held:
                yield Two(world, link, door, works, held)


@contextmanager
def _same(idp: Idp, url: str) -> Iterator[Idp]:
    """The same IdP at another gateway."""
    base = f"{url.rstrip('/')}/scim/v2/"
    with httpx2.Client(base_url=base, headers=idp.http.headers, timeout=60) as http:
        yield Idp(http, idp.admin, idp.directory_id)


def test_what_one_gateway_answered_is_read_at_the_other(two: Two) -> None:
    for number in range(20):
        writes, reads = (two.works, two.held) if number % 2 else (two.held, two.works)
        made = writes.user(f"seen{number}")
        assert reads.http.get(f"Users/{made}").status_code == 200
        assert writes.http.delete(f"Users/{made}").status_code == 204
        assert reads.http.get(f"Users/{made}").status_code == 404


def test_a_refused_add_that_comes_after_a_removal_adds_nobody(two: Two) -> None:
    ann = two.works.user("ann")
    group = two.works.group("Admins")
    place = f"Groups/{group}"
    two.hold()
    refused = two.held.patch(place, adds(ann))
    assert (refused.status_code, refused.headers["Retry-After"]) == (503, "5")
    assert two.works.patch(place, adds(ann)).status_code == 200
    assert two.works.patch(place, removes(ann)).status_code == 200
    two.let_go()
    assert two.works.members_of(group) == set()
    assert two.works.patch(place, adds(ann)).status_code == 200
    assert two.works.members_of(group) == {ann}, "who is added now is in"


def test_a_put_that_a_deactivation_overtakes_does_not_undo_it(two: Two) -> None:
    bo = two.works.user("bo")
    two.hold()
    refused = two.held.http.put(f"Users/{bo}", json=user("bo", title="Lead"))
    assert refused.status_code == 503
    assert two.works.patch(f"Users/{bo}", replaces("active", False)).status_code == 200
    two.let_go()
    assert two.works.http.get(f"Users/{bo}").json()["active"] is False


def test_a_put_that_still_waits_changes_what_it_brought_and_nothing_else(
    two: Two, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "OUTCOME_SECONDS", 60)
    monkeypatch.setattr(limits, "DELIVERY_SECONDS", 60)
    cy = two.works.user("cy")
    with ThreadPoolExecutor(1) as pool:
        two.hold()
        waiting = pool.submit(two.held.http.put, f"Users/{cy}", json=user("cy", title="Lead"))
        two.until_waiting()
        assert two.works.patch(f"Users/{cy}", replaces("active", False)).status_code == 200
        two.link.heal()
        put = waiting.result(SECONDS)
    assert (put.status_code, put.json()["title"], put.json()["active"]) == (200, "Lead", False)


def test_a_post_that_comes_after_its_retry_and_a_deletion_makes_nobody(two: Two) -> None:
    two.hold()
    refused = two.held.post_user("di")
    assert refused.status_code == 503
    again = two.works.post_user("di")
    assert again.status_code == 201, "the same POST again is no conflict"
    assert two.works.http.delete(f"Users/{again.json()['id']}").status_code == 204
    two.let_go()
    assert two.works.found('userName eq "di@acme.example"') == []


def test_a_post_whose_answer_was_lost_is_answered_once_more(two: Two) -> None:
    two.hold()
    assert two.held.post_user("ed").status_code == 503
    two.let_go()
    again = two.works.post_user("ed")
    assert again.status_code == 201, again.text
    assert two.works.post_user("ed").status_code == 409
    assert len(two.works.found('userName eq "ed@acme.example"')) == 1


def test_a_deletion_that_comes_late_spares_whoever_was_changed_since(two: Two) -> None:
    flo = two.works.user("flo")
    two.hold()
    assert two.held.http.delete(f"Users/{flo}").status_code == 503
    assert two.works.patch(f"Users/{flo}", replaces("title", "Lead")).status_code == 200
    two.let_go()
    assert two.works.http.get(f"Users/{flo}").json()["title"] == "Lead"


def test_a_groups_deletion_that_comes_late_spares_whoever_joined_since(two: Two) -> None:
    gus, group = two.works.user("gus"), two.works.group("Late")
    two.hold()
    assert two.held.http.delete(f"Groups/{group}").status_code == 503
    assert two.works.patch(f"Groups/{group}", adds(gus)).status_code == 200
    two.let_go()
    assert two.works.members_of(group) == {gus}


@pytest.mark.parametrize("still", [True, False])
def test_what_is_said_again_while_something_may_land_counts(two: Two, still: bool) -> None:
    """It changes nothing of what is known, and outdates what is on its way."""
    hal = two.works.user(f"hal{still}", active=still)
    two.hold()
    late = two.held.patch(f"Users/{hal}", replaces("active", not still))
    assert late.status_code == 503
    again = two.works.patch(f"Users/{hal}", replaces("active", still))
    assert (again.status_code, again.json()["active"]) == (200, still)
    two.let_go()
    assert two.works.http.get(f"Users/{hal}").json()["active"] is still


@pytest.mark.parametrize("whole", [True, False])
def test_members_that_are_told_whole_again_stay_while_something_may_land(
    two: Two, whole: bool
) -> None:
    ida, jo = two.works.user(f"ida{whole}"), two.works.user(f"jo{whole}")
    group = two.works.group(f"Whole {whole}", ida)
    place, body = f"Groups/{group}", {"members": [{"value": ida}]}
    two.hold()
    assert two.held.patch(place, adds(jo)).status_code == 503
    if whole:
        assert two.works.http.put(place, json=body | {"displayName": "Whole"}).status_code == 200
    else:
        assert two.works.patch(place, {"op": "replace", "value": body}).status_code == 200
    two.let_go()
    assert two.works.members_of(group) == {ida}


def test_okta_is_asked_by_429_to_send_it_again(two: Two) -> None:
    with (
        two.works.admin.idp("okta") as okta,
        _same(okta, str(two.held.http.base_url.join("/"))) as held,
    ):
        kim = okta.user("kim")
        two.hold()
        late = held.patch(f"Users/{kim}", replaces("title", "Lead"))
        assert (late.status_code, late.headers["Retry-After"]) == (429, "5")
        two.let_go()
        assert okta.http.get(f"Users/{kim}").json()["title"] == "Lead"
