"""What is ours beside the API: faults of single calls, states, clients, copies, and names behind ids."""

from __future__ import annotations

import re
import time
from pathlib import Path
from typing import Any

import httpx
import pytest

from sottovoce.sandbox.catalog import Catalog
from sottovoce.sandbox.faults import Faults
from sottovoce.testing.calls import AGENT, QUEUE, call_entry, write_calls
from sottovoce.testing.clock import SteppedClock
from sottovoce.testing.tenant import Open, signed_in

CALLS = [call_entry(n) for n in (1, 2)]
CALL, OTHER = CALLS
LISTS = [f"/api/v2/conversations/{call['id']}/recordings" for call in CALLS]


def address(http: httpx.Client, call: dict[str, Any] = CALL) -> str:
    path = f"/api/v2/conversations/{call['id']}/recordings/{call['recording_id']}"
    return str(http.get(path, params={"formatId": "WAV"}).json()["mediaUris"]["0"]["mediaUri"])


def test_faults_of_one_call_spare_the_others(opened: Open) -> None:
    """They happen to its requests alone, before those of everything; what is shown can be set again."""
    sandbox, http = opened(*CALLS)
    single = {"empty_lists": 1, "server_errors": 1, "server_error_status": 504}
    order = {"empty_lists": 1, "calls": {CALL["id"]: single}}
    assert http.post("/sandbox/faults", json=order).json()["calls"] == order["calls"]
    assert [http.get(LISTS[0]).status_code for _ in range(2)] == [504, 200]
    assert sandbox.faults.left()["empty_lists"] == 1
    assert [http.get(LISTS[1]).json() == [] for _ in range(2)] == [True, False]
    assert http.post("/sandbox/faults", json=http.get("/sandbox/faults").json()).status_code == 200


@pytest.mark.parametrize(
    "order",
    [{"calls": {"x": {}}}, {"calls": {CALL["id"]: {"nothing": 1}}}, {"calls": []}, {"server_error_status": 418}],
)
def test_faults_name_known_calls(opened: Open, order: dict[str, Any]) -> None:
    """A call that is not there, a fault that is not one: refused, and nothing is changed."""
    sandbox, http = opened(*CALLS)
    assert http.post("/sandbox/faults", json={"corrupt": 1, **order}).status_code == 400
    assert sandbox.faults.left()["corrupt"] == 0


def test_media_trickle(plain: httpx.Client, opened: Open) -> None:
    """At so many bytes a second a medium takes at least its time; what was sent is told afterwards."""
    _, http = opened(*CALLS, faults=Faults(trickle_bytes_s=40_000))
    began = time.monotonic()
    size = len(plain.get(address(http)).content)
    assert time.monotonic() - began >= size / 40_000
    (told,) = http.get("/sandbox/written").json()["downloads"]
    assert (told["conversation"], told["bytes"]) == (CALL["id"], size)


def test_wrong_media_are_another_calls(plain: httpx.Client, opened: Open) -> None:
    """The next call's sound, in the channel that was asked for; alone, a call has only its own."""
    sandbox, http = opened(CALL, call_entry(2, duration_s=2.0))
    mine, others = plain.get(address(http)).content, plain.get(address(http, OTHER)).content
    sandbox.faults.set({"wrong_media": 1})
    assert plain.get(address(http)).content == others
    _, alone = opened(CALL)
    alone.post("/sandbox/faults", json={"wrong_media": 1})
    assert plain.get(address(alone)).content == mine


def test_who_follows_a_playlist_is_noticed(plain: httpx.Client, opened: Open) -> None:
    """The address a playlist names is the sandbox's own, and counts who asks for it."""
    sandbox, http = opened(CALL, faults=Faults(playlists=1))
    named = plain.get(address(http)).text.splitlines()[-1]
    assert httpx.URL(named).netloc.decode() == sandbox.media_host
    plain.get(named)
    assert http.get("/sandbox/written").json()["followed"] == 1


def test_states_are_set_and_left_to_the_dates_again(opened: Open) -> None:
    """A recording stands as it was told to, until it is left alone."""
    _, http = opened(CALL)
    order = {"conversation": CALL["id"], "file_state": "RESTORING"}
    assert http.post("/sandbox/states", json=order).json() == order
    assert http.get("/sandbox/calls").json()["calls"][0]["file_state"] == "RESTORING"
    assert http.post("/sandbox/states", json={**order, "file_state": None}).json()["file_state"] == "AVAILABLE"
    assert http.post("/sandbox/states", json={**order, "file_state": "LOST"}).status_code == 400
    assert http.post("/sandbox/states", json={"conversation": "x"}).status_code == 400


def test_copies_are_calls_of_their_own(tmp_path: Path) -> None:
    """The same sound under fresh ids, and under the same ones in every run."""
    folder = write_calls(tmp_path, CALLS)
    first, again = Catalog(folder=folder, copies=3), Catalog(folder=folder, copies=3)
    assert list(first.calls) == list(again.calls)
    assert len(first.calls) == len({call.recording_id for call in first.calls.values()}) == 6
    assert {CALL["id"], OTHER["id"]} < set(first.calls)
    assert {call.file for call in first.calls.values()} == {CALL["file"], OTHER["file"]}


def test_names_are_found_behind_ids(opened: Open) -> None:
    """Queues and users one by one and by page, and how long addresses live."""
    _, http = opened(CALL, url_lifetime_s=120)
    assert http.get(f"/api/v2/routing/queues/{QUEUE}").json() == {"id": QUEUE, "name": "Orders"}
    assert http.get(f"/api/v2/users/{AGENT}").json()["name"] == "Robin Example"
    assert http.get("/api/v2/users", params={"id": f"{AGENT},x"}).json()["total"] == 1
    assert http.get("/api/v2/users", params={"id": "x"}).json()["entities"] == []
    assert http.get("/api/v2/users/x").status_code == http.get("/api/v2/routing/queues/x").status_code == 404
    assert http.get("/api/v2/recording/settings").json()["recordingPlaybackUrlTtl"] == 2


def test_a_call_is_read_as_a_call(opened: Open, clock: SteppedClock) -> None:
    """CallConversation has the attributes too, and its states in lower case."""
    _, http = opened(call_entry(1, started_at="2026-11-01T11:59:30Z", duration_s=60.0))
    path = f"/api/v2/conversations/calls/{CALL['id']}"
    assert http.get(path).json()["recordingState"] == "active"
    clock.advance(60)
    shown = http.get(path).json()
    assert (shown["recordingState"], shown["participants"][0]["attributes"]["caseNumber"]) == ("none", "C-1")


def test_a_client_is_made_with_fewer_rights(opened: Open) -> None:
    """Its secret opens it, and a list that is none is refused."""
    sandbox, http = opened(CALL)
    with signed_in(sandbox, without=["routing:queue:view"]) as other:
        assert other.get("/api/v2/routing/queues").status_code == 403
    assert http.get("/api/v2/routing/queues").status_code == 200
    assert http.post("/sandbox/clients", json={"permissions": "all"}).status_code == 400


def test_the_page_of_documents_names_every_fault() -> None:
    """And no fault that is none."""
    text = (Path(__file__).parents[3] / "docs" / "sandbox.md").read_text(encoding="utf-8")
    table = text[text.index("| name | what") : text.index("`POST /sandbox/states`")]
    columns = [row.split("|")[1] for row in table.splitlines()[2:] if row]
    named = {name for column in columns for name in re.findall(r"`([a-z_]+)`", column)}
    assert named == set(Faults.model_fields)
