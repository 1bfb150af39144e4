"""The blocks of a call whose files are still coming, channel by channel in step."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from itertools import zip_longest
from typing import Final, Protocol

import numpy as np

from sottovoce.compliance.tape import Block
from sottovoce.domain.encoded import Encoded
from sottovoce.domain.sound import Role
from sottovoce.errors import MediaError, SottovoceError, UnreadableMedia
from sottovoce.speech.caps import Caps
from sottovoce.speech.decode import opened

APART_S: Final = 0.5
"""Files of one call may differ by this much in length; the shorter is filled with silence."""


class Coming(Encoded, Protocol):
    """An encoded file that is still being fetched; where the fetch failed, it ends early and says why."""

    @property
    def failure(self) -> SottovoceError | None: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """Blocks of (frames, channels) to be read once, in the order of the files' keys."""

    blocks: Iterator[Block] = field(repr=False)
    rate: int
    roles: tuple[Role, ...]


@contextmanager
def reading_of(
    parts: Mapping[str, Coming], roles: Mapping[str, Sequence[Role]], *, caps: Caps | None = None
) -> Iterator[Reading]:
    """Opens every file and reads them together. Raises UnreadableMedia, TruncatedMedia, MediaTooLarge, SourceError."""
    if not parts:
        raise UnreadableMedia("the recording has no media", hint="fetch it again")
    caps = caps or Caps()
    try:
        with _opened(parts, roles, caps) as reading:
            yield reading
    except MediaError:
        failures = [part.failure for part in parts.values() if part.failure is not None]
        if failures:
            raise failures[0] from None
        raise


@contextmanager
def _opened(parts: Mapping[str, Coming], roles: Mapping[str, Sequence[Role]], caps: Caps) -> Iterator[Reading]:
    with ExitStack() as stack:
        pairs = [stack.enter_context(opened(parts[key], caps=caps)) for key in sorted(parts)]
        rates = {shape.rate for shape, _ in pairs}
        if len(rates) != 1:
            raise UnreadableMedia("the recording's channels differ in rate", hint="they are not one call")
        (rate,) = rates
        counts = [shape.channels for shape, _ in pairs]
        caps.check_shape(channels=sum(counts), rate=rate)
        who = [role for key, n in zip(sorted(parts), counts, strict=True) for role in _roles(roles.get(key, ()), n)]
        yield Reading(blocks=_together([blocks for _, blocks in pairs], counts, rate), rate=rate, roles=tuple(who))


def _roles(known: Sequence[Role], channels: int) -> tuple[Role, ...]:
    return tuple(known) if len(known) == channels else (Role.BOTH,) * channels


def _together(streams: list[Iterator[Block]], counts: list[int], rate: int) -> Iterator[Block]:
    """One block of each, side by side. Raises UnreadableMedia when one file is much longer than another."""
    if len(streams) == 1:
        yield from streams[0]
        return
    missing = [0] * len(streams)
    for blocks in zip_longest(*streams):
        longest = max(len(block) for block in blocks if block is not None)
        filled = []
        for i, (block, count) in enumerate(zip(blocks, counts, strict=True)):
            given = np.zeros((0, count), dtype=np.float32) if block is None else block
            missing[i] += longest - len(given)
            filled.append(np.pad(given, ((0, longest - len(given)), (0, 0))))
        if max(missing) > APART_S * rate:
            raise UnreadableMedia("the recording's channels differ in length", hint="they are not one call")
        yield np.concatenate(filled, axis=1)
