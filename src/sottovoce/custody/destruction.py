"""Destroys keys and ciphertext of many recordings, and says of each what could not be done.

All of them are asked for at once; only where that fails is each asked for alone, so that one that
cannot go keeps none of the others. A service that fails again and again is not asked ten thousand times.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final, Protocol

from sqlalchemy import Engine

from sottovoce.custody.erasure_report import Unreached
from sottovoce.custody.nodes import object_node, recording_node
from sottovoce.custody.records import Location, locations_of
from sottovoce.database.engine import reading
from sottovoce.errors import VaultError

PATIENCE: Final = 3
"""After so many failures in a row that may pass by themselves, the rest is left for the next time."""


class Fate(Protocol):
    """What a request to destroy one recording came to."""

    @property
    def rid(self) -> str: ...

    @property
    def failures(self) -> Sequence[VaultError]:
        """Why not all of it went; empty when it did."""
        ...


class Shredder(Protocol):
    """Destroys recordings' keys. Asking twice is no error."""

    def shred(self, rid: str) -> object:
        """One; raises VaultError when it could not."""
        ...

    def shred_all(self, rids: Iterable[str]) -> Iterable[Fate]:
        """Many in one transaction; raises VaultError when none went."""
        ...


class Ciphertext(Protocol):
    """Deletes sealed objects. Their absence is no error."""

    def delete_all(self, names: Iterable[str]) -> Mapping[str, VaultError]:
        """What could not be deleted, and why."""
        ...


class Destroyer:
    """Keys first, then ciphertext."""

    def __init__(self, *, engine: Engine, shredder: Shredder, ciphertext: Ciphertext) -> None:
        self._engine = engine
        self._shredder = shredder
        self._ciphertext = ciphertext

    def destroy(self, keys: Sequence[str]) -> tuple[Unreached, ...]:
        """Nothing is left of the recordings, but for what is answered."""
        shredded = tuple(self._shred(keys))
        deleted = tuple(self._delete(keys))
        said = {(each.recording, each.code) for each in deleted}
        return (*(each for each in shredded if (each.recording, each.code) not in said), *deleted)

    def _shred(self, keys: Sequence[str]) -> Iterator[Unreached]:
        try:
            fates = self._shredder.shred_all(keys)
        except VaultError:
            return self._shred_each(keys)
        return (_unreached(fate.rid, failure) for fate in fates for failure in fate.failures)

    def _shred_each(self, keys: Sequence[str]) -> Iterator[Unreached]:
        in_a_row = 0
        for at, key in enumerate(keys):
            try:
                self._shredder.shred(key)
                in_a_row = 0
            except VaultError as failure:
                yield _unreached(key, failure)
                in_a_row = in_a_row + 1 if failure.retryable else 0
                if in_a_row == PATIENCE:
                    yield from (_unreached(left, failure) for left in keys[at + 1 :])
                    return

    def _delete(self, keys: Sequence[str]) -> Iterator[Unreached]:
        with reading(self._engine) as connection:
            found = locations_of(connection, keys)
        return self.delete(found)

    def delete(self, found: Iterable[Location]) -> Iterator[Unreached]:
        """Ciphertext alone: the keys stay, for what else they open."""
        objects = {each.location: each for each in found}
        for name, failure in self._ciphertext.delete_all(objects).items():
            of = objects[name]
            yield Unreached(recording=of.recording, node=object_node(of.id), code=failure.code)


def _unreached(key: str, failure: VaultError) -> Unreached:
    return Unreached(recording=key, node=recording_node(key), code=failure.code)
