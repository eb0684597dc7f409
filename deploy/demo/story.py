"""The demo: its chapters in order."""

import sys
import time
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Final

from deploy.demo import arrival, company, departure, narration
from deploy.demo.running import Rollcall, started
from deploy.simulate.workos import first_sync

SEED: Final = 3
PEOPLE: Final = 1_000


def tell() -> None:
    """Run the demo; with a terminal it waits for Enter or Ctrl-C before it stops everything.

    Raises:
        CommandError: a step failed, or something did not come out as it must.
    """
    began = time.monotonic()
    narration.chapter("Start: Kafka, Postgres, gateway, processors, sinks")
    with started(on_progress=lambda sentence: narration.say(f"  {sentence}")) as rollcall:
        events = first_sync(
            SEED,
            PEOPLE,
            len(company.GRANTS),
            company.DIRECTORY,
            company.ORGANIZATION,
            started_at=datetime.now(UTC) - timedelta(minutes=5),  # before anybody leaves
        )
        arrival.set_up(rollcall, events)
        arrival.sync(rollcall, events)
        arrival.show(rollcall)
        departure.tell(rollcall, events)
        narration.say(f"\nThat took {time.monotonic() - began:.0f} s, everything included.")
        if sys.stdin.isatty() and narration.console.is_terminal:
            _wait(rollcall)


def _wait(rollcall: Rollcall) -> None:
    with suppress(KeyboardInterrupt):
        narration.say(
            f"\nIt is still running at {rollcall.url}. Look around in another terminal:\n"
            f"  export ROLLCALL_URL={rollcall.url} ROLLCALL_ADMIN_TOKEN={rollcall.token}\n"
            f"  rollcall audit list -t {company.TENANT} --role-to admin --since 7d\n"
            f"  rollcall members list -t {company.TENANT} --workspace design\n"
            "Enter or Ctrl-C stops everything."
        )
        sys.stdin.readline()
