"""`redact`, `anonymize`, `transcribe`: one file, many or a folder, without a workspace."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import soundfile

from sottovoce.cli.batch import Item, map_places
from sottovoce.sandbox.catalog import PACKAGED
from sottovoce.testing.calls import write_tone

CALL = "call-20.ogg"


def files_below(folder: Path) -> set[str]:
    return {p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file()}


@pytest.fixture
def calls(tmp_path: Path) -> Path:
    """Two files that can be read, at different depths, and everything that cannot."""
    folder = tmp_path / "in"
    (folder / "deep").mkdir(parents=True)
    good = write_tone(folder / "good.wav", seconds=2)
    write_tone(folder / "deep" / "good.wav", seconds=3, codec="ULAW")
    (folder / "empty.wav").touch()
    (folder / "cut.wav").write_bytes(good.read_bytes()[:9000])
    (folder / "list.mp3").write_text("#EXTM3U\nhttp://example.org/a.mp3\n")
    (folder / "text.flac").write_text("not audio at all")
    (folder / "notes.txt").write_text("left out")
    return folder


BAD = {
    "empty.wav": "E_MEDIA_UNREADABLE",
    "cut.wav": "E_MEDIA_TRUNCATED",
    "list.mp3": "E_MEDIA_UNREADABLE",
    "text.flac": "E_MEDIA_UNREADABLE",
}


def test_a_folder_keeps_its_paths_lengths_and_formats(program, calls, tmp_path):
    """What cannot be read is named with its reason, leaves nothing, and keeps nothing else from being done."""
    out = tmp_path / "out"
    said = program("anonymize", calls, "-o", out, "--json")
    assert said.code == 1
    assert {Path(one["file"]).name: one["reason"] for one in said.json if one["reason"]} == BAD
    assert all(one["message"] and one["hint"] for one in said.json if one["reason"])
    assert files_below(out) == {"good.wav", "deep/good.wav"}
    for name in files_below(out):
        before, after = soundfile.info(str(calls / name)), soundfile.info(str(out / name))
        shape = (before.frames, before.samplerate, before.channels, before.subtype)
        assert (after.frames, after.samplerate, after.channels, after.subtype) == shape


def test_left_out_files_are_counted(program, calls, tmp_path):
    """A file not called like audio is not passed over in silence."""
    said = program("anonymize", calls, "-o", tmp_path / "out", "--workers", "1")
    assert "left out: 1 file" in said.err
    assert "4 of 6 withheld" in said.out


def test_a_recording_is_never_overwritten(program, calls, tmp_path):
    """The place of a result is another than that of its recording, however it is named."""
    before = {name: (calls / name).read_bytes() for name in files_below(calls)}
    link = tmp_path / "link"
    link.symlink_to(calls)
    for arguments in (
        (calls / "good.wav", "-o", calls / "good.wav"),
        (calls / "good.wav", "-o", calls),
        (calls, "-o", calls),
        (calls, "-o", link),
    ):
        said = program("anonymize", *arguments)
        assert (said.code, said.out) == (5, "")
        assert "would be overwritten" in said.err
    assert {name: (calls / name).read_bytes() for name in files_below(calls)} == before


def test_two_files_of_one_name_are_refused_before_anything_is_done(program, calls, tmp_path):
    """Neither would know which of them it is."""
    said = program("anonymize", calls / "good.wav", calls / "deep" / "good.wav", "-o", tmp_path / "out")
    assert said.code == 5
    assert not (tmp_path / "out").exists()


def test_a_map_takes_nobodys_place(program, calls, tmp_path):
    """Neither a recording's nor a result's, by whatever name; and many maps need a folder."""
    good = calls / "good.wav"
    before = good.read_bytes()
    (tmp_path / "map.json").touch()
    for arguments in (
        (good, "-o", tmp_path / "out.wav", "--map", good),
        (good, "-o", tmp_path / "out.wav", "--map", calls / "deep" / ".." / "good.wav"),
        (good, "-o", tmp_path / "out.wav", "--map", tmp_path / "out.wav"),
        (calls, "-o", tmp_path / "out", "--map", tmp_path / "map.json"),
    ):
        said = program("redact", *arguments)
        assert (said.code, said.out) == (5, "")
        assert "--map" in said.err
    assert good.read_bytes() == before
    assert files_below(tmp_path) - {f"in/{name}" for name in files_below(calls)} == {"map.json"}


def test_maps_lie_where_they_are_asked_for(tmp_path):
    """Beside nothing: the file itself for one, a folder for many, and for one where there is a folder of that name."""
    one = [Item(source=tmp_path / "a.wav", target=tmp_path / "b.wav", relative=Path("a.wav"))]
    assert map_places(one, tmp_path / "m.json", many=False) == {one[0].source: tmp_path / "m.json"}
    assert map_places(one, tmp_path, many=False) == {one[0].source: tmp_path / "a.wav.json"}
    assert map_places(one, tmp_path / "maps", many=True) == {one[0].source: tmp_path / "maps" / "a.wav.json"}


def test_many_files_go_into_a_folder(program, calls, tmp_path):
    """A folder called like a file of sound is a mistake."""
    said = program("anonymize", calls / "good.wav", calls / "deep", "-o", tmp_path / "out.wav")
    assert said.code == 5
    assert "folder" in said.err
    assert not (tmp_path / "out.wav").exists()


def test_a_link_to_nothing_is_named(program, tmp_path):
    """It is called like audio, so it is not passed over."""
    (tmp_path / "in").mkdir()
    write_tone(tmp_path / "in" / "a.wav")
    (tmp_path / "in" / "lost.wav").symlink_to("nowhere")
    said = program("anonymize", tmp_path / "in", "-o", tmp_path / "out", "--json")
    assert said.code == 1
    assert {Path(one["file"]).name: one["reason"] for one in said.json} == {
        "a.wav": None,
        "lost.wav": "E_MEDIA_UNREADABLE",
    }


def test_the_name_says_what_is_in_it(program, calls, tmp_path):
    """The format is kept, so another ending is refused; a name without one is a folder."""
    said = program("anonymize", calls / "good.wav", "-o", tmp_path / "x.mp3")
    assert said.code == 5
    assert ".wav" in said.err
    assert program("anonymize", calls / "good.wav", "-o", tmp_path / "out").code == 0
    assert files_below(tmp_path / "out") == {"good.wav"}


def test_an_output_inside_the_input_is_not_taken_for_input(program, tmp_path):
    """A second call treats the same files as the first."""
    write_tone(tmp_path / "a.wav")
    for _ in range(2):
        said = program("anonymize", tmp_path, "-o", tmp_path / "out", "--json")
        assert [Path(one["file"]).name for one in said.json] == ["a.wav"]
    assert files_below(tmp_path) == {"a.wav", "out/a.wav"}


def test_a_folder_without_audio_is_an_error(program, tmp_path):
    """Nothing done is not taken for everything done."""
    (tmp_path / "in").mkdir()
    said = program("anonymize", tmp_path / "in", "-o", tmp_path / "out")
    assert said.code == 5
    assert not (tmp_path / "out").exists()


def test_a_result_that_cannot_be_written_is_named(program, tmp_path):
    """A file where a folder should be: an error for each file, no traceback, nothing partial."""
    write_tone(tmp_path / "a.wav")
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "a.wav").mkdir()
    said = program("anonymize", tmp_path / "a.wav", "-o", tmp_path / "out", "--json")
    assert said.code == 1
    assert said.json[0]["reason"] == "E_STORAGE"
    assert files_below(tmp_path / "out") == set()


@pytest.fixture(scope="module")
def redacted(tmp_path_factory):
    """A sample call and a broken one through `redact`, with maps."""
    root = tmp_path_factory.mktemp("redact")
    (root / "in").mkdir()
    shutil.copy(PACKAGED / CALL, root / "in" / CALL)
    (root / "in" / "cut.ogg").write_bytes((PACKAGED / CALL).read_bytes()[:30_000])
    return root


@pytest.mark.slow
def test_redact_writes_sound_and_map_and_withholds_what_is_in_doubt(program, redacted):
    """Same format and length; the map has spans and no values; the broken file leaves neither."""
    said = program("redact", redacted / "in", "-o", redacted / "out", "--map", redacted / "maps", "--json")
    by_name = {Path(one["file"]).name: one for one in said.json}
    assert said.code == 1
    assert by_name[CALL]["reason"] is None
    assert by_name["cut.ogg"]["reason"] in {"E_MEDIA_TRUNCATED", "E_MEDIA_UNREADABLE"}
    assert files_below(redacted / "out") == {CALL}
    assert files_below(redacted / "maps") == {f"{CALL}.json"}
    before, after = soundfile.info(str(PACKAGED / CALL)), soundfile.info(str(redacted / "out" / CALL))
    assert (after.frames, after.samplerate, after.channels) == (before.frames, before.samplerate, before.channels)
    assert "text" not in json.loads((redacted / "maps" / f"{CALL}.json").read_text())


@pytest.mark.slow
def test_a_plan_writes_nothing(program, redacted, tmp_path, monkeypatch):
    """Spans and counts for one file, the same spans as are removed; exit code 0."""
    monkeypatch.chdir(tmp_path)
    said = program("redact", redacted / "in" / CALL, "--plan", "--map", tmp_path / "map.json", "--json")
    assert said.code == 0
    assert said.json[0]["output"] is None
    assert all(set(span) == {"label", "channel", "start_s", "end_s"} for span in said.json[0]["spans"])
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
def test_transcribe_alone_says_words(program, tmp_path):
    """With times, as JSON; a file that is no audio is an error of one line."""
    heard = program("transcribe", PACKAGED / CALL, "--json").json
    assert sum(len(channel["words"]) for channel in heard["channels"]) > 10
    (tmp_path / "a.wav").write_bytes(b"RIFF")
    said = program("transcribe", tmp_path / "a.wav")
    assert (said.code, said.out) == (5, "")
    assert said.err.startswith("E_MEDIA")


def test_a_model_that_is_not_there_stops_everything_with_its_code(program, workspace, tmp_path):
    """Processes that cannot make themselves ready answer with their error; nothing is written."""
    policy = workspace / "policy.yaml"
    policy.write_text(policy.read_text() + "models:\n  transcriber: /nowhere/model\n")
    for number in range(2):
        soundfile.write(str(tmp_path / f"{number}.wav"), np.zeros(8000, np.float32), 8000)
    inputs = [tmp_path / f"{number}.wav" for number in range(2)]
    said = program("redact", *inputs, "-o", tmp_path / "out", "--policy", policy)
    assert (said.code, said.out) == (6, "")
    assert "E_MODEL" in said.err
    assert not (tmp_path / "out").exists()
