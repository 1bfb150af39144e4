"""`sottovoce access`: who may touch what, and the review of it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Annotated, Any

import typer

from sottovoce.access.page import review_page
from sottovoce.access.principals import Kind, Principal, State
from sottovoce.access.roles import GRANTABLE, MATRIX, Operation, Role
from sottovoce.cli.house import house_at
from sottovoce.cli.output import HERE, AsJson, InWorkspace, answer, facts, note, say, table

app = typer.Typer(no_args_is_help=True, help="Principals, roles, tokens, canaries and their review.")

Who = Annotated[str, typer.Argument(help="A principal's id or label.")]
AsRole = Annotated[Role, typer.Argument(help="A role; `sottovoce access roles` shows what each may do.")]


@app.command()
def roles(workspace: InWorkspace = HERE, *, as_json: AsJson = False) -> None:  # noqa: ARG001 - the table is the same everywhere
    """Show what each role may do. What is not marked is refused."""
    if as_json:
        answer({role.value: sorted(operation.value for operation in MATRIX[role]) for role in Role})
        return
    rows = [
        (
            f"{operation.value}{' *' if operation in GRANTABLE else ''}",
            *("yes" if operation in MATRIX[role] else "" for role in Role),
        )
        for operation in Operation
    ]
    table("Who may do what", ("operation", *(role.value for role in Role)), rows)
    say("* may be carried by a grant")


@app.command()
def whoami(workspace: InWorkspace = HERE, *, as_json: AsJson = False) -> None:
    """Show as whom this account acts here."""
    me = house_at(workspace).access.me()
    answer(_told(me)) if as_json else facts("You are", _told(me))


@app.command("list")
def list_(workspace: InWorkspace = HERE, *, as_json: AsJson = False) -> None:
    """Everyone known here with their roles, and the tokens that are not over."""
    desk = house_at(workspace).access
    everyone = [_told(each) for each in desk.principals.all()]
    tokens = [
        {"token": t.id, "principal": t.principal, "revoked": t.revoked_ms is not None, "used": t.used_ms is not None}
        for t in desk.tokens.all()
    ]
    if as_json:
        answer({"principals": everyone, "tokens": tokens})
        return
    rows = [(p["id"], p["label"] or "", p["kind"], p["state"], ", ".join(p["roles"])) for p in everyone]
    table("Principals", ("id", "label", "kind", "state", "roles"), rows)
    table("Tokens", ("id", "principal", "revoked", "used"), [tuple(t.values()) for t in tokens])


@app.command()
def add(
    kind: Annotated[Kind, typer.Argument(help="What it is.")],
    workspace: InWorkspace = HERE,
    *,
    label: Annotated[str | None, typer.Option(help="A code such as dpo-1; never a name.")] = None,
    role: Annotated[list[Role] | None, typer.Option(help="A role; may be given often.")] = None,
    account: Annotated[int | None, typer.Option(min=0, help="The machine account (uid) it signs in with.")] = None,
    as_json: AsJson = False,
) -> None:
    """Make a principal known: a person, a service, a contributor or a training job."""
    house = house_at(workspace)
    desk = house.access
    made = desk.principals.create(kind, by=house.actor, label=label, roles=role or ())
    if account is not None:
        desk.principals.bind(made.id, desk.machine_subject(account), provider="machine")
    answer(_told(made)) if as_json else facts("Known now", _told(made))


@app.command()
def grant(who: Who, role: AsRole, workspace: InWorkspace = HERE, *, as_json: AsJson = False) -> None:
    """Give a principal a role."""
    house = house_at(workspace)
    principals = house.access.principals
    principals.give(principals.named(who).id, role, by=house.actor)
    _show(principals.named(who), as_json=as_json)


@app.command()
def revoke(who: Who, role: AsRole, workspace: InWorkspace = HERE, *, as_json: AsJson = False) -> None:
    """Take a role back; what it permitted is refused from now on, under living grants too."""
    house = house_at(workspace)
    principals = house.access.principals
    principals.take(principals.named(who).id, role, by=house.actor)
    _show(principals.named(who), as_json=as_json)


@app.command()
def suspend(
    who: Who,
    workspace: InWorkspace = HERE,
    *,
    why: Annotated[str, typer.Option(help="A code.")] = "BY_HAND",
    as_json: AsJson = False,
) -> None:
    """Refuse everything a principal asks, at once."""
    house = house_at(workspace)
    principals = house.access.principals
    principals.suspend(principals.named(who).id, by=house.actor, why=why)
    _show(principals.named(who), as_json=as_json)


@app.command()
def resume(
    who: Who,
    workspace: InWorkspace = HERE,
    *,
    break_glass: Annotated[
        bool, typer.Option("--break-glass", help="The only owner, suspended, lets itself in again; the ledger says so.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Let a suspended principal in again. Nobody resumes itself, but for the last owner in an emergency."""
    desk = house_at(workspace).access
    if break_glass:
        desk.break_glass(desk.principals.named(who).id)
    else:
        me = desk.require(Operation.ACCESS_MANAGE)
        desk.principals.resume(desk.principals.named(who).id, by=me.id)
    _show(desk.principals.named(who), as_json=as_json)


token = typer.Typer(no_args_is_help=True, help="Tokens for services and for other machines.")
app.add_typer(token, name="token")


@token.command("create")
def token_create(
    who: Who,
    workspace: InWorkspace = HERE,
    *,
    days: Annotated[int | None, typer.Option(min=1, max=365, help="How long it lasts; policy says by default.")] = None,
    as_json: AsJson = False,
) -> None:
    """Make a token and print it, this once: only a hash of it is kept."""
    house = house_at(workspace)
    desk = house.access
    lifetime = timedelta(days=days or house.policy.access.token_days)
    made = desk.tokens.create(desk.principals.named(who).id, by=house.actor, lifetime=lifetime)
    shown = {"id": made.id, "principal": made.principal, "expires": made.expires.isoformat()}
    if as_json:
        answer({**shown, "token": made.value.reveal()})
        return
    typer.echo(made.value.reveal())
    note(f"It lasts until {made.expires:%Y-%m-%d} and is not shown again. Keep it as a secret, in SOTTOVOCE_TOKEN.")


@token.command("revoke")
def token_revoke(
    token_id: Annotated[str, typer.Argument(help="The token's id, from `sottovoce access list`.")],
    workspace: InWorkspace = HERE,
    *,
    as_json: AsJson = False,
) -> None:
    """End a token, at once."""
    house = house_at(workspace)
    house.access.tokens.revoke(token_id, by=house.actor)
    answer({"revoked": token_id}) if as_json else say(f"{token_id} opens nothing any more.")


canary = typer.Typer(no_args_is_help=True, help="Sealed decoys that no plan reads.")
app.add_typer(canary, name="canary")


@canary.command("plant")
def canary_plant(
    place: Annotated[str, typer.Argument(help="Where, such as corpus/v1/train.")],
    workspace: InWorkspace = HERE,
    *,
    count: Annotated[int, typer.Option(min=1, max=1000, help="How many.")] = 5,
    as_json: AsJson = False,
) -> None:
    """Seal decoys beside the samples of a version. Whoever reads one is suspended at once."""
    house = house_at(workspace)
    made = house.access.canaries.plant(count, place=place, by=house.actor)
    if as_json:
        answer([each.resource for each in made])
        return
    table("Planted", ("resource",), [(each.resource,) for each in made])
    say("They are in no manifest, so no training job reads them. Keep this list to yourself.")


@canary.command("list")
def canary_list(workspace: InWorkspace = HERE, *, as_json: AsJson = False) -> None:
    """The decoys, and who touched them."""
    found = house_at(workspace).access.canaries.all()
    rows = [{"resource": each.resource, "touched_by": each.touched_by} for each in found]
    if as_json:
        answer(rows)
        return
    if not rows:
        say("There are no decoys; `sottovoce access canary plant` seals some.")
    table("Canaries", ("resource", "touched by"), [(r["resource"], r["touched_by"] or "nobody") for r in rows])


@app.command()
def alerts(
    workspace: InWorkspace = HERE,
    *,
    send: Annotated[bool, typer.Option("--send", help="Send what is still waiting.")] = False,
    as_json: AsJson = False,
) -> None:
    """Suspensions for bulk access, and what else had to be told, newest first."""
    desk = house_at(workspace).access
    told = desk.alerts.deliver() if send else None
    found = [each.as_json() for each in desk.alerts.all()]
    if as_json:
        answer(found)
        return
    if not found:
        say("Nobody was suspended for bulk access, and nothing else had to be told.")
    rows = [(a["timestamp"][:19], a["type"], *_whom_and_why(a["data"])) for a in found]
    table("Alerts", ("at", "what", "whom", "why"), rows)
    if told is not None:
        say(f"{told.sent} sent to every channel, {told.waiting} waiting.")


def _whom_and_why(data: Mapping[str, Any]) -> tuple[str, str]:
    left = {name: value for name, value in data.items() if name not in ("id", "principal", "subject", "purpose")}
    return data.get("principal") or data["subject"], ", ".join(f"{name} {value}" for name, value in left.items())


@app.command()
def review(
    workspace: InWorkspace = HERE,
    *,
    days: Annotated[int | None, typer.Option(min=1, max=3650, help="What counts as unused.")] = None,
    as_json: AsJson = False,
) -> None:
    """Who holds what, what was used of it, what is too much: a page in `reports`, to be signed off."""
    house = house_at(workspace)
    made = house.access.reviews.make(by=house.actor, days=days or house.policy.access.review_days)
    house.workspace.reports.mkdir(exist_ok=True)
    path = house.workspace.reports / f"access-{made.at:%Y-%m-%d}-{made.id[:8]}.html"
    path.write_text(review_page(made), encoding="utf-8")
    if as_json:
        answer({**made.content(), "digest": made.digest, "page": str(path)})
        return
    rows = [
        (h.label or h.principal, h.kind, ", ".join(h.roles), _ago(h.last_used_days), h.tokens, h.grants)
        for h in made.holdings
    ]
    table("Who holds what", ("who", "kind", "roles", "last used", "tokens", "grants"), rows)
    table("Remarks", ("finding", "who", "about", ""), [(r.mark, r.principal, r.about, r.detail) for r in made.remarks])
    say(f"{path}")
    say(f"Sign it off: sottovoce access sign-off {made.id}")


@app.command("sign-off")
def sign_off(
    review_id: Annotated[str, typer.Argument(help="The review's id.")],
    workspace: InWorkspace = HERE,
    *,
    as_json: AsJson = False,
) -> None:
    """Sign a review with the log key, and take back what it called stale."""
    house = house_at(workspace)
    signed = house.access.reviews.sign_off(review_id, by=house.actor)
    house.ledger.checkpoint()
    shown = {"review": signed.review, "by": signed.by, "taken_back": signed.taken_back, "note": signed.note}
    if as_json:
        answer(shown)
        return
    facts("Signed off", {"review": signed.review, "by": signed.by, "taken back": signed.taken_back})
    typer.echo(signed.note, nl=False)


@app.command()
def reviews(workspace: InWorkspace = HERE, *, as_json: AsJson = False) -> None:
    """Every review there was, newest first."""
    found = [dict(each) for each in house_at(workspace).access.reviews.all()]
    if as_json:
        answer(found)
        return
    rows = [(each["id"], each["made_by"], each["signed_by"] or "not signed off") for each in found]
    table("Reviews", ("id", "made by", "signed off by"), rows)


def _told(principal: Principal) -> dict[str, Any]:
    return {
        "id": principal.id,
        "label": principal.label,
        "kind": principal.kind.value,
        "state": principal.state.value if principal.state is State.ACTIVE else f"suspended, {principal.why}",
        "roles": sorted(role.value for role in principal.roles),
    }


def _show(principal: Principal, *, as_json: bool) -> None:
    answer(_told(principal)) if as_json else facts(principal.label or principal.id, _told(principal))


def _ago(days: int | None) -> str:
    return "never" if days is None else f"{days} days ago"
