"""Batch downloads: many addresses for one request, and a single call wherever they are not plain."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from sottovoce.domain.confidential import Confidential
from sottovoce.domain.recording import RecordingMetadata
from sottovoce.domain.sound import Media, Role
from sottovoce.errors import BulkFailed, SourceError, UnreadableMedia
from sottovoce.sandbox.faults import Faults
from sottovoce.sandbox.serve import Sandbox
from sottovoce.sandbox.store import ALL_PERMISSIONS
from sottovoce.sources.genesys.batch import Pair, batch, results_of
from sottovoce.sources.genesys.client import GenesysClient
from sottovoce.sources.genesys.exchange import LOST, Answer, Wait
from sottovoce.sources.genesys.hosts import Hosts
from sottovoce.sources.genesys.source import GenesysSource, located
from sottovoce.sources.protocol import HmacTokenizer, Timing
from sottovoce.speech.assemble import assemble
from sottovoce.speech.caps import Caps
from sottovoce.testing.calls import call_entry, write_calls
from sottovoce.testing.clock import SteppedClock

A, B = ("c-a", "r-a"), ("c-b", "r-b")


def result(pair: Pair, **changes: Any) -> dict[str, Any]:
    plain = {"resultUrl": f"https://media/{pair[1]}", "contentType": "audio/ogg"}
    return {"conversationId": pair[0], "recordingId": pair[1], **plain, **changes}


def driven(*answers: dict[str, Any], pairs: Sequence[Pair] = (A, B)) -> tuple[Any, list[float]]:
    """A batch whose status answers in turn, the last again and again; and how long was waited."""
    steps, left, waits = batch(pairs), list(answers), list[float]()
    step = next(steps)
    try:
        while True:
            if isinstance(step, Wait):
                waits.append(step.seconds)
                step = steps.send(LOST)
            elif step.method == "POST":
                step = steps.send(Answer(status=200, body={"id": "batch-1"}))
            else:
                step = steps.send(Answer(status=200, body=left.pop(0) if len(left) > 1 else left[0]))
    except StopIteration as done:
        return done.value, waits


def test_a_batch_is_waited_for_until_its_status_says_so() -> None:
    """Counts that fit are no end: more may be expected at the next look."""
    halfway = {"status": "InProgress", "expectedResultCount": 1, "resultCount": 1, "results": [result(A)]}
    whole = {"status": "Completed", "expectedResultCount": 2, "results": [result(A), result(B)]}
    found, waits = driven(halfway, halfway, whole)
    assert {pair: address.reveal() for pair, address in found.items()} == {
        A: "https://media/r-a",
        B: "https://media/r-b",
    }
    assert waits == [1.0, 2.0]
    assert "media" not in repr(found)


def test_a_batch_that_never_ends_is_left() -> None:
    """Its patience has an end, and no wait is long."""
    with pytest.raises(BulkFailed):
        driven({"status": "InProgress", "results": []})


@pytest.mark.parametrize(
    "results",
    [
        [result(A, errorMsg="recording is ARCHIVED")],
        [result(A, resultUrl=None)],
        [result(A, contentType="video/mp4")],
        [result(A), result(A)],
        [{"conversationId": "c-a", "resultUrl": "https://media/x"}],
        [result(("c-x", "r-x"))],
        [],
        None,
    ],
)
def test_only_one_plain_file_is_an_answer(results: Any) -> None:
    """Errors, absences, other media, several files and what nobody asked for are left to the single call."""
    assert results_of({"results": results}, within=frozenset({A})).get(A) is None


class Counted:
    """A source with batches, over a sandbox that counts."""

    def __init__(self, sandbox: Sandbox, clock: SteppedClock) -> None:
        self.sandbox = sandbox
        self.next: list[Pair] = []
        self.client = GenesysClient(
            hosts=Hosts.of(api_url=sandbox.api_url, media_hosts=(sandbox.media_host,)),
            client_id=Confidential(sandbox.client_id),
            client_secret=Confidential(sandbox.client_secret),
            timing=Timing(now=clock.now, monotonic=clock.monotonic, sleep=clock.sleep),
            requests_per_minute=3000,
        )
        self.source = GenesysSource(
            name="genesys",
            client=self.client,
            tokenizer=HmacTokenizer(key=Confidential(b"k" * 32)),
            upcoming=lambda limit: self.next[:limit],
        )

    @property
    def singles(self) -> int:
        return self.sandbox.store.memory.polls.total()

    @property
    def batches(self) -> int:
        return len(self.sandbox.store.memory.batches)


def fetched(folder: Path, entries: list[dict[str, Any]], **options: Any) -> tuple[Counted, list[Any]]:
    """Every recording, one after the other, as a worker would; an error in place of what did not come."""
    clock, channels = SteppedClock(), options.pop("channels", 2)
    with Sandbox(write_calls(folder, entries, channels=channels), now=clock.now, **options) as sandbox:
        counted = Counted(sandbox, clock)
        with closing(counted.client):
            found = list(counted.source.discover())
            counted.next = [located(each.ref.locator) for each in found]
            got = [_fetched(counted.source, each) for each in found]
    return counted, got


def _fetched(source: GenesysSource, found: RecordingMetadata) -> Any:
    try:
        return source.fetch(found.ref, found)
    except SourceError as error:
        return error


def test_one_batch_serves_many_fetches(tmp_path: Path) -> None:
    """Three recordings are asked for once and come as the platform keeps them, whole."""
    counted, got = fetched(tmp_path, [call_entry(n) for n in (1, 2, 3)])
    assert (counted.batches, counted.singles) == (1, 0)
    assert all(media.parts["S"].reveal().startswith(b"OggS") for media in got)


def test_channels_that_nobody_names_are_both_voices(tmp_path: Path) -> None:
    """A batch does not say which channel is the customer's, so that none is taken for the agent's."""
    _, (two,) = fetched(tmp_path / "two", [call_entry(1)])
    _, (one,) = fetched(tmp_path / "one", [call_entry(1)], channels=1)
    assert (two.roles, one.roles) == ({"S": (Role.BOTH, Role.BOTH)}, {"S": (Role.BOTH,)})


def test_an_error_of_one_leaves_the_others(tmp_path: Path) -> None:
    """An archived recording is asked for singly, which says what it is; the others come from the batch."""
    entries = [call_entry(1), call_entry(2, file_state="ARCHIVED"), call_entry(3)]
    counted, got = fetched(tmp_path, entries)
    assert sorted(type(each).__name__ for each in got) == ["Media", "Media", "MediaArchived"]
    assert counted.batches == 1


def test_addresses_that_expired_are_asked_for_again(tmp_path: Path) -> None:
    """An address from a batch that is too old is replaced by a single call."""
    counted, got = fetched(tmp_path, [call_entry(1)], faults=Faults(expired_urls=1))
    assert set(got[0].parts) == {"0", "1"}
    assert counted.singles > 0


def test_a_client_that_may_not_batch_asks_singly_and_says_what_it_lacks(tmp_path: Path) -> None:
    """Without the permission for recordings neither way is open, and the error names it."""
    with pytest.raises(SourceError) as refused:
        fetched(tmp_path, [call_entry(1)], permissions=ALL_PERMISSIONS - {"recording:recording:view"})
    assert "recording:recording:view" in refused.value.hint


def test_three_batches_in_vain_are_enough(tmp_path: Path) -> None:
    """A platform that refuses batches is not asked for one with every recording."""
    clock = SteppedClock()
    with Sandbox(write_calls(tmp_path, [call_entry(n) for n in range(5)]), now=clock.now) as sandbox:
        counted = Counted(sandbox, clock)
        drive, submitted = counted.client.drive, list[str]()

        def refusing(steps: Any) -> Any:
            if steps.gi_code.co_name == "batch":
                submitted.append("batch")
                raise SourceError("no batches today")
            return drive(steps)

        counted.client.drive = refusing  # type: ignore[method-assign]
        found = list(counted.source.discover())
        assert all(set(counted.source.fetch(each.ref, each).parts) == {"0", "1"} for each in found)
        counted.client.close()
    assert len(submitted) == 3


def test_an_ogg_without_sound_is_named() -> None:
    """Real exports hold empty 27-byte Ogg files: one is unreadable media, not a recording of nothing."""
    page = b"OggS" + bytes([0, 4]) + bytes(21)
    assert len(page) == 27
    media = Media(parts={"S": Confidential(page)}, roles={"S": (Role.BOTH,)})
    with pytest.raises(UnreadableMedia):
        assemble(media, caps=Caps())
