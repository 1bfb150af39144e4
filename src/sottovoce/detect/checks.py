"""Check digits and numbering plans: they label what was found, and choose between names for it.

Luhn after ISO/IEC 7812-1 annex B, area numbers after the SSA's rules, telephone plans by phonenumbers.
"""

from __future__ import annotations


def luhn_fits(digits: str) -> bool:
    """Whether the last digit is the Luhn check digit of the rest."""
    from stdnum import luhn

    return bool(luhn.is_valid(digits))


def any_luhn(digits: str) -> bool:
    """Whether the digits, or a 13 to 19 digit stretch of them that starts at their start, fit."""
    return any(luhn_fits(digits[:n]) for n in range(13, min(19, len(digits)) + 1))


def is_phone(digits: str, *, regions: tuple[str, ...] = ("US", "GB")) -> bool:
    """Whether a numbering plan of the regions knows the digits as a possible, valid number."""
    import phonenumbers

    for region in regions:
        try:
            number = phonenumbers.parse(digits, region)
        except phonenumbers.NumberParseException:
            continue
        if phonenumbers.is_valid_number(number):
            return True
    return False


def is_ssn(digits: str) -> bool:
    """Whether nine digits may be a social security number."""
    from stdnum.us import ssn

    return bool(ssn.is_valid(digits))
