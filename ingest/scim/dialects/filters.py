"""Filters of whatever client: in the URL, in the body of a search, in the paths of a PATCH."""

import re
from typing import Final
from urllib.parse import unquote

_PLUS: Final = "\ud800"
"""Stands for a raw `+` of the URL: no text that is decoded has half a character."""
_TEXT: Final = r'"(?:[^"\\]|\\.)*+(?:"|\\?\Z)'  # to the end, where nothing ends it: one pass
_QUOTED: Final = re.compile(_TEXT)
_EMAIL: Final = re.compile(rf'"[^\s"@]+@[^\s"@{_PLUS}]+"')
_UNQUOTED: Final = re.compile(
    rf"({_TEXT})"  # stays
    r"|(\b(?:eq|ne|co|sw|ew|gt|ge|lt|le)\s+)(?:'([^'\"]*)'|([^\s\"'()\[\]]+))",
    re.IGNORECASE,
)
_LITERAL: Final = re.compile(r"true|false|null|-?\d+(?:\.\d+)?(?:e[+-]?\d+)?", re.IGNORECASE)


def decoded(raw: str) -> str:
    """A filter as it stands in a URL, percent-encoded.

    Who writes spaces as `%20` means a plus by `+`.  Others (OneLogin) write spaces as `+`, and a
    plus as `%2B`; but no address has a space in it, so within one that is quoted a `+` is a plus
    however it was sent.
    """
    text = unquote(raw.replace("+", _PLUS), errors="replace")
    if _PLUS not in text:
        return text
    if " " in _QUOTED.sub("", text):
        return text.replace(_PLUS, "+")
    text = _EMAIL.sub(lambda found: found[0].replace(_PLUS, "+"), text)
    return text.replace(_PLUS, " ")


def quoted(text: str) -> str:
    """A filter, or a path with one, whose texts are quoted as JSON asks (RFC 7644 §3.4.2.2).

    `userName eq ann@acme.example` and `userName eq 'ann@acme.example'` mean one thing only.
    """
    return _UNQUOTED.sub(_as_json, text)


def _as_json(found: re.Match[str]) -> str:
    already, operator, apostrophes, bare = found.groups()
    if already is not None or (bare is not None and _LITERAL.fullmatch(bare)):
        return found[0]
    text = (apostrophes if bare is None else bare).replace("\\", "\\\\")
    return f'{operator}"{text}"'
