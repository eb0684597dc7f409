"""What comes late undoes nothing: one gateway's link to Kafka is held, another works on."""

from collections.abc import Callable, Generator, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, closing
from typing import NamedTuple

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
AT_ONCE = 4
"""Stories that are told at once: a producer has five requests under way at most, and gives up what
it could not send, which then never comes."""


class Both(NamedTuple):
    """The IdP of a directory of its own, at a gateway that works and at the one that is held."""

    works: Idp
    held: Idp


Story = Generator[None, None, None]
"""It stops before the link is held, and again before what waited arrives: one refused request."""
Parts = tuple[Future[None], ...]
"""How each part of a story ended."""


class Two:
    """A gateway that works, and one whose messages wait on their way to Kafka."""

    def __init__(self, world: World, link: Link, door: Door, admin: Admin) -> None:
        self.world, self.link, self._door, self._admin = world, link, door, admin
        self._clients = ExitStack()
        self._warm = self.idp()

    def close(self) -> None:
        """Leave both."""
        self._clients.close()

    def idp(self, provider: str = "generic") -> Both:
        """A new directory."""
        works = self._clients.enter_context(self._admin.idp(provider))
        held = self._clients.enter_context(works.at(self._door.http.base_url))
        return Both(works, held)

    def hold(self) -> None:
        """What the held gateway sends from now on stays on its way; it is connected before."""
        warm = self._warm.held
        eventually(lambda: warm.post_user("warm").status_code in {201, 409}, SECONDS)
        self.link.slow(3_600)

    def until_waiting(self) -> None:
        """Wait until a request of the held gateway waits for its outcome."""
        eventually(lambda: self._door.gateway.outcomes._waiting, SECONDS)

    def tell(self, *stories: Story) -> list[Parts]:
        """Tell stories side by side, since all of them wait for the same; their parts' ends."""
        with ThreadPoolExecutor(len(stories)) as pool:

            def go_on() -> list[Future[None]]:
                parts = [pool.submit(next, story, None) for story in stories]
                for part in parts:
                    part.exception()  # waits; the story's own test raises it
                return parts

            begun = go_on()
            self.hold()
            before = self._arrived()
            told = [*zip(begun, go_on(), strict=True)]
            self._let_go(before + sum(not any(map(Future.exception, parts)) for parts in told))
            return [(*parts, end) for parts, end in zip(told, go_on(), strict=True)]

    def _let_go(self, arriving: int) -> None:
        """What waited arrives, and is decided."""
        self.link.heal()
        eventually(lambda: self._decided() == self._arrived() >= arriving, SECONDS)

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
        world.processes("processors", "sinks", "gateway"),
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
            with closing(Two(world, link, door, admin)) as both:
                yield both


def test_what_one_gateway_answered_is_read_at_the_other(two: Two) -> None:
    idp = two.idp()
    for number in range(20):
        writes, reads = (idp.works, idp.held) if number % 2 else (idp.held, idp.works)
        made = writes.user(f"seen{number}")
        assert reads.http.get(f"Users/{made}").status_code == 200
        assert writes.http.delete(f"Users/{made}").status_code == 204
        assert reads.http.get(f"Users/{made}").status_code == 404


def test_a_put_that_still_waits_changes_what_it_brought_and_nothing_else(
    two: Two, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "OUTCOME_SECONDS", 60)
    monkeypatch.setattr(limits, "DELIVERY_SECONDS", 60)
    idp = two.idp()
    cy = idp.works.user("cy")
    with ThreadPoolExecutor(1) as pool:
        two.hold()
        waiting = pool.submit(idp.held.http.put, f"Users/{cy}", json=user("cy", title="Lead"))
        two.until_waiting()
        assert idp.works.patch(f"Users/{cy}", replaces("active", False)).status_code == 200
        two.link.heal()
        put = waiting.result(SECONDS)
    assert (put.status_code, put.json()["title"], put.json()["active"]) == (200, "Lead", False)


def a_refused_add_that_comes_after_a_removal_adds_nobody(idp: Both) -> Story:
    ann = idp.works.user("ann")
    group = idp.works.group("Admins")
    place = f"Groups/{group}"
    yield
    refused = idp.held.patch(place, adds(ann))
    assert (refused.status_code, refused.headers["Retry-After"]) == (503, "5")
    assert idp.works.patch(place, adds(ann)).status_code == 200
    assert idp.works.patch(place, removes(ann)).status_code == 200
    yield
    assert idp.works.members_of(group) == set()
    assert idp.works.patch(place, adds(ann)).status_code == 200
    assert idp.works.members_of(group) == {ann}, "who is added now is in"


def a_put_that_a_deactivation_overtakes_does_not_undo_it(idp: Both) -> Story:
    bo = idp.works.user("bo")
    yield
    refused = idp.held.http.put(f"Users/{bo}", json=user("bo", title="Lead"))
    assert refused.status_code == 503
    assert idp.works.patch(f"Users/{bo}", replaces("active", False)).status_code == 200
    yield
    assert idp.works.http.get(f"Users/{bo}").json()["active"] is False


def a_post_that_comes_after_its_retry_and_a_deletion_makes_nobody(idp: Both) -> Story:
    yield
    refused = idp.held.post_user("di")
    assert refused.status_code == 503
    again = idp.works.post_user("di")
    assert again.status_code == 201, "the same POST again is no conflict"
    assert idp.works.http.delete(f"Users/{again.json()['id']}").status_code == 204
    yield
    assert idp.works.found('userName eq "di@acme.example"') == []


def a_post_whose_answer_was_lost_is_answered_once_more(idp: Both) -> Story:
    yield
    assert idp.held.post_user("ed").status_code == 503
    yield
    again = idp.works.post_user("ed")
    assert again.status_code == 201, again.text
    assert idp.works.post_user("ed").status_code == 409
    assert len(idp.works.found('userName eq "ed@acme.example"')) == 1


def a_deletion_that_comes_late_spares_whoever_was_changed_since(idp: Both) -> Story:
    flo = idp.works.user("flo")
    yield
    assert idp.held.http.delete(f"Users/{flo}").status_code == 503
    assert idp.works.patch(f"Users/{flo}", replaces("title", "Lead")).status_code == 200
    yield
    assert idp.works.http.get(f"Users/{flo}").json()["title"] == "Lead"


def a_groups_deletion_that_comes_late_spares_whoever_joined_since(idp: Both) -> Story:
    gus, group = idp.works.user("gus"), idp.works.group("Late")
    yield
    assert idp.held.http.delete(f"Groups/{group}").status_code == 503
    assert idp.works.patch(f"Groups/{group}", adds(gus)).status_code == 200
    yield
    assert idp.works.members_of(group) == {gus}


def _said_again(idp: Both, *, still: bool) -> Story:
    """It changes nothing of what is known, and outdates what is on its way."""
    hal = idp.works.user(f"hal{still}", active=still)
    yield
    late = idp.held.patch(f"Users/{hal}", replaces("active", not still))
    assert late.status_code == 503
    again = idp.works.patch(f"Users/{hal}", replaces("active", still))
    assert (again.status_code, again.json()["active"]) == (200, still)
    yield
    assert idp.works.http.get(f"Users/{hal}").json()["active"] is still


def that_somebody_is_active_counts_again_while_something_may_land(idp: Both) -> Story:
    yield from _said_again(idp, still=True)


def that_nobody_is_active_counts_again_while_something_may_land(idp: Both) -> Story:
    yield from _said_again(idp, still=False)


def _told_whole_again(idp: Both, *, put: bool) -> Story:
    ida, jo = idp.works.user(f"ida{put}"), idp.works.user(f"jo{put}")
    group = idp.works.group(f"Whole {put}", ida)
    place, body = f"Groups/{group}", {"members": [{"value": ida}]}
    yield
    assert idp.held.patch(place, adds(jo)).status_code == 503
    if put:
        assert idp.works.http.put(place, json=body | {"displayName": "Whole"}).status_code == 200
    else:
        assert idp.works.patch(place, {"op": "replace", "value": body}).status_code == 200
    yield
    assert idp.works.members_of(group) == {ida}


def members_that_are_put_again_stay_while_something_may_land(idp: Both) -> Story:
    yield from _told_whole_again(idp, put=True)


def members_that_are_replaced_again_stay_while_something_may_land(idp: Both) -> Story:
    yield from _told_whole_again(idp, put=False)


def okta_is_asked_by_429_to_send_it_again(okta: Both) -> Story:
    kim = okta.works.user("kim")
    yield
    late = okta.held.patch(f"Users/{kim}", replaces("title", "Lead"))
    assert (late.status_code, late.headers["Retry-After"]) == (429, "5")
    yield
    assert okta.works.http.get(f"Users/{kim}").json()["title"] == "Lead"


STORIES: dict[Callable[[Both], Story], str] = {
    a_refused_add_that_comes_after_a_removal_adds_nobody: "generic",
    a_put_that_a_deactivation_overtakes_does_not_undo_it: "generic",
    a_post_that_comes_after_its_retry_and_a_deletion_makes_nobody: "generic",
    a_post_whose_answer_was_lost_is_answered_once_more: "generic",
    a_deletion_that_comes_late_spares_whoever_was_changed_since: "generic",
    a_groups_deletion_that_comes_late_spares_whoever_joined_since: "generic",
    that_somebody_is_active_counts_again_while_something_may_land: "generic",
    that_nobody_is_active_counts_again_while_something_may_land: "generic",
    members_that_are_put_again_stay_while_something_may_land: "generic",
    members_that_are_replaced_again_stay_while_something_may_land: "generic",
    okta_is_asked_by_429_to_send_it_again: "okta",
}
"""And whose IdP it is."""


@pytest.fixture(scope="module")
def told(two: Two) -> dict[str, Parts]:
    """How the parts of each story ended."""
    stories = {story.__name__: story(two.idp(kind)) for story, kind in STORIES.items()}
    names = [*stories]
    some = [names[at : at + AT_ONCE] for at in range(0, len(names), AT_ONCE)]
    ends = [end for each in some for end in two.tell(*(stories[name] for name in each))]
    return dict(zip(names, ends, strict=True))


@pytest.mark.parametrize("story", [each.__name__ for each in STORIES])
def test_what_comes_late_undoes_nothing(told: dict[str, Parts], story: str) -> None:
    for part in told[story]:
        part.result()
