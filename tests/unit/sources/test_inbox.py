"""An inbox as a source: what it says, in a source's words."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import date

import pytest

from sottovoce.domain.confidential import Confidential
from sottovoce.domain.recording import RecordingMetadata
from sottovoce.domain.sound import MediaFormat, Role
from sottovoce.errors import (
    MediaGone,
    MediaReplaced,
    ObjectChanged,
    ObjectMissing,
    SourceUnavailable,
    StorageError,
    UnreadableMedia,
)
from sottovoce.sources.inbox import Arrival, InboxSource
from sottovoce.sources.protocol import HmacTokenizer, Source
from sottovoce.testing.uploads import clip
from sottovoce.uploads.refusals import Refusal, refused

ARRIVAL = Arrival(
    recording="a" * 32,
    contributor="c-bcd",
    upload="b" * 32,
    location="in/c-bcd/one.svup",
    stamp="s" * 64,
    agreed_on=date(2026, 1, 2),
    language="en",
    device=None,
    duration_s=2.0,
    format=MediaFormat(container="WAV", codec="PCM_16", rate=8000, channels=2),
)


class OneUpload:
    """An inbox with one upload, that can be made to fail."""

    def __init__(self) -> None:
        self.failure: Exception | None = None
        self.fresh = True

    def receive(self) -> Iterator[Arrival]:
        return iter([ARRIVAL] if self.fresh else [])

    def standing(self) -> Iterator[str]:
        return iter([ARRIVAL.recording])

    def again(self, recording: str) -> Arrival:
        if self.failure is not None:
            raise self.failure
        return ARRIVAL

    def media(self, location: str, stamp: str) -> Confidential[bytes]:
        assert (location, stamp) == (ARRIVAL.location, ARRIVAL.stamp)
        if self.failure is not None:
            raise self.failure
        return Confidential(clip(channels=2))


@pytest.fixture
def inbox() -> OneUpload:
    return OneUpload()


@pytest.fixture
def source(inbox: OneUpload) -> InboxSource:
    known: dict[str, RecordingMetadata] = {}
    return InboxSource(
        name="voices",
        inbox=inbox,
        tokenizer=HmacTokenizer(key=Confidential(b"k" * 32)),
        consent_attribute="aiTrainingConsent",
        recall=known.get,
    )


def test_an_upload_is_a_recording_of_its_contributor(source: InboxSource) -> None:
    """Pseudonymous, consented to, with every channel searched for everything."""
    assert isinstance(source, Source)
    (found,) = source.discover()
    assert (found.contributor, found.recording_id, found.duration_s) == ("c-bcd", "b" * 32, 2.0)
    assert [dict(p.attributes) for p in found.participants] == [{"aiTrainingConsent": "true"}]
    assert "c-bcd" not in (found.customer_token or "")
    assert source.fetch(found.ref, found).roles == {"S": (Role.BOTH, Role.BOTH)}


def test_what_was_taken_in_before_is_found_again(source: InboxSource, inbox: OneUpload) -> None:
    """Also where nobody remembers it; and what does not open any more is left out, not guessed."""
    inbox.fresh = False
    assert [found.ref.key for found in source.discover()] == [ARRIVAL.recording]
    inbox.failure = refused(Refusal.KEY_ENDED, "ended")
    assert list(source.discover()) == []


@pytest.mark.parametrize(
    ("failure", "error"),
    [
        (ObjectMissing("gone"), MediaGone),
        (ObjectChanged("other"), MediaReplaced),
        (refused(Refusal.KEY_ENDED, "ended"), UnreadableMedia),
        (StorageError("down"), SourceUnavailable),
    ],
)
def test_failures_are_a_sources(source: InboxSource, inbox: OneUpload, failure: Exception, error: type) -> None:
    """The pipeline hears of them in words it knows."""
    (found,) = source.discover()
    inbox.failure = failure
    with pytest.raises(error):
        source.fetch(found.ref, found)


def test_a_reference_to_nothing_is_gone(source: InboxSource) -> None:
    """A locator that names no upload."""
    (found,) = source.discover()
    for text in ("", "[]", json.dumps({"S": "x"})):
        with pytest.raises(MediaGone):
            source.fetch(replace(found.ref, locator=Confidential(text)), found)
