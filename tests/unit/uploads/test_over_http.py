"""Sending to signed addresses and fetching receipts, against a server that does as it is told."""

from __future__ import annotations

import base64
import hashlib
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from sottovoce.domain.confidential import Confidential
from sottovoce.errors import InboxUntrusted, StorageError, StorageRefused, UploadRefused
from sottovoce.ledger.note import sign_note
from sottovoce.ledger.signer import Ed25519Signer
from sottovoce.uploads.deliver import SignedDrop
from sottovoce.uploads.outbox import Outbox, Sent
from sottovoce.uploads.published import PublicKey, PublishedInbox
from sottovoce.uploads.receipts import Receipt, read_receipt, write_receipt
from sottovoce.uploads.submit import collect_receipts

LOCATION = "in/c-bcd/one.svup"
UPLOAD = "ab" * 16


@dataclass
class Told:
    """What the server answers to each request in turn, the last one for ever, and what it was sent."""

    answers: list[tuple[int, str, bytes]] = field(default_factory=lambda: [(200, "", b"")])
    asked: list[tuple[str, str | None, bytes]] = field(default_factory=list)
    url: str = ""


@pytest.fixture
def server() -> Iterator[Told]:
    told = Told()

    class Handler(BaseHTTPRequestHandler):
        def do_PUT(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            told.asked.append((self.path, self.headers["content-md5"], body))
            self._answer()

        def do_GET(self) -> None:
            told.asked.append((self.path, None, b""))
            self._answer()

        def _answer(self) -> None:
            status, etag, body = told.answers.pop(0) if len(told.answers) > 1 else told.answers[0]
            self.send_response(status)
            self.send_header("etag", etag)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            return

    running = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=running.serve_forever, daemon=True)
    thread.start()
    told.url = f"http://127.0.0.1:{running.server_address[1]}"
    yield told
    running.shutdown()
    running.server_close()
    thread.join()


def drop(told: Told) -> SignedDrop:
    return SignedDrop(addresses={LOCATION: f"{told.url}/one"}, prefix="in/c-bcd")


def test_what_is_put_carries_its_digest(server: Told) -> None:
    """The store can check what it keeps; its own mark is checked where it is one."""
    data = b"ciphertext"
    server.answers = [(200, f'"{hashlib.md5(data, usedforsecurity=False).hexdigest()}"', b"")]
    drop(server).put(LOCATION, data)
    ((path, digest, body),) = server.asked
    assert (path, body) == ("/one", data)
    assert digest == base64.b64encode(hashlib.md5(data, usedforsecurity=False).digest()).decode()


def test_a_store_in_trouble_is_asked_again(server: Told) -> None:
    """Too many requests, or none of its own fault: it is tried again, and the upload arrives once."""
    server.answers = [(503, "", b""), (429, "", b""), (200, "", b"")]
    drop(server).put(LOCATION, b"x")
    assert len(server.asked) == 3


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        ((403, "", b""), StorageRefused),
        ((400, "", b""), StorageError),
        ((200, '"' + "0" * 32 + '"', b""), StorageError),
    ],
)
def test_a_store_that_did_not_keep_it_is_named(server: Told, answer: tuple[int, str, bytes], error: type) -> None:
    """A refusal, a failure, another mark than the bytes have: none is taken for success, and no address is told."""
    server.answers = [answer]
    with pytest.raises(error) as failure:
        drop(server).put(LOCATION, b"x")
    assert server.url not in str(failure.value)


@pytest.fixture
def signer() -> Ed25519Signer:
    return Ed25519Signer(name="sottovoce.ledger/t", key=Confidential(Ed25519PrivateKey.generate()))


@pytest.fixture
def outbox(tmp_path: Path) -> Outbox:
    made = Outbox(home=tmp_path, random=bytes)
    made.remember(
        Sent(
            upload=UPLOAD,
            inbox="t/voices",
            contributor="c-bcd",
            location=LOCATION,
            digest="0" * 64,
            size=1,
            file="one.wav",
            agreed_version="w1",
            sent_at=datetime(2026, 1, 1, tzinfo=UTC),
        )
    )
    return made


def described(told: Told, signer: Ed25519Signer) -> PublishedInbox:
    return PublishedInbox(
        inbox="t/voices",
        keys=(PublicKey(public=bytes(32)),),
        wording="words",
        wording_version="w1",
        wording_effective=date(2026, 1, 1),
        max_bytes=1,
        published_at=datetime(2026, 1, 1, tzinfo=UTC),
        receipts=f"{told.url}/receipts/",
        vkey=signer.vkey,
    )


def noted(signer: Ed25519Signer, **changes: object) -> bytes:
    receipt = Receipt(
        inbox="t/voices",
        upload=UPLOAD,
        digest="0" * 64,
        state="accepted",
        reason=None,
        at=datetime(2026, 1, 2, tzinfo=UTC),
    )
    return write_receipt(replace(receipt, **changes), signer).encode()  # type: ignore[arg-type]


def test_receipts_are_fetched_and_kept(server: Told, signer: Ed25519Signer, outbox: Outbox) -> None:
    """What was fetched once stays, also when the server has it no more."""
    server.answers = [(200, "", noted(signer)), (404, "", b"")]
    inbox = described(server, signer)
    assert collect_receipts(outbox, inbox)[UPLOAD].state == "accepted"
    assert server.asked[0][0] == f"/receipts/{UPLOAD}.txt"
    assert collect_receipts(outbox, inbox)[UPLOAD].state == "accepted"


def test_receipts_that_are_not_the_inboxs_are_refused(server: Told, signer: Ed25519Signer, outbox: Outbox) -> None:
    """Another key's, another digest's, another form's: none is kept."""
    other = Ed25519Signer(name="sottovoce.ledger/t", key=Confidential(Ed25519PrivateKey.generate()))
    for body in (noted(other), noted(signer, digest="1" * 64), sign_note("hello\n", signer).encode(), b"junk"):
        server.answers = [(200, "", body)]
        with pytest.raises(InboxUntrusted):
            collect_receipts(outbox, described(server, signer))
    assert outbox.receipt(UPLOAD) is None
    with pytest.raises(InboxUntrusted):
        read_receipt(noted(other).decode(), vkey=signer.vkey)


@pytest.mark.parametrize("answer", [(500, "", b""), (200, "", b"x" * 20_000)])
def test_a_server_of_receipts_in_trouble_is_named(
    server: Told, signer: Ed25519Signer, outbox: Outbox, answer: tuple[int, str, bytes]
) -> None:
    """Nothing is believed of it, and nothing is lost."""
    server.answers = [answer]
    with pytest.raises(StorageError):
        collect_receipts(outbox, described(server, signer))


def test_an_inbox_without_receipts_says_so(server: Told, signer: Ed25519Signer, outbox: Outbox) -> None:
    """Its keeper hands them out in another way."""
    with pytest.raises(UploadRefused):
        collect_receipts(outbox, replace(described(server, signer), receipts=None))
