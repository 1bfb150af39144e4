"""Making a version of a corpus out of what was sealed (SPEC 11.1 to 11.3).

Every sample is fetched, matched against its recorded digest, opened and decoded before it is counted;
the gate hears every objection; and only then are names drawn, splits dealt, the manifest signed and
stored, and version, identities and ledger entry committed together. A sample keeps the corpus id that
an earlier version gave it. If anything refuses, there is no version: ReleaseRefused says why.

The manifest is stored under its own digest before the commit, so that two releases at once cannot
overwrite each other's; one that lost the race leaves only an object nobody refers to.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from sottovoce.corpus.candidates import Candidate, Opened, candidates
from sottovoce.corpus.dealing import Dealt, deal
from sottovoce.corpus.examine import examine
from sottovoce.corpus.gate import (
    AttackReport,
    Label,
    Refusal,
    label_objections,
    objections,
    refuse,
    shared_speakers,
)
from sottovoce.corpus.manifest import Manifest, make_manifest, sign_manifest
from sottovoce.corpus.names import manifest_name, next_version, note_name, version_name
from sottovoce.corpus.protocol import SampleVault, Standing, VersionStore
from sottovoce.corpus.sample import Split
from sottovoce.custody.rows import CorpusVersion, ReleasedFact
from sottovoce.domain.outcome import Fact
from sottovoce.errors import ReleaseRefused
from sottovoce.ledger.entry import Action, Entry
from sottovoce.ledger.note import Signer
from sottovoce.policy.model import Policy
from sottovoce.storage.protocol import ObjectStore
from sottovoce.storage.stores import keep


@dataclass(frozen=True, slots=True, kw_only=True)
class Release:
    """A version that now exists. `hours` by split; `root` and `manifest_digest` in hex."""

    version: str
    label: Label
    manifest: Manifest
    note: str
    manifest_digest: str
    recordings: int
    hours: dict[Split, float]


class Releaser:
    """Releases versions of one line's corpus under one policy."""

    def __init__(
        self,
        *,
        policy: Policy,
        policy_digest: str,
        line: str,
        store: VersionStore,
        vault: SampleVault,
        plain: ObjectStore,
        standing: Standing,
        signer: Signer,
        clock: Callable[[], datetime],
        random: Callable[[int], bytes],
    ) -> None:
        self._policy = policy
        self._policy_digest = policy_digest
        self._line = line
        self._store = store
        self._vault = vault
        self._plain = plain
        self._standing = standing
        self._signer = signer
        self._clock = clock
        self._random = random

    def release(
        self,
        *,
        actor: str,
        label: Label = Label.VOICE_TRANSFORMED,
        attack: AttackReport | None = None,
        on_sample: Callable[[int], None] | None = None,
    ) -> Release:
        """The next version, of everything the line has sealed. `on_sample` is told how many were checked.

        Raises ReleaseRefused with every reason, RecordingErased when a recording was erased meanwhile.
        """
        found = list(candidates(self._store, self._line))
        refuse(self._spoken_against(found, label, attack))
        opened = [self._opened(c, n, on_sample) for n, c in enumerate(found, 1)]
        refuse(Refusal.OBJECT_DAMAGED for sample in opened if sample is None)
        whole = [sample for sample in opened if sample is not None]
        refuse(Refusal.NOT_MONO for sample in whole if sample.heard.format.channels != 1)
        dealt = deal(
            whole,
            store=self._store,
            policy=self._policy,
            random=self._random,
        )
        refuse(shared_speakers((d.opened.candidate.speakers, d.sample.split) for d in dealt))
        number = next_version(self._policy.corpus.name, self._store.versions())
        manifest = make_manifest(
            [d.entry for d in dealt],
            name=self._policy.corpus.name,
            version=f"v{number}",
            created=self._clock().astimezone(UTC).date(),
            label=label.value,
            policy_digest=self._policy_digest,
        )
        return self._publish(manifest, dealt, label=label, attack=attack, actor=actor)

    def _spoken_against(
        self, found: Sequence[Candidate], label: Label, attack: AttackReport | None
    ) -> Iterable[Refusal]:
        if not found:
            yield Refusal.NOTHING_SEALED
        for candidate in found:
            yield from objections(candidate, self._standing)
        yield from label_objections(label, attack)

    def _opened(self, candidate: Candidate, number: int, told: Callable[[int], None] | None) -> Opened | None:
        """The sample with its true length; None when it is not what was recorded."""
        examined = examine(self._vault, candidate.held, digest=candidate.held.digest)
        if told is not None:
            told(number)
        return Opened(candidate=candidate, heard=examined.heard) if examined.heard is not None else None

    def _publish(
        self, manifest: Manifest, dealt: Sequence[Dealt], *, label: Label, attack: AttackReport | None, actor: str
    ) -> Release:
        """Stores the manifest, then commits everything that refers to it."""
        encoded, note = manifest.encode(), sign_manifest(manifest, self._signer)
        digest = hashlib.sha256(encoded).hexdigest()
        keep(self._plain, manifest_name(manifest.name, digest), encoded)
        keep(self._plain, note_name(manifest.name, digest), note.encode())
        version = CorpusVersion(
            version=version_name(manifest.name, manifest.version),
            root=manifest.root.hex(),
            manifest_digest=digest,
            created_at=self._clock(),
            facts=_facts(dealt, label, attack),
        )
        if not self._store.record_version(version, [d.row for d in dealt], [self._entry(version, actor)]):
            raise ReleaseRefused("another release took this version's number", hint="release again")
        return Release(
            version=version.version,
            label=label,
            manifest=manifest,
            note=note,
            manifest_digest=digest,
            recordings=_recordings(dealt),
            hours=_hours(dealt),
        )

    def _entry(self, version: CorpusVersion, actor: str) -> Entry:
        return Entry(
            at=version.created_at,
            actor=actor,
            action=Action.CORPUS_RELEASED,
            object=version.version,
            line=self._line,
            purpose=self._policy.purpose.value,
            policy=self._policy_digest,
            facts={**_ledgered(version), "root": version.root, "manifest": version.manifest_digest},
        )


def _facts(dealt: Sequence[Dealt], label: Label, attack: AttackReport | None) -> dict[str, ReleasedFact]:
    facts: dict[str, ReleasedFact] = {
        "label": label.value,
        "samples": len(dealt),
        "recordings": _recordings(dealt),
        "seconds": round(sum(d.sample.duration_s for d in dealt)),
    }
    return facts | ({"attack": attack.digest} if attack else {})


def _ledgered(version: CorpusVersion) -> dict[str, Fact]:
    """The version's facts that a ledger takes: codes and counts."""
    return {name: fact for name, fact in version.facts.items() if isinstance(fact, str | int)}


def _recordings(dealt: Iterable[Dealt]) -> int:
    return len({d.opened.held.recording for d in dealt})


def _hours(dealt: Sequence[Dealt]) -> dict[Split, float]:
    hours = dict.fromkeys(Split, 0.0)
    for each in dealt:
        hours[each.sample.split] += each.sample.duration_s / 3600
    return hours
