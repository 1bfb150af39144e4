"""The manifest of a corpus version: what is in it, and a signature over exactly that (SPEC 11.3).

Canonical JSON (RFC 8785) with the samples sorted by corpus id, each with its released metadata and the
SHA-256 and size of its ciphertext; an RFC 6962 Merkle root over the canonical samples, so that one sample
can be shown to be in a version without the others. Beside it lies a C2SP signed note that states name,
version, number of samples, root and the manifest's own digest. The note's first line is of no ledger, so
that a manifest can never be mistaken for a checkpoint.

`verify_manifest` refuses JSON that is not canonical, a root or digest that does not fit, a note of another
version, and a note that no known key signed. Nothing here names a person, a call or a place in storage.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import rfc8785

from sottovoce.corpus.sample import Sample
from sottovoce.errors import LedgerTampered, ReleaseRefused
from sottovoce.ledger.merkle import leaf_hash, merkle_tree_hash
from sottovoce.ledger.note import Signer, VerifierKey, open_note, sign_note

SCHEMA = "sottovoce-corpus-manifest/v1"


@dataclass(frozen=True, slots=True, kw_only=True)
class ManifestEntry:
    """A sample and the ciphertext that holds it: SHA-256 in hex, and bytes."""

    sample: Sample
    digest: str
    size: int

    def as_json(self) -> dict[str, Any]:
        return {"sample": self.sample.released(), "object": {"sha256": self.digest, "size": self.size}}


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """One version. `label` says how far the voices are disguised; `created` is a day, never a time."""

    name: str
    version: str
    created: date
    label: str
    policy_digest: str
    entries: tuple[ManifestEntry, ...]

    @property
    def root(self) -> bytes:
        """RFC 6962 section 2.1 over the canonical entries, in order."""
        return merkle_tree_hash([leaf_hash(rfc8785.dumps(entry.as_json())) for entry in self.entries])

    def encode(self) -> bytes:
        """The canonical bytes that are stored and signed."""
        return rfc8785.dumps(
            {
                "schema": SCHEMA,
                "name": self.name,
                "version": self.version,
                "created": self.created.isoformat(),
                "label": self.label,
                "policyDigest": self.policy_digest,
                "root": self.root.hex(),
                "samples": [entry.as_json() for entry in self.entries],
            }
        )


def make_manifest(
    entries: Sequence[ManifestEntry], *, name: str, version: str, created: date, label: str, policy_digest: str
) -> Manifest:
    """The manifest of these entries, sorted; raises ReleaseRefused when two have one corpus id."""
    ordered = tuple(sorted(entries, key=lambda e: e.sample.corpus_id))
    if len({e.sample.corpus_id for e in ordered}) != len(ordered):
        raise ReleaseRefused("two samples have one corpus id", hint="check the source of randomness")
    return Manifest(
        name=name, version=version, created=created, label=label, policy_digest=policy_digest, entries=ordered
    )


def sign_manifest(manifest: Manifest, signer: Signer) -> str:
    """The signed note that goes beside the manifest."""
    return sign_note(_statement(manifest, manifest.encode()), signer)


def verify_manifest(encoded: bytes, note: str, keys: Sequence[VerifierKey]) -> Manifest:
    """The manifest, if a known key signed exactly these bytes; raises LedgerTampered otherwise."""
    opened = open_note(note, keys)
    manifest = _decode(encoded)
    if manifest.encode() != encoded:
        raise LedgerTampered("the manifest is not canonical, or its root does not fit its samples")
    if opened.text != _statement(manifest, encoded):
        raise LedgerTampered("the manifest is not the one that was signed")
    return manifest


def _statement(manifest: Manifest, encoded: bytes) -> str:
    lines = (
        SCHEMA,
        f"{manifest.name} {manifest.version}",
        str(len(manifest.entries)),
        base64.b64encode(manifest.root).decode(),
        f"sha256:{hashlib.sha256(encoded).hexdigest()}",
    )
    return "".join(f"{line}\n" for line in lines)


def _decode(encoded: bytes) -> Manifest:
    try:
        members = json.loads(encoded)
        if members["schema"] != SCHEMA:
            raise LedgerTampered("this is not a corpus manifest")
        return Manifest(
            name=members["name"],
            version=members["version"],
            created=date.fromisoformat(members["created"]),
            label=members["label"],
            policy_digest=members["policyDigest"],
            entries=tuple(map(_entry, members["samples"])),
        )
    except (ValueError, KeyError, TypeError, ReleaseRefused):
        raise LedgerTampered("this is not a corpus manifest") from None


def _entry(members: dict[str, Any]) -> ManifestEntry:
    held = members["object"]
    return ManifestEntry(sample=Sample.of_released(members["sample"]), digest=held["sha256"], size=held["size"])
