"""Dead letters that are still open: what later changes of the same entity wait behind.

The letter itself stands in Postgres; here stands only that it is open, so that order is kept.
"""

from collections.abc import Iterator

from processors.core.draft import Decision, Draft, UndecidableError
from processors.core.overlay import StateReader, Writes
from schemas import settings_state, state
from schemas.changes import DropDeadLetter
from schemas.letters import DeadLetterRuled, Letter, letter_key
from schemas.settings_state import Tenant


def first(below: StateReader, tenant_id: str, entity: str) -> str | None:
    """Id of the entity's first open letter, if there is one."""
    return next((letter.letter_id for _, letter in _open(below, tenant_id, entity)), None)


def opened(tenant_id: str, entity: str, letter_id: str, place: tuple[int, int]) -> Writes:
    """What keeps a letter open, sorted by its offset on the lane and its number in a page."""
    return {letter_key(tenant_id, entity, place, letter_id): Letter(letter_id=letter_id)}


def replayed(
    below: StateReader, tenant_id: str, entity: str, letter_id: str, *, in_order: bool
) -> Writes | None:
    """The state once a letter is decided after all; None where it is open no more.

    Raises:
        UndecidableError: it must be replayed in order, and an earlier one of the entity is open.
    """
    found = _key_of(below, tenant_id, entity, letter_id)
    if found is None:
        return None
    if in_order and (earlier := first(below, tenant_id, entity)) != letter_id:
        raise UndecidableError(f"it waits behind the dead letter {earlier}: replay or drop that")
    return {found: None}


def drop(draft: Draft, change: DropDeadLetter) -> Decision:
    """Give a letter up, whoever wrote it; sinks and the door keep no record of theirs here."""
    found = _key_of(draft, change.tenant_id, change.entity, change.letter_id)
    if found is not None:
        draft.put(found, None)
    draft.emit(
        DeadLetterRuled(**draft.common("dropped"), letter_id=change.letter_id, ruling="dropped")
    )
    if draft.get(settings_state.tenant_key(draft.tenant_id), Tenant) is not None:
        draft.audit(
            f"dead_letter/{change.letter_id}",
            f"A message about {change.entity} that could not be decided was given up.",
            decision="ignored",
        )
    draft.settle(change, 200, {"letter_id": change.letter_id, "settled": "dropped"})
    return draft.decision()


def _key_of(
    below: StateReader | Draft, tenant_id: str, entity: str, letter_id: str
) -> bytes | None:
    return next(
        (key for key, each in _open(below, tenant_id, entity) if each.letter_id == letter_id), None
    )


def _open(
    below: StateReader | Draft, tenant_id: str, entity: str
) -> Iterator[tuple[bytes, Letter]]:
    return below.scan(state.prefix("letter", tenant_id, entity), Letter, b"")
