"""Collects witnesses' cosignatures onto a checkpoint (the client's side of c2sp.org/tlog-witness).

Each witness is sent a proof from the size it last saw: from the size remembered here, and where that is wrong (409),
from the size it answers. Whatever it returns is verified under its own key; other lines are passed over.

It refuses a checkpoint that fewer than `needed` witnesses cosigned (LedgerUnavailable), and follows no redirects.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from sottovoce.errors import LedgerTampered, LedgerUnavailable
from sottovoce.ledger.checkpoint import Checkpoint
from sottovoce.ledger.cosignature import WitnessKey
from sottovoce.ledger.note import note_text, open_note, signature_lines
from sottovoce.ledger.proof import GrowthProof, cosigners
from sottovoce.ledger.signing import Prove

TIMEOUT_S = 10.0
MAX_ANSWER = 64 * 1024
_TRIES = 3
_SIZE = re.compile(r"(0|[1-9][0-9]{0,18})\n")

Post = Callable[[str, bytes], tuple[int, bytes]]
"""Sends a body to a URL and answers status and body; raises LedgerUnavailable when nobody answers."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WitnessAt:
    """A witness: its submission prefix, and its published key."""

    url: str
    key: WitnessKey


class Witnesses:
    """Several witnesses, of which `needed` must cosign: all of them unless said otherwise."""

    def __init__(self, *, of: Sequence[WitnessAt], post: Post, needed: int | None = None) -> None:
        self._witnesses = tuple(of)
        self._needed = len(self._witnesses) if needed is None else min(needed, len(self._witnesses))
        self._post = post
        self._sizes: dict[str, int] = {}

    def cosign(self, note: str, *, prove: Prove) -> str:
        """The note with a cosignature of every witness that gave one. Raises LedgerUnavailable when too few did.

        A note that has enough already comes back as it is.
        """
        keys = [each.key for each in self._witnesses]
        if len(cosigners(note, keys)) >= self._needed:
            return note
        refused = ""
        for witness in self._witnesses:
            if witness.key in cosigners(note, keys):
                continue
            try:
                note += self._ask(witness, note, prove)
            except LedgerUnavailable as failure:
                refused = str(failure)
        count = len(cosigners(note, keys))
        if count < self._needed:
            raise LedgerUnavailable(
                f"{count} of {len(keys)} witnesses cosigned, and {self._needed} must: {refused}",
                hint="the checkpoint is signed and kept; it is offered again next time",
            )
        return note

    def _ask(self, witness: WitnessAt, note: str, prove: Prove) -> str:
        now = Checkpoint.parse(note_text(note))
        old = self._sizes.get(witness.url, 0)
        for _ in range(_TRIES):
            body = GrowthProof(old=old, hashes=prove(old, now.size), checkpoint=note).text.encode()
            status, answer = self._post(f"{witness.url.rstrip('/')}/add-checkpoint", body)
            if status == 200:
                self._sizes[witness.url] = now.size
                return _cosignature(note, answer, witness.key)
            if status != 409:
                raise LedgerUnavailable(f"a witness refused ({status})")
            old = _size(answer)
            if old > now.size:
                raise LedgerUnavailable(f"a witness has seen {old} entries of this ledger, which has {now.size}")
        raise LedgerUnavailable("a witness keeps seeing another size")


def _cosignature(note: str, answer: bytes, key: WitnessKey) -> str:
    try:
        whole = note + answer.decode()
        open_note(whole, [key])
        return signature_lines(whole, [key])
    except (LedgerTampered, UnicodeDecodeError):
        raise LedgerUnavailable("a witness answered without its cosignature") from None


def _size(answer: bytes) -> int:
    match = _SIZE.fullmatch(answer.decode(errors="replace"))
    if match is None:
        raise LedgerUnavailable("a witness answered without the size it saw")
    return int(match[1])


def post(url: str, body: bytes) -> tuple[int, bytes]:
    """Over HTTP. Raises LedgerUnavailable, without the address, when nothing sensible comes back in ten seconds."""
    import httpx

    try:
        with httpx.stream("POST", url, content=body, timeout=TIMEOUT_S, follow_redirects=False) as response:
            answer = b""
            for piece in response.iter_bytes():
                answer += piece
                if len(answer) > MAX_ANSWER:
                    raise LedgerUnavailable("a witness answered too much")
            return response.status_code, answer
    except (httpx.HTTPError, httpx.InvalidURL) as failure:
        raise LedgerUnavailable(f"a witness does not answer ({type(failure).__name__})") from None
