"""Checks of what was done to recordings, and of who may touch them: admission, redaction, voices, access."""

from __future__ import annotations

from typing import Final
from urllib.parse import urlsplit

from sottovoce.domain.entities import BUNDLES, Entity
from sottovoce.evidence.control import Figure, Finding, for_a_person, met, not_applicable, not_met, verdict
from sottovoce.evidence.facts import Facts
from sottovoce.policy.model import GenesysSource, Policy

_LOOPBACK: Final = {"127.0.0.1", "localhost", "::1"}

IDENTIFIERS: Final = frozenset(BUNDLES["phi"])
"""45 CFR 164.514(b)(2)(i), those that can be spoken (A to O and R)."""

CARD: Final = frozenset({Entity.CREDIT_DEBIT_NUMBER, Entity.CREDIT_DEBIT_CVV, Entity.PIN})


def authentication_data_gone(facts: Facts) -> Finding:
    """No card verification code and no PIN is kept, not even encrypted."""
    checked = "originals in which such data was heard, and recordings released without a second detector's word"
    found = facts.recordings
    figures: dict[str, Figure] = {
        "originals that still hold it": found.originals_with_authentication_data,
        "sealed without verification": found.unverified,
        "verification codes removed, ms": found.removed_ms.get("credit_debit_cvv", 0),
        "PINs removed, ms": found.removed_ms.get("pin", 0),
        "keyed digits removed, ms": found.removed_ms.get("dtmf_digits", 0),
    }
    if found.originals_with_authentication_data or found.unverified:
        return not_met(checked, "Authentication data may be kept.", figures)
    if not found.sealed:
        return not_applicable(checked, "Nothing was sealed yet.")
    said = "Nothing was sealed before a second detector had found nothing left."
    return met(checked, said, figures, "recording.redacted", "recording.verified")


def card_data_redacted(facts: Facts) -> Finding:
    """Card numbers, codes and PINs are removed on every queue."""
    return _redacts(facts, CARD, "card data", "credit_debit_number")


def identifiers_redacted(facts: Facts) -> Finding:
    """Every identifier of Safe Harbor that can be spoken is removed on every queue."""
    return _redacts(facts, IDENTIFIERS, "the identifiers of 45 CFR 164.514(b)(2)(i)", "name")


def _redacts(facts: Facts, wanted: frozenset[Entity], what: str, shown: str) -> Finding:
    checked = f"that policy removes {what} on every queue, and what was removed"
    lacking = _lacking(facts.policy, wanted)
    figures: dict[str, Figure] = {
        "queues with rules of their own": len(facts.policy.redaction.queues),
        "queues where something is left": len(lacking),
        f"{shown} removed, ms": facts.recordings.removed_ms.get(shown, 0),
        "sealed without verification": facts.recordings.unverified,
    }
    good, bad = (
        f"Policy removes {what} everywhere.",
        f"Policy leaves some of {what} in: {', '.join(lacking) or 'unverified'}.",
    )
    return verdict(checked, not lacking and not facts.recordings.unverified, good, bad, figures, "recording.redacted")


def _lacking(policy: Policy, wanted: frozenset[Entity]) -> list[str]:
    """Queues, by name, where not all of it goes."""
    chosen = {"default": policy.redaction.default, **policy.redaction.queues}
    return [name for name, names in chosen.items() if not wanted <= _entities(names)]


def _entities(names: tuple[object, ...]) -> set[Entity]:
    found: set[Entity] = set()
    for name in names:
        found |= set(BUNDLES[str(name)]) if str(name) in BUNDLES else {Entity(str(name))}
    return found


def recall_measured(facts: Facts) -> Finding:
    """How much of what should go does go was measured, on truth."""
    checked = "the latest report of `sottovoce conformance score --json` in the workspace's reports"
    found = facts.conformance
    if found is None:
        said = "No report is there: score redacted calls whose truth you know, and keep the report in `reports`."
        return for_a_person(checked, said)
    figures: dict[str, Figure] = {
        "calls scored": found.calls,
        "units leaked": found.unit_leak_rate,
        "over-redaction": found.over_redaction,
    }
    return verdict(checked, found.conforms, "The report conforms.", "The report found leaks or failures.", figures)


def voices_disguised(facts: Facts) -> Finding:
    """A voice identifies: what is released is disguised, and how well was measured."""
    checked = "how each sealed recording's voices were treated, and the label and attack of each version"
    found, corpus = facts.recordings, facts.corpus
    figures: dict[str, Figure] = {
        "sealed": found.sealed,
        "voices left as they are": found.undisguised,
        "versions": corpus.versions,
        "versions that withstood an attack": corpus.attacked,
        **{f"versions labelled {label}": n for label, n in sorted(corpus.labels.items())},
    }
    if found.undisguised:
        return not_met(checked, "Recordings are kept whose voice was left as it is.", figures, "step.waived")
    if not found.sealed:
        return not_applicable(checked, "Nothing was sealed yet.")
    if corpus.versions and corpus.attacked == corpus.versions:
        return met(checked, "Every version withstood a re-identification attack.", figures, "recording.anonymized")
    said = "Voices are disguised, and no attack was measured on every version: attach an expert's determination."
    return for_a_person(checked, said, figures)


def lawfully_admitted(facts: Facts) -> Finding:
    """Every recording that was used has a decision that admits it, on a stated basis."""
    checked = "a decision that admits each sealed recording, and the basis policy states"
    found, basis = facts.recordings, facts.policy.lawful_basis
    figures: dict[str, Figure] = {
        "sealed": found.sealed,
        "without a decision": found.unadmitted,
        "withheld": found.withheld,
        "basis": basis.basis.value,
        "wordings that name AI training": len(facts.policy.consent.wordings),
    }
    if not found.sealed and not found.withheld:
        return not_applicable(checked, "Nothing was decided yet.")
    good, bad = "Each was admitted before it was fetched.", "A recording was sealed that nothing admitted."
    return verdict(checked, not found.unadmitted, good, bad, figures, "recording.decided")


def fails_closed(facts: Facts) -> Finding:
    """Whatever was in doubt was withheld, with its reason."""
    checked = "the reason of every withheld recording, and that nothing unverified was sealed"
    found = facts.recordings
    figures: dict[str, Figure] = {
        "withheld": found.withheld,
        "without a reason": found.unexplained,
        "sealed without verification": found.unverified,
    }
    if not found.known:
        return not_applicable(checked, "No recording was seen yet.")
    good, bad = "Every doubt has its reason.", "A recording was withheld without a reason, or released in doubt."
    holds = not found.unexplained and not found.unverified
    return verdict(checked, holds, good, bad, figures, "recording.quarantined", "recording.excluded")


def released_minimum(facts: Facts) -> Finding:
    """What those who train see of a sample leads to nobody."""
    checked = "the released facts of every sample, against the list of those allowed"
    found = facts.corpus
    figures: dict[str, Figure] = {"samples": found.samples, "that say more": found.forbidden_metadata}
    if not found.samples:
        return not_applicable(checked, "No version was released yet.")
    good, bad = "No sample says more than it may.", "A sample says more than it may."
    return verdict(checked, not found.forbidden_metadata, good, bad, figures, "corpus.released")


def uses_known(facts: Facts) -> Finding:
    """For every recording it can be said when it was used, for what, and in which model."""
    checked = "training runs, whether what they read is recorded or presumed, and reads in the ledger"
    found = facts.corpus
    figures: dict[str, Figure] = {
        "runs": found.runs,
        "of them presumed": found.runs_presumed,
        "models": found.models,
        "reads": facts.access.reads,
    }
    if not found.versions:
        return not_applicable(checked, "No version was released yet.")
    told = facts.ledger.actions.get("training.started", 0) >= found.runs
    good, bad = "Each use is recorded.", "A training run is registered that the ledger does not tell of."
    return verdict(checked, told, good, bad, figures, "training.started", "training.ended", "model.made")


def access_reviewed(facts: Facts) -> Finding:
    """Who holds what was looked at and signed off, within the policy's days."""
    checked = "the latest access review that was signed off"
    found, days = facts.access, facts.policy.access.review_days
    figures: dict[str, Figure] = {
        "principals": found.principals,
        "days since the last sign-off": found.last_review_days,
        "at most": days,
        "refused attempts": found.refusals,
        "alarms of bulk access": found.alarms,
    }
    if found.last_review_days is None:
        said = "No access review was signed off here: review who holds what, and sign it."
        return for_a_person(checked, said, figures)
    good, bad = "Access was reviewed in time.", "The last access review is too old."
    return verdict(checked, found.last_review_days <= days, good, bad, figures, "access.reviewed")


def reads_recorded(facts: Facts) -> Finding:
    """Each reading of a recording has an entry with who and for what."""
    checked = "entries of reads, refusals and alarms in the ledger"
    found = facts.access
    figures: dict[str, Figure] = {"reads": found.reads, "refused": found.refusals, "alarms": found.alarms}
    if facts.ledger.verdict not in {"ok", "unsigned tail"}:
        return not_met(checked, "The ledger does not verify, so neither do its reads.", figures)
    return met(checked, "A read that cannot be recorded does not happen.", figures, "corpus.read", "access.refused")


def sent_encrypted(facts: Facts) -> Finding:
    """Nothing leaves this machine in the clear."""
    checked = "every address of the policy: sources, store, database, notices, lineage"
    plain = sorted(_in_the_clear(facts.policy))
    figures: dict[str, Figure] = {"addresses in the clear": len(plain), "store": facts.store.scheme}
    good, bad = "Every address is encrypted, or of this machine.", f"In the clear: {', '.join(plain)}."
    return verdict(checked, not plain, good, bad, figures)


def _in_the_clear(policy: Policy) -> set[str]:
    """Names of the policy's keys whose address is plain http to elsewhere."""
    named = {
        "storage.endpoint": policy.storage.endpoint,
        "openlineage.url": policy.openlineage.url,
        **{f"erasure.notices.{name}": target.url for name, target in policy.erasure.notices.items()},
        **{f"sources.{name}": s.api_url for name, s in policy.sources.items() if isinstance(s, GenesysSource)},
    }
    return {name for name, url in named.items() if url is not None and _is_plain(url)}


def _is_plain(url: str) -> bool:
    parts = urlsplit(url)
    return parts.scheme == "http" and parts.hostname not in _LOOPBACK
