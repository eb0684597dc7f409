"""Lets a partition decide again that stopped for too many dead letters (DESIGN §5.5)."""

from contextlib import closing
from typing import Final

from deploy.cluster import asked
from deploy.errors import NotAcceptedError
from deploy.positions import operating
from deploy.positions.memory import Progress, unseen
from deploy.positions.survey import Survey
from schemas.letters import budget_key
from schemas.settings import Settings

COMMAND: Final = "dead-letters resume"


def resume(settings: Settings, partition: int, reason: str, on_progress: Progress = unseen) -> None:
    """Forgive a partition its dead letters: tell the audit log, then delete the spent budget.

    The processors learn of it when they start the next time.

    Args:
        settings: say where Kafka and Postgres are.
        partition: which one.
        reason: why, for the audit log.
        on_progress: told how far the state changelog was read.

    Raises:
        NotAcceptedError: the partition has not stopped, or there is none of this number.
        InstallationError: Kafka or Postgres is away, or is not that of this installation.
    """
    _require_stopped(settings, partition, on_progress)
    told = f"The operator let partition {partition} decide again: {reason}"
    entry = operating.entry_of(COMMAND, f"partition/{partition}", told)

    def first() -> None:
        _require_stopped(settings, partition, unseen)
        operating.audit(settings, entry)

    with asked():
        operating.write_state(settings, partition, budget_key(), None, first)


def _require_stopped(settings: Settings, partition: int, on_progress: Progress) -> None:
    with asked(), closing(Survey(settings)) as survey:
        if not 0 <= partition < survey.noted.partitions:
            raise NotAcceptedError(
                f"There is no partition {partition}: they go from 0 to"
                f" {survey.noted.partitions - 1}."
            )
        if not survey.memory.of([partition], on_progress)[partition].stopped:
            raise NotAcceptedError(
                f"Partition {partition} has not stopped for too many dead letters: there is nothing"
                " to resume. See `rollcall positions show`."
            )
