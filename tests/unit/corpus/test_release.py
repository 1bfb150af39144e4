"""Releasing a version, and everything that refuses it (SPEC 8.2, 11.1 to 11.3)."""

from __future__ import annotations

import json

import pytest

from sottovoce.corpus.gate import AttackReport, Label, shared_speakers
from sottovoce.corpus.sample import RELEASED_KEYS, Split
from sottovoce.errors import RecordingErased, ReleaseRefused
from sottovoce.ledger.entry import Action
from sottovoce.ledger.verifier import Found


def filled(world, count=4):
    return [world.seal(number) for number in range(1, count + 1)]


def test_a_version_of_everything_sealed(world):
    """Each channel of each sealed recording is a sample; excluded recordings and maps are not."""
    keys = filled(world)
    world.exclude(9)
    told = []
    made = world.releaser.release(actor="svc-release", on_sample=told.append)
    assert (made.version, made.label, made.recordings) == ("corpus/v1", Label.VOICE_TRANSFORMED, 4)
    assert told == list(range(1, 9))
    samples = world.registry.samples("corpus/v1")
    assert len(samples) == len(made.manifest.entries) == 8
    assert {identity.recording for identity in world.registry.identities("corpus/v1")} == set(keys)
    assert sum(made.hours.values()) == pytest.approx(4 * 5.0 / 3600)
    assert [v.version for v in world.versions.list()] == ["corpus/v1"]


def test_nothing_leads_back(world):
    """Manifest, note and released metadata hold no id, token, queue, locator or time of the calls."""
    keys = [world.seal(number, agent="agent-77", customer="caller-88") for number in (1, 2)]
    made = world.releaser.release(actor="svc-release")
    text = made.manifest.encode().decode() + made.note + repr(world.registry.samples("corpus/v1"))
    for known in [
        *keys,
        "conversation-",
        "recording-1",
        "locator",
        "q-billing",
        "agent-77",
        "caller-88",
        "12:00",
        "2025-06",
    ]:
        assert known not in text, known
    for sample in json.loads(made.manifest.encode())["samples"]:
        assert set(sample["sample"]) == RELEASED_KEYS
        assert sample["sample"]["captureYear"] == 2025
        assert sample["sample"]["durationSeconds"] in {2.0, 3.0}
        assert sample["sample"]["audioFormat"] == "flac_16khz_mono"


def test_the_release_is_in_the_ledger_with_the_version(world):
    """One entry names version, root, manifest and label; the ledger still verifies."""
    filled(world, 2)
    made = world.releaser.release(actor="svc-release")
    [(_, entry)] = world.ledger.entries_about("corpus/v1")
    assert entry.action is Action.CORPUS_RELEASED
    assert entry.facts["root"] == made.manifest.root.hex()
    assert entry.facts["manifest"] == made.manifest_digest
    assert entry.facts["label"] == "voice-transformed"
    assert (entry.facts["samples"], entry.facts["recordings"]) == (4, 2)
    world.ledger.checkpoint()
    assert world.ledger.verify().found is Found.OK


def test_splits_share_no_speaker(world):
    """One agent's channel is in one split, whoever calls."""
    filled(world, 8)
    world.releaser.release(actor="svc-release")
    by_id = {s.corpus_id: s.split for s in world.registry.samples("corpus/v1")}
    agents = {by_id[i.corpus_id] for i in world.registry.identities("corpus/v1") if i.channel == 0}
    assert len(agents) == 1
    assert set(by_id.values()) == {"train", "validation", "test"}


def test_unknown_roles_join_a_call(world):
    """Where it is not known who speaks on which channel, both parties are taken to speak on both."""
    for number in range(1, 6):
        world.seal(number, agent=f"a{number}", said={"verified": True, "method": "disguise"})
    world.releaser.release(actor="svc-release")
    by_id = {s.corpus_id: s.split for s in world.registry.samples("corpus/v1")}
    calls = {}
    for identity in world.registry.identities("corpus/v1"):
        calls.setdefault(identity.recording, set()).add(by_id[identity.corpus_id])
    assert all(len(splits) == 1 for splits in calls.values())


def test_a_sample_keeps_its_name_in_the_next_version(world):
    """What was released before is found under the same name; what was sealed since has a new one."""
    filled(world, 2)
    first = {s.corpus_id for s in world.registry.samples(world.releaser.release(actor="svc-release").version)}
    world.seal(3)
    second = world.releaser.release(actor="svc-release")
    assert second.version == "corpus/v2"
    names = {s.corpus_id for s in world.registry.samples("corpus/v2")}
    assert world.versions.diff("corpus/v1", "corpus/v2").moved == ()
    assert first < names
    assert len(names) == 6


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"said": {"method": "disguise"}}, "NOT_VERIFIED (2)"),
        ({"said": {"verified": "true", "method": "disguise"}}, "NOT_VERIFIED (2)"),
        ({"said": {"verified": True}}, "NOT_DISGUISED (2)"),
        ({"said": {"verified": True, "method": "none"}}, "NOT_DISGUISED (2)"),
        ({"started_at": None}, "NO_LONGER_ALLOWED (2), START_UNKNOWN (2)"),
        ({"legal_hold": True}, "NO_LONGER_ALLOWED (2)"),
        ({"people": ({"aiTrainingConsent": "true"}, {"aiTrainingOptOut": "true"})}, "NO_LONGER_ALLOWED (2)"),
        ({"people": ({},)}, "NO_LONGER_ALLOWED (2)"),
        ({"layout": 2}, "NOT_MONO (2)"),
        ({"said": {}}, "NOT_DISGUISED (2), NOT_VERIFIED (2)"),
    ],
)
def test_one_bad_recording_refuses_the_release(world, change, reason):
    """The refusal lists every reason with its count, and there is no version."""
    filled(world, 2)
    world.seal(7, **change)
    with pytest.raises(ReleaseRefused, match=r"may not be released") as refused:
        world.releaser.release(actor="svc-release")
    assert str(refused.value).endswith(f": {reason}")
    assert refused.value.hint
    assert world.versions.list() == ()
    assert list(world.plain.list("corpora")) == []


def test_nothing_sealed(world):
    """An empty line has no version to give."""
    with pytest.raises(ReleaseRefused, match="NOTHING_SEALED"):
        world.releaser.release(actor="svc-release")


def test_consent_withdrawn_since(world):
    """Consent is asked again at the release, of what the registry knows by then."""
    filled(world, 2)
    world.remember(1, people=({"aiTrainingConsent": "true", "aiTrainingConsentWithdrawn": "true"},))
    with pytest.raises(ReleaseRefused, match="NO_LONGER_ALLOWED"):
        world.releaser.release(actor="svc-release")


@pytest.mark.parametrize("damage", ["gone", "changed", "shredded"])
def test_a_damaged_object_refuses_the_release(world, damage):
    """Every sample is fetched, compared with its digest, opened and decoded before it is counted."""
    key = filled(world, 2)[0]
    location = next(o.location for o in world.registry.objects(key) if o.kind == "sample")
    if damage == "gone":
        del world.vault.stored[location]
    elif damage == "changed":
        world.vault.stored[location] = world.vault.stored[location][:-1] + b"\0"
    else:
        world.vault.shred(key)
    with pytest.raises(ReleaseRefused, match="OBJECT_DAMAGED"):
        world.releaser.release(actor="svc-release")


@pytest.mark.parametrize(
    ("attack", "refused"),
    [
        (None, "ATTACK_MISSING"),
        (AttackReport(digest="e" * 64, equal_error_rate=0.12, threshold=0.3), "ATTACK_SUCCEEDED"),
        (AttackReport(digest="e" * 64, equal_error_rate=0.31, threshold=0.3), None),
    ],
)
def test_anonymized_needs_a_withstood_attack(world, attack, refused):
    """Without an attack report, or below the threshold, a version is voice-transformed and not anonymized."""
    filled(world, 2)
    if refused:
        with pytest.raises(ReleaseRefused, match=refused):
            world.releaser.release(actor="svc-release", label=Label.ANONYMIZED, attack=attack)
    else:
        made = world.releaser.release(actor="svc-release", label=Label.ANONYMIZED, attack=attack)
        assert made.manifest.label == "anonymized"
        assert world.versions.list()[0].facts["attack"] == "e" * 64


def test_two_releases_at_once(world):
    """The one that loses the number is refused, and the winner's manifest is untouched."""
    filled(world, 2)
    late = world.registry.versions
    first = world.releaser.release(actor="svc-release")

    class Stale:
        def __getattr__(self, name):
            return getattr(world.registry, name)

        def versions(self):
            return ()

    assert late()
    world.releaser._store = Stale()
    with pytest.raises(ReleaseRefused, match="took this version's number"):
        world.releaser.release(actor="svc-release")
    assert world.versions.verify(first.version).ok


def test_erased_between_reading_and_committing(world):
    """A recording that is erased while a release is made is in no version."""
    key = filled(world, 2)[0]

    class Erasing:
        def __getattr__(self, name):
            return getattr(world.registry, name)

        def record_version(self, *given):
            _mark_erasing(world, key)
            return world.registry.record_version(*given)

    world.releaser._store = Erasing()
    with pytest.raises(RecordingErased):
        world.releaser.release(actor="svc-release")
    assert world.versions.list() == ()


def test_erased_recordings_are_not_drawn_from(world):
    """What was erased before is not there any more, and stops nothing."""
    key = filled(world, 3)[0]
    _mark_erasing(world, key)
    made = world.releaser.release(actor="svc-release")
    assert made.recordings == 2


def test_a_shared_speaker_would_be_seen():
    """The gate looks at the splits themselves and not at how they were made."""
    dealt = [(frozenset({"a", "b"}), Split.TRAIN), (frozenset({"b"}), Split.TEST), (frozenset({"c"}), Split.TEST)]
    assert len(list(shared_speakers(dealt))) == 1


def _mark_erasing(world, key):
    from sqlalchemy import update

    from sottovoce.database.engine import writing
    from sottovoce.database.tables import recordings

    with writing(world.engine) as connection:
        connection.execute(update(recordings).where(recordings.c.key == key).values(erasing_ms=1))
