"""Who reads what: the workers' partitions, and the sinks'."""

from collections.abc import Collection, Iterator
from typing import Final

import msgspec
from confluent_kafka import ConsumerGroupState

from deploy.doctor.findings import Judged, named, ok, problem, warning
from deploy.doctor.patient import Patient
from deploy.positions.survey import PROCESSORS, READERS
from schemas.topics import LANES, STATE_CHANGELOG

Place = tuple[str, int]
"""A topic's name on the broker, and a partition."""

_SHARING: Final = frozenset(
    {ConsumerGroupState.PREPARING_REBALANCING, ConsumerGroupState.COMPLETING_REBALANCING}
)
_UNTOLD: Final = warning("Not checked: this Kafka does not say who is in a group.", None)
_LATER: Final = "Ask again in half a minute; if it stays so, their logs say who comes and goes."


class Group(msgspec.Struct, frozen=True, kw_only=True):
    """A consumer group, as far as it is judged."""

    members: list[set[Place]] = []
    """What each member was given."""
    is_sharing: bool = False
    """Its members share out the partitions just now."""

    @property
    def owned(self) -> set[Place]:
        """What any member was given."""
        return set().union(*self.members)


def workers(patient: Patient) -> Iterator[Judged]:
    """Whether each partition has a worker that decides, and another that could go on."""
    if not patient.tells_of_groups:
        yield _UNTOLD
        return
    lanes = {patient.settings.topic(lane.name) for lane in LANES}
    changelog = patient.settings.topic(STATE_CHANGELOG.name)
    group = _group(patient, patient.settings.application)
    yield from judge_workers(group, _places(patient, lanes), changelog)


def judge_workers(group: Group, inputs: Collection[Place], changelog: str) -> Iterator[Judged]:
    """What to say of the workers that shall own these partitions of the input topics."""
    if not group.members:
        yield problem("No worker runs: nothing is decided.", "Start `rollcall processors`.")
        return
    if group.is_sharing:
        yield warning("The workers share out their partitions just now.", _LATER)
        return
    if lost := sorted({number for _, number in set(inputs) - group.owned}):
        yield problem(
            f"No worker owns partition {named([*map(str, lost)])}.",
            f"{_LATER} A restart of the workers shares them out anew.",
        )
    partitions = {number for _, number in inputs}
    count = len(group.members)
    if count > len(partitions):
        yield warning(
            f"{count} workers run for {len(partitions)} partitions: some have nothing to do.",
            "Stop those that are too many.",
        )
    kept = [{n for topic, n in member if topic == changelog} for member in group.members]
    is_copied = sum(map(len, kept)) > len(set().union(*kept))
    if count > 1 and not is_copied:
        yield warning(
            f"{count} workers run, and none keeps a copy of another's state: a take-over reads"
            " all of it.",
            "Set ROLLCALL_STANDBY_REPLICAS=1 for each of them, and restart one after the other.",
        )
    elif not lost:
        with_copies = ", with copies of their state" if is_copied else ""
        yield ok(f"{_counted(count)} all {len(partitions)} partitions{with_copies}.")


def sinks(patient: Patient) -> Iterator[Judged]:
    """Whether each sink reads all its partitions."""
    if not patient.tells_of_groups:
        yield _UNTOLD
        return
    found = {
        sink: (
            _group(patient, patient.settings.sink_group(sink)),
            _places(patient, {patient.settings.topic(topic.name) for topic in topics}),
        )
        for sink, topics in READERS.items()
        if sink != PROCESSORS
    }
    if away := [sink for sink, (group, _) in found.items() if not group.members]:
        yield problem(
            f"Nobody runs {named(away, len(found))}: what is decided does not come true.",
            "Start `rollcall sinks`; if it ends by itself, its last line says why.",
        )
    if sharing := [sink for sink, (group, _) in found.items() if group.is_sharing]:
        yield warning(f"{named(sharing, len(found))} share out their partitions just now.", _LATER)
    lost = [
        f"{topic}[{number}] ({sink})"
        for sink, (group, places) in found.items()
        if group.members and not group.is_sharing
        for topic, number in sorted(places - group.owned)
    ]
    if lost:
        yield problem(f"No sink reads {named(lost)}.", f"{_LATER} Then restart the sinks.")
    if not (away or sharing or lost):
        yield ok(f"All {len(found)} sinks read all their partitions.")


def _group(patient: Patient, name: str) -> Group:
    found = patient.group(name)
    if found is None:
        return Group()
    return Group(
        members=[
            {(place.topic, place.partition) for place in member.assignment.topic_partitions}
            for member in found.members
        ],
        is_sharing=found.state in _SHARING,
    )


def _places(patient: Patient, topics: Collection[str]) -> set[Place]:
    """Their partitions, as far as the topics are there."""
    return {
        (name, number)
        for name in topics
        if name in patient.topics
        for number in patient.cluster.topics[name].partitions
    }


def _counted(workers_: int) -> str:
    return "One worker owns" if workers_ == 1 else f"{workers_} workers own"
