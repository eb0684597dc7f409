"""The sinks' connections to Postgres."""

from typing import Final

import psycopg
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from schemas import limits
from schemas.read_models import SINK_ROLE
from schemas.settings import Settings

CONNECT_SECONDS: Final = 5
"""How long a connection may take to be made; then the process ends and is started again."""

_OPTIONS: Final = {
    "role": SINK_ROLE,
    "timezone": "UTC",
    # Positions go back with the rows when Postgres loses its last commits, and Kafka has
    # everything: no need to wait for the disk (DESIGN §5.7).
    "synchronous_commit": "off",
    # A process that is frozen in the middle of a batch must not hold up who takes its partitions.
    "idle_in_transaction_session_timeout": str(limits.SESSION_SECONDS * 1000),
}


def connect(settings: Settings) -> psycopg.Connection:
    """A connection in the role that owns nothing.

    Raises:
        psycopg.OperationalError: Postgres is away, or has no such role for this login.
        SettingsError: ROLLCALL_DATABASE_URL is not set.
    """
    url = settings.require_database()
    given = conninfo_to_dict(url).get("options") or ""
    ours = " ".join(f"-c {name}={value}" for name, value in _OPTIONS.items())
    address = make_conninfo(
        url,
        options=f"{given} {ours}".strip(),
        connect_timeout=CONNECT_SECONDS,
        keepalives_idle=5,  # a dead peer is noticed within seconds
        keepalives_interval=2,
        keepalives_count=3,
        tcp_user_timeout=10_000,  # milliseconds
    )
    return psycopg.connect(address)
