"""What the sandbox remembers while it runs: tokens, write-backs, jobs. In memory, gone when it ends."""

from __future__ import annotations

import secrets
import threading
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, cast

from starlette.requests import Request

from sottovoce.sandbox.answers import not_found, stamp
from sottovoce.sandbox.catalog import Call, Catalog
from sottovoce.sandbox.faults import FaultBox

RECORDING_VIEW = (
    "recording:recording:view",
    "recording:recordingSegment:view",
    "recording:snippetRecording:view",
    "recording:screenRecording:view",
)
"""Any of these lets a client see recordings (GENESYS.md 1)."""
ALL_PERMISSIONS = frozenset(
    {
        "analytics:conversationDetail:view",
        "authorization:grant:view",
        "conversation:communication:view",
        "conversation:externalTag:edit",
        "gdpr:request:add",
        "gdpr:request:view",
        "gdpr:subject:view",
        "recording:annotation:add",
        "recording:annotation:delete",
        "recording:annotation:edit",
        "recording:annotation:view",
        "recording:deletionProtection:apply",
        "recording:deletionProtection:revoke",
        "recording:job:add",
        "recording:job:delete",
        "recording:job:edit",
        "recording:job:view",
        "recording:recording:editRetention",
        "recording:recording:restore",
        "recording:recording:view",
        "recording:recording:viewSensitiveData",
        "recording:screenRecording:editRetention",
        "recording:snippetRecording:editRetention",
        "routing:queue:view",
        "workitems:workitem:add",
        "workitems:workitem:view",
    }
)
KNOWN_PERMISSIONS = ALL_PERMISSIONS | {*RECORDING_VIEW, "analytics:agentConversationDetail:view"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Client:
    """An OAuth client and what its roles permit."""

    id: str
    secret: str = field(repr=False)
    permissions: frozenset[str]


@dataclass(slots=True, kw_only=True)
class Token:
    client: Client
    expires_at: float
    window_at: float
    count: int = 0


@dataclass(slots=True, kw_only=True)
class Dates:
    """A recording's retention; `edited` once someone has set it."""

    archive_at: datetime | None = None
    delete_at: datetime | None = None
    edited: bool = False
    restored_at: datetime | None = None
    """When a restoration that was asked for is (or was) done."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """How this sandbox behaves when nothing goes wrong."""

    token_lifetime_s: int = 86_399
    url_lifetime_s: int = 3600
    rate_limit: int = 300
    lake_lag_s: int = 0
    """How far the asynchronous jobs lag behind (48 h in the real one's documents)."""
    restore_s: float = 1.0
    """How long an archived recording takes to come back (hours in the real one)."""
    redacts_sensitive: bool = False
    """Whether the organisation redacts media for clients that may not see sensitive data."""


@dataclass(slots=True, kw_only=True)
class Memory:
    """Everything that was written to the sandbox."""

    clients: dict[str, Client] = field(default_factory=dict)
    tokens: dict[str, Token] = field(default_factory=dict)
    polls: Counter[tuple[str, str]] = field(default_factory=Counter)
    attributes: dict[tuple[str, str], dict[str, str]] = field(default_factory=dict)
    tags: dict[str, str] = field(default_factory=dict)
    protected: set[str] = field(default_factory=set)
    annotations: dict[str, dict[str, dict[str, Any]]] = field(default_factory=dict)
    workitems: dict[str, dict[str, Any]] = field(default_factory=dict)
    jobs: dict[str, dict[str, Any]] = field(default_factory=dict)
    batches: dict[str, dict[str, Any]] = field(default_factory=dict)
    dates: dict[str, Dates] = field(default_factory=dict)
    states: dict[str, str] = field(default_factory=dict)
    """How recordings stand because somebody said so, by conversation."""
    recording_jobs: dict[str, dict[str, Any]] = field(default_factory=dict)
    gdpr: dict[str, dict[str, Any]] = field(default_factory=dict)
    callbacks: dict[str, dict[str, Any]] = field(default_factory=dict)
    flagged: set[tuple[str, str]] = field(default_factory=set)
    delivered: list[dict[str, Any]] = field(default_factory=list)
    """Events that were sent out: id, conversation, status, when."""
    written: list[dict[str, Any]] = field(default_factory=list)
    """Every write-back in its order: kind, conversation, what, when."""
    downloads: list[dict[str, Any]] = field(default_factory=list)
    """Media that were sent: conversation, bytes, when it began and ended."""
    receiver: dict[str, Any] = field(default_factory=dict)
    """Where the page last sent events to, and how."""
    followed: int = 0
    """How often somebody followed what a playlist named."""


class Store:
    """One organisation: its calls, its settings, its memory and the faults that are left."""

    def __init__(self, *, catalog: Catalog, settings: Settings, faults: FaultBox, now: Callable[[], datetime]) -> None:
        self.catalog = catalog
        self.settings = settings
        self.faults = faults
        self.now = now
        self.memory = Memory()
        self.lock = threading.Lock()
        self.signing_key = secrets.token_bytes(32)
        self.media_url = ""
        """Set by whoever serves the media: `http://host:port`."""

    @classmethod
    def of(cls, request: Request) -> Store:
        return cast("Store", request.app.state.store)

    def call(self, request: Request) -> Call:
        """The call the path names. Raises ApiError 404."""
        call = self.catalog.calls.get(request.path_params["conversationId"])
        if call is None:
            raise not_found("conversation.not.found", "The conversation was not found.")
        return call

    def dates_of(self, call: Call) -> Dates:
        with self.lock:
            return self.memory.dates.setdefault(call.recording_id, Dates())

    def file_state(self, call: Call) -> str:
        """How the recording stands now: as sampled or set, and as its dates and protection say since."""
        dates, now = self.dates_of(call), self.now()
        if call.id in self.memory.states:
            return self.memory.states[call.id]
        if dates.delete_at is not None and dates.delete_at <= now and call.id not in self.memory.protected:
            return "DELETED"
        if dates.archive_at is not None and dates.archive_at <= now:
            return "ARCHIVED"
        if dates.restored_at is None:
            return call.file_state
        return "RESTORING" if now < dates.restored_at else "RESTORED"

    def wrote(self, kind: str, *, conversation: str, what: str) -> None:
        """Keeps that something was written back, and when."""
        self.memory.written.append({"kind": kind, "conversation": conversation, "what": what, "at": stamp(self.now())})
