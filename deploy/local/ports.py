"""Free TCP ports on the loopback address."""

import socket
from contextlib import ExitStack

LOOPBACK = "127.0.0.1"
"""The one address that local parts listen on: nothing of them is reachable from outside."""


def free_ports(count: int) -> list[int]:
    """Return `count` different ports that nothing listens on at this moment.

    They are bound together, so that no two are the same, and let go again: another process may
    take one before it is used, and the part that wanted it then fails with its own error.
    """
    with ExitStack() as bound:
        sockets = [bound.enter_context(socket.socket()) for _ in range(count)]
        for each in sockets:
            each.bind((LOOPBACK, 0))
        return [each.getsockname()[1] for each in sockets]
