"""A redacted file in the container, codec, rate, channels and length of the original (SPEC 2.4, 7.3).

WAV keeps the very bytes of every sample outside the plan and FLAC the very integers; the lossy formats
are encoded again in their own codec. Nothing but sound survives: no tags, no pictures, no other chunks.
What was written is read back and compared before it is handed on.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import BinaryIO, Final

import numpy as np
import soundfile
from numpy.typing import NDArray

from sottovoce.domain import wav
from sottovoce.domain.confidential import Confidential
from sottovoce.domain.encoded import Draft, DraftInMemory, Encoded, EncodedBytes
from sottovoce.domain.finding import PlannedSpan, RedactionPlan
from sottovoce.domain.joined import Joined
from sottovoce.domain.sound import MediaFormat, Sound
from sottovoce.domain.spans import merged
from sottovoce.errors import RedactionError
from sottovoce.redact.protocol import Codec, Tape
from sottovoce.redact.settle import Part
from sottovoce.redact.sound import check_fits
from sottovoce.redact.tiles import SoundTape, Tile, clipped, tiles
from sottovoce.redact.verify import inspect_file

_LOSSLESS: Final = frozenset({"WAV", "FLAC"})
_FULL_SCALE: Final = 1 << 31


Put = Callable[[Sound, Sequence[PlannedSpan]], None]
"""Takes the next frames of the redacted sound, with what was planned in them."""


def rewrite(
    data: Confidential[bytes],
    original: Sound,
    redacted: Sound,
    plan: RedactionPlan,
    *,
    shape: MediaFormat,
    codec: Codec,
) -> Confidential[bytes]:
    """The file with the planned stretches taken from `redacted`, checked by reading it back.

    `original` and `shape` are what `codec.read` made of `data`. RedactionError when the file cannot be
    kept to its exact length, or anything planned is still heard in it.
    """
    check_fits(redacted, plan)
    draft = DraftInMemory()
    part = Part(tile=Tile(start=0, sound=original), plan=plan, redacted=redacted)
    write_parts([part], EncodedBytes(data), draft, shape=shape, codec=codec)
    check_written(SoundTape(original), draft, plan, (original.frames,), shape=shape, codec=codec)
    return draft.data


def write_parts(parts: Iterable[Part], source: Encoded, draft: Draft, *, shape: MediaFormat, codec: Codec) -> None:
    """The redacted recording as a file of the same kind, tile by tile, with nothing in it but sound."""
    with draft.create() as out, _writing(source, out, shape, codec) as put:
        for part in parts:
            put(part.redacted, part.plan.spans)
            del part


def check_written(
    tape: Tape, draft: Encoded, plan: RedactionPlan, ends: Sequence[int], *, shape: MediaFormat, codec: Codec
) -> None:
    """RedactionError unless what was written has the original's shape and length, and nothing that was planned."""
    written = codec.tape(draft, roles=tape.roles)
    same = written.format == shape
    if not same or not all(
        inspect_file(
            before.sound, after.sound, clipped(plan, before.span), lossless=shape.container in _LOSSLESS
        ).passes
        for before, after in zip(tiles(tape, ends), tiles(written, ends), strict=True)
    ):
        raise RedactionError(
            "the file could not be rewritten exactly", hint="convert the recording to WAV or FLAC and redact that"
        )


@contextmanager
def _writing(source: Encoded, out: BinaryIO, shape: MediaFormat, codec: Codec) -> Iterator[Put]:
    match shape.container:
        case "WAV":
            with _wav(source, out) as put:
                yield put
        case "FLAC":
            with _flac(source, out) as put:
                yield put
        case _:
            with codec.writer(out, shape) as write:
                yield lambda redacted, _: write(redacted.samples)


@contextmanager
def _wav(source: Encoded, out: BinaryIO) -> Iterator[Put]:
    """The file's own bytes, patched."""
    layout = wav.parse(source.view())
    size = layout.frames * layout.frame_bytes
    out.write(wav.head(layout, size))
    with source.open() as file:
        sound = Joined(file, layout.data)

        def put(redacted: Sound, spans: Sequence[PlannedSpan]) -> None:
            own = memoryview(sound.read(redacted.frames * layout.frame_bytes))
            out.writelines(_parts(own, layout, spans, lambda p: _planned(redacted, p)))

        yield put
    out.write(wav.padding(size))


@contextmanager
def _flac(source: Encoded, out: BinaryIO) -> Iterator[Put]:
    """The samples as 32-bit integers, whose upper bits are the file's own; patched and written alike."""
    with (
        source.open() as file,
        soundfile.SoundFile(file) as own,
        soundfile.SoundFile(out, "w", own.samplerate, own.channels, subtype=own.subtype, format="FLAC") as target,
    ):

        def put(redacted: Sound, spans: Sequence[PlannedSpan]) -> None:
            samples = own.read(redacted.frames, dtype="int32", always_2d=True)
            for p in spans:
                part = _planned(redacted, p).astype(np.float64)
                whole = np.clip(np.rint(part * _FULL_SCALE), -_FULL_SCALE, _FULL_SCALE - 1)
                samples[p.span.start : p.span.end, p.channel] = whole.astype(np.int32)
            target.write(samples)

        yield put


def patched(raw: bytes, spans: Sequence[PlannedSpan], filling: Callable[[PlannedSpan], NDArray[np.float32]]) -> bytes:
    """A WAV file with each planned stretch replaced by the samples `filling` gives for it, in its own codec.

    Every other byte of sound is the file's own; there is one data chunk, whatever there was before. Holds
    little more than the file and its result.
    """
    layout = wav.parse(raw)
    return wav.compose(layout, *_parts(_sound(raw, layout), layout, spans, filling))


def _sound(raw: bytes, layout: wav.WavLayout) -> memoryview:
    chunks = [memoryview(raw)[start:end] for start, end in layout.data]
    return chunks[0] if len(chunks) == 1 else memoryview(b"".join(chunks))


def _parts(
    sound: memoryview,
    layout: wav.WavLayout,
    spans: Sequence[PlannedSpan],
    filling: Callable[[PlannedSpan], NDArray[np.float32]],
) -> Iterator[memoryview | bytearray]:
    """The sound in order: as it is between the planned stretches, and a patched copy where some channel has one."""
    frame, done = layout.frame_bytes, 0
    ordered, first = sorted(spans, key=lambda p: p.span.start), 0
    for region in merged(p.span for p in spans):
        part = bytearray(sound[region.start * frame : region.end * frame])
        grid = np.frombuffer(part, dtype=np.uint8).reshape(-1, layout.channels, layout.sample_bytes)
        while first < len(ordered) and ordered[first].span.start < region.end:
            planned = ordered[first]
            coded = np.frombuffer(_coded(filling(planned), layout), dtype=np.uint8).reshape(-1, layout.sample_bytes)
            grid[planned.span.start - region.start : planned.span.end - region.start, planned.channel] = coded
            first += 1
        yield sound[done : region.start * frame]
        yield part
        done = region.end * frame
    yield sound[done:]


def _coded(samples: NDArray[np.float32], layout: wav.WavLayout) -> bytes:
    out = io.BytesIO()
    with soundfile.SoundFile(
        out, "w", samplerate=layout.rate, channels=1, format="RAW", subtype=layout.codec, endian="LITTLE"
    ) as target:
        target.write(samples)
    return out.getvalue()


def _planned(redacted: Sound, planned: PlannedSpan) -> NDArray[np.float32]:
    return redacted.samples[planned.channel, planned.span.start : planned.span.end]
