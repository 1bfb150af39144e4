"""`sottovoce grant`: short-lived, narrow permissions to read, for training jobs and people."""

from __future__ import annotations

import ipaddress
import sys
from datetime import timedelta
from typing import Annotated

import typer

from sottovoce.access.biscuits import attenuate as narrow
from sottovoce.access.grant_book import UNLIMITED, Wish
from sottovoce.access.grants import Narrowing, Network
from sottovoce.access.inspect import inspect_token, root_of
from sottovoce.access.roles import Operation
from sottovoce.cli.house import house_at
from sottovoce.cli.output import HERE, AsJson, InWorkspace, answer, facts, note, say, table
from sottovoce.domain.confidential import Confidential

app = typer.Typer(no_args_is_help=True, help="Grants: an hour at most, for a prefix, a purpose and so many recordings.")

Prefix = Annotated[str, typer.Argument(help="What for, such as corpus/v1/train.")]
FromNetwork = Annotated[str | None, typer.Option("--source", help="Only from this network, such as 10.0.0.0/8.")]
Bound = Annotated[
    str | None, typer.Option("--thumbprint", help="RFC 7638 thumbprint of the key that must sign each request.")
]
TokenIn = Annotated[str, typer.Argument(help="The grant; `-` reads it from standard input, where nobody sees it.")]


@app.command()
def issue(
    holder: Annotated[str, typer.Argument(help="Who gets it: a principal's id or label.")],
    prefix: Prefix,
    workspace: InWorkspace = HERE,
    *,
    operation: Annotated[list[Operation] | None, typer.Option(help="May be given often.")] = None,
    purpose: Annotated[str, typer.Option(help="A code.")] = "ai_training",
    recordings: Annotated[int, typer.Option(min=1, help="How many distinct recordings, at most.")] = 100,
    per_minute: Annotated[int | None, typer.Option(min=1, help="The plan: new recordings a minute, at most.")] = None,
    max_bytes: Annotated[int, typer.Option(min=1, help="How many bytes, at most.")] = UNLIMITED,
    minutes: Annotated[int | None, typer.Option(min=1, max=60, help="How long; policy says by default.")] = None,
    source: FromNetwork = None,
    thumbprint: Bound = None,
    as_json: AsJson = False,
) -> None:
    """Make a grant and print it, this once."""
    house = house_at(workspace)
    desk = house.access
    wish = Wish(
        holder=desk.principals.named(holder).id,
        operations=frozenset(operation or [Operation.CORPUS_DECRYPT, Operation.CORPUS_LIST]),
        prefix=prefix,
        purpose=purpose,
        recordings=recordings,
        bytes=max_bytes,
        lifetime=timedelta(minutes=minutes or house.policy.access.grant_minutes),
        per_minute=per_minute,
        source=_network(source),
        thumbprint=thumbprint,
    )
    made = desk.grants.issue(wish, by=house.actor)
    if as_json:
        root = desk.root_keys.public_text(made.root_key)
        shown = {"id": made.grant.id, "expires": made.grant.expires.isoformat(), "root_public_key": root}
        answer({**shown, "token": made.token.reveal()})
        return
    typer.echo(made.token.reveal())
    note(f"Grant {made.grant.id} ends at {made.grant.expires:%H:%M} UTC. It is not shown again.")


@app.command()
def attenuate(
    token: TokenIn,
    root: Annotated[str, typer.Option(help="The issuer's public key, 64 hex digits (`grant issue --json` says it).")],
    *,
    prefix: Annotated[str | None, typer.Option(help="Only below this.")] = None,
    operation: Annotated[list[Operation] | None, typer.Option(help="Only these.")] = None,
    recordings: Annotated[int | None, typer.Option(min=0, help="Only so many.")] = None,
    source: FromNetwork = None,
    thumbprint: Bound = None,
    as_json: AsJson = False,
) -> None:
    """Make a smaller grant of a grant, offline: to hand on less than one holds."""
    narrowing = Narrowing(
        prefix=prefix,
        operations=frozenset(operation) if operation else None,
        recordings=recordings,
        source=_network(source),
        thumbprint=thumbprint,
    )
    made = narrow(_given(token), narrowing, root=root_of(root))
    answer({"token": made.reveal()}) if as_json else typer.echo(made.reveal())


@app.command()
def inspect(token: TokenIn, *, as_json: AsJson = False) -> None:
    """Say what a grant permits, block by block. Signatures are not checked: only the issuer's broker does that."""
    blocks = inspect_token(_given(token))
    if as_json:
        answer([{"revocation": block.revocation, "source": block.source} for block in blocks])
        return
    for number, block in enumerate(blocks):
        facts(f"Block {number}", {"revocation": block.revocation})
        typer.echo(block.source)


@app.command("list")
def list_(
    workspace: InWorkspace = HERE,
    *,
    over: Annotated[bool, typer.Option("--over", help="Those that are over, too.")] = False,
    as_json: AsJson = False,
) -> None:
    """Grants that live, with what was used of them."""
    found = house_at(workspace).access.grants.all(over=over)
    rows = [
        {
            "id": g.id,
            "holder": g.holder,
            "prefix": g.prefix,
            "purpose": g.purpose,
            "used": g.used_recordings,
            "of": g.recordings,
            "bound": g.bound,
            "revoked": g.revoked_ms is not None,
        }
        for g in found
    ]
    if as_json:
        answer(rows)
        return
    if not rows:
        say("No grant lives; `sottovoce grant issue` makes one.")
    table(
        "Grants",
        ("id", "holder", "prefix", "purpose", "used", "of", "bound", "revoked"),
        [tuple(r.values()) for r in rows],
    )


@app.command()
def revoke(
    grant: Annotated[str, typer.Argument(help="The grant's id, or the revocation id of one of its blocks.")],
    workspace: InWorkspace = HERE,
    *,
    why: Annotated[str, typer.Option(help="A code.")] = "BY_HAND",
    as_json: AsJson = False,
) -> None:
    """End a grant and everything made from it, at once."""
    house = house_at(workspace)
    grants = house.access.grants
    end = grants.revoke_block if len(grant) > 64 else grants.revoke
    end(grant, by=house.actor, why=why)
    answer({"revoked": grant}) if as_json else say(f"{grant} permits nothing any more.")


@app.command()
def rotate(
    workspace: InWorkspace = HERE,
    *,
    at_once: Annotated[
        bool, typer.Option("--at-once", help="End every living grant: the old key may be known.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Draw a new key to sign grants with; those of the old one end within the hour."""
    desk = house_at(workspace).access
    made = desk.rotate_root_key(believe_old=not at_once)
    answer({"root_key": made}) if as_json else say(f"Grants are signed with key {made} from now on.")


def _network(text: str | None) -> Network | None:
    if text is None:
        return None
    try:
        return ipaddress.ip_network(text)
    except ValueError:
        raise typer.BadParameter("--source is a network such as 10.0.0.0/8") from None


def _given(token: str) -> Confidential[str]:
    return Confidential(sys.stdin.read().strip() if token == "-" else token)  # noqa: S105 - standard input's name
