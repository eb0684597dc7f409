"""Kafka: whether each broker answers, and how many copies stand between a message and its loss."""

from collections.abc import Iterator, Sequence
from concurrent.futures import Future
from typing import Final

import msgspec
from confluent_kafka import KafkaError, KafkaException
from confluent_kafka.admin import (  # type: ignore[attr-defined] # they are its public names
    ConfigResource,
    ResourceType,
)

from deploy.doctor.findings import Judged, named, ok, problem, warning
from deploy.doctor.patient import ANSWER_SECONDS, Patient

COPIES: Final = 3
"""Replication factor in production (DESIGN §5.8)."""
CONFIRMING: Final = 2
"""`min.insync.replicas` in production."""

_OF_KAFKA: Final = ("__consumer_offsets", "__transaction_state")
_SILENT: Final = frozenset(
    {KafkaError._TRANSPORT, KafkaError._TIMED_OUT, KafkaError._ALL_BROKERS_DOWN}  # noqa: SLF001
)


class Copies(msgspec.Struct, frozen=True, kw_only=True):
    """How safe a topic is, by its worst partition."""

    topic: str
    copies: int
    in_step: int
    """Copies that have all that the leader has."""
    confirming: int | None = None
    """`min.insync.replicas`; None where it does not count, or nobody says."""
    unclean: bool = False
    """Whether a copy that lacks messages may become the leader."""


def kafka(patient: Patient) -> Iterator[Judged]:
    """Whether Kafka answers, each broker at the address that it gives to clients.

    Raises:
        InstallationError: nobody answers at ROLLCALL_KAFKA.
    """
    brokers = patient.cluster.brokers
    asked = [
        patient.admin.describe_configs(
            [ConfigResource(ResourceType.BROKER, str(number))], request_timeout=ANSWER_SECONDS
        )
        for number in brokers
    ]
    silent = [
        f"{broker.host}:{broker.port}"
        for broker, answers in zip(brokers.values(), asked, strict=True)
        if any(map(_is_silent, answers.values()))
    ]
    if silent:
        yield problem(
            f"Kafka names brokers at {named(silent)}, which do not answer here.",
            "Start them, or correct their advertised.listeners: clients go where Kafka says.",
        )
    else:
        who = "One broker answers" if len(brokers) == 1 else f"{len(brokers)} brokers answer"
        yield ok(f"{who}, of the cluster {patient.cluster.cluster_id}.")


def copies(patient: Patient) -> Iterator[Judged]:
    """Replication factor, `min.insync.replicas`, unclean elections, copies in step."""
    if lost := patient.leaderless:
        yield problem(
            f"{named(lost)} have no leader: nobody can write or read there.",
            "Start the brokers that hold them.",
        )
    yield from judge(len(patient.cluster.brokers), [*_copies(patient)])


def judge(brokers: int, topics: Sequence[Copies]) -> Iterator[Judged]:
    """What to say of topics in a cluster of so many brokers."""
    if brokers == 1 and all(topic.copies == 1 for topic in topics):
        yield warning(
            "One broker holds the only copy: a loss of power may cost the last seconds.",
            f"In production use {COPIES} brokers, replication factor {COPIES} and"
            f" min.insync.replicas={CONFIRMING}, without unclean leader elections.",
        )
        return
    faults = [*_faults(topics)]
    yield from faults
    if not faults:
        yield ok(f"Each topic has {COPIES} copies or more, all in step; {CONFIRMING} must confirm.")


def _faults(topics: Sequence[Copies]) -> Iterator[Judged]:
    if few := [f"{each.topic} ({each.copies})" for each in topics if each.copies < COPIES]:
        yield problem(
            f"Fewer than {COPIES} copies: {named(few)}.",
            f"Add copies with `kafka-reassign-partitions.sh`; for new topics set"
            f" default.replication.factor={COPIES} on the brokers.",
        )
    told = [each for each in topics if each.confirming is not None]
    if weak := [each.topic for each in told if (each.confirming or 0) < CONFIRMING]:
        yield problem(
            f"min.insync.replicas is below {CONFIRMING}, so what was confirmed may be lost:"
            f" {named(weak)}.",
            f"`kafka-configs.sh --alter --topic {weak[0]} --add-config"
            f" min.insync.replicas={CONFIRMING}`, and so on.",
        )
    if unclean := [each.topic for each in topics if each.unclean]:
        yield problem(
            f"A copy that lacks messages may become the leader: {named(unclean)}.",
            f"`kafka-configs.sh --alter --topic {unclean[0]} --add-config"
            " unclean.leader.election.enable=false`, and so on.",
        )
    if shut := [each.topic for each in told if each.in_step < (each.confirming or 0)]:
        yield problem(
            f"Too few copies are in step to write: {named(shut)}.",
            "Start the brokers that hold the others.",
        )
    elif late := [each.topic for each in topics if each.in_step < each.copies]:
        yield warning(
            f"Copies lag behind or are away: {named(late)}.",
            "See that all brokers run; if they have just started, ask again in a minute.",
        )


def _copies(patient: Patient) -> Iterator[Copies]:
    there = [*patient.topics, *(name for name in _OF_KAFKA if name in patient.cluster.topics)]
    for name in there:
        partitions = patient.cluster.topics[name].partitions.values()
        config = patient.configs.get(name, {})
        confirming = config.get("min.insync.replicas")
        yield Copies(
            topic=name,
            copies=min(len(each.replicas) for each in partitions),
            in_step=min(len(each.isrs) for each in partitions),
            confirming=None if confirming is None else int(confirming),
            unclean=config.get("unclean.leader.election.enable") == "true",
        )


def _is_silent(answer: "Future[object]") -> bool:
    try:
        answer.result()
    except KafkaException as error:
        return error.args[0].code() in _SILENT  # a refusal is an answer, too
    return False
