"""Attributes in the bodies of POST and PUT, and in the values of PATCH operations without a path.

What any client may send, and is harmless of all.  An object is never changed: what is made of it is
new.
"""

from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Any, Final

from scim2_models import EnterpriseUser, Group, User

from ingest.scim.dialects.dialect import Dialect, Json
from ingest.scim.dialects.values import COMPLEX, scalar, shaped
from schemas.policy import OwnAttribute

USER: Final = str(User.__schema__)
GROUP: Final = str(Group.__schema__)
ENTERPRISE: Final = str(EnterpriseUser.__schema__)
CORE: Final = frozenset({USER.lower(), GROUP.lower()})
_MESSAGES: Final = "urn:ietf:params:scim:api:messages:"
_NOT_WRITTEN: Final = frozenset({"id", "meta", "groups"})


@lru_cache(maxsize=256)
def extensions_of(own_attributes: tuple[OwnAttribute, ...]) -> Mapping[str, str]:
    """The URNs of the extensions that a tenant keeps, by their lower case."""
    urns = {ENTERPRISE, *(each.schema for each in own_attributes)}
    return {urn.lower(): urn for urn in urns}


def resource(body: Any, dialect: Dialect, extensions: Mapping[str, str], base: str) -> Any:
    """The body of a POST or PUT.

    Args:
        body: as it was sent.
        dialect: of its sender.
        extensions: as `extensions_of` gives them.
        base: the URN of the resource.
    """
    if not isinstance(body, dict):
        return body
    made = without_read_only(attributes(body, dialect, extensions))
    if "schemas" in made:
        made["schemas"] = with_base(made["schemas"], base)
    return made


def without_read_only(body: Json) -> Json:
    """What was read and is sent back: nobody writes it, whatever it looks like (RFC 7644 §3.5.1).

    Okta sends `groups: []` with a new person, and the whole resource with PUT (idp-facts §4.3).
    """
    return {name: value for name, value in body.items() if name.lower() not in _NOT_WRITTEN}


def with_base(schemas: Any, base: str) -> Any:
    """The URN of a resource or message among `schemas`, unless they speak of another resource."""
    listed = [schemas] if isinstance(schemas, str) else schemas or []
    if not isinstance(listed, list) or not all(isinstance(each, str) for each in listed):
        return schemas
    known = {base.lower(), *(() if base.startswith(_MESSAGES) else CORE)}
    return listed if known & {each.lower() for each in listed} else [base, *listed]


def attributes(body: Json, dialect: Dialect, extensions: Mapping[str, str]) -> Json:
    """Attributes by their names; names that are paths become the objects that they mean.

    `name.givenName`, `urn:…:User:manager` and `urn:…:User:name.givenName`: Entra with its flag
    (idp-facts §4.2).  What a filter selects stays as it is.
    """
    made: Json = {}
    for key, sent in _flat(body):
        name, value = key, sent
        for undone in dialect.attributes:
            name, value = undone(name, value)
        if ":" in name:
            _put_urn(made, name, value, extensions)
        else:
            _put(made, name, value)
    return made


def _flat(body: Json) -> Iterator[tuple[str, Any]]:
    """Attributes with the URN of their resource, or below it, as those that they are."""
    for name, value in body.items():
        schema, colon, attribute = name.rpartition(":")
        if not colon:
            yield name, value
        elif name.lower() in CORE and isinstance(whole := scalar(value), dict):
            yield from _flat(whole)
        elif schema.lower() in CORE and attribute and "[" not in name:
            yield attribute, value
        else:
            yield name, value


def _put(made: Json, name: str, value: Any) -> None:
    low = name.lower()
    if low == "schemas":
        made[low] = value
        return
    head, dot, _ = low.partition(".")
    if dot and head in COMPLEX:
        _within(made, COMPLEX[head])[name[len(head) + 1 :]] = scalar(value)
        return
    shape = shaped(low, value)
    if isinstance(shape, dict):
        _within(made, COMPLEX.get(low, name)).update(shape)
    else:
        made[name] = shape


def _put_urn(made: Json, name: str, value: Any, extensions: Mapping[str, str]) -> None:
    low = name.lower()
    schema = low.rpartition(":")[0]
    attribute = name[len(schema) + 1 :]
    if low in extensions:
        whole = scalar(value)
        if not isinstance(whole, dict):
            made[extensions[low]] = whole
            return
        inside = _within(made, extensions[low])
        for each, of_it in whole.items():
            _put(inside, each, of_it)
    elif schema in extensions and attribute and "[" not in name:
        _put(_within(made, extensions[schema]), attribute, value)
    else:
        made[name] = value


def _within(made: Json, name: str) -> Json:
    """The object that an attribute is: one of ours, which nobody sent."""
    inside = made.get(name)
    if not isinstance(inside, dict):
        inside = made[name] = {}
    return inside
