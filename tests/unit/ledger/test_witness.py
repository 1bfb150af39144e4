"""A witness, and those who collect from it, as c2sp.org/tlog-witness describes them."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sqlalchemy import Engine

from sottovoce.database.engine import open_engine
from sottovoce.database.migrate import upgrade
from sottovoce.domain.confidential import Confidential
from sottovoce.errors import LedgerUnavailable
from sottovoce.ledger.checkpoint import Checkpoint, sign_checkpoint
from sottovoce.ledger.collect import WitnessAt, Witnesses
from sottovoce.ledger.cosignature import Ed25519Cosigner
from sottovoce.ledger.ledger import Ledger
from sottovoce.ledger.merkle import EMPTY_ROOT, consistency_proof, leaf_hash, merkle_tree_hash
from sottovoce.ledger.note import Signer, VerifierKey, open_note
from sottovoce.ledger.proof import GrowthProof, cosigners
from sottovoce.ledger.witness import Answer, Seen, Witness

LEAVES = [leaf_hash(bytes([number])) for number in range(40)]
W1 = "witness.example/w1"


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    """The embedded database: what is asked here is the same on every one."""
    made = open_engine("sqlite:registry.sqlite", base=tmp_path)
    upgrade(made)
    yield made
    made.dispose()


class Memory:
    """What a witness saw, in this process."""

    def __init__(self) -> None:
        self.seen: dict[str, Seen] = {}

    def last(self, origin: str) -> Seen | None:
        return self.seen.get(origin)

    def replace(self, origin: str, before: Seen | None, now: Seen) -> bool:
        if self.seen.get(origin) != before:
            return False
        self.seen[origin] = now
        return True

    def origins(self) -> tuple[str, ...]:
        return tuple(self.seen)


def a_cosigner(seed: int = 9, name: str = W1) -> Ed25519Cosigner:
    return Ed25519Cosigner(name=name, key=Confidential(Ed25519PrivateKey.from_private_bytes(bytes([seed]) * 32)))


class Asked:
    """A witness of one log, and requests to it."""

    def __init__(self, log: Signer, clock: Callable[[], Any]) -> None:
        self.log = log
        self.memory = Memory()
        self.cosigner = a_cosigner()
        keys = {log.name: [VerifierKey.parse(log.vkey)]}
        self.witness = Witness(cosigners=[self.cosigner], logs=keys, memory=self.memory, clock=clock)

    def note(self, size: int, leaves: Sequence[bytes] = LEAVES, *, signer: Signer | None = None, **changes: Any) -> str:
        members = {"origin": self.log.name, "size": size, "root": merkle_tree_hash(leaves[:size]), **changes}
        return sign_checkpoint(Checkpoint(**members), signer or self.log)

    def body(self, old: int, size: int, leaves: Sequence[bytes] = LEAVES) -> bytes:
        hashes = consistency_proof(old, leaves[:size]) if old else ()
        return GrowthProof(old=old, hashes=hashes, checkpoint=self.note(size, leaves)).text.encode()

    def add(self, old: int, size: int, leaves: Sequence[bytes] = LEAVES) -> Answer:
        return self.witness.add_checkpoint(self.body(old, size, leaves))


@pytest.fixture
def asked(signer: Signer, clock: Any) -> Asked:
    return Asked(signer, clock)


def test_growth_is_cosigned(asked: Asked, clock: Any) -> None:
    """From nothing, further, the same size again: each time its cosignature with the time, which verifies."""
    for old, size in ((0, 7), (7, 20), (20, 20), (20, 21)):
        answer = asked.add(old, size)
        assert answer.status == 200
        assert open_note(asked.note(size) + answer.body, [asked.cosigner.key]).verified == (W1,)
        assert (asked.memory.seen[asked.log.name].size, asked.memory.seen[asked.log.name].time) == (
            size,
            int(clock().timestamp()),
        )


def test_an_empty_log_is_cosigned_with_its_only_root(asked: Asked) -> None:
    """Size zero has the hash of the empty string, or is refused."""
    wrong = GrowthProof(old=0, hashes=(), checkpoint=asked.note(0, root=bytes(32)))
    assert asked.witness.add_checkpoint(wrong.text.encode()).status == 422
    assert asked.memory.seen == {}
    right = GrowthProof(old=0, hashes=(), checkpoint=asked.note(0, root=EMPTY_ROOT))
    assert asked.witness.add_checkpoint(right.text.encode()).status == 200
    assert asked.add(0, 3).status == 200


def test_another_old_size_is_a_conflict_with_the_size_seen(asked: Asked) -> None:
    """409, the size in decimal with a newline, and the specification's content type; first nothing was seen."""
    answer = asked.add(5, 7)
    assert (answer.status, answer.body, answer.content_type) == (409, "0\n", "text/x.tlog.size")
    asked.add(0, 7)
    for old in (0, 6):
        answer = asked.add(old, 9)
        assert (answer.status, answer.body, answer.content_type) == (409, "7\n", "text/x.tlog.size")
    assert asked.memory.seen[asked.log.name].size == 7


def test_a_request_that_lost_the_race_is_a_conflict(asked: Asked) -> None:
    """Where another request got in between look-up and replacement, nothing is rolled back."""
    asked.add(0, 3)
    honest = asked.memory.replace

    def raced(origin: str, before: Seen | None, now: Seen) -> bool:
        asked.memory.replace = honest  # type: ignore[method-assign]
        assert asked.add(3, 9).status == 200
        return honest(origin, before, now)

    asked.memory.replace = raced  # type: ignore[method-assign]
    answer = asked.add(3, 5)
    assert (answer.status, answer.body) == (409, "9\n")
    assert asked.memory.seen[asked.log.name].size == 9


def test_what_does_not_prove_growth_is_refused(asked: Asked) -> None:
    """422 for another root of the same size, a proof of another history, one too many or too few hashes."""
    asked.add(0, 7)
    forged = [leaf_hash(b"forged"), *LEAVES[1:]]
    unneeded = GrowthProof(old=7, hashes=(bytes(32),), checkpoint=asked.note(7)).text.encode()
    missing = GrowthProof(old=7, hashes=(), checkpoint=asked.note(9)).text.encode()
    for body in (asked.body(7, 7, forged), asked.body(7, 9, forged), unneeded, missing):
        assert asked.witness.add_checkpoint(body).status == 422
    fresh = Asked(asked.log, lambda: None)
    from_nothing = GrowthProof(old=0, hashes=(bytes(32),), checkpoint=asked.note(7)).text.encode()
    assert fresh.witness.add_checkpoint(from_nothing).status == 422
    assert asked.memory.seen[asked.log.name].root == merkle_tree_hash(LEAVES[:7])


def test_unknown_logs_and_signatures_are_refused(asked: Asked, make_signer: Callable[..., Signer]) -> None:
    """404 for an origin it was not told of; 403 without a trusted signature, or with a false one."""
    stranger = make_signer(3, name="other.example/log")
    body = GrowthProof(old=0, hashes=(), checkpoint=asked.note(3, signer=stranger, origin=stranger.name))
    assert asked.witness.add_checkpoint(body.text.encode()).status == 404
    imposter = GrowthProof(old=0, hashes=(), checkpoint=asked.note(3, signer=make_signer(3)))
    assert asked.witness.add_checkpoint(imposter.text.encode()).status == 403
    note = asked.note(3)
    line = note.rpartition(" ")[2].strip()
    raw = bytearray(base64.b64decode(line))
    raw[-1] ^= 1
    false = note.replace(line, base64.b64encode(raw).decode())
    assert asked.witness.add_checkpoint(f"old 0\n\n{false}".encode()).status == 403
    # A signature of an unknown key beside the good one is passed over.
    extra = f"{note}— someone.example {base64.b64encode(bytes(70)).decode()}\n"
    assert asked.witness.add_checkpoint(f"old 0\n\n{extra}".encode()).status == 200


def test_malformed_requests_are_refused(asked: Asked) -> None:
    """400 for what is not the format, for roots that are no hash, and for an old size beyond the checkpoint's."""
    note = asked.note(3)
    hashed = base64.b64encode(bytes(32)).decode()
    bodies = [
        b"",
        b"\xff",
        b"old 0\n\n",
        note.encode(),
        f"old 0\n{note}".encode(),
        f"old 00\n\n{note}".encode(),
        f"old -1\n\n{note}".encode(),
        f"old\n\n{note}".encode(),
        f"old 0 \n\n{note}".encode(),
        f"OLD 0\n\n{note}".encode(),
        f"old 0\r\n\r\n{note}".encode(),
        f"old 1\n{hashed[:-1]}\n\n{note}".encode(),
        f"old 1\nAAAA\n\n{note}".encode(),
        ("old 1\n" + f"{hashed}\n" * 64 + f"\n{note}").encode(),
        f"old 4\n\n{note}".encode(),
        f"old 0\n\n{note[:-1]}".encode(),
        f"old 0\n\n{asked.note(3, root=bytes(31))}".encode(),
        f"old 0\n\n{note.replace(hashed[:1], chr(7), 1)}".encode(),
    ]
    assert [asked.witness.add_checkpoint(body).status for body in bodies] == [400] * len(bodies)
    assert asked.memory.seen == {}


def test_sixty_three_hashes_are_read(asked: Asked) -> None:
    """As many lines as a client may send are judged, and not malformed."""
    asked.add(0, 1)
    body = GrowthProof(old=1, hashes=(bytes(32),) * 63, checkpoint=asked.note(3)).text.encode()
    assert asked.witness.add_checkpoint(body).status == 422


def test_times_never_go_back(asked: Asked, clock: Any) -> None:
    """Where the clock was set back, a cosignature is not older than the one before."""
    asked.add(0, 3)
    before = asked.memory.seen[asked.log.name].time
    clock.pass_(-3600)
    assert asked.add(3, 4).status == 200
    assert asked.memory.seen[asked.log.name].time == before


def test_monitors_are_given_the_last_checkpoint(asked: Asked) -> None:
    """By the hash of its origin: with the log's signature and the witness's, and no others; 404 before."""
    origin_hash = hashlib.sha256(asked.log.name.encode()).hexdigest()
    assert asked.witness.checkpoint(origin_hash).status == 404
    extra = f"{asked.note(3)}— someone.example {base64.b64encode(bytes(70)).decode()}\n"
    asked.witness.add_checkpoint(f"old 0\n\n{extra}".encode())
    answer = asked.witness.checkpoint(origin_hash)
    opened = open_note(answer.body, [VerifierKey.parse(asked.log.vkey), asked.cosigner.key])
    assert (answer.status, set(opened.verified), opened.unverified) == (200, {asked.log.name, W1}, ())
    assert asked.witness.checkpoint("0" * 64).status == 404


class Wire:
    """Carries requests to witnesses in this process, by URL; a missing one does not answer."""

    def __init__(self, **witnesses: Witness) -> None:
        self.witnesses = witnesses
        self.sent: list[str] = []

    def __call__(self, url: str, body: bytes) -> tuple[int, bytes]:
        self.sent.append(body.decode().partition("\n")[0])
        name = url.removeprefix("https://").removesuffix("/add-checkpoint")
        if name not in self.witnesses:
            raise LedgerUnavailable("a witness does not answer")
        answer = self.witnesses[name].add_checkpoint(body)
        return answer.status, answer.body.encode()


@pytest.fixture
def two(signer: Signer, clock: Any) -> tuple[Wire, list[WitnessAt]]:
    keys = {signer.name: [VerifierKey.parse(signer.vkey)]}
    cosigned = {name: a_cosigner(seed, f"witness.example/{name}") for name, seed in (("a", 5), ("b", 6))}
    made = {name: Witness(cosigners=[each], logs=keys, memory=Memory(), clock=clock) for name, each in cosigned.items()}
    return Wire(**made), [WitnessAt(url=f"https://{name}/", key=each.key) for name, each in cosigned.items()]


def test_checkpoints_are_cosigned_before_they_are_anchored(
    ledger: Ledger, engine: Any, signer: Signer, clock: Any, an_entry: Any, two: Any
) -> None:
    """A ledger's checkpoint carries the cosignatures of its witnesses; each is sent a proof from what it saw."""
    wire, places = two
    witnesses = Witnesses(of=places, post=wire)
    ledger = Ledger(engine=engine, signer=signer, origin=signer.name, clock=clock, witnesses=witnesses)
    for count in (3, 4):
        ledger.record([an_entry() for _ in range(count)])
        note = ledger.checkpoint()
        assert cosigners(note, [each.key for each in places]) == tuple(each.key for each in places)
        assert ledger.checkpoints()[-1] == note == ledger.checkpoint()
    assert wire.sent == ["old 0", "old 0", "old 3", "old 3"]
    # Another process knows of no size: it is told by the witness.
    other = Ledger(
        engine=engine, signer=signer, origin=signer.name, clock=clock, witnesses=Witnesses(of=places, post=wire)
    )
    other.record([an_entry()])
    other.checkpoint()
    assert wire.sent[4:] == ["old 0", "old 7", "old 0", "old 7"]
    assert other.verify().found.value == "ok"


def test_k_of_n_witnesses_must_cosign(engine: Any, signer: Signer, clock: Any, an_entry: Any, two: Any) -> None:
    """With one of two needed one may be silent; with both needed the checkpoint does not count, and is offered again."""
    wire, places = two
    silent = Wire(a=wire.witnesses["a"])
    ledger = Ledger(
        engine=engine,
        signer=signer,
        origin=signer.name,
        clock=clock,
        witnesses=Witnesses(of=places, post=silent, needed=1),
    )
    ledger.record([an_entry()])
    assert len(cosigners(ledger.checkpoint(), [each.key for each in places])) == 1
    strict = Ledger(
        engine=engine, signer=signer, origin=signer.name, clock=clock, witnesses=Witnesses(of=places, post=silent)
    )
    strict.record([an_entry()])
    with pytest.raises(LedgerUnavailable):
        strict.checkpoint()
    silent.witnesses["b"] = wire.witnesses["b"]
    assert len(cosigners(strict.checkpoint(), [each.key for each in places])) == 2


def test_answers_that_are_no_cosignature_are_refused(asked: Asked) -> None:
    """Another witness's lines, junk, impossible sizes and sizes beyond ours do not count."""
    place = WitnessAt(url="https://a", key=asked.cosigner.key)
    other = Asked(asked.log, asked.witness._clock)
    other.witness.cosigners = (a_cosigner(7),)
    cases: list[tuple[int, bytes]] = [
        (200, b""),
        (200, b"\xff"),
        (200, other.add(0, 3).body.encode()),
        (409, b"three\n"),
        (409, b"9\n"),
        (409, b"2\n"),
        (500, b""),
    ]
    for case in cases:
        witnesses = Witnesses(of=[place], post=lambda _url, _body, case=case: case)
        with pytest.raises(LedgerUnavailable):
            witnesses.cosign(asked.note(3), prove=lambda old, new: consistency_proof(old, LEAVES[:new]) if old else ())
