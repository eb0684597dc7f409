"""The processes of a storm: started, killed, frozen, started again when they end by themselves."""

import json
import re
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path

from typing_extensions import override

from deploy.supervisor import RESTART_SECONDS
from tests.harness import ROLLCALL, Process, Stage, World
from tests.waiting import eventually

SECONDS = 60.0
ERROR = re.compile(r"^[\w.]*(Error|Exception|Exit)\b")

Name = tuple[Stage, str]


class Ship:
    """One process and those that follow it under the same name."""

    def __init__(self, stage: Stage, instance: str, env: Mapping[str, str], folder: Path) -> None:
        self.stage, self.instance = stage, instance
        self.frozen = False
        self._env = env
        self._log = folder / f"{stage}-{instance}.log"
        self._due = 0.0
        self._killed = False
        self._start()

    @override
    def __str__(self) -> str:
        return f"{self.stage}-{self.instance}"

    @property
    def is_able(self) -> bool:
        """Whether it runs, has been ready since it started, and is not frozen."""
        return self._ready and not self.frozen and self._due == 0.0

    def tend(self) -> str | None:
        """Start it again a second after it ended; say once how it ended by itself."""
        if self._due:
            if time.monotonic() >= self._due:
                self._start()
            return None
        self._ready |= self.process._says_ready()
        if (status := self.process.status()) is None:
            return None
        self._due = time.monotonic() + RESTART_SECONDS
        self.process.close()
        return None if self._killed else f"{self} ended with {status}: {self._last_words()}"

    def kill(self) -> None:
        """SIGKILL; `tend` starts it again."""
        self._killed = True
        self.process.kill()
        self.frozen = False

    def freeze(self) -> None:
        self.process.freeze()
        self.frozen = True

    def thaw(self) -> None:
        self.process.thaw()
        self.frozen = False

    def _start(self) -> None:
        self._due, self._killed, self._ready, self.frozen = 0.0, False, False, False
        self._log_start = self._log.stat().st_size if self._log.exists() else 0
        self.process = Process((*ROLLCALL, self.stage), self._env, self._log)

    def _last_words(self) -> str:
        """The last error that it told of."""
        with self._log.open("rb") as log:
            log.seek(self._log_start)
            lines = log.read().decode(errors="replace").splitlines()
        return next(filter(None, map(_error_in, reversed(lines))), "nothing said")[:300]


class Fleet:
    """Named processes of one world."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.ended: list[str] = []
        """Who ended by itself, and how."""
        self._ships: dict[Name, Ship] = {}

    def __getitem__(self, name: Name) -> Ship:
        return self._ships[name]

    def __iter__(self) -> Iterator[Ship]:
        return iter(self._ships.values())

    def launch(
        self, stage: Stage, instance: str = "a", env: Mapping[str, str] | None = None
    ) -> Ship:
        """Start one more; it need not be ready yet."""
        own = {
            "ROLLCALL_INSTANCE": instance,
            "ROLLCALL_STATE_FOLDER": str(self.world.settings.state_folder / instance),
        }
        all_of_it = {**self.world.env(), **own, **(env or {})}
        ship = self._ships[stage, instance] = Ship(stage, instance, all_of_it, self.world.folder)
        return ship

    def leave(self, stage: Stage, instance: str) -> int:
        """End one in order and for good; its status."""
        process = self._ships.pop((stage, instance)).process
        with closing(process):
            return process.stop()

    def tend(self) -> bool:
        """Start again whoever ended; True."""
        for ship in self:
            if how := ship.tend():
                self.ended.append(how)
        return True

    def until_ready(self, ships: Iterable[Ship] | None = None) -> None:
        """Wait until these, or all, are ready."""
        waited_for = list(ships or self)
        eventually(lambda: self.tend() and all(ship.is_able for ship in waited_for), SECONDS)

    def close(self) -> None:
        for ship in self:
            ship.process.close()


@contextmanager
def fleet(world: World) -> Iterator[Fleet]:
    """Nobody runs yet; at the end whoever does is killed."""
    ships = Fleet(world)
    try:
        yield ships
    finally:
        ships.close()


def _error_in(line: str) -> str | None:
    """What a line of a log tells of an error: a record in JSON, or the end of a traceback."""
    if not line.startswith("{"):
        return line if ERROR.match(line) else None
    record = json.loads(line)
    if record.get("level") not in {"error", "critical"}:
        return None
    told = [f"{each['exc_type']}: {each['exc_value']}" for each in record.get("exception", [])]
    return " ".join([record.get("event", ""), *told])
