"""A receipt: what an inbox did with an upload, as a C2SP signed note that its contributor keeps.

It holds the upload's id, the SHA-256 of the bytes that were sent, and codes; nothing of the recording.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from sottovoce.errors import InboxUntrusted, LedgerTampered
from sottovoce.ledger.note import Signer, VerifierKey, open_note, sign_note

_TITLE: Final = "sottovoce upload receipt v1"
_FORM: Final = re.compile(
    re.escape(_TITLE) + r"\ninbox ([^\s]+)\nupload ([0-9a-f]{32})\ndigest ([0-9a-f]{64})\nstate ([a-z]+)( [A-Z_]+)?"
    r"\nat ([0-9T:+-]+)\n"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Receipt:
    """`state` is `accepted`, `refused` (with a reason), `destroyed` or `archived`."""

    inbox: str
    upload: str
    digest: str
    state: str
    reason: str | None
    at: datetime


def write_receipt(receipt: Receipt, signer: Signer) -> str:
    """The signed note."""
    state = receipt.state if receipt.reason is None else f"{receipt.state} {receipt.reason}"
    at = receipt.at.astimezone(UTC).isoformat(timespec="seconds")
    text = (
        f"{_TITLE}\ninbox {receipt.inbox}\nupload {receipt.upload}\ndigest {receipt.digest}\nstate {state}\nat {at}\n"
    )
    return sign_note(text, signer)


def read_receipt(note: str, *, vkey: str) -> Receipt:
    """The receipt of a note this key signed. InboxUntrusted otherwise."""
    try:
        text = open_note(note, [VerifierKey.parse(vkey)]).text
    except LedgerTampered:
        raise InboxUntrusted("a receipt is not signed by the inbox", hint="fetch it again") from None
    found = _FORM.fullmatch(text)
    if found is None:
        raise InboxUntrusted("a receipt is not of a form that is known")
    inbox, upload, digest, state, reason, at = found.groups()
    said = reason.strip() if reason else None
    return Receipt(inbox=inbox, upload=upload, digest=digest, state=state, reason=said, at=datetime.fromisoformat(at))
