"""The rules file: what a call must and must not hold, as strict data with a digest.

Every kind of rule is a class here; unknown keys and kinds are errors with their line. A rule without
`queues` holds for every call, else for calls of the queues or queue categories it names.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Annotated, Any, Final, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from sottovoce.domain.entities import Entity
from sottovoce.domain.sound import Role
from sottovoce.errors import PolicyError

MAX_BYTES: Final = 1 << 20


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, str_strip_whitespace=True)


Code = Annotated[str, Field(pattern=r"^[A-Z][A-Z0-9_]{2,47}$")]
Phrases = Annotated[tuple[Annotated[str, Field(min_length=2, max_length=200)], ...], Field(min_length=1)]


class _Rule(_Strict):
    id: Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]{1,47}$")]
    type: Code
    """The violation's type, written into verdicts for ever."""
    queues: tuple[str, ...] = ()
    action: Code = "ROUTE_TO_COMPLIANCE_QUEUE"


class Captured(_Rule):
    """Sensitive data that the recording holds: it was said or keyed while recording was not paused."""

    kind: Literal["captured"]
    entities: Annotated[tuple[Entity, ...], Field(min_length=1)]
    roles: tuple[Role, ...] = (Role.CUSTOMER, Role.AGENT, Role.BOTH)


class Disclosure(_Rule):
    """Something the agent must say within the first seconds. `late_type` is for when it comes after them."""

    kind: Literal["disclosure"]
    phrases: Phrases
    within_seconds: Annotated[float, Field(gt=0, le=3600)] = 30.0
    late_type: Code = "DISCLOSURE_LATE"
    role: Role = Role.AGENT


class Prohibited(_Rule):
    """Something that nobody of the role may say."""

    kind: Literal["prohibited"]
    phrases: Phrases
    role: Role = Role.AGENT


class Asked(_Rule):
    """Something the agent may not ask for aloud, such as a whole card number."""

    kind: Literal["asked"]
    entities: Annotated[tuple[Entity, ...], Field(min_length=1)]
    role: Role = Role.AGENT


class Order(_Rule):
    """Identity before account talk: one of `first` must come before any of `then`."""

    kind: Literal["order"]
    first: Phrases
    then: Phrases
    role: Role = Role.AGENT


class ConsentSaid(_Rule):
    """What the customer answered to the consent prompt against the flag that the call carries."""

    kind: Literal["consent"]
    prompt: Phrases
    yes: Phrases = ("yes", "sure", "that's fine", "of course", "okay", "go ahead", "I agree", "I consent")
    no: Phrases = ("no", "I'd rather not", "I do not", "I don't", "please don't", "opt out", "I refuse")
    answer_seconds: Annotated[float, Field(gt=0, le=60)] = 10.0


Rule = Annotated[Captured | Disclosure | Prohibited | Asked | Order | ConsentSaid, Field(discriminator="kind")]


class Rules(_Strict):
    version: str = "1"
    rules: Annotated[tuple[Rule, ...], Field(min_length=1)]

    def for_queue(self, queue: str | None, category: str | None) -> tuple[Rule, ...]:
        """The rules that hold for calls of a queue."""
        names = {name for name in (queue, category) if name}
        return tuple(rule for rule in self.rules if not rule.queues or names & set(rule.queues))


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadedRules:
    """The rules and the digest that goes into every verdict's ledger entry."""

    rules: Rules
    digest: str


def load_rules(path: Path) -> LoadedRules:
    """Raises PolicyError with the place of what is wrong."""
    try:
        data = path.read_bytes()
    except OSError:
        raise PolicyError("the rules file cannot be read", hint=f"check {path.name}") from None
    return parse_rules(data)


def default_rules() -> LoadedRules:
    """The packaged rules, to start from."""
    return parse_rules(resources.files("sottovoce.compliance").joinpath("rules.yaml").read_bytes())


def parse_rules(data: bytes) -> LoadedRules:
    if len(data) > MAX_BYTES:
        raise PolicyError("the rules file is larger than 1 MiB")
    try:
        rules = Rules.model_validate(yaml.safe_load(data))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        mark = getattr(error, "problem_mark", None)
        line = None if mark is None else mark.line + 1
        raise PolicyError("the rules file is not valid YAML", line=line) from None
    except ValidationError as error:
        raise PolicyError(f"the rules file is wrong at {_place(error)}", hint=_hint(error)) from None
    ids = [rule.id for rule in rules.rules]
    twice = sorted({one for one in ids if ids.count(one) > 1})
    if twice:
        raise PolicyError("two rules have the same id", hint=", ".join(twice))
    return LoadedRules(rules=rules, digest=_digest(rules))


def _digest(rules: Rules) -> str:
    canonical = json.dumps(rules.model_dump(mode="json"), sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(canonical.encode()).hexdigest()


def _place(error: ValidationError) -> str:
    where = _first(error)["loc"]
    return ".".join(str(part) for part in where) or "its top"


def _hint(error: ValidationError) -> str:
    return str(_first(error)["msg"])


def _first(error: ValidationError) -> Any:
    return error.errors(include_url=False, include_context=False, include_input=False)[0]
