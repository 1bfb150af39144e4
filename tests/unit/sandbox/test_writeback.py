"""What is written back is kept and can be read."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from sottovoce.sandbox.store import ALL_PERMISSIONS
from sottovoce.testing.calls import call_entry

CALL = call_entry(1)
CONVERSATION = f"/api/v2/conversations/{CALL['id']}"
NOTES = f"{CONVERSATION}/recordings/{CALL['recording_id']}/annotations"
ITEMS = "/api/v2/taskmanagement/workitems"


def test_attributes_are_merged(opened: Callable[..., Any]) -> None:
    """PATCH answers 202 without a body; the conversation shows old and new attributes."""
    _, http = opened(CALL)
    participant = http.get(CONVERSATION).json()["participants"][0]["id"]
    path = f"{CONVERSATION}/participants/{participant}/attributes"
    answer = http.patch(path, json={"attributes": {"flag": "PCI_MID_CAPTURE"}})
    assert (answer.status_code, answer.content) == (202, b"")
    shown = http.get(CONVERSATION).json()["participants"][0]["attributes"]
    assert (shown["flag"], shown["aiTrainingConsent"]) == ("PCI_MID_CAPTURE", "true")
    assert http.patch(path, content=b"null").status_code == 202
    assert http.patch(path, json={"attributes": {"flag": 1}}).status_code == 400
    assert http.patch(f"{CONVERSATION}/participants/x/attributes", json={}).status_code == 404


def test_one_tag_stays(opened: Callable[..., Any]) -> None:
    """The last tag stays, and is shown on the conversation."""
    _, http = opened(CALL)
    for tag in ("first", "second"):
        answer = http.put(f"{CONVERSATION}/tags", json={"externalTag": tag})
    assert (answer.status_code, answer.json()) == (202, "The tags update request was accepted.")
    assert http.get(CONVERSATION).json()["externalTag"] == "second"
    assert http.put(f"{CONVERSATION}/tags", json={"externalTag": 1}).status_code == 400


def test_annotations_are_kept_on_the_recording(opened: Callable[..., Any]) -> None:
    """An annotation gets an id, is listed, is read by its id, and shows on the recording."""
    _, http = opened(CALL)
    made = http.post(NOTES, json={"name": "flag", "type": "bookmark", "location": 1200}).json()
    assert http.get(NOTES).json() == [made]
    assert http.get(f"{NOTES}/{made['id']}").json() == made
    assert http.get(f"{CONVERSATION}/recordingmetadata").json()[0]["annotations"] == [made]
    assert http.get(f"{NOTES}/x").status_code == 404
    assert http.get(f"{CONVERSATION}/recordings/x/annotations").status_code == 404
    assert http.post(NOTES, json={"description": "x" * 501}).status_code == 400


def test_work_items_are_made_and_read(opened: Callable[..., Any]) -> None:
    """A work item needs a name and a type, and can be read by its id."""
    _, http = opened(CALL)
    made = http.post(ITEMS, json={"name": "Review", "typeId": "t", "queueId": "q"}).json()
    assert (made["type"], made["queue"], made["statusCategory"]) == ({"id": "t"}, {"id": "q"}, "Open")
    assert http.get(f"{ITEMS}/{made['id']}").json() == made
    assert http.get(f"{ITEMS}/x").status_code == 404
    assert http.post(ITEMS, json={"name": "x", "typeId": "t"}).status_code == 400
    assert http.post(ITEMS, content=b"null").status_code == 400


@pytest.mark.parametrize(
    ("method", "path"), [("PUT", f"{CONVERSATION}/tags"), ("POST", NOTES), ("GET", NOTES), ("POST", ITEMS)]
)
def test_writing_needs_permission(opened: Callable[..., Any], method: str, path: str) -> None:
    """A reader's token cannot write, nor see annotations."""
    _, http = opened(CALL, permissions=frozenset({"recording:recording:view"}) & ALL_PERMISSIONS)
    assert http.request(method, path, json={}).status_code == 403


def test_queues_are_paged(opened: Callable[..., Any]) -> None:
    """The queues come as a page of entities."""
    _, http = opened(CALL)
    shown = http.get("/api/v2/routing/queues").json()
    assert (shown["entities"][0]["name"], shown["pageCount"], shown["total"]) == ("Orders", 1, 1)
    assert http.get("/api/v2/routing/queues", params={"pageSize": "many"}).status_code == 400


def test_a_customer_always_takes_part(opened: Callable[..., Any]) -> None:
    """A sample without a customer gets one, and a tag shows in analytics too."""
    _, http = opened(call_entry(1, participants=[{"purpose": "agent"}], wrapup="resolved"))
    http.put(f"{CONVERSATION}/tags", json={"externalTag": "SV-1"})
    shown = http.get(CONVERSATION).json()
    assert [p["purpose"] for p in shown["participants"]] == ["customer", "agent"]
    week = {"interval": "2026-10-05T00:00:00Z/2026-10-12T00:00:00Z"}
    listed = http.post("/api/v2/analytics/conversations/details/query", json=week).json()["conversations"][0]
    assert listed["externalTag"] == "SV-1"
    assert listed["participants"][1]["sessions"][0]["segments"][0]["wrapUpCode"] == "resolved"


def test_protection_is_applied_and_lifted(opened: Callable[..., Any]) -> None:
    """Protected conversations are listed until protection is lifted; unknown ones fail by name."""
    _, http = opened(CALL)
    path, ids = "/api/v2/recordings/deletionprotection", {"conversationIds": [CALL["id"], "x"]}
    assert http.put(path, json=ids, params={"protect": "true"}).json() == {"failedUpdates": [{"id": "x"}]}
    assert [ref["id"] for ref in http.post(path, json=ids).json()] == [CALL["id"]]
    http.put(path, json=ids, params={"protect": "false"})
    assert http.post(path, json=ids).json() == []
    assert http.post(path, json={"conversationIds": ["x"] * 101}).status_code == 400
