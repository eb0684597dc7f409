"""Which domains of email addresses are a tenant's own: only by those are people found by email."""

import re
from typing import Final

from processors.core import answers, explain
from processors.core.draft import Decision, Draft
from schemas import settings_state
from schemas.access import Because
from schemas.changes import DomainsReported
from schemas.manual import Proof
from schemas.names import comparable
from schemas.recorded import DomainRecorded
from schemas.settings_changes import RemoveDomain, SetDomain
from schemas.settings_state import Domain
from schemas.state import changed
from schemas.work import SettleConflicts

_PART: Final = r'[^\s@,;:<>()"\x00-\x1f\x7f]+'
_PLAIN: Final = re.compile(f"{_PART}@{_PART}")
"""One address alone: mailers read of a list, a comment or quotes another one than we would."""


def is_verified(draft: Draft, email: str) -> bool:
    """Whether an address lies in a domain of the tenant's own; its subdomains are others.

    A domain that is not written in its `xn--` form is verified for nobody: the standard library
    turns one into the other by IDNA 2003 alone, under which `ß` is `ss` and so somebody else's.
    """
    if _PLAIN.fullmatch(email) is None:
        return False
    domain = comparable(email.rpartition("@")[2])
    return draft.get(settings_state.domain_key(draft.tenant_id, domain), Domain) is not None


def set_domain(draft: Draft, change: SetDomain) -> Decision:
    """A domain is the tenant's own: who waited for that is linked."""
    known = draft.get(settings_state.domain_key(draft.tenant_id, change.domain), Domain)
    if known is not None and change.proof in {known.proof, "vouched"}:  # a word adds to no proof
        body = {"domain": change.domain, "proof": known.proof}
        return answers.unchanged(draft, change, body)
    body = {"domain": change.domain, "proof": change.proof}
    _own(draft, change.domain, change.proof)
    draft.settle(change, 200, body)
    return draft.decision()


def remove_domain(draft: Draft, change: RemoveDomain) -> Decision:
    """A domain is the tenant's own no longer; who is linked stays so."""
    place = settings_state.domain_key(draft.tenant_id, change.domain)
    if draft.get(place, Domain) is None:
        detail = f"{change.domain} is no domain of this tenant"
        return answers.refused(draft, change, 404, "unknown_domain", detail)
    _tell(draft, change.domain, None)
    return answers.applied(
        draft,
        change,
        {place: None},
        {"domain": change.domain, "proof": None},
        subject=f"domain/{change.domain}",
        sentence=f"The domain {change.domain} is no longer verified; who is linked stays so.",
    )


def reported(draft: Draft, change: DomainsReported) -> Decision:
    """WorkOS verified these; whatever proved one before goes on counting.

    A repeat brings none back that was removed since: WorkOS repeats for three days.
    """
    if not draft.mark():
        return draft.decision("repeat")
    new = [
        each
        for each in change.domains
        if draft.get(settings_state.domain_key(draft.tenant_id, each), Domain) is None
    ]
    for domain in new:
        _own(draft, domain, "workos")
    return draft.decision()


def _own(draft: Draft, domain: str, proof: Proof) -> None:
    draft.put(settings_state.domain_key(draft.tenant_id, domain), Domain(proof=proof))
    _tell(draft, domain, proof)
    phrase = f"the domain {domain} was verified"
    because = Because(kind="admin", id=f"domain/{domain}", name=domain)
    trigger = changed(draft.trigger, phrase=phrase, because=because)
    draft.schedule(draft.now, SettleConflicts(trigger=trigger), domain)
    subject = f"domain/{domain}"
    draft.audit(subject, f"The domain {domain} is verified: {explain.PROOFS[proof]}.", part=proof)


def _tell(draft: Draft, domain: str, proof: Proof | None) -> None:
    draft.emit(DomainRecorded(**draft.common("DomainRecorded", domain), domain=domain, proof=proof))
