"""What a provider checks in the answers, or stumbles over (idp-facts §4)."""

from collections.abc import Iterator
from typing import Any, Final

from deploy.simulate.report import Report
from deploy.simulate.wire import Answer, Body

SCIM_JSON: Final = "application/scim+json"
USER: Final = "urn:ietf:params:scim:schemas:core:2.0:User"
GROUP: Final = "urn:ietf:params:scim:schemas:core:2.0:Group"
ENTERPRISE: Final = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"
PATCH: Final = "urn:ietf:params:scim:api:messages:2.0:PatchOp"

_ECHOED: Final = ("externalId", "userName", "displayName")


def judge(report: Report, kind: str, answer: Answer, sent: Body) -> str | None:
    """Note what is wrong with a resource that came back; its id, None without one.

    Args:
        report: takes the notes.
        kind: the request's.
        answer: to a POST, PUT, PATCH or GET.
        sent: what the resource is to have, as far as it was said.
    """
    body = answer.body
    if not answer.ok:
        return None
    if body is None:
        if answer.status != 204:
            report.surprise(kind, f"is answered {answer.status} without a resource", answer.said)
        return None
    for what in _faults(answer, body, sent):
        report.surprise(kind, what, answer.said)
    resource_id = body.get("id")
    return resource_id if isinstance(resource_id, str) and resource_id else None


def judge_list(report: Report, kind: str, answer: Answer) -> list[Body]:
    """Note what is wrong with a list that came back; the resources in it."""
    body = answer.body
    if not answer.ok:
        return []
    if body is None:
        report.surprise(kind, "is answered without a ListResponse", answer.said)
        return []
    _judge_type(report, kind, answer)
    if not isinstance(body.get("totalResults"), int):
        report.surprise(kind, "brings no totalResults that is a number", answer.said)
    resources = body.get("Resources", [])
    return [each for each in resources if isinstance(each, dict)]


def _judge_type(report: Report, kind: str, answer: Answer) -> None:
    if not answer.content_type.startswith(SCIM_JSON):
        report.surprise(kind, f"is answered as {answer.content_type}, not {SCIM_JSON}", answer.said)


def _faults(answer: Answer, body: Body, sent: Body) -> Iterator[str]:
    if not answer.content_type.startswith(SCIM_JSON):
        yield f"is answered as {answer.content_type}, not {SCIM_JSON}"
    if not isinstance(body.get("id"), str) or not body["id"]:
        yield "brings no id"
    for name in _ECHOED:
        if name in sent and body.get(name) != sent[name]:
            yield f"does not bring back {name} as it was sent"
    if USER in body.get("schemas", ()):
        yield from _user_faults(body, sent)
    elif GROUP not in body.get("schemas", ()):
        yield "names neither User nor Group in its schemas"
    if not isinstance(body.get("meta", {}).get("resourceType"), str):
        yield "brings no meta.resourceType"
    if has_null(body):
        yield "brings a null, which RFC 7643 §2.5 calls no value"


def _user_faults(body: Body, sent: Body) -> Iterator[str]:
    if not isinstance(body.get("active"), bool):
        yield "brings no active that is a boolean"
    elif "active" in sent and body["active"] != sent["active"]:
        yield f"brings active {body['active']} after it was sent otherwise"
    manager = body.get(ENTERPRISE, {}).get("manager", {})
    if not isinstance(manager, dict):
        yield "brings a manager that is no object (Entra cannot read a string)"
    if "password" in body:
        yield "brings a password back"


def has_null(value: Any) -> bool:
    """Whether there is a null anywhere in JSON."""
    match value:
        case None:
            return True
        case dict():
            return any(map(has_null, value.values()))
        case list():
            return any(map(has_null, value))
        case _:
            return False
