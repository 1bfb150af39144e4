"""A policy, and what it decided, in sentences for people who answer for it.

`describe` reads the whole policy back; `explain` says of one recording what each rule answered, which
one decided, and on which line of the policy it stands. Nothing a caller said and no identifier is in
them: evidence is codes and counts already.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final, Protocol, assert_never

from sottovoce.domain.consent import LawfulBasis, Purpose
from sottovoce.domain.finding import Fill
from sottovoce.domain.outcome import Evidence, Reason
from sottovoce.policy.load import LoadedPolicy
from sottovoce.policy.model import BucketSource, FolderSource, GenesysSource, InboxSource, Policy, Source


class Answered(Protocol):
    """One rule's answer for one recording, as screening gives it."""

    @property
    def rule(self) -> str: ...
    @property
    def passes(self) -> bool: ...
    @property
    def reason(self) -> Reason | None: ...
    @property
    def evidence(self) -> Evidence: ...


READS: Mapping[str, tuple[str, ...]] = {
    "lawful_basis": ("lawful_basis",),
    "consent": ("consent", "consent.wordings"),
    "metadata_complete": (),
    "legal_hold": (),
    "payment": ("exclusions.payment_attribute",),
    "sensitive_queue": ("exclusions.queue_categories",),
    "test_number": ("exclusions.test_numbers",),
    "file_state": ("exclusions.file_states",),
    "length": ("exclusions.min_seconds", "exclusions.max_seconds"),
    "queue": ("exclusions.queues_allowed",),
    "skills": ("exclusions.skills_allowed",),
    "language": ("exclusions.languages_allowed",),
    "residency": ("exclusions.regions_allowed",),
    "not_processed": (),
    "selection": ("selection.target_hours", "selection.stratify_by"),
}
"""Which keys of the policy a rule reads; a rule that reads none stands in the program itself."""

_MEANS: Mapping[Reason, str] = {
    Reason.NO_LAWFUL_BASIS: "the policy names no ground that stands",
    Reason.CONSENT_ABSENT: "nobody on the call said yes to training",
    Reason.CONSENT_REFUSED: "somebody on the call said no to training, and any no wins over every yes",
    Reason.CONSENT_WITHDRAWN: "consent to training was withdrawn",
    Reason.CONSENT_BEFORE_WORDING: "the call is from before the prompt named AI training, so its yes does not count",
    Reason.PAYMENT_FLAG: "a payment was taken on the call",
    Reason.SENSITIVE_QUEUE: "the queue's category is kept out",
    Reason.TEST_NUMBER: "a test number was dialled",
    Reason.TOO_SHORT: "the call is too short",
    Reason.TOO_LONG: "the call is too long",
    Reason.ALREADY_PROCESSED: "the recording has its outcome already",
    Reason.DUPLICATE_SOUND: "the same sound is known under another id",
    Reason.FILE_STATE: "the recording is not in a state the policy takes",
    Reason.LEGAL_HOLD: "the recording is under legal hold",
    Reason.QUEUE_NOT_ALLOWED: "the queue is not on the list of allowed ones",
    Reason.SKILL_NOT_ALLOWED: "the skill is not on the list of allowed ones",
    Reason.LANGUAGE_NOT_ALLOWED: "the language is not on the list of allowed ones",
    Reason.RESIDENCY_NOT_ALLOWED: "the recording is kept in a region the policy does not take from",
    Reason.NOT_SELECTED: "the corpus has enough of its kind",
    Reason.METADATA_INCOMPLETE: "what a rule must know about the recording is missing",
    Reason.ZONE_UNKNOWN: "nobody knows whose law the recording is under, or where the destination keeps it",
    Reason.CLASS_NOT_ALLOWED: "the destination may not be given recordings of its class",
    Reason.TRANSFER_NOT_ALLOWED: "it would cross a border that no recorded safeguard covers",
    Reason.AGREEMENT_MISSING: "an agreement that its class needs is not on file",
    Reason.AGREEMENT_EXPIRED: "an agreement that its class needs has expired",
    Reason.RETENTION_TERMS_SHORT: "the destination keeps recordings for fewer years than the law asks",
}


def explain(loaded: LoadedPolicy, answers: Iterable[Answered]) -> tuple[str, ...]:
    """A sentence for each rule asked, in order, then which one decided. The first refusal decides."""
    asked = tuple(answers)
    deciding = next((a for a in asked if not a.passes), None)
    return (*(_answer(loaded, a) for a in asked), _decision(loaded, deciding, count=len(asked)))


def _answer(loaded: LoadedPolicy, answer: Answered) -> str:
    told = "passes" if answer.passes else f"refuses: {means(answer.reason)}"
    evidence = ", ".join(f"{name} {value}" for name, value in answer.evidence.items())
    return f"{answer.rule} {told}{f' ({evidence})' if evidence else ''}; {_where(loaded, answer.rule)}."


def _decision(loaded: LoadedPolicy, deciding: Answered | None, *, count: int) -> str:
    policy = f"policy {loaded.policy.version}, digest {loaded.digest[:16]}"
    if deciding is None:
        return f"All {count} rules pass, so the recording may be used for {_purpose(loaded.policy)} ({policy})."
    return f"The recording is kept out by {deciding.rule} ({deciding.reason}): {means(deciding.reason)} ({policy})."


def means(reason: Reason | None) -> str:
    """A reason in plain words; its code where it is not one of admission's."""
    return "no reason was given" if reason is None else _MEANS.get(reason, str(reason))


def _where(loaded: LoadedPolicy, rule: str) -> str:
    keys = READS.get(rule, ())
    if not keys:
        return "a rule of the program, which no policy can switch off"
    return "by " + ", ".join(_key(loaded, key) for key in keys)


def _key(loaded: LoadedPolicy, key: str) -> str:
    line = loaded.line_of(key)
    return f"{key} (line {line})" if line else f"{key} (its default)"


def describe(policy: Policy) -> tuple[str, ...]:
    """The policy as sentences, in the order a recording meets it."""
    return tuple(_sentences(policy))


def _sentences(policy: Policy) -> Iterator[str]:
    for name, source in policy.sources.items():
        yield _source(name, source)
        if isinstance(source, GenesysSource):
            yield from _at_source(name, source)
    yield _basis(policy)
    if policy.lawful_basis.basis is LawfulBasis.CONSENT:
        yield _consent(policy)
    yield from _exclusions(policy)
    yield _selection(policy)
    yield from _redaction(policy)
    yield _voices(policy)
    yield _corpus(policy)
    yield _keeping(policy)
    yield from _analytics(policy)
    yield from _leaving(policy)


def _source(name: str, source: Source) -> str:
    match source:
        case GenesysSource():
            where = f"Genesys Cloud ({source.region or source.api_url})"
        case FolderSource():
            where = f"the folder {source.path}"
        case BucketSource():
            where = f"the objects below {source.url}"
        case InboxSource():
            return _inbox(name, source)
        case _:
            assert_never(source)
    return f"Recordings come from {where}, called {name}; channel {source.customer_channel} is the customer's."


_ERASING: Final = {
    "recordings": "asks for the deletion of the recordings",
    "gdpr_request": "files a GDPR request about a customer, and otherwise asks for the deletion of the recordings",
}


def _at_source(name: str, source: GenesysSource) -> Iterator[str]:
    """What is done to the source itself, which by default is nothing."""
    if source.erase_at_source != "none":
        yield f"An erasure also {_ERASING[source.erase_at_source]} at {name}."
    if source.protect_at_source:
        yield f"A legal hold also protects the conversation from deletion at {name}."
    if source.restore_archived:
        yield f"Archived recordings of {name} are restored to be fetched."
    if source.source_days is not None:
        yield f"What {name} itself keeps longer than {source.source_days} days is deleted there when that is asked for."


def _inbox(name: str, source: InboxSource) -> str:
    raw = "destroyed" if source.raw == "destroy" else "archived under keys of its own"
    kept = "Their disguised sound" if source.keep == "sound" else f"Only features ({', '.join(source.features)})"
    return (
        f"Recordings come from contributors, who agree to wording {source.wording_version} and send them to "
        f"{source.url}, called {name}. {kept} is kept; what was sent is {raw} afterwards."
    )


def _basis(policy: Policy) -> str:
    given = policy.lawful_basis
    match given.basis:
        case LawfulBasis.CONSENT:
            ground = "consent"
        case LawfulBasis.LEGITIMATE_INTEREST:
            ground = f"legitimate interest (assessment {given.assessment} of {given.assessed_on})"
        case LawfulBasis.CONTRACT:
            ground = "a contract"
        case _:
            assert_never(given.basis)
    return f"They are used for {_purpose(policy)} on the ground of {ground}."


def _purpose(policy: Policy) -> str:
    match policy.purpose:
        case Purpose.AI_TRAINING:
            return "AI training"
        case Purpose.ANALYTICS:
            return "speech analytics"
        case Purpose.COMPLIANCE:
            return "compliance checks"
        case _:
            assert_never(policy.purpose)


def _consent(policy: Policy) -> str:
    asked = policy.consent
    first = min((w.effective for w in asked.wordings), default=None)
    since = f" A yes counts from {first} on, when the prompt first named AI training." if first else ""
    return (
        f"Consent is the attribute {asked.consent_attribute}, over all participants; {asked.opt_out_attribute} or "
        f"{asked.withdrawn_attribute} on any of them wins, and silence is a no.{since}"
    )


def _exclusions(policy: Policy) -> Iterator[str]:
    kept = policy.exclusions
    yield (
        f"Kept out: calls with {kept.payment_attribute}, {_either('queues of the category', kept.queue_categories)}, "
        f"{_number(len(kept.test_numbers), 'test number')}, calls under legal hold, calls shorter than "
        f"{kept.min_seconds:g} s or longer than {kept.max_seconds:g} s, and files that are not {_or(kept.file_states)}."
    )
    limits = {
        "languages": kept.languages_allowed,
        "queues": kept.queues_allowed,
        "skills": kept.skills_allowed,
        "regions": kept.regions_allowed,
    }
    for what, allowed in limits.items():
        if allowed is not None:
            yield f"Only {what} {_or(allowed) or 'none'} are taken."


def _selection(policy: Policy) -> str:
    wanted = policy.selection
    shares = "".join(f", at least {s.share:.0%} {s.dimension} {s.value}" for s in wanted.minimum_shares)
    over = ", ".join(wanted.stratify_by).replace("_", " ")
    evenly = f"evenly over {over}" if over else "without strata"
    return f"Up to {wanted.target_hours:g} hours are chosen, {evenly}{shares} (seed {wanted.seed})."


def _redaction(policy: Policy) -> Iterator[str]:
    chosen = policy.redaction
    yield (
        f"Removed from the customer's channel: {_or(chosen.default)}; from the agent's: {_agent(policy)}. "
        f"The place is filled with {_fill(chosen.fill)}, with {chosen.margin_ms} ms on each side."
    )
    for queue, wanted in chosen.queues.items():
        yield f"In the queue or category {queue}: {_or(wanted)} instead."
    if not chosen.crosstalk:
        yield "Crosstalk of a removed passage in the other channel stays."


def _agent(policy: Policy) -> str:
    chosen = policy.redaction
    if isinstance(chosen.agent, tuple):
        return _or(chosen.agent)
    if chosen.agent == "same" or not chosen.keep_last_four:
        return "the same"
    return "whole numbers only, so that a read-back of the last four digits stays"


def _fill(fill: Fill) -> str:
    match fill:
        case Fill.SILENCE:
            return "silence"
        case Fill.TONE:
            return "a tone"
        case Fill.NOISE:
            return "the call's own noise"
        case _:
            assert_never(fill)


def _voices(policy: Policy) -> str:
    chosen = policy.anonymization
    if chosen.method == "none":
        return f"Voices are left as they are, waived by {chosen.waiver_who}: {chosen.waiver_why}."
    return "Every voice is disguised, differently each time; without an attack report it is not called anonymous."


def _corpus(policy: Policy) -> str:
    made = policy.corpus
    shares = ", ".join(f"{name} {share:.0%}" for name, share in made.splits.items())
    return (
        f"The corpus {made.name} holds {made.format.upper()} at {made.rate} Hz, channels {made.channels}, split "
        f"{shares}, no speaker in two splits."
    )


def _keeping(policy: Policy) -> str:
    return (
        f"Everything is sealed under keys from the {policy.keys.provider} provider and stored in {policy.storage.url}. "
        f"The corpus is to be kept {policy.retention.corpus_days} days and raw recordings {policy.retention.raw_days}; "
        f"duties: {', '.join(duty.name for duty in policy.retention.duties) or 'none'}. "
        "`sottovoce retention sweep` deletes what is due."
    )


def _analytics(policy: Policy) -> Iterator[str]:
    line = policy.analytics
    if line.lawful_basis is None:
        return
    kept = "kept" if line.keep_delivered else "deleted here once everybody has it"
    yield (
        f"For analytics, on the ground of {line.lawful_basis.basis.value.replace('_', ' ')}, calls of "
        f"{line.exclusions.min_seconds:g} to {line.exclusions.max_seconds:g} seconds go redacted to "
        f"{', '.join(line.destinations)}; the sound is {kept}. {_voices(policy.for_analytics())}"
    )


def _leaving(policy: Policy) -> Iterator[str]:
    for name, terms in policy.agreements.destinations.items():
        given = "any class" if terms.classes is None else _or(("PERSONAL", *terms.classes))
        more = f"; {_or(terms.requires)} beside" if terms.requires else ""
        yield (
            f"The destination {name} ({_or(terms.zones)}) may be given recordings of {given}, "
            f"with what each needs on file{more}."
        )
        for waiver in terms.waivers:
            yield f"There, {waiver.kind} is not asked for until {waiver.until}, waived by {waiver.who}: {waiver.why}."
    for queue, classes in policy.agreements.classes.items():
        yield f"The queue or category {queue} is {' and '.join(classes)}."
    if policy.residency.confined:
        yield f"Nothing leaves {_or(policy.residency.confined)}."


def _either(what: str, names: Sequence[str]) -> str:
    return f"{what} {_or(names)}" if names else "no queue"


def _number(count: int, what: str) -> str:
    return f"{count or 'no'} {what}{'' if count == 1 else 's'}"


def _or(names: Sequence[str]) -> str:
    """`a, b or c`"""
    plain = [str(name) for name in names]
    return " or ".join([", ".join(plain[:-1]), plain[-1]] if len(plain) > 1 else plain)
