"""Runs everything here: the stack, then the three stages under a supervisor."""

import json
import os
import socket
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Final, NamedTuple

import typer

from deploy import database, health, installation
from deploy.cli.errors import CommandError
from deploy.local.kept_secrets import secrets_in
from deploy.local.ports import free_ports
from deploy.local.stack import Stack, running
from deploy.supervisor import supervise
from schemas import kafka, settings
from schemas.settings import Settings

PROGRESS: Final = "· "
"""Begins each progress line on standard error: the demo shows these and leaves the rest."""


class _Ports(NamedTuple):
    gateway: int
    health: Mapping[str, int]
    """By stage."""


def run(*, ephemeral: bool, data: Path | None, as_json: bool) -> int:
    """Start all, announce it on standard output once it is ready, run until SIGINT or SIGTERM.

    Args:
        ephemeral: take free ports instead of ROLLCALL_PORT and ROLLCALL_HEALTH_PORT.
        data: the folder that keeps everything from one run to the next; None: it goes at the end.
        as_json: announce it in one line of JSON.

    Returns:
        0, or 1 if a process did not end in time and was killed.

    Raises:
        CommandError: a port is taken, or there is a security to keep and no Kafka that has it.
        SettingsError, StackError, InstallationError: as their texts say.
    """
    given = settings.load()
    _require_secured(given)
    ports = _ports(given, ephemeral=ephemeral)
    _progress("Kafka and Postgres start …")
    with running(
        kafka=given.kafka,
        database=given.database_url,
        folder=data,
        security=kafka.connection(given) if given.kafka else None,
        lasting=data is not None,
        on_progress=_progress,
    ) as stack:
        for note in stack.notes if as_json else ():
            _progress(note)  # else it is announced
        ours = _completed(given, stack, ports.gateway)
        _progress("Tables and topics are made …")
        database.upgrade(ours)
        installation.create_topics(ours)
        _progress("Gateway, processors and sinks start …")
        return supervise(
            {stage: (sys.executable, "-m", "deploy.cli.app", stage) for stage in health.PORTS},
            env={**os.environ, **_variables(ours)},
            own={stage: {"ROLLCALL_HEALTH_PORT": str(n)} for stage, n in ports.health.items()},
            on_ready=lambda: _announce(ours, stack, ports, data, as_json=as_json),
            log=lambda stage, sentence: _progress(f"{stage} {sentence}"),
        )


def _progress(sentence: str) -> None:
    typer.echo(PROGRESS + sentence, err=True)


def _require_secured(given: Settings) -> None:
    """Whoever asks for security shall not get a Kafka that has none, be it a local one."""
    if not given.kafka and given.kafka_security != "plaintext":
        raise CommandError(
            f"ROLLCALL_KAFKA_SECURITY is {given.kafka_security}, and a local Kafka speaks in the"
            " clear: set ROLLCALL_KAFKA to the one that is meant, or unset"
            " ROLLCALL_KAFKA_SECURITY."
        )


def _ports(given: Settings, *, ephemeral: bool) -> _Ports:
    """Ports that stay the same when a process is restarted, hence chosen here."""
    gateway, *free = free_ports(1 + len(health.PORTS))
    if not ephemeral and given.port:
        gateway = given.port
        _require_free(given.host, gateway, "The gateway", "ROLLCALL_PORT")
    if ephemeral or given.health_port == 0:
        return _Ports(gateway, dict(zip(health.PORTS, free, strict=True)))
    if given.health_port is not None:
        raise CommandError(
            f"ROLLCALL_HEALTH_PORT is {given.health_port}, but `rollcall up` runs three processes:"
            " unset it to have them on 9401, 9402 and 9403, or set it to 0 for free ports."
        )
    for stage, number in health.PORTS.items():
        what = f"The health server of the {stage}"
        _require_free(given.health_host, number, what, "ROLLCALL_HEALTH_PORT to 0")
    return _Ports(gateway, health.PORTS)


def _require_free(host: str, port: int, who: str, setting: str) -> None:
    try:
        socket.create_server((host, port), family=health.family_of(host)).close()
    except OSError as error:
        raise CommandError(
            f"{who} cannot listen on {host}:{port} ({error.strerror}): end what listens there, set"
            f" {setting}, or add --ephemeral."
        ) from None


def _completed(given: Settings, stack: Stack, port: int) -> Settings:
    made = secrets_in(stack.folder)
    return given.model_copy(
        update={
            "kafka": stack.kafka,
            "database_url": stack.database,
            "port": port,
            "url": health.url_of(given.host, port),
            "admin_token": given.admin_token or made.admin_token,
            "redaction_key": given.redaction_key or made.redaction_key,
            "workos_webhook_secrets": given.workos_webhook_secrets or (made.workos_webhook_secret,),
            "state_folder": stack.folder / "state",
        }
    )


def _variables(ours: Settings) -> Mapping[str, str]:
    """The settings that were decided here, as the processes read them."""
    return {
        "ROLLCALL_KAFKA": ours.require_kafka(),
        "ROLLCALL_DATABASE_URL": ours.require_database(),
        "ROLLCALL_PORT": str(ours.port),
        "ROLLCALL_URL": ours.url,
        "ROLLCALL_ADMIN_TOKEN": ours.require_admin_token(),
        "ROLLCALL_REDACTION_KEY": ours.require_redaction_key(),
        "ROLLCALL_WORKOS_WEBHOOK_SECRETS": ",".join(ours.workos_webhook_secrets),
        "ROLLCALL_STATE_FOLDER": str(ours.state_folder),
    }


def _announce(
    ours: Settings, stack: Stack, ports: _Ports, data: Path | None, *, as_json: bool
) -> None:
    urls = {stage: health.url_of(ours.health_host, n) for stage, n in ports.health.items()}
    if as_json:
        addresses = {
            "gateway": ours.url,
            "health": urls,
            "kafka": stack.kafka,
            "database": stack.database,
            "admin_token": ours.admin_token,
            "workos_webhook_secret": ours.workos_webhook_secrets[0],
        }
        typer.echo(json.dumps(addresses))
        return
    kept = [f"  Data:      {stack.folder}, for the next run too"] if data else []
    typer.echo(
        "\n".join(
            [
                "",
                f"Rollcall is ready at {ours.url}",
                f"  Kafka:     {stack.kafka} ({stack.kafka_kind})",
                f"  Postgres:  {stack.database} ({stack.database_kind})",
                *kept,
                f"  Health:    {', '.join(f'{stage} {url}' for stage, url in urls.items())}",
                *(f"  {note}" for note in stack.notes),
                "",
                "In another terminal:",
                f"  export ROLLCALL_URL={ours.url} ROLLCALL_ADMIN_TOKEN={ours.admin_token}",
                f'  export PATH="{Path(sys.executable).parent}:$PATH"',
                '  rollcall tenant create acme --name "Acme Inc."',
                "  rollcall --help",
                f"WorkOS posts to {ours.url}/api/webhooks/workos and signs with",
                f"  {ours.workos_webhook_secrets[0]}",
                f"IdPs that speak SCIM write to {ours.scim_url}",
                "",
                "Ctrl-C stops everything.",
            ]
        )
    )
