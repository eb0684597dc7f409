"""The Faust application: two lanes in, one state table, and one loop per partition between them."""

import logging
from collections.abc import Callable
from typing import Any

import faust
from faust.types import AppT

from processors.agents import feed
from processors.broker import Broker
from processors.faust_internals.application import App, Tables
from processors.faust_internals.credentials import credentials
from processors.faust_internals.store import LocalStores, StateTable
from processors.ownership import PartitionOwnership
from processors.readiness import why_not_ready
from processors.watchdog import Watchdog
from schemas import limits
from schemas.health import Health
from schemas.positions import Installation
from schemas.settings import Settings
from schemas.topics import LANES, STATE_CHANGELOG

STORE_OPTIONS = {
    "block_cache_size": 64 << 20,
    "write_buffer_size": 8 << 20,
    "max_open_files": 256,
}
"""RocksDB per partition; its defaults are 2 GiB of cache and 90 % of all file handles."""


def create(
    settings: Settings, installation: Installation, ready: Callable[[], None], health: Health
) -> App:
    """The application, with its agents and its table; nothing runs yet."""
    app = App(
        settings.application,
        broker=";".join(f"kafka://{each}" for each in settings.require_kafka().split(",")),
        broker_credentials=credentials(settings),
        store="rocksdb://",
        datadir=str(settings.worker_folder),
        consumer_group_instance_id=f"{settings.application}-{settings.instance}",
        topic_partitions=installation.partitions,
        topic_allow_declare=False,  # `rollcall topics create` is the only one who makes topics
        topic_disable_leader=True,
        web_enabled=False,  # its web server would serve the table
        Table=StateTable,
        TableManager=Tables,
        table_standby_replicas=settings.standby_replicas,
        # Stamps see to it; Faust compares with what is stable, which lags behind a commit.
        recovery_consistency_check=False,
        stream_wait_empty=True,
        stream_buffer_maxsize=64,
        broker_max_poll_records=64,
        broker_commit_interval=1.0,
        broker_session_timeout=limits.SESSION_SECONDS,
        broker_heartbeat_interval=limits.SESSION_SECONDS / 4,
        broker_request_timeout=limits.SESSION_SECONDS * 2,
        consumer_max_fetch_size=limits.OUTPUT_MESSAGE,
        worker_redirect_stdouts=False,
    )
    raw: dict[str, Any] = {
        "key_type": bytes,
        "value_type": bytes,
        "value_serializer": "raw",
        "partitions": installation.partitions,
    }
    # bytes twice, and no serializer: a raw changelog (faust-facts 14)
    table = app.Table(
        STATE_CHANGELOG.name.removesuffix("-changelog"),
        key_type=bytes,
        value_type=bytes,
        partitions=installation.partitions,
        options=STORE_OPTIONS,
    )
    app.use_patient_recovery()
    broker, stores = Broker(settings, installation), LocalStores(app, table)
    ownership = PartitionOwnership(settings, installation, broker, stores, ready)
    app.ownership = ownership
    watchdog = app.watchdog = Watchdog(broker, ownership)
    health.why_not_ready = lambda: why_not_ready(ownership, kafka_answers=watchdog.kafka_answers)
    for number, lane in enumerate(LANES):

        async def decide(stream: Any, number: int = number) -> None:
            await feed(app, ownership, stream, number)

        channel = app.topic(settings.topic(lane.name), **raw)
        app.agent(channel, name=f"decide-{lane.name}", concurrency=1)(decide)
    return app


def run(
    settings: Settings, installation: Installation, ready: Callable[[], None], health: Health
) -> None:
    """Decide until SIGTERM or SIGINT; `ready` is called whenever the loops have begun.

    Raises:
        SystemExit: with Faust's exit status, when it stopped.
    """
    logging.getLogger("aiokafka").setLevel(logging.WARNING)  # its debug records cost a sixth
    # Faust's parts that we extend write under our name, a table at each step of a recovery.
    logging.getLogger("processors.faust_internals").setLevel(logging.WARNING)
    settings.worker_folder.mkdir(parents=True, exist_ok=True)
    app = create(settings, installation, ready, health)
    # Where records go is the composition root's to say; Faust would put up handlers of its own.
    worker = faust.Worker(_untyped(app), override_logging=False, redirect_stdouts=False, quiet=True)
    worker.spinner = None  # it would write control codes into logs
    worker.execute_from_commandline()


def _untyped(app: App) -> AppT:
    return app
