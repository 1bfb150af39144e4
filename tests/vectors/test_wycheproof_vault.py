"""Project Wycheproof, for what vault and ledger stand on: AES-GCM, HKDF-Expand-SHA-512, HMAC-SHA-256, Ed25519."""

from __future__ import annotations

import hashlib
import hmac
import json
from pathlib import Path

import pytest
from cryptography.exceptions import InvalidSignature, InvalidTag
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA512
from cryptography.hazmat.primitives.kdf.hkdf import HKDFExpand

BITS = 8


@pytest.fixture
def load(shared):
    def cases(name: str) -> list[tuple[dict, dict]]:
        document = json.loads((Path(shared) / "vectors" / "wycheproof" / name).read_text())
        found = [(group, test) for group in document["testGroups"] for test in group["tests"]]
        assert len(found) == document["numberOfTests"]
        return found

    return cases


def test_aes_gcm_opens_what_it_should_and_nothing_else(load):
    """289 of 316 cases as published; 27 ask for IV sizes that the library does not take, and we never use."""
    agreed, untaken = 0, 0
    for group, test in load("aes_gcm_test.json"):
        key, iv, aad, msg, ct, tag = (bytes.fromhex(test[n]) for n in ("key", "iv", "aad", "msg", "ct", "tag"))
        try:
            opened = AESGCM(key).decrypt(iv, ct + tag, aad)
        except InvalidTag:
            agreed += test["result"] == "invalid"
        except ValueError:
            assert not 64 <= group["ivSize"] <= 1024
            agreed += test["result"] == "invalid"
            untaken += test["result"] == "valid"
        else:
            agreed += test["result"] != "invalid" and opened == msg
            assert AESGCM(key).encrypt(iv, msg, aad) == ct + tag
    assert (agreed, untaken) == (289, 27)


def test_hkdf_expand_gives_the_published_keys_and_refuses_to_give_too_many(load):
    """83 cases; the three that ask for more than 255 blocks are refused."""
    agreed = 0
    for _, test in load("hkdf_sha512_test.json"):
        salt = bytes.fromhex(test["salt"]) or bytes(64)
        prk = hmac.new(salt, bytes.fromhex(test["ikm"]), hashlib.sha512).digest()
        try:
            okm = HKDFExpand(algorithm=SHA512(), length=test["size"], info=bytes.fromhex(test["info"])).derive(prk)
        except ValueError:
            agreed += test["result"] == "invalid"
        else:
            agreed += test["result"] == "valid" and okm.hex() == test["okm"]
    assert agreed == 83


def test_hmac_names_are_the_published_ones(load):
    """174 cases of the function that object names are made with."""
    agreed = 0
    for group, test in load("hmac_sha256_test.json"):
        made = hmac.new(bytes.fromhex(test["key"]), bytes.fromhex(test["msg"]), hashlib.sha256).digest()
        same = hmac.compare_digest(made[: group["tagSize"] // BITS], bytes.fromhex(test["tag"]))
        agreed += same == (test["result"] == "valid")
    assert agreed == 174


def test_ed25519_signatures_are_taken_and_refused_as_published(load):
    """151 cases of what checkpoints and certificates are signed with: malleable and malformed ones are refused."""
    agreed = 0
    for group, test in load("ed25519_test.json"):
        key = Ed25519PublicKey.from_public_bytes(bytes.fromhex(group["publicKey"]["pk"]))
        try:
            key.verify(bytes.fromhex(test["sig"]), bytes.fromhex(test["msg"]))
        except InvalidSignature:
            agreed += test["result"] == "invalid"
        else:
            agreed += test["result"] == "valid"
    assert agreed == 151
