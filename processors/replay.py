"""A dead letter that is put on its lane again."""

from datetime import datetime

from msgspec.structs import replace

from processors import dead_letters
from processors.core import letters
from processors.core.decide import decide
from processors.core.draft import Decision
from processors.core.overlay import StateReader
from schemas import entities
from schemas.changes import Inbound, Page, is_urgent


def replay(
    view: StateReader, change: Inbound, letter_id: str, said: str, now: datetime
) -> Decision:
    """Decide it once, however often it is replayed; the changes of a page follow on their own.

    Args:
        view: the state.
        change: what the letter holds.
        letter_id: of the letter.
        said: the entity that its headers name: under it a letter is open that did not decode.
        now: by our clock.

    Raises:
        UndecidableError: an earlier letter of its entity is open, or it fails as before.
    """
    for entity in (entities.entity_of(change), said):
        closes = letters.replayed(
            view, change.tenant_id, entity, letter_id, in_order=not is_urgent(change)
        )
        if closes is not None:
            decision = _decided(view, change, now)
            told = (*decision.outputs, dead_letters.replayed(change, letter_id, now))
            writes = {**decision.writes, **closes}
            return Decision(outcome=decision.outcome, outputs=told, writes=writes)
    return Decision(outcome="repeat")


def _decided(view: StateReader, change: Inbound, now: datetime) -> Decision:
    if isinstance(change, Page):
        return Decision(outcome="applied")
    # Whoever asked for it was told 500 then, and waits no more.
    return decide(view, replace(change, reply=False), now)
