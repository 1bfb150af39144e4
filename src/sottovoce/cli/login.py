"""`sottovoce login` and `logout`: sign in with the identity provider that policy names."""

from __future__ import annotations

import sys
import time
import webbrowser
from typing import Annotated

import typer

from sottovoce.access.loopback import LoopbackRedirect
from sottovoce.access.oidc import Identity, OidcSignIn
from sottovoce.cli.house import house_at
from sottovoce.cli.output import HERE, AsJson, InWorkspace, answer, note, say

WAIT_S = 300.0


def login(
    workspace: InWorkspace = HERE,
    *,
    device: Annotated[bool, typer.Option("--device", help="Type a code on another device instead.")] = False,
    as_json: AsJson = False,
) -> None:
    """Sign in with the identity provider of the policy; the session lasts as long as policy says."""
    desk = house_at(workspace).access
    sign_in = desk.oidc()
    try:
        identity = _by_device(sign_in) if device else _by_browser(sign_in)
    finally:
        sign_in.close()
    me, expires = desk.sign_in(identity)
    shown = {"id": me.id, "roles": sorted(role.value for role in me.roles), "expires": expires.isoformat()}
    answer(shown) if as_json else say(f"Signed in as {me.id} until {expires:%Y-%m-%d %H:%M} UTC.")


def logout(workspace: InWorkspace = HERE, *, as_json: AsJson = False) -> None:
    """End the session of this account; nothing when there is none."""
    ended = house_at(workspace).access.sign_out()
    answer({"ended": ended}) if as_json else say("Signed out." if ended else "There was no session.")


def _by_browser(sign_in: OidcSignIn) -> Identity:
    with LoopbackRedirect() as back:
        pending = sign_in.begin(back.url)
        note(f"Sign in here: {pending.address}")
        if sys.stdout.isatty():
            webbrowser.open(pending.address)
        return sign_in.finish(pending, back.answer(timeout_s=WAIT_S))


def _by_device(sign_in: OidcSignIn) -> Identity:
    code = sign_in.begin_device()
    note(f"Go to {code.address} and type {code.user_code}")
    return sign_in.finish_device(code, sleep=time.sleep)
