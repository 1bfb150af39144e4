"""Checks of what is on file with destinations: the contracts that must exist before a recording leaves."""

from __future__ import annotations

from sottovoce.evidence.control import Figure, Finding, met, not_applicable, not_met
from sottovoce.evidence.facts import Facts

_SHOWN = ("agreement.added", "agreement.renewed", "agreement.withdrawn")


def business_associates(facts: Facts) -> Finding:
    """Every destination that may be given health information has a business associate agreement."""
    return _on_file(facts, "business associate agreements", "HIPAA")


def service_providers(facts: Facts) -> Finding:
    """Every destination that may be given account data has agreed in writing, and is attested within the year."""
    return _on_file(facts, "written agreements and attestations under PCI DSS", "PCI")


def processors(facts: Facts) -> Finding:
    """Every destination has a processing contract, one that names special categories where they may be sent."""
    return _on_file(facts, "processing contracts, and what policy requires beside", *_PROCESSORS)


_PROCESSORS = ("PERSONAL", "SPECIAL_CATEGORY", "required")


def transfers(facts: Facts) -> Finding:
    """Every border that a recording may cross has a recorded safeguard."""
    return _on_file(facts, "safeguards of borders that would be crossed", "transfer")


def _on_file(facts: Facts, what: str, *concerns: str) -> Finding:
    checked = f"{what}: what policy needs, what is on file, and where recordings went"
    found = facts.agreements
    needed, wanting = (sum(of.get(each, 0) for each in concerns) for of in (found.needed, found.wanting))
    unledgered = max(found.papers - sum(facts.ledger.actions.get(action, 0) for action in _SHOWN[:2]), 0)
    figures: dict[str, Figure] = {
        "destinations": found.destinations,
        "needed": needed,
        "wanting": wanting,
        "soon to expire, of any kind": found.expiring,
        "waived, of any kind": found.waived,
        "papers without an entry": unledgered,
        "recipients that policy does not name": found.strangers,
    }
    if found.strangers:
        return not_met(checked, "Recordings were given to destinations that policy does not name.", figures, *_SHOWN)
    if unledgered:
        return not_met(checked, "The register holds papers that the ledger does not tell of.", figures, *_SHOWN)
    if wanting:
        return not_met(checked, "Something is wanting: `sottovoce agreements check` says what.", figures, *_SHOWN)
    if not needed:
        return not_applicable(checked, "Policy names no destination that needs any.")
    return met(checked, "Everything that policy needs is on file and in force.", figures, *_SHOWN)
