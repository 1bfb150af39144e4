"""The external engine composed from the policy: what it is asked, how its answers are known, what it may fetch."""

from __future__ import annotations

import base64
import time
from collections.abc import Sequence
from datetime import timedelta
from functools import cached_property
from typing import TYPE_CHECKING

from sqlalchemy import Engine

from sottovoce.breaker import Breaker
from sottovoce.compliance.docket import Docket
from sottovoce.compliance.engine_answers import Answers
from sottovoce.compliance.engine_client import EngineClient
from sottovoce.compliance.engine_judge import ExternalJudge
from sottovoce.compliance.engine_leftovers import Leftovers
from sottovoce.compliance.engine_links import Links
from sottovoce.compliance.engine_media import Gallery
from sottovoce.compliance.engine_questions import Questions
from sottovoce.compliance.engine_request import Letterhead
from sottovoce.compliance.engine_sound import SoundRoom
from sottovoce.domain.confidential import Confidential
from sottovoce.domain.sound import Sound
from sottovoce.errors import PolicyError
from sottovoce.intake.protocol import Verifier
from sottovoce.intake.signatures import StandardWebhooks, standard_secret
from sottovoce.policy.engine import ComplianceEngine
from sottovoce.settings import resolve_secret

if TYPE_CHECKING:
    from sottovoce.wiring.house import House

_KEY = "compliance-media"
"""What the tenant's key for links is called in the key store."""


class EngineRooms:
    """The rooms around one external engine, each built when first asked for."""

    def __init__(self, *, house: House, database: Engine, docket: Docket, settings: ComplianceEngine) -> None:
        self._house = house
        self._database = database
        self._docket = docket
        self._settings = settings

    @property
    def name(self) -> str:
        return self._settings.name

    @cached_property
    def judge(self) -> ExternalJudge:
        """Raises PolicyError, WorkspaceError where its secrets are not right or missing."""
        house, settings = self._house, self._settings
        return ExternalJudge(
            questions=Questions(engine=self._database, clock=house.clock),
            answers=self.answers,
            letterhead=self._letterhead(),
            client=EngineClient(url=settings.url, timeout_s=settings.timeout_s),
            breaker=self.breaker,
            rooms=SoundRoom(
                redactor=lambda: house.redactor,
                rules=house.rules,
                encode=_as_flac,
                tells_removed=settings.removed,
            ),
            registry=house.registry,
            seals=house.vault,
            leftovers=self.leftovers,
            link_s=settings.url_ttl_s if settings.media == "url" else None,
            answer_within_s=settings.answer_within_s,
            answers_later=settings.answers_later,
            clock=house.clock,
        )

    @cached_property
    def breaker(self) -> Breaker:
        """One for each process: what fails, every process finds out by itself."""
        return Breaker(monotonic=time.monotonic)

    @cached_property
    def answers(self) -> Answers:
        return Answers(engine=self._database, docket=self._docket, name=self._settings.name, clock=self._house.clock)

    @cached_property
    def leftovers(self) -> Leftovers:
        house = self._house
        return Leftovers(
            engine=self._database, ledger=house.ledger, store=lambda: house.store, clock=house.clock, actor=house.actor
        )

    @cached_property
    def verifier(self) -> Verifier | None:
        """How its answers are known; None where the policy has no way, and then none is taken."""
        settings, house = self._settings, self._house
        if not settings.answers_later:
            return None
        keys = [base64.b64decode(key, validate=True) for key in settings.callback_public_keys]
        secrets = self._secrets(settings.callback_secrets, "callback_secrets")
        tolerance = timedelta(seconds=house.policy.intake.tolerance_seconds)
        return StandardWebhooks(sender=settings.name, secrets=secrets, public_keys=keys, tolerance=tolerance)

    @cached_property
    def gallery(self) -> Gallery | None:
        """What it may fetch; None where it gets no sound. Opens the keys now, or says why it cannot."""
        links, house = self._links, self._house
        if links is None:
            return None
        house.vault.epochs()
        return Gallery(
            engine=self._database,
            ledger=house.ledger,
            links=links,
            vault=lambda: house.vault,
            name=self._settings.name,
            clock=house.clock,
        )

    @cached_property
    def _links(self) -> Links | None:
        house, base = self._house, self._settings.media_url
        if self._settings.media == "none" or base is None:
            return None
        return Links(base=base, key=lambda: house.keystore.tenant_key(_KEY), clock=house.clock)

    def _letterhead(self) -> Letterhead:
        links = self._links
        return Letterhead(
            secrets=self._secrets(self._settings.secrets, "secrets"),
            answer_within_s=self._settings.answer_within_s,
            link=None if links is None else links.address,
            clock=self._house.clock,
        )

    def _secrets(self, references: Sequence[str], name: str) -> list[Confidential[bytes]]:
        root = self._house.workspace.root
        try:
            found = [standard_secret(resolve_secret(reference, base=root)) for reference in references]
            if any(not 24 <= len(secret.reveal()) <= 64 for secret in found):
                raise ValueError
        except ValueError:
            hint = "a whsec_ secret has 24 to 64 bytes in base64"
            raise PolicyError(f"compliance.engine.{name} holds no webhook secret", hint=hint) from None
        return found


def _as_flac(sound: Sound) -> Confidential[bytes]:
    from sottovoce.speech.encode import encode

    return encode(sound, container="FLAC", codec="PCM_16")
