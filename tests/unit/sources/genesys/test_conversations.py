"""A conversation as far as we may know it, whatever is absent."""

from __future__ import annotations

from typing import Any

import pytest

from sottovoce.sources.genesys.conversations import combine
from sottovoce.sources.genesys.permissions import granted

KEPT = frozenset({"aiTrainingConsent", "aiTrainingOptOut"})


def party(purpose: str | None, **fields: Any) -> dict[str, Any]:
    return {"purpose": purpose, **fields}


def test_attributes_of_every_participant_are_kept_as_policy_names_them() -> None:
    """Consent may be set on any participant; all are read, and only the named attributes stay."""
    detail = {
        "participants": [
            party("customer", attributes={"aiTrainingConsent": "true", "ssn": "000-00-0000"}),
            party("ivr", attributes={"aiTrainingOptOut": "true", "note": None}),
            party("agent", attributes=None),
        ]
    }
    call = combine("c", {}, detail, attributes=KEPT)
    assert [(p.purpose, dict(p.attributes)) for p in call.participants] == [
        ("customer", {"aiTrainingConsent": "true"}),
        ("ivr", {"aiTrainingOptOut": "true"}),
        ("agent", {}),
    ]


@pytest.mark.parametrize("direction", ["inbound", "outbound"])
def test_the_callers_number_is_never_the_one_kept_in_the_clear(direction: str) -> None:
    """Inbound, the number dialled is the company's own; outbound it is the customer's, and is hidden."""
    session = {"ani": "tel:+1001", "dnis": "tel:+1002", "mediaType": "voice"}
    summary = {"originatingDirection": direction, "participants": [party("customer", sessions=[session])]}
    call = combine("c", summary, {}, attributes=KEPT)
    assert call.customer.reveal() == ("tel:+1001" if direction == "inbound" else "tel:+1002")
    assert call.dnis == ("tel:+1002" if direction == "inbound" else None)
    assert "+100" not in repr(call.customer)


@pytest.mark.parametrize(
    ("summary", "detail"),
    [
        ({}, {}),
        ({}, None),
        ({"participants": None, "conversationStart": None}, {"participants": None}),
        ({"participants": [None, 7, {}]}, {"participants": [{}, "x", {"attributes": 7, "purpose": None}]}),
        ({"participants": [{"sessions": [{"segments": None}, {"segments": [{"queueId": None}]}]}]}, []),
        ({"conversationStart": "yesterday", "conversationEnd": 7, "mediaStatsMinConversationMos": True}, {}),
    ],
)
def test_whatever_is_absent_is_none(summary: Any, detail: Any) -> None:
    """Active, agentless and damaged conversations are read without an error."""
    call = combine("c", summary, detail, attributes=KEPT)
    assert (call.started_at, call.ended_at, call.queues, call.agent.reveal(), call.mos) == (None, None, (), None, None)


def test_queue_agent_language_and_skills_are_found() -> None:
    """Queue and skills come from segments, names and language from the conversation itself."""
    segment = {"queueId": "q", "requestedRoutingSkillIds": ["s1", "s1", "s2"]}
    summary = {
        "conversationStart": "2026-10-05T10:00:00Z",
        "conversationEnd": "2026-10-05T10:01:00.5Z",
        "mediaStatsMinConversationMos": 4.2,
        "participants": [party("agent", userId="u", sessions=[{"segments": [segment], "direction": "inbound"}])],
    }
    detail = {
        "participants": [
            party("customer", locale="en-US", externalContactId="x"),
            party("acd", queueName="Orders", queueId="q"),
            party("acd", queueId="r"),
        ]
    }
    call = combine("c", summary, detail, attributes=KEPT)
    assert [(q.id, q.name) for q in call.queues] == [("q", "Orders"), ("r", None)]
    assert (call.language, call.skills) == ("en-US", ("s1", "s2"))
    assert (call.agent.reveal(), call.customer.reveal(), call.mos, call.direction) == ("u", "x", 4.2, "inbound")
    assert call.ended_at is not None
    assert call.started_at is not None
    assert (call.ended_at - call.started_at).total_seconds() == 60.5


def test_permissions_of_all_grants_are_one_sorted_list() -> None:
    """What the token may do is every action of every policy of every grant."""
    policy = {"domain": "recording", "entityName": "recording", "actions": ["view", "download"]}
    subject = {"grants": [{"role": {"policies": [policy, {"domain": "x"}]}}, {"role": None}, {}]}
    assert granted(subject) == ("recording:recording:download", "recording:recording:view")
    assert granted(None) == ()


def test_the_customers_own_leg_says_what_was_dialled() -> None:
    """Inner legs carry addresses of machines; the number is the customer's leg's, before any other."""
    machine = "sip:155200d1@127.0.0.1;language=en-US;user=acd"
    parties = [
        party("ivr", dnis=machine, ani="tel:+1001"),
        party("agent", dnis="tel:+1003"),
        party("customer", dnis="tel:+1002", ani="tel:+1001"),
    ]
    call = combine("c", {"originatingDirection": "inbound"}, {"participants": parties}, attributes=KEPT)
    assert call.dnis == "tel:+1002"
    out = combine("c", {"originatingDirection": "outbound"}, {"participants": parties}, attributes=KEPT)
    assert (out.dnis, out.customer.reveal()) == (None, "tel:+1002")
