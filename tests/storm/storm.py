"""What a storm does to the processes, their servers and the links between them."""

import random
import time
from collections import Counter
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Literal, NamedTuple, Protocol

from tests.harness import Stage
from tests.storm.fleet import Fleet, Ship
from tests.storm.logs import Logs, Place
from tests.storm.proxy import Link
from tests.storm.shelter import LinkName
from tests.waiting import eventually

SECONDS = 240.0
Harm = Literal["cut", "slow", "stall"]
HARMS: tuple[Harm, ...] = ("cut", "slow", "stall")
SOME = 40
"""Messages that wait for a process before it is woken, to be hit in their midst."""
ASLEEP_SECONDS = 4.0
"""How long it sleeps at most, well within its session."""
A_LITTLE = 0.03
"""How long it is awake before it is killed, at most."""
LOOK_SECONDS = 0.25
"""Between two looks whether a trouble is over: each asks the broker."""
Backends = Literal["listener", "pool"]
BACKENDS: dict[Backends, str] = {"listener": "~", "pool": "!~"}
"""How the last query of a gateway's backends matches what only the one that listens asks."""
END_BACKENDS = """
    SELECT pg_terminate_backend(pid) FROM pg_stat_activity
    WHERE application_name = %s AND query {} 'LISTEN|FROM outcome'
"""


Work = Callable[[set[Place]], bool]


class Asleep(NamedTuple):
    """A process that is frozen while it has unfinished work."""

    ship: Ship
    newest: dict[Place, int]
    """What stood in the logs by then."""
    places: set[Place]


class Trouble(NamedTuple):
    """Something that goes on while the storm does other things."""

    name: str
    is_over: Callable[[], bool]
    end: Callable[[], None]


class Owed(Protocol):
    """What gateways were asked."""

    def under_way(self, url: str) -> set[int]:
        """Requests to a gateway that are not answered yet."""

    def broken(self, requests: set[int]) -> set[int]:
        """Those of some requests that ended without an answer."""


class Storm:
    """Hits processes that have unfinished work, and counts only those hits."""

    def __init__(self, ships: Fleet, logs: Logs, rng: random.Random, some: int = SOME) -> None:
        self.ships, self.logs, self._rng, self._some = ships, logs, rng, some
        self.hits: Counter[str] = Counter()
        self.feed: Callable[[], None] = lambda: None
        """Lets more happen, where a blow waits for work that it can hit."""
        self._troubles: list[Trouble] = []
        self._look = 0.0
        self._began = time.monotonic()

    def kill(self, stage: Stage, work: Work | None = None) -> Ship | None:
        """SIGKILL a worker or sinks in the middle of something, or of the work that is given."""

        def killed() -> Ship | None:
            if (asleep := self.asleep(stage, work or self._some_comes_in)) is None:
                return None
            ship, newest, places = asleep
            ship.thaw()
            time.sleep(self._rng.uniform(0, A_LITTLE))
            ship.kill()
            return ship if self.logs.left(newest, places) else None

        ship = killed() if work else eventually(killed, SECONDS)
        if ship is not None:
            self._hit(f"{stage} killed", str(ship))
        return ship

    def kill_a_gateway(self, delivery: Owed, urls: Mapping[str, str]) -> None:
        """SIGKILL one that owes an answer; it counts if a request then ended without one.

        `urls`: of the gateways, by instance.
        """

        def killed() -> bool:
            self.tend()
            ship = self._any_of("gateway")
            owed = delivery.under_way(urls[ship.instance]) if ship else set()
            if ship is None or not owed:
                return False
            ship.kill()
            self.until(lambda: not owed & delivery.under_way(urls[ship.instance]))
            return bool(delivery.broken(owed))

        eventually(killed, SECONDS)
        self._hit("gateway killed", "")

    def end_backends(self, which: Backends, asked: Owed, urls: Mapping[str, str]) -> None:
        """End connections of a gateway that owes an answer, as an administrator of Postgres may.

        `urls`: of the gateways, by instance.
        """

        def ended() -> int:
            self.tend()
            ship = self._any_of("gateway")
            if ship is None or not asked.under_way(urls[ship.instance]):
                return 0
            return len(self.ships.world.rows(END_BACKENDS.format(BACKENDS[which]), str(ship)))

        self._hit(f"{which} ended", str(eventually(ended, SECONDS)))

    def freeze(self, stage: Stage, work: Work | None = None) -> None:
        """SIGSTOP a worker or sinks in the middle of something, past its session.

        It wakes when the broker has given up on it and others have done what it had to do.
        """
        self.until(lambda: not any(each.name == stage for each in self._troubles))
        found = partial(self.asleep, stage, work or self._some_comes_in)
        if (asleep := found() if work else eventually(found, SECONDS)) is None:
            return
        ship, newest, places = asleep

        def is_over() -> bool:
            gone = not self.logs.places_of(stage, ship.instance)
            return gone and not self.logs.left(newest, places)

        def end() -> None:
            ship.thaw()
            self._hit(f"{stage} frozen", str(ship))

        self._troubles.append(Trouble(stage, is_over, end))

    def harm_a_link(self, links: Mapping[LinkName, Link], how: Harm) -> None:
        """Cut, slow or stall the link of one process to one server, for some seconds."""
        key = self._rng.choice(sorted(links))
        link = links[key]
        until = time.monotonic() + self._rng.uniform(3, 12)
        match how:
            case "cut":
                link.cut()
            case "slow":
                link.slow(self._rng.uniform(0.02, 0.3))
            case "stall":
                link.slow(SECONDS)
        self._troubles.append(Trouble("link", lambda: time.monotonic() > until, link.heal))
        self._hit(f"link {how}", str(key))

    def asleep(self, stage: Stage, work: Work) -> Asleep | None:
        """One that sleeps, while there is work at the places that it owns; None if there is none.

        `work` brings some, and says whether there is some.
        """
        ship, places = eventually(lambda: self._owner(stage), SECONDS)
        ship.freeze()
        if work(places) and self.logs.left(newest := self.logs.newest(), places):
            return Asleep(ship, newest, places)
        ship.thaw()
        return None

    def _owner(self, stage: Stage) -> tuple[Ship, set[Place]] | None:
        self.tend()
        ship = self._any_of(stage)
        places = self.logs.places_of(stage, ship.instance) if ship else None
        return (ship, places) if ship and places else None

    def _some_comes_in(self, places: set[Place]) -> bool:
        until = time.monotonic() + ASLEEP_SECONDS
        while time.monotonic() < until:
            self.feed()
            if self.logs.pending(places) >= self._some:
                return True
        return False

    def meanwhile(self, name: str, call: Callable[[], None]) -> None:
        """Do something to a server, while processes are tended."""
        with ThreadPoolExecutor(1) as thread:
            done = thread.submit(call)
            eventually(lambda: self.ships.tend() and done.done(), SECONDS)
            done.result()
        self._hit(name, "")

    def tend(self) -> bool:
        """Start again whoever ended, end troubles that are over; True."""
        self.ships.tend()
        if time.monotonic() > self._look:
            self._look = time.monotonic() + LOOK_SECONDS
            for trouble in [each for each in self._troubles if each.is_over()]:
                self._troubles.remove(trouble)
                trouble.end()
        return True

    def until(self, observable: Callable[[], bool]) -> None:
        """Wait, and tend."""
        eventually(lambda: self.tend() and observable(), SECONDS)

    def pause(self, seconds: float) -> None:
        """Let that much time pass, and tend."""
        until = time.monotonic() + seconds
        self.until(lambda: time.monotonic() > until)

    def until_it_is_over(self) -> None:
        """Wait until no trouble is left, everybody runs, and everything is decided and applied."""
        self.until(lambda: not self._troubles)
        self.until(lambda: all(ship.is_able for ship in self.ships))
        self.until(self.logs.all_is_done)

    def tell(self) -> None:
        """Print what was done, and who ended by itself."""
        print(f"{time.monotonic() - self._began:.0f} s: {dict(sorted(self.hits.items()))}")
        for how, times in Counter(self.ships.ended).most_common():
            print(f"  {times} × {how}")

    def _any_of(self, stage: Stage) -> Ship | None:
        able = [ship for ship in self.ships if ship.stage == stage and ship.is_able]
        return self._rng.choice(able) if able else None

    def _hit(self, what: str, whom: str) -> None:
        self.hits[what] += 1
        print(f"{time.monotonic() - self._began:6.1f} s  {what} {whom}", flush=True)
