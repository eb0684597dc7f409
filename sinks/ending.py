"""How the sinks end when one of them may not go on: at once, with a sentence where there is one."""

import os
import sys
import threading
from typing import Final

import psycopg
import structlog
from confluent_kafka import KafkaException

from schemas.positions import LogMismatchError
from sinks.bisecting import BudgetSpentError
from sinks.positions import MovedOnError

_TOLD: Final = (LogMismatchError, MovedOnError, BudgetSpentError)
"""What has a sentence of its own."""

log = structlog.get_logger()


def end_process(failed: threading.ExceptHookArgs) -> None:
    """End at once, with status 1: the other sinks must not go on as if nothing had happened."""
    name = failed.thread.name if failed.thread is not None else "unknown"
    error = failed.exc_value
    if (sentence := _sentence(error)) is not None:
        log.critical(sentence, sink=name)
    else:
        log.critical("a sink failed", sink=name, exc_info=error or failed.exc_type)
    sys.stderr.flush()
    os._exit(1)


def _sentence(error: BaseException | None) -> str | None:
    """What happened and what to do; None for a surprise, which deserves its traceback."""
    if isinstance(error, _TOLD):
        return str(error)
    if isinstance(error, KafkaException):
        return (
            f"Kafka does not give what is due ({error.args[0].str()}): see to its brokers and to"
            " `rollcall positions show`. The sinks start again from their positions."
        )
    if isinstance(error, psycopg.OperationalError):
        return (
            f"Postgres does not do what it should ({' '.join(str(error).split())}): see to it and"
            " to its disk. The sinks start again from their positions."
        )
    return None
