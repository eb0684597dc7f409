"""From SCIM models to the documents that go through Kafka, and back."""

import re
from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Any, Final

import msgspec
from scim2_models import BaseModel, InvalidValueException, Meta, Resource, ResourceType

from ingest.detectors import About, number_in
from ingest.redaction import Redactor
from ingest.scim.errors import TooLargeError
from ingest.scim.projection import RELATED
from ingest.scim.reading import Found, Related
from ingest.scim.resources import is_group
from ingest.scim.tokens import Bearer
from schemas import limits
from schemas.names import has_ink, is_redacted
from schemas.policy import OwnAttribute
from schemas.scim import Document
from schemas.scim_state import moment_of

_OURS: Final = frozenset({"id", "meta", "schemas", "groups", "members"})
"""Attributes that stand elsewhere than in the document."""
_SECRET: Final = "password"  # noqa: S105 # the name of what is dropped without a word
_NAME: Final = re.compile(
    r"(?:urn:[\w:.$-]{1,200}|[A-Za-z$][\w$-]{0,60})(?:\.[\w$-]{1,60}){0,2}", re.ASCII
)
"""What can be the name of an attribute (RFC 7643 §2.1, §3.3); anything else is a value."""
_NOTHING: Final = About(private=False, personal=False, phone=False)
_KEYS: Final = {"userName": limits.SCIM_NAME, "externalId": limits.SCIM_NAME}
_GROUP_KEYS: Final = {"displayName": limits.SCIM_GROUP_NAME, "externalId": limits.SCIM_NAME}


def document_of(
    resource: Resource[Any], redactor: Redactor, bearer: Bearer, *, group: bool
) -> tuple[Document, tuple[str, ...]]:
    """The document of a resource, and the names of what was replaced by its hash.

    Raises:
        InvalidValueException: a text that cannot be kept: with NUL, or too long for a key.
        TooLargeError: it does not fit into one message.
    """
    dumped = resource.model_dump()
    document = {name: value for name, value in dumped.items() if name not in _OURS}
    for name, longest in (_GROUP_KEYS if group else _KEYS).items():
        if name in document and not has_ink(document[name] or ""):
            if name != "externalId":
                raise InvalidValueException(detail=f"{name} shows nothing: send a name.")
            del document[name]
        if len(str(document.get(name) or "")) > longest:
            raise InvalidValueException(detail=f"{name} takes at most {longest} characters.")
    if _has_nul(document):
        raise InvalidValueException(detail="A text contains NUL, which cannot be kept.")
    if len(msgspec.json.encode(document)) > limits.SCIM_RESOURCE:
        raise TooLargeError(
            detail=f"One resource takes at most {limits.SCIM_RESOURCE} bytes, members aside."
        )
    if group:  # it has a name and an id only
        return document, ()
    redaction = redactor.redacted(bearer.tenant_id, document, kept_as_sent=bearer.kept_as_sent)
    _drop_unreadable(redaction.value, bearer.own_attributes)
    return redaction.value, redaction.found


def changed(before: Document, after: Document) -> Document:
    """The attributes that differ; None for one that is no longer assigned."""
    names = {*before, *after}
    return {name: after.get(name) for name in names if before.get(name) != after.get(name)}


def resource_of(
    model: type[Resource[Any]],
    resource_type: ResourceType,
    found: Found,
    related: list[Related] | None = None,
    base_url: str = "",
) -> Resource[Any]:
    """The resource that was found.

    Args:
        model: of its type.
        resource_type: of users or of groups.
        found: what stands in the read model.
        related: its members or groups; None without them.
        base_url: what the URLs of these begin with.
    """
    document = dict(found.resource)
    if related:
        kind = str(resource_type.name)
        document[RELATED[kind]] = entries_of(related, kind, base_url)
    resource = model.model_validate(document)
    resource.id = found.id
    resource.meta = _meta(resource_type, found.created_at, found.revision)
    return resource


def entries_of(related: list[Related], kind: str, base_url: str) -> list[Document]:
    """Members or groups of a resource of some kind, as they are shown."""
    return [_entry(each, base_url, of_group=kind == "Group") for each in related]


def made_of(
    resource: Resource[Any], resource_type: ResourceType, resource_id: str, revision: int
) -> Resource[Any]:
    """A resource that was made as it was sent."""
    made = resource.model_copy()
    made.schemas = []  # of what it holds, as it will be read: Entra names one that we do not know
    if not has_ink(made.external_id or ""):
        made.external_id = None
    made.id = resource_id
    made.meta = _meta(resource_type, moment_of(revision), revision)
    if not is_group(resource_type) and getattr(made, "active", None) is None:
        setattr(made, "active", True)  # noqa: B010 # its model is made at run time
    return made


def version_of(revision: int) -> str:
    """The entity tag of a revision; weak, as SCIM prefers it (RFC 7644 §3.14)."""
    return f'W/"{revision}"'


def without_hashes(value: Any) -> Any:
    """The same JSON without values that were replaced by their hash."""
    match value:
        case dict():
            kept = {name: without_hashes(each) for name, each in value.items()}
            return {name: each for name, each in kept.items() if each is not None}
        case list():
            return [kept for each in value if (kept := without_hashes(each)) is not None]
        case _:
            return None if is_redacted(value) else value


def ignored_names(resource: BaseModel) -> tuple[str, ...]:
    """Names of attributes that were sent and are not kept, the first few of them."""
    names = {name for name in _unknown(resource, "") if _NAME.fullmatch(name)}
    harmless = (name for name in names if number_in(name, _NOTHING) is None)
    return tuple(sorted(harmless))[: limits.IGNORED_NAMES]


def keep(resource: Resource[Any], name: str, *, of: Resource[Any]) -> None:
    """Leave an attribute as it is in another state of the resource."""
    setattr(resource, name, getattr(of, name, None))


def member_ids(group: Resource[Any]) -> list[str]:
    """The ids of the members that a group was sent with, each once."""
    members = getattr(group, "members", None) or []
    return list(dict.fromkeys(each.value for each in members if each.value))


def _meta(resource_type: ResourceType, created_at: datetime, revision: int) -> Meta:
    return Meta(
        resource_type=resource_type.name,
        created=created_at,
        last_modified=moment_of(revision),
        version=version_of(revision),
    )


def _drop_unreadable(document: Document, own_attributes: Iterable[OwnAttribute]) -> None:
    """A hash is a text: it cannot stand for a number."""
    for own in own_attributes:
        holder = document.get(own.schema)
        if own.type != "string" and holder and is_redacted(holder.get(own.name)):
            del holder[own.name]


def _has_nul(value: object) -> bool:
    match value:
        case str():
            return "\0" in value
        case dict():
            return any(_has_nul(each) for each in value.values())
        case list():
            return any(_has_nul(each) for each in value)
        case _:
            return False


def _unknown(model: BaseModel, place: str) -> Iterator[str]:
    for name in model.unknown_attributes or {}:
        if name.lower() != _SECRET:
            yield f"{place}{name}"
    for name in type(model).model_fields:
        value = getattr(model, name, None)
        if isinstance(value, BaseModel):
            yield from _unknown(value, f"{place}{name}.")


def _entry(related: Related, base_url: str, *, of_group: bool) -> Document:
    place = "Users" if related.kind == "User" else "Groups"
    entry = {"value": related.value, "$ref": f"{base_url}/{place}/{related.value}"}
    if of_group:
        return entry | {"type": related.kind}
    return entry | {"type": "direct", "display": related.display}
