"""`sottovoce conformance`: judge any vendor's redacted audio from the sound alone."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from sottovoce.cli.output import AsJson, answer, bar, facts, say, table
from sottovoce.conformance.findings import MEANING, Failure
from sottovoce.conformance.sabotage import Sabotage

app = typer.Typer(no_args_is_help=True, help="Judge redacted audio, anyone's, from the sound alone.")

Truth = Annotated[Path, typer.Option("--truth", help="The folder of original calls with truth.json.")]
Redacted = Annotated[Path, typer.Option("--redacted", help="The folder of redacted files, named by the calls' ids.")]


@app.command()
def score(
    truth: Truth,
    redacted: Redacted,
    *,
    types: Annotated[str, typer.Option(help="Entity types to judge, with commas between; all by default.")] = "",
    allow: Annotated[list[Failure] | None, typer.Option(help="A failure that is reported and not counted.")] = None,
    as_json: AsJson = False,
) -> None:
    """Count what is still heard and how files fail. Exit code 0 when nothing leaked and nothing failed, else 1."""
    from sottovoce.conformance.report import report
    from sottovoce.conformance.score import score_folder
    from sottovoce.conformance.truth import load_truth
    from sottovoce.speech.codec import MediaCodec

    only = frozenset(filter(None, (t.strip() for t in types.split(","))))
    with bar(quiet=as_json) as progress:
        task = progress.add_task("Listening", total=len(load_truth(truth)))
        scores = score_folder(truth, redacted, codec=MediaCodec(), only=only, advance=lambda: progress.advance(task))
    found = report(scores, allowed=allow or ())
    answer(found.data()) if as_json else _tell(found.data())
    if not found.conforms:
        raise typer.Exit(1)


@app.command()
def make(folder: Annotated[Path, typer.Argument(help="A new folder for the kit.")], *, as_json: AsJson = False) -> None:
    """Write the public kit: synthetic calls with their truth, to be redacted by whoever is judged."""
    import sottovoce.sandbox
    from sottovoce.conformance.kit import make_kit

    count = make_kit(Path(sottovoce.sandbox.__path__[0]) / "calls", folder)
    answer({"calls": count}) if as_json else say(f"{count} calls and their truth")


@app.command("sabotage")
def sabotage_(
    truth: Annotated[Path, typer.Argument(help="The folder of original calls with truth.json.")],
    folder: Annotated[Path, typer.Argument(help="A new folder for the redacted files.")],
    how: Annotated[Sabotage, typer.Option(help="What is wrong with the redaction.")],
    *,
    as_json: AsJson = False,
) -> None:
    """Write a redaction that is wrong in a known way, to see that `score` catches it."""
    from sottovoce.conformance.sabotage import sabotage
    from sottovoce.speech.codec import MediaCodec

    count = sabotage(truth, folder, how, codec=MediaCodec())
    answer({"calls": count, "how": how.value}) if as_json else say(f"{count} calls, {how.value}")


def _tell(data: dict[str, Any]) -> None:
    rows = [
        (kind, f"{n['units_leaked']} / {n['units']}", n["units_recovered"], f"{n['entities_leaked']} / {n['entities']}")
        for kind, n in data["by_type"].items()
    ]
    whole = (
        f"{data['units_leaked']} / {data['units']}",
        data["units_recovered"],
        f"{data['entities_leaked']} / {data['entities']}",
    )
    table("Leaks", ("type", "units heard", "recovered", "passages heard"), [*rows, ("all", *whole)])
    facts(
        "Figures",
        {
            "card numbers with a digit leaked": f"{data['card_numbers_leaked']} / {data['card_numbers']}",
            "leaked seconds per hour": data["leaked_seconds_per_hour"],
            "harmless speech removed": f"{data['over_redaction']:.2%} of {data['judged_speech_s']} s",
            "last-four digits lost": f"{data['last4_lost']} / {data['last4']}",
            "missing files": len(data["missing"]),
        },
    )
    if data["failures"]:
        table(
            "Failures",
            ("files", "failure", "meaning"),
            [(n, f, MEANING[Failure(f)]) for f, n in data["failures"].items()],
        )
    for call, failures in data["files"].items():
        told = "; ".join(f"{f['failure']} ({f['detail']})" if f["detail"] else f["failure"] for f in failures)
        say(f"{call}: {told}")
    say("conforms" if data["conforms"] else "does not conform")
