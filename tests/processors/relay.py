"""A link to a broker that can lose what the broker answers."""

import socket
import threading
from contextlib import suppress

from deploy.local.kafka import Detour
from deploy.local.ports import LOOPBACK

END_TXN = (26).to_bytes(2, "big")
"""The request that commits; its key stands behind the four bytes of its length."""


class Relay:
    """Passes everything on between clients and a broker, until it is told otherwise."""

    def __init__(self, detour: Detour) -> None:
        self.address = f"{LOOPBACK}:{detour.advertised}"
        self._server = socket.create_server((LOOPBACK, detour.advertised))
        self._broker = (LOOPBACK, detour.port)
        self._ends: list[socket.socket] = []
        self._waits_for_commit = False
        self.loses_answers = False
        threading.Thread(target=self._accept, daemon=True).start()

    def lose_answers_to_commits(self) -> None:
        """From the next commit on no answer to anything arrives, until the links are cut."""
        self._waits_for_commit = True

    def cut(self) -> None:
        """Cut every link; new ones lose nothing."""
        self._waits_for_commit = self.loses_answers = False
        while self._ends:
            with suppress(OSError):  # the other side was faster
                self._ends.pop().shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        self._server.shutdown(socket.SHUT_RDWR)
        self._server.close()
        self.cut()

    def _accept(self) -> None:
        with suppress(OSError):  # closed
            while True:
                client, _ = self._server.accept()
                broker = socket.create_connection(self._broker)
                self._ends += [client, broker]
                for pump in (self._pass_requests, self._pass_answers):
                    threading.Thread(target=pump, args=(client, broker), daemon=True).start()

    def _pass_requests(self, client: socket.socket, broker: socket.socket) -> None:
        with suppress(OSError), broker:
            while request := client.recv(1 << 16):
                if self._waits_for_commit and request[4:6] == END_TXN:
                    self.loses_answers = True
                broker.sendall(request)

    def _pass_answers(self, client: socket.socket, broker: socket.socket) -> None:
        with suppress(OSError), client:
            while answer := broker.recv(1 << 16):
                if not self.loses_answers:
                    client.sendall(answer)
