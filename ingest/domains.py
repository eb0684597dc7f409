"""Domains of email addresses: how they are written, whose they cannot be, how DNS proves one."""

import hashlib
import ipaddress
from typing import Final, NamedTuple

import idna

from schemas import limits
from schemas.positions import Installation
from schemas.settings import Settings

LABEL: Final = "_rollcall"
"""Where the record stands below a domain.

A name of its own, as RFC 8552 has it: records of others are not in its way, and the domain itself
may be a CNAME.
"""
KEY: Final = "rollcall-domain="
"""What the record's value begins with."""
FREE_MAIL: Final = frozenset(
    {
        "126.com",
        "163.com",
        "aol.com",
        "gmail.com",
        "gmx.com",
        "gmx.de",
        "gmx.net",
        "googlemail.com",
        "hotmail.com",
        "icloud.com",
        "live.com",
        "mac.com",
        "mail.com",
        "mail.ru",
        "me.com",
        "msn.com",
        "naver.com",
        "outlook.com",
        "proton.me",
        "protonmail.com",
        "qq.com",
        "web.de",
        "yahoo.com",
        "yandex.com",
        "yandex.ru",
        "ymail.com",
    }
)
"""The biggest providers of mail for everybody.

Whoever has an address there would be linked by it to somebody of a tenant, so it is no tenant's,
whatever the vendor says.  The list is short on purpose: it stops a slip, and no list stops intent.
"""


class DomainError(ValueError):
    """No domain that could be a tenant's; the text says why, and what to give instead."""


class Record(NamedTuple):
    """The TXT record that proves a domain."""

    name: str
    value: str


def normalised(given: str) -> str:
    """A domain as it is kept and compared: lower case, ASCII (IDNA 2008, UTS 46), no last dot.

    A public suffix (`co.uk`) passes: it would link addresses such as `ann@co.uk`, which nobody has.

    Raises:
        DomainError: it is none: an address, a wildcard, a name without a dot, or too long.
    """
    if len(given) > limits.DOMAIN_LENGTH + 1:
        raise DomainError(_TOO_LONG)
    try:
        encoded = idna.encode(given, uts46=True, std3_rules=True).decode()
    except idna.IDNAError:  # its text repeats what was sent
        raise DomainError("give a domain such as acme.example, without * or @") from None
    domain = encoded.removesuffix(".")  # only now: UTS 46 makes a dot of U+3002 and others
    if len(domain) > limits.DOMAIN_LENGTH:
        raise DomainError(_TOO_LONG)
    if "." not in domain or domain.rpartition(".")[2].isdigit() or _is_address(domain):
        raise DomainError("give a domain with at least one dot, such as acme.example, no address")
    return domain


def require_own(domain: str) -> None:
    """Refuse a domain in which anybody can have an address.

    Raises:
        DomainError: it is of `FREE_MAIL`.
    """
    if domain in FREE_MAIL:
        raise DomainError(
            "anybody can have an address in this domain, so it is no tenant's own: link its people"
            " by their external ids, or one by one"
        )


def record_of(
    domain: str, tenant_id: str, settings: Settings, installation: Installation
) -> Record:
    """The record that proves that a domain, already normalised, is the tenant's.

    Its value is no secret.  Whoever can write it into the zone has proven what was to be proven,
    and to guess it helps nobody else; so it is made of names alone, and is the same however often
    it is asked for.  But everybody can read it: the tenant is in it, so that it proves nothing for
    another tenant, and so is the installation, so that it proves nothing at another vendor's
    Rollcall, where somebody else may have a tenant of that id.
    """
    whose = (installation.cluster_id, settings.installation, tenant_id, domain)
    token = hashlib.sha256("\0".join(whose).encode()).hexdigest()[:_TOKEN_LENGTH]
    return Record(f"{LABEL}.{domain}", KEY + token)


_TOO_LONG = f"a domain has at most {limits.DOMAIN_LENGTH} characters"
_TOKEN_LENGTH = 40  # hex digits: 160 bits, and the value is easily copied


def _is_address(domain: str) -> bool:
    try:
        ipaddress.ip_address(domain)
    except ValueError:
        return False
    return True
