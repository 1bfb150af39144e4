"""`sottovoce`: the whole program from the command line.

Exit codes: 0 done, 1 failed, 2 wrong usage, 3 policy, 4 workspace, 5 media, 6 models and hearing,
7 vault, 8 custody (a ledger that does not verify), 9 source, 10 engine, 11 release refused, 12 a
wrong truth file, 13 access, 14 uploads, 15 events, 16 judging calls, 17 a ledger with an unsigned tail, 18 delivery.
Errors are one line and a hint; tracebacks, which could quote speech, are not printed.
"""

from __future__ import annotations

import os
import sys
import traceback
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from sottovoce import __version__, telemetry
from sottovoce.cli import (
    access,
    agreements,
    broker,
    cloud,
    compliance,
    conformance,
    contributor,
    corpus,
    deliveries,
    demo,
    destinations,
    doctor,
    erase,
    evidence,
    files,
    grant,
    inbox,
    init,
    intake,
    keys,
    ledger,
    lineage,
    login,
    plan,
    policy,
    retention,
    run,
    sandbox,
    submit,
    training,
    witness,
    worker,
)
from sottovoce.cli.doors import AskingGroup
from sottovoce.cli.house import leave
from sottovoce.cli.output import complain
from sottovoce.errors import SottovoceError

app = typer.Typer(
    name="sottovoce",
    cls=AskingGroup,
    help="Recorded speech that may leave the building: admitted, redacted, verified, disguised, sealed, proved.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
)

app.command("init")(init.init)
app.command("doctor")(doctor.doctor)
app.command("plan")(plan.plan)
app.command("run")(run.run)
app.command("redact")(files.redact)
app.command("transcribe")(files.transcribe)
app.command("anonymize")(files.anonymize)
app.command("evidence")(evidence.evidence)
app.command("subscribe")(compliance.subscribe)
app.command("sandbox")(sandbox.sandbox)
app.command("demo")(demo.demo)
app.command("worker")(worker.worker)
app.command("login")(login.login)
app.command("logout")(login.logout)
app.add_typer(policy.app, name="policy")
app.add_typer(corpus.app, name="corpus")
app.add_typer(cloud.app, name="cloud")
app.add_typer(intake.app, name="intake")
app.add_typer(compliance.app, name="compliance")
app.add_typer(compliance.rules_app, name="rules")
app.add_typer(keys.app, name="keys")
app.add_typer(ledger.app, name="ledger")
app.add_typer(access.app, name="access")
app.add_typer(grant.app, name="grant")
app.add_typer(broker.app, name="broker")
app.add_typer(witness.app, name="witness")
app.add_typer(lineage.app, name="lineage")
app.add_typer(training.app, name="training")
app.add_typer(retention.app, name="retention")
app.add_typer(erase.app, name="erase")
app.add_typer(agreements.app, name="agreements")
app.add_typer(conformance.app, name="conformance")
app.command("submit")(submit.submit)
app.add_typer(inbox.app, name="inbox")
app.add_typer(contributor.app, name="contributor")
app.add_typer(destinations.app, name="destinations")
app.add_typer(deliveries.app, name="deliveries")


class LogLevel(StrEnum):
    """Of our own log lines, on standard error."""

    DEBUG = "DEBUG"
    INFO = "INFO"
    WARNING = "WARNING"
    ERROR = "ERROR"


def _version(asked: bool) -> None:
    if asked:
        typer.echo(f"sottovoce {__version__}")
        raise typer.Exit


@app.callback()
def root(
    version: Annotated[  # noqa: ARG001 - its callback does the work
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version and leave.")
    ] = False,
    log_level: Annotated[
        LogLevel, typer.Option(envvar="SOTTOVOCE_LOG", case_sensitive=False, help="From which level on to log.")
    ] = LogLevel.WARNING,
    log_json: Annotated[bool, typer.Option("--log-json", help="Log lines as JSON.")] = False,
) -> None:
    """Set up what every command shares."""
    telemetry.configure(level=log_level.value, as_json=log_json)


def main() -> None:
    """The console script: an error is one line, a hint and its exit code."""
    try:
        app()
    except SottovoceError as error:
        complain(error.code, str(error), error.hint)
        sys.exit(error.exit_code)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)
    except OSError as error:
        complain(
            "E_FILE", f"{_of_user(error)}{error.strerror or type(error).__name__}", "check the path, disk and rights"
        )
        sys.exit(1)
    except Exception as error:  # noqa: BLE001 - the last boundary: a message nobody foresaw may hold speech
        places = traceback.extract_tb(error.__traceback__)[-3:]
        at = " ".join(f"{Path(place.filename).name}:{place.lineno}" for place in places)
        complain(
            "E_UNEXPECTED", f"{type(error).__name__} at {at}", "run `sottovoce doctor`; report this line if it is fine"
        )
        sys.exit(1)
    finally:
        leave()


def _of_user(error: OSError) -> str:
    """The file's own name; the system's message without it would not help."""
    return f"{Path(os.fsdecode(error.filename)).name}: " if isinstance(error.filename, str | bytes) else ""
