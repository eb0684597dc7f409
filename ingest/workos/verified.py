"""The domains that WorkOS says it has verified."""

from typing import Final

from ingest import domains
from ingest.workos import payloads
from ingest.workos.translation import Report
from schemas import ids, limits
from schemas.changes import AnyReportedChange, DomainsReported

_EVENT: Final = "dsync.activated"


def domains_of(report: Report, change: AnyReportedChange) -> DomainsReported | None:
    """What an event says of its organization's domains, besides the change that it is.

    `dsync.activated` lists them.  Those in state `verified` count, as WorkOS's API of domains names
    it.  One without a state counts for nothing: the documents of this event show none (idp-facts
    §1.1), and that a domain is listed does not say that anybody proved it.  An entry of another
    shape is passed over, since it must not hold up the event.

    Args:
        report: the event.
        change: what it is by itself (`translation.change_of`); its id, once derived, gives another.
    """
    if report.event_type != _EVENT or not isinstance(report.data, payloads.Directory):
        return None
    given = report.data.domains
    listed = given[: limits.REPORTED_DOMAINS] if isinstance(given, list) else []
    verified = tuple(dict.fromkeys(domain for each in listed if (domain := _verified(each))))
    if not verified:
        return None
    return DomainsReported(
        change_id=ids.of_cause(change.change_id, "domains"),
        tenant_id=change.tenant_id,
        recorded_at=change.recorded_at,
        directory_id=change.directory_id,
        stamp=change.stamp,
        domains=verified,
    )


def _verified(entry: object) -> str | None:
    match entry:
        case {"state": "verified", "domain": str(given)}:
            return _own(given)
        case _:
            return None


def _own(given: str) -> str | None:
    try:
        domain = domains.normalised(given)
        domains.require_own(domain)
    except domains.DomainError:
        return None
    return domain
