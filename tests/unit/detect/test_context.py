"""What prompts make sensitive, and what they leave alone."""

from __future__ import annotations

import pytest

from sottovoce.detect.context import Asked
from sottovoce.detect.protocol import HeardCall
from sottovoce.domain.entities import Entity
from sottovoce.domain.finding import Finding
from sottovoce.domain.sound import Role
from sottovoce.testing.spoken import call_of

MONO = (Role.BOTH,)


def found(
    *turns: tuple[int, str], roles: tuple[Role, ...] = (Role.AGENT, Role.CUSTOMER), probability: float = 0.9
) -> tuple[Finding, ...]:
    sound, transcript = call_of(*turns, roles=roles, probability=probability)
    return Asked().find(HeardCall(sound=sound, transcript=transcript))


@pytest.mark.parametrize(
    ("prompt", "answer", "entity"),
    [
        ("can I take the long number across the front please", "four five three nine", Entity.CREDIT_DEBIT_NUMBER),
        ("what's the card number", "4539 1488", Entity.CREDIT_DEBIT_NUMBER),
        ("and the three digits on the back", "eight three seven", Entity.CREDIT_DEBIT_CVV),
        ("the security code please", "sure it's 837", Entity.CREDIT_DEBIT_CVV),
        ("and the CVV", "eight thirty seven", Entity.CREDIT_DEBIT_CVV),
        ("when is the expiration date", "oh five twenty nine", Entity.CREDIT_DEBIT_EXPIRY),
        ("valid until", "May 2029", Entity.CREDIT_DEBIT_EXPIRY),
        ("please enter your pin", "4 4 1 2", Entity.PIN),
        ("can I have your social security number", "536 22 8726", Entity.SSN),
        ("what's your date of birth", "June the fifth 1962", Entity.DATE_OF_BIRTH),
        ("may I have your date of birth", "5 6 62", Entity.DATE_OF_BIRTH),
        ("what's the best phone number to reach you", "555 1234", Entity.PHONE),
        ("could you give me the routing number", "021000021", Entity.BANK_ROUTING),
        ("what is the sort code", "twenty forty sixty", Entity.BANK_ROUTING),
        ("what's your bank account number", "one two three four five six seven eight", Entity.BANK_ACCOUNT_NUMBER),
        ("your member ID please", "8 8 1 2 3", Entity.HEALTH_PLAN_NUMBER),
        ("what's your medical record number", "44 12 90", Entity.MEDICAL_RECORD_NUMBER),
        ("may I have your full name please", "Jane Doe", Entity.NAME),
        ("could you spell that for me", "d o e", Entity.NAME),
        ("what's your address", "42 Maple Street Springfield", Entity.ADDRESS),
        ("and your zip code", "nine oh two one oh", Entity.ADDRESS),
        ("can I get your email address", "jane at example dot com", Entity.EMAIL),
        ("what is your mother's maiden name", "Miller", Entity.SECURITY_ANSWER),
        ("please tell me your password", "blue elephant", Entity.PASSWORD),
    ],
)
def test_a_prompt_makes_the_answer_sensitive(prompt: str, answer: str, entity: Entity) -> None:
    """The answer on the other channel is found under the name of what was asked for, to its last word."""
    sound, transcript = call_of((0, prompt), (1, answer), (0, "thanks a lot"))
    findings = Asked().find(HeardCall(sound=sound, transcript=transcript))
    assert {(f.entity, f.channel) for f in findings} == {(entity, 1)}
    last = transcript.channels[1].words[-1]
    assert any(f.span.contains(last.span) for f in findings)


@pytest.mark.parametrize(
    ("prompt", "answer"),
    [
        ("how can I help you today", "I'd like two large coffees"),
        ("what time works for you", "around half past three"),
        ("I sent it to your address last week", "no it never came here"),
        ("what's the card number", "hold on let me get my wallet"),
        ("may I have your full name please", "one moment please"),
    ],
)
def test_talk_is_not_an_answer(prompt: str, answer: str) -> None:
    """Neither mentioning a thing nor stalling gives it away."""
    assert found((0, prompt), (1, answer)) == ()


def test_a_garbled_answer_goes_whole() -> None:
    """A short answer whose words the transcriber guessed is covered to the turn's edges."""
    sound, transcript = call_of((0, "the security code please"), (1, "ape tree sever"), probability=0.3)
    findings = [f for f in Asked().find(HeardCall(sound=sound, transcript=transcript)) if f.channel == 1]
    assert findings[0].entity is Entity.CREDIT_DEBIT_CVV
    assert findings[0].span.contains(transcript.channels[1].speech[0])


def test_a_window_ends_when_something_else_is_asked() -> None:
    """The answer to the next question is that question's."""
    findings = found((0, "the expiry date"), (0, "and the security code"), (1, "eight three seven"))
    assert {f.entity for f in findings} == {Entity.CREDIT_DEBIT_CVV}


def test_a_mono_call_has_prompts_too() -> None:
    """Asker and answerer may share a channel."""
    findings = found((0, "and the three digits on the back"), (0, "eight three seven"), roles=MONO)
    assert {f.entity for f in findings} == {Entity.CREDIT_DEBIT_CVV}


def test_an_announced_read_back_of_the_last_four_stays() -> None:
    """`Ending in 4412` is kept, on the agent's channel and on a shared one."""
    assert found((0, "so your card number ending in four four one two is active")) == ()
    assert found((0, "your card number ending in 4412 is active"), roles=MONO) == ()


@pytest.mark.parametrize(
    ("said", "entity"),
    [
        ("my name is Jane Doe", Entity.NAME),
        ("I live at 12 Elm Road", Entity.ADDRESS),
        ("my password is blue elephant", Entity.PASSWORD),
        ("my card number is four five three nine one four", Entity.CREDIT_DEBIT_NUMBER),
        ("the code on the back is eight three seven", Entity.CREDIT_DEBIT_CVV),
        ("my date of birth is the fifth of June 1962", Entity.DATE_OF_BIRTH),
    ],
)
def test_speakers_announce_their_own_secrets(said: str, entity: Entity) -> None:
    """What a speaker says he is about to give is found without anybody asking."""
    assert entity in {f.entity for f in found((1, said))}
