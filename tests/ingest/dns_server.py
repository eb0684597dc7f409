"""A little DNS server over UDP on this machine, and the zone that it serves."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from socketserver import BaseRequestHandler, UDPServer

import dns.flags
import dns.message
import dns.name
import dns.rcode
import dns.rdatatype
import dns.rrset
from typing_extensions import override


class DnsServer:
    """Answers as a resolver does: NXDOMAIN for what its zone lacks."""

    def __init__(self) -> None:
        self.zone: dict[str, tuple[str, ...]] = {}
        """By name, without the last dot: a type, and values as a zone file has them."""
        self.rcode = dns.rcode.NOERROR
        """Anything else is all that it says."""
        self.silent = False
        self.asked: list[str] = []
        self.setting = ""
        """Of ROLLCALL_DNS_SERVERS."""

    def publish(self, name: str, *values: str) -> None:
        """Put TXT records into the zone, each of one string."""
        self.zone[name] = ("TXT", *(f'"{value}"' for value in values))

    def answer(self, wire: bytes) -> bytes | None:
        """What is sent back."""
        query = dns.message.from_wire(wire)
        name = query.question[0].name
        self.asked.append(name.to_text(omit_final_dot=True))
        if self.silent:
            return None
        answer = dns.message.make_response(query)
        answer.flags |= dns.flags.RA
        answer.set_rcode(self.rcode)
        if self.rcode == dns.rcode.NOERROR:
            self._fill(answer, name)
        return answer.to_wire()

    def _fill(self, answer: dns.message.Message, name: dns.name.Name) -> None:
        records = self.zone.get(name.to_text(omit_final_dot=True))
        if records is None:
            answer.set_rcode(dns.rcode.NXDOMAIN)
            return
        kind, *values = records
        answer.answer.append(dns.rrset.from_text(name, 60, "IN", kind, *values))
        if kind == "CNAME":
            self._fill(answer, dns.name.from_text(values[0]))


@contextmanager
def dns_server() -> Iterator[DnsServer]:
    served = DnsServer()

    class Asked(BaseRequestHandler):
        @override
        def handle(self) -> None:
            wire, sock = self.request
            if (answer := served.answer(wire)) is not None:
                sock.sendto(answer, self.client_address)

    with UDPServer(("127.0.0.1", 0), Asked) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.02,), name="dns")
        thread.start()
        served.setting = f"127.0.0.1:{server.server_address[1]}"
        try:
            yield served
        finally:
            server.shutdown()
            thread.join()
