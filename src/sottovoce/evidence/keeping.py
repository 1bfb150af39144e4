"""Checks of what is kept and what went: retention, keys, erasure, the ledger."""

from __future__ import annotations

from typing import Final

from sottovoce.evidence.control import Figure, Finding, Result, for_a_person, met, not_applicable, not_met, verdict
from sottovoce.evidence.facts import Facts

SWEEP_DAYS: Final = 8
"""A weekly sweep, and a day."""

EPOCH_DAYS: Final = 62
"""A month, and the longest one after it: an epoch begins with the first recording sealed in a month."""

CRYPTOPERIOD_DAYS: Final = 731
"""NIST SP 800-57 part 1 revision 5, table 1: symmetric key-wrapping keys, two years of originator use at most."""

ANSWER_DAYS: Final = 30
"""GDPR Article 12(3): one month."""

LOG_DAYS: Final = 365
"""PCI DSS 4.0.1, 10.5.1: twelve months kept, the last three at once available."""


def schedule_enforced(facts: Facts) -> Finding:
    """Nothing is kept past its day, and a sweep looked lately."""
    checked = "the retention plan of every artefact, and the log of sweeps"
    found, days = facts.retention, facts.policy.retention
    figures: dict[str, Figure] = {
        "artefacts kept": found.kept,
        "past their day": found.overdue,
        "conflicts of duties": found.conflicts,
        "sweeps": found.sweeps,
        "days since the last sweep": found.last_sweep_days,
        "corpus days": days.corpus_days,
        "raw days": days.raw_days,
    }
    if found.overdue or found.conflicts:
        return not_met(checked, "Something is kept past its day, or under duties that conflict.", figures)
    if not found.kept and not found.sweeps:
        return not_applicable(checked, "Nothing is kept yet.")
    lately = found.last_sweep_days is not None and found.last_sweep_days <= SWEEP_DAYS
    good, bad = "Nothing is kept past its day.", f"No sweep in the last {SWEEP_DAYS} days: run one, or schedule it."
    return verdict(checked, lately, good, bad, figures, "retention.swept", "object.deleted")


def erased_unreadable(facts: Facts) -> Finding:
    """Every erased recording's key is gone, from restored backups too."""
    checked = "the key of every erased recording, the list of erasures outside, every certificate's signature"
    found, keys = facts.erasure, facts.keys
    figures: dict[str, Figure] = {
        "erased recordings": keys.erased,
        "whose key still opens": keys.revived,
        "restored and not replayed": found.restored,
        "unfinished": found.unfinished,
        "certificates": found.erasures,
        "certificates that do not verify": found.bad_certificates,
    }
    if keys.revived or found.restored or found.bad_certificates or found.unfinished:
        return not_met(
            checked, "An erasure is undone, unfinished or not provable: run `sottovoce erase replay`.", figures
        )
    if not keys.erased:
        return not_applicable(checked, "Nothing was erased or expired yet.")
    return met(checked, "Every erased recording's key is destroyed and certified.", figures, "erasure.certified")


def erasure_answered(facts: Facts) -> Finding:
    """Requests are answered within a month, refusals dated and reasoned."""
    checked = "the time from each request to its certificate, and recordings marked and not yet blanked"
    found = facts.erasure
    figures: dict[str, Figure] = {
        "erasures": found.erasures,
        "recordings": found.recordings,
        "refused under hold": found.refused,
        "unfinished": found.unfinished,
        "slowest, in days": found.slowest_days,
    }
    if not found.erasures and not found.unfinished:
        return not_applicable(checked, "Nobody has asked yet.")
    in_time = not found.unfinished and (found.slowest_days or 0) <= ANSWER_DAYS
    good, bad = "Every request was answered within a month.", "A request is unfinished, or took more than a month."
    return verdict(checked, in_time, good, bad, figures, "erasure.certified", "erasure.refused")


def recipients_told(facts: Facts) -> Finding:
    """Whoever was given a recording that was erased has been told."""
    checked = "the notice owed to each recipient of an erased recording"
    found = facts.erasure
    figures: dict[str, Figure] = {"notices": found.notices, "overdue": found.notices_overdue}
    if not found.notices:
        return not_applicable(checked, "Nothing that was erased had been delivered.")
    good, bad = "Every recipient was told in time.", "A recipient was not told in time: run `sottovoce erase notify`."
    return verdict(checked, not found.notices_overdue, good, bad, figures, "notice.sent", "notice.acknowledged")


def models_decided(facts: Facts) -> Finding:
    """Every model that saw erased data was decided upon by its date."""
    checked = "the decision on each training run and model that saw erased data"
    found, corpus = facts.erasure, facts.corpus
    figures: dict[str, Figure] = {
        "training runs": corpus.runs,
        "models": corpus.models,
        "decisions": found.decisions,
        "open": found.decisions_open,
        "overdue": found.decisions_overdue,
    }
    if not found.decisions:
        return not_applicable(checked, "No training run saw anything that was erased.")
    good = "No decision is overdue."
    bad = "A model that saw erased data waits past its date: `sottovoce erase decide`."
    return verdict(checked, not found.decisions_overdue, good, bad, figures, "model.decided")


def keys_apart(facts: Facts) -> Finding:
    """Keys are wrapped, apart from what they open, and from a service fit for production."""
    checked = "the key provider, the key of every sealed recording, and a sample of stored objects"
    keys, store = facts.keys, facts.store
    figures: dict[str, Figure] = {
        "key provider": keys.provider,
        "sealed recordings without a key": keys.unkeyed,
        "objects present": store.present,
        "objects fetched": store.looked_at,
        "of them not sealed": store.in_the_clear,
        "of them missing": store.missing,
        "of them changed": store.changed,
    }
    if keys.unkeyed or store.in_the_clear or store.missing or store.changed:
        return not_met(checked, "A sealed object is not what was recorded, or has no key.", figures)
    if facts.policy.keys.provider == "file":
        if facts.policy.environment == "production":
            return not_met(checked, "The file key ring is not for production.", figures)
        said = "Objects are sealed; the file key ring is for development: name a key service before production."
        return for_a_person(checked, said, figures)
    return met(checked, "Every object looked at is sealed under a key kept apart from it.", figures, "recording.sealed")


def keys_rotated(facts: Facts) -> Finding:
    """Epochs begin monthly, and none carries recordings beyond its cryptoperiod."""
    checked = "the age of the current epoch and of the oldest that still carries recordings"
    found = facts.keys
    figures: dict[str, Figure] = {
        "epochs": found.epochs,
        "age of the current, in days": found.current_epoch_days,
        "age of the oldest in use, in days": found.oldest_carrying_days,
    }
    if found.current_epoch_days is None:
        return not_applicable(checked, "Nothing was sealed yet.")
    young = (found.oldest_carrying_days or 0) <= CRYPTOPERIOD_DAYS
    good, bad = "No epoch is beyond its cryptoperiod.", "An epoch is beyond its cryptoperiod: roll it."
    return verdict(checked, young, good, bad, figures, "key.rolled", "key.created")


def holds_frozen(facts: Facts) -> Finding:
    """What a legal hold keeps, cannot be destroyed by mistake."""
    checked = "the key of every held recording"
    found = facts.keys
    figures: dict[str, Figure] = {"held recordings": found.held, "whose key is not frozen": found.held_unfrozen}
    if not found.held:
        return not_applicable(checked, "Nothing is held.")
    good, bad = (
        "Every held recording's key is frozen.",
        "A held recording's key is not frozen: sweep, or hold it again.",
    )
    return verdict(checked, not found.held_unfrozen, good, bad, figures, "recording.held")


def ledger_whole(facts: Facts) -> Finding:
    """The log is exactly what was signed."""
    checked = "every entry of the ledger against its signed checkpoints (RFC 6962)"
    found = facts.ledger
    figures: dict[str, Figure] = {
        "entries": found.size,
        "signed": found.signed,
        "verdict": found.verdict,
        "kept elsewhere too": found.anchored,
    }
    if found.verdict != "ok":
        return not_met(checked, f"The ledger does not verify: {found.verdict}.", figures)
    if not found.anchored:
        said = (
            "The ledger verifies. Keep a checkpoint where its operator cannot reach it: name an anchor in the policy."
        )
        return for_a_person(checked, said, figures)
    return met(checked, "The ledger is what was signed, and its checkpoints are kept elsewhere.", figures)


def log_complete(facts: Facts) -> Finding:
    """Every step is in the log with who, what, when, to what and how it ended."""
    checked = "that sealed recordings, releases, erasures and reads each have their entries"
    found, recordings = facts.ledger, facts.recordings
    sealed = found.actions.get("recording.sealed", 0)
    released = found.actions.get("corpus.released", 0)
    figures: dict[str, Figure] = {
        "entries": found.size,
        "recording.sealed": sealed,
        "recordings sealed": recordings.sealed,
        "corpus.released": released,
        "versions": facts.corpus.versions,
    }
    if not found.size:
        return not_applicable(checked, "Nothing has happened yet.")
    holds = sealed >= recordings.sealed and released >= facts.corpus.versions
    good, bad = "Every step looked for is in the ledger.", "Something happened that the ledger does not tell of."
    return verdict(checked, holds, good, bad, figures, "recording.sealed", "corpus.released")


def log_kept(facts: Facts) -> Finding:
    """Twelve months of the log are at hand."""
    checked = "the dates of the first and last entry, and that no entry between is missing"
    found = facts.ledger
    if found.first_at is None:
        return not_applicable(checked, "The ledger is empty.")
    age = (facts.at - found.first_at).days
    figures: dict[str, Figure] = {
        "entries": found.size,
        "first": found.first_at.date().isoformat(),
        "days covered": age,
    }
    figures |= {"verdict": found.verdict}
    whole = found.verdict in {"ok", "unsigned tail"}
    said = f"Every entry since the first is at hand{'' if age >= LOG_DAYS else f'; the log is {age} days old'}."
    return verdict(checked, whole, said, "Entries are missing or changed.", figures)


def clocks_agree(facts: Facts) -> Finding:
    """Time in the log runs forward."""
    checked = "the order of the ledger's dates"
    figures: dict[str, Figure] = {"entries": facts.ledger.size, "dated before an earlier one": facts.ledger.backwards}
    if not facts.ledger.size:
        return not_applicable(checked, "The ledger is empty.")
    good, bad = "Dates run forward.", "Some entries are dated minutes before earlier ones: check the machines' clocks."
    return verdict(checked, not facts.ledger.backwards, good, bad, figures)


def documents_kept(facts: Facts) -> Finding:
    """Six years of documentation: ledger and certificates are never swept."""
    checked = "the ledger and every certificate, which no schedule deletes"
    figures: dict[str, Figure] = {
        "ledger entries": facts.ledger.size,
        "certificates": facts.erasure.erasures,
        "policy digest": facts.policy_digest,
    }
    if facts.ledger.verdict not in {"ok", "unsigned tail"} or facts.erasure.bad_certificates:
        return not_met(checked, "The ledger or a certificate does not verify.", figures)
    said = "Ledger and certificates are kept without end; attach the written policies and their versions."
    return Finding(checked=checked, result=Result.NEEDS_A_PERSON, said=said, figures=figures)
