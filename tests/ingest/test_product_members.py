"""Many members of the product at once: in pages, of which a few are under way."""

from contextlib import ExitStack

from confluent_kafka import Message

from schemas import codec, limits, topics
from schemas.changes import Page
from schemas.settings_changes import SetProductMember
from tests.ingest.asking import sending, settle
from tests.ingest.conftest import WAIT_SECONDS, Door
from tests.waiting import eventually

URL = "/api/tenants/acme/members"


def page_of(message: Message) -> Page:
    page = codec.decode_inbound(message.key(), message.value())
    assert isinstance(page, Page)
    return page


def test_whoever_is_shut_out_stands_in_no_page(kafka_door: Door) -> None:
    people = [{"product_id": f"u-{n}"} for n in range(3)]
    people[1]["standing"] = "suspended"
    with sending(kafka_door, "POST", URL, {"members": people}) as answers:
        (urgent,) = eventually(lambda: kafka_door.messages(topics.URGENT), WAIT_SECONDS)
        (calm,) = eventually(lambda: kafka_door.messages(topics.CHANGES), WAIT_SECONDS)
        suspended = codec.decode_change(urgent.key(), urgent.value())
        assert isinstance(suspended, SetProductMember)
        assert suspended.product_id == "u-1"
        others = page_of(calm).changes
        assert all(isinstance(each, SetProductMember) for each in others)
        for change in (suspended, *others):
            settle(kafka_door, change, status=200)
    (answer,) = answers
    assert [each["product_id"] for each in answer.json()["results"]] == ["u-0", "u-1", "u-2"]


def test_only_a_few_pages_of_a_partition_wait_for_their_outcome(kafka_door: Door) -> None:
    waiting = limits.PAGES_UNDER_WAY + 2
    with ExitStack() as all_of_them:
        answers = [
            all_of_them.enter_context(
                sending(kafka_door, "POST", URL, {"members": [{"product_id": f"u-{number}"}]})
            )
            for number in range(waiting)
        ]
        settled: set[str] = set()
        while len(settled) < waiting:
            under_way = min(limits.PAGES_UNDER_WAY, waiting - len(settled))
            pages = _pages(kafka_door, len(settled) + under_way)
            assert len(pages) == len(settled) + under_way
            page = next(each for each in pages if each.change_id not in settled)
            settled.add(page.change_id)
            settle(kafka_door, page.changes[0], status=200)
    assert [answer.status_code for (answer,) in answers] == [200] * waiting


def _pages(door: Door, least: int) -> list[Page]:
    """All pages on the lane, once there are so many."""

    def found() -> list[Page] | None:
        pages = [page_of(each) for each in door.messages(topics.CHANGES)]
        return pages if len(pages) >= least else None

    pages = eventually(found, WAIT_SECONDS)
    assert pages is not None
    return pages
