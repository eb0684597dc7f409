"""`make bench`: every figure of the README, measured on this machine.

python -m tests.bench [--people N] [--write] [doors|pipe|departures|growth|first_sync …]
"""

import argparse
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

from deploy import database
from deploy.local.stack import Stack, running
from schemas import settings
from schemas.settings import Settings
from tests.bench import departures, doors, first_sync, growth, pipe
from tests.bench.figures import Figure, amount, table, written_into
from tests.harness import World, new_database, new_world

BENCHES: dict[str, Callable[[World, int], Iterator[Figure]]] = {
    "doors": doors.measured,
    "pipe": pipe.measured,
    "departures": departures.measured,
    "growth": growth.measured,
    "first_sync": first_sync.measured,
}
TEMPLATE = "rollcall_template"
README = Path(__file__).parents[2] / "README.md"


def main() -> None:
    """Measure, tell, and write the table if asked to."""
    asked = argparse.ArgumentParser(prog="python -m tests.bench")
    asked.add_argument("--people", type=int, default=100_000, help="how many are synced")
    asked.add_argument("--write", action="store_true", help="write the table into README.md")
    asked.add_argument("names", nargs="*", choices=[*BENCHES, []], help="what to measure")
    given = asked.parse_args()
    if given.write and given.names:
        asked.error("--write takes the whole table: name no benches")
    figures = list(measured(given.names or list(BENCHES), given.people))
    print(table(figures, given.people))
    if given.write:
        README.write_text(written_into(README.read_text(), table(figures, given.people)))


def measured(names: list[str], people: int) -> Iterator[Figure]:
    """Each bench in a world of its own, on one stack."""
    ours = settings.load()
    with (
        tempfile.TemporaryDirectory(prefix="rollcall-bench-") as folder,
        running(
            kafka=ours.kafka,
            database=ours.database_url,
            folder=Path(folder) / "stack",
            on_progress=lambda sentence: print(f"· {sentence}", file=sys.stderr),
        ) as stack,
        new_database(stack, TEMPLATE) as url,
    ):
        assert stack.kafka_kind != "in-memory", "figures need a real Kafka (DESIGN §7)"
        database.upgrade(Settings(database_url=url))
        for name in names:
            yield from _of_one(stack, name, people, Path(folder))


def _of_one(stack: Stack, name: str, people: int, folder: Path) -> Iterator[Figure]:
    place = folder / name
    place.mkdir()
    print(f"· {name} …", file=sys.stderr)
    with new_world(stack, TEMPLATE, place) as world:
        for figure in BENCHES[name](world, people):
            against = f", {figure.ratio} of {figure.compared_to}" if figure.ratio else ""
            print(
                f"· {figure.what}: {amount(figure.value)} {figure.unit}{against}", file=sys.stderr
            )
            yield figure


if __name__ == "__main__":
    main()
