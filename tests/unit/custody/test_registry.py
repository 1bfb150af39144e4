"""The registry: what is kept of a recording, and the one outcome that it ends with."""

from __future__ import annotations

import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Any

import pytest
from sqlalchemy import Engine, select, text

from sottovoce.custody.lineage import corpus_members, lineage_of, lineage_of_recording
from sottovoce.custody.registry import Registry
from sottovoce.custody.rows import CorpusSample, CorpusVersion
from sottovoce.database.engine import reading, writing
from sottovoce.database.tables import commitments, lineage, objects, recordings
from sottovoce.domain.confidential import Confidential
from sottovoce.domain.outcome import OutcomeStatus, Reason
from sottovoce.domain.recording import Participant, RecordingRef
from sottovoce.domain.sound import MediaFormat
from sottovoce.errors import EntryRefused, LedgerUnavailable, ReleaseRefused, UnknownRecording
from sottovoce.ledger.commitment import commit_to, opens
from sottovoce.ledger.entry import Action
from sottovoce.ledger.ledger import Ledger

LINE = "corpus"
Make = Callable[..., Any]


def test_what_was_remembered_is_recalled(registry: Registry, a_recording: Make) -> None:
    """Metadata comes back as it was, whatever of it is there."""
    plain = a_recording(1, started_at=None, duration_s=None)
    full = a_recording(
        2,
        queue="q1",
        queue_category="billing",
        skills=("english", "cards"),
        language="en",
        dnis="+18005550199",
        participants=(Participant(purpose="customer", attributes={"aiTrainingConsent": "true"}),),
        format=MediaFormat(container="WAV", codec="ULAW", rate=8000, channels=2),
        permissions=("recording:recording:view",),
        legal_hold=True,
    )
    for ref, metadata in (plain, full):
        assert registry.remember(ref, metadata)
        assert not registry.remember(ref, metadata)
        recalled, found = registry.recall(ref.key)
        assert (recalled, recalled.locator, found) == (ref, ref.locator, metadata)


def test_several_listers_may_remember_one_recording_at_once(registry: Registry, a_recording: Make) -> None:
    """Renewing the same row from many threads neither fails nor doubles it."""
    with ThreadPoolExecutor(4) as pool:
        new = list(pool.map(lambda _: registry.remember(*a_recording(1, conversation_id="c")), range(16)))
    assert 1 <= sum(new) <= 4
    assert len(registry.by_conversation("c")) == 1


def test_an_attribute_that_could_name_somebody_is_not_kept(
    registry: Registry, engine: Engine, a_recording: Make
) -> None:
    """Attribute values in free words or numbers are replaced by a mark: present, and not what they were."""
    said = {
        "aiTrainingOptOut": "yes, says Mary Plant",
        "callback": "02079460958",
        "mail": "mary@example.com",
        "aiTrainingConsent": " true ",
        "consentDate": "2026-01-31",
        "blank": "",
    }
    loose: dict[str, Any] = {**said, "paymentCaptured": True, "wrapUp": None}
    ref, metadata = a_recording(1, participants=(Participant(purpose="customer", attributes=loose),))
    registry.remember(ref, metadata)
    with reading(engine) as connection:
        kept = json.dumps(connection.execute(select(recordings.c.details)).scalar_one())
    assert not any(word in kept for word in ("Mary", "0958", "mary@"))
    (party,) = registry.recall(ref.key)[1].participants
    assert party.attributes == {
        **loose,
        "aiTrainingOptOut": "withheld",
        "callback": "withheld",
        "mail": "withheld",
    }


def test_recordings_are_found_by_conversation_and_customer(registry: Registry, a_recording: Make) -> None:
    """A conversation id or a customer token leads to every key, and an unknown one to none."""
    for number in (1, 2, 3):
        registry.remember(*a_recording(number, conversation_id="c", customer_token="t" if number < 3 else None))
    keys = [a_recording(number)[0].key for number in (1, 2, 3)]
    assert registry.by_conversation("c") == tuple(keys)
    assert registry.by_customer("t") == tuple(keys[:2])
    assert registry.by_conversation("unknown") == ()


def test_an_unknown_recording_is_refused(registry: Registry) -> None:
    """Nothing can be recalled, decided or concluded about a key that was never remembered."""
    for ask in (
        lambda: registry.recall("nobody"),
        lambda: registry.decide(LINE, "nobody", admitted=True, policy_digest="p"),
        lambda: registry.conclude(LINE, "nobody", OutcomeStatus.QUARANTINED, Reason.GAVE_UP),
        lambda: registry.hold("nobody"),
        lambda: registry.release_hold("nobody"),
    ):
        with pytest.raises(UnknownRecording):
            ask()


def test_a_decision_is_ledgered_when_it_is_new(
    registry: Registry, ledger: Ledger, a_recording: Make, an_entry: Make, clock: Make
) -> None:
    """The same decision again writes nothing; a changed one, or one under another policy, is kept and ledgered."""
    ref, metadata = a_recording(1)
    registry.remember(ref, metadata)
    entry = an_entry(Action.RECORDING_DECIDED, object=ref.key)
    assert registry.decision(LINE, ref.key) is None
    admit = {"admitted": True, "policy_digest": "p1", "rules": ("consent",), "stratum": {"queue": "Card Services"}}
    assert registry.decide(LINE, ref.key, **admit, evidence={"participants": 2}, entries=[entry])
    assert not registry.decide(LINE, ref.key, **admit, evidence={"participants": 2}, entries=[entry])
    found = registry.decision(LINE, ref.key)
    assert found is not None
    assert (found.admitted, found.rules, found.stratum) == (True, ("consent",), {"queue": "Card Services"})
    assert registry.pending(LINE) == (ref.key,)
    clock.pass_(1)
    refuse = {"admitted": False, "reason": Reason.CONSENT_WITHDRAWN, "policy_digest": "p2"}
    assert registry.decide(LINE, ref.key, **refuse, entries=[entry])
    latest = registry.decision(LINE, ref.key)
    assert latest is not None
    assert (latest.admitted, latest.reason) == (False, Reason.CONSENT_WITHDRAWN)
    assert (registry.pending(LINE), registry.pending("analytics"), ledger.size()) == ((), (), 2)


def test_evidence_is_held_to_the_ledgers_rules(registry: Registry, a_recording: Make) -> None:
    """Evidence and facts that are words or fractions are refused before anything is written."""
    ref, metadata = a_recording(1)
    registry.remember(ref, metadata)
    with pytest.raises(EntryRefused):
        registry.decide(LINE, ref.key, admitted=True, policy_digest="p", evidence={"said": "my name is"})
    with pytest.raises(EntryRefused):
        registry.conclude(LINE, ref.key, OutcomeStatus.EXCLUDED, facts={"score": 0.5})  # type: ignore[dict-item]
    assert registry.outcome(LINE, ref.key) is None


def test_an_outcome_is_written_once_with_all_that_belongs_to_it(
    registry: Registry, ledger: Ledger, engine: Engine, a_recording: Make, a_sealed: Make, an_entry: Make
) -> None:
    """Outcome, objects, lineage, commitment and entries appear together, and a second outcome writes nothing."""
    ref, metadata = a_recording(1)
    registry.remember(ref, metadata)
    registry.decide(LINE, ref.key, admitted=True, policy_digest="p")
    detail = Confidential({"conversation": metadata.conversation_id})
    commitment = commit_to(detail, random=lambda size: b"r" * size)
    entries = [an_entry(object=ref.key, commit=commitment.value)]
    conclude = registry.conclude
    sealed = OutcomeStatus.SEALED
    assert conclude(LINE, ref.key, sealed, None, a_sealed(1), {"spans": 2}, entries, commitments=[commitment])
    assert not conclude(LINE, ref.key, OutcomeStatus.QUARANTINED, Reason.GAVE_UP, entries=entries)
    outcome = registry.outcome(LINE, ref.key)
    assert outcome is not None
    assert (outcome.status, outcome.facts, outcome.key_id) == (sealed, {"spans": 2}, "k-0001")
    assert registry.outcomes(LINE) == (outcome,)
    assert (registry.pending(LINE), ledger.size()) == ((), 1)
    assert {each.kind for each in registry.objects(ref.key)} == {"audio", "transcript", "map"}
    with reading(engine) as connection:
        assert len(connection.execute(select(lineage)).all()) == 3
        opening = connection.execute(select(commitments.c.opening)).scalar_one()
    assert bytes(opening) == commitment.opening.reveal()
    assert opens(commitment, detail)
    assert not opens(commitment, Confidential({"conversation": "another"}))


def test_the_same_sound_under_another_id_is_found(registry: Registry, a_recording: Make, a_sealed: Make) -> None:
    """The digest of the media leads to the recording a line sealed it as, and not to withheld ones or other lines."""
    for number, status in ((1, OutcomeStatus.QUARANTINED), (2, OutcomeStatus.SEALED)):
        ref, metadata = a_recording(number)
        registry.remember(ref, metadata)
        sealed = a_sealed(number) if status is OutcomeStatus.SEALED else None
        registry.conclude(LINE, ref.key, status, sealed=sealed, facts={"media": "ab" * 32})
    assert registry.key_of_sound(LINE, "ab" * 32) == a_recording(2)[0].key
    assert registry.key_of_sound("analytics", "ab" * 32) is None
    assert registry.key_of_sound(LINE, "cd" * 32) is None


def test_a_withheld_recording_can_be_tried_again(
    registry: Registry, ledger: Ledger, a_recording: Make, a_sealed: Make, an_entry: Make
) -> None:
    """Reopening takes a withheld outcome away, says so in the ledger, and counts; a sealed one stays."""
    ref, metadata = a_recording(1)
    registry.remember(ref, metadata)
    reopened = [an_entry(Action.RECORDING_REOPENED, object=ref.key, line=LINE)]
    assert not registry.reopen(LINE, ref.key, reopened)
    registry.conclude(LINE, ref.key, OutcomeStatus.QUARANTINED, Reason.HEARING_FAILED)
    assert registry.generation(LINE, ref.key) == 1
    assert registry.reopen(LINE, ref.key, reopened)
    assert (registry.outcome(LINE, ref.key), registry.generation(LINE, ref.key), ledger.size()) == (None, 2, 1)
    assert registry.conclude(LINE, ref.key, OutcomeStatus.SEALED, sealed=a_sealed(1))
    assert not registry.reopen(LINE, ref.key, reopened)


def test_racing_workers_leave_one_outcome(
    registry: Registry, ledger: Ledger, a_recording: Make, a_sealed: Make, an_entry: Make
) -> None:
    """However many workers conclude a recording at once, one of them does."""
    ref, metadata = a_recording(1)
    registry.remember(ref, metadata)

    def conclude(number: int) -> bool:
        entries = [an_entry(object=ref.key)]
        return registry.conclude(LINE, ref.key, OutcomeStatus.SEALED, sealed=a_sealed(number), entries=entries)

    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(conclude, range(1, 9)))
    assert sorted(answers) == [False] * 7 + [True]
    assert (len(registry.objects(ref.key)), ledger.size()) == (3, 1)


def test_without_a_ledger_there_is_no_outcome(
    registry: Registry, engine: Engine, a_recording: Make, a_sealed: Make, an_entry: Make
) -> None:
    """If the ledger cannot be written the outcome and its objects are not there either."""
    ref, metadata = a_recording(1)
    registry.remember(ref, metadata)
    with writing(engine) as connection:
        connection.execute(text("ALTER TABLE ledger_leaves RENAME TO elsewhere"))
    with pytest.raises(LedgerUnavailable):
        registry.conclude(LINE, ref.key, OutcomeStatus.SEALED, sealed=a_sealed(1), entries=[an_entry()])
    assert registry.outcome(LINE, ref.key) is None
    with reading(engine) as connection:
        assert connection.execute(select(objects)).all() == []


def test_a_hold_stays_until_it_is_released(
    registry: Registry, a_recording: Make, an_entry: Make, ledger: Ledger
) -> None:
    """A source that no longer states its hold does not lift it; releasing does, and both are ledgered."""
    ref, metadata = a_recording(1, legal_hold=True)
    registry.remember(ref, metadata)
    registry.remember(*a_recording(1, legal_hold=False))
    assert registry.recall(ref.key)[1].legal_hold
    registry.release_hold(ref.key, [an_entry(Action.RECORDING_HOLD_RELEASED, object=ref.key)])
    assert not registry.recall(ref.key)[1].legal_hold
    registry.hold(ref.key, [an_entry(Action.RECORDING_HELD, object=ref.key)])
    assert registry.recall(ref.key)[1].legal_hold
    assert ledger.size() == 2


def test_silent_executors_are_told_from_beating_ones(registry: Registry, clock: Make) -> None:
    """An executor that has not beaten for so long is silent, until it is buried or beats again."""
    registry.beat("node:0")
    registry.beat("node:1")
    clock.pass_(61)
    registry.beat("node:1")
    assert registry.silent_executors(seconds=60) == ("node:0",)
    registry.bury("node:0")
    assert registry.silent_executors(seconds=60) == ()


def a_version(number: int = 1) -> CorpusVersion:
    created = datetime(2026, 3, 1 + number, tzinfo=UTC)
    return CorpusVersion(version=f"corpus@{number}", root="ab" * 32, manifest_digest="cd" * 32, created_at=created)


def a_sample(number: int, key: str, **changes: Any) -> CorpusSample:
    released = {"corpusId": f"s{number}", "durationSeconds": 42.5, "captureYear": 2026, "accentRegion": None}
    location = f"objects/{number:04x}/audio"
    members = {"corpus_id": f"s{number}", "recording": key, "split": "train", "released": released, **changes}
    return CorpusSample(channel=0, location=location, **members)


def test_a_version_is_kept_once_and_names_no_recording(
    registry: Registry, ledger: Ledger, a_recording: Make, a_sealed: Make, an_entry: Make
) -> None:
    """Those who train read samples without a way to recordings; the mapping is asked for apart."""
    keys = []
    for number in (1, 2):
        ref, metadata = a_recording(number)
        registry.remember(ref, metadata)
        registry.conclude(LINE, ref.key, OutcomeStatus.SEALED, sealed=a_sealed(number))
        keys.append(ref.key)
    samples = [a_sample(number, key) for number, key in enumerate(keys, 1)]
    entries = [an_entry(Action.CORPUS_RELEASED, object="corpus@1")]
    assert registry.record_version(a_version(), samples, entries)
    assert not registry.record_version(a_version(), samples, entries)
    assert registry.record_version(a_version(2), samples[:1])
    assert [each.version for each in registry.versions()] == ["corpus@1", "corpus@2"]
    assert registry.versions()[0] == a_version()
    first = registry.samples("corpus@1")[0]
    assert (first.corpus_id, first.split, first.erased, first.released["durationSeconds"]) == (
        "s1",
        "train",
        False,
        42.5,
    )
    assert not hasattr(first, "recording")
    assert [each.recording for each in registry.identities("corpus@1")] == keys
    assert ledger.size() == 1
    members = corpus_members(registry.engine)
    assert [(m.conversation_id, m.corpus_id, m.version) for m in members] == [
        ("conversation-1", "s1", "corpus@1"),
        ("conversation-2", "s2", "corpus@1"),
        ("conversation-1", "s1", "corpus@2"),
    ]


def test_a_released_fact_beyond_the_list_is_refused(registry: Registry, a_recording: Make) -> None:
    """A version whose samples would release anything but what SPEC 11.1 lists is not kept."""
    ref, metadata = a_recording(1)
    registry.remember(ref, metadata)
    with pytest.raises(ReleaseRefused):
        registry.record_version(a_version(), [a_sample(1, ref.key, released={"conversationId": "c"})])
    assert registry.versions() == ()


def test_lineage_answers_for_a_conversation(
    registry: Registry, a_recording: Make, a_sealed: Make, an_entry: Make
) -> None:
    """One call leads from a conversation to decisions, objects, samples, versions and ledger entries."""
    ref, metadata = a_recording(1)
    registry.remember(ref, metadata)
    registry.decide(LINE, ref.key, admitted=True, policy_digest="p", entries=[an_entry(object=ref.key)])
    registry.conclude(LINE, ref.key, OutcomeStatus.SEALED, sealed=a_sealed(1), entries=[an_entry(object=ref.key)])
    registry.record_version(
        a_version(), [a_sample(1, ref.key), CorpusSample(corpus_id="s2", recording=ref.key, split="test", released={})]
    )
    found = lineage_of(registry.engine, metadata.conversation_id)
    (only,) = found.recordings
    assert (only.recording, only.ledger, only.erased_at, only.held_since) == (ref.key, (0, 1), None, None)
    assert (len(only.decisions), len(only.outcomes), len(only.objects)) == (1, 1, 3)
    assert [(each.corpus_id, each.version, each.channel) for each in found.in_corpus] == [
        ("s1", "corpus@1", 0),
        ("s2", "corpus@1", None),
    ]
    assert lineage_of_recording(registry.engine, ref.key) == found
    assert lineage_of(registry.engine, "unknown").recordings == ()


def test_what_waits_of_a_source_is_known_by_its_locator(registry: Registry, a_recording: Make) -> None:
    """In the order of decisions, no more than asked for, and nothing that has ended or is another source's."""
    refs = [registry_known(registry, a_recording, number) for number in (1, 2, 3)]
    registry.conclude(LINE, refs[0].key, OutcomeStatus.QUARANTINED, Reason.MEDIA_GONE)
    located = [ref.locator.reveal() for ref in refs]
    waiting = [each.reveal() for each in registry.waiting(LINE, refs[0].source, limit=9)]
    assert sorted(waiting) == sorted(located[1:])
    assert len(registry.waiting(LINE, refs[0].source, limit=1)) == 1
    assert registry.waiting(LINE, "another", limit=9) == ()


def registry_known(registry: Registry, a_recording: Make, number: int) -> RecordingRef:
    ref, metadata = a_recording(number)
    registry.remember(ref, metadata)
    registry.decide(LINE, ref.key, admitted=True, policy_digest="p")
    return ref
