"""Telling a collector of lineage events: a file below the workspace, or an OpenLineage endpoint.

Each entry of the ledger is told once and in order, from a cursor on; a collector that does not answer is told
the same again next time. Nothing is sent unless policy names an address, and to no other than that.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Final, Protocol

from sqlalchemy import Engine, select

from sottovoce.custody.openlineage import TOLD, EventMaker, Told, as_json
from sottovoce.database.custody_tables import event_cursors
from sottovoce.database.engine import reading, writing
from sottovoce.database.tables import erasures
from sottovoce.database.upsert import insert_or_update
from sottovoce.domain.confidential import Confidential
from sottovoce.errors import CustodyError
from sottovoce.ledger.entry import Action, Entry
from sottovoce.ledger.ledger import Ledger

CONSUMER: Final = "openlineage"
TIMEOUT_S: Final = 10.0


class Collector(Protocol):
    """Where events go."""

    def tell(self, event: str) -> None:
        """Takes one event, as a line of JSON. Raises CustodyError."""
        ...


class Nobody:
    """Where policy names no address: nothing is told."""

    def tell(self, event: str) -> None:  # noqa: ARG002
        raise CustodyError("policy names no lineage collector", hint="set `openlineage.url`")


class FileCollector:
    """Lines of JSON at the end of a file."""

    def __init__(self, *, path: Path) -> None:
        self._path = path

    def tell(self, event: str) -> None:
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            with self._path.open("a", encoding="utf-8") as file:
                file.write(f"{event}\n")
                file.flush()
                os.fsync(file.fileno())
        except OSError as failure:
            raise CustodyError(f"the file of events cannot be written ({failure.strerror})") from None


class HttpCollector:
    """Posts each event to an endpoint such as Marquez's `/api/v1/lineage`."""

    def __init__(self, *, url: str, api_key: Confidential[str] | None = None) -> None:
        self._url = url
        self._api_key = api_key

    def tell(self, event: str) -> None:
        import httpx

        headers = {"content-type": "application/json"}
        if self._api_key is not None:
            headers["authorization"] = f"Bearer {self._api_key.reveal().strip()}"
        try:
            answer = httpx.post(
                self._url, content=event, headers=headers, timeout=TIMEOUT_S, follow_redirects=False, trust_env=False
            )
        except httpx.HTTPError as failure:
            said = type(failure).__name__
            raise CustodyError(f"the lineage collector does not answer ({said})", hint=_AGAIN) from None
        if not answer.is_success:
            raise CustodyError(f"the lineage collector answered {answer.status_code}", hint=_AGAIN)


class Teller:
    """Tells the collector what the ledger has and it has not heard."""

    def __init__(self, *, engine: Engine, ledger: Ledger, maker: EventMaker, collector: Collector) -> None:
        self._engine = engine
        self._ledger = ledger
        self._maker = maker
        self._collector = collector

    def tell(self) -> int:
        """Everything new, in order; how many events. Raises CustodyError, and goes on from there next time."""
        told = 0
        for seq, entry in self._ledger.entries(self._cursor()):
            if entry.action in TOLD:
                for event in self._maker.events(seq, entry, self._about(entry)):
                    self._collector.tell(as_json(event))
                    told += 1
                self._move(seq + 1)
        return told

    def pending(self) -> Iterator[str]:
        """The events that would be told, as JSON; nothing is sent."""
        for seq, entry in self._ledger.entries(self._cursor()):
            for event in self._maker.events(seq, entry, self._about(entry)):
                yield as_json(event)

    def _about(self, entry: Entry) -> Told:
        if entry.action is not Action.ERASURE_CERTIFIED:
            return Told()
        with reading(self._engine) as connection:
            report = connection.execute(select(erasures.c.report).where(erasures.c.id == entry.object)).scalar()
        return Told(versions=tuple((report or {}).get("versions", ())))

    def _cursor(self) -> int:
        with reading(self._engine) as connection:
            wanted = select(event_cursors.c.seq).where(event_cursors.c.consumer == CONSUMER)
            return connection.execute(wanted).scalar() or 0

    def _move(self, seq: int) -> None:
        with writing(self._engine) as connection:
            insert_or_update(connection, event_cursors, {"consumer": CONSUMER, "seq": seq})


_AGAIN = "it is told the same again next time: `sottovoce lineage tell`"
