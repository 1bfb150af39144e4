"""Spanish as it is said on the telephone, in Spain and the Americas."""

from __future__ import annotations

import re

from sottovoce.detect.languages.language import Language, terms_of
from sottovoce.detect.prompts import Answer, prompt
from sottovoce.domain.entities import Entity

_ONES = ["cero", "uno", "dos", "tres", "cuatro", "cinco", "seis", "siete", "ocho", "nueve"]
_TEENS = ["diez", "once", "doce", "trece", "catorce", "quince", "dieciseis", "diecisiete", "dieciocho", "diecinueve"]
_TENS = ["", "", "veinte", "treinta", "cuarenta", "cincuenta", "sesenta", "setenta", "ochenta", "noventa"]
_HUNDREDS = ["", "ciento", "doscientos", "trescientos", "cuatrocientos", "quinientos", "seiscientos", "setecientos",
             "ochocientos", "novecientos"]  # fmt: skip


def _number(n: int) -> str:
    if n < 20:
        return _ONES[n] if n < 10 else _TEENS[n - 10]
    ten, one = divmod(n, 10)
    if not one:
        return _TENS[ten]
    return f"veinti{_ONES[one]}" if ten == 2 else f"{_TENS[ten]} y {_ONES[one]}"


def _numbers() -> dict[str, int]:
    small = {_number(n): n for n in range(100)}
    small |= {f"dieci {_ONES[n]}": 10 + n for n in range(6, 10)} | {f"diez y {_ONES[n]}": 10 + n for n in range(6, 10)}
    small |= {f"veinte y {_ONES[n]}": 20 + n for n in range(1, 10)}
    small |= {f"{_TENS[t]}i{_ONES[n]}": 10 * t + n for t in range(3, 10) for n in range(1, 10)}
    known = dict(small)
    for h in range(1, 10):
        known |= {f"{_HUNDREDS[h]} {p}": 100 * h + n for p, n in small.items() if n}
        known[_HUNDREDS[h]] = 100 * h
    known |= {"cien": 100, **{h[:-2] + "as": 100 * k for k, h in enumerate(_HUNDREDS) if k > 1}}
    known |= {f"mil novecientos {p}": 1900 + n for p, n in small.items() if n}
    known |= {f"dos mil {p}": 2000 + n for p, n in small.items() if n} | {"dos mil": 2000}
    return known


_WORDS = {
    "zero": "sero",
    "double": "doble,par de",
    "triple": "triple",
    "thousand": "mil",
    "and": "y",
    "um": "eh,este,pues,bueno,vale,si,no,perdon,perdone,espere,espera,guion,espacio,coma,entonces,luego,despues,"
    "ahora,ya,"
    "a ver,digo,sigue,seguido de,corrijo,mejor dicho,o sea,ajá,aja,mm,hm,ehm",
    "thanks": "gracias,claro,perfecto,siga,adelante,continue,muy bien,de acuerdo,correcto,listo,por favor",
    "of": "de,del",
    "first": "primero,primer",
    "euros": "euro,euros,pesos,peso,dolares,dolar,pesetas,soles",
    "cents": "centimos,centavos",
    "percent": "por ciento,porciento",
    "minutes": "minuto,minutos",
    "hours": "hora,horas",
    "days": "dia,dias",
    "weeks": "semana,semanas",
    "months": "mes,meses",
    "years": "ano,anos",
    "times": "veces,vez",
    "people": "personas",
    "at": "arroba",
    "dot": "punto",
    "underscore": "guion bajo",
}
_MONTHS = [
    "enero",
    "febrero",
    "marzo",
    "abril",
    "mayo",
    "junio",
    "julio",
    "agosto",
    "septiembre",
    "octubre",
    "noviembre",
    "diciembre",
]

SPANISH = Language(
    code="es",
    numbers=tuple(_number(n) for n in range(100)),
    double="doble",
    pauses=("eh", "este,", "vale", "y luego", "no, perdón,", "a ver"),
    terms=terms_of(
        _numbers(),
        days={_number(n): n for n in range(1, 32)} | {"primero": 1},
        months=_MONTHS,
        joins=("de", ""),
        words=_WORDS,
    ),
    prompts=(
        prompt(
            Entity.CREDIT_DEBIT_CVV,
            r"cvv|cvc|c v v|(?:codigo|numero|clave) de (?:seguridad|verificacion)|(?:tres|cuatro|3"
            r"|4) (?:digitos|numeros"
            r"|cifras)|(?:digitos|numeros|cifras|codigo) (?:de|en) (?:atras|el reverso|la parte (?:de atras"
            r"|posterior)|detras)",
        ),
        prompt(Entity.CREDIT_DEBIT_EXPIRY, r"caducidad|vencimiento|expiracion|caduca|vence|expira|valida hasta"),
        prompt(
            Entity.CREDIT_DEBIT_NUMBER,
            r"numero (?:completo )?de (?:su |la |tu )?(?:tarjeta|visa|mastercard)|(?:dieciseis|16) (?:digitos"
            r"|numeros|cifras)"
            r"|numeros? largo|datos de (?:su|la|tu) tarjeta",
            window_s=40.0,
        ),
        prompt(Entity.PIN, r"pin|numero secreto|clave secreta"),
        prompt(
            Entity.NATIONAL_ID, r"dni|d n i|nie|curp|cedula|documento (?:nacional )?de identidad|rfc|seguridad social"
        ),
        prompt(Entity.DATE_OF_BIRTH, r"fecha de (?:su |tu )?nacimiento|cuando nacio|cuando naciste|cumpleanos"),
        prompt(Entity.IBAN, r"iban|clabe", window_s=40.0),
        prompt(Entity.BANK_ACCOUNT_NUMBER, r"numero de (?:su |la |tu )?cuenta|cuenta (?:bancaria|corriente)"),
        prompt(Entity.HEALTH_PLAN_NUMBER, r"numero de (?:poliza|afiliado|asegurado|socio)"),
        prompt(Entity.PASSPORT, r"pasaporte"),
        prompt(
            Entity.PHONE,
            r"(?:numero de )?(?:telefono|movil|celular)|numero de contacto|donde (?:le|te) (?:llamo|podemos llamar)",
            sure=False,
        ),
        prompt(
            Entity.ADDRESS,
            r"codigo postal|direccion|domicilio|donde vive",
            answer=Answer.WORDS,
            sure=False,
            window_s=30.0,
        ),
        prompt(Entity.EMAIL, r"correo(?: electronico)?|e ?-?mail", answer=Answer.WORDS, sure=False, window_s=30.0),
        prompt(Entity.PASSWORD, r"contrasena|palabra clave", answer=Answer.WORDS),
        prompt(
            Entity.NAME,
            r"nombre(?: completo)?|apellidos?|como se llama|con quien (?:hablo|tengo el gusto)|deletre\w+",
            answer=Answer.WORDS,
            sure=False,
        ),
    ),
    request=re.compile(
        r"\b(?:cual(?:es)?|me (?:da|dice|puede|podria|facilita|indica|confirma|repite)|puede|podria|digame|deme|dime"
        r"|necesito|confirm\w+|por favor|su|como|con quien|donde|indique\w*|verific\w+|deletre\w+)\b"
    ),
    telling=(
        (
            Entity.NAME,
            re.compile(r"\b(?:me llamo|mi nombre es|mi apellido es|soy (?:el senor|la senora))\b"),
            Answer.WORDS,
        ),
        (
            Entity.ADDRESS,
            re.compile(r"\b(?:vivo en|mi direccion es|mi domicilio es|mi codigo postal es)\b"),
            Answer.WORDS,
        ),
        (Entity.EMAIL, re.compile(r"\bmi correo(?: electronico)? es\b"), Answer.WORDS),
        (Entity.PASSWORD, re.compile(r"\bmi contrasena es\b"), Answer.WORDS),
    ),
    ending=re.compile(r"\b(?:termina(?:da|do)?|acaba(?:da|do)?|terminacion) en\b"),
    last_four=re.compile(r"\b(?:(?:termina(?:da|do)?|acaba(?:da|do)?) en|ultim[oa]s (?:cuatro|4))\b"),
)
