"""Blocks of files that still come, side by side."""

from __future__ import annotations

import io
import threading
import time
from typing import Any

import numpy as np
import pytest
import soundfile

from sottovoce.compliance.reading import reading_of
from sottovoce.domain.sound import Role
from sottovoce.errors import SourceUnavailable, TruncatedMedia, UnreadableMedia
from sottovoce.sources.growing import Growing


def a_wav(seconds: float, *, level: float = 0.1, rate: int = 8000) -> bytes:
    out = io.BytesIO()
    soundfile.write(out, np.full(round(seconds * rate), level), rate, format="WAV", subtype="PCM_16")
    return out.getvalue()


def grown(data: bytes) -> Growing:
    growing = Growing(size=len(data))
    growing.add(data)
    growing.end()
    return growing


ROLES = {"0": (Role.AGENT,), "1": (Role.CUSTOMER,)}


def test_two_files_are_read_in_step() -> None:
    """The channels of both, in the order of their keys, the shorter filled with silence."""
    parts = {"1": grown(a_wav(20, level=0.2)), "0": grown(a_wav(20.1, level=0.1))}
    with reading_of(parts, ROLES) as reading:
        sound = np.concatenate(list(reading.blocks))
    assert (reading.rate, reading.roles, sound.shape) == (8000, (Role.AGENT, Role.CUSTOMER), (160_800, 2))
    assert sound[0] == pytest.approx([0.1, 0.2], abs=1e-4)
    assert sound[-1] == pytest.approx([0.1, 0.0], abs=1e-4)


def test_the_first_block_comes_before_the_last_byte() -> None:
    """Half of the file is enough for half of the sound."""
    data = a_wav(60)
    growing = Growing(size=len(data))
    growing.add(data[: len(data) // 2])
    with reading_of({"S": growing}, {"S": (Role.AGENT, Role.CUSTOMER)}) as reading:
        first = next(iter(reading.blocks))
        assert len(first) == 1 << 16
        assert reading.roles == (Role.BOTH,)
        threading.Timer(0.05, lambda: (growing.add(data[len(data) // 2 :]), growing.end())).start()
        rest = sum(len(block) for block in reading.blocks)
    assert len(first) + rest == 480_000


def test_a_fetch_that_fails_fails_whoever_reads() -> None:
    """Cut off, gone, too slow: the reader gets the same named error."""
    data = a_wav(60)
    for end, error in (("end", TruncatedMedia), ("fail", SourceUnavailable)):
        growing = Growing(size=len(data))
        growing.add(data[:200_000])
        growing.end() if end == "end" else growing.fail(SourceUnavailable("the media host does not answer"))
        with pytest.raises(error), reading_of({"S": growing}, {}) as reading:
            list(reading.blocks)
    began = time.monotonic()
    slow = Growing(size=len(data), patience_s=0.05)
    with pytest.raises(SourceUnavailable, match="slowly"):
        slow.read(0, 10)
    assert time.monotonic() - began < 5


@pytest.mark.parametrize(
    "parts",
    [
        {},
        {"0": a_wav(2), "1": a_wav(2, rate=16_000)},
        {"0": a_wav(2), "1": a_wav(4)},
        {"S": b"not sound at all, whatever it says"},
    ],
)
def test_what_is_not_one_call_is_refused(parts: dict[str, bytes]) -> None:
    """No files, other rates, other lengths, no sound."""
    with pytest.raises(UnreadableMedia), reading_of({k: grown(v) for k, v in parts.items()}, ROLES) as reading:
        list(reading.blocks)


def test_a_growing_file_reads_like_a_file() -> None:
    """Seeking, telling, short reads at the end."""
    file: Any = grown(b"0123456789").open()
    assert (file.read(3), file.tell(), file.seek(-2, 2), file.read(9), file.read(1)) == (b"012", 3, 8, b"89", b"")
    view = grown(b"0123456789").view()
    assert (len(view), view[2:4], view[-3:]) == (10, b"23", b"789")
