"""Asks DNS what a domain's owner published."""

import asyncio

import dns.asyncresolver
import dns.exception
import dns.name
import dns.nameserver
import dns.rdatatype
import dns.resolver
import structlog

from ingest.refusals import UnavailableError
from schemas import limits
from schemas.settings import Settings, address_and_port

log = structlog.get_logger(__name__)


class DnsUnavailableError(UnavailableError):
    """DNS did not say whether a record is there: not the same as that there is none."""

    code = "dns_unavailable"

    def __init__(self) -> None:
        super().__init__(
            "DNS gave no answer, so it is not known whether the record is there: ask again. The"
            " log says which server failed how; ROLLCALL_DNS_SERVERS names others."
        )


class Resolver:
    """Looks up TXT records; whoever asks for a name that is being looked up shares the answer."""

    def __init__(self, settings: Settings) -> None:
        self._servers = [address_and_port(each) for each in settings.dns_servers]
        self._looking: dict[str, asyncio.Task[frozenset[str]]] = {}

    async def texts(self, name: str) -> frozenset[str]:
        """The values of a name's TXT records; none if it has none, or is not there.

        A CNAME is followed, and the strings of one record are joined (RFC 7208 §3.3 reads them so).

        Args:
            name: absolute, in ASCII, with or without the dot at its end.

        Raises:
            DnsUnavailableError: no server said so within `limits.DNS_SECONDS`.
        """
        looking = self._looking.get(name)
        if looking is None:
            looking = self._looking[name] = asyncio.create_task(self._look(name))
            looking.add_done_callback(lambda _: self._looking.pop(name))
        return await asyncio.shield(looking)  # one of those who wait may go away

    async def _look(self, name: str) -> frozenset[str]:
        try:
            answer = await self._asking().resolve(
                dns.name.from_text(name), dns.rdatatype.TXT, lifetime=limits.DNS_SECONDS
            )
        except (dns.resolver.NXDOMAIN, dns.resolver.NoAnswer):
            return frozenset()
        except dns.exception.DNSException as error:
            log.warning("DNS gave no answer", name=name, why=str(error))
            raise DnsUnavailableError from None
        return frozenset(b"".join(each.strings).decode(errors="replace") for each in answer)

    def _asking(self) -> dns.asyncresolver.Resolver:
        """A resolver of dnspython's, made anew each time: the system's settings may change.

        Raises:
            NoResolverConfiguration: the system has none.
        """
        if not self._servers:
            return dns.asyncresolver.Resolver()
        asking = dns.asyncresolver.Resolver(configure=False)
        asking.nameservers = [dns.nameserver.Do53Nameserver(*each) for each in self._servers]
        return asking
