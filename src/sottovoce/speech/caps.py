"""How much sound may be decoded, asked before anything is allocated (SPEC 5.1, SECURITY 5.3).

A 124 KB forged FLAC can claim 1 TiB, and silence in Vorbis unpacks 3,624-fold: file size says
nothing, so declared and delivered frames are both held against these limits.
"""

from __future__ import annotations

from dataclasses import dataclass

from sottovoce.errors import MediaTooLarge


@dataclass(frozen=True, slots=True, kw_only=True)
class Caps:
    """Limits on one file. `max_samples` counts frames times channels, each 4 bytes in memory."""

    max_seconds: float = 4 * 3600.0
    max_channels: int = 8
    max_rate: int = 192_000
    max_bytes: int = 1 << 31
    max_samples: int = 1 << 30

    def check_bytes(self, size: int) -> None:
        if size > self.max_bytes:
            raise MediaTooLarge("the file is larger than allowed", hint=f"at most {self.max_bytes} bytes")

    def check_shape(self, *, channels: int, rate: int) -> None:
        if not 1 <= channels <= self.max_channels:
            raise MediaTooLarge("the file has too many channels", hint=f"1 to {self.max_channels} are read")
        if not 1 <= rate <= self.max_rate:
            raise MediaTooLarge("the sample rate is out of range", hint=f"1 to {self.max_rate} Hz is read")

    def check_length(self, *, frames: int, channels: int, rate: int) -> None:
        """Called with what a file declares, and again with what it delivers as it is decoded."""
        if frames > self.max_seconds * rate or frames * channels > self.max_samples:
            raise MediaTooLarge(
                "the file is longer than allowed",
                hint=f"at most {self.max_seconds:.0f} s and {self.max_samples} samples are decoded",
            )
