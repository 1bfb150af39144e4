"""Answers go whole where no second ear knows the language (SPEC 6.2, 6.5)."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from sottovoce.domain.entities import Entity
from sottovoce.domain.finding import Finding
from sottovoce.domain.outcome import Passed, Reason, Withheld
from sottovoce.domain.sound import Role
from sottovoce.domain.spans import Span
from sottovoce.errors import DetectionError
from sottovoce.policy.model import Redaction
from sottovoce.redact.answers import Question, whole_answers
from sottovoce.redact.redactor import Redactor
from sottovoce.redact.rules import rules_for
from sottovoce.testing.redaction import ScriptedEar, ScriptedFinder, ScriptedTranscriber
from sottovoce.testing.talk import CALL, RATE, said, talk, word
from sottovoce.wiring.questions import PromptedQuestions

ASKS = {
    "es": "me puede decir el número de su tarjeta por favor",
    "fr": "quel est le numéro de votre carte s'il vous plaît",
    "de": "wie lautet die nummer ihrer karte bitte",
}
SECURITY = {
    "es": "y el código de seguridad por favor",
    "fr": "et le code de sécurité s'il vous plaît",
    "de": "und die prüfnummer bitte",
}
FRAMES = 40 * RATE


def line(text: str, start_s: float, *, each_s: float = 0.3):
    return [word(w, start_s + k * each_s, start_s + (k + 0.9) * each_s) for k, w in enumerate(text.split())]


def at(seconds: float) -> int:
    return round(seconds * RATE)


def question(seconds: float, *, entity: Entity = Entity.CREDIT_DEBIT_CVV, channel: int = 1) -> Question:
    return Question(entity=entity, channel=channel, at=at(seconds), seconds=20)


def answers(*questions: Question, agent=(), customer=(), roles=CALL, found=()):
    heard = said(list(agent), list(customer), language="es")
    return whole_answers(questions, heard, roles, found, frames=FRAMES)


def test_an_answer_goes_until_the_asker_speaks_again():
    """Whatever was understood of it, and however little."""
    (answer,) = answers(question(5), agent=line("muchas gracias por su pago señora", 12))
    assert (answer.entity, answer.channel) == (Entity.CREDIT_DEBIT_CVV, 1)
    assert answer.span == Span(at(4.5), at(12))


def test_listening_is_no_turn():
    """ "Sí" between two groups of a number does not end the answer; nor is there an end if nobody speaks again."""
    (answer,) = answers(question(5), agent=[*line("sí", 8), *line("le escucho", 10)])
    assert answer.span == Span(at(4.5), FRAMES)


def test_where_nobody_can_tell_who_speaks_the_whole_time_of_an_answer_goes():
    """On one channel for both, or with roles unknown, the window of the question is the answer."""
    (answer,) = answers(question(5), agent=line("muchas gracias por su pago señora", 8), roles=(Role.BOTH, Role.BOTH))
    assert answer.span == Span(at(4.5), at(25))


def test_only_payment_and_only_who_may_answer():
    """A birth date is not a card; the agent asks, and answers nothing."""
    assert answers(question(5, entity=Entity.DATE_OF_BIRTH), question(5, channel=0)) == ()


def test_a_question_at_the_very_end_is_no_error():
    """An answer lies within the recording."""
    (answer,) = answers(question(40.5))
    assert answer.span.start < FRAMES + RATE


def test_a_read_back_with_a_number_in_it_goes_whole():
    """What the asker repeats was heard by one ear too."""
    back = line("a ver cuatro siete uno seis y lo demás", 12)
    digits = Finding(
        entity=Entity.CREDIT_DEBIT_NUMBER, channel=0, span=Span(at(12.6), at(13.2)), detector="t", score=0.9
    )
    found = answers(question(5), agent=back, found=(digits,))
    assert {(f.channel, f.span) for f in found} == {
        (1, Span(at(4.5), at(12))),
        (0, Span(at(12), back[-1].span.end)),
    }
    assert len(answers(question(5), agent=back)) == 1


def redactor(heard, *, questions: object = None, finds=()) -> Redactor:
    return Redactor(
        transcriber=ScriptedTranscriber(heard),
        finder=ScriptedFinder(finds),
        ears=(ScriptedEar(),),
        noise_source=lambda: np.random.default_rng(0),
        languages=frozenset({"en", *ASKS}),
        questions=questions,
    )


@pytest.mark.parametrize("language", sorted(ASKS))
@pytest.mark.parametrize("asks", [ASKS, SECURITY])
def test_a_misheard_answer_leaves_nothing(language, asks):
    """No detector found anything, and the transcriber wrote nonsense: the sound of the answer is gone all the same."""
    sound = talk((0, 1, 4), (1, 5, 11), (0, 13, 16), seconds=20)
    heard = said(
        [*line(asks[language], 1), *line("gracias un momento muy bien ya está", 13)],
        line("bla bla bla bla bla", 5, each_s=1.2),
        language=language,
    )
    answer = redactor(heard, questions=PromptedQuestions()).treat(
        sound, rules_for(Redaction(default=("pci",))), language=None
    )
    assert isinstance(answer, Passed)
    assert not answer.value.sound.samples[1, at(4.9) : at(11.1)].any()
    assert np.array_equal(answer.value.sound.samples[0], sound.samples[0])
    assert [w.text.reveal()[:14] for w in answer.value.transcript.channels[1].words] == ["[CREDIT_DEBIT_"]


def test_english_has_its_second_ear():
    """There an answer is what was found."""
    heard = said(line("may i have your card number please", 1), line("bla bla bla", 5), language="en")
    answer = redactor(heard, questions=PromptedQuestions()).treat(
        talk((1, 5, 7)), rules_for(Redaction()), language="en"
    )
    assert isinstance(answer, Passed)
    assert answer.value.plan.spans == ()


def test_without_knowing_the_questions_the_language_is_withheld():
    """One ear alone is not enough."""
    heard = said([], line("hola buenos días", 2), language="es")
    answer = redactor(heard).treat(talk((1, 2, 4)), rules_for(Redaction()), language=None)
    assert isinstance(answer, Withheld)
    assert answer.reason is Reason.LANGUAGE_UNSUPPORTED


def test_questions_that_cannot_be_read_withhold():
    """A failure here is a failure of detection."""

    class Fails:
        def asked(self, sound, transcript):
            raise DetectionError("")

    heard = said([], line("hola buenos días", 2), language="es")
    answer = redactor(heard, questions=Fails()).treat(talk((1, 2, 4)), rules_for(Redaction()), language=None)
    assert isinstance(answer, Withheld)
    assert answer.reason is Reason.DETECTOR_FAILED
    assert replace(answer).evidence == {"code": "E_DETECTION"}
