"""Signed manifests (SPEC 11.3)."""

from __future__ import annotations

import json
from datetime import date

import pytest

from sottovoce.corpus.manifest import ManifestEntry, make_manifest, sign_manifest, verify_manifest
from sottovoce.corpus.sample import Sample, Split
from sottovoce.errors import LedgerTampered, ReleaseRefused
from sottovoce.ledger.checkpoint import Checkpoint
from sottovoce.ledger.note import VerifierKey, sign_note


def entry(number, **changes):
    sample = Sample(
        corpus_id=f"{number:032x}",
        queue_category="billing",
        duration_s=3.0,
        audio_format="flac_16khz_mono",
        capture_year=2025,
        accent_region="scotland",
        audio_quality="8khz",
        language="en",
        split=Split.TRAIN,
    )
    return ManifestEntry(sample=sample, digest=f"{number:064x}", size=1000 + number, **changes)


def manifest(*entries):
    return make_manifest(
        entries or (entry(2), entry(1)),
        name="corpus",
        version="v1",
        created=date(2026, 3, 1),
        label="voice-transformed",
        policy_digest="d" * 64,
    )


def key(signer):
    return [VerifierKey.parse(signer.vkey)]


def test_a_signed_manifest_verifies(make_signer):
    """What was signed comes back, its samples sorted by name."""
    made = manifest()
    found = verify_manifest(made.encode(), sign_manifest(made, make_signer()), key(make_signer()))
    assert found == made
    assert [e.sample.corpus_id[-1] for e in found.entries] == ["1", "2"]


def test_a_manifest_says_no_more_than_this():
    """Canonical JSON with a day and no time, released metadata, and digests: no place, call or person."""
    members = json.loads(manifest().encode())
    assert set(members) == {"schema", "name", "version", "created", "label", "policyDigest", "root", "samples"}
    assert members["created"] == "2026-03-01"
    assert set(members["samples"][0]) == {"sample", "object"}
    assert members["samples"][0]["object"] == {"sha256": f"{1:064x}", "size": 1001}


def test_the_root_does_not_depend_on_the_order_given():
    """The same samples have one root."""
    assert manifest(entry(1), entry(2)).root == manifest(entry(2), entry(1)).root
    assert manifest(entry(1), entry(2)).root != manifest(entry(1), entry(3)).root


def test_one_name_twice_is_refused():
    """Two samples of one corpus id make no version."""
    with pytest.raises(ReleaseRefused):
        manifest(entry(1), entry(1))


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b'"size":1001', b'"size":1002'),
        (b'"split":"train"', b'"split":"test"'),
        (b'"version":"v1"', b'"version":"v2"'),
        (b'"label":"voice-transformed"', b'"label":"anonymized"'),
        (b'"created":', b'"created" :'),
        (b"sottovoce-corpus-manifest/v1", b"sottovoce-corpus-manifest/v2"),
        (b'"samples"', b'"simples"'),
        (b'"captureYear"', b'"callerName"'),
        (b"{", b"["),
    ],
)
def test_any_change_is_refused(make_signer, old, new):
    """A manifest is what was signed to the byte, or nothing."""
    made = manifest()
    changed = made.encode().replace(old, new, 1)
    assert changed != made.encode()
    with pytest.raises(LedgerTampered):
        verify_manifest(changed, sign_manifest(made, make_signer()), key(make_signer()))


def test_a_consistent_forgery_without_the_key_is_refused(make_signer):
    """A whole other manifest, root and all, does not pass under the old note or a stranger's."""
    forged = manifest(entry(3))
    for note in (sign_manifest(manifest(), make_signer()), sign_manifest(forged, make_signer(seed=2))):
        with pytest.raises(LedgerTampered):
            verify_manifest(forged.encode(), note, key(make_signer()))


def test_a_note_of_a_ledger_is_no_manifest_note(make_signer):
    """The same key's checkpoint never vouches for a manifest, nor a manifest's note for a ledger."""
    made, signer = manifest(), make_signer()
    checkpoint = sign_note(Checkpoint(origin=signer.name, size=2, root=made.root).text, signer)
    with pytest.raises(LedgerTampered):
        verify_manifest(made.encode(), checkpoint, key(signer))
    with pytest.raises(LedgerTampered):
        Checkpoint.parse(sign_manifest(made, signer).partition("\n\n")[0] + "\n")
