"""How this process ends when it may not go on: at once, since what is committed counts."""

import asyncio
import os
import sys
import traceback
from collections.abc import Coroutine
from typing import Any, NoReturn


def die() -> NoReturn:
    """Print the exception at hand and end; a restart begins at the positions.

    Faust would log it and go on with the next message, and the one at hand would be lost
    (faust-facts 6).
    """
    try:
        traceback.print_exc(file=sys.__stderr__)
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
