"""The witness over HTTP: the protocol's addresses, statuses and types, and a memory that never goes back."""

from __future__ import annotations

import asyncio
import hashlib
import sqlite3
import stat
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from sottovoce.domain.confidential import Confidential
from sottovoce.errors import LedgerUnavailable
from sottovoce.ledger.checkpoint import Checkpoint, sign_checkpoint
from sottovoce.ledger.cosignature import Ed25519Cosigner
from sottovoce.ledger.merkle import consistency_proof, leaf_hash, merkle_tree_hash
from sottovoce.ledger.note import Signer, VerifierKey, open_note
from sottovoce.ledger.proof import GrowthProof
from sottovoce.ledger.witness import Seen, Witness
from sottovoce.service.witness import MAX_BODY, SqliteWitnessMemory, WitnessApp

LEAVES = [leaf_hash(bytes([number])) for number in range(40)]


@pytest.fixture
def cosigner() -> Ed25519Cosigner:
    key = Confidential(Ed25519PrivateKey.from_private_bytes(bytes(32)))
    return Ed25519Cosigner(name="witness.example/w1", key=key)


@pytest.fixture
def memory(tmp_path: Path) -> SqliteWitnessMemory:
    return SqliteWitnessMemory(tmp_path / "seen.sqlite")


@pytest.fixture
def witness(signer: Signer, cosigner: Ed25519Cosigner, memory: SqliteWitnessMemory, clock: Any) -> Witness:
    keys = {signer.name: [VerifierKey.parse(signer.vkey)]}
    return Witness(cosigners=[cosigner], logs=keys, memory=memory, clock=clock)


@pytest.fixture
def ask(witness: Witness) -> Callable[..., httpx.Response]:
    async def asked(method: str, path: str, content: Any = None) -> httpx.Response:
        transport = httpx.ASGITransport(app=WitnessApp(witness))  # type: ignore[arg-type]
        async with httpx.AsyncClient(transport=transport, base_url="http://witness") as client:
            return await client.request(method, path, content=content)

    return lambda method, path, content=None: asyncio.run(asked(method, path, content))


def body(signer: Signer, old: int, size: int) -> bytes:
    note = sign_checkpoint(Checkpoint(origin=signer.name, size=size, root=merkle_tree_hash(LEAVES[:size])), signer)
    hashes = consistency_proof(old, LEAVES[:size]) if old else ()
    return GrowthProof(old=old, hashes=hashes, checkpoint=note).text.encode()


def test_a_checkpoint_is_cosigned_and_served(
    ask: Callable[..., httpx.Response], signer: Signer, cosigner: Ed25519Cosigner
) -> None:
    """POST /add-checkpoint answers the signature line; monitors then get the note under the origin's hash."""
    monitored = f"/{hashlib.sha256(signer.name.encode()).hexdigest()}/checkpoint"
    assert ask("GET", monitored).status_code == 404
    answer = ask("POST", "/add-checkpoint", body(signer, 0, 7))
    assert (answer.status_code, answer.text.count("\n")) == (200, 1)
    assert answer.text.startswith("— witness.example/w1 ")
    conflict = ask("POST", "/add-checkpoint", body(signer, 0, 9))
    assert (conflict.status_code, conflict.text, conflict.headers["content-type"]) == (409, "7\n", "text/x.tlog.size")
    served = ask("GET", monitored)
    assert open_note(served.text, [cosigner.key]).text.split("\n")[1] == "7"
    assert served.headers["content-type"] == "text/plain; charset=utf-8"
    assert ask("GET", "/keys").text == f"{cosigner.key}\n"


def test_other_addresses_and_methods_are_refused(ask: Callable[..., httpx.Response], signer: Signer) -> None:
    """405 for a known address asked wrongly, 404 for others, 400 and 413 for bodies that are no request."""
    assert ask("GET", "/add-checkpoint").status_code == 405
    assert ask("POST", "/keys").status_code == 405
    assert ask("POST", f"/{'0' * 64}/checkpoint").status_code == 405
    assert ask("GET", f"/{'G' * 64}/checkpoint").status_code == 404
    assert ask("GET", "/").status_code == 404
    assert ask("POST", "/add-checkpoint", b"").status_code == 400
    assert ask("POST", "/add-checkpoint", bytes(MAX_BODY + 1)).status_code == 413


def test_a_client_that_goes_away_is_no_request(witness: Witness) -> None:
    """A body that breaks off is not judged."""
    sent: list[Any] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.disconnect"}

    async def send(message: Any) -> None:
        sent.append(message)

    asyncio.run(WitnessApp(witness)({"type": "http", "method": "POST", "path": "/add-checkpoint"}, receive, send))
    assert sent[0]["status"] == 413
    asyncio.run(WitnessApp(witness)({"type": "lifespan"}, receive, send))
    assert len(sent) == 2


def test_memory_outlives_the_process_and_is_private(
    memory: SqliteWitnessMemory, witness: Witness, signer: Signer, tmp_path: Path
) -> None:
    """What was cosigned is there for the next process, in a file of the owner's alone."""
    assert witness.add_checkpoint(body(signer, 0, 7)).status == 200
    again = SqliteWitnessMemory(tmp_path / "seen.sqlite")
    seen = again.last(signer.name)
    assert seen is not None
    assert (seen.size, seen.root, again.origins()) == (7, merkle_tree_hash(LEAVES[:7]), (signer.name,))
    assert stat.S_IMODE((tmp_path / "seen.sqlite").stat().st_mode) == 0o600


def test_of_many_at_once_one_wins(memory: SqliteWitnessMemory) -> None:
    """Compare and set is one step: of sixteen that saw the same, one replaces it."""
    first = Seen(size=1, root=bytes(32), note="n\n", time=1)
    assert memory.replace("log", None, first)
    later = [Seen(size=2 + n, root=bytes(32), note="n\n", time=1) for n in range(16)]
    with ThreadPoolExecutor(8) as pool:
        won = list(pool.map(lambda each: memory.replace("log", first, each), later))
    assert sum(won) == 1
    assert memory.last("log") == later[won.index(True)]


def test_requests_at_once_never_roll_back(witness: Witness, signer: Signer, memory: SqliteWitnessMemory) -> None:
    """Whatever order requests of many sizes come in, the size seen only grows, and none is lost to an error."""
    sizes: list[int] = []

    def push(size: int) -> int:
        old = 0
        while old <= size:
            answer = witness.add_checkpoint(body(signer, old, size))
            if answer.status != 409:
                seen = memory.last(signer.name)
                sizes.append(seen.size if seen else 0)
                return answer.status
            old = int(answer.body)
        return 409

    with ThreadPoolExecutor(6) as pool:
        assert set(pool.map(push, range(1, 31))) <= {200, 409}
    seen = memory.last(signer.name)
    assert seen is not None
    assert seen.size == max(sizes) == 30


def test_a_memory_that_fails_is_no_answer(
    ask: Callable[..., httpx.Response], memory: SqliteWitnessMemory, signer: Signer, tmp_path: Path
) -> None:
    """Without its memory the witness cosigns nothing: 503, and the failure quotes nothing."""
    with sqlite3.connect(tmp_path / "seen.sqlite") as connection:
        connection.execute("DROP TABLE seen")
    connection.close()
    assert ask("POST", "/add-checkpoint", body(signer, 0, 7)).status_code == 503
    with pytest.raises(LedgerUnavailable) as failed:
        memory.last(signer.name)
    assert failed.value.__cause__ is None
