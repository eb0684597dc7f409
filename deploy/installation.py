"""What an installation is: its topics and their number of partitions, fixed for life.

`rollcall topics create` makes it and notes it in Postgres; every process compares the note with
Kafka before it starts (DESIGN §5.9).
"""

from collections.abc import Iterable
from contextlib import closing

import psycopg
from psycopg.types.json import Jsonb

from deploy import database
from deploy.cluster import Cluster, Found
from deploy.errors import InstallationError
from schemas.positions import Installation
from schemas.settings import Settings
from schemas.topics import TOPICS

__all__ = ["InstallationError", "create_topics", "load"]


def load(settings: Settings) -> Installation:
    """Read what was noted, and compare it with Kafka.

    Raises:
        InstallationError: nothing was noted, Kafka or Postgres is away, or they do not agree.
        SettingsError: an address is not set.
    """
    noted = _noted(settings)
    if noted is None:
        raise InstallationError(
            f"Postgres knows no installation {settings.installation}: run `rollcall topics"
            " create`, or correct ROLLCALL_INSTALLATION or ROLLCALL_DATABASE_URL."
        )
    with closing(Cluster(settings)) as cluster:
        _compare(noted, cluster.describe(), _names(settings))
    return noted


def create_topics(settings: Settings, partitions: int = 12) -> Installation:
    """Make the topics that are missing, verify the others, and note what they are.

    Doing it again changes nothing. `partitions` is what each topic gets, for life.

    Raises:
        InstallationError: Kafka or Postgres is away, a topic is not as `schemas.topics` says, the
            number is another than before, or topics of this installation were deleted.
        SettingsError: an address is not set.
    """
    noted = _noted(settings)
    if noted is not None and noted.partitions != partitions:
        raise InstallationError(
            f"The installation {settings.installation} has {noted.partitions} partitions for"
            f" life, not {partitions}: say --partitions {noted.partitions}."
        )
    with closing(Cluster(settings)) as cluster:
        made = _created(cluster, _names(settings), partitions, noted)
    _note(settings, made)
    return made


def _created(
    cluster: Cluster, names: set[str], partitions: int, noted: Installation | None
) -> Installation:
    found = cluster.describe()
    if noted is not None:  # a topic that is new in this version is not in the note
        _compare(noted, found, names & noted.topic_ids.keys())
    _compare(_as_found(found, partitions), found, found.partitions)  # before any is made
    cluster.create(sorted(names - found.partitions.keys()), partitions)
    found = cluster.describe()
    made = _as_found(found, partitions)
    _compare(made, found, names)
    cluster.verify_configs()
    return made


def _names(settings: Settings) -> set[str]:
    return {settings.topic(topic.name) for topic in TOPICS}


def _as_found(found: Found, partitions: int) -> Installation:
    return Installation(
        cluster_id=found.cluster_id, partitions=partitions, topic_ids=found.topic_ids
    )


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


def _compare(noted: Installation, found: Found, names: Iterable[str]) -> None:
    if found.cluster_id != noted.cluster_id:
        raise InstallationError(
            f"Kafka at ROLLCALL_KAFKA is the cluster {found.cluster_id}, but this installation"
            f" lives in {noted.cluster_id}: correct ROLLCALL_KAFKA or ROLLCALL_DATABASE_URL."
        )
    for name in sorted(names):
        _compare_topic(noted, found, name)


def _compare_topic(noted: Installation, found: Found, name: str) -> None:
    if name not in found.partitions:
        raise InstallationError(
            f"Kafka has no topic {name}: run `rollcall topics create` if it is new; if somebody"
            " deleted it, restore it, or begin a new installation."
        )
    if (count := found.partitions[name]) != noted.partitions:
        raise InstallationError(
            f"The topic {name} has {count} partitions, but this installation has"
            f" {noted.partitions} for life: choose another ROLLCALL_TOPIC_PREFIX, or delete the"
            " topic if nobody needs it."
        )
    if (topic_id := found.topic_ids[name]) != noted.topic_ids.get(name):
        raise InstallationError(
            f"The topic {name} was made anew (its id is {topic_id}, this installation's is"
            f" {noted.topic_ids.get(name)}): restore the right one, or begin a new installation."
        )
