"""Where the records of processes go: standard error, one line each."""

import logging
import math
import sys
import time
from typing import Final

import structlog
from typing_extensions import override

_QUIET: Final = ("aiokafka", "faust", "mode", "uvicorn", "httpx2", "httpcore2", "alembic")
"""Libraries whose warnings suffice.

aiokafka's debug records alone cost a sixth of a worker's time where they are made.
"""


SELDOM_SECONDS: Final = 10.0
"""A Kafka client that is refused tries again at once, and says so each time: 30 times a second."""

_CLIENTS: Final = ("aiokafka", "rollcall.kafka")


class _Seldom(logging.Filter):
    """Lets a Kafka client say the same thing once in `SELDOM_SECONDS`, whatever its details."""

    def __init__(self) -> None:
        super().__init__()
        self._said: dict[tuple[str, object], float] = {}

    @override
    def filter(self, record: logging.LogRecord) -> bool:
        if not record.name.startswith(_CLIENTS):
            return True
        now = time.monotonic()
        what = record.name, record.msg
        if now - self._said.get(what, -math.inf) < SELDOM_SECONDS:
            return False
        self._said[what] = now
        return True


def configure() -> None:
    """Send our records and those of libraries to standard error, from level INFO on.

    A terminal gets lines for people, anything else JSON. Call it once, before the first record.
    """
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.add_log_level,
        structlog.stdlib.PositionalArgumentsFormatter(),
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[*shared, structlog.stdlib.ExtraAdder()],
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                *_rendering(terminal=sys.stderr.isatty()),
            ],
        )
    )
    handler.addFilter(_Seldom())
    logging.basicConfig(level=logging.INFO, handlers=[handler], force=True)
    logging.captureWarnings(capture=True)
    for library in _QUIET:
        logging.getLogger(library).setLevel(logging.WARNING)


def _rendering(*, terminal: bool) -> list[structlog.typing.Processor]:
    if terminal:
        return [structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback)]
    # Without local variables: they hold names and addresses of people.
    tracebacks = structlog.tracebacks.ExceptionDictTransformer(show_locals=False)
    return [structlog.processors.ExceptionRenderer(tracebacks), structlog.processors.JSONRenderer()]
