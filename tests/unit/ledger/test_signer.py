"""The log key's file: its owner's alone, apart from data keys, never replaced."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from sottovoce.domain.confidential import Confidential
from sottovoce.errors import LedgerTampered, WorkspaceError
from sottovoce.ledger.note import VerifierKey, open_note, sign_note
from sottovoce.ledger.signer import create_log_key, load_log_key

NAME = "ledger.example/test"


@pytest.mark.parametrize("passphrase", [None, Confidential("a passphrase")])
def test_a_log_key_is_created_once_and_loaded(tmp_path: Path, passphrase: Confidential[str] | None) -> None:
    """A new key signs what its published vkey verifies, and so does the key loaded from its file."""
    path = tmp_path / "log.key"
    made = create_log_key(path, name=NAME, passphrase=passphrase)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    loaded = load_log_key(path, name=NAME, passphrase=passphrase)
    assert (loaded.vkey, loaded.name) == (made.vkey, NAME)
    note = sign_note("text\n", loaded)
    assert open_note(note, [VerifierKey.parse(made.vkey)]).text == "text\n"
    with pytest.raises(WorkspaceError):
        create_log_key(path, name=NAME)


def test_a_wrapped_key_needs_its_passphrase(tmp_path: Path) -> None:
    """Without the passphrase, or with another, the key does not unlock, and the file does not hold it in the clear."""
    path = tmp_path / "log.key"
    create_log_key(path, name=NAME, passphrase=Confidential("right"))
    assert b"ENCRYPTED" in path.read_bytes()
    for wrong in (None, Confidential("wrong")):
        with pytest.raises(WorkspaceError):
            load_log_key(path, name=NAME, passphrase=wrong)


def test_unsafe_and_foreign_key_files_are_refused(tmp_path: Path) -> None:
    """A file that is missing, readable by others, or holds another kind of key is refused."""
    path = tmp_path / "log.key"
    with pytest.raises(WorkspaceError):
        load_log_key(path, name=NAME)
    create_log_key(path, name=NAME)
    path.chmod(0o640)
    with pytest.raises(WorkspaceError):
        load_log_key(path, name=NAME)
    other = X25519PrivateKey.generate().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    path.write_bytes(other)
    path.chmod(0o600)
    with pytest.raises(WorkspaceError):
        load_log_key(path, name=NAME)


def test_a_name_that_breaks_notes_is_refused(tmp_path: Path) -> None:
    """A key's name has no spaces and no plus, and is not written when it has."""
    with pytest.raises(LedgerTampered):
        create_log_key(tmp_path / "log.key", name="with space")
    assert not (tmp_path / "log.key").exists()
