"""What the gate would say of recordings that are about to be fetched, in sentences for who has to mend it.

Sentences name queues as the policy and its readers do; they are for a screen, and go into no log and no ledger.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from sottovoce.agreements.agreement import Agreement
from sottovoce.agreements.classes import category_of, signs_of
from sottovoce.agreements.gate import AgreementGate, Clearance, Shortfall
from sottovoce.agreements.protocol import OnFile
from sottovoce.agreements.tell import told
from sottovoce.domain.outcome import Passed, Reason, Withheld
from sottovoce.domain.recording import RecordingMetadata
from sottovoce.policy.model import Policy


@dataclass(frozen=True, slots=True, kw_only=True)
class Foreseen:
    """One recording and one destination: the gate's answer, and a sentence for everything that is wanting."""

    key: str
    destination: str
    answer: Passed[Clearance] | Withheld
    sentences: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Forecast:
    """What would pass and what would not."""

    foreseen: tuple[Foreseen, ...]

    @property
    def cleared(self) -> Mapping[str, int]:
        """How many recordings each destination may be given."""
        return Counter(each.destination for each in self.foreseen if isinstance(each.answer, Passed))

    @property
    def reasons(self) -> Mapping[Reason, int]:
        return Counter(each.answer.reason for each in self.foreseen if isinstance(each.answer, Withheld))

    @property
    def sentences(self) -> Mapping[str, int]:
        """Each sentence, and how many recordings it is about; the most first."""
        counted = Counter(sentence for each in self.foreseen for sentence in each.sentences)
        return dict(sorted(counted.items(), key=lambda pair: (-pair[1], pair[0])))


class _Once:
    """Reads each destination's papers once, so that one plan has one answer."""

    def __init__(self, on_file: OnFile) -> None:
        self._on_file = on_file
        self._read: dict[str, Sequence[Agreement]] = {}

    def on_file(self, destination: str) -> Sequence[Agreement]:
        if destination not in self._read:
            self._read[destination] = self._on_file.on_file(destination)
        return self._read[destination]


def forecast(
    recordings: Iterable[RecordingMetadata],
    destinations: Sequence[str],
    *,
    policy: Policy,
    on_file: OnFile,
    today: date,
) -> Forecast:
    """Asks the gate about each recording and each destination. Reads metadata only; raises LedgerUnavailable."""
    gate = AgreementGate(policy=policy, on_file=_Once(on_file))
    asked = ((metadata, destination) for metadata in recordings for destination in destinations)
    return Forecast(foreseen=tuple(foresee(m, d, gate=gate, policy=policy, today=today) for m, d in asked))


def foresee(
    metadata: RecordingMetadata, destination: str, *, gate: AgreementGate, policy: Policy, today: date
) -> Foreseen:
    """One recording and one destination."""
    signs = signs_of(metadata, policy)
    answer = gate.admit(metadata, destination, tuple(signs), today)
    wanting: tuple[Shortfall, ...] = ()
    if isinstance(answer, Withheld):
        wanting = gate.shortfalls(metadata, destination, tuple(signs), today)
    subject = _subject(metadata, policy)
    sentences = tuple(told(destination, each, subject=subject, signs=signs) for each in wanting)
    return Foreseen(key=metadata.ref.key, destination=destination, answer=answer, sentences=sentences)


def _subject(metadata: RecordingMetadata, policy: Policy) -> str:
    """The queue, or its category; never the recording."""
    if metadata.queue:
        return f"queue {metadata.queue}"
    category = category_of(metadata, policy)
    return f"the {category} category" if category else "a recording without a queue"
