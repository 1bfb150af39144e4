"""Every sabotage is caught, and a right redaction passes: the adversarial suite."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import sottovoce.sandbox
from sottovoce.conformance.findings import Failure
from sottovoce.conformance.kit import make_kit
from sottovoce.conformance.report import report
from sottovoce.conformance.sabotage import Sabotage, sabotage
from sottovoce.conformance.score import score_folder
from sottovoce.conformance.similarity import similarity
from sottovoce.errors import TruthInvalid
from sottovoce.speech.codec import MediaCodec

CALLS = Path(sottovoce.sandbox.__path__[0]) / "calls"
CAUGHT = {
    Sabotage.UNTOUCHED: Failure.UNREDACTED_COPY,
    Sabotage.OVERLAID_TONE: Failure.MIXED_TONE,
    Sabotage.MUTE_50MS: Failure.CUT_SHORT,
    Sabotage.SHIFTED_SPANS: Failure.SPANS_SHIFTED,
    Sabotage.DELAYED: Failure.TIME_SHIFTED,
    Sabotage.CUT_END: Failure.CHANGED_LENGTH,
    Sabotage.CHANGED_RATE: Failure.CHANGED_RATE,
    Sabotage.DOWNMIX: Failure.DOWNMIXED,
    Sabotage.SWAPPED: Failure.SWAPPED_CHANNELS,
    Sabotage.METADATA: Failure.DIRTY_METADATA,
    Sabotage.LEFT_BEHIND: Failure.UNREDACTED_COPY,
}
HEARD = {Sabotage.UNTOUCHED, Sabotage.OVERLAID_TONE, Sabotage.MUTE_50MS, Sabotage.SHIFTED_SPANS}


@pytest.fixture(scope="module")
def kit(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two calls of the kit: FLAC with a card number, µ-law with an account number."""
    folder = tmp_path_factory.mktemp("kit") / "kit"
    assert make_kit(CALLS, folder) == 21
    calls = [c for c in json.loads((folder / "truth.json").read_text()) if c["id"] in {"call-01", "call-09"}]
    (folder / "truth.json").write_text(json.dumps(calls))
    return folder


def judged(truth: Path, redacted: Path) -> Any:
    return report(score_folder(truth, redacted, codec=MediaCodec()))


@pytest.mark.parametrize("how", [Sabotage.CLEAN, Sabotage.CLEAN_TONE])
def test_a_right_redaction_conforms(kit: Path, tmp_path: Path, how: Sabotage) -> None:
    """Silence or a tone in the place of every passage: nothing leaks, nothing fails, nothing else is gone."""
    assert sabotage(kit, tmp_path / "out", how, codec=MediaCodec()) == 2
    found = judged(kit, tmp_path / "out")
    assert found.conforms
    data = found.data()
    assert (data["units_leaked"], data["units_recovered"], data["over_redaction"]) == (0, 0, 0.0)


@pytest.mark.parametrize(("how", "failure"), CAUGHT.items())
def test_each_sabotage_is_caught_by_its_name(kit: Path, tmp_path: Path, how: Sabotage, failure: Failure) -> None:
    """In every file, and what is audible counts as leaked."""
    sabotage(kit, tmp_path / "out", how, codec=MediaCodec())
    found = judged(kit, tmp_path / "out")
    assert not found.conforms
    assert found.failures[failure] == 2
    data = found.data()
    assert (data["units_leaked"] + data["units_recovered"] > 0) == (how in HEARD)


def test_a_leak_moved_out_of_its_place_is_found(kit: Path, tmp_path: Path) -> None:
    """An untouched call, delayed or with its channels swapped, is put back and heard again."""
    codec = MediaCodec()
    calls = json.loads((kit / "truth.json").read_text())
    for how in (Sabotage.DELAYED, Sabotage.SWAPPED):
        bare = tmp_path / f"bare-{how}"
        shutil.copytree(kit, bare)
        (bare / "truth.json").write_text(json.dumps([c | {"entities": []} for c in calls]))
        sabotage(bare, tmp_path / how, how, codec=codec)
        data = judged(kit, tmp_path / how).data()
        assert data["units_leaked"] + data["units_recovered"] > 0.9 * data["units"]
        assert data["card_numbers_leaked"] == data["card_numbers"] == 1


def test_missing_and_unreadable_files_count_as_leaked(kit: Path, tmp_path: Path) -> None:
    """A vendor gains nothing by withholding a file."""
    (tmp_path / "call-01.flac").write_bytes(b"not sound")
    data = judged(kit, tmp_path).data()
    assert data["units_leaked"] == data["units"]
    assert data["missing"] == ["call-09"]
    assert data["failures"] == {"missing": 1, "unreadable": 1}


def test_allowed_failures_are_told_and_not_counted(kit: Path, tmp_path: Path) -> None:
    """Someone may want another rate on purpose."""
    sabotage(kit, tmp_path / "out", Sabotage.CHANGED_RATE, codec=MediaCodec())
    found = report(
        score_folder(kit, tmp_path / "out", codec=MediaCodec()), allowed=[Failure.CHANGED_RATE, Failure.CHANGED_LENGTH]
    )
    assert found.conforms
    assert set(found.data()["files"]) == {"call-01", "call-09"}


def test_only_the_types_asked_for_are_judged(kit: Path, tmp_path: Path) -> None:
    """And a type the truth does not have is refused."""
    sabotage(kit, tmp_path / "out", Sabotage.UNTOUCHED, codec=MediaCodec())
    scores = score_folder(kit, tmp_path / "out", codec=MediaCodec(), only=frozenset({"ACCOUNT_NUMBER"}))
    assert set(report(scores).data()["by_type"]) == {"ACCOUNT_NUMBER"}
    with pytest.raises(TruthInvalid):
        score_folder(kit, tmp_path / "out", codec=MediaCodec(), only=frozenset({"NOTHING"}))


def test_folders_that_hold_something_are_not_written_into(kit: Path) -> None:
    """Neither a kit nor a sabotage overwrites."""
    with pytest.raises(TruthInvalid):
        make_kit(CALLS, kit)
    with pytest.raises(TruthInvalid):
        sabotage(kit, kit, Sabotage.CLEAN, codec=MediaCodec())


def test_similarity_is_one_for_itself_and_small_for_another() -> None:
    """Also delayed by 20 ms or turned over; not for noise, silence or a stretch under 10 ms."""
    noise = np.random.default_rng(3)
    x, other = noise.normal(0, 0.1, (2, 4000))
    cuts = np.array([[400, 2400], [0, 60]])
    assert similarity(x, -np.roll(x, 160), cuts)[0] > 0.9
    assert similarity(x, other, cuts)[0] < 0.2
    assert similarity(x, 0 * x, cuts)[0] == 0
    assert similarity(x, x, cuts)[1] == 0


@pytest.mark.shared
@pytest.mark.parametrize("how", [Sabotage.CLEAN, Sabotage.MUTE_50MS, Sabotage.SHIFTED_SPANS])
def test_the_outside_scorer_agrees(shared: Path, tmp_path: Path, how: Sabotage) -> None:
    """On its own measures, within rounding: card, last four, crosstalk, keypad."""
    truth = tmp_path / "truth"
    truth.mkdir()
    calls = json.loads((shared / "data/calls/truth.json").read_text())
    wanted = {next(c["id"] for c in calls if c["flavour"] == f) for f in ("last4", "bleed", "keyed")}
    calls = [c for c in calls if c["id"] in wanted]
    for call in calls:
        (truth / call["file"]).symlink_to(shared / "data/calls" / call["file"])
    (truth / "truth.json").write_text(json.dumps(calls))
    sabotage(truth, tmp_path / "out", how, codec=MediaCodec())
    (tmp_path / "out" / f"{calls[0]['id']}.flac").unlink()
    command = [sys.executable, str(shared / "eval/score_redaction.py"), str(truth), str(tmp_path / "out"), "--json"]
    theirs = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    ours = judged(truth, tmp_path / "out").data()
    for name in ("units_leaked", "units", "entities_leaked", "entities", "last4_lost", "last4", "missing"):
        assert ours[name] == theirs[name], name
    for kind, counts in theirs["by_type"].items():
        assert {k: ours["by_type"][kind][k] for k in counts} == counts
    assert ours["wrong_length"] == theirs["wrong_length"]
    assert ours["over_redaction"] == pytest.approx(theirs["over_redaction"], abs=1e-4)
    assert ours["judged_speech_s"] == pytest.approx(theirs["judged_speech_s"], abs=0.2)
    assert ours["unit_leak_rate"] == pytest.approx(theirs["unit_leak_rate"], abs=1e-5)
