"""What people ask for on the telephone, and how they say that they are about to give it.

Each prompt is a pattern over a turn's normalised words. *Sure* ones open a window wherever they are said;
the others need a request around them ("can I take", "what's your", "could you confirm"), so that talk of
an address or a name is not taken for asking.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum

from sottovoce.domain.entities import Entity


class Answer(StrEnum):
    """What the answer is made of."""

    DIGITS = "digits"
    WORDS = "words"
    """The whole answer goes: names, addresses, secrets."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Prompt:
    """Asked for `entity`; the answer is within `window_s` of the asking."""

    entity: Entity
    pattern: re.Pattern[str]
    answer: Answer
    is_sure: bool
    window_s: float = 20.0


def prompt(
    entity: Entity, pattern: str, *, answer: Answer = Answer.DIGITS, sure: bool = True, window_s: float = 20.0
) -> Prompt:
    """One more way of asking, matched between word boundaries."""
    return Prompt(
        entity=entity, pattern=re.compile(rf"\b(?:{pattern})\b"), answer=answer, is_sure=sure, window_s=window_s
    )


PROMPTS: tuple[Prompt, ...] = (
    prompt(
        Entity.CREDIT_DEBIT_CVV,
        r"cvv|cvc|cvv2|c v v|c v c|security code|(?:three|four|3|4) (?:digits?"
        r"|numbers?)(?: code)? on the (?:back|front|reverse)"
        r"|(?:digits?|numbers?|code) on the (?:back|reverse)|card verification|signature strip|last three digits on",
    ),
    prompt(
        Entity.CREDIT_DEBIT_EXPIRY,
        r"expir(?:y|ation|es?|ing)(?: date)?|valid (?:until|thru|through|to|till)|good (?:through|thru|until)"
        r"|end date on the card",
    ),
    prompt(
        Entity.CREDIT_DEBIT_NUMBER,
        r"(?:card|visa|mastercard|amex|american express|debit|credit)(?: card)? (?:number|numbers|digits)"
        r"|long number|(?:sixteen|16) digit|number (?:across|on) the (?:front|card|face)|long card"
        r"|number of (?:your|the) card|card details",
        window_s=40.0,
    ),
    prompt(
        Entity.PIN,
        r"(?:your|the|telephone|phone|atm|four digit|4 digit) pin(?: number| code)?|pin (?:number|code)|p i n"
        r"|passcode",
    ),
    prompt(
        Entity.SSN,
        r"social security(?: number)?|social(?: number)|your social|ssn|s s n|last four of (?:your|the) social"
        r"|tax(?:payer)? id\w*",
    ),
    prompt(Entity.NATIONAL_ID, r"national insurance(?: number)?|n i number|national id\w*|identity (?:card )?number"),
    prompt(
        Entity.DATE_OF_BIRTH,
        r"dates? of birth|birth ?dates?|birth ?days?|d o b|dob|when were you born|year (?:you were|of) (?:born"
        r"|birth)",
    ),
    prompt(Entity.IBAN, r"iban|i ban|i b a n", window_s=40.0),
    prompt(Entity.BANK_ROUTING, r"routing(?: transit)?(?: number)?|sort code|aba number|transit number"),
    prompt(
        Entity.MEDICAL_RECORD_NUMBER,
        r"medical record(?: number)?|patient (?:number|id\w*)|m r n|mrn|nhs number|n h s number|chart number",
    ),
    prompt(
        Entity.HEALTH_PLAN_NUMBER,
        r"(?:member(?:ship)?|policy|insurance|subscriber|group|plan|medicare|medicaid"
        r"|beneficiary)(?: card)? (?:number|id\w*|i d)",
    ),
    prompt(Entity.PASSPORT, r"passport(?: number)?"),
    prompt(Entity.DRIVER_LICENSE, r"driv(?:er|ers|er's|ing) licen[cs]e(?: number)?|licen[cs]e number"),
    prompt(
        Entity.LICENSE_PLATE,
        r"licen[cs]e plate|number plate|plate number|registration(?: number| plate)?|tag number",
        sure=False,
    ),
    prompt(
        Entity.PHONE,
        r"(?:phone|telephone|mobile|cell|cellphone|contact|callback|call back|home|work|daytime)(?: phone)? number"
        r"|(?:best|good) number|number (?:to reach|we can reach|i can reach|to call|you're calling from"
        r"|you are calling from)|reach you (?:at|on)",
        sure=False,
    ),
    prompt(Entity.BANK_ACCOUNT_NUMBER, r"(?:bank|checking|savings|current) account(?: number)?", sure=False),
    prompt(
        Entity.ACCOUNT_NUMBER,
        r"account number|customer number|customer id\w*|reference number|claim number|case number"
        r"|confirmation (?:number|code)",
    ),
    prompt(Entity.PASSWORD, r"pass ?words?|pass ?phrase|secret word|memorable word|code ?word", answer=Answer.WORDS),
    prompt(
        Entity.SECURITY_ANSWER,
        r"mother's maiden name|maiden name|security (?:question|answer)|first (?:pet|school|car)"
        r"|name of your (?:first|pet|school|dog|cat)"
        r"|favou?rite (?:colou?r|teacher|team|food)|(?:city|town|place) (?:were you born|of birth|you were born)",
        answer=Answer.WORDS,
    ),
    prompt(Entity.USERNAME, r"user ?names?|user id\w*|log ?in (?:name|id)", answer=Answer.WORDS, sure=False),
    prompt(Entity.EMAIL, r"e ?-?mail(?: address)?", answer=Answer.WORDS, sure=False, window_s=30.0),
    prompt(
        Entity.ADDRESS,
        r"(?:home |mailing |street |billing |shipping |delivery |current |full |postal )?address|zip ?code"
        r"|post ?code|postal code|where do you live|zip",
        answer=Answer.WORDS,
        sure=False,
        window_s=30.0,
    ),
    prompt(
        Entity.NAME,
        r"(?:full |first |last |middle |sur|family |given )names?|your names?|names? (?:please|on the (?:card"
        r"|account))|who am i speaking (?:with|to)"
        r"|spell (?:that|it|your|the)|how do you spell|who is calling|who's calling",
        answer=Answer.WORDS,
        sure=False,
    ),
)

REQUEST = re.compile(
    r"\b(?:what's|what is|what are|what was|what|may i|can i|could i|can you|could you|would you|will you"
    r"|please|give me|tell me|confirm|verify"
    r"|spell|i need|i'll need|we need|we'll need|read|provide|enter|have your|take your|take the|get your"
    r"|get the|grab|and (?:the|your)|how do|who|who's|where)\b"
)

TELLING: tuple[tuple[Entity, re.Pattern[str], Answer], ...] = (
    (
        Entity.NAME,
        re.compile(
            r"\b(?:my (?:full |first |last |middle )?name(?:'s| is)|my sur ?name is|this is (?:mr|mrs|ms)"
            r"|i am (?:mr|mrs|ms)|the name is)\b"
        ),
        Answer.WORDS,
    ),
    (
        Entity.ADDRESS,
        re.compile(
            r"\b(?:i live (?:at|on)|my (?:home |mailing |billing )?address is|my (?:zip|post) ?code is|i'm at number)\b"
        ),
        Answer.WORDS,
    ),
    (Entity.EMAIL, re.compile(r"\bmy e ?-?mail(?: address)? is\b"), Answer.WORDS),
    (
        Entity.PASSWORD,
        re.compile(r"\b(?:my|the) (?:pass ?word|pass ?phrase|secret word|memorable word) is\b"),
        Answer.WORDS,
    ),
    (Entity.USERNAME, re.compile(r"\bmy user ?name is\b"), Answer.WORDS),
    (Entity.SECURITY_ANSWER, re.compile(r"\bmy mother's maiden name (?:is|was)\b"), Answer.WORDS),
)  # fmt: skip
"""What a speaker says just before giving it away unasked; numbers said so are found by their prompts."""

ENDING = re.compile(r"\b(?:ending|ends) (?:in|with)\b")
LAST_FOUR = re.compile(r"\b(?:ending (?:in|with)|ends (?:in|with)|last (?:four|4)(?: digits?)?(?: are| is| of)?)\b")
"""`Last four` alone also asks for them (of a social security number): only what the asker goes on to say stays."""
