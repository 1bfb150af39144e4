"""C2SP signed notes and checkpoints against golang.org/x/mod and transparency-dev's own vectors."""

from __future__ import annotations

import base64
import hashlib
import json
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from sottovoce.domain.confidential import Confidential
from sottovoce.errors import LedgerTampered
from sottovoce.ledger import verifier
from sottovoce.ledger.checkpoint import Checkpoint
from sottovoce.ledger.note import VerifierKey, open_note, sign_note
from sottovoce.ledger.signer import Ed25519Signer


@pytest.fixture
def golang(shared: Path) -> dict[str, Any]:
    path = shared / "vectors/signed-note/golang-x-mod-sumdb-note.json"
    found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return found


def holds(vkey: str) -> bool:
    try:
        VerifierKey.parse(vkey)
    except LedgerTampered:
        return False
    return True


def test_a_damaged_verifier_key_is_refused(golang: dict[str, Any]) -> None:
    """Every proper part of a vkey, and every one with a byte counted up, is refused: 2,224 cases and more."""
    refused = 0
    for vkey in golang["vkeys"].values():
        assert str(VerifierKey.parse(vkey)) == vkey
        parts = {vkey[start:end] for start in range(len(vkey)) for end in range(start, len(vkey) + 1)} - {vkey}
        counted_up = {vkey[:at] + chr(ord(vkey[at]) + 1) + vkey[at + 1 :] for at in range(len(vkey))}
        for damaged in parts | counted_up:
            assert not holds(damaged)
            refused += 1
    for bad in golang["bad_vkeys"]:
        assert not holds(bad)
    assert refused >= 2224


def test_signing_gives_the_published_note(golang: dict[str, Any]) -> None:
    """The published private key signs the published text to the published note."""
    name, _, rest = golang["skey"].removeprefix("PRIVATE+KEY+").partition("+")
    seed = base64.b64decode(rest.partition("+")[2])[1:]
    signer = Ed25519Signer(name=name, key=Confidential(Ed25519PrivateKey.from_private_bytes(seed)))
    assert signer.vkey == golang["vkeys"]["peter"]
    assert sign_note(golang["sign"]["text"], signer) == golang["sign"]["want"]


def test_notes_open_or_are_refused_as_published(golang: dict[str, Any]) -> None:
    """Each published note opens with the published signers verified and unverified, or is refused."""
    for case in golang["open"]:
        keys = [VerifierKey.parse(golang["vkeys"][name]) for name in case["trust"]]
        note = bytes.fromhex(case.get("msg_prefix_hex", "")) + case["msg"].encode()
        if "error" in case:
            with pytest.raises(LedgerTampered):
                open_note(note, keys)
        else:
            opened = open_note(note, keys)
            assert list(opened.verified) == case["verified"]
            assert list(opened.unverified) == case["unverified"]


def test_the_specifications_own_example(golang: dict[str, Any]) -> None:
    """The example of c2sp.org/signed-note opens, here and in the stand-alone verifier."""
    example = golang["c2sp_example"]
    opened = open_note(example["note"], [VerifierKey.parse(example["vkey"])])
    assert opened.text == "This is an example message.\n"
    assert verifier.open_note(example["note"], example["vkey"]) == opened.text


def test_checkpoints_parse_or_are_refused_as_published(shared: Path) -> None:
    """Each published checkpoint body parses and comes back byte for byte, or is refused."""
    path = shared / "vectors/signed-note/transparency-dev-checkpoint.json"
    cases = json.loads(path.read_text(encoding="utf-8"))["cases"]
    for case in cases:
        if case["ok"]:
            found = Checkpoint.parse(case["m"])
            assert found.text == case["m"]
            assert "".join(f"{line}\n" for line in found.extensions) == case.get("rest", "")
        else:
            with pytest.raises(LedgerTampered):
                Checkpoint.parse(case["m"])
    assert len(cases) == 10


def test_key_ids_follow_the_specification() -> None:
    """A key id is the first four bytes of SHA-256(name || 0x0A || 0x01 || key)."""
    key = VerifierKey(name="example.com/log", key=bytes(32))
    assert key.key_id == hashlib.sha256(b"example.com/log\n\x01" + bytes(32)).digest()[:4]


def test_the_stand_alone_verifier_opens_the_same_notes(golang: dict[str, Any]) -> None:
    """It opens each published note that the ledger opens, with the same text, and refuses the others."""
    opened = 0
    for case in golang["open"]:
        vkeys = [golang["vkeys"][name] for name in case["trust"]]
        raw = bytes.fromhex(case.get("msg_prefix_hex", "")) + case["msg"].encode()
        try:
            text = verifier.open_note(raw.decode(), vkeys)
        except (verifier.RefusedError, UnicodeDecodeError):
            assert "error" in case, case
        else:
            assert "error" not in case, case
            assert text == open_note(raw, [VerifierKey.parse(vkey) for vkey in vkeys]).text
            opened += 1
    assert opened == sum("error" not in case for case in golang["open"]) > 0


def test_the_stand_alone_verifier_refuses_damaged_keys(golang: dict[str, Any]) -> None:
    """A damaged or published bad vkey opens nothing."""
    example = golang["c2sp_example"]
    damaged = [*golang["bad_vkeys"], *(example["vkey"][:-cut] for cut in range(1, 45)), f"{example['vkey']}A"]
    for vkey in damaged:
        with pytest.raises(verifier.RefusedError):
            verifier.open_note(example["note"], vkey)
