"""Whether readers can go on where they stand, and how far behind they are."""

from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import Final

from deploy.doctor.findings import Judged, named, ok, problem, warning
from deploy.doctor.patient import Patient
from deploy.positions import survey
from deploy.positions.survey import STOPPED, Standing

FAR_BEHIND: Final = 10_000
"""Messages that a reader takes more than a second or two for."""


def positions(patient: Patient) -> Iterator[Judged]:
    """What `rollcall positions show` finds.

    Raises:
        InstallationError: Kafka or Postgres is away, or is not that of this installation.
    """
    if lost := patient.leaderless:
        yield warning(f"Not checked: {named(lost)} have no leader.", None)
        return
    yield from judge(survey.standings(patient.settings))


def judge(standings: Sequence[Standing]) -> Iterator[Judged]:
    """What to say of where readers stand; those of a reader and topic come one after the other."""
    refused = [each for each in standings if each.refused]
    for (reader, topic), group in groupby(refused, lambda each: (each.reader, each.topic)):
        first, *others = group
        more = f" It is the same with {len(others)} more partitions." if others else ""
        yield problem(
            f"{reader} cannot go on in {topic}: {first.verdict}{more}",
            "See `rollcall positions show`.",
        )
    if stopped := sorted({each.partition for each in standings if each.verdict == STOPPED}):
        yield problem(
            f"Too many dead letters: partition {named([*map(str, stopped)])} decides nothing.",
            "See `rollcall dead-letters list`, mend the cause, then `rollcall dead-letters resume"
            f" {stopped[0]}`.",
        )
    behind = dict.fromkeys((each.reader for each in standings), 0)
    for each in standings:
        behind[each.reader] += each.lag or 0
    if far := [f"{reader} by {lag:,}" for reader, lag in behind.items() if lag >= FAR_BEHIND]:
        yield warning(
            f"Far behind: {named(far, len(behind))} messages.",
            "Ask again in a minute: if that grows, see that each reader runs, or start more.",
        )
    if not (refused or stopped or far):
        told = ", ".join(f"{reader} {lag}" for reader, lag in behind.items())
        yield ok(f"Each reader can go on where it stands. Messages behind: {told}.")
