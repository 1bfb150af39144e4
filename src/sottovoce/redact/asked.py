"""Whatever a collaborator raises is doubt: it becomes a reason with a code, and its own words go nowhere (SPEC 1.1)."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from sottovoce.domain.outcome import Reason, Withheld
from sottovoce.errors import LanguageUnsupported, SottovoceError

T = TypeVar("T")


def asked(reason: Reason, question: Callable[[], T], *, passing: tuple[type[Exception], ...] = ()) -> T | Withheld:
    """The answer, or the reason with the error's code: never its message, which may hold speech.

    Errors that are `passing` say nothing of the recording and are raised, such as those of a full disk.
    """
    try:
        return question()
    except passing:
        raise
    except LanguageUnsupported as error:
        return Withheld(reason=Reason.LANGUAGE_UNSUPPORTED, evidence={"code": error.code})
    except SottovoceError as error:
        return Withheld(reason=reason, evidence={"code": error.code})
    except Exception as error:  # noqa: BLE001 - the fail-closed boundary: any surprise withholds
        return Withheld(reason=reason, evidence={"code": "E_UNEXPECTED", "kind": type(error).__name__})
