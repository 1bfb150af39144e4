"""An engine of somebody else's that judges calls in place of our rules (SPEC 14.5), as the policy names it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Literal

from pydantic import Field

from sottovoce.policy.strict import SecretRef, Strict


class ComplianceEngine(Strict):
    """Where it is, how each side knows the other, and what it is given. It hears redacted sound or none."""

    name: Annotated[str, Field(pattern=r"^[a-z][a-z-]{0,23}[0-9]{0,3}$")]
    """Recorded with each verdict, and as the recipient of what it fetches."""
    url: str
    """Where questions are posted. Plain http only on loopback."""
    secrets: Annotated[tuple[SecretRef, ...], Field(min_length=1, max_length=4)]
    """What we sign with (`whsec_` and base64); the first is the current one."""
    callback_secrets: Annotated[tuple[SecretRef, ...], Field(max_length=4)] = ()
    """What it signs its later answers with; without these or a key only an answer at once is taken."""
    callback_public_keys: Annotated[
        tuple[Annotated[str, Field(pattern=r"^[A-Za-z0-9+/]{43}=$")], ...], Field(max_length=4)
    ] = ()
    timeout_s: Annotated[int, Field(ge=1, le=300)] = 30
    """For one whole request, from the look-up of the name to the last byte of the answer."""
    answer_within_s: Annotated[int, Field(ge=30, le=18_000)] = 3600
    """How long it may take over an answer that it promised for later."""
    media: Literal["url", "none"] = "url"
    """Whether it may fetch the redacted sound."""
    media_url: str | None = None
    """The address at which the engine reaches the intake."""
    url_ttl_s: Annotated[int, Field(ge=30, le=900)] = 300
    removed: bool = False
    """Also say what was removed, where: entity, channel and times, never values."""

    @property
    def answers_later(self) -> bool:
        """Whether there is a way to know that an answer comes from it."""
        return bool(self.callback_secrets or self.callback_public_keys)


Trouble = tuple[str, str, str]
"""A key, what is wrong with it, how to mend it."""


def troubles(engine: ComplianceEngine, *, reachable: set[str]) -> Iterator[Trouble]:
    """What its keys demand of each other. `reachable` has those of its addresses that may be spoken to."""
    if engine.url not in reachable:
        yield "url", "an engine is spoken to over https", "write `https://` and its host, without credentials"
    if engine.media == "url" and engine.media_url not in reachable:
        hint = "give `media_url`, the https address at which the engine reaches the intake, or `media: none`"
        yield "media_url", "the engine needs an address to fetch sound from", hint
    if engine.media == "none" and not engine.removed:
        yield "removed", "an engine without sound has nothing to judge by", "set `removed: true`, or `media: url`"
