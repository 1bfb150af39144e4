"""German as it is said on the telephone: the unit before the ten, in one word or, as transcribers cut it, in three."""

from __future__ import annotations

import re

from sottovoce.detect.languages.language import Language, terms_of
from sottovoce.detect.prompts import Answer, prompt
from sottovoce.domain.entities import Entity

_ONES = ["null", "eins", "zwei", "drei", "vier", "fünf", "sechs", "sieben", "acht", "neun"]
_TEENS = ["zehn", "elf", "zwölf", "dreizehn", "vierzehn", "fünfzehn", "sechzehn", "siebzehn", "achtzehn", "neunzehn"]
_TENS = ["", "", "zwanzig", "dreißig", "vierzig", "fünfzig", "sechzig", "siebzig", "achtzig", "neunzig"]


def _unit(n: int) -> str:
    return "ein" if n == 1 else _ONES[n]


def _number(n: int) -> str:
    if n < 20:
        return _ONES[n] if n < 10 else _TEENS[n - 10]
    ten, one = divmod(n, 10)
    return f"{_unit(one)}und{_TENS[ten]}" if one else _TENS[ten]


def _small() -> dict[str, int]:
    small = {_number(n): n for n in range(100)} | {"zwo": 2, "dreissig": 30}
    for ten in range(2, 10):
        for one in range(1, 10):
            for unit in (_unit(one), *(("zwo",) if one == 2 else ())):
                small |= {
                    f"{unit}{gap}und{behind}{_TENS[ten]}": 10 * ten + one for gap in ("", " ") for behind in ("", " ")
                }
    return small


def _numbers() -> dict[str, int]:
    small = _small()
    known = dict(small)
    for h in range(1, 10):
        for hundred in (f"{_unit(h)}hundert", f"{_unit(h)} hundert"):
            known |= {f"{hundred}{gap}{p}": 100 * h + n for p, n in small.items() if n for gap in ("", " ")}
            known[hundred] = 100 * h
    for p, n in small.items():
        if n:
            known |= {
                f"neunzehnhundert{p}": 1900 + n,
                f"neunzehnhundert {p}": 1900 + n,
                f"neunzehn hundert {p}": 1900 + n,
            }
            known |= {f"zweitausend{p}": 2000 + n, f"zweitausend {p}": 2000 + n, f"zwei tausend {p}": 2000 + n}
    known |= {"zweitausend": 2000, "hundert": 100}
    return {written: n for p, n in known.items() for written in {p, p.replace("ü", "ue").replace("ö", "oe")}}


def _ordinals() -> dict[str, int]:
    stems = {1: "erst", 3: "dritt", 7: "siebt", 8: "acht"}
    found: dict[str, int] = {}
    for n in range(1, 32):
        stem = stems.get(n) or _number(n) + ("t" if n < 20 else "st")
        found |= {stem + ending: n for ending in ("e", "er", "en", "es")}
    return found


_WORDS = {
    "won": "ein",
    "fore": "hier",
    "fife": "fünft",
    "sicks": "sex",
    "ate": "ach",
    "nein": "neu,neuen",
    "double": "doppel,doppelt,zweimal,zwei mal",
    "triple": "dreifach,dreimal,drei mal",
    "thousand": "tausend",
    "and": "und",
    "um": "äh,ähm,öh,hm,mhm,also,ja,nein,nee,genau,okay,ok,moment,entschuldigung,warte,warten sie,dann,und dann,"
    "jetzt,komma,"
    "strich,bindestrich,leerzeichen,noch mal,nochmal,stimmt nicht,korrektur,beziehungsweise,so,weiter,gefolgt von",
    "thanks": "danke,bitte,gut,prima,super,sehr gut,gerne,fahren sie fort,ich höre,alles klar,in ordnung",
    "euros": "euro,euros,franken",
    "cents": "cent,rappen",
    "percent": "prozent",
    "minutes": "minute,minuten",
    "hours": "stunde,stunden",
    "o'clock": "uhr",
    "days": "tag,tage,tagen",
    "weeks": "woche,wochen",
    "months": "monat,monate,monaten",
    "years": "jahr,jahre,jahren",
    "times": "mal",
    "people": "personen,leute",
    "at": "at,klammeraffe",
    "dot": "punkt",
    "underscore": "unterstrich",
}
_MONTHS = [
    "januar",
    "februar",
    "märz",
    "april",
    "mai",
    "juni",
    "juli",
    "august",
    "september",
    "oktober",
    "november",
    "dezember",
]


def _days() -> dict[str, int]:
    return _ordinals() | {_number(n): n for n in range(1, 32)}


def _terms() -> dict[tuple[str, ...], tuple[str, ...]]:
    terms = terms_of(_numbers(), days=_days(), months=_MONTHS, words=_WORDS)
    jenner = terms_of({}, days=_days(), months=("jänner", "feber", *_MONTHS[2:]), words={})
    return terms | jenner


GERMAN = Language(
    code="de",
    numbers=tuple(_number(n) for n in range(100)),
    double="doppel",
    pauses=("äh", "ähm,", "ja", "und dann", "nein, Entschuldigung,", "Moment"),
    terms=_terms(),
    prompts=(
        prompt(
            Entity.CREDIT_DEBIT_CVV,
            r"cvv|cvc|c v v|(?:sicherheits|pruf|kartenpruf)(?:code|nummer|ziffer)n?|(?:drei|vier|3"
            r"|4)(?:stellige\w*| stellige\w*)"
            r"(?: code| nummer| zahl| prufziffer)|(?:drei|vier|3|4) ziffern|(?:code|nummer|ziffern"
            r"|zahlen) auf der ruckseite",
        ),
        prompt(
            Entity.CREDIT_DEBIT_EXPIRY,
            r"ablaufdatum|gultig(?:keit\w*| bis)|gultigkeitsdatum|lauft (?:sie|die karte)? ?ab|verfall\w*",
        ),
        prompt(
            Entity.CREDIT_DEBIT_NUMBER,
            r"(?:kredit|giro|bank|ec )?kartennummer|(?:kredit|giro)karten? nummer|nummer (?:ihrer|der|auf der"
            r"|von ihrer) "
            r"(?:kredit|bank|giro)?karte|(?:sechzehn|16) ?(?:stellige\w*|ziffern|stellen)|kartendaten",
            window_s=40.0,
        ),
        prompt(Entity.PIN, r"pin|geheimzahl|geheimnummer"),
        prompt(
            Entity.NATIONAL_ID,
            r"(?:personal)?ausweis(?:nummer)?|steuer ?(?:id\w*|nummer)|sozialversicherungs ?nummer|ahv nummer",
        ),
        prompt(Entity.DATE_OF_BIRTH, r"geburts(?:datum|tag)|wann (?:sind sie|bist du|wurden sie) geboren|geboren am"),
        prompt(Entity.IBAN, r"iban", window_s=40.0),
        prompt(Entity.BANK_ROUTING, r"bankleitzahl|b l z|blz"),
        prompt(Entity.BANK_ACCOUNT_NUMBER, r"konto ?nummer|bankverbindung"),
        prompt(Entity.HEALTH_PLAN_NUMBER, r"(?:versicherten|versicherungs|mitglieds|krankenversicherungs) ?nummer"),
        prompt(Entity.PASSPORT, r"(?:reise)?pass ?nummer"),
        prompt(Entity.ACCOUNT_NUMBER, r"(?:kunden|vertrags|auftrags|rechnungs) ?nummer"),
        prompt(
            Entity.PHONE,
            r"(?:telefon|handy|mobil|ruckruf|mobilfunk) ?nummer|nummer (?:unter der|erreich\w+)|erreichen|zuruckrufen",
            sure=False,
        ),
        prompt(
            Entity.ADDRESS,
            r"postleitzahl|p l z|plz|(?:wohn|rechnungs|liefer)?(?:adresse|anschrift)|wo wohnen sie",
            answer=Answer.WORDS,
            sure=False,
            window_s=30.0,
        ),
        prompt(Entity.EMAIL, r"e ?-?mail(?: ?adresse)?", answer=Answer.WORDS, sure=False, window_s=30.0),
        prompt(Entity.PASSWORD, r"passwort|kennwort", answer=Answer.WORDS),
        prompt(
            Entity.NAME,
            r"(?:vor|nach|familien|zu)?namen?|wie heissen sie|mit wem spreche ich|buchstabier\w+",
            answer=Answer.WORDS,
            sure=False,
        ),
    ),
    request=re.compile(
        r"\b(?:wie|was|welche\w*|konnen|konnten|kann ich|durfte|darf|nennen|geben|sagen|bestatig\w+|bitte"
        r"|brauche|benotig\w+"
        r"|ihr\w*|dein\w*|wo|mit wem|buchstabier\w+|lautet|verrat\w+)\b"
    ),
    telling=(
        (Entity.NAME, re.compile(r"\b(?:ich heisse|mein (?:vor|nach)?name ist)\b"), Answer.WORDS),
        (
            Entity.ADDRESS,
            re.compile(r"\b(?:ich wohne (?:in|am|im)|meine (?:adresse|anschrift|postleitzahl) (?:ist|lautet))\b"),
            Answer.WORDS,
        ),
        (Entity.EMAIL, re.compile(r"\bmeine e ?-?mail(?: ?adresse)? (?:ist|lautet)\b"), Answer.WORDS),
        (Entity.PASSWORD, re.compile(r"\bmein (?:passwort|kennwort) (?:ist|lautet)\b"), Answer.WORDS),
    ),
    ending=re.compile(r"\b(?:endet|endend|endend\w*) (?:auf|mit)\b"),
    last_four=re.compile(r"\b(?:(?:endet|endend) (?:auf|mit)|letzten (?:vier|4))\b"),
)
