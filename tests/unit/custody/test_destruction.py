"""Destroying many: all at once, else each alone, and never ten thousand times in vain."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

import pytest
from sqlalchemy import Engine

from sottovoce.custody.destruction import PATIENCE, Destroyer
from sottovoce.custody.registry import Registry
from sottovoce.domain.outcome import OutcomeStatus
from sottovoce.errors import KeyFrozen, KeyUnavailable, ObjectLocked, VaultError

Make = Callable[..., Any]


@dataclass(frozen=True)
class Fate:
    rid: str
    failures: tuple[VaultError, ...] = ()


@dataclass
class Keys:
    """Counts what it is asked; `down` refuses everything, `held` one key."""

    down: bool = False
    all_down: bool = False
    held: str = ""
    asked: list[str] = field(default_factory=list)

    def shred(self, rid: str) -> None:
        self.asked.append(rid)
        if self.down:
            raise KeyUnavailable("down")

    def shred_all(self, rids: Iterable[str]) -> list[Fate]:
        if self.down or self.all_down:
            raise KeyUnavailable("down")
        return [Fate(rid, (KeyFrozen("held"),) if rid == self.held else ()) for rid in rids]


@dataclass
class Objects:
    locked: bool = False

    def delete_all(self, names: Iterable[str]) -> dict[str, VaultError]:
        return {name: ObjectLocked("locked") for name in names} if self.locked else {}


@pytest.fixture
def keys(registry: Registry, a_recording: Make, a_sealed: Make) -> list[str]:
    made = []
    for number in range(1, PATIENCE + 4):
        ref, metadata = a_recording(number)
        registry.remember(ref, metadata)
        registry.conclude("corpus", ref.key, OutcomeStatus.SEALED, sealed=a_sealed(number, "sample"))
        made.append(ref.key)
    return made


def test_a_service_that_is_down_is_not_asked_for_ever(engine: Engine, keys: list[str]) -> None:
    """After three failures in a row the rest is said to have failed alike."""
    shredder = Keys(down=True)
    left = Destroyer(engine=engine, shredder=shredder, ciphertext=Objects()).destroy(keys)
    assert [(each.recording, each.code) for each in left] == [(key, "E_KEY_UNAVAILABLE") for key in keys]
    assert shredder.asked == keys[:PATIENCE]


def test_where_many_at_once_fail_each_is_asked_alone(engine: Engine, keys: list[str]) -> None:
    """One that cannot go keeps none of the others."""
    shredder = Keys(all_down=True)
    assert Destroyer(engine=engine, shredder=shredder, ciphertext=Objects()).destroy(keys) == ()
    assert shredder.asked == keys


def test_one_that_is_held_is_said_and_the_others_go(engine: Engine, keys: list[str]) -> None:
    """A hold at the key store that the registry does not know of."""
    left = Destroyer(engine=engine, shredder=Keys(held=keys[1]), ciphertext=Objects()).destroy(keys)
    assert [(each.recording, each.node, each.code) for each in left] == [
        (keys[1], f"recording:{keys[1]}", "E_KEY_FROZEN")
    ]


def test_a_locked_object_is_said_with_its_recording(engine: Engine, keys: list[str]) -> None:
    """Its key is gone; its ciphertext stays until the lock ends."""
    left = Destroyer(engine=engine, shredder=Keys(), ciphertext=Objects(locked=True)).destroy(keys)
    assert [each.recording for each in left] == keys
    assert {each.code for each in left} == {"E_OBJECT_LOCKED"}
    assert all(each.node.startswith("object:") for each in left)
