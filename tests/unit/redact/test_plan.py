"""From findings and rules to the stretches that go (SPEC 6.6, 7.1)."""

from __future__ import annotations

import numpy as np
import pytest

from sottovoce.domain.entities import FULL_NUMBERS, Entity
from sottovoce.domain.finding import Fill, Finding
from sottovoce.domain.sound import Role, Sound
from sottovoce.domain.spans import Span
from sottovoce.errors import RedactionError
from sottovoce.policy.model import Redaction
from sottovoce.redact.crosstalk import carries, correlation, couples
from sottovoce.redact.maps import redaction_map
from sottovoce.redact.plan import SNAP_S, make_plan
from sottovoce.redact.rules import rules_for

RATE = 8000
CALL = (Role.AGENT, Role.CUSTOMER)


def sound(*speech: tuple[int, float, float], roles=CALL, seconds: float = 20.0, leak: float = 0.0) -> Sound:
    """Line noise, with loud independent noise as speech on (channel, from, to), leaking into the others."""
    rng = np.random.default_rng(3)
    samples = rng.normal(0, 0.0005, (len(roles), int(seconds * RATE)))
    for channel, start, end in speech:
        part = slice(int(start * RATE), int(end * RATE))
        said = rng.normal(0, 0.1, part.stop - part.start)
        samples[channel, part] += said
        for other in set(range(len(roles))) - {channel}:
            samples[other, part] += leak * said
    return Sound(samples=samples.astype(np.float32), rate=RATE, roles=roles)


def finding(start: float, end: float, *, channel: int = 1, entity: Entity = Entity.CREDIT_DEBIT_NUMBER, score=0.9):
    return Finding(
        entity=entity, channel=channel, span=Span.of_seconds(start, end, rate=RATE), detector="test", score=score
    )


RULES = rules_for(Redaction())


def seconds(plan) -> list[tuple[int, float, float]]:
    return [(p.channel, *p.span.seconds(RATE)) for p in plan.spans]


def test_a_margin_is_kept_on_each_side():
    """In silence a stretch is the finding and 200 ms on each side."""
    plan = make_plan([finding(5, 6)], rules=RULES, sound=sound())
    ((channel, start, end),) = seconds(plan)
    assert channel == 1
    assert 4.78 <= start <= 4.8
    assert 6.2 <= end <= 6.22
    assert (plan.rate, plan.frames, plan.margin_ms, plan.fill) == (RATE, 20 * RATE, 200, Fill.SILENCE)


def test_cuts_move_outward_to_the_next_pause():
    """An edge within speech moves out to where the speech pauses, and never inward."""
    plan = make_plan([finding(5, 6)], rules=RULES, sound=sound((1, 4.6, 6.35)))
    ((_, start, end),) = seconds(plan)
    assert 4.55 <= start <= 4.61
    assert 6.34 <= end <= 6.4


def test_without_a_pause_the_cut_goes_to_the_quietest_point():
    """In unbroken speech the stretch grows, by 300 ms at most."""
    plan = make_plan([finding(5, 6)], rules=RULES, sound=sound((1, 0, 20)))
    ((_, start, end),) = seconds(plan)
    assert 4.8 - SNAP_S - 0.02 <= start <= 4.8
    assert 6.2 <= end <= 6.2 + SNAP_S + 0.02


def test_findings_at_the_ends_stay_within_the_sound():
    """Margins do not reach over the sound's ends; a finding over the end is cut."""
    plan = make_plan([finding(0, 0.1), finding(19.9, 21)], rules=RULES, sound=sound((1, 0, 20)))
    assert plan.spans[0].span.start == 0
    assert plan.spans[1].span.end == 20 * RATE


@pytest.mark.parametrize("bad", [finding(20, 21), finding(30, 31), finding(1, 2, channel=2), finding(1, 2, channel=-1)])
def test_a_finding_outside_the_sound_is_an_error(bad):
    """It would otherwise be a byte-identical success."""
    with pytest.raises(RedactionError):
        make_plan([bad], rules=RULES, sound=sound())


def test_close_stretches_merge_and_keep_every_finding():
    """What is closer than the policy's gap becomes one stretch, in any order of findings."""
    many = [finding(7, 7.5, entity=Entity.CREDIT_DEBIT_CVV, score=0.5), finding(5, 6), finding(5.2, 5.4)]
    plan = make_plan(many, rules=RULES, sound=sound())
    assert len(plan.spans) == 2
    far = make_plan(many, rules=rules_for(Redaction(merge_ms=1000)), sound=sound())
    assert len(far.spans) == 1
    assert set(far.spans[0].findings) == set(many)
    assert far.spans[0].label == "CREDIT_DEBIT_NUMBER_1"


def test_labels_count_in_the_order_of_the_call():
    """The n-th stretch of an entity has the number n, over channels, on every run."""
    many = [finding(15, 16), finding(2, 3), finding(8, 9, entity=Entity.NAME), finding(9, 10, channel=0)]
    plan = make_plan(many, rules=RULES, sound=sound())
    assert [p.label for p in plan.spans] == [
        "CREDIT_DEBIT_NUMBER_1",
        "NAME_1",
        "CREDIT_DEBIT_NUMBER_2",
        "CREDIT_DEBIT_NUMBER_3",
    ]


def test_the_agent_keeps_what_is_no_whole_number():
    """By default the agent's channel loses whole numbers only, the customer's everything."""
    many = [finding(2, 3, channel=0, entity=Entity.NAME), finding(5, 6, channel=0), finding(8, 9, entity=Entity.NAME)]
    plan = make_plan(many, rules=RULES, sound=sound())
    assert [(p.channel, p.label) for p in plan.spans] == [(0, "CREDIT_DEBIT_NUMBER_1"), (1, "NAME_1")]


def test_mono_calls_use_the_full_list():
    """Where both speak on one channel, everything goes."""
    plan = make_plan([finding(2, 3, channel=0, entity=Entity.NAME)], rules=RULES, sound=sound(roles=(Role.BOTH,)))
    assert len(plan.spans) == 1


def test_crosstalk_of_a_stretch_goes_too():
    """The customer's number in the agent's microphone is taken out there, and the label says whose."""
    plan = make_plan([finding(5, 8)], rules=RULES, sound=sound((1, 5, 8), leak=0.05))
    assert [p.channel for p in plan.spans] == [0, 1]
    assert plan.spans[0].findings == plan.spans[1].findings


def test_another_voice_at_the_same_time_stays():
    """An agent who talks over the customer is no crosstalk; nor is silence; nor without the rule."""
    speech = ((1, 5, 8), (0, 5, 8))
    assert [p.channel for p in make_plan([finding(5, 8)], rules=RULES, sound=sound(*speech)).spans] == [1]
    without = rules_for(Redaction(crosstalk=False))
    assert len(make_plan([finding(5, 8)], rules=without, sound=sound((1, 5, 8), leak=0.05)).spans) == 1
    assert correlation(np.zeros(100), np.ones(100), lag=10) == 0.0


def test_crosstalk_of_a_moment_is_found():
    """A second of leaked speech within a long stretch of double talk is enough."""
    both = sound((0, 2, 12), (1, 2, 8))
    samples = both.samples.copy()
    samples[0, 9 * RATE : 11 * RATE] = 0.1 * np.random.default_rng(9).normal(0, 0.1, 2 * RATE)
    samples[1, 9 * RATE : 11 * RATE] = samples[0, 9 * RATE : 11 * RATE] * 10
    mixed = Sound(samples=samples, rate=RATE, roles=CALL)
    assert carries(mixed, Span(2 * RATE, 12 * RATE), source=1, other=0)


def test_the_queue_decides_before_the_category():
    """A queue's own list wins over its category's, which wins over the default; case does not matter."""
    redaction = Redaction(default=("pci",), queues={"Clinic": ("phi",), "retail": ("gdpr_special",)})
    wants = {
        "default": rules_for(redaction),
        "clinic": rules_for(redaction, queue="clinic", category="retail"),
        "retail": rules_for(redaction, queue="other", category="RETAIL"),
    }
    assert not wants["default"].wants(Entity.NAME, Role.CUSTOMER)
    assert wants["clinic"].wants(Entity.NAME, Role.CUSTOMER)
    assert not wants["retail"].wants(Entity.CREDIT_DEBIT_NUMBER, Role.CUSTOMER)
    assert all(r.wants(Entity.UNHEARD_SPEECH, role) for r in wants.values() for role in Role)


def test_the_agents_list_follows_the_policy():
    """Whole numbers, the customer's list, or one of its own."""
    assert rules_for(Redaction()).entities[Role.AGENT] == FULL_NUMBERS
    assert rules_for(Redaction(agent="same")).entities[Role.AGENT] == frozenset(Entity)
    assert rules_for(Redaction(keep_last_four=False)).entities[Role.AGENT] == frozenset(Entity)
    own = rules_for(Redaction(agent=(Entity.EMAIL,))).entities[Role.AGENT]
    assert own == {Entity.EMAIL, Entity.UNHEARD_SPEECH}


def test_a_queue_under_hipaa_takes_every_name():
    """With `phi`, or where the list names them, names of a story go too, from both channels; else they stay."""
    story = [finding(5, 6, entity=Entity.NAME, score=0.25), finding(9, 10, channel=0, entity=Entity.NAME)]
    redaction = Redaction(queues={"clinic": ("phi",), "desk": ("pci", Entity.NAME)})
    removed = {
        queue: [p.channel for p in make_plan(story, rules=rules_for(redaction, queue=queue), sound=sound()).spans]
        for queue in ("clinic", "desk", "sales")
    }
    assert removed == {"clinic": [1, 0], "desk": [1], "sales": []}


READ_BACK = (
    Entity.NAME,
    Entity.ADDRESS,
    Entity.DATE_OF_BIRTH,
    Entity.PHONE,
    Entity.MEDICAL_RECORD_NUMBER,
    Entity.HEALTH_PLAN_NUMBER,
    Entity.ACCOUNT_NUMBER,
)


@pytest.mark.parametrize("entity", READ_BACK)
def test_an_identifier_is_one_whoever_speaks_it(entity):
    """Under `phi` the agent's channel loses what the customer's does; elsewhere it keeps all but whole numbers."""
    both = [finding(5, 6, entity=entity), finding(9, 10, channel=0, entity=entity)]
    redaction = Redaction(queues={"clinic": ("phi",), "mixed": ("pci", "phi")})
    removed = {
        queue: {p.channel for p in make_plan(both, rules=rules_for(redaction, queue=queue), sound=sound()).spans}
        for queue in ("clinic", "mixed", "sales")
    }
    assert removed == {"clinic": {0, 1}, "mixed": {0, 1}, "sales": {1}}


def test_a_list_of_the_agents_own_holds_under_hipaa_too():
    """Whoever writes a list for the agent has said what goes."""
    own = rules_for(Redaction(agent=(Entity.EMAIL,), queues={"clinic": ("phi",)}), queue="clinic")
    assert own.entities[Role.AGENT] == {Entity.EMAIL, Entity.UNHEARD_SPEECH}


def test_what_is_heard_across_stays_with_its_speaker():
    """The agent's last four digits, found again on the customer's channel, go there and stay on the agent's."""
    plan = make_plan([finding(5, 8)], rules=RULES, sound=sound((0, 5, 8), leak=0.05))
    assert [p.channel for p in plan.spans] == [1]


def test_an_echo_under_noise_is_found_in_the_call():
    """Where no single answer shows the crosstalk, its steady lag over the call does."""
    clear = sound(*((1, s, s + 2) for s in range(1, 18, 3)), leak=0.05)
    noise = np.random.default_rng(5).normal(0, 0.01, clear.samples.shape)
    noisy = Sound(samples=(clear.samples + noise).astype(np.float32), rate=RATE, roles=CALL)
    assert couples(noisy, source=1, other=0)
    apart = sound(*((1, s, s + 2) for s in range(1, 18, 3)), (0, 2, 12))
    assert not couples(apart, source=1, other=0)
    assert not couples(Sound(samples=np.zeros((2, 100), np.float32), rate=RATE, roles=CALL), source=1, other=0)


def test_the_map_says_where_and_why_but_not_what():
    """Spans in samples and seconds, entity, detector, score and label."""
    plan = make_plan([finding(5, 6)], rules=RULES, sound=sound())
    written = redaction_map(plan)
    (span,) = written["spans"]
    assert span["label"] == "CREDIT_DEBIT_NUMBER_1"
    assert span["findings"] == [
        {
            "entity": "CREDIT_DEBIT_NUMBER",
            "channel": 1,
            "start": 40_000,
            "end": 48_000,
            "detector": "test",
            "score": 0.9,
            "checked": None,
        }
    ]
    assert (span["start"], span["end"]) == (plan.spans[0].span.start, plan.spans[0].span.end)
    assert written["frames"] == 20 * RATE
