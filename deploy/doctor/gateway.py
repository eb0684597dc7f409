"""The gateway, and whether it takes what WorkOS signs and nothing else."""

import secrets
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Final

import httpx2
import msgspec

from deploy.doctor.findings import Judged, ok, problem
from deploy.doctor.patient import Patient
from deploy.errors import InstallationError
from deploy.simulate import workos
from ingest.gateway import WORKOS
from ingest.refusals import UnsignedError
from ingest.workos import signature

_UNSET: Final = "ROLLCALL_WORKOS_WEBHOOK_SECRETS"
_MEANINGLESS: Final = msgspec.json.encode(
    {"object": "event", "id": "event_doctor", "event": "rollcall.doctor", "data": {}}
)
"""An event of a type that nobody knows: the gateway counts it as ignored and keeps nothing."""


def asked(patient: Patient) -> httpx2.Response:
    """Ask the admin API for something small.

    Raises:
        InstallationError: nobody answers.
        SettingsError: there is no admin token.
    """
    token = patient.settings.require_admin_token()
    try:
        return patient.http.get(
            "/api/dead-letters", params={"limit": 1}, headers={"Authorization": f"Bearer {token}"}
        )
    except (httpx2.TransportError, httpx2.InvalidURL) as error:
        raise InstallationError(
            f"No gateway answers at {patient.settings.url} ({error}): start one, or set"
            " ROLLCALL_URL."
        ) from error


def gateway(patient: Patient) -> Iterator[Judged]:
    """Whether the gateway answers, and takes our admin token.

    Raises:
        InstallationError: nobody answers.
        SettingsError: there is no admin token.
    """
    answer, url = asked(patient), patient.settings.url
    match answer.status_code:
        case 200:
            yield ok(f"The gateway at {url} answers, and takes the admin token.")
        case 401:
            yield problem(
                f"The gateway at {url} refuses the admin token.",
                "Set ROLLCALL_ADMIN_TOKEN to the one that it was started with.",
            )
        case 503:
            yield problem(
                f"The gateway at {url} cannot answer just now (503).",
                "Mend what else is found here; then its log says why.",
            )
        case status:
            yield problem(
                f"What answers at {url} says {status}, so it is no gateway.",
                "Check ROLLCALL_URL, and what stands before the gateway.",
            )


def webhook_secret(patient: Patient) -> Iterator[Judged]:
    """Whether there is one; the settings refuse those that are too short."""
    count = len(patient.settings.workos_webhook_secrets)
    if not count:
        raise InstallationError(
            f"{_UNSET} is not set: every webhook is refused. Set it to the secret of the endpoint"
            " at WorkOS, and restart the gateway."
        )
    several = f"{count} are active: take the old one away once WorkOS signs with the new one."
    yield ok("One is active." if count == 1 else several)


def signatures(patient: Patient) -> Iterator[Judged]:
    """Whether what we sign verifies here, and what another signs does not."""
    ours = patient.settings.workos_webhook_secrets
    for secret in ours:
        _verify(patient, secret)
    try:
        _verify(patient, secrets.token_urlsafe())
    except UnsignedError:
        yield ok("What is signed with an active secret verifies, and nothing else does.")
    else:
        yield problem("What a stranger signs verifies.", "Stop the gateway, and report this.")


def webhooks(patient: Patient) -> Iterator[Judged]:
    """Whether the running gateway takes webhooks that are signed with our secrets, and no others.

    It is sent events that mean nothing, and keeps none.
    """
    given = [_posted(patient, secret) for secret in patient.settings.workos_webhook_secrets]
    stranger = _posted(patient, secrets.token_urlsafe())
    if any(status != 200 for status in given):
        yield _refusal(next(status for status in given if status != 200))
    elif stranger != 401:
        yield problem(
            f"The gateway answers {stranger} to a webhook that a stranger signed, not 401.",
            "Check what stands before the gateway: it must pass bodies and headers as they are.",
        )
    else:
        yield ok("The gateway takes what is signed with our secret, and refuses a stranger's.")


def _refusal(status: int) -> Judged:
    if status == 401:
        return problem(
            "The gateway refuses a webhook that is signed with our secret (401).",
            f"Give the gateway the same {_UNSET} as here and restart it; see also `clock`.",
        )
    if status == 503:
        return problem(
            "The gateway takes no webhooks (503).",
            f"Start it with {_UNSET}; if it has one, its log says why.",
        )
    return problem(
        f"The gateway answers {status} to a webhook, not 200.",
        f"Check ROLLCALL_URL, and that {WORKOS} leads to the gateway unchanged.",
    )


def _posted(patient: Patient, secret: str) -> int:
    signed = workos.sign(_MEANINGLESS, secret, datetime.now(UTC))
    try:
        answer = patient.http.post(WORKOS, content=_MEANINGLESS, headers={signature.HEADER: signed})
    except httpx2.TransportError as error:
        raise InstallationError(
            f"The gateway at {patient.settings.url} does not answer a webhook ({error}): see its"
            " log."
        ) from error
    return answer.status_code


def _verify(patient: Patient, secret: str) -> None:
    signature.verify(
        _MEANINGLESS,
        [workos.sign(_MEANINGLESS, secret, datetime.now(UTC))],
        patient.settings.workos_webhook_secrets,
        tolerance_seconds=patient.settings.workos_tolerance_seconds,
        now=time.time(),
    )
