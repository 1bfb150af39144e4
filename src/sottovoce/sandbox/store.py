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

from sottovoce.sandbox.answers import ApiError, not_found
from sottovoce.sandbox.catalog import Call, Catalog
from sottovoce.sandbox.faults import FaultBox

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


@dataclass(slots=True, kw_only=True)
class Token:
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

    client_id: str
    client_secret: str = field(repr=False)
    permissions: frozenset[str] = ALL_PERMISSIONS
    token_lifetime_s: int = 86_399
    url_lifetime_s: int = 3600
    rate_limit: int = 300
    lake_lag_s: int = 0
    """How far the asynchronous jobs lag behind (48 h in the real one's documents)."""
    restore_s: float = 1.0
    """How long an archived recording takes to come back (hours in the real one)."""


@dataclass(slots=True, kw_only=True)
class Memory:
    """Everything that was written to the sandbox."""

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
    recording_jobs: dict[str, dict[str, Any]] = field(default_factory=dict)
    gdpr: dict[str, dict[str, Any]] = field(default_factory=dict)
    callbacks: dict[str, dict[str, Any]] = field(default_factory=dict)
    flagged: set[tuple[str, str]] = field(default_factory=set)
    delivered: list[dict[str, Any]] = field(default_factory=list)
    """Events that were sent out: id, status."""


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
        """How the recording stands now: as sampled, and as its dates and protection say since."""
        dates, now = self.dates_of(call), self.now()
        if dates.delete_at is not None and dates.delete_at <= now and call.id not in self.memory.protected:
            return "DELETED"
        if dates.archive_at is not None and dates.archive_at <= now:
            return "ARCHIVED"
        if dates.restored_at is None:
            return call.file_state
        return "RESTORING" if now < dates.restored_at else "RESTORED"

    def require_all(self, *permissions: str) -> None:
        """Every one of these. Raises ApiError 403."""
        for permission in permissions:
            self.require(permission)

    def require(self, *permissions: str) -> None:
        """Any of these. Raises ApiError 403."""
        if not self.settings.permissions & set(permissions):
            raise ApiError(
                403,
                "missing.any.permissions",
                "Unable to perform the requested action. You are missing the following permission(s): "
                + ", ".join(permissions),
            )
