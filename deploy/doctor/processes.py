"""The processes of this machine, by what they say of themselves."""

from collections.abc import Iterator, Mapping
from typing import Final

import httpx2
import msgspec

from deploy import health
from deploy.doctor.findings import Judged, ok, problem, warning
from deploy.doctor.patient import Patient
from schemas.settings import Settings

_SECONDS: Final = 2.0
"""How long a process of this machine may take to answer."""


class Said(msgspec.Struct, frozen=True):
    """What `/readyz` answers (`deploy.health`)."""

    status: str
    why: str = ""


def processes(patient: Patient) -> Iterator[Judged]:
    """Ask `/readyz` where processes answer by the settings; those elsewhere are not seen."""
    host = patient.settings.health_host
    said = {
        stage: _asked(f"{health.url_of(host, port)}/readyz")
        for stage, port in _ports(patient.settings).items()
    }
    yield from judge({stage: each for stage, each in said.items() if each is not None})


def judge(said: Mapping[str, Said]) -> Iterator[Judged]:
    """What to say of processes that answer."""
    for stage, each in said.items():
        if each.status == "not ready":
            yield problem(f"{stage}: not ready. {each.why}", "Mend what it says; see also its log.")
        elif each.status != "ready":
            yield warning(f"{stage}: {each.why}", "Check ROLLCALL_HEALTH_PORT, and its log.")
    ready = [stage for stage, each in said.items() if each.status == "ready"]
    if ready:
        yield ok(f"Ready on this machine: {', '.join(ready)}.")
    elif not said:
        yield ok("None answers on this machine; those on others are not asked.")


def _ports(settings: Settings) -> Mapping[str, int]:
    """By stage; one that is set is that of whichever process runs here, and 0 is nobody's."""
    if settings.health_port is None:
        return health.PORTS
    return {f"port {settings.health_port}": settings.health_port} if settings.health_port else {}


def _asked(url: str) -> Said | None:
    """What a process says; None if there is none."""
    try:
        # Not through a proxy that the environment names: it is this machine.
        answer = httpx2.get(url, timeout=_SECONDS, trust_env=False)
        return msgspec.json.decode(answer.content, type=Said)
    except httpx2.ConnectError:
        return None
    except httpx2.TransportError as error:
        return Said("silent", f"{url} is open and does not answer ({type(error).__name__}).")
    except msgspec.DecodeError:
        return Said("strange", f"Something else than Rollcall answers at {url}.")
