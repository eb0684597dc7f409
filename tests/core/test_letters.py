"""Dead letters: what waits behind them, and how many are too many."""

import pytest
from msgspec.structs import replace

from processors.core import budget, letters
from processors.core.draft import UndecidableError
from schemas import limits
from schemas.events import AuditEntry
from schemas.letters import Budget, DeadLetterRuled, Letter
from schemas.recorded import ChangeSettled
from tests.core.scenario import TENANT, World, acme, dropped

ANN, BO = "user/directory_okta/ann", "user/directory_okta/bo"


def opened(world: World, entity: str, *letter_ids: str, offset: int = 1) -> World:
    """These messages about an entity became dead letters; their places on the lane."""
    for place, letter_id in enumerate(letter_ids, offset):
        world.store.apply(letters.opened(TENANT, entity, letter_id, (place, 0)))
    return world


def replayed(world: World, entity: str, letter_id: str, *, in_order: bool = True) -> bool:
    """Whether the letter was open until now."""
    writes = letters.replayed(world.state, TENANT, entity, letter_id, in_order=in_order)
    world.store.apply(writes or {})
    return writes is not None


def waiting(world: World, entity: str) -> list[str]:
    """Replay one letter after the other; their order."""
    found: list[str] = []
    while (letter_id := letters.first(world.state, TENANT, entity)) is not None:
        assert replayed(world, entity, letter_id)
        found.append(letter_id)
    return found


def test_letters_of_an_entity_are_replayed_in_the_order_in_which_they_came() -> None:
    ids = [f"letter-{99 - number}" for number in range(12)]
    world = opened(acme(), ANN, *ids)
    assert waiting(world, ANN) == ids
    assert world.records("letter", Letter) == {}


def test_a_letter_is_opened_once() -> None:
    world = opened(opened(acme(), ANN, "one", "two"), ANN, "one")
    assert waiting(world, ANN) == ["one", "two"]


def test_a_letter_that_is_opened_late_has_its_place_all_the_same() -> None:
    world = opened(opened(acme(), ANN, "ten", offset=10), ANN, "nine", offset=9)
    assert waiting(world, ANN) == ["nine", "ten"]


def test_letters_of_both_lanes_at_one_offset_are_two() -> None:
    world = opened(opened(acme(), ANN, "urgent", offset=7), ANN, "change", offset=7)
    assert sorted(waiting(world, ANN)) == ["change", "urgent"]


def test_no_letter_overtakes_an_earlier_one() -> None:
    world = opened(acme(), ANN, "one", "two")
    with pytest.raises(UndecidableError, match="behind the dead letter one: replay or drop that"):
        replayed(world, ANN, "two")
    assert waiting(world, ANN) == ["one", "two"]


def test_a_removal_waits_for_no_letter() -> None:
    world = opened(acme(), ANN, "one", "two")
    assert replayed(world, ANN, "two", in_order=False)
    assert waiting(world, ANN) == ["one"]


def test_a_letter_is_replayed_once() -> None:
    world = opened(acme(), ANN, "one")
    assert replayed(world, ANN, "one")
    assert not replayed(world, ANN, "one")


def test_entities_and_tenants_do_not_wait_for_one_another() -> None:
    world = opened(acme(), ANN, "one")
    assert letters.first(world.state, TENANT, BO) is None
    assert letters.first(world.state, TENANT, f"{ANN}e") is None
    assert letters.first(world.state, "bolt", ANN) is None
    assert letters.first(world.state, TENANT, ANN) == "one"


def test_a_letter_that_is_given_up_holds_nothing_up_any_more() -> None:
    world = opened(acme(), ANN, "one", "two", "three")
    world.when(dropped("two", ANN))
    ruled = world.the(DeadLetterRuled)
    assert (ruled.letter_id, ruled.ruling) == ("two", "dropped")
    assert world.sentences() == [f"A message about {ANN} that could not be decided was given up."]
    assert world.the(AuditEntry).subject == "dead_letter/two"
    settled = world.the(ChangeSettled)
    assert (settled.status, settled.body) == (200, {"letter_id": "two", "settled": "dropped"})
    assert waiting(world, ANN) == ["one", "three"]


def test_a_letter_of_a_sink_or_of_the_door_has_no_record_here_and_is_given_up_too() -> None:
    world = World()  # not even a tenant, whose audit log could tell it
    decision = world.when(replace(dropped("one", ANN), reply=False))
    assert [type(output) for output in decision.outputs] == [DeadLetterRuled]
    assert decision.writes == {}


def after(*dead: bool) -> Budget | None:
    """The budget after messages that became dead letters, or did not."""
    found: Budget | None = None
    for each in dead:
        found = budget.counted(found, dead=each)
    return found


def test_without_dead_letters_nothing_is_counted() -> None:
    assert after(False, False) is None
    assert not budget.is_spent(None)


def test_a_budget_is_spent_by_a_fifth_of_the_last_messages(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(limits, "BUDGET_WINDOW", 10)
    monkeypatch.setattr(limits, "BUDGET_LETTERS", 2)
    assert not budget.is_spent(after(True))
    assert budget.is_spent(after(True, *[False] * 8, True)), "the first and the last of ten"
    assert not budget.is_spent(after(True, *[False] * 9, True)), "of eleven"
    assert budget.is_spent(after(True, True, *[False] * 8))
    assert after(True, True, *[False] * 9) == Budget(seen=11, letters=(2,))
    assert after(True, *[False] * 10) is None, "forgotten once the window holds none"


def test_a_budget_keeps_no_more_than_it_needs() -> None:
    found = after(*[True] * (limits.BUDGET_WINDOW + 7))
    assert found is not None
    assert len(found.letters) == limits.BUDGET_WINDOW
