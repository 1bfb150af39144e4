"""`sottovoce redact`, `transcribe`, `anonymize`: one file, many, or a folder, without a workspace."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.markup import escape

from sottovoce.cli.batch import Result, items, left_out, map_places, write_whole
from sottovoce.cli.crew import treat_all
from sottovoce.cli.output import AsJson, answer, note, say, table
from sottovoce.cli.treat import (
    RedactSettings,
    disguise_file,
    prepare_disguise,
    prepare_redaction,
    read_media,
    redact_file,
    roles_of,
)
from sottovoce.domain.finding import Fill
from sottovoce.domain.sound import Sound
from sottovoce.pipeline.package import describe_transcript
from sottovoce.policy.load import load_policy
from sottovoce.policy.model import Models, Policy, Redaction

Inputs = Annotated[list[Path], typer.Argument(help="Audio files or folders.", exists=True)]
Output = Annotated[
    Path, typer.Option("--output", "-o", help="For one file a file of the same ending; otherwise a folder.")
]
Workers = Annotated[int | None, typer.Option(min=1, help="Processes; one for each core by default.")]
PolicyFile = Annotated[
    Path | None,
    typer.Option("--policy", exists=True, dir_okay=False, help="Take entities, fill, margins and model from here."),
]
CustomerChannel = Annotated[int, typer.Option(min=0, max=1, help="Which of two channels is the customer's.")]


def redact(
    inputs: Inputs,
    *,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", help="For one file a file of the same ending; otherwise a folder."),
    ] = None,
    maps: Annotated[
        Path | None, typer.Option("--map", help="Write the redaction map here (a folder for many).")
    ] = None,
    plan: Annotated[bool, typer.Option(help="Only print spans and counts; write nothing.")] = False,
    fill: Annotated[Fill | None, typer.Option(help="What takes the place of what goes.")] = None,
    customer_channel: CustomerChannel = 1,
    language: Annotated[str | None, typer.Option(help="BCP 47 tag, such as en-US.")] = None,
    policy: PolicyFile = None,
    workers: Workers = None,
    as_json: AsJson = False,
) -> None:
    """Remove spoken secrets from the sound, keeping format, rate, channels and exact length; verify; write.

    A file in doubt is withheld with its reason and nothing is written for it; exit code 1.
    """
    if output is None and not plan:
        raise typer.BadParameter("say where the redacted sound goes with -o, or give --plan to see what would go")
    target = None if plan else output
    todo = items(inputs, target)
    _say_left_out(inputs, target, quiet=as_json)
    many = len(inputs) > 1 or inputs[0].is_dir()
    if maps is not None and target is not None:
        places = map_places(todo, maps, many=many)
        todo = [replace(item, map_target=places[item.source]) for item in todo]
    chosen = load_policy(policy).policy if policy else None
    settings = RedactSettings(
        redaction=_redaction(chosen, fill),
        models=chosen.models if chosen else Models(),
        customer_channel=customer_channel,
        language=language,
        plan_only=plan,
    )
    results = treat_all(
        redact_file,
        todo,
        prepare=prepare_redaction,
        settings=(settings,),
        workers=workers,
        title="redacting",
        quiet=as_json,
    )
    _report(results, as_json=as_json, planned=plan)


def anonymize(inputs: Inputs, *, output: Output, workers: Workers = None, as_json: AsJson = False) -> None:
    """Disguise the voice of every channel, to the sample as long as before; relative paths are kept."""
    todo = items(inputs, output)
    _say_left_out(inputs, output, quiet=as_json)
    results = treat_all(
        disguise_file,
        todo,
        prepare=prepare_disguise,
        settings=(),
        workers=workers,
        title="disguising",
        quiet=as_json,
    )
    _report(results, as_json=as_json, planned=False)


def transcribe(
    file: Annotated[Path, typer.Argument(help="One audio file.", exists=True, dir_okay=False)],
    *,
    output: Annotated[Path | None, typer.Option("--output", "-o", help="Write the words here as JSON.")] = None,
    customer_channel: CustomerChannel = 1,
    language: Annotated[str | None, typer.Option(help="BCP 47 tag, such as en-US.")] = None,
    policy: PolicyFile = None,
    as_json: AsJson = False,
) -> None:
    """What was said, in the clear: for trying the transcriber. Mind where you run it."""
    from sottovoce.speech.codec import MediaCodec
    from sottovoce.wiring.rooms import whisper

    samples, shape = MediaCodec().read(read_media(file))
    sound = Sound(samples=samples, rate=shape.rate, roles=roles_of(shape.channels, customer_channel))
    heard = whisper(load_policy(policy).policy.models if policy else None).transcribe(sound, language=language)
    shown = describe_transcript(heard)
    if output is not None:
        write_whole(output, json.dumps(shown, indent=2, ensure_ascii=False).encode())
    elif as_json:
        answer(shown)
    else:
        _speak(shown, sound)


def _say_left_out(inputs: list[Path], output: Path | None, *, quiet: bool) -> None:
    """A file that is not treated is not passed over in silence."""
    count = left_out(inputs, output)
    if count and not quiet:
        note(f"left out: {count} {'file' if count == 1 else 'files'} not called like audio")


def _redaction(policy: Policy | None, fill: Fill | None) -> Redaction:
    redaction = policy.redaction if policy else Redaction()
    return redaction if fill is None else redaction.model_copy(update={"fill": fill})


def _report(results: list[Result], *, as_json: bool, planned: bool) -> None:
    withheld = [r for r in results if r.reason is not None]
    if as_json:
        answer(
            [
                {"file": r.source, "output": None if planned else r.target, "reason": r.reason, **r.facts}
                for r in results
            ]
        )
    else:
        _tables(results, planned=planned)
    if withheld:
        raise typer.Exit(1)


def _tables(results: list[Result], *, planned: bool) -> None:
    if planned:
        rows = [
            (r.source, s["label"], s["channel"], f"{s['start_s']:.2f}", f"{s['end_s']:.2f}")
            for r in results
            for s in r.facts.get("spans", [])
        ]
        table("Would be removed", ("file", "what", "channel", "from s", "to s"), rows)
    files = [(r.source, r.reason or ("planned" if planned else "done"), _told(r.facts)) for r in results]
    table("Files", ("file", "outcome", ""), files)
    withheld = sum(r.reason is not None for r in results)
    if withheld:
        say(f"{withheld} of {len(results)} withheld{'' if planned else ': nothing was written for them'}.")


def _told(facts: dict[str, Any]) -> str:
    if "removed_s" in facts:
        spans = len(facts["spans"])
        return f"{spans} {'span' if spans == 1 else 'spans'}, {facts['removed_s']:.1f} of {facts['duration_s']:.1f} s"
    if "message" in facts:
        return "; ".join(filter(None, (facts["message"], facts["hint"])))
    return ", ".join(f"{k} {v}" for k, v in facts.items() if v)


def _speak(shown: dict[str, Any], sound: Sound) -> None:
    for channel in shown["channels"]:
        say(f"[bold]channel {channel['channel']} ({sound.roles[channel['channel']].value})[/]")
        say(escape(" ".join(word["text"] for word in channel["words"]) or "(no words)"))
