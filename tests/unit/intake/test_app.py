"""The intake over HTTP: what each request is answered."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from sottovoce.database.engine import open_engine
from sottovoce.database.migrate import upgrade
from sottovoce.errors import LedgerUnavailable
from sottovoce.intake.clerk import Clerk
from sottovoce.intake.desk import Desk
from sottovoce.intake.door import Door
from sottovoce.intake.protocol import Message
from sottovoce.service.intake import EVENTS, IntakeApp

Asked = tuple[int, dict[str, str]]


@pytest.fixture
def ask(door: Door, clock: Any, tmp_path: Path) -> Callable[..., list[Any]]:
    """Sends requests to one intake, one after the other or all at once, and gives back the responses."""

    def run(*requests: dict[str, Any], together: bool = False, ready: Callable[[], object] = list) -> list[Any]:
        async def all_of_them() -> list[Any]:
            engine = open_engine("sqlite:registry.sqlite", base=tmp_path)
            upgrade(engine)
            numbers = itertools.count(1)
            desk = Desk(engine=engine, clock=clock, ids=lambda: f"job-{next(numbers)}")
            clerk = Clerk(desk=desk)
            app = IntakeApp(door=door, clerk=clerk, ready=ready)
            transport = httpx.ASGITransport(app=app)  # type: ignore[arg-type]
            async with httpx.AsyncClient(transport=transport, base_url="http://intake") as http:
                if together:
                    found = list(await asyncio.gather(*(http.request(**asked) for asked in requests)))
                else:
                    found = [await http.request(**asked) for asked in requests]
            await clerk.close()
            engine.dispose()
            return found

        return asyncio.run(all_of_them())

    return run


def post(message: Message, **headers: str) -> dict[str, Any]:
    return {"method": "POST", "url": EVENTS, "content": message.body, "headers": {**message.headers, **headers}}


def test_a_fresh_event_is_202_and_a_copy_200(ask: Any, an_event: Any, signed: Any) -> None:
    """The copy's body is the first answer's."""
    first, copy = ask(post(signed(an_event())), post(signed(an_event())))
    assert (first.status_code, copy.status_code) == (202, 200)
    assert first.json() == copy.json() == {"job": "job-1", "status": "accepted"}
    assert first.headers["cache-control"] == "no-store"


def test_fifty_copies_at_once_are_one_job(ask: Any, an_event: Any, signed: Any) -> None:
    """Concurrent copies of ten events: ten are new, and every copy has its event's answer."""
    found = ask(*(post(signed(an_event(n % 10))) for n in range(50)), together=True)
    assert [r.status_code for r in found].count(202) == 10
    assert {r.status_code for r in found} == {200, 202}
    assert len({r.json()["job"] for r in found}) == 10


def test_refusals_say_little(ask: Any, an_event: Any, signed: Any) -> None:
    """Unsigned, not an event, too large, another type, another body under the same id."""
    planted = b'{"type":"x","name":"Jo Example"}'
    huge = signed(b" " * ((1 << 20) + 1))
    found = ask(
        {"method": "POST", "url": EVENTS, "content": planted},
        post(signed(planted)),
        post(huge),
        post(signed(an_event()), **{"content-type": "text/xml"}),
        post(signed(an_event())),
        post(signed(an_event(2), event_id="evt-1")),
    )
    assert [r.status_code for r in found] == [401, 400, 413, 415, 202, 422]
    assert not any("Jo" in r.text for r in found)


def test_other_paths_and_methods(ask: Any) -> None:
    """Only what is there answers."""
    asked = [("GET", EVENTS), ("POST", "/"), ("GET", "/healthz"), ("GET", "/readyz"), ("DELETE", "/healthz")]
    found = ask(*({"method": method, "url": url} for method, url in asked))
    assert [r.status_code for r in found] == [405, 404, 200, 200, 405]
    assert [r.headers.get("allow") for r in found] == ["POST", None, None, None, "GET, HEAD"]


def test_a_database_that_is_gone_is_not_ready(ask: Any) -> None:
    """Readiness asks the database; liveness does not."""

    def gone() -> None:
        raise LedgerUnavailable("the registry's database failed")

    found = ask({"method": "GET", "url": "/readyz"}, {"method": "GET", "url": "/healthz"}, ready=gone)
    assert [r.status_code for r in found] == [503, 200]
    assert found[0].headers["retry-after"] == "5"


def test_headers_that_come_twice_are_refused(ask: Any, an_event: Any, signed: Any) -> None:
    """Two signatures headers could be read in two ways."""
    request = post(signed(an_event()))
    pairs = [*request["headers"].items(), ("webhook-id", "evt-2")]
    (found,) = ask({**request, "headers": pairs})
    assert found.status_code == 400


def test_what_nobody_foresaw_is_answered_and_not_logged(
    door: Door, an_event: Any, signed: Any, caplog: pytest.LogCaptureFixture
) -> None:
    """A bug behind the door is a 500 without words; its message, which may hold a value, goes nowhere."""

    class Broken:
        async def accept(self, _: object) -> None:
            raise KeyError("+12025550143")

    async def run() -> httpx.Response:
        app = IntakeApp(door=door, clerk=Broken(), ready=list)  # type: ignore[arg-type]
        transport = httpx.ASGITransport(app=app)  # type: ignore[arg-type]
        async with httpx.AsyncClient(transport=transport, base_url="http://intake") as http:
            return await http.request(**post(signed(an_event())))

    answer = asyncio.run(run())
    assert (answer.status_code, answer.json()) == (500, {"error": "unexpected"})
    assert "2025550143" not in caplog.text
