"""Notes and checkpoints: what is refused before it is believed."""

from __future__ import annotations

import base64
from collections.abc import Callable

import pytest

from sottovoce.errors import LedgerTampered
from sottovoce.ledger import verifier
from sottovoce.ledger.checkpoint import Checkpoint, open_checkpoint, sign_checkpoint
from sottovoce.ledger.note import MAX_SIGNATURES, Signer, VerifierKey, open_note, sign_note
from sottovoce.ledger.verifier import Found, RefusedError, verify_proof

MakeSigner = Callable[..., Signer]
TEXT = "one line\n\nand another\n"


def test_a_note_may_hold_empty_lines(signer: Signer) -> None:
    """The last empty line parts text and signatures."""
    note = sign_note(TEXT, signer)
    assert open_note(note.encode(), [VerifierKey.parse(signer.vkey)]).text == TEXT


@pytest.mark.parametrize("text", ["no newline", "a tab\t\n", "\x00\n"])
def test_a_text_that_is_no_notes_text_is_not_signed(text: str, signer: Signer) -> None:
    """What could not be opened again is not signed."""
    with pytest.raises(LedgerTampered):
        sign_note(text, signer)


def test_unknown_signatures_are_passed_over(signer: Signer, make_signer: MakeSigner) -> None:
    """Signatures of other keys, even under the same name, count for nothing and harm nothing."""
    other = sign_note(TEXT, make_signer(2)).rpartition("\n\n")[2]
    note = sign_note(TEXT, signer)
    key = VerifierKey.parse(signer.vkey)
    opened = open_note(note + other, [key])
    assert (opened.verified, opened.unverified) == ((signer.name,), (signer.name,))
    assert open_note(note + note.rpartition("\n\n")[2], [key]).verified == (signer.name,)
    with pytest.raises(LedgerTampered):
        open_note(sign_note(TEXT, make_signer(2)), [key])
    assert verifier.open_note(note + other, signer.vkey) == TEXT
    with pytest.raises(RefusedError):
        verifier.open_note(f"{TEXT}\n{other}", signer.vkey)


def test_notes_that_are_none_are_malformed(signer: Signer) -> None:
    """Damaged notes are refused by both readers, without a stray exception."""
    note = sign_note(TEXT, signer)
    line = note.rpartition("\n\n")[2]
    damaged = [
        "",
        "\n\n",
        TEXT,
        note[:-1],
        note.replace("— ", "- "),
        note.replace("— ", "— two words "),
        note[:-5] + "!!!!\n",
        f"{TEXT}\n— {signer.name} AAAA\n",
        note + line * MAX_SIGNATURES,
        "\x01" + note,
    ]
    for each in damaged:
        with pytest.raises(LedgerTampered):
            open_note(each, [VerifierKey.parse(signer.vkey)])
    for each in damaged[:-2]:
        with pytest.raises(RefusedError):
            verifier.open_note(each, signer.vkey)
    with pytest.raises(LedgerTampered):
        open_note(b"\xff" + note.encode(), [VerifierKey.parse(signer.vkey)])


def test_one_wrong_signature_of_a_known_key_refuses_the_note(signer: Signer) -> None:
    """A note whose text was changed after signing does not open."""
    note = sign_note(TEXT, signer).replace("one line", "two lines")
    with pytest.raises(LedgerTampered):
        open_note(note, [VerifierKey.parse(signer.vkey)])
    with pytest.raises(RefusedError) as refused:
        verifier.open_note(note, signer.vkey)
    assert refused.value.args == (Found.BAD_SIGNATURE,)


@pytest.mark.parametrize("text", ["", "o\n1\n", "o\n01\nAAAA\n", "o\n1\nA\n", "o\n1\nAAAA", "o\n\n1\nAAAA\n"])
def test_a_text_that_is_no_checkpoint_is_refused(text: str) -> None:
    """A checkpoint is three lines or more, with a size without leading zeroes and a root in base64."""
    with pytest.raises(LedgerTampered):
        Checkpoint.parse(text)


def test_a_vkey_of_another_kind_is_refused(signer: Signer) -> None:
    """A verifier key whose id does not fit, or whose type is not Ed25519, is refused."""
    name, key_id, encoded = signer.vkey.split("+", 2)
    for vkey in (f"{name}x+{key_id}+{encoded}", f"{name}+{key_id}+{encoded[:-4]}"):
        with pytest.raises(LedgerTampered):
            VerifierKey.parse(vkey)


@pytest.mark.parametrize("vkey", ["", "name", "name+00000000+AAAA", "+00000000+", "name+zz+AQ==", "n+00000000+!!"])
def test_verifier_keys_that_are_none_are_refused(vkey: str) -> None:
    """Both readers refuse what is not a vkey."""
    with pytest.raises(LedgerTampered):
        VerifierKey.parse(vkey)
    with pytest.raises(RefusedError):
        verifier.open_note("text\n\n— name AAAAAAAA\n", vkey)


def test_another_ledgers_checkpoint_is_refused(signer: Signer) -> None:
    """A well signed note is no checkpoint of this ledger with another origin, or a root that is no hash."""
    keys = [VerifierKey.parse(signer.vkey)]
    good = Checkpoint(origin=signer.name, size=5, root=bytes(32))
    assert open_checkpoint(sign_checkpoint(good, signer), keys, origin=signer.name) == good
    for bad in (
        Checkpoint(origin="elsewhere", size=5, root=bytes(32)),
        Checkpoint(origin=signer.name, size=5, root=bytes(31)),
    ):
        with pytest.raises(LedgerTampered):
            open_checkpoint(sign_checkpoint(bad, signer), keys, origin=signer.name)
    with pytest.raises(RefusedError):
        verifier.open_checkpoint(
            sign_checkpoint(Checkpoint(origin="elsewhere", size=5, root=bytes(32)), signer), signer.vkey
        )


def test_a_size_beyond_all_ledgers_is_refused() -> None:
    """A size that no database could number is not a checkpoint's."""
    with pytest.raises(LedgerTampered):
        Checkpoint.parse(f"o\n{2**63}\n{base64.b64encode(bytes(32)).decode()}\n")


def test_a_proof_that_is_none_is_unreadable(signer: Signer) -> None:
    """Text that is not a .tlog-proof is refused before its parts are read."""
    note = sign_checkpoint(Checkpoint(origin=signer.name, size=1, root=bytes(32)), signer)
    for text in (
        "",
        "c2sp.org/tlog-proof@v1\nindex 0\n\n" + note,
        "c2sp.org/tlog-proof@v1\nextra AA==\nindex 00\n\n" + note,
    ):
        with pytest.raises(RefusedError) as refused:
            verify_proof(text, signer.vkey)
        assert refused.value.args == (Found.UNREADABLE,)
