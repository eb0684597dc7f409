"""`rollcall gateway`, `processors`, `sinks`: one process of a stage, in the foreground.

Each reads its settings from ROLLCALL_* variables, answers for its health, checks that Kafka and
Postgres are those of the installation, tells its starter when it is ready, and runs until SIGTERM
or SIGINT.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from schemas.health import Health
    from schemas.positions import Installation
    from schemas.settings import Settings


def gateway() -> None:
    """Run the gateway: webhooks and the admin API in, changes to Kafka.

    Example: ROLLCALL_PORT=8080 rollcall gateway
    """
    from deploy.ready import notify_ready  # noqa: PLC0415 - these would slow down --help
    from ingest import gateway as stage  # noqa: PLC0415

    with _prepared("gateway") as (settings, installation, health):
        stage.run(settings, installation, ready=lambda _port: notify_ready(), health=health)


def processors() -> None:
    """Run one worker that decides; start more for more throughput.

    Example: ROLLCALL_INSTANCE=worker-1 rollcall processors
    """
    from deploy.ready import notify_ready  # noqa: PLC0415 - these would slow down --help
    from processors import app as stage  # noqa: PLC0415

    with _prepared("processors") as (settings, installation, health):
        stage.run(settings, installation, ready=notify_ready, health=health)


def sinks() -> None:
    """Run the sinks: read models, session revocation and audit log in Postgres.

    Example: ROLLCALL_INSTANCE=sinks-1 rollcall sinks
    """
    from deploy.ready import notify_ready  # noqa: PLC0415 - these would slow down --help
    from sinks import consumer as stage  # noqa: PLC0415

    with _prepared("sinks") as (settings, installation, health):
        stage.run(settings, installation, ready=notify_ready, health=health)


@contextmanager
def _prepared(stage: str) -> "Iterator[tuple[Settings, Installation, Health]]":
    from deploy import health, installation, logging  # noqa: PLC0415 - would slow down --help
    from schemas import settings  # noqa: PLC0415

    logging.configure()
    ours = settings.load()
    # What is not set is said before anything listens; what is away may take its time.
    ours.require_database()
    ours.require_kafka()
    with health.served(ours, stage) as own:
        yield ours, installation.load(ours), own
