"""`sottovoce demo`: the main job end to end on the sandbox's sample calls, in a workspace to look around in."""

from __future__ import annotations

import json
import shutil
import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from sottovoce.cli.batch import Item, Result
from sottovoce.cli.corpus import write_demographics
from sottovoce.cli.demo_flag import SECTIONS, Flagged, flag_one, new_secret
from sottovoce.cli.erase import remaining
from sottovoce.cli.init import make_workspace
from sottovoce.cli.output import AsJson, answer, bar, facts, say, span
from sottovoce.cli.run import drive, show
from sottovoce.cli.treat import RedactSettings, prepare_redaction, redact_file
from sottovoce.corpus.release import Release
from sottovoce.custody.erasure_report import ErasureReport
from sottovoce.custody.subject import ByCustomer
from sottovoce.domain.finding import Fill
from sottovoce.domain.outcome import OutcomeStatus
from sottovoce.errors import KeyShredded, WorkspaceError
from sottovoce.pipeline.run import Summary
from sottovoce.policy.model import Models, Redaction
from sottovoce.policy.template import demo_policy
from sottovoce.wiring.house import House

if TYPE_CHECKING:
    from sottovoce.sandbox.serve import Sandbox

MARK = ".sottovoce-demo"
CERTIFICATE = "erasure-certificate.note"
EXPORT = "ledger-export"
LISTEN = "listen"
GUILTY = "call-10.ogg"
"""A sample call whose agent asks for the security code while the recording runs."""
SANDBOX_RATE = 3000
"""Requests a minute: the sandbox is on this machine, so that nobody has to wait for a quota."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """What a demo came to, to be told to a person or a program."""

    summary: Summary
    release: Release
    samples: dict[str, int]
    erasure: ErasureReport
    unreadable: int
    ledger: str
    entries: int
    listen: tuple[str, ...]
    flagged: Flagged


def demo(
    into: Annotated[Path, typer.Option(help="The demo's workspace; an older demo there is replaced.")] = Path(
        "demo-workspace"
    ),
    *,
    workers: Annotated[int, typer.Option(min=1, help="Processes.")] = 2,
    as_json: AsJson = False,
) -> None:
    """Serve sample calls as Genesys Cloud would, release a corpus, flag a violation, erase a caller, prove it all."""
    from sottovoce.sandbox.faults import Faults
    from sottovoce.sandbox.serve import Sandbox

    _clear(into)
    with Sandbox(faults=Faults(transcoding_polls=1), rate_limit=SANDBOX_RATE) as sandbox:
        house = _furnish(into, sandbox)
        summary = drive(house, workers=workers, quiet=as_json)
        listen = _listen(into, sandbox, quiet=as_json)
        flagged = _flag(house, sandbox, quiet=as_json)
    shown = _after(into, house, summary, listen, flagged, quiet=as_json)
    if as_json:
        answer(_as_json(into, shown))
    else:
        _tell(into, house, shown)


def _clear(into: Path) -> None:
    """Replaces an older demo; never anything else."""
    if into.exists() and any(into.iterdir()):
        if not (into / MARK).is_file():
            raise WorkspaceError(f"{into} is not a demo's workspace", hint="choose another folder with --into")
        shutil.rmtree(into)
    into.mkdir(parents=True, exist_ok=True, mode=0o700)
    (into / MARK).touch()


def _furnish(into: Path, sandbox: Sandbox) -> House:
    """A workspace whose one source is the sandbox, with the sandbox's own well-known credentials in files."""
    for name, value in (("sandbox-id", sandbox.client_id), ("sandbox-secret", sandbox.client_secret)):
        (into / name).write_text(value, encoding="utf-8")
    new_secret(into)
    text = demo_policy(api_url=sandbox.api_url, media_host=sandbox.media_host) + SECTIONS
    return make_workspace(into, text=text, generate=True)


def _flag(house: House, sandbox: Sandbox, *, quiet: bool) -> Flagged:
    """One event through the intake, to a verdict and what followed."""
    with bar(quiet=quiet) as progress:
        task = progress.add_task("one event to a verdict", total=1)
        flagged = flag_one(house, sandbox, file=GUILTY)
        progress.advance(task)
    return flagged


def _after(
    into: Path, house: House, summary: Summary, listen: Sequence[Result], flagged: Flagged, *, quiet: bool
) -> Shown:
    """Release, erase, verify, export."""
    with bar(quiet=quiet) as progress:
        task = progress.add_task("release, erase, verify", total=4)
        made = house.corpus.releaser.release(actor=house.actor)
        write_demographics(house, made.version)
        progress.advance(task)
        erasure, unreadable = _erase(into, house, made.version)
        progress.advance(task)
        verdict = house.corpus.versions.verify(made.version)
        progress.advance(task)
        house.ledger.export(into / EXPORT)
        ledger = house.ledger.verify()
        progress.advance(task)
    return Shown(
        summary=summary,
        release=made,
        samples={condition.value: count for condition, count in verdict.counts.items() if count},
        erasure=erasure,
        unreadable=unreadable,
        ledger=ledger.found.value,
        entries=ledger.size,
        listen=tuple(r.target for r in listen if r.reason is None),
        flagged=flagged,
    )


def _erase(into: Path, house: House, version: str) -> tuple[ErasureReport, int]:
    """The caller with the most calls asks to be forgotten; answers how many of their samples no longer open."""
    theirs = _caller_with_most_calls(house)
    members = [i for i in house.registry.identities(version) if _token(house, i.recording) == theirs]
    report = house.eraser.erase(ByCustomer(token=theirs), requested_by="demo", why="GDPR_17")
    house.ledger.checkpoint()
    if report.certificate is not None:
        (into / CERTIFICATE).write_text(report.certificate, encoding="utf-8")
    return report, sum(_is_shut(house, member.corpus_id) for member in members)


def _caller_with_most_calls(house: House) -> str:
    sealed = [o for o in house.registry.outcomes(house.line.name) if o.status is OutcomeStatus.SEALED]
    callers = Counter(token for o in sealed if (token := _token(house, o.recording)))
    if not callers:
        raise WorkspaceError("the demo sealed no caller's recording", hint="see the logs in the demo's workspace")
    return callers.most_common(1)[0][0]


def _token(house: House, key: str) -> str | None:
    return house.registry.recall(key)[1].customer_token


def _is_shut(house: House, corpus_id: str) -> bool:
    try:
        house.corpus.opener.open(corpus_id, actor=house.actor, purpose="demo")
    except KeyShredded:
        return True
    return False


def _listen(into: Path, sandbox: Sandbox, *, quiet: bool) -> list[Result]:
    """A sample call with a card number, as it was and with a tone where the number was: to be heard.

    Sample calls are synthesized and belong to nobody; a real recording is never written down like this.
    """
    folder = into / LISTEN
    folder.mkdir()
    source = _call_with_card(sandbox.catalog.folder)
    item = Item(source=source, target=folder / f"redacted-{source.name}", relative=Path(source.name))
    with bar(quiet=quiet) as progress:
        task = progress.add_task("one call to listen to", total=1)
        prepare_redaction(
            RedactSettings(
                redaction=Redaction(fill=Fill.TONE),
                models=Models(),
                customer_channel=1,
                language="en",
                plan_only=False,
            )
        )
        result = redact_file(item)
        progress.advance(task)
    return [result]


def _call_with_card(folder: Path) -> Path:
    """The first sample call in which a card number is said, by the calls' own truth."""
    calls = json.loads((folder / "calls.json").read_text(encoding="utf-8"))["calls"]
    said = (c for c in calls if any(t["entity"] == "CREDIT_DEBIT_NUMBER" for t in c["truth"]))
    return folder / str(next(said)["file"])


def _as_json(into: Path, shown: Shown) -> dict[str, Any]:
    return {
        "workspace": str(into),
        "run": shown.summary.as_json(),
        "version": shown.release.version,
        "label": shown.release.label.value,
        "samples": shown.samples,
        "erased": {
            "recordings": len(shown.erasure.recordings),
            "samples": shown.erasure.samples_erased,
            "no_longer_open": shown.unreadable,
        },
        "ledger": {"verdict": shown.ledger, "entries": shown.entries},
        "listen": list(shown.listen),
        "flagged": asdict(shown.flagged),
    }


def _tell(into: Path, house: House, shown: Shown) -> None:
    """The summary a privacy officer reads, and where to look next."""
    show(shown.summary)
    facts(
        f"Corpus {shown.release.version} ({shown.release.label.value})",
        {
            "samples": len(shown.release.manifest.entries),
            **{f"samples {condition}": count for condition, count in shown.samples.items()},
            "sound": {split.value: span(hours * 3600) for split, hours in shown.release.hours.items()},
        },
    )
    facts("One call flagged, and what the sandbox was told", shown.flagged.facts())
    facts(
        "One caller asked to be forgotten",
        {
            "recordings erased": len(shown.erasure.recordings),
            "samples erased": shown.erasure.samples_erased,
            "of these no longer open": shown.unreadable,
            "still elsewhere": remaining(shown.erasure),
        },
    )
    facts("Ledger", {"verdict": shown.ledger, "entries": shown.entries, "key": house.ledger.vkey})
    say("[bold]Where to look[/]")
    for what, how in _where(into, house, shown):
        say(f"  {what}")
        say(f"    [cyan]{how}[/]")
    say("The voices are transformed, not anonymous: no attack report is attached to this corpus.")


def _where(into: Path, house: House, shown: Shown) -> list[tuple[str, str]]:
    conversation, ours = _a_conversation(house), _called("sottovoce")
    return [
        ("hear the tone where the card number was", ", ".join(shown.listen)),
        ("who is in the corpus", f"{into}/reports/"),
        ("its samples, by opaque ids", f"{ours} corpus show -w {into}"),
        ("follow one conversation", f"{ours} lineage show {conversation} -w {into}"),
        ("why it was taken", f"{ours} policy explain {conversation} -w {into}"),
        ("what was found against the rules", f"{ours} compliance verdicts -w {into}"),
        ("the erasure certificate", f"{into}/{CERTIFICATE}"),
        ("verify the ledger", f"{ours} ledger verify -w {into}"),
        (
            "verify it without us",
            f"{_called('python')} -m sottovoce.ledger.verifier {into}/{EXPORT} --vkey '{house.ledger.vkey}'",
        ),
    ]


def _called(program: str) -> str:
    """How a program of this installation is started from here: `.venv/bin` is seldom on the path."""
    beside = Path(sys.executable).parent / program
    if shutil.which(program) == str(beside):
        return program
    return str(beside.relative_to(Path.cwd())) if beside.is_relative_to(Path.cwd()) else str(beside)


def _a_conversation(house: House) -> str:
    """One that is in the corpus still."""
    version = house.corpus.versions.list()[-1].version
    member = next(iter(house.registry.identities(version)))
    return house.registry.recall(member.recording)[1].conversation_id
