"""Witnesses' cosignatures as c2sp.org/tlog-cosignature describes them."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA44PrivateKey

from sottovoce.domain.confidential import Confidential
from sottovoce.errors import LedgerTampered
from sottovoce.ledger import verifier
from sottovoce.ledger.checkpoint import Checkpoint, sign_checkpoint
from sottovoce.ledger.cosignature import (
    Cosigner,
    Ed25519Cosigner,
    MlDsa44Cosigner,
    WitnessKey,
    signature_line,
    signed_message,
)
from sottovoce.ledger.note import Signer, VerifierKey, open_note
from sottovoce.ledger.proof import cosigners

NAME = "witness.example/w1"
ROOT = base64.b64decode("CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=")
TEXT = Checkpoint(origin="example.com/behind-the-sofa", size=20852163, root=ROOT).text


def ed25519() -> Ed25519Cosigner:
    return Ed25519Cosigner(name=NAME, key=Confidential(Ed25519PrivateKey.from_private_bytes(bytes(32))))


def ml_dsa_44() -> MlDsa44Cosigner:
    return MlDsa44Cosigner(name=NAME, key=Confidential(MLDSA44PrivateKey.from_seed_bytes(bytes(32))))


BOTH = pytest.mark.parametrize("make", [ed25519, ml_dsa_44])


def test_the_message_is_the_specifications() -> None:
    """Ed25519 signs two lines before the note's text."""
    said = signed_message(4, NAME, 1679315147, TEXT)
    assert said.decode() == (
        "cosignature/v1\ntime 1679315147\nexample.com/behind-the-sofa\n20852163\n"
        "CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n"
    )


def test_ml_dsa_44_signs_the_structure() -> None:
    """ML-DSA-44 signs label, cosigner, time, origin, start, end and hash, and no extension lines."""
    said = signed_message(6, NAME, 5, f"{TEXT}extension\n")
    origin = b"example.com/behind-the-sofa"
    wanted = b"subtree/v1\n\x00" + bytes([len(NAME)]) + NAME.encode() + (5).to_bytes(8) + bytes([len(origin)]) + origin
    assert said == wanted + bytes(8) + (20852163).to_bytes(8) + ROOT
    with pytest.raises(LedgerTampered):
        signed_message(6, "w" * 256, 5, TEXT)
    with pytest.raises(LedgerTampered):
        signed_message(6, NAME, 5, "example.com/log\n5\nAAAA\n")


@BOTH
def test_keys_are_written_as_vkeys(make: Callable[[], Cosigner]) -> None:
    """name+id+key, the id being the first four bytes of a hash over name, type and key; nothing else is read."""
    key = make().key
    assert WitnessKey.parse(str(key)) == key
    assert key.key_id == hashlib.sha256(NAME.encode() + b"\n" + bytes([key.type]) + key.key).digest()[:4]
    log = VerifierKey(name=NAME, key=bytes(32))
    for wrong in ("", NAME, str(log), str(key)[:-4], str(key)[:-1], f" {key}", str(key).replace("+", "-", 1)):
        with pytest.raises(LedgerTampered):
            WitnessKey.parse(wrong)
    with pytest.raises(LedgerTampered):
        VerifierKey.parse(str(key))


@BOTH
def test_a_cosignature_holds_for_its_text_and_time_only(make: Callable[[], Cosigner]) -> None:
    """Any change to time, signature or text, and another key, refuses it."""
    cosigner = make()
    signature = cosigner.cosign(TEXT, 1679315147)
    assert len(signature) == {4: 72, 6: 2428}[cosigner.key.type]
    assert cosigner.key.verifies(TEXT.encode(), signature)
    for at in range(0, len(signature), 1 if len(signature) < 100 else 211):
        assert not cosigner.key.verifies(
            TEXT.encode(), signature[:at] + bytes([signature[at] ^ 1]) + signature[at + 1 :]
        )
    assert not cosigner.key.verifies(TEXT.replace("20852163", "20852164").encode(), signature)
    assert not cosigner.key.verifies(TEXT.encode(), signature[:8])
    assert not cosigner.key.verifies(b"\xff", signature)


@BOTH
@pytest.mark.parametrize("timestamp", [0, 2**63])
def test_times_out_of_range_are_refused(make: Callable[[], Cosigner], timestamp: int) -> None:
    """A cosignature without a time, or beyond 2**63 - 1, does not count, however well signed."""
    cosigner = make()
    assert not cosigner.key.verifies(TEXT.encode(), cosigner.cosign(TEXT, timestamp))


@BOTH
def test_the_stand_alone_verifier_agrees(make: Callable[[], Cosigner], make_signer: Callable[..., Signer]) -> None:
    """It counts the same cosignatures towards its quorum, and refuses a note in which one of them is wrong."""
    log, cosigner = make_signer(), make()
    text = Checkpoint(origin=log.name, size=3, root=ROOT).text
    bare = sign_checkpoint(Checkpoint(origin=log.name, size=3, root=ROOT), log)
    note = bare + signature_line(cosigner.key, cosigner.cosign(text, 9))
    trusted = [log.vkey, str(cosigner.key)]
    assert verifier.open_checkpoint(note, trusted, 1) == (3, ROOT)
    assert cosigners(note, [cosigner.key, cosigner.key]) == (cosigner.key,)
    assert open_note(note, [cosigner.key]).verified == (NAME,)
    with pytest.raises(verifier.RefusedError) as refused:
        verifier.open_checkpoint(bare, trusted, 1)
    assert refused.value.args[0] is verifier.Found.UNWITNESSED
    wrong = bare + signature_line(cosigner.key, cosigner.cosign(text.replace("3", "4", 1), 9))
    assert cosigners(wrong, [cosigner.key]) == ()
    with pytest.raises(verifier.RefusedError):
        verifier.open_checkpoint(wrong, trusted)
    # A witness vouches for no log of its own.
    with pytest.raises(verifier.RefusedError):
        verifier.open_checkpoint(note, [str(cosigner.key)])
