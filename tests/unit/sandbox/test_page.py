"""The sandbox's page: what can be seen on it, and what its buttons do."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from typing import Any

import pytest

from sottovoce.sandbox.faults import Faults
from sottovoce.testing.calls import call_entry
from sottovoce.testing.tenant import Open

CALLS = [call_entry(n) for n in (1, 2, 3)]
CALL = CALLS[0]
NOBODY = "http://127.0.0.1:9/"


class Controls(HTMLParser):
    """The names of what can be filled in, and what has a label."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.named: list[str] = []
        self.unlabelled: list[str] = []
        self._is_within_label = False
        self._labelled: set[str] = set(re.findall(r"<label for=(\w+)>", text))
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._is_within_label |= tag == "label"
        found = dict(attrs)
        if tag not in ("input", "select") or found.get("type") == "hidden":
            return
        name = str(found["name"])
        self.named.append(name)
        if not self._is_within_label and found.get("id") not in self._labelled:
            self.unlabelled.append(name)

    def handle_endtag(self, tag: str) -> None:
        self._is_within_label &= tag != "label"


def test_the_page_shows_calls_and_sets_faults(opened: Open) -> None:
    """It needs no token, shows every call and every fault, and a button sets one."""
    sandbox, http = opened(*CALLS)
    del http.headers["Authorization"]
    shown = http.get("/sandbox")
    assert shown.headers["content-type"].startswith("text/html")
    assert all(call["id"] in shown.text for call in CALLS)
    assert set(Faults.model_fields) <= set(Controls(shown.text).named)
    answer = http.post("/sandbox", data={"truncated": "2"}, follow_redirects=True)
    assert "name=truncated value=2" in answer.text
    assert sandbox.faults.left()["truncated"] == 2
    http.post("/sandbox", data={"clear": "1"})
    assert sandbox.faults.left()["truncated"] == 0


@pytest.mark.parametrize(
    "form", [{"truncated": "-1"}, {"unknown": "1"}, {"truncated": "1", "call": "x"}, {"corrupt": ""}]
)
def test_what_is_no_fault_is_refused(opened: Open, form: dict[str, str]) -> None:
    """A count is a whole number, and a fault is a known one of a known call."""
    _, http = opened()
    assert http.post("/sandbox", data=form).status_code == 400


def test_a_call_has_a_page_of_its_own(opened: Open) -> None:
    """There its faults and its state are set, for it alone."""
    sandbox, http = opened(*CALLS)
    answer = http.post("/sandbox", data={"call": CALL["id"], "resets": "3"}, follow_redirects=True)
    assert answer.url.params["call"] == CALL["id"]
    assert "name=resets value=3" in answer.text
    assert (sandbox.faults.of(CALL["id"]), sandbox.faults.left()["resets"]) == ({"resets": 3}, 0)
    http.post("/sandbox", data={"call": CALL["id"], "file_state": "UPLOADING"})
    recording = f"/api/v2/conversations/{CALL['id']}/recordings/{CALL['recording_id']}"
    assert http.get(recording).json()["fileState"] == "UPLOADING"
    assert http.get("/sandbox", params={"call": "x"}).status_code == 400
    assert "resets 3" in http.get("/sandbox").text


def test_events_are_sent_from_the_page(opened: Open) -> None:
    """Of one call or of all; where to is remembered, the secret is kept and never shown."""
    sandbox, http = opened(*CALLS)
    order = {
        "send": "1",
        "url": NOBODY,
        "kind": "recordingStarted",
        "scheme": "github",
        "secret": "hush",
        "copies": "2",
    }
    answer = http.post("/sandbox", data={**order, "call": CALL["id"]}, follow_redirects=True)
    assert "2 × nothing" in answer.text
    assert NOBODY in answer.text
    assert "hush" not in answer.text
    again = {**order, "secret": "", "shuffle": "true"}
    assert "6 × nothing" in http.post("/sandbox", data=again, follow_redirects=True).text
    assert {event["conversation"] for event in sandbox.store.memory.delivered} == {call["id"] for call in CALLS}
    assert sandbox.store.memory.receiver["secret"] == "hush"
    for wrong in ({"url": "http://192.0.2.1/"}, {"kind": "x"}, {"copies": "0"}):
        assert http.post("/sandbox", data={**order, **wrong}).status_code == 400


def test_a_form_of_another_site_is_refused(opened: Open) -> None:
    """A page elsewhere cannot press the buttons."""
    sandbox, http = opened()
    foreign = http.post("/sandbox", data={"truncated": "2"}, headers={"Origin": "http://elsewhere.example"})
    assert foreign.status_code == 403
    own = http.post("/sandbox", data={"truncated": "2"}, headers={"Origin": sandbox.api_url})
    assert own.status_code == 303


def test_the_page_needs_nothing_from_elsewhere(opened: Open) -> None:
    """No script, no address of another host; every control has its label; what was written is told, escaped."""
    sandbox, http = opened(call_entry(1, dnis="<b>"), CALLS[1])
    sandbox.store.wrote("annotation", conversation=CALL["id"], what="<script>alert(1)</script>")
    pages: list[Any] = [http.get("/sandbox"), http.get("/sandbox", params={"call": CALL["id"]})]
    for shown in pages:
        assert "default-src 'none'" in shown.headers["Content-Security-Policy"]
        assert "<script" not in shown.text
        assert "&lt;script&gt;" in shown.text
        assert not re.findall(r"(?:src|href)=['\"]?(?:https?:)?//", shown.text)
        assert "@import" not in shown.text
        assert Controls(shown.text).unlabelled == []
