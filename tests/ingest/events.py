"""WorkOS's events in the shapes of its own fixtures (idp-facts §1.1), and their signature."""

import hashlib
import hmac
import json
import time
from typing import Any

Event = dict[str, Any]

CREATED_AT = "2021-06-25T19:07:33.155Z"
DIRECTORY = "directory_01ECAZ4NV9QMV47GW873HDCX74"
GROUP_ID = "directory_group_01E64QTDNS0EGJ0FMCVY9BWGZT"
USER_ID = "directory_user_01E1X1B89NH8Z3SDFJR4H7RGX7"


def user(**changed: Any) -> Event:
    return {
        "object": "directory_user",
        "id": USER_ID,
        "directory_id": DIRECTORY,
        "organization_id": "org_01EZTR6WYX1A0DSE2CYMGXQ24Y",
        "idp_id": "8931",
        "email": "ada@example.com",
        "first_name": "Ada",
        "last_name": "Byron",
        "name": "Ada Byron",
        "emails": [{"primary": True, "type": "work", "value": "ada@example.com"}],
        "job_title": "Analyst",
        "username": "ada",
        "state": "active",
        "raw_attributes": {"password": "hunter2"},
        "custom_attributes": {"department_name": "Engines", "favourite_colour": "green"},
        "role": {"slug": "admin"},
        "roles": [{"slug": "admin"}],
        "created_at": CREATED_AT,
        "updated_at": CREATED_AT,
    } | changed


def group(**changed: Any) -> Event:
    return {
        "object": "directory_group",
        "id": GROUP_ID,
        "idp_id": "02grqrue4294w24",
        "directory_id": DIRECTORY,
        "organization_id": "org_01EZTR6WYX1A0DSE2CYMGXQ24Y",
        "name": "Developers",
        "raw_attributes": {},
        "created_at": CREATED_AT,
        "updated_at": CREATED_AT,
    } | changed


def membership(**changed: Any) -> Event:
    return {"directory_id": DIRECTORY, "user": user(), "group": group()} | changed


def directory(**changed: Any) -> Event:
    return {
        "object": "directory",
        "id": DIRECTORY,
        "organization_id": "org_01EZTR6WYX1A0DSE2CYMGXQ24Y",
        "type": "okta scim v2.0",
        "state": "active",
        "name": "Acme Directory",
        "external_key": "ext_01",
        "domains": [{"object": "organization_domain", "id": "org_domain_01", "domain": "acme.com"}],
        "created_at": CREATED_AT,
        "updated_at": CREATED_AT,
    } | changed


def token(**changed: Any) -> Event:
    return {
        "object": "directory_token",
        "id": "directory_token_01",
        "directory_id": DIRECTORY,
        "organization_id": "org_01EZTR6WYX1A0DSE2CYMGXQ24Y",
        "token_suffix": "a1b2",
        "created_at": CREATED_AT,
    } | changed


def event(kind: str, data: Any, **changed: Any) -> Event:
    return {
        "object": "event",
        "id": "event_04FKJ843CVE8F7BXQSPFH0M53V",
        "event": kind,
        "data": data,
        "created_at": CREATED_AT,
        "context": {"client_id": "client_01"},
    } | changed


def body_of(sent: Event) -> bytes:
    return json.dumps(sent).encode()


def signed(body: bytes, secret: str, *, at: float | None = None) -> str:
    """The header of a body; `at` is seconds since 1970, None is now."""
    milliseconds = int((time.time() if at is None else at) * 1000)
    text = b"%d.%s" % (milliseconds, body)
    return f"t={milliseconds}, v1={hmac.new(secret.encode(), text, hashlib.sha256).hexdigest()}"
