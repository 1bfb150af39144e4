"""A folder of recordings: what is found, what is refused, what is never followed."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from sottovoce.domain.confidential import Confidential
from sottovoce.domain.sound import Role
from sottovoce.errors import MediaGone, MediaTooLarge, SourceError
from sottovoce.sources.folder import FolderSource
from sottovoce.sources.protocol import HmacTokenizer
from sottovoce.testing.calls import write_tone

NUMBER = "+12025550142"


def source(root: Path, **changes: Any) -> FolderSource:
    settings: dict[str, Any] = {"attributes": frozenset({"aiTrainingConsent"}), **changes}
    return FolderSource(name="calls", root=root, tokenizer=HmacTokenizer(key=Confidential(b"k" * 32)), **settings)


def describe(path: Path, **fields: Any) -> None:
    path.with_suffix(".json").write_text(json.dumps(fields))


def test_audio_at_any_depth_is_found_in_order(tmp_path: Path) -> None:
    """Audio files are found at any depth, in the order of their paths, and nothing else is."""
    (tmp_path / "b").mkdir()
    write_tone(tmp_path / "z.wav")
    write_tone(tmp_path / "b" / "a.WAV")
    (tmp_path / "notes.txt").write_text("x")
    assert [m.recording_id for m in source(tmp_path).discover()] == ["b/a.WAV", "z.wav"]


def test_a_sidecar_describes_its_recording(tmp_path: Path) -> None:
    """Fields of the sidecar arrive, caller and agent as tokens, attributes as far as policy names them."""
    call = write_tone(tmp_path / "call.wav")
    describe(
        call,
        customer=NUMBER,
        agent="robin",
        queue="Orders",
        dnis="tel:+1",
        duration_s=40.0,
        attributes={"aiTrainingConsent": "true", "note": NUMBER},
        participants=[{"purpose": "agent", "attributes": {"note": NUMBER}}],
    )
    found = next(source(tmp_path, queue_categories={"Orders": "retail"}).discover())
    assert (found.queue, found.queue_category, found.duration_s) == ("Orders", "retail", 40.0)
    assert [(p.purpose, dict(p.attributes)) for p in found.participants] == [
        ("agent", {}),
        ("customer", {"aiTrainingConsent": "true"}),
    ]
    assert NUMBER not in f"{found!r}{found.customer_token}{found.agent_token}"


def test_a_table_describes_many(tmp_path: Path) -> None:
    """One `metadata.csv` may describe every file of the folder."""
    write_tone(tmp_path / "a.wav")
    write_tone(tmp_path / "b.wav")
    (tmp_path / "metadata.csv").write_text("file,language\na.wav,en-US\n")
    assert [m.language for m in source(tmp_path).discover()] == ["en-US", None]


def test_a_table_naming_a_missing_file_is_refused(tmp_path: Path) -> None:
    """A row for a file that is not there is an error, and so is a recording described twice."""
    call = write_tone(tmp_path / "a.wav")
    (tmp_path / "metadata.csv").write_text("file\nb.wav\n")
    with pytest.raises(SourceError, match="not there"):
        list(source(tmp_path).discover())
    (tmp_path / "metadata.csv").write_text("file\na.wav\n")
    describe(call, queue="Orders")
    with pytest.raises(SourceError, match="twice"):
        list(source(tmp_path).discover())


def test_length_and_format_come_from_the_header(tmp_path: Path) -> None:
    """Without a word in the sidecar, length and format are what the header claims."""
    write_tone(tmp_path / "a.wav", seconds=2.0, codec="ULAW")
    found = next(source(tmp_path).discover())
    assert found.duration_s == 2.0
    assert found.format is not None
    assert (found.format.container, found.codec, found.format.rate) == ("WAV", "ULAW", 8000)


def test_what_is_no_audio_is_listed_all_the_same(tmp_path: Path) -> None:
    """A damaged file does not vanish: it is listed, so that it ends in quarantine with a reason."""
    (tmp_path / "a.wav").write_bytes(b"")
    found = next(source(tmp_path).discover())
    assert (found.duration_s, found.format) == (None, None)
    media = source(tmp_path).fetch(found.ref, found)
    assert media.parts["S"].reveal() == b""
    assert media.roles == {"S": (Role.BOTH,)}


def test_a_file_is_fetched_as_it_is(tmp_path: Path) -> None:
    """The bytes arrive unchanged, with the roles of two channels."""
    path = write_tone(tmp_path / "a.wav")
    folder = source(tmp_path, customer_channel="0")
    found = next(folder.discover())
    media = folder.fetch(found.ref, found)
    assert media.parts["S"].reveal() == path.read_bytes()
    assert media.roles == {"S": (Role.CUSTOMER, Role.AGENT)}


def test_two_mono_files_are_one_call(tmp_path: Path) -> None:
    """A sidecar may join two mono files; they are one recording with a role each."""
    first = write_tone(tmp_path / "a.wav", channels=1)
    write_tone(tmp_path / "b.wav", channels=1)
    describe(first, parts={"0": "a.wav", "1": "b.wav"})
    folder = source(tmp_path)
    (found,) = folder.discover()
    assert folder.fetch(found.ref, found).roles == {"0": (Role.AGENT,), "1": (Role.CUSTOMER,)}


@pytest.mark.parametrize("parts", [{"0": "a.wav"}, {"0": "a.wav", "1": "a.wav"}, {"0": "b.wav", "1": "../x.wav"}, {}])
def test_parts_that_make_no_call_are_refused(tmp_path: Path, parts: dict[str, str]) -> None:
    """A call in two files names both, both are there, and neither lies outside."""
    root = tmp_path / "root"
    root.mkdir()
    write_tone(tmp_path / "x.wav")
    first = write_tone(root / "a.wav")
    write_tone(root / "b.wav")
    describe(first, parts=parts)
    with pytest.raises(SourceError) as refused:
        list(source(root).discover())
    assert "a.wav" in refused.value.hint


def test_links_out_of_the_folder_are_not_followed(tmp_path: Path) -> None:
    """Neither a linked file, a linked folder nor a linked sidecar leads out of the folder."""
    outside, root = tmp_path / "outside", tmp_path / "root"
    outside.mkdir()
    root.mkdir()
    write_tone(outside / "secret.wav")
    (outside / "secret.json").write_text("not json")
    (root / "link.wav").symlink_to(outside / "secret.wav")
    (root / "deep").symlink_to(outside, target_is_directory=True)
    write_tone(root / "own.wav")
    (root / "own.json").symlink_to(outside / "secret.json")
    (root / "loop.wav").symlink_to(root / "loop.wav")
    assert [m.recording_id for m in source(root).discover()] == ["own.wav"]


def test_a_file_swapped_for_a_link_is_gone(tmp_path: Path) -> None:
    """What was found and then replaced by a link out of the folder is not fetched."""
    root = tmp_path / "root"
    root.mkdir()
    path = write_tone(root / "a.wav")
    folder = source(root)
    (found,) = folder.discover()
    path.unlink()
    with pytest.raises(MediaGone):
        folder.fetch(found.ref, found)
    path.symlink_to(write_tone(tmp_path / "other.wav"))
    with pytest.raises(MediaGone):
        folder.fetch(found.ref, found)


def test_pipes_are_not_recordings(tmp_path: Path) -> None:
    """A named pipe would wait for ever; it is not listed."""
    os.mkfifo(tmp_path / "pipe.wav")
    assert list(source(tmp_path).discover()) == []


def test_a_file_beyond_the_cap_is_refused(tmp_path: Path) -> None:
    """Bytes are counted while reading."""
    write_tone(tmp_path / "a.wav")
    folder = source(tmp_path, max_bytes=100)
    (found,) = folder.discover()
    with pytest.raises(MediaTooLarge):
        folder.fetch(found.ref, found)


def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    """A folder that is not there is not an empty one."""
    with pytest.raises(SourceError) as refused:
        list(source(tmp_path / "nowhere").discover())
    assert "nowhere" in refused.value.hint


def test_a_bad_sidecar_names_its_file(tmp_path: Path) -> None:
    """The error names the sidecar, not what stands in it."""
    describe(write_tone(tmp_path / "a.wav"), customer=7, queue=NUMBER)
    with pytest.raises(SourceError) as refused:
        list(source(tmp_path).discover())
    assert "a.json" in refused.value.hint
    assert NUMBER not in refused.value.hint


def test_a_folder_that_cannot_be_listed_is_not_empty(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder without the right to list it is an error, never silence."""

    def refused(_: object) -> object:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(os, "scandir", refused)
    with pytest.raises(SourceError, match="listed"):
        list(source(tmp_path).discover())
