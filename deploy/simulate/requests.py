"""SCIM's requests over a wire, each judged by what comes back."""

from typing import Final
from urllib.parse import quote

from deploy.simulate.judging import PATCH, judge, judge_list
from deploy.simulate.wire import Body, Wire

PAGE: Final = 100
"""Resources that are asked for at once."""

_NOUNS: Final = {"Users": "a user", "Groups": "a group"}


class Requests:
    """What an IdP asks of a SCIM server; paths are below the base URL."""

    def __init__(self, wire: Wire) -> None:
        self.wire = wire
        self._report = wire.report

    async def post(self, endpoint: str, body: Body) -> str | None:
        """Make a resource; its id, None if that failed."""
        kind = f"POST of {_NOUNS[endpoint]}"
        answer = await self.wire.ask(kind, "POST", endpoint, body, expects={201})
        return judge(self._report, kind, answer, body)

    async def put(self, path: str, body: Body) -> bool:
        """Replace a resource; whether it worked."""
        kind = f"PUT of {_noun(path)}"
        answer = await self.wire.ask(kind, "PUT", path, body)
        judge(self._report, kind, answer, body)
        return answer.ok

    async def patch(self, path: str, *operations: Body, sets: Body | None = None) -> bool:
        """Change a resource; whether it worked.

        Args:
            path: the resource's.
            operations: in order.
            sets: attributes of the resource that must come back so, if it does.
        """
        kind = f"PATCH of {_noun(path)}"
        body = {"schemas": [PATCH], "Operations": [*operations]}
        answer = await self.wire.ask(kind, "PATCH", path, body, expects={200, 204})
        judge(self._report, kind, answer, sets or {})
        return answer.ok

    async def delete(self, path: str) -> bool:
        """Delete a resource; whether it worked."""
        answer = await self.wire.ask(f"DELETE of {_noun(path)}", "DELETE", path, expects={204})
        return answer.ok

    async def get(self, path: str, has: Body) -> Body | None:
        """Read a resource, which has some attributes; None if that failed."""
        kind = f"GET of {_noun(path)}"
        answer = await self.wire.ask(kind, "GET", path)
        judge(self._report, kind, answer, has)
        return answer.body if answer.ok else None

    async def search(self, kind: str, path: str) -> list[Body]:
        """The resources that a URL lists."""
        return judge_list(self._report, kind, await self.wire.ask(kind, "GET", path))

    async def find(self, kind: str, path: str) -> str | None:
        """The id of the first resource that a URL lists; a 404 is taken for none (§4.1)."""
        answer = await self.wire.ask(kind, "GET", path, expects={200, 404})
        found = judge_list(self._report, kind, answer) if answer.status == 200 else []
        ids = [str(each["id"]) for each in found if each.get("id")]
        return ids[0] if ids else None

    async def every(self, kind: str, endpoint: str) -> dict[str, Body]:
        """All resources by their ids, a page after the other, as Okta imports users."""
        seen: dict[str, Body] = {}
        while True:
            path = f"{endpoint}?startIndex={len(seen) + 1}&count={PAGE}"
            page = await self.search(kind, path)
            known = len(seen)
            seen |= {str(each.get("id")): each for each in page}
            if len(seen) != known + len(page):
                self.surprise(kind, "brings somebody twice", path)
            if len(page) < PAGE or len(seen) == known:
                return seen

    def surprise(self, kind: str, what: str, example: str = "") -> None:
        """The provider stumbles."""
        self._report.surprise(kind, what, example)


def equal(attribute: str, value: str) -> str:
    """A percent-encoded filter."""
    return quote(f'{attribute} eq "{value}"')


def _noun(path: str) -> str:
    return _NOUNS[path.partition("/")[0]]
