"""Audio files with what stands beside them: one sidecar a call, or one table for all.

A folder and an object store are described in the same way; only where their bytes come from differs, and that
is behind `Files`. A file that is not audio is still listed, so that it ends in quarantine with a reason and not
in silence.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from pathlib import PurePosixPath
from typing import Any, Protocol

from sottovoce.domain.confidential import Confidential
from sottovoce.domain.recording import Participant, RecordingMetadata, RecordingRef
from sottovoce.domain.sound import Media, Role
from sottovoce.errors import SourceError
from sottovoce.sources.header import Header, channels_of, roles_for
from sottovoce.sources.protocol import CUSTOMER, Tokenizer, agent_token, customer_token, recording_key
from sottovoce.sources.sidecar import CSV_NAME, MAX_BYTES, Sidecar, parse_csv, parse_json

AUDIO = frozenset({".wav", ".wave", ".flac", ".mp3", ".ogg", ".oga", ".opus", ".webm"})
TABLE_BYTES = 64 * MAX_BYTES


class Files(Protocol):
    """Files by their names, relative, with `/` between the parts."""

    def audio(self) -> list[str]:
        """Every audio file, by its ending."""
        ...

    def has(self, name: str) -> bool:
        """Whether a file of that name is there, readable or not."""
        ...

    def inside(self, name: str) -> bool:
        """Whether it is one of these files, and no link to another place."""
        ...

    def read(self, name: str, *, limit: int) -> bytes:
        """A small file, whole. MediaTooLarge beyond the limit."""
        ...

    def header(self, name: str) -> Header | None:
        """What the file claims, or None where it cannot be read as audio."""
        ...

    def state(self, name: str) -> str | None:
        """A state the store itself knows, such as ARCHIVED."""
        ...

    def locate(self, name: str) -> object:
        """How the file is found again when its sound is fetched, as JSON keeps it."""
        ...


class DescribedFiles:
    """Discovery for a source over `files`."""

    def __init__(
        self,
        *,
        name: str,
        files: Files,
        tokenizer: Tokenizer,
        attributes: frozenset[str],
        queue_categories: Mapping[str, str] | None,
    ) -> None:
        self._name = name
        self._files = files
        self._tokenizer = tokenizer
        self._attributes = attributes
        self._categories = dict(queue_categories or {})

    def discover(self) -> Iterator[RecordingMetadata]:
        """Every call, in the order of its path."""
        names = sorted(self._files.audio(), key=lambda name: name.split("/"))
        described = {name: self._sidecar(name) for name in names}
        self._merge_table(described)
        spoken_for = {part for name, sidecar in described.items() for part in self._others(name, sidecar)}
        for name in names:
            if name not in spoken_for:
                yield self._metadata(name, described[name])

    def _sidecar(self, name: str) -> Sidecar | None:
        beside = PurePosixPath(name).with_suffix(".json").as_posix()
        if not self._files.inside(beside):
            return None
        return parse_json(self._files.read(beside, limit=MAX_BYTES), name=beside)

    def _merge_table(self, described: dict[str, Sidecar | None]) -> None:
        if not self._files.has(CSV_NAME):
            return
        for file, sidecar in parse_csv(self._files.read(CSV_NAME, limit=TABLE_BYTES), name=CSV_NAME):
            name = PurePosixPath(file).as_posix()
            if name not in described:
                raise SourceError(f"{CSV_NAME} names a file that is not there", hint=f"{file}: add it or drop the row")
            if described[name] is not None:
                raise SourceError("a recording is described twice", hint=f"{file}: by a sidecar, or by one row")
            described[name] = sidecar

    def _others(self, name: str, sidecar: Sidecar | None) -> set[str]:
        """The files that belong to the call of `name` without being its first."""
        return set(self._parts(name, sidecar).values()) - {name}

    def _parts(self, name: str, sidecar: Sidecar | None) -> dict[str, str]:
        if sidecar is None or sidecar.parts is None:
            return {"S": name}
        named = {key: (PurePosixPath(name).parent / part).as_posix() for key, part in sidecar.parts.items()}
        if len(set(named.values())) < 2 or name not in named.values():
            raise SourceError("a call in two files must name both", hint=f"{name}: see its parts")
        if not all(self._files.inside(part) for part in named.values()):
            raise SourceError("a part of a call is not there", hint=f"{name}: see its parts")
        return {str(key): part for key, part in named.items()}

    def _metadata(self, name: str, sidecar: Sidecar | None) -> RecordingMetadata:
        said = sidecar or Sidecar()
        located = {key: self._files.locate(part) for key, part in self._parts(name, sidecar).items()}
        header = self._files.header(name)
        return RecordingMetadata(
            ref=RecordingRef(
                source=self._name,
                key=recording_key(self._tokenizer, self._name, name),
                locator=Confidential(json.dumps(located)),
            ),
            conversation_id=said.conversation_id or name,
            recording_id=said.recording_id or name,
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
            file_state=self._files.state(name) or said.file_state,
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


def media_of(locator: Confidential[str], read: Callable[[Any], bytes], *, customer_channel: str) -> Media:
    """The bytes of the file, or of both files of a call kept as two, each located as `locate` said."""
    located: dict[str, Any] = json.loads(locator.reveal())
    parts = {key: read(where) for key, where in located.items()}
    if set(parts) == {"0", "1"}:
        roles = {key: _mono_role(key, parts[key], customer_channel) for key in parts}
    else:
        roles = {k: roles_for(channels_of(data), customer_channel=customer_channel) for k, data in parts.items()}
    return Media(parts={key: Confidential(data) for key, data in parts.items()}, roles=roles)


def _mono_role(key: str, data: bytes, customer_channel: str) -> tuple[Role, ...]:
    role = Role.CUSTOMER if key == customer_channel else Role.AGENT
    return (role,) * (channels_of(data) or 1)


def _first(said: float | None, read: float | None) -> float | None:
    return said if said is not None else read
