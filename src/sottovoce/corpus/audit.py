"""The demographics of a version that exists, with what the registry alone knows of its samples (SPEC 11.5)."""

from __future__ import annotations

from sottovoce.corpus.demographics import Demographics, Facts, demographics
from sottovoce.corpus.protocol import VersionStore
from sottovoce.corpus.sample import Sample
from sottovoce.corpus.versions import Versions
from sottovoce.errors import RecordingErased
from sottovoce.policy.model import Policy
from sottovoce.screening.strata import value_of


def audit(
    version: str, *, versions: Versions, store: VersionStore, policy: Policy, line: str = "corpus"
) -> Demographics:
    """Counts the samples that were not erased; `line` is the one that sealed them.

    Raises CustodyError for an unknown version.
    """
    shown = versions.show(version)
    return demographics(
        [Sample.of_released(sample.released) for sample in shown.samples if not sample.erased],
        version=version,
        label=str(shown.version.facts.get("label", "unknown")),
        minimum_shares=policy.selection.minimum_shares,
        facts=_facts(version, store, policy, line),
    )


def _facts(version: str, store: VersionStore, policy: Policy, line: str) -> dict[str, Facts]:
    """Codec, device and season by corpus id; nothing of recordings that were erased.

    The codec is the one that was decoded, because most sources do not know it beforehand.
    """
    decoded = {outcome.recording: str(outcome.facts.get("codec", "")) for outcome in store.outcomes(line)}
    known: dict[str, Facts] = {}
    for identity in store.identities(version):
        try:
            _, metadata = store.recall(identity.recording)
        except RecordingErased:
            continue
        known[identity.corpus_id] = {
            "codec": decoded.get(identity.recording) or value_of(metadata, "codec", policy),
            "device": value_of(metadata, "device", policy),
            "season": value_of(metadata, "season", policy),
        }
    return known
