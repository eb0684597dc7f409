"""What an installation is: its topics and their number of partitions, fixed for life.

`rollcall topics create` makes it and notes it in Postgres; every process compares the note with
Kafka before it starts (DESIGN §5.9).
"""

from contextlib import closing
from typing import Final

import psycopg
from psycopg.types.json import Jsonb

from deploy import database
from deploy.cluster import Cluster, Found
from deploy.errors import InstallationError
from schemas.positions import Installation
from schemas.settings import Settings
from schemas.topics import STATE_CHANGELOG, TOPICS

__all__ = [
    "MEMORY_IS_GONE",
    "InstallationError",
    "create_topics",
    "examine",
    "load",
    "note_topic",
    "problem_of",
]

_BEGIN_ANEW: Final = (
    "restore Kafka, or begin a new installation with a new database (`rollcall db upgrade`,"
    " `rollcall topics create`)"
)
MEMORY_IS_GONE: Final = f"it held what was decided so far: {_BEGIN_ANEW}"
"""What follows from a state changelog that is not whole, without a full stop."""

_ACCEPT: Final = (
    "accept what is lost with `rollcall positions accept` (see `rollcall positions show`)"
)
_MAKE_ANEW: Final = f"make it anew with `rollcall topics create`, and {_ACCEPT}"


def load(settings: Settings) -> Installation:
    """Read what was noted, and compare it with Kafka.

    Raises:
        InstallationError: nothing was noted, Kafka or Postgres is away, or they do not agree.
        SettingsError: an address is not set.
    """
    noted, found = examine(settings)
    _require(settings, noted, found, _names(settings))
    return noted


def examine(settings: Settings) -> tuple[Installation, Found]:
    """What was noted, and what Kafka has: topics may differ, but the memory of decisions is there.

    Raises:
        InstallationError: nothing was noted, Kafka or Postgres is away, Kafka is another one, or
            its state changelog is not the one that was noted.
        SettingsError: an address is not set.
    """
    noted = _noted(settings)
    if noted is None:
        raise InstallationError(
            f"Postgres knows no installation {settings.installation}: run `rollcall topics"
            " create`, or correct ROLLCALL_INSTALLATION or ROLLCALL_DATABASE_URL."
        )
    with closing(Cluster(settings)) as cluster:
        found = cluster.describe()
    _require_cluster(noted, found)
    _require(settings, noted, found, {settings.topic(STATE_CHANGELOG.name)})
    return noted, found


def create_topics(settings: Settings, partitions: int = 12) -> Installation:
    """Make the topics that are missing, verify the others, and note what they are.

    Doing it again changes nothing. `partitions` is what each topic gets, for life.  A topic that
    was deleted is made anew, and then refused until an operator accepts the loss.

    Raises:
        InstallationError: Kafka or Postgres is away, a topic is not as `schemas.topics` says, the
            number is another than before, or topics of this installation were made anew.
        SettingsError: an address is not set.
    """
    noted = _noted(settings)
    if noted is not None and noted.partitions != partitions:
        raise InstallationError(
            f"The installation {settings.installation} has {noted.partitions} partitions for"
            f" life, not {partitions}: say --partitions {noted.partitions}."
        )
    with closing(Cluster(settings)) as cluster:
        made = _created(settings, cluster, partitions, noted)
    _note(settings, made)
    return made


def note_topic(settings: Settings, name: str, topic_id: str) -> None:
    """Take a topic that was made anew for the right one; `name` is the one on the broker.

    Raises:
        InstallationError: Postgres is away.
    """
    with database.connected(settings) as connection:
        connection.execute(
            "UPDATE installation SET topic_ids = topic_ids || %s WHERE name = %s",
            [Jsonb({name: topic_id}), settings.installation],
        )


def problem_of(settings: Settings, noted: Installation, found: Found, name: str) -> str | None:
    """What is wrong with a topic, named as on the broker, and what to do; None if nothing is."""
    remembers = name == settings.topic(STATE_CHANGELOG.name)
    if name not in found.partitions:
        if name not in noted.topic_ids:
            return f"Kafka has no topic {name}, which is new: run `rollcall topics create`."
        way_on = MEMORY_IS_GONE if remembers else f"restore it; or {_MAKE_ANEW}"
        return f"Kafka has no topic {name} any more; {way_on}."
    if (count := found.partitions[name]) != noted.partitions:
        way_on = MEMORY_IS_GONE if remembers else f"restore it; or delete it, {_MAKE_ANEW}"
        return (
            f"The topic {name} has {count} partitions, but this installation has"
            f" {noted.partitions} for life; {way_on}."
        )
    if (topic_id := found.topic_ids[name]) != noted.topic_ids.get(name):
        way_on = MEMORY_IS_GONE if remembers else f"restore the right one, or {_ACCEPT}"
        return (
            f"The topic {name} was made anew (its id is {topic_id}, this installation's is"
            f" {noted.topic_ids.get(name)}); {way_on}."
        )
    return None


def _created(
    settings: Settings, cluster: Cluster, partitions: int, noted: Installation | None
) -> Installation:
    found = cluster.describe()
    names = _names(settings)
    if noted is not None:
        _require_cluster(noted, found)
        _require(settings, noted, found, {settings.topic(STATE_CHANGELOG.name)})
    for name, count in found.partitions.items():  # before any is made
        if name not in (noted.topic_ids if noted else {}) and count != partitions:
            raise InstallationError(
                f"The topic {name} has {count} partitions, but this installation has"
                f" {partitions} for life: choose another ROLLCALL_TOPIC_PREFIX, or delete the"
                " topic if nobody needs it."
            )
    cluster.create(sorted(names - found.partitions.keys()), partitions)
    found = cluster.describe()
    made = Installation(
        cluster_id=found.cluster_id,
        partitions=partitions,
        topic_ids=found.topic_ids | (noted.topic_ids if noted else {}),
    )
    _require(settings, made, found, names)
    cluster.verify_configs()
    return made


def _names(settings: Settings) -> set[str]:
    return {settings.topic(topic.name) for topic in TOPICS}


def _noted(settings: Settings) -> Installation | None:
    query = "SELECT cluster_id, partitions, topic_ids FROM installation WHERE name = %s"
    with database.connected(settings) as connection:
        try:
            row = connection.execute(query, [settings.installation]).fetchone()
        except psycopg.errors.UndefinedTable:
            raise InstallationError(
                "The database has no tables of Rollcall: run `rollcall db upgrade`."
            ) from None
    if row is None:
        return None
    cluster_id, partitions, topic_ids = row
    return Installation(cluster_id=cluster_id, partitions=partitions, topic_ids=topic_ids)


def _note(settings: Settings, made: Installation) -> None:
    with database.connected(settings) as connection:
        connection.execute(
            "INSERT INTO installation (name, cluster_id, partitions, topic_ids)"
            " VALUES (%s, %s, %s, %s)"
            " ON CONFLICT (name) DO UPDATE SET topic_ids = excluded.topic_ids",
            [settings.installation, made.cluster_id, made.partitions, Jsonb(made.topic_ids)],
        )


def _require_cluster(noted: Installation, found: Found) -> None:
    if found.cluster_id != noted.cluster_id:
        raise InstallationError(
            f"Kafka at ROLLCALL_KAFKA is the cluster {found.cluster_id}, but this installation"
            f" lives in {noted.cluster_id}: correct ROLLCALL_KAFKA or ROLLCALL_DATABASE_URL; if"
            f" that cluster was wiped, {_BEGIN_ANEW}."
        )


def _require(settings: Settings, noted: Installation, found: Found, names: set[str]) -> None:
    for name in sorted(names):
        if problem := problem_of(settings, noted, found, name):
            raise InstallationError(problem)
