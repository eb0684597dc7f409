"""Runs everything here: the stack, then the three stages under a supervisor."""

import json
import os
import secrets
import socket
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import typer

from deploy import database, installation
from deploy.cli.errors import CommandError
from deploy.local.ports import free_ports
from deploy.local.stack import Stack, running
from deploy.supervisor import supervise
from schemas import settings
from schemas.settings import Settings

STAGES: Final = ("gateway", "processors", "sinks")
PROGRESS: Final = "· "
"""Begins each progress line on standard error: the demo shows these and leaves the rest."""

_EVERYWHERE: Final = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - what to call, not to bind


def run(*, ephemeral: bool, as_json: bool) -> int:
    """Start all, announce it on standard output once it is ready, run until SIGINT or SIGTERM.

    Args:
        ephemeral: take a free port for the gateway instead of ROLLCALL_PORT.
        as_json: announce it in one line of JSON.

    Returns:
        0, or 1 if a process did not end in time and was killed.

    Raises:
        CommandError: the gateway's port is taken.
        SettingsError, StackError, InstallationError: as their texts say.
    """
    given = settings.load()
    port = _port(given, ephemeral=ephemeral)
    _progress("Kafka and Postgres start …")
    with running(
        kafka=given.kafka, database=given.database_url, folder=None, on_progress=_progress
    ) as stack:
        for note in stack.notes if as_json else ():
            _progress(note)  # else it is announced
        ours = _completed(given, stack, port)
        _progress("Tables and topics are made …")
        database.upgrade(ours)
        installation.create_topics(ours)
        _progress("Gateway, processors and sinks start …")
        return supervise(
            {stage: (sys.executable, "-m", "deploy.cli.app", stage) for stage in STAGES},
            env={**os.environ, **_variables(ours)},
            on_ready=lambda: _announce(ours, stack, as_json=as_json),
            log=lambda stage, sentence: _progress(f"{stage} {sentence}"),
        )


def _progress(sentence: str) -> None:
    typer.echo(PROGRESS + sentence, err=True)


def _port(given: Settings, *, ephemeral: bool) -> int:
    """A port that stays the same when the gateway is restarted, hence chosen here."""
    if ephemeral or given.port == 0:
        return free_ports(1)[0]
    try:
        socket.create_server((given.host, given.port), family=_family(given.host)).close()
    except OSError as error:
        raise CommandError(
            f"The gateway cannot listen on {given.host}:{given.port} ({error.strerror}): end what"
            " listens there, set ROLLCALL_PORT, or add --ephemeral."
        ) from None
    return given.port


def _family(host: str) -> socket.AddressFamily:
    return socket.AF_INET6 if ":" in host else socket.AF_INET


def _completed(given: Settings, stack: Stack, port: int) -> Settings:
    return given.model_copy(
        update={
            "kafka": stack.kafka,
            "database_url": stack.database,
            "port": port,
            "url": _url(given.host, port),
            "admin_token": given.admin_token or secrets.token_urlsafe(24),
            "workos_webhook_secrets": given.workos_webhook_secrets or (secrets.token_urlsafe(24),),
            "state_folder": stack.folder / "state",
        }
    )


def _url(host: str, port: int) -> str:
    named = _EVERYWHERE.get(host, host)
    return f"http://[{named}]:{port}" if ":" in named else f"http://{named}:{port}"


def _variables(ours: Settings) -> Mapping[str, str]:
    """The settings that were decided here, as the processes read them."""
    return {
        "ROLLCALL_KAFKA": ours.require_kafka(),
        "ROLLCALL_DATABASE_URL": ours.require_database(),
        "ROLLCALL_PORT": str(ours.port),
        "ROLLCALL_ADMIN_TOKEN": ours.require_admin_token(),
        "ROLLCALL_WORKOS_WEBHOOK_SECRETS": ",".join(ours.workos_webhook_secrets),
        "ROLLCALL_STATE_FOLDER": str(ours.state_folder),
    }


def _announce(ours: Settings, stack: Stack, *, as_json: bool) -> None:
    if as_json:
        addresses = {
            "gateway": ours.url,
            "kafka": stack.kafka,
            "database": stack.database,
            "admin_token": ours.admin_token,
            "workos_webhook_secret": ours.workos_webhook_secrets[0],
        }
        typer.echo(json.dumps(addresses))
        return
    typer.echo(
        "\n".join(
            [
                "",
                f"Rollcall is ready at {ours.url}",
                f"  Kafka:     {stack.kafka} ({stack.kafka_kind})",
                f"  Postgres:  {stack.database} ({stack.database_kind})",
                *(f"  {note}" for note in stack.notes),
                "",
                "In another terminal:",
                f"  export ROLLCALL_URL={ours.url} ROLLCALL_ADMIN_TOKEN={ours.admin_token}",
                f'  export PATH="{Path(sys.executable).parent}:$PATH"',
                '  rollcall tenant create acme --name "Acme Inc."',
                "  rollcall --help",
                f"WorkOS posts to {ours.url}/api/webhooks/workos and signs with",
                f"  {ours.workos_webhook_secrets[0]}",
                "",
                "Ctrl-C stops everything.",
            ]
        )
    )
