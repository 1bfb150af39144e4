"""Tables of what Spanish, French and German speakers say (SPEC 6.2): the same grammar, other words."""

from __future__ import annotations

from dataclasses import replace

import pytest

from sottovoce.detect.context import Asked
from sottovoce.detect.dates import Dates
from sottovoce.detect.finder import Finder
from sottovoce.detect.languages.doubt import DoubtfulTurns
from sottovoce.detect.languages.known import LANGUAGES, language_of
from sottovoce.detect.languages.language import MASK, plain, said_in_english, terms_of
from sottovoce.detect.spelling import Spelling
from sottovoce.detect.spoken_numbers import SpokenNumbers
from sottovoce.domain.entities import Entity
from sottovoce.domain.finding import Finding
from sottovoce.domain.outcome import Passed, Reason, Withheld
from sottovoce.errors import DetectionError
from sottovoce.policy.model import Redaction
from sottovoce.redact.rules import rules_for
from sottovoce.testing.redaction import ScriptedTranscriber
from sottovoce.testing.spoken import call_of
from sottovoce.testing.talk import redactor_of
from sottovoce.wiring.rooms import compose_redactor

FINDER = Finder(detectors=(SpokenNumbers(), Asked(), Dates(), Spelling()))
ASKING = Finder(detectors=(Asked(), Dates(), Spelling()))
OTHERS = sorted(LANGUAGES - {"en"})


def heard(code: str, *turns: tuple[int, str]):
    sound, transcript = call_of(*turns)
    return sound, replace(transcript, language=code)


def found(code: str, *turns: tuple[int, str]) -> tuple[Finding, ...]:
    return FINDER.find(*heard(code, *turns))


CARDS = {
    "es": (
        "cuatro siete uno seis dos dos nueve tres uno ocho tres cuatro cinco cinco siete cero",
        "cuarenta y siete dieciséis veintidós noventa y tres dieciocho treinta y cuatro cincuenta y cinco setenta",
        "cuatro mil setecientos dieciséis, veintidós noventa y tres, 1834, 5570",
        "cuatro siete uno seis, eh, doble dos nueve tres, uno ocho tres cuatro, doble cinco siete cero",
        "47 16, veintidós, noventa y tres, uno ocho tres cuatro y luego 5570",
        "cuatro siete uno seis ... dos dos nueve tres ... uno ocho tres cuatro ... cinco cinco siete cero",
        "cuatro siete uno, no, perdón, seis dos dos nueve tres uno ocho tres cuatro cinco cinco siete cero",
        "cuatrocientos setenta y uno seiscientos veintidós novecientos treinta y uno ochocientos treinta y cuatro 5570",
        "Cuatro, Siete, Uno, Seis, Dos, Dos, Nueve, Tres, Uno, Ocho, Tres, Cuatro, Cinco, Cinco, Siete, Cero.",
        "es la 4716-2293-1834-5570 gracias",
        "cuarentaisiete dieciseis veintidos noventaitres dieciocho treintaicuatro cincuentaicinco setenta",
        "treinta y siete ochenta y dos, ochenta y dos, veinticuatro, seiscientos treinta y uno, cero cero cinco",
    ),
    "fr": (
        "quatre sept un six deux deux neuf trois un huit trois quatre cinq cinq sept zéro",
        "quarante-sept seize vingt-deux quatre-vingt-treize dix-huit trente-quatre cinquante-cinq soixante-dix",
        "quarante sept seize vingt deux quatre vingt treize dix huit trente quatre cinquante cinq soixante dix",
        "quarante-sept seize, euh, vingt-deux nonante-trois, dix-huit trente-quatre, cinquante-cinq septante",
        "quatre sept un six ... deux deux neuf trois ... un huit trois quatre ... cinq cinq sept zéro",
        "quatre mille sept cent seize, deux deux neuf trois, 1834, 5570",
        "quatre sept un, non, pardon, six deux deux neuf trois un huit trois quatre cinq cinq sept zéro",
        "le 4716 2293 1834 5570 merci",
        "soixante et onze soixante-douze quatre-vingt-un quatre-vingt-onze quatre-vingts vingt et un 4 7 1 6",
        "Quatre, sept, un, six, double deux, neuf, trois, un, huit, trois, quatre, double cinq, sept, zéro.",
        "quatre cent soixante et onze six cent vingt-deux neuf cent trente et un huit cent trente-quatre 5570",
        "4-7-1-6 et puis deux deux neuf trois, oui, un huit trois quatre, 55, soixante-dix",
    ),
    "de": (
        "vier sieben eins sechs zwei zwei neun drei eins acht drei vier fünf fünf sieben null",
        "siebenundvierzig sechzehn zweiundzwanzig dreiundneunzig achtzehn vierunddreißig fünfundfünfzig siebzig",
        "sieben und vierzig sechzehn zwei und zwanzig drei und neunzig achtzehn vier und dreißig fünf und fünfzig siebzig",
        "vier sieben eins sechs ... zwo zwo neun drei ... eins acht drei vier ... fünf fünf sieben null",
        "viertausend siebenhundertsechzehn zwo zwo neun drei 1834 5570",
        "vier sieben eins, nein, Entschuldigung, sechs zwei zwei neun drei eins acht drei vier fünf fünf sieben null",
        "es ist die 4716 2293 1834 5570 danke",
        "Vier, Sieben, Eins, Sechs, doppel zwei, Neun, Drei, Eins, Acht, Drei, Vier, doppel fünf, Sieben, Null.",
        "vierhunderteinundsiebzig sechshundertzweiundzwanzig neunhunderteinunddreißig achthundertvierunddreißig 5570",
        "siebenundvierzig 16, ähm, zweiundzwanzig, 93 und dann achtzehn vierunddreissig fuenfundfuenfzig siebzig",
        "4-7-1-6 ja zwei zwei neun drei genau eins acht drei vier fünf fünf sieben null",
        "einund vierzig elf elf elf elf elf elf elf",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("code", "said"), [(code, said) for code, many in CARDS.items() for said in many])
def test_a_card_number_is_found_however_it_is_said(code, said):
    """Tens, teens, hundreds, doubles, inversions, fillers, pauses and corrections: one card number, from end to end."""
    sound, transcript = heard(code, (1, said))
    findings = FINDER.find(sound, transcript)
    assert {f.entity for f in findings} == {Entity.CREDIT_DEBIT_NUMBER}
    words = [w for w in transcript.channels[1].words if w.text.reveal() not in {"es", "la", "le", "ist", "die"}]
    thanks = {"gracias", "merci", "danke"}
    last = [w for w in words if w.text.reveal() not in thanks][-1]
    assert min(f.span.start for f in findings) <= words[0].span.end
    assert max(f.span.end for f in findings) >= last.span.end


ANSWERS = {
    "es": (
        ("¿me puede dar el código de seguridad?", "ocho tres siete", Entity.CREDIT_DEBIT_CVV),
        ("¿y los tres dígitos de atrás?", "837", Entity.CREDIT_DEBIT_CVV),
        ("¿cuál es la fecha de caducidad?", "cinco veintinueve", Entity.CREDIT_DEBIT_EXPIRY),
        ("¿cuándo vence?", "mayo del veintinueve", Entity.CREDIT_DEBIT_EXPIRY),
        ("¿me dice su fecha de nacimiento, por favor?", "el 14 del 3 del 81", Entity.DATE_OF_BIRTH),
        ("dígame su número de tarjeta", "cuatro siete uno seis", Entity.CREDIT_DEBIT_NUMBER),
        ("¿cuál es su número de teléfono?", "seis uno dos, treinta y cuatro", Entity.PHONE),
        ("¿su código postal, por favor?", "veintiocho cero trece", Entity.ADDRESS),
        ("¿con quién hablo, su nombre por favor?", "Inés Cobo", Entity.NAME),
        ("¿me da su DNI?", "doce treinta y cuatro cincuenta y seis", Entity.NATIONAL_ID),
        ("marque su PIN", "uno nueve ocho cuatro", Entity.PIN),
        ("¿su correo electrónico, por favor?", "ines arroba gmail punto com", Entity.EMAIL),
    ),
    "fr": (
        ("quel est le cryptogramme visuel ?", "huit trois sept", Entity.CREDIT_DEBIT_CVV),
        ("et les trois chiffres au dos ?", "huit cent trente-sept", Entity.CREDIT_DEBIT_CVV),
        ("la date d'expiration, s'il vous plaît", "zéro cinq vingt-neuf", Entity.CREDIT_DEBIT_EXPIRY),
        ("elle expire quand ?", "mai vingt-neuf", Entity.CREDIT_DEBIT_EXPIRY),
        ("quelle est votre date de naissance ?", "le 14 mars 81", Entity.DATE_OF_BIRTH),
        ("donnez-moi le numéro de votre carte", "quatre sept un six", Entity.CREDIT_DEBIT_NUMBER),
        ("quel est votre numéro de téléphone ?", "zéro six douze trente-quatre", Entity.PHONE),
        ("votre code postal, s'il vous plaît ?", "soixante-quinze zéro onze", Entity.ADDRESS),
        ("votre nom, s'il vous plaît ?", "Inès Caubet", Entity.NAME),
        ("votre numéro de sécurité sociale ?", "deux quatre-vingt-un zéro trois", Entity.NATIONAL_ID),
        ("tapez votre code confidentiel", "un neuf huit quatre", Entity.PIN),
        ("votre mail, s'il vous plaît ?", "ines arobase gmail point com", Entity.EMAIL),
    ),
    "de": (
        ("wie lautet die Prüfnummer?", "acht drei sieben", Entity.CREDIT_DEBIT_CVV),
        ("und der Sicherheitscode bitte", "achthundertsiebenunddreißig", Entity.CREDIT_DEBIT_CVV),
        ("wie ist das Ablaufdatum?", "null fünf neunundzwanzig", Entity.CREDIT_DEBIT_EXPIRY),
        ("gültig bis wann?", "Mai neunundzwanzig", Entity.CREDIT_DEBIT_EXPIRY),
        ("nennen Sie mir bitte Ihr Geburtsdatum", "14. März 81", Entity.DATE_OF_BIRTH),
        ("wie lautet Ihre Kartennummer?", "vier sieben eins sechs", Entity.CREDIT_DEBIT_NUMBER),
        ("wie ist Ihre Telefonnummer?", "null eins sieben sechs zwölf", Entity.PHONE),
        ("Ihre Postleitzahl bitte", "achtzig drei drei eins", Entity.ADDRESS),
        ("wie ist Ihr Name bitte?", "Inge Kobold", Entity.NAME),
        ("sagen Sie mir die Bankleitzahl", "siebzig null fünf", Entity.BANK_ROUTING),
        ("geben Sie Ihre Geheimzahl ein", "eins neun acht vier", Entity.PIN),
        ("Ihre E-Mail-Adresse bitte", "inge at gmail punkt com", Entity.EMAIL),
    ),
}  # fmt: skip


@pytest.mark.parametrize(
    ("code", "asked", "answer", "entity"), [(code, *case) for code, many in ANSWERS.items() for case in many]
)
def test_an_answer_is_known_by_its_prompt(code, asked, answer, entity):
    """What is asked for in a language is found when it is answered, on the other channel."""
    findings = ASKING.find(*heard(code, (0, asked), (1, answer)))
    assert entity in {f.entity for f in findings if f.channel == 1}


BIRTHS = (
    ("es", "nací el cinco de mayo de mil novecientos ochenta y cinco"),
    ("es", "el 5 de mayo de 1985"),
    ("es", "veintiuno de enero de mil novecientos setenta"),
    ("fr", "né le cinq mai mille neuf cent quatre-vingt-cinq"),
    ("fr", "le premier janvier mille neuf cent soixante-douze"),
    ("fr", "le 14 juillet 1971"),
    ("de", "am fünften Mai neunzehnhundertfünfundachtzig"),
    ("de", "am einundzwanzigsten Januar neunzehnhundertsiebzig"),
    ("de", "5. Mai 1985"),
)


@pytest.mark.parametrize(("code", "said"), BIRTHS)
def test_a_birth_date_is_found_without_a_prompt(code, said):
    """A day, a month and a past year, in words or numerals."""
    assert Entity.DATE_OF_BIRTH in {f.entity for f in found(code, (1, said))}


HARMLESS = (
    ("es", "son las tres de la tarde y he llamado dos veces a la oficina o a la tienda"),
    ("es", "cuesta ciento veinte euros al mes y tarda cinco días"),
    ("es", "no me he hecho a la idea de que lo do por perdido"),
    ("fr", "on a attendu vingt minutes or il y a deux personnes devant"),
    ("fr", "ça coûte quatre-vingt-dix euros par mois pendant deux ans"),
    ("fr", "il est dix heures et on se dit à demain"),
    ("de", "ich habe zwei mal angerufen und so war die Frau am Telefon"),
    ("de", "das kostet neunundvierzig Euro im Monat und dauert drei Tage"),
    ("de", "er hat am Abend um acht Uhr an der Tür gewartet"),
)


@pytest.mark.parametrize(("code", "said"), HARMLESS)
def test_ordinary_talk_stays(code, said):
    """Prices, times and small words, also those that look like English digits, are not findings."""
    assert found(code, (1, said)) == ()


@pytest.mark.parametrize("code", sorted(LANGUAGES))
def test_a_language_says_every_number_its_own_way(code):
    """0 to 99 are a hundred phrases, each read as what it means."""
    language = language_of(code)
    assert len(set(language.numbers)) == 100
    if code != "en":
        for n, said in enumerate(language.numbers):
            assert language.terms[tuple(plain(said).split())] == said_in_english(n)


def test_what_a_language_does_not_name_is_not_english():
    """Another language's `on`, `or` and `the` are masked."""
    sound, transcript = heard("fr", (1, "or the he on quatre"))
    from sottovoce.detect.lines import lines_of

    assert [t.text for t in lines_of(transcript)[1].tokens] == [f"{w}{MASK}" for w in ("or", "the", "he", "on")] + [
        "four"
    ]
    assert sound.channels == 2


def test_numbers_apart_are_not_one_number():
    """`Soixante … douze` with a pause between is no seventy-two."""
    from sottovoce.detect.lines import lines_of

    _, together = heard("fr", (1, "soixante douze"))
    _, apart = heard("fr", (1, "soixante ... douze"))
    assert [t.text for t in lines_of(together)[1].tokens] == ["seventy", "two"]
    assert [t.text for t in lines_of(apart)[1].tokens] == ["sixty", "twelve"]


def test_a_phrase_with_two_meanings_is_refused():
    """A language's data cannot contradict itself."""
    with pytest.raises(ValueError, match="two things"):
        terms_of({"uno": 1}, days={}, months=tuple("abcdefghijkl"), words={"two": "uno"})


@pytest.mark.parametrize("tag", ["it", "xx", ""])
def test_a_language_nobody_knows_is_refused(tag):
    """Neither is it read as English."""
    with pytest.raises(DetectionError):
        language_of(tag)
    with pytest.raises(DetectionError):
        FINDER.find(*heard(tag, (1, "uno due tre")))


@pytest.mark.parametrize("code", sorted(LANGUAGES))
def test_doubtful_turns_go_where_no_second_ear_listens(code):
    """A long turn that the transcriber half guessed is unheard speech, except in the second ear's own language."""
    said = " ".join(language_of(code).numbers[20:30])
    for probability, expected in ((0.5, code != "en"), (0.7, False)):
        sound, transcript = call_of((1, said), probability=probability)
        findings = Finder(detectors=(DoubtfulTurns(),)).find(sound, replace(transcript, language=code))
        assert bool(findings) is expected
        assert all(f.span.contains(w.span) for f in findings for w in transcript.channels[1].words)


class Polyglot(ScriptedTranscriber):
    """A transcriber whose model hears some languages."""

    def __init__(self, answer, languages):
        super().__init__(answer)
        self.languages = languages


@pytest.mark.parametrize("code", OTHERS)
def test_a_language_passes_only_where_model_and_finder_know_it(code):
    """Heard by an English model it is withheld; by a model that knows it, it is redacted."""
    card = CARDS[code][0]
    sound, transcript = heard(code, (1, card))
    rules = rules_for(Redaction())
    for narrow in (ScriptedTranscriber(transcript), Polyglot(transcript, frozenset({"en", "it"}))):
        answer = compose_redactor(narrow).treat(sound, rules, language=code)
        assert isinstance(answer, Withheld)
        assert answer.reason is Reason.LANGUAGE_UNSUPPORTED
    wide = compose_redactor(Polyglot(transcript, frozenset({"en", "it", code})))
    answer = wide.treat(sound, rules, language=code)
    assert isinstance(answer, Passed)
    assert answer.evidence["ms_credit_debit_number"] > 0
    unknown = compose_redactor(Polyglot(replace(transcript, language="it"), frozenset({"en", "it", code})))
    assert isinstance(unknown.treat(sound, rules, language="it"), Withheld)
    assert isinstance(redactor_of(transcript, finder=FINDER).treat(sound, rules, language=code), Withheld)
