"""IdPs in a storm: each repeats what happened at it until the SCIM door acknowledges it."""

import itertools
import random
import threading
import time
import traceback
from collections import Counter, deque
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from typing import Any

import httpx2

from tests.scim.idp import GROUP, PATCH, USER, Body, adds, removes, replaces
from tests.storm.scim_truth import Company, Group, Person, Resource

THREADS = 32
ANSWER_SECONDS = 60
"""How long an IdP waits for an answer; Okta and Entra as long (idp-facts §D)."""
LONGEST_PAUSE = 1.0
"""Before a repeat; IdPs pause for longer."""
REPEATED = {429, 502, 503, 504}
LOOKS = 0.25
"""How often an IdP reads what was just acknowledged."""
TRIES = 20
"""Lines that are tried for one that can go on."""


class AgainError(Exception):
    """Not acknowledged, so it is to be repeated."""

    def __init__(self, seconds: float = LONGEST_PAUSE) -> None:
        super().__init__()
        self.seconds = seconds


class UnexpectedError(Exception):
    """An answer that no IdP would repeat."""


class StoppedError(Exception):
    """The storm ended before something was acknowledged."""


class Talk:
    """One thread's way of speaking to the gateways, each time to the next of them."""

    def __init__(self, clients: "Clients", number: int) -> None:
        self.is_first = True
        """Nothing that the IdP said of the resource before is unacknowledged."""
        self._clients = clients
        self._http = httpx2.Client(timeout=ANSWER_SECONDS)
        self._urls = itertools.islice(itertools.cycle(clients.urls), number % 2, None)

    def close(self) -> None:
        self._http.close()

    def ask(
        self,
        company: Company,
        about: Resource,
        method: str,
        path: str,
        fine: Collection[int],
        **sent: Any,
    ) -> httpx2.Response:
        """Send a request once.

        Raises:
            AgainError: it is to be repeated.
            UnexpectedError: the answer's status is none of those that are fine.
        """
        url, clients = next(self._urls), self._clients
        headers = {"Authorization": f"Bearer {company.token}"}
        told = f"{clients.now()} {url[-5:]} {method} {path} {sent}"
        with clients.under_way_to(url, counts=method != "GET") as ticket:
            try:
                answer = self._http.request(
                    method, f"{url}/scim/v2/{path}", headers=headers, **sent
                )
            except httpx2.TransportError as error:
                clients.breaks(ticket)
                clients.counts[type(error).__name__] += 1
                about.told.append(f"{told} {type(error).__name__} {clients.now()}")
                raise AgainError(random.uniform(0.05, 0.4)) from None
        status, text = answer.status_code, answer.text
        said = text if status >= 300 or method == "GET" else ""
        about.told.append(f"{told} {status} {said} {clients.now()}")
        if status in REPEATED:
            clients.counts[f"{status} {answer.json()['detail'][:24]}"] += 1
            raise AgainError(min(float(answer.headers["Retry-After"]), LONGEST_PAUSE))
        if status not in fine:
            raise UnexpectedError(f"{method} {path}: {status} {text}")
        return answer

    def find(self, company: Company, about: Resource, name: str) -> Body | None:
        """The one resource that has a name of this one, as IdPs look it up."""
        query = {"filter": f'{name} eq "{about.wanted[name]}"'}
        answer = self.ask(company, about, "GET", about.kind, {200}, params=query)
        resources = answer.json().get("Resources", [])
        if len(resources) > 1:
            raise UnexpectedError(f"several have this {name}: {answer.text}")
        return resources[0] if resources else None

    def finds_odd(self, about: Resource, what: str) -> None:
        """Note an answer that cannot be after what was acknowledged before.

        It can while the read model lacks what Postgres lost in a crash (DESIGN §5.7).
        """
        behind = " behind" if self._clients.is_behind else ""
        about.told.append(f"{self._clients.now()} odd{behind}: {what}")
        self._clients.counts[f"odd{behind}: {what}"] += 1
        if not behind:
            self._clients.odd.append(about)


Step = Callable[[Talk], None]
"""Says one thing that happened at an IdP; again and again, until it returns."""


class Idp:
    """What an IdP does, and how its kind says it."""

    def __init__(self, company: Company) -> None:
        self.company = company

    def create(self, person: Person, changes: Body, talk: Talk) -> None:
        """A person is new, or returns."""
        person.wanted |= {"active": True} | changes
        person.here = True
        self._agree(person, talk)

    def change(self, person: Person, changes: Body, talk: Talk) -> None:
        person.wanted |= changes
        person.departed |= not person.wanted["active"]
        if person.id is None:
            self._agree(person, talk)
            return
        method, body = self._said(person, changes)
        answer = talk.ask(
            self.company, person, method, f"Users/{person.id}", {200, 404}, json=body
        )
        if answer.status_code == 404:
            talk.finds_odd(person, "404 for a person")
            person.id = None
            raise AgainError

    def delete(self, person: Person, talk: Talk) -> None:
        """A deletion that finds nobody is as good."""
        person.here, person.departed = False, True
        for group in self.company.groups.values():
            group.members.discard(person.name)
        answer = talk.ask(self.company, person, "DELETE", f"Users/{person.id}", {204, 404})
        if answer.status_code == 404 and talk.is_first:
            talk.finds_odd(person, "404 for who is to be deleted")
        person.id = None

    def push(self, group: Group, people: Sequence[Person], talk: Talk) -> None:
        """A group has exactly these members."""
        group.here = True
        group.members = {person.name for person in people}
        wanted = {"schemas": [GROUP], **group.wanted, "members": _values(people)}
        if group.id is None:
            found = talk.find(self.company, group, "displayName")
            if found is None:
                answer = talk.ask(
                    self.company, group, "POST", "Groups", {201, 409}, json=wanted
                )
                if answer.status_code == 201:
                    group.id = answer.json()["id"]
                    return
                found = talk.find(self.company, group, "displayName")
            self._adopt(group, found, talk)
        answer = talk.ask(
            self.company, group, "PUT", f"Groups/{group.id}", {200, 404}, json=wanted
        )
        self._require_there(group, answer, talk)

    def rename(self, group: Group, name: str, talk: Talk) -> None:
        group.wanted["displayName"] = name
        self._patch(group, [self._named(group)], talk)

    def move(
        self, group: Group, comes: Sequence[Person], goes: Sequence[Person], talk: Talk
    ) -> None:
        """Some become members of a group, others leave it."""
        group.members |= {person.name for person in comes}
        group.members -= {person.name for person in goes}
        if any(person.id is None for person in (*comes, *goes)):
            raise AgainError  # another thread looks it up
        operations = [adds(*(str(person.id) for person in comes))] if comes else []
        if self.company.provider == "entra":
            operations += [{"op": "Remove", "path": "members", "value": _values(goes)}] * bool(goes)
        else:
            operations += [removes(str(person.id)) for person in goes]
        if self.company.provider == "okta" and not group.renamed:
            operations = [self._named(group), *operations]  # as it always does
        self._patch(group, operations, talk)

    def end(self, group: Group, talk: Talk) -> None:
        group.here = False
        group.members = set()
        answer = talk.ask(self.company, group, "DELETE", f"Groups/{group.id}", {204, 404})
        if answer.status_code == 404 and talk.is_first:
            talk.finds_odd(group, "404 for what is to be deleted")
        group.id = None

    def look_at(self, about: Resource, talk: Talk) -> None:
        """Read what only one thread writes: it is as was acknowledged."""
        if about.id is None:
            return
        answer = talk.ask(
            self.company, about, "GET", f"{about.kind}/{about.id}", {200, 404}
        ).json()
        shown = {name: answer.get(name) for name in about.wanted}
        if shown != about.wanted:
            talk.finds_odd(about, "older than what was acknowledged")

    def _agree(self, person: Person, talk: Talk) -> None:
        """Look somebody up, and create or overwrite them."""
        body = {"schemas": [USER], **person.wanted}
        found = talk.find(self.company, person, "userName")
        if found is None:
            answer = talk.ask(self.company, person, "POST", "Users", {201, 409}, json=body)
            if answer.status_code == 201:
                if person.id not in {None, answer.json()["id"]}:
                    talk.finds_odd(person, "who was inactive returned under another id")
                person.id = answer.json()["id"]
                return
            found = talk.find(self.company, person, "userName") or talk.find(
                self.company, person, "externalId"
            )
        self._adopt(person, found, talk)
        answer = talk.ask(
            self.company, person, "PUT", f"Users/{person.id}", {200, 404}, json=body
        )
        self._require_there(person, answer, talk)

    def _adopt(self, about: Resource, found: Body | None, talk: Talk) -> None:
        if found is None:
            talk.finds_odd(about, "409 because of what cannot be found")
            raise AgainError
        about.id = found["id"]

    def _require_there(self, about: Resource, answer: httpx2.Response, talk: Talk) -> None:
        if answer.status_code == 404:
            talk.finds_odd(about, "404 for what was just found")
            about.id = None
            raise AgainError

    def _said(self, person: Person, changes: Body) -> tuple[str, Body]:
        provider, only_active = self.company.provider, changes.keys() == {"active"}
        if provider == "entra":
            return "PATCH", _patch(_as_entra(changes))
        if provider == "okta" and only_active:
            return "PATCH", _patch([{"op": "replace", "value": changes}])
        if only_active:
            return "PATCH", _patch([replaces("active", changes["active"])])
        whole = {"schemas": [USER], **person.wanted}
        if provider == "generic" and "active" not in changes:
            del whole["active"]
        return "PUT", whole

    def _named(self, group: Group) -> Body:
        if self.company.provider == "okta":
            return {"op": "replace", "value": {"id": group.id, **group.wanted}}
        return replaces("displayName", group.wanted["displayName"])

    def _patch(self, group: Group, operations: list[Body], talk: Talk) -> None:
        place = f"Groups/{group.id}"
        answer = talk.ask(
            self.company, group, "PATCH", place, {200, 204, 404}, json=_patch(operations)
        )
        if answer.status_code == 404:
            talk.finds_odd(group, "404 for a group")
            raise AgainError


class Line:
    """Steps that follow one another; those of different lines happen side by side."""

    def __init__(
        self, idp: Idp, about: Resource, steps: Sequence[Step], needs: Sequence[Resource] = ()
    ) -> None:
        self.idp, self.about = idp, about
        self.steps = deque(steps)
        self._needs = needs
        """These must be there before it begins."""

    @property
    def can_go_on(self) -> bool:
        return all(each.here and each.id is not None for each in self._needs)


class Clients:
    """Threads that do what happens at some IdPs, at a pace."""

    def __init__(
        self, urls: Sequence[str], lines: Sequence[Line], rng: random.Random, per_second: float
    ) -> None:
        """`urls`: of the gateways."""
        self.urls = urls
        self.counts: Counter[str] = Counter()
        """Requests that got no answer or one to repeat, and answers that are odd."""
        self.odd: list[Resource] = []
        self.failures: list[str] = []
        self.acknowledged = 0
        """Steps, those beyond the plan included."""
        self.share = 0.0
        """How much of what is planned may happen by now; meanwhile people get new titles."""
        self.is_behind = False
        """The read model may lack what was acknowledged, because Postgres crashed."""
        self._count = sum(len(line.steps) for line in lines)
        self._begun = self._done = 0
        self._busy: set[Line] = set()
        self._waiting = [line for line in lines if line.steps]
        self._through: list[Line] = []
        self._rng = rng
        self._pace = THREADS / per_second
        self._titles, self._tickets = itertools.count(), itertools.count()
        self._under_way: dict[int, str] = {}
        self._broken: set[int] = set()
        self._lock = threading.Lock()
        self._ends, self._stopped = threading.Event(), threading.Event()
        self._since = time.monotonic()

    def has_got(self, share: float) -> bool:
        """Whether that share of what is planned was acknowledged.

        Raises:
            AssertionError: something was answered in a way that no IdP would repeat.
        """
        assert not self.failures, self.failures[0]
        return self._done >= share * self._count

    def is_through(self) -> bool:
        """Begin nothing more; whether all that was begun is acknowledged."""
        self._ends.set()
        assert not self.failures, self.failures[0]
        return not self._busy

    def under_way(self, url: str) -> set[int]:
        """Writes to a gateway that have been sent and are not answered yet."""
        with self._lock:
            return {ticket for ticket, where in self._under_way.items() if where == url}

    def broken(self, requests: set[int]) -> set[int]:
        """Those of some requests that ended without an answer."""
        return requests & self._broken

    @contextmanager
    def under_way_to(self, url: str, *, counts: bool) -> Iterator[int]:
        with self._lock:
            ticket = next(self._tickets)
            self._under_way |= {ticket: url} if counts else {}
        try:
            yield ticket
        finally:
            with self._lock:
                self._under_way.pop(ticket, None)

    def breaks(self, ticket: int) -> None:
        self._broken.add(ticket)

    def now(self) -> str:
        """For what is told of a resource."""
        return f"[{time.monotonic() - self._since:.2f} s]"

    @contextmanager
    def running(self) -> Iterator["Clients"]:
        """Speak in the background until the block ends."""
        threads = [threading.Thread(target=self._go_on, args=[n]) for n in range(THREADS)]
        for thread in threads:
            thread.start()
        try:
            yield self
        finally:
            self._ends.set()
            self._stopped.set()
            for thread in threads:
                thread.join()

    def do(self, talk: Talk, step: Step) -> None:
        """One step, until it is acknowledged.

        Raises:
            UnexpectedError: it never will be.
            StoppedError: the storm has ended.
        """
        talk.is_first = True
        while True:
            try:
                step(talk)
            except AgainError as again:
                talk.is_first = False
                self.counts["repeats"] += 1
                if self._stopped.wait(again.seconds):
                    raise StoppedError from None
            else:
                return

    def _go_on(self, number: int) -> None:
        talk = Talk(self, number)
        while not self._stopped.wait(self._pace):
            if (taken := self._take()) is None:
                continue
            line, step, planned = taken
            try:
                self.do(talk, step)
                self._look(line, talk)
            except StoppedError:
                break
            except Exception:  # noqa: BLE001 # told to who waits for this thread
                told = [line.about.name, *line.about.told, traceback.format_exc()]
                self.failures.append("\n".join(told))
                break
            self._give_back(line, planned=planned)
        talk.close()

    def _look(self, line: Line, talk: Talk) -> None:
        if self._rng.random() < LOOKS and line.is_alone:
            with suppress(AgainError):
                line.idp.look_at(line.about, talk)

    def _take(self) -> tuple[Line, Step, bool] | None:
        """Something planned if it may happen by now, else another title for somebody."""
        with self._lock:
            if self._ends.is_set():
                return None
            if self._waiting and self._begun < self._count * self.share:
                for _ in range(TRIES):
                    line = self._rng.choice(self._waiting)
                    if line.can_go_on:
                        self._begun += 1
                        self._waiting.remove(line)
                        self._busy.add(line)
                        return line, line.steps.popleft(), True
            if not self._through:
                return None
            line = self._through.pop(self._rng.randrange(len(self._through)))
            self._busy.add(line)
            return line, line.beyond({"title": f"Chapter {next(self._titles)}"}), False

    def _give_back(self, line: Line, *, planned: bool) -> None:
        with self._lock:
            self.acknowledged += 1
            self._done += planned
            self._busy.remove(line)
            if line.steps:
                self._waiting.append(line)
            elif isinstance(line.about, Person) and line.about.here:
                self._through.append(line)


def _values(people: Sequence[Person]) -> list[Body]:
    return [{"value": person.id} for person in people]


def _patch(operations: list[Body]) -> Body:
    return {"schemas": [PATCH], "Operations": operations}


def _as_entra(changes: Mapping[str, Any]) -> list[Body]:
    """One operation an attribute, and booleans as texts (idp-facts §4.2)."""
    parts: dict[str, Any] = {}
    for name, value in changes.items():
        match name:
            case "active":
                parts["active"] = str(value)
            case "name":
                parts["name.familyName"] = value["familyName"]
            case "emails":
                parts['emails[type eq "work"].value'] = value[0]["value"]
            case _:
                parts[name] = value
    return [{"op": "Replace", "path": path, "value": value} for path, value in parts.items()]
