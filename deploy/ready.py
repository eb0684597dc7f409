"""Tells whoever started this process that it is ready, by systemd's protocol.

`NOTIFY_SOCKET` is no setting: the starter (`deploy.supervisor`, systemd) puts it into the
environment of one child, for that child alone. That is why it is read here, and not with the
operator's settings in `schemas.settings`.
"""

import os
import socket


def notify_ready() -> None:
    """Send `READY=1` to the starter's socket; do nothing if there is none.

    Raises:
        OSError: the socket cannot be reached.
    """
    address = os.environ.get("NOTIFY_SOCKET")
    if not address:
        return
    if address.startswith("@"):
        address = "\0" + address[1:]  # Linux's abstract sockets, as sd_notify(3) writes them
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as starter:
        starter.connect(address)
        starter.send(b"READY=1")
