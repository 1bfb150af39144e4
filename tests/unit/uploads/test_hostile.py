"""Hostile uploads: each is quarantined by its own name, stays where it lies, and keeps none of the others."""

from __future__ import annotations

import hashlib
import io
import os
import struct
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from sottovoce.domain.confidential import Confidential
from sottovoce.testing.house import settle_all
from sottovoce.testing.uploads import Sender, clip, inbox_house, sender
from sottovoce.uploads.details import Consent, Details, signing_message, wording_digest, write_details
from sottovoce.uploads.envelope import HEADER_BYTES, Address, Contents, enclose
from sottovoce.uploads.received import State
from sottovoce.uploads.refusals import Refusal
from sottovoce.vault.seal import sealed_size
from sottovoce.wiring.house import House

WORDING = "I agree that this recording is used to train AI models."


@dataclass
class Scene:
    """An inbox, a contributor, and the means to make any upload in their name."""

    house: House
    sender: Sender
    root: Path

    @property
    def folder(self) -> Path:
        return self.root / "in" / self.sender.credential.contributor

    def upload(self, *, media: bytes | None = None, address: dict[str, str] | None = None, **changes: Any) -> bytes:
        """An upload that is right but for the changes to its details or its address."""
        media = clip() if media is None else media
        at = Address(
            **{
                "inbox": "default/voices",
                "contributor": self.sender.credential.contributor,
                "upload": "ab" * 16,
                "location": f"in/{self.sender.credential.contributor}/one.svup",
                **(address or {}),
            }
        )
        details = replace(self.details(media), **changes)
        signature = self.sender.credential.sign(signing_message(details, at))
        contents = Contents(details=write_details(details, signature), media=Confidential(media))
        return enclose(contents, to=self.key, address=at, random=os.urandom)

    @property
    def key(self) -> bytes:
        return self.house.uploads.keys.current("voices").public

    def details(self, media: bytes) -> Details:
        return Details(
            media=hashlib.sha256(media).hexdigest(),
            media_bytes=len(media),
            name="mine.wav",
            consent=Consent(version="w1", wording=wording_digest(WORDING), agreed_on=date(2026, 1, 2), agreed=True),
            submitted_at=datetime.now(UTC),
            language="en",
            device=None,
            reference=None,
            credential=self.sender.credential.id,
        )

    def put(self, data: bytes, name: str = "one.svup", *, folder: Path | None = None) -> Path:
        path = (folder or self.folder) / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
        return path

    def outcome(self) -> list[str]:
        """The reasons of what is taken in now; `accepted` for what is."""
        return [each.row.reason or each.row.state.value for each in self.house.uploads.receive("voices")]


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[House, Sender, Path]]:
    root = tmp_path_factory.mktemp("inbox")
    house = inbox_house(root / "w", more="    max_bytes: 2000000\n    max_seconds: 60")
    yield house, sender(house, root / "home"), root / "w" / "inbox"
    house.close()


@pytest.fixture
def scene(shared: tuple[House, Sender, Path]) -> Iterator[Scene]:
    house, one, root = shared
    made = Scene(house=house, sender=one, root=root)
    yield made
    for path in (root / "in").rglob("*"):
        if path.is_file():
            path.unlink()
    house.uploads.received.forget(house.uploads.received.standing("voices", *State))


def bomb() -> bytes:
    """A FLAC header that claims 2**36 - 1 samples."""
    import soundfile

    made = io.BytesIO()
    soundfile.write(made, [0.0] * 4096, 8000, format="FLAC", subtype="PCM_16")
    data = bytearray(made.getvalue())
    data[21] |= 0x0F
    data[22:26] = b"\xff" * 4
    return bytes(data)


def test_a_good_one_is_accepted(scene: Scene) -> None:
    """The maker of these uploads makes right ones too, so that what follows fails for its own reason."""
    scene.put(scene.upload())
    assert scene.outcome() == ["accepted"]


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (lambda s: b"", Refusal.NOT_AN_UPLOAD),
        (lambda s: b"RIFF" + bytes(5000), Refusal.NOT_AN_UPLOAD),
        (lambda s: s.upload()[:40], Refusal.TRUNCATED),
        (lambda s: s.upload()[:-1], Refusal.TRUNCATED),
        (lambda s: s.upload() + b"x", Refusal.NOT_AN_UPLOAD),
        (lambda s: _with(s.upload(), 76, struct.pack(">Q", sealed_size(1 << 30))), Refusal.TRUNCATED),
        (lambda s: _with(s.upload(), 72, struct.pack(">I", 1 << 31)), Refusal.TOO_LARGE),
        (lambda s: _with(s.upload(), 84, os.urandom(80)), Refusal.KEY_FORGED),
        (lambda s: _with(s.upload(), 56, os.urandom(16)), Refusal.KEY_FORGED),
        (lambda s: _with(s.upload(), 40, os.urandom(16)), Refusal.WRONG_CONTRIBUTOR),
        (lambda s: _with(s.upload(), 8, os.urandom(32)), Refusal.KEY_UNKNOWN),
        (lambda s: _with(s.upload(), HEADER_BYTES + 60, b"\0\0\0\0"), Refusal.CONTENT_BROKEN),
        (lambda s: _with(s.upload(), 3000, b"\0\0\0\0"), Refusal.CONTENT_BROKEN),
        (lambda s: s.upload(address={"contributor": "c-somebody"}), Refusal.WRONG_CONTRIBUTOR),
        (lambda s: s.upload(address={"location": "in/c-x/other.svup"}), Refusal.KEY_FORGED),
        (lambda s: s.upload(name="../../etc/passwd"), Refusal.NAME_UNSAFE),
        (lambda s: s.upload(name="C:\\x.wav"), Refusal.NAME_UNSAFE),
        (lambda s: s.upload(name=".."), Refusal.NAME_UNSAFE),
        (lambda s: s.upload(reference="x" * 201), Refusal.DETAILS_INVALID),
        (lambda s: s.upload(device="Robin's phone"), Refusal.DETAILS_INVALID),
        (lambda s: s.upload(language="not a language"), Refusal.DETAILS_INVALID),
        (lambda s: s.upload(credential="k-nobody"), Refusal.CREDENTIAL_UNKNOWN),
        (lambda s: s.upload(consent=_consent(agreed=False)), Refusal.CONSENT_MISSING),
        (lambda s: s.upload(consent=_consent(version="w9")), Refusal.WORDING_UNKNOWN),
        (lambda s: s.upload(consent=_consent(wording="0" * 64)), Refusal.WORDING_UNKNOWN),
        (lambda s: s.upload(consent=_consent(agreed_on=date(2024, 12, 31))), Refusal.CONSENT_DATE),
        (lambda s: s.upload(consent=_consent(agreed_on=date(2999, 1, 1))), Refusal.CONSENT_DATE),
        (lambda s: s.upload(media_bytes=1), Refusal.MEDIA_MISMATCH),
        (lambda s: s.upload(media=b"not audio"), Refusal.MEDIA_UNREADABLE),
        (lambda s: s.upload(media=b"#EXTM3U\nhttp://127.0.0.1/x\n"), Refusal.MEDIA_UNREADABLE),
        (lambda s: s.upload(media=clip()[:-100]), Refusal.MEDIA_TRUNCATED),
        (lambda s: s.upload(media=clip(seconds=61.0)), Refusal.MEDIA_TOO_LARGE),
        (lambda s: s.upload(media=clip(channels=9)), Refusal.MEDIA_TOO_LARGE),
        (lambda s: s.upload(media=bomb()), Refusal.MEDIA_TOO_LARGE),
        (lambda s: s.upload(media=bytes(2_000_001)), Refusal.TOO_LARGE),
        (lambda s: bytes(3_000_000), Refusal.TOO_LARGE),
    ],
)
def test_each_is_refused_by_its_own_name(scene: Scene, make: Any, reason: Refusal) -> None:
    """Truncated, forged, exchanged, claiming, lying: one reason each, and the object stays where it lies."""
    data = make(scene)
    path = scene.put(data)
    assert scene.outcome() == [reason]
    assert path.read_bytes() == data
    assert scene.outcome() == []
    (row,) = scene.house.uploads.received.standing("voices", State.QUARANTINED)
    assert (row.reason, row.location) == (reason, f"in/{scene.sender.credential.contributor}/one.svup")


@pytest.mark.parametrize("name", ["one.wav", "..svup", "a b.svup", "é.svup", "deep/er.svup", "x" * 65 + ".svup"])
def test_an_object_with_a_name_of_its_own_is_refused(scene: Scene, name: str) -> None:
    """Names that `submit` does not make lead nowhere; they are kept apart by a digest."""
    scene.put(scene.upload(), name)
    assert scene.outcome() == [Refusal.NAME_UNSAFE]


def test_what_is_still_being_written_is_not_looked_at(scene: Scene) -> None:
    """An upload takes its name when it is whole."""
    scene.put(scene.upload()[:100], ".one.svup.part")
    assert scene.outcome() == []


def test_a_prefix_of_nobodys_is_refused(scene: Scene) -> None:
    """An upload whose folder belongs to no contributor of the inbox."""
    scene.put(scene.upload(), folder=scene.root / "in" / "c-nobody")
    assert scene.outcome() == [Refusal.CONTRIBUTOR_UNKNOWN]


def test_an_upload_copied_to_anothers_prefix_is_refused(scene: Scene, tmp_path: Path) -> None:
    """Whoever can write under two prefixes still cannot make one person's recording another's."""
    other = sender(scene.house, tmp_path / "other")
    scene.put(scene.upload(), folder=scene.root / "in" / other.credential.contributor)
    assert scene.outcome() == [Refusal.WRONG_CONTRIBUTOR]


def test_somebody_elses_credential_does_not_sign_for_one(scene: Scene, tmp_path: Path) -> None:
    """The inbox's public key is everybody's: without one's own credential nothing is taken in one's name."""
    other = sender(scene.house, tmp_path / "other")
    media, at = clip(5), f"in/{scene.sender.credential.contributor}/one.svup"
    address = Address(
        inbox="default/voices", contributor=scene.sender.credential.contributor, upload="ab" * 16, location=at
    )
    for named, reason in (
        (other.credential.id, Refusal.CREDENTIAL_UNKNOWN),
        (scene.sender.credential.id, Refusal.CREDENTIAL_FORGED),
    ):
        details = replace(scene.details(media), credential=named)
        signed = write_details(details, other.credential.sign(signing_message(details, address)))
        contents = Contents(details=signed, media=Confidential(media))
        scene.put(enclose(contents, to=scene.key, address=address, random=os.urandom))
        assert scene.outcome() == [reason]


def test_a_replay_is_refused_and_the_first_stays(scene: Scene) -> None:
    """The same upload under a second name is not a second recording."""
    scene.put(scene.upload())
    assert scene.outcome() == ["accepted"]
    here = f"in/{scene.sender.credential.contributor}/two.svup"
    scene.put(scene.upload(address={"location": here}), "two.svup")
    assert scene.outcome() == [Refusal.REPLAYED]
    assert len(scene.house.uploads.received.standing("voices", State.ACCEPTED)) == 1


def test_what_was_put_there_too_late_is_refused(scene: Scene) -> None:
    """A credential that was over when the object arrived counts for nothing."""
    path = scene.put(scene.upload())
    late = (datetime.now(UTC) + timedelta(hours=2)).timestamp()
    os.utime(path, (late, late))
    assert scene.outcome() == [Refusal.CREDENTIAL_EXPIRED]


def test_a_bad_one_keeps_none_of_the_others(scene: Scene) -> None:
    """Between two hostile ones, the good one is taken."""
    scene.put(b"junk", "0.svup")
    scene.put(scene.upload())
    scene.put(b"junk", "z.svup")
    assert sorted(scene.outcome()) == [Refusal.NOT_AN_UPLOAD, Refusal.NOT_AN_UPLOAD, "accepted"]


def test_nothing_of_an_upload_is_in_the_clear_in_the_database(scene: Scene) -> None:
    """File names and references stay inside the ciphertext, also once the recording is known."""
    planted = {"name": "planted-name.wav", "reference": "planted-reference"}
    scene.put(scene.upload(**planted))
    assert scene.outcome() == ["accepted"]
    assert settle_all(scene.house)
    everywhere = b"".join(path.read_bytes() for path in scene.root.parent.glob("*.sqlite*"))
    stored = b"".join(path.read_bytes() for path in scene.root.rglob("*") if path.is_file())
    for words in planted.values():
        assert words.encode() not in everywhere + stored


def _with(data: bytes, at: int, patch: bytes) -> bytes:
    return data[:at] + patch + data[at + len(patch) :]


def _consent(**changes: Any) -> Consent:
    right = Consent(version="w1", wording=wording_digest(WORDING), agreed_on=date(2026, 1, 2), agreed=True)
    return replace(right, **changes)
