"""What goes wrong in a store, in the vault's own words: never the store's, which hold addresses and paths."""

from __future__ import annotations

import errno
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Final, TypeVar

from obstore.exceptions import BaseError, PermissionDeniedError, UnauthenticatedError

from sottovoce.errors import ObjectMissing, StorageError, StorageRefused

T = TypeVar("T")

_FULL: Final = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
REFUSALS: Final = frozenset(
    {
        "AccessDenied",
        "AuthenticationFailed",
        "ExpiredToken",
        "InvalidAccessKeyId",
        "InvalidToken",
        "RequestTimeTooSkewed",
        "SignatureDoesNotMatch",
        "TokenRefreshRequired",
    }
)
"""Error codes of credentials; Amazon answers 400 to an expired one, which looks like any other failure."""
AT_ONCE: Final = 8
"""Single requests under way together, where a service has no bulk request."""
PATIENCE: Final = 3
"""After so many failures in a row a store is asked for no more of the same."""


def missing() -> ObjectMissing:
    return ObjectMissing("there is no such object", hint="it was deleted, or never stored here")


def refused() -> StorageRefused:
    return StorageRefused("the object store refuses access", hint="check its credentials and permissions")


def failed(kind: str) -> StorageError:
    return StorageError(f"the object store failed ({kind})", hint="check that it can be reached")


def no_such_place() -> StorageError:
    return StorageError("the object store has no such place", hint="check the bucket's name in storage.url")


@contextmanager
def failures_named() -> Iterator[None]:
    """Whatever obstore or the system raises becomes StorageError or one below it, without its text."""
    try:
        yield
    except FileNotFoundError:
        raise missing() from None
    except (PermissionDeniedError, UnauthenticatedError, PermissionError):
        raise refused() from None
    except (BaseError, OSError) as failure:
        raise _named(failure) from None


def _named(failure: BaseError | OSError) -> StorageError:
    if isinstance(failure, OSError) and failure.errno in _FULL:
        kind = type(failure).__name__
        return StorageError(f"the object store is full ({kind})", hint="free some space, then try again")
    said = str(failure)
    if any(f"<Code>{code}</Code>" in said for code in REFUSALS):
        return refused()
    return failed(type(failure).__name__)


def ask_each(ask: Callable[[str], T], names: Sequence[str]) -> dict[str, T | StorageError]:
    """The answer for each, or why there is none. A store that failed three times in a row is asked no more."""
    answers: dict[str, T | StorageError] = {}
    in_a_row = 0
    for at, name in enumerate(names):
        try:
            answers[name] = ask(name)
            in_a_row = 0
        except StorageError as failure:
            answers[name] = failure
            in_a_row = in_a_row + 1 if failure.retryable else 0
            if in_a_row == PATIENCE:
                return answers | dict.fromkeys(names[at + 1 :], failure)
    return answers


def ask_side_by_side(ask: Callable[[str], T], names: Sequence[str]) -> dict[str, T | StorageError]:
    """The same with several requests under way, each with a share of the names."""
    shares = [names[start::AT_ONCE] for start in range(min(AT_ONCE, len(names)))]
    with ThreadPoolExecutor(max_workers=AT_ONCE) as pool:
        found = pool.map(lambda share: ask_each(ask, share), shares)
        return {name: answer for each in found for name, answer in each.items()}


def delete_each(delete: Callable[[str], None], names: Sequence[str]) -> dict[str, StorageError]:
    """What did not go and why."""
    return _failures(ask_each(delete, names))


def delete_side_by_side(delete: Callable[[str], None], names: Sequence[str]) -> dict[str, StorageError]:
    """The same with several requests under way."""
    return _failures(ask_side_by_side(delete, names))


def _failures(answers: Mapping[str, StorageError | None]) -> dict[str, StorageError]:
    return {name: answer for name, answer in answers.items() if answer is not None}
