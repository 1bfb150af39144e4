"""What every source promises, asked of each of them."""

from __future__ import annotations

import dataclasses
import json
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest

from sottovoce.domain.confidential import Confidential
from sottovoce.errors import MediaGone, SottovoceError
from sottovoce.sandbox.serve import Sandbox
from sottovoce.sources.bucket import BucketSource
from sottovoce.sources.capture import media_digest
from sottovoce.sources.folder import FolderSource
from sottovoce.sources.genesys.client import GenesysClient
from sottovoce.sources.genesys.hosts import Hosts
from sottovoce.sources.genesys.source import GenesysSource
from sottovoce.sources.header import channels_of
from sottovoce.sources.inbox import InboxSource
from sottovoce.sources.protocol import HmacTokenizer, Source, Timing, Tokenizer
from sottovoce.storage.browse import Place, open_place
from sottovoce.testing.calls import AGENT, call_entry, write_calls, write_tone
from sottovoce.testing.clock import SteppedClock
from sottovoce.testing.uploads import clip, inbox_house, sender

KEPT = frozenset({"aiTrainingConsent"})
NUMBERS = [f"+1202555{n:04d}" for n in (1, 2, 3)]
KEY = b"k" * 32


@contextmanager
def folder(root: Path, tokenizer: Tokenizer) -> Iterator[Source]:
    for n in (1, 2, 3):
        path = write_tone(root / f"call-{n}.wav")
        said = {
            "customer": NUMBERS[n - 1],
            "agent": AGENT,
            "attributes": {"aiTrainingConsent": "true", "caseNumber": "C-1"},
        }
        path.with_suffix(".json").write_text(json.dumps(said))
    yield FolderSource(name="calls", root=root, tokenizer=tokenizer, attributes=KEPT)


@contextmanager
def genesys(root: Path, tokenizer: Tokenizer) -> Iterator[Source]:
    clock = SteppedClock()
    with Sandbox(write_calls(root, [call_entry(n) for n in (1, 2, 3)]), now=clock.now) as sandbox:
        client = GenesysClient(
            hosts=Hosts.of(api_url=sandbox.api_url, media_hosts=(sandbox.media_host,)),
            client_id=Confidential(sandbox.client_id),
            client_secret=Confidential(sandbox.client_secret),
            timing=Timing(now=clock.now, monotonic=clock.monotonic, sleep=clock.sleep),
        )
        since = datetime(2026, 10, 1, tzinfo=UTC)
        yield GenesysSource(name="calls", client=client, tokenizer=tokenizer, attributes=KEPT, since=since)
        client.close()


@contextmanager
def bucket(root: Path, tokenizer: Tokenizer) -> Iterator[Source]:
    (root / "objects").mkdir()
    with folder(root / "objects", tokenizer):
        browser = open_place(Place(url="file:objects"), base=root)
        yield BucketSource(name="calls", browser=browser, tokenizer=tokenizer, attributes=KEPT)


@contextmanager
def bucket_in_s3(root: Path, tokenizer: Tokenizer) -> Iterator[Source]:
    server = pytest.importorskip("moto.server")
    boto3 = pytest.importorskip("boto3")
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    running = server.ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    running.start()
    endpoint = "http://{}:{}".format(*running.get_host_and_port())
    keys = {"aws_access_key_id": "x", "aws_secret_access_key": "y", "region_name": "us-east-1"}
    client = boto3.client("s3", endpoint_url=endpoint, **keys)
    client.create_bucket(Bucket="calls")
    with folder(root, tokenizer):
        for path in root.iterdir():
            client.upload_file(str(path), "calls", f"in/{path.name}")
    place = Place(
        url="s3://calls/in",
        endpoint=endpoint,
        region="us-east-1",
        access_key=Confidential("x"),
        secret_key=Confidential("y"),
    )
    yield BucketSource(name="calls", browser=open_place(place, base=root), tokenizer=tokenizer, attributes=KEPT)
    client.close()
    running.stop()


@contextmanager
def inbox(root: Path, tokenizer: Tokenizer) -> Iterator[Source]:
    house = inbox_house(root / "w")
    for n in (1, 2, 3):
        (root / f"{n}.wav").write_bytes(clip(n))
        sender(house, root / f"home-{n}").send(root / f"{n}.wav")
    yield InboxSource(
        name="calls",
        inbox=house.uploads.inbox(),
        tokenizer=tokenizer,
        consent_attribute="aiTrainingConsent",
        recall=lambda _key: None,
    )
    house.close()


@pytest.fixture(scope="module", params=[folder, bucket, bucket_in_s3, inbox, genesys])
def source(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Source]:
    """Each is opened once; nothing here changes what it holds."""
    with request.param(tmp_path_factory.mktemp("source"), HmacTokenizer(key=Confidential(KEY))) as opened:
        yield opened


def test_it_is_a_source(source: Source) -> None:
    """It has a name and both calls."""
    assert isinstance(source, Source)
    assert source.name == "calls"


def test_discovery_repeats_itself(source: Source) -> None:
    """Asked twice, it finds the same recordings under the same distinct keys, in the same order."""
    first, second = [m.ref.key for m in source.discover()], [m.ref.key for m in source.discover()]
    assert first == second
    assert len(set(first)) == 3
    assert all(len(key) == 32 and set(key) <= set("0123456789abcdef") for key in first)


def test_references_name_their_source_and_hide_their_locator(source: Source) -> None:
    """A reference can be shown: it holds the source's name and an opaque key."""
    for found in source.discover():
        assert found.ref.source == "calls"
        assert found.ref.locator.reveal() not in repr(found)


def test_nobody_is_named(source: Source) -> None:
    """No caller's number and no agent's id is in the metadata, shown or not; tokens tell callers apart."""
    every = list(source.discover())
    for found in every:
        fields = {f.name: getattr(found, f.name) for f in dataclasses.fields(found) if f.name != "ref"}
        assert not any(hidden in str(fields) for hidden in (*NUMBERS, AGENT))
    assert len({found.customer_token for found in every}) == 3
    assert len({found.agent_token for found in every}) == 1


def test_only_named_attributes_are_kept(source: Source) -> None:
    """Participants keep the attributes that policy names and no others."""
    for found in source.discover():
        kept = [dict(p.attributes) for p in found.participants if p.attributes]
        assert kept == [{"aiTrainingConsent": "true"}]


def test_the_sound_is_fetched_with_a_role_a_channel(source: Source) -> None:
    """Every part is audio with as many roles as channels, and the same each time."""
    for found in source.discover():
        media = source.fetch(found.ref, found)
        assert media.parts.keys() == media.roles.keys()
        assert all(channels_of(data.reveal()) == len(media.roles[key]) for key, data in media.parts.items())
        assert media_digest(media) == media_digest(source.fetch(found.ref, found))


def test_sound_is_confidential(source: Source) -> None:
    """Media never print their bytes."""
    found = next(source.discover())
    assert "RIFF" not in repr(source.fetch(found.ref, found))


def test_a_recording_that_is_not_there_is_gone(source: Source) -> None:
    """A reference to nothing is a named error."""
    found = next(source.discover())
    located = json.loads(found.ref.locator.reveal())
    elsewhere = {"S": "nothing.wav"} if isinstance(located, dict) else [located[0], "nothing"]
    lost = dataclasses.replace(found.ref, locator=Confidential(json.dumps(elsewhere)))
    with pytest.raises(MediaGone):
        source.fetch(lost, found)
    assert issubclass(MediaGone, SottovoceError)
