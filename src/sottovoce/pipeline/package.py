"""What is sealed of an anonymized recording: sound for its line, transcript, redaction map.

For the corpus a sample is one mono file at the corpus's rate. With `channels: separate` (the default) every channel
is its own sample, because splits can then keep speakers apart; a mono recording is one sample however
the policy says it. For analytics the call stays whole, at its own rate, because each vendor is given its own
form of it later. Transcript and map are sealed as objects of their own, under their own names, so
that who may open them can differ from who may listen (SPEC 7.5).
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from sottovoce.domain.confidential import Confidential
from sottovoce.domain.recording import Anonymized
from sottovoce.domain.sound import Role, Sound
from sottovoce.domain.transcript import ChannelTranscript, Transcript
from sottovoce.policy.model import Corpus

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

SAMPLE = "sample"
REDACTED = "redacted"
TRANSCRIPT = "transcript"
MAP = "map"
OF_ANALYTICS = "-analytics"
"""Of kinds that two lines seal: a recording has one key, and names of its objects come from their kinds."""

Part = tuple[str, int | None]
Encode = Callable[..., Confidential[bytes]]
Resample = Callable[..., "NDArray[np.float32]"]


class Packer:
    """Encodes in memory; `encode` and `resample` are the speech room's, `describe_plan` the redact room's."""

    def __init__(
        self, *, corpus: Corpus, encode: Encode, resample: Resample, describe_plan: Callable[[Any], Mapping[str, Any]]
    ) -> None:
        self._corpus = corpus
        self._encode = encode
        self._resample = resample
        self._describe_plan = describe_plan

    def pack(self, anonymized: Anonymized) -> dict[Part, Confidential[bytes]]:
        """Object bytes by (kind, channel); a mixed sample has channel None."""
        sound, verified = anonymized.sound, anonymized.verified
        parts: dict[Part, Confidential[bytes]] = {
            (SAMPLE, channel): self._sample(samples, sound.rate) for channel, samples in self._channels(sound)
        }
        parts[TRANSCRIPT, None] = _as_json(describe_transcript(verified.transcript))
        parts[MAP, None] = _as_json(dict(self._describe_plan(verified.plan)))
        return parts

    def _channels(self, sound: Sound) -> list[tuple[int | None, NDArray[np.float32]]]:
        rows = [(number, sound.samples[number : number + 1]) for number in range(sound.channels)]
        match self._corpus.channels:
            case "separate":
                return list(rows)
            case "mix":
                return [(None, sound.samples.mean(axis=0, keepdims=True, dtype="float32"))]
            case wanted:
                return [row for row in rows if sound.roles[row[0]] in {Role(wanted), Role.BOTH}]

    def _sample(self, samples: NDArray[np.float32], rate: int) -> Confidential[bytes]:
        at_rate = self._resample(samples, from_rate=rate, to_rate=self._corpus.rate)
        sound = Sound(samples=at_rate, rate=self._corpus.rate, roles=(Role.BOTH,))
        return self._encode(sound, container=self._corpus.format.upper(), codec="PCM_16")


class WholePacker:
    """All channels in one lossless file, for deliveries."""

    def __init__(self, *, encode: Encode, describe_plan: Callable[[Any], Mapping[str, Any]]) -> None:
        self._encode = encode
        self._describe_plan = describe_plan

    def pack(self, anonymized: Anonymized) -> dict[Part, Confidential[bytes]]:
        """Object bytes by (kind, channel); none of them is of one channel."""
        verified = anonymized.verified
        return {
            (REDACTED, None): self._encode(anonymized.sound, container="FLAC", codec="PCM_16"),
            (TRANSCRIPT + OF_ANALYTICS, None): _as_json(describe_transcript(verified.transcript)),
            (MAP + OF_ANALYTICS, None): _as_json(dict(self._describe_plan(verified.plan))),
        }


def describe_transcript(transcript: Transcript) -> dict[str, Any]:
    """The (redacted) transcript as JSON: words with times in seconds, channel by channel."""
    return {
        "engine": transcript.engine,
        "model": transcript.model_digest,
        "language": transcript.language,
        "channels": [_channel(c, transcript.rate) for c in transcript.channels],
    }


def _channel(channel: ChannelTranscript, rate: int) -> dict[str, Any]:
    words = []
    for word in channel.words:
        start_s, end_s = word.span.seconds(rate)
        words.append({"text": word.text.reveal(), "start_s": start_s, "end_s": end_s})
    return {"channel": channel.channel, "words": words}


def _as_json(value: Mapping[str, Any]) -> Confidential[bytes]:
    return Confidential(json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode())
