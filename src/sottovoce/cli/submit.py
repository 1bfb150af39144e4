"""`sottovoce submit`: recordings of one's own, encrypted here and sent to an inbox. Needs no workspace."""

from __future__ import annotations

import os
import sys
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from sottovoce.cli.output import AsJson, answer, bar, complain, facts, say, table
from sottovoce.errors import CredentialInvalid, SottovoceError, UploadError
from sottovoce.uploads.credential import read_credential
from sottovoce.uploads.deliver import open_dropbox
from sottovoce.uploads.details import DEVICES
from sottovoce.uploads.outbox import Outbox, Sent, default_home
from sottovoce.uploads.published import PublishedInbox
from sottovoce.uploads.submit import Statement, Submitter, collect_receipts

HOME_VARIABLE = "SOTTOVOCE_UPLOADS"
Device = StrEnum("Device", {name: name for name in sorted(DEVICES)})  # type: ignore[misc]
"""What Typer offers; nothing finer leaves the contributor's machine."""


def submit(
    files: Annotated[list[Path] | None, typer.Argument(help="Recordings to send.", exists=True, dir_okay=False)] = None,
    *,
    inbox: Annotated[Path, typer.Option(help="The inbox's description, `inbox.json`.", exists=True, dir_okay=False)],
    credential: Annotated[
        Path | None, typer.Option(help="Your credential, as you received it.", exists=True, dir_okay=False)
    ] = None,
    agree: Annotated[bool, typer.Option("--agree", help="I agree to the inbox's wording, which I have read.")] = False,
    language: Annotated[str | None, typer.Option(help="What is spoken, such as en-US.")] = None,
    device: Annotated[Device | None, typer.Option(help="What it was recorded with.")] = None,
    reference: Annotated[str | None, typer.Option(help="A note of your own; the inbox keeps it nowhere.")] = None,
    pin: Annotated[str | None, typer.Option(help="The inbox's pin, as its keeper told you.")] = None,
    home: Annotated[
        Path | None, typer.Option(envvar=HOME_VARIABLE, help="Your folder of receipts and what is on its way.")
    ] = None,
    receipts: Annotated[bool, typer.Option("--receipts", help="Fetch receipts for what was sent before.")] = False,
    as_json: AsJson = False,
) -> None:
    """Encrypt recordings to an inbox and send them. The same file twice is one upload."""
    outbox = Outbox(home=home or default_home(), random=os.urandom)
    described = outbox.trust(inbox.read_bytes(), pin=pin)
    if receipts:
        _receipts(outbox, described, as_json=as_json)
        return
    if not files or credential is None:
        raise typer.BadParameter("name files to send and your --credential, or ask for --receipts")
    _agreed(described, agree=agree)
    submitter = _submitter(described, credential, outbox)
    said = Statement(
        agreed_on=_now().date(), language=language, device=device.value if device else None, reference=reference
    )
    sent, failed = _send(submitter, files, said, quiet=as_json)
    if as_json:
        answer({"sent": [_described(each, now) for each, now in sent], "failed": failed})
    else:
        table(
            "Sent",
            ("upload", "file", "bytes", "state"),
            [(each.upload, each.file, each.size, "sent" if now else "sent before") for each, now in sent],
        )
        for name, code in failed.items():
            complain(code, f"{name} was not sent", "try again: what was sent is not sent twice")
    if failed:
        raise typer.Exit(UploadError.exit_code)


def _agreed(inbox: PublishedInbox, *, agree: bool) -> None:
    """Consent is given by a person who saw the words, or not at all."""
    if agree:
        return
    say(f"Wording {inbox.wording_version}, in force from {inbox.wording_effective}:\n\n{inbox.wording}\n")
    if not sys.stdin.isatty() or not typer.confirm("Do you agree?"):
        raise CredentialInvalid("nothing was sent: the wording was not agreed to", hint="read it, then use --agree")


def _submitter(inbox: PublishedInbox, credential: Path, outbox: Outbox) -> Submitter:
    given = read_credential(credential.read_bytes()).required(inbox=inbox.inbox, now=_now())
    return Submitter(
        inbox=inbox,
        credential=given,
        dropbox=open_dropbox(given),
        outbox=outbox,
        clock=_now,
        random=os.urandom,
    )


def _send(
    submitter: Submitter, files: list[Path], said: Statement, *, quiet: bool
) -> tuple[list[tuple[Sent, bool]], dict[str, str]]:
    """What was sent, and codes of what was not; one that fails keeps none of the others."""
    sent: list[tuple[Sent, bool]] = []
    failed: dict[str, str] = {}
    with bar(quiet=quiet) as progress:
        sending = progress.add_task("encrypting and sending", total=len(files))
        for file in files:
            try:
                sent.append(submitter.submit(file, said))
            except SottovoceError as error:
                failed[file.name] = error.code
            progress.advance(sending)
    return sent, failed


def _receipts(outbox: Outbox, inbox: PublishedInbox, *, as_json: bool) -> None:
    found = collect_receipts(outbox, inbox)
    rows = [
        (each.upload, each.file, found[each.upload].state if each.upload in found else "waiting", _why(found, each))
        for each in outbox.all_sent()
        if each.inbox == inbox.inbox
    ]
    if as_json:
        answer([dict(zip(("upload", "file", "state", "reason"), row, strict=True)) for row in rows])
        return
    table("Receipts", ("upload", "file", "state", "reason"), rows)
    facts("Kept", {"receipts": len(found), "of": len(rows)})


def _why(found: object, sent: Sent) -> str:
    receipt = found.get(sent.upload) if isinstance(found, dict) else None
    return (receipt.reason or "") if receipt is not None else ""


def _described(sent: Sent, now: bool) -> dict[str, object]:
    return {
        "upload": sent.upload,
        "file": sent.file,
        "digest": sent.digest,
        "bytes": sent.size,
        "wording": sent.agreed_version,
        "sent_at": sent.sent_at.isoformat(timespec="seconds"),
        "now": now,
    }


def _now() -> datetime:
    return datetime.now(UTC)
