"""The analytics line with quick rooms, two folders for vendors, and a deliverer that fails as told."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

from sottovoce.anonymize.disguise import Disguiser
from sottovoce.delivery.parcel import Errand
from sottovoce.pipeline.lines import ANALYTICS
from sottovoce.redact.redactor import Redactor
from sottovoce.testing.analytics_line import put_papers
from sottovoce.testing.house import Deaf, Inverted, OneSecond, OneWord, exchange, make_test_workspace
from sottovoce.wiring.house import House
from sottovoce.wiring.rooms import noise_source

SECTIONS = """
analytics:
  lawful_basis: {basis: contract}
  exclusions: {min_seconds: 1}
  destinations: [here, there]
  poll_seconds: 5
delivery:
  destinations:
    here: {kind: bucket, url: "file:here"}
    there: {kind: bucket, url: "file:there"}
agreements:
  destinations: {here: {zones: [eu]}, there: {zones: [eu]}}
residency:
  sources: {calls: eu}
"""
Make = Callable[..., House]


class Fails:
    """A deliverer that fails at one destination as told, and hands the rest on."""

    def __init__(self, inner: Any, *failures: Exception, at: str = "there", for_ever: bool = False) -> None:
        self._inner, self._failures, self._at, self._for_ever = inner, list(failures), at, for_ever

    def deliver(self, sealed: Any, about: Any, *, line: str, destination: str) -> Any:
        if destination == self._at and self._failures:
            book = self._inner._book
            book.begin(Errand(line=line, recording=sealed.ref.key, destination=destination), lease=timedelta(0))
            raise self._failures[0] if self._for_ever else self._failures.pop(0)
        return self._inner.deliver(sealed, about, line=line, destination=destination)


def key_of(house: House) -> str:
    surveyor = house.surveyor()
    (key,) = surveyor.settle(surveyor.look())
    return key


def failing(house: House, *failures: Exception, for_ever: bool = False) -> None:
    house.analytics._deliverer = Fails(  # type: ignore[assignment]
        house.deliveries.deliverer(purpose="analytics"), *failures, for_ever=for_ever
    )


def build(
    root: Path, *, papers: tuple[str, ...] = ("here", "there"), clock: Any = None, line: Any = ANALYTICS
) -> House:
    """A house on that line with one recording, and every paper that the named vendors need."""
    workspace = make_test_workspace(root, count=1)
    with workspace.policy.open("a") as file:
        file.write(SECTIONS)
    put_papers(workspace, papers)
    hears = OneWord()
    house = House(workspace, line=line, **({"clock": clock} if clock else {}))
    redactor = Redactor(transcriber=hears, finder=OneSecond(), ears=(Deaf(),), noise_source=noise_source)
    disguiser = Disguiser(anonymizer=Inverted(), randomness=noise_source)
    return exchange(house, transcriber=hears, redactor=redactor, disguiser=disguiser)
