"""How this process ends when it may not go on: at once, since what is committed counts."""

import asyncio
import os
import sys
import traceback
from collections.abc import Coroutine
from typing import Any, Final, NoReturn

import structlog

log = structlog.get_logger()

_OURS: Final = ("processors", "schemas")
"""Packages whose error types carry a sentence for the operator; anything else is a surprise."""


class StuckError(RuntimeError):
    """Something stands still, and waiting longer would hide it.

    The text says what, where, and what to do.
    """


def die(error: BaseException | None = None) -> NoReturn:
    """Say why, by `error` or the exception at hand, and end; a restart begins at the positions.

    An error of ours is said in its one sentence, a surprise with its traceback.  Faust would log
    it and go on with the next message, and the one at hand would be lost (faust-facts 6).
    """
    try:
        error = error or sys.exception()
        if error is not None and type(error).__module__.partition(".")[0] in _OURS:
            log.critical(str(error))
        else:
            traceback.print_exception(error, file=sys.__stderr__)
    finally:  # whoever read standard error may be gone
        os._exit(70)  # EX_SOFTWARE of sysexits.h


def in_background(name: str, coroutine: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
    """Run something beside everything else; if it fails, the process ends."""

    async def watched() -> None:
        try:
            await coroutine
        except asyncio.CancelledError:
            raise  # only the end of the whole event loop cancels it
        except BaseException:  # noqa: BLE001 # a loop that ended by itself would look alive
            die()

    return asyncio.create_task(watched(), name=name)
