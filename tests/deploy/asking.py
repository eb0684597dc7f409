"""What an operator runs and reads, and what readers would have written before a loss."""

from typer.testing import CliRunner, Result

from deploy.cli.app import app
from deploy.positions import operating, survey
from deploy.positions.survey import Standing
from schemas import codec, state, topics
from schemas.events import OPERATOR_TENANT
from schemas.letters import Budget
from schemas.partitions import partition_of
from schemas.state import Position
from tests.core import scenario
from tests.harness import PARTITIONS, World

CHANGES, AUDIT = topics.CHANGES.name, topics.AUDIT_ENTRIES.name
STATE = topics.STATE_CHANGELOG.name
PARTITION = partition_of(scenario.TENANT, PARTITIONS)
TOLD = "SELECT sentence, actor, subject FROM audit_entry WHERE tenant_id = %s ORDER BY sequence"


def run(world: World, *words: str, answer: str = "") -> Result:
    return CliRunner().invoke(app, words, env=world.env(), input=answer)


def accept(world: World, *words: str) -> Result:
    reader, topic, at, *more = words
    place = ("--reader", reader, "--topic", topic, "--at", at)
    done = run(world, "positions", "accept", *place, "--reason", "a lost disk", "--yes", *more)
    world.until_readable(STATE)
    return done


def standing(
    world: World, reader: str = "processors", topic: str = CHANGES, partition: int = PARTITION
) -> Standing:
    (found,) = (
        each
        for each in survey.standings(world.settings)
        if (each.reader, each.topic, each.partition) == (reader, topic, partition)
    )
    return found


def told(world: World) -> list[str]:
    """What the operators' own audit log says."""
    rows = world.rows(TOLD, OPERATOR_TENANT)
    assert {row["actor"] for row in rows} <= {"operator"}
    return [row["sentence"] for row in rows]


def remember(world: World, key: bytes, record: Position | Budget | None) -> None:
    """Write a record of the partition's state, as processors would have done it."""
    value = None if record is None else codec.encode(record)
    operating.write_state(world.settings, PARTITION, key, value, lambda: None)
    world.until_readable(STATE)


def decided(world: World, offset: int, ce_id: str, lane: str = CHANGES) -> None:
    """The processors have decided a lane up to here."""
    topic_id = world.installation.topic_ids[world.settings.topic(lane)]
    position = Position(topic_id=topic_id, offset=offset, ce_id=ce_id)
    remember(world, state.position_key(lane), position)


def applied(world: World, offset: int, ce_id: str) -> None:
    """The audit log has applied its topic up to here, and read the marker after it."""
    topic = world.settings.topic(AUDIT)
    world.rows(
        """INSERT INTO sink_position (sink, topic, partition, topic_id, "offset", ce_id, reached)
           VALUES ('audit_log', %s, %s, %s, %s, %s, %s) RETURNING sink""",
        *(topic, PARTITION, world.installation.topic_ids[topic], offset, ce_id, offset + 1),
    )
