"""The calls the sandbox has: `calls.json` and the audio beside it, read once and held as values.

Damaged entries are refused with the call's position, so that a sample can be mended; audio is read
when it is first asked for.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Literal
from uuid import NAMESPACE_URL, uuid5

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError

from sottovoce.errors import SourceError

PACKAGED = Path(__file__).with_name("calls")


class _Value(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


class Queue(_Value):
    id: str
    name: str
    category: str = ""


class Agent(_Value):
    id: str
    name: str


class Party(_Value):
    purpose: str
    attributes: dict[str, str] = Field(default_factory=dict)


class Said(_Value):
    """A passage of a sample call that is sensitive."""

    channel: int
    start_s: float
    end_s: float


class Call(_Value):
    """One conversation with one recording."""

    id: str
    recording_id: str
    file: str
    started_at: AwareDatetime
    duration_s: float = Field(gt=0)
    queue: str
    agent: str | None = None
    ani: str
    dnis: str
    direction: Literal["inbound", "outbound"] = "inbound"
    language: str = "en-US"
    media_subtype: str = "Trunk"
    file_state: str = "AVAILABLE"
    participants: tuple[Party, ...] = ()
    wrapup: str | None = None
    mos: float = 4.4
    recorded: bool = True
    truth: tuple[Said, ...] = ()
    copy_number: int = 0
    """Of a call that is served several times."""

    @property
    def began(self) -> datetime:
        return self.started_at.astimezone(UTC)

    @property
    def ended(self) -> datetime:
        return self.began + timedelta(seconds=self.duration_s)

    def participant_id(self, index: int) -> str:
        """Stable ids without storing any."""
        return str(uuid5(NAMESPACE_URL, f"{self.id}/participants/{index}"))

    def session_id(self, index: int) -> str:
        return str(uuid5(NAMESPACE_URL, f"{self.id}/sessions/{index}"))


class _File(_Value):
    version: Literal[1]
    queues: tuple[Queue, ...]
    agents: tuple[Agent, ...] = ()
    calls: tuple[Call, ...]


class Catalog:
    """All calls by conversation id, in the order they began.

    With `copies`, each of them so many times: nearly the same sound under fresh ids, which are the same in every run.
    """

    def __init__(self, *, folder: Path | None = None, copies: int = 1) -> None:
        self.folder = folder or PACKAGED
        read = _read(self.folder / "calls.json")
        self.queues = {queue.id: queue for queue in read.queues}
        self.agents = {agent.id: agent for agent in read.agents}
        calls = [copied(call, number) for number in range(copies) for call in read.calls]
        self.calls = {call.id: call for call in sorted(calls, key=lambda c: (c.began, c.id))}

    def audio(self, call: Call) -> Path:
        """Where the call's audio lies. Raises SourceError for a name that is not a plain file name."""
        if Path(call.file).name != call.file:
            raise SourceError("a sample call names no plain file", hint=str(self.folder))
        return self.folder / call.file


def copied(call: Call, number: int) -> Call:
    """The call itself as number 0, else the same under ids of its own."""
    if number == 0:
        return call
    fresh = {name: str(uuid5(NAMESPACE_URL, f"{getattr(call, name)}/copy/{number}")) for name in ("id", "recording_id")}
    return call.model_copy(update={**fresh, "copy_number": number})


def _read(path: Path) -> _File:
    try:
        return _File.model_validate_json(path.read_bytes())
    except OSError:
        raise SourceError("there are no sample calls", hint=f"{path} cannot be read") from None
    except ValidationError as error:
        first: Any = error.errors(include_input=False, include_url=False, include_context=False)[0]
        where = ".".join(str(part) for part in first["loc"])
        raise SourceError("the sample calls are damaged", hint=f"{path}: {where}: {first['type']}") from None
