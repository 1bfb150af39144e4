"""Recordings that stay out whatever was consented to (SPEC 4.3): sensitive, unready, or not a customer's.

Each rule refuses on doubt about the flag it reads. A queue without any category is not refused as
sensitive (detection runs on every queue); its name is searched for the sensitive words instead.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass

from sottovoce.domain.attributes import raised, values_of
from sottovoce.domain.outcome import Reason
from sottovoce.domain.recording import RecordingMetadata
from sottovoce.policy.model import GenesysSource, Policy
from sottovoce.screening.rule import Answer, ScreeningContext, code, passed, withheld
from sottovoce.screening.strata import category_of


@dataclass(frozen=True, slots=True, kw_only=True)
class MetadataComplete:
    """A start time with a zone and a real duration: other rules and the release lean on both."""

    name: str = "metadata_complete"

    def check(self, metadata: RecordingMetadata, context: ScreeningContext) -> Answer:  # noqa: ARG002 -- the metadata says it all
        missing = _missing(metadata)
        return withheld(Reason.METADATA_INCOMPLETE, missing="+".join(missing)) if missing else passed()


def _missing(metadata: RecordingMetadata) -> list[str]:
    started, duration = metadata.started_at, metadata.duration_s
    missing = [] if started is not None and started.tzinfo is not None else ["started_at"]
    if duration is None or not math.isfinite(duration) or duration < 0:
        missing.append("duration_s")
    return missing


@dataclass(frozen=True, slots=True, kw_only=True)
class NotOnLegalHold:
    name: str = "legal_hold"

    def check(self, metadata: RecordingMetadata, context: ScreeningContext) -> Answer:  # noqa: ARG002 -- holds are not the policy's
        return withheld(Reason.LEGAL_HOLD) if metadata.legal_hold else passed()


@dataclass(frozen=True, slots=True, kw_only=True)
class NoPayment:
    """Any participant's payment flag that is not an explicit no excludes the call."""

    name: str = "payment"

    def check(self, metadata: RecordingMetadata, context: ScreeningContext) -> Answer:
        flags = raised(values_of(metadata.participants, context.policy.exclusions.payment_attribute))
        return withheld(Reason.PAYMENT_FLAG, payment_flags=flags) if flags else passed()


@dataclass(frozen=True, slots=True, kw_only=True)
class NotSensitiveQueue:
    """Crisis and health queues, by category or, where there is none, by a word of the queue's name."""

    name: str = "sensitive_queue"

    def check(self, metadata: RecordingMetadata, context: ScreeningContext) -> Answer:
        sensitive = {c.casefold() for c in context.policy.exclusions.queue_categories}
        category = category_of(metadata, context.policy.corpus.queue_categories)
        described = {category.casefold()} if category else _words(metadata.queue or "")
        hit = sorted(sensitive & described)
        return withheld(Reason.SENSITIVE_QUEUE, category=code(hit[0])) if hit else passed()


def _words(text: str) -> set[str]:
    return set(re.findall(r"[^\W\d_]+", text.casefold()))


@dataclass(frozen=True, slots=True, kw_only=True)
class NotTestNumber:
    """The dialled number is none of the policy's test numbers, however either is written."""

    name: str = "test_number"

    def check(self, metadata: RecordingMetadata, context: ScreeningContext) -> Answer:
        tests = context.policy.exclusions.test_numbers
        hit = metadata.dnis is not None and any(same_number(metadata.dnis, test) for test in tests)
        return withheld(Reason.TEST_NUMBER) if hit else passed()


SUBSCRIBER_DIGITS = 7
"""Shortest tail by which a number without its country code is taken for the same number: the length
of a subscriber number in the North American plan."""


def same_number(one: str, other: str) -> bool:
    """Whether two telephone URIs (RFC 3966), SIP addresses or plain numbers mean one line.

    Two international numbers must be equal digit for digit; where either lacks its country code the
    shorter, from seven digits on, may be the other's tail.
    """
    a, b = _dialled(one), _dialled(other)
    digits_a, digits_b = a.lstrip("+"), b.lstrip("+")
    if not digits_a or not digits_b:
        return False
    if digits_a == digits_b or (a[0] == "+" and b[0] == "+"):
        return digits_a == digits_b
    short, long = sorted((digits_a.removeprefix("0"), digits_b.removeprefix("0")), key=len)
    return len(short) >= SUBSCRIBER_DIGITS and long.endswith(short)


def _dialled(text: str) -> str:
    """Digits with a leading `+` for an international number: tel:, sip:, 00 and punctuation gone."""
    bare = re.sub(r"^(tel|sips?):", "", text.strip().casefold())
    user = re.split(r"[@;]", bare, maxsplit=1)[0].replace("(0)", "")
    digits = re.sub(r"[^0-9]", "", user)
    if user.startswith("+"):
        return f"+{digits}"
    return f"+{digits[2:]}" if digits.startswith("00") else digits


@dataclass(frozen=True, slots=True, kw_only=True)
class FileReady:
    """The source says that its file is there. A folder has no such state; Genesys Cloud always has."""

    name: str = "file_state"

    def check(self, metadata: RecordingMetadata, context: ScreeningContext) -> Answer:
        state = metadata.file_state
        if state is None:
            unstated = _has_states(metadata, context.policy)
            return withheld(Reason.FILE_STATE, file_state=code(None)) if unstated else passed()
        ready = {s.casefold() for s in context.policy.exclusions.file_states}
        return passed() if state.casefold() in ready else withheld(Reason.FILE_STATE, file_state=code(state))


def _has_states(metadata: RecordingMetadata, policy: Policy) -> bool:
    return isinstance(policy.sources.get(metadata.ref.source), GenesysSource)


@dataclass(frozen=True, slots=True, kw_only=True)
class NotProcessed:
    """One outcome for each (line, recording); asked last, so that a withdrawal is still heard (SPEC 1.4)."""

    name: str = "not_processed"

    def check(self, metadata: RecordingMetadata, context: ScreeningContext) -> Answer:  # noqa: ARG002 -- the context looked it up
        return withheld(Reason.ALREADY_PROCESSED) if context.processed else passed()
