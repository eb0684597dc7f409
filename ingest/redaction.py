"""Private numbers in kept attributes go on as keyed hashes only (DESIGN §6)."""

import hmac
import re
from collections.abc import Collection, Mapping
from functools import lru_cache
from typing import Any, Final, NamedTuple

from ingest import detectors
from schemas.names import REDACTED

PREFIX: Final = REDACTED
"""How each replacement begins; 40 hexadecimal digits follow."""

_REPLACEMENT: Final = re.compile(rf"{PREFIX}(?P<hash>[0-9a-f]{{24}})(?P<seal>[0-9a-f]{{16}})")
_HASH: Final = 24
_SEAL: Final = 16  # an online guess at it costs a request
_IDENTITY: Final = frozenset(
    {
        "active",
        "email",
        "externalid",
        "groups",
        "id",
        "manageremail",
        "members",
        "meta",
        "schemas",
        "username",
    }
)
"""Attributes of a resource itself that say who it is, or that SCIM lives on."""
_MANAGER: Final = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"
"""Where `manager` is an id, and a name that no client writes (RFC 7643 §4.3)."""
_KIND: Final = 64
"""Longest `type` that is asked what it says: its sender chooses it, and answers are kept."""
_INTEGERS: Final = 10**40  # no number of a person is longer, and str() of a huge one is slow


class Redaction(NamedTuple):
    """A document as it may go on."""

    value: Any
    """The same JSON value, with replacements in it."""
    found: tuple[str, ...]
    """The attributes that were replaced, sorted, each once: `title`, `addresses.streetAddress`,
    `urn:…:User.employeeNumber`.  Names only, never a value."""


class Redactor:
    """Finds private numbers, and holds the secret that their hashes are keyed with."""

    def __init__(self, key: str) -> None:
        """Take the key.

        Args:
            key: secret of the installation; with another one every number gets another hash.
        """
        assert key, "without a key, anybody could try out all numbers"
        self._key = key.encode()

    def redacted(
        self, tenant_id: str, document: Mapping[str, Any], *, kept_as_sent: Collection[str]
    ) -> Redaction:
        """Replace each value that holds the number of a person, a card or a bank account.

        The whole value is replaced, by `PREFIX` and a hash that is the same for the same number of
        the same tenant, however it is written.  What was replaced here before stays as it is, so
        that an IdP may send back what it read; a seal in the hash tells.  Anything else that begins
        with `PREFIX` is replaced too, so nobody can pass off a hash that they never saw.

        Args:
            tenant_id: whose document it is.
            document: a SCIM resource, or a flat mapping of attributes by our names; it is not
                changed.  The caller bounds its depth and the length of its texts.
            kept_as_sent: attributes, named as in `Redaction.found`, that stay as they are with all
                that they consist of.  Case, "_" and ":" before the name (RFC 7644 §3.10) do not
                matter.
        """
        walk = _Walk(self, tenant_id, frozenset(map(_folded, kept_as_sent)))
        return Redaction(walk.mapping(document, "", private=False), tuple(sorted(walk.found)))

    def replacement(self, tenant_id: str, text: str) -> str:
        """What stands for a number, or for a forgery, of a tenant."""
        hashed = self._digest("number", tenant_id, text)[:_HASH]
        return f"{PREFIX}{hashed}{self._seal(tenant_id, hashed)}"

    def is_own(self, tenant_id: str, text: str) -> bool:
        """Whether a text is a replacement that was made here for this tenant."""
        match = _REPLACEMENT.fullmatch(text)
        return match is not None and hmac.compare_digest(
            match["seal"], self._seal(tenant_id, match["hash"])
        )

    def _seal(self, tenant_id: str, hashed: str) -> str:
        return self._digest("seal", tenant_id, hashed)[:_SEAL]

    def _digest(self, purpose: str, tenant_id: str, text: str) -> str:
        message = f"{purpose}\0{tenant_id}\0{text}".encode(errors="surrogatepass")
        return hmac.digest(self._key, message, "sha256").hex()


def is_redacted(value: object) -> bool:
    """Whether a value has the form of a replacement."""
    return isinstance(value, str) and _REPLACEMENT.fullmatch(value) is not None


class _Walk:
    """One way through one document."""

    def __init__(self, redactor: Redactor, tenant_id: str, kept: frozenset[str]) -> None:
        self._redactor = redactor
        self._tenant_id = tenant_id
        self._kept = kept
        self.found: set[str] = set()

    def mapping(self, sent: Mapping[str, Any], path: str, private: bool) -> dict[str, Any]:
        # What a multi-valued attribute is of may stand beside it: {"type": "ssn", "value": …}.
        kind = sent.get("type")
        private = private or (
            isinstance(kind, str) and len(kind) <= _KIND and detectors.about(kind).private
        )
        return {
            name: self._value(value, f"{path}.{name}" if path else name, private)
            for name, value in sent.items()
        }

    def _value(self, value: Any, path: str, private: bool) -> Any:
        place = _place(path)
        if place.identity or place.folded in self._kept:
            return value
        if isinstance(value, str):  # first, since most are
            text = value
        elif isinstance(value, dict):
            return self.mapping(value, path, private)
        elif isinstance(value, list):
            return [self._value(each, path, private) for each in value]
        else:
            text = _digits(value)
        about = place.about._replace(private=True) if private else place.about
        hidden = self._hidden(text, about)
        if hidden is None:
            return value
        self.found.add(path)
        return self._redactor.replacement(self._tenant_id, hidden)

    def _hidden(self, text: str, about: detectors.About) -> str | None:
        """What a hash has to stand for."""
        if not text.startswith(PREFIX):
            return detectors.number_in(text, about)
        return None if self._redactor.is_own(self._tenant_id, text) else text


class _Place(NamedTuple):
    folded: str
    identity: bool
    about: detectors.About


@lru_cache(maxsize=4_096)  # they are few, since only an allow-list of attributes passes
def _place(path: str) -> _Place:
    """What is known of an attribute by its path alone."""
    # A URN is no name that could tell something, and it has dots of its own.
    schema, urn, rest = path.rpartition(":")
    name = rest.partition(".")[2] if urn else path
    parts = _folded(name).split(".")
    identity = (
        (parts[0] == "manager" and f"{schema}:{rest}".startswith(_MANAGER))
        or parts == ["emails", "value"]
        or (not urn and parts[0] in _IDENTITY)
    )
    return _Place(_folded(path), identity, detectors.about(name or rest))


def _folded(name: str) -> str:
    return name.casefold().replace("_", "").replace(":", ".")


def _digits(value: object) -> str:
    """The digits of a whole number, however JSON carried it; else nothing."""
    match value:
        case float() if value.is_integer():
            return _digits(int(value))
        case int() if abs(value) < _INTEGERS:
            return str(value)
        case _:
            return ""
