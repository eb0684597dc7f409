"""Our topics: whether they are there and are the ones that were noted, and their settings."""

from collections.abc import Iterator

from deploy import installation
from deploy.cluster import require_configs
from deploy.doctor.findings import Judged, ok, problem
from deploy.doctor.patient import Patient
from deploy.errors import InstallationError
from schemas.topics import TOPICS


def topics(patient: Patient) -> Iterator[Judged]:
    """Whether each topic is the one that `rollcall topics create` made.

    Raises:
        InstallationError: nothing was made, or Kafka is another one or has lost its memory.
    """
    noted, found = installation.examine(patient.settings)
    names = sorted(patient.settings.topic(topic.name) for topic in TOPICS)
    told = [installation.problem_of(patient.settings, noted, found, name) for name in names]
    wrong = [sentence for sentence in told if sentence is not None]
    for sentence in wrong:
        yield problem(sentence, None)
    if not wrong:
        yield ok(f"All {len(names)} topics are there, with {noted.partitions} partitions each.")


def topic_settings(patient: Patient) -> Iterator[Judged]:
    """Whether the topics that are there have the settings of `schemas.topics`."""
    wrong = [
        sentence
        for name, topic in patient.topics.items()
        if (sentence := _difference(name, topic.config(), patient.configs[name])) is not None
    ]
    for sentence in wrong:
        yield problem(sentence, None)
    if not wrong:
        yield ok(f"Those of the {len(patient.topics)} topics that are there are as they should be.")


def _difference(name: str, wanted: dict[str, str], found: dict[str, str | None]) -> str | None:
    try:
        require_configs(name, wanted, found)
    except InstallationError as error:
        return str(error)
    return None
