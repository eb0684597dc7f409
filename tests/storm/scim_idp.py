"""What an IdP says through SCIM in a storm, and how its kind says it."""

import itertools
import random
import threading
import time
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import httpx2

from tests.scim.idp import GROUP, PATCH, USER, Body, adds, removes, replaces
from tests.storm.scim_truth import Company, Group, Person, Resource

ANSWER_SECONDS = 60
"""How long an IdP waits for an answer; Okta and Entra as long (idp-facts §D)."""
LONGEST_PAUSE = 1.0
"""Before a repeat; IdPs pause for longer."""
REPEATED = {429, 502, 503, 504}


class AgainError(Exception):
    """Not acknowledged, so it is to be repeated."""

    def __init__(self, seconds: float = LONGEST_PAUSE) -> None:
        super().__init__()
        self.seconds = seconds


class UnexpectedError(Exception):
    """An answer that no IdP would repeat."""


class Traffic:
    """All requests of a storm, as a gateway's killer and the storm's end have to know them."""

    def __init__(self, urls: Sequence[str]) -> None:
        """`urls`: of the gateways."""
        self.urls = urls
        self.counts: Counter[str] = Counter()
        """Requests that got no answer, or one to repeat, and answers that are odd."""
        self.odd: list[Resource] = []
        self.is_behind = False
        """The read model may lack what was acknowledged, because Postgres crashed."""
        self._tickets = itertools.count()
        self._under_way: dict[int, str] = {}
        self._broken: set[int] = set()
        self._lock = threading.Lock()
        self._since = time.monotonic()

    def under_way(self, url: str) -> set[int]:
        """Writes to a gateway that have been sent and are not answered yet."""
        with self._lock:
            return {ticket for ticket, where in self._under_way.items() if where == url}

    def broken(self, requests: set[int]) -> set[int]:
        """Those of some requests that ended without an answer."""
        return requests & self._broken

    @contextmanager
    def sending(self, url: str, *, writes: bool) -> Iterator[None]:
        """One request, from when it is sent to its answer.

        Raises:
            AgainError: there was no answer.
        """
        with self._lock:
            ticket = next(self._tickets)
            self._under_way |= {ticket: url} if writes else {}
        try:
            yield
        except httpx2.TransportError as error:
            self._broken.add(ticket)
            self.counts[type(error).__name__] += 1
            raise AgainError(random.uniform(LONGEST_PAUSE / 4, LONGEST_PAUSE)) from error
        finally:
            with self._lock:
                self._under_way.pop(ticket, None)

    def finds_odd(self, about: Resource, what: str) -> None:
        """Note an answer that cannot be after what was acknowledged before.

        It can while the read model lacks what Postgres lost in a crash (DESIGN §5.7).
        """
        behind = " behind" if self.is_behind else ""
        about.told.append(f"{self.now()} odd{behind}: {what}")
        self.counts[f"odd{behind}: {what}"] += 1
        if not behind:
            self.odd.append(about)

    def now(self) -> str:
        """For what is told of a resource."""
        return f"[{time.monotonic() - self._since:.2f} s]"


class Talk:
    """One thread's way of speaking, each time to any of the gateways."""

    def __init__(self, traffic: Traffic) -> None:
        self.traffic = traffic
        self.is_first = True
        """Nothing that the IdP said of the resource before is unacknowledged."""
        self._http = httpx2.Client(timeout=ANSWER_SECONDS)

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
        url, now = random.choice(self.traffic.urls), self.traffic.now
        headers = {"Authorization": f"Bearer {company.token}"}
        about.told.append(f"{now()} {url[-5:]} {method} {path} {sent or ''}")
        with self.traffic.sending(url, writes=method != "GET"):
            answer = self._http.request(method, f"{url}/scim/v2/{path}", headers=headers, **sent)
        status, text = answer.status_code, answer.text
        about.told.append(f"{now()} {url[-5:]} {method} {path} {status} {text}")
        if status in REPEATED:
            self.traffic.counts[f"{status} {answer.json()['detail'][:30]}"] += 1
            raise AgainError(min(float(answer.headers["Retry-After"]), LONGEST_PAUSE))
        if status not in fine:
            raise UnexpectedError(f"{method} {path}: {status} {text}")
        return answer

    def find(self, company: Company, about: Resource, name: str) -> Body | None:
        """The one resource that has a name of this one, as IdPs look it up."""
        query = {"filter": f'{name} eq "{about.wanted[name]}"'}
        answer = self.ask(company, about, "GET", about.kind, {200}, params=query)
        resources: list[Body] = answer.json().get("Resources", [])
        if len(resources) > 1:
            raise UnexpectedError(f"several have this {name}: {answer.text}")
        return resources[0] if resources else None


Step = Callable[[Talk], None]
"""Says one thing that happened at an IdP; called again until it returns."""


class Idp:
    """What happens at a company's IdP: wanted first, then said."""

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
        answer = talk.ask(self.company, person, method, f"Users/{person.id}", {200, 404}, json=body)
        self._require_there(person, answer, talk)

    def delete(self, person: Person, talk: Talk) -> None:
        person.here, person.departed = False, True
        for group in self.company.groups.values():
            group.members.discard(person.name)
        self._delete(person, talk)

    def push(self, group: Group, people: Sequence[Person], talk: Talk) -> None:
        """A group has exactly these members."""
        group.here = True
        group.members = {person.name for person in people}
        wanted = {"schemas": [GROUP], **group.wanted, "members": _values(people)}
        self._put(group, wanted, ("displayName",), talk)

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
            raise AgainError  # lost sight of; another thread looks it up
        operations = [adds(*(str(person.id) for person in comes))] if comes else []
        if self.company.provider == "entra":
            operations += [{"op": "Remove", "path": "members", "value": _values(goes)}] * bool(goes)
        else:
            operations += [removes(str(person.id)) for person in goes]
        if self.company.provider == "okta" and not group.renamed:
            operations = [self._named(group), *operations]  # as it always does
        self._patch(group, operations, talk)

    def end(self, group: Group, talk: Talk) -> None:
        group.here, group.members = False, set()
        self._delete(group, talk)

    def look_at(self, about: Resource, talk: Talk) -> None:
        """Read what only one thread writes: it is as was acknowledged."""
        if about.id is None:
            return
        place = f"{about.kind}/{about.id}"
        shown = talk.ask(self.company, about, "GET", place, {200, 404}).json()
        is_so = {name: shown.get(name) for name in about.wanted} == about.wanted
        if isinstance(about, Group) and not about.renamed:  # nobody else moves its members
            members = {each["value"] for each in shown.get("members", [])}
            is_so &= members == {self.company.people[name].id for name in about.members}
        if not is_so:
            talk.traffic.finds_odd(about, "older than what was acknowledged")

    def _agree(self, person: Person, talk: Talk) -> None:
        wanted = {"schemas": [USER], **person.wanted}
        self._put(person, wanted, ("userName", "externalId"), talk)

    def _put(self, about: Resource, wanted: Body, names: Sequence[str], talk: Talk) -> None:
        """Look something up, and create or overwrite it."""
        company, kind = self.company, about.kind
        found = talk.find(company, about, names[0])
        if found is None:
            answer = talk.ask(company, about, "POST", kind, {201, 409}, json=wanted)
            if answer.status_code == 201:
                about.id, before = answer.json()["id"], about.id
                if before not in {None, about.id}:
                    talk.traffic.finds_odd(about, "who was inactive returned under another id")
                return
            found = next(filter(None, (talk.find(company, about, name) for name in names)), None)
        if found is None:
            talk.traffic.finds_odd(about, "409 because of what cannot be found")
            raise AgainError
        about.id = found["id"]
        answer = talk.ask(company, about, "PUT", f"{kind}/{about.id}", {200, 404}, json=wanted)
        self._require_there(about, answer, talk)

    def _delete(self, about: Resource, talk: Talk) -> None:
        """To find nobody is as good."""
        answer = talk.ask(self.company, about, "DELETE", f"{about.kind}/{about.id}", {204, 404})
        if answer.status_code == 404 and talk.is_first:
            talk.traffic.finds_odd(about, "404 for what is to be deleted")
        about.id = None

    def _patch(self, group: Group, operations: list[Body], talk: Talk) -> None:
        place, body = f"Groups/{group.id}", _patch(operations)
        answer = talk.ask(self.company, group, "PATCH", place, {200, 204, 404}, json=body)
        self._require_there(group, answer, talk)

    def _require_there(self, about: Resource, answer: httpx2.Response, talk: Talk) -> None:
        if answer.status_code == 404:
            talk.traffic.finds_odd(about, "404 for what was acknowledged")
            if isinstance(about, Person):
                about.id = None  # to be looked up
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
