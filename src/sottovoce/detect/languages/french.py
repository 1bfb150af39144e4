"""French as it is said on the telephone: by sixties and scores in France, by tens in Belgium and Switzerland."""

from __future__ import annotations

import re

from sottovoce.detect.languages.language import Language, terms_of
from sottovoce.detect.prompts import Answer, prompt
from sottovoce.domain.entities import Entity

_ONES = ["zero", "un", "deux", "trois", "quatre", "cinq", "six", "sept", "huit", "neuf"]
_TEENS = ["dix", "onze", "douze", "treize", "quatorze", "quinze", "seize", "dix sept", "dix huit", "dix neuf"]
_TENS = ["", "", "vingt", "trente", "quarante", "cinquante", "soixante"]
_SHORT_TENS = {7: ("septante",), 8: ("huitante", "octante"), 9: ("nonante",)}


def _number(n: int) -> str:
    if n < 20:
        return _ONES[n] if n < 10 else _TEENS[n - 10]
    if n < 70:
        return _tens(_TENS[n // 10], n % 10)
    if n < 80:
        return "soixante et onze" if n == 71 else f"soixante {_TEENS[n - 70]}"
    return "quatre vingt" + (f" {_number(n - 80)}" if n > 80 else "")


def _tens(ten: str, one: int) -> str:
    return f"{ten} et un" if one == 1 else f"{ten} {_ONES[one]}" if one else ten


def _numbers() -> dict[str, int]:
    small = {_number(n): n for n in range(100)}
    small |= {f"{ten} un": 10 * k + 1 for k, ten in enumerate(_TENS) if ten}
    small |= {"quatre vingts": 80, "soixante onze": 71, "quatre vingt et un": 81}
    small |= {_tens(ten, one): 10 * k + one for k, tens in _SHORT_TENS.items() for ten in tens for one in range(10)}
    known = dict(small)
    for h in range(1, 10):
        hundred = "cent" if h == 1 else f"{_ONES[h]} cent"
        known |= {f"{hundred} {p}": 100 * h + n for p, n in small.items() if n}
        known |= {hundred: 100 * h, f"{hundred}s": 100 * h}
    for p, n in small.items():
        if n:
            known |= {f"mille neuf cent {p}": 1900 + n, f"dix neuf cent {p}": 1900 + n, f"deux mille {p}": 2000 + n}
    return known | {"deux mille": 2000}


_WORDS = {
    "won": "une",
    "double": "double,deux fois,deux fois le",
    "triple": "triple,trois fois,trois fois le",
    "thousand": "mille",
    "and": "et",
    "um": "euh,heu,alors,bon,ben,donc,oui,non,ouais,pardon,attendez,puis,ensuite,apres,voila,virgule,tiret,"
    "espace,maintenant,"
    "c'est,je corrige,plutot,enfin,hein,ok,hum,mm,d'accord",
    "thanks": "merci,parfait,tres bien,allez y,continuez,je vous ecoute,entendu,bien sur,exactement",
    "of": "de,du",
    "first": "premier",
    "euros": "euro,euros,francs,franc",
    "cents": "centimes,centime",
    "percent": "pour cent,pourcent",
    "minutes": "minute,minutes",
    "hours": "heure,heures",
    "days": "jour,jours",
    "weeks": "semaine,semaines",
    "months": "mois",
    "years": "an,ans,annee,annees",
    "times": "fois",
    "people": "personnes",
    "at": "arobase,arrobase,at",
    "dot": "point",
    "underscore": "tiret bas",
}
_MONTHS = [
    "janvier",
    "fevrier",
    "mars",
    "avril",
    "mai",
    "juin",
    "juillet",
    "aout",
    "septembre",
    "octobre",
    "novembre",
    "decembre",
]

FRENCH = Language(
    code="fr",
    numbers=tuple(_number(n) for n in range(100)),
    double="double",
    pauses=("euh", "alors", "oui", "et puis", "non, pardon,", "attendez"),
    terms=terms_of(
        _numbers(),
        days={_number(n): n for n in range(1, 32)} | {"premier": 1},
        months=_MONTHS,
        words=_WORDS,
    ),
    prompts=(
        prompt(
            Entity.CREDIT_DEBIT_CVV,
            r"cvv|cvc|c v v|cryptogramme(?: visuel)?|code de (?:securite|verification)|(?:trois|quatre|3"
            r"|4)(?: derniers)?"
            r" chiffres|chiffres (?:au dos|au verso|derriere)|code (?:au dos|au verso)",
        ),
        prompt(Entity.CREDIT_DEBIT_EXPIRY, r"expiration|expire|validite|valable jusqu\w*|fin de validite"),
        prompt(
            Entity.CREDIT_DEBIT_NUMBER,
            r"numero(?: complet)? (?:de |sur )?(?:votre |la |ta )?(?:carte|cb|visa|mastercard)|(?:seize|16) chiffres"
            r"|coordonnees bancaires|numero a (?:seize|16) chiffres",
            window_s=40.0,
        ),
        prompt(Entity.PIN, r"pin|code (?:secret|confidentiel)"),
        prompt(Entity.NATIONAL_ID, r"securite sociale|numero (?:de )?secu|carte d'identite|numero national"),
        prompt(
            Entity.DATE_OF_BIRTH,
            r"date de (?:votre |ta )?naissance|ne\w* le|quand etes vous nee?|jour de naissance|anniversaire",
        ),
        prompt(Entity.IBAN, r"iban|rib", window_s=40.0),
        prompt(Entity.BANK_ACCOUNT_NUMBER, r"numero de (?:votre |ton )?compte|compte (?:bancaire|courant)"),
        prompt(Entity.HEALTH_PLAN_NUMBER, r"numero (?:d'adherent|d'assure|de mutuelle|de contrat|de police)"),
        prompt(Entity.PASSPORT, r"passeport"),
        prompt(
            Entity.PHONE,
            r"(?:numero de )?(?:telephone|portable|mobile)|numero ou (?:vous|on)|(?:vous )?(?:joindre|rappeler) au",
            sure=False,
        ),
        prompt(
            Entity.ADDRESS,
            r"code postal|adresse(?! (?:e ?)?mail| electronique)|ou habitez vous",
            answer=Answer.WORDS,
            sure=False,
            window_s=30.0,
        ),
        prompt(
            Entity.EMAIL,
            r"e ?-?mail|courriel|adresse electronique|mail",
            answer=Answer.WORDS,
            sure=False,
            window_s=30.0,
        ),
        prompt(Entity.PASSWORD, r"mot de passe", answer=Answer.WORDS),
        prompt(
            Entity.NAME,
            r"noms?(?: de famille| complet)?|prenoms?|comment vous appelez vous|qui est a l'appareil|epel\w+",
            answer=Answer.WORDS,
            sure=False,
        ),
    ),
    request=re.compile(
        r"\b(?:quel(?:le)?s?|pouvez|pourriez|puis je|donnez|donner|dites|indiquez|confirm\w+|s'il vous plait|il me faut"
        r"|j'ai besoin|votre|ton|ta|vos|comment|qui|epel\w+|rappel\w+|verifi\w+)\b"
    ),
    telling=(
        (
            Entity.NAME,
            re.compile(r"\b(?:je m'appelle|mon nom est|mon prenom est|c'est (?:monsieur|madame))"),
            Answer.WORDS,
        ),
        (Entity.ADDRESS, re.compile(r"\b(?:j'habite|mon adresse est|mon code postal est)\b"), Answer.WORDS),
        (Entity.EMAIL, re.compile(r"\b(?:mon (?:e ?-?mail|mail|courriel) est)\b"), Answer.WORDS),
        (Entity.PASSWORD, re.compile(r"\bmon mot de passe est\b"), Answer.WORDS),
    ),
    ending=re.compile(r"\b(?:se termin\w+|finissant|terminant|qui finit) par\b"),
    last_four=re.compile(r"\b(?:(?:se termin\w+|finissant|terminant) par|(?:quatre|4) derniers)\b"),
)
