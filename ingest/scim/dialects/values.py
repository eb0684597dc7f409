"""Values of attributes, of whatever client: what has one meaning only is given its RFC form."""

from collections.abc import Iterator
from typing import Any, Final

from pydantic_core import Url
from scim2_models import ComplexAttribute, EnterpriseUser, Group, User

from ingest.scim.dialects.dialect import Json


def _complex() -> Iterator[tuple[str, bool]]:
    """The names of complex attributes, and whether each has many values."""
    for model in (User, Group, EnterpriseUser):
        for field, info in model.model_fields.items():
            declared = model.get_field_root_type(field)
            if isinstance(declared, type) and issubclass(declared, ComplexAttribute):
                name = info.serialization_alias
                assert name is not None, "the library names every field"
                yield name, model.get_field_multiplicity(field)


MANY: Final = frozenset(name.lower() for name, many in _complex() if many)
"""Attributes whose values are lists of objects, in lower case."""
COMPLEX: Final = {name.lower(): name for name, many in _complex() if not many}
"""Attributes whose value is one object, by their lower case."""
_NUMBERS: Final = frozenset({"externalid", "employeenumber", "costcenter"})
"""Texts that look like numbers, and that some directories keep as such."""
_SIGNIFICANT: Final = {"addresses": "formatted", "name": "formatted", "manager": "value"}
"""What a text stands for where an object is meant; for all others it is their `value`."""
_ENTRY: Final = frozenset({"value", "$ref"})


def shaped(name: str, value: Any) -> Any:
    """The value of an attribute, or of a sub-attribute of none of these names.

    Args:
        name: of the attribute, without URN, in lower case.
        value: as it was sent.
    """
    if name == "photos":
        return _with_urls(entries(name, value))
    if name in MANY:
        return entries(name, value)
    if name in COMPLEX:
        return one_object(name, value)
    single = scalar(value)
    if name == "profileurl" and isinstance(single, str) and not _is_url(single):
        return None  # what is only shown of somebody keeps nobody out (access-rules §2)
    if name in _NUMBERS and type(single) is int:
        return str(single)
    return single


def scalar(value: Any) -> Any:
    """A list of one, or an entry with nothing but its value, stands for that value.

    Entra sends both, by the kind of its attribute mapping (idp-facts §4.2).
    """
    while True:
        if isinstance(value, list) and len(value) == 1:
            value = value[0]
        elif isinstance(value, dict) and "value" in value and value.keys() <= _ENTRY:
            value = value["value"]
        else:
            return value


def entries(name: str, value: Any) -> Any:
    """A single value stands for a list of it, and a text for an entry that has it as its value."""
    if isinstance(value, dict) or (isinstance(value, str) and value):
        value = [value]
    if not isinstance(value, list) or all(type(each) is dict for each in value):
        return value
    return [_entry(name, each) for each in value if each is not None]


def one_object(name: str, value: Any) -> Any:
    """A list of one object stands for it, a text for what it says: Entra's manager is an id.

    An empty text says that there is none (directory-scimple#1244, budibase#15369).
    """
    while isinstance(value, list) and len(value) == 1:
        value = value[0]
    if isinstance(value, str):
        return _entry(name, value) if value else None
    if isinstance(value, dict) and any(isinstance(each, list | dict) for each in value.values()):
        return {key: scalar(each) for key, each in value.items()}
    return value


def _with_urls(photos: Any) -> Any:
    """Pictures without those that have no URL: `n/a` and `www.acme.example` are none."""
    if not isinstance(photos, list):
        return photos
    return [
        each
        for each in photos
        if not (isinstance(each, dict) and isinstance(each.get("value"), str))
        or _is_url(each["value"])
    ]


def _is_url(text: str) -> bool:
    try:
        Url(text)
    except ValueError:
        return False
    return True


def _entry(name: str, value: Any) -> Json | Any:
    if isinstance(value, str) and value:
        return {_SIGNIFICANT.get(name, "value"): value}
    return value
