"""Recordings in a folder: audio files at any depth, with what a sidecar or a table says about them.

Links that lead out of the folder are not followed, neither when looking nor when fetching. A file that
is not audio is still listed, so that it ends in quarantine with a reason and not in silence.
"""

from __future__ import annotations

import json
import os
import stat
from collections.abc import Iterator, Mapping
from pathlib import Path

from sottovoce.domain.confidential import Confidential
from sottovoce.domain.recording import Participant, RecordingMetadata, RecordingRef
from sottovoce.domain.sound import Media, Role
from sottovoce.errors import MediaGone, MediaTooLarge, SourceError
from sottovoce.sources.header import Header, channels_of, read_header, roles_for
from sottovoce.sources.protocol import CUSTOMER, Tokenizer, agent_token, customer_token, recording_key
from sottovoce.sources.sidecar import CSV_NAME, MAX_BYTES, Sidecar, parse_csv, parse_json

AUDIO = frozenset({".wav", ".wave", ".flac", ".mp3", ".ogg", ".oga", ".opus", ".webm"})
MAX_MEDIA_BYTES = 512 << 20


class FolderSource:
    """The audio files under `root`.

    `customer_channel` says which channel of a two-channel file is the customer's; `attributes` names
    the participant attributes that are kept.
    """

    def __init__(
        self,
        *,
        name: str,
        root: Path,
        tokenizer: Tokenizer,
        customer_channel: str = "1",
        attributes: frozenset[str] = frozenset(),
        queue_categories: Mapping[str, str] | None = None,
        max_bytes: int = MAX_MEDIA_BYTES,
    ) -> None:
        self.name = name
        self._given = root
        self._root = root.resolve()
        self._tokenizer = tokenizer
        self._customer_channel = customer_channel
        self._attributes = attributes
        self._categories = dict(queue_categories or {})
        self._max_bytes = max_bytes

    def discover(self) -> Iterator[RecordingMetadata]:
        """Every call, in the order of its path."""
        files = self._audio_files()
        described = {path: self._sidecar(path) for path in files}
        self._merge_table(described)
        spoken_for = {part for path, sidecar in described.items() for part in self._others(path, sidecar)}
        for path in files:
            if path not in spoken_for:
                yield self._metadata(path, described[path])

    def fetch(self, ref: RecordingRef, metadata: RecordingMetadata) -> Media:  # noqa: ARG002 - a source of files needs none
        """The bytes of the file, or of both files of a call kept as two. Raises MediaGone, MediaTooLarge."""
        paths: dict[str, str] = json.loads(ref.locator.reveal())
        parts = {key: self._read(self._root / path, limit=self._max_bytes) for key, path in paths.items()}
        if set(parts) == {"0", "1"}:
            roles = {key: self._mono_role(key, parts[key]) for key in parts}
        else:
            roles = {
                k: roles_for(channels_of(data), customer_channel=self._customer_channel) for k, data in parts.items()
            }
        return Media(parts={key: Confidential(data) for key, data in parts.items()}, roles=roles)

    def _mono_role(self, key: str, data: bytes) -> tuple[Role, ...]:
        role = Role.CUSTOMER if key == self._customer_channel else Role.AGENT
        return (role,) * (channels_of(data) or 1)

    def _audio_files(self) -> list[Path]:
        if not self._root.is_dir():
            raise SourceError("the folder of a source is not there", hint=f"make {self._given} or mend the policy")
        found = []
        for folder, names, files in os.walk(self._root, onerror=_refuse_walk):
            names.sort()
            found += [p for f in files if (p := Path(folder, f)).suffix.lower() in AUDIO and self._inside(p)]
        return sorted(found)

    def _inside(self, path: Path) -> bool:
        try:
            real = path.resolve(strict=True)
        except (OSError, RuntimeError):
            return False
        return real.is_relative_to(self._root) and real.is_file()

    def _sidecar(self, path: Path) -> Sidecar | None:
        beside = path.with_suffix(".json")
        if not (beside.exists() and self._inside(beside)):
            return None
        return parse_json(self._read(beside, limit=MAX_BYTES), name=self._relative(beside))

    def _merge_table(self, described: dict[Path, Sidecar | None]) -> None:
        table = self._root / CSV_NAME
        if not table.exists():
            return
        for file, sidecar in parse_csv(self._read(table, limit=64 * MAX_BYTES), name=CSV_NAME):
            path = self._root / file
            if path not in described:
                raise SourceError(f"{CSV_NAME} names a file that is not there", hint=f"{file}: add it or drop the row")
            if described[path] is not None:
                raise SourceError("a recording is described twice", hint=f"{file}: by a sidecar, or by one row")
            described[path] = sidecar

    def _others(self, path: Path, sidecar: Sidecar | None) -> set[Path]:
        """The files that belong to the call of `path` without being its first."""
        return set(self._parts(path, sidecar).values()) - {path}

    def _parts(self, path: Path, sidecar: Sidecar | None) -> dict[str, Path]:
        if sidecar is None or sidecar.parts is None:
            return {"S": path}
        named = {key: path.parent / name for key, name in sidecar.parts.items()}
        if len(set(named.values())) < 2 or path not in named.values():
            raise SourceError("a call in two files must name both", hint=f"{self._relative(path)}: see its parts")
        if not all(self._inside(part) for part in named.values()):
            raise SourceError("a part of a call is not there", hint=f"{self._relative(path)}: see its parts")
        return {str(key): part for key, part in named.items()}

    def _metadata(self, path: Path, sidecar: Sidecar | None) -> RecordingMetadata:
        said = sidecar or Sidecar()
        parts = {key: self._relative(part) for key, part in self._parts(path, sidecar).items()}
        header = self._header(path)
        relative = self._relative(path)
        return RecordingMetadata(
            ref=RecordingRef(
                source=self.name,
                key=recording_key(self._tokenizer, self.name, relative),
                locator=Confidential(json.dumps(parts)),
            ),
            conversation_id=said.conversation_id or relative,
            recording_id=said.recording_id or relative,
            started_at=said.started_at,
            duration_s=_first(said.duration_s, header.duration_s if header else None),
            queue=said.queue,
            queue_category=said.queue_category or self._categories.get(said.queue or ""),
            skills=said.skills,
            language=said.language,
            direction=said.direction,
            dnis=said.dnis,
            customer_token=customer_token(self._tokenizer, said.customer),
            agent_token=agent_token(self._tokenizer, said.agent),
            participants=self._participants(said),
            file_state=said.file_state,
            region=said.region,
            legal_hold=said.legal_hold,
            accent_region=said.accent_region,
            format=header.format if header else None,
            codec=header.format.codec if header else None,
            device=said.device,
            audio_quality=said.audio_quality,
        )

    def _participants(self, said: Sidecar) -> tuple[Participant, ...]:
        parties = [(p.purpose, p.attributes) for p in said.participants]
        if said.attributes:
            parties.append((CUSTOMER, said.attributes))
        return tuple(
            Participant(purpose=purpose, attributes={k: v for k, v in given.items() if k in self._attributes})
            for purpose, given in parties
        )

    def _header(self, path: Path) -> Header | None:
        with path.open("rb") as file:
            return read_header(file)

    def _relative(self, path: Path) -> str:
        return path.relative_to(self._root).as_posix()

    def _read(self, path: Path, *, limit: int) -> bytes:
        """The whole of a regular file inside the root, counted while reading."""
        if not self._inside(path):
            raise MediaGone("a file of the folder is no longer there", hint="put it back, or run again without it")
        handle = os.open(path.resolve(), os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
        with os.fdopen(handle, "rb") as file:
            if not stat.S_ISREG(os.fstat(handle).st_mode):
                raise SourceError("not a regular file", hint="a source reads regular files only")
            data = file.read(limit + 1)
        if len(data) > limit:
            raise MediaTooLarge("a file is larger than the cap", hint=f"the cap is {limit} bytes")
        return data


def _refuse_walk(error: OSError) -> None:
    """A folder that cannot be listed is not an empty one."""
    raise SourceError("a folder cannot be listed", hint=f"allow reading it ({error.strerror})") from None


def _first(said: float | None, read: float | None) -> float | None:
    return said if said is not None else read
