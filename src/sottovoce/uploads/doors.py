"""Ways to let one contributor write below one prefix: a drop folder, and addresses signed for single names.

A store's own sessions (AWS STS) are minted in the access room, behind the same interface.
"""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

from sottovoce.domain.confidential import Confidential
from sottovoce.errors import PolicyError
from sottovoce.storage.browse import Place, failures_named, open_backend
from sottovoce.uploads.credential import Doorkeeper, Form, Way

DROP_MODE = 0o730
"""Its owner reads; others of the group may put things in, and neither list nor read them."""


class FolderDoor:
    """A folder both sides see. Who may write where is the file system's to hold; the inbox checks signatures."""

    def __init__(self, *, root: Path) -> None:
        self._root = root

    def way(self, *, prefix: str, ttl: timedelta, slots: tuple[str, ...]) -> Way:  # noqa: ARG002 - a folder needs neither
        """Makes the contributor's folder."""
        folder = self._root / prefix
        with failures_named():
            folder.mkdir(parents=True, exist_ok=True)
            folder.chmod(DROP_MODE)
        return Way(form=Form.FOLDER, secrets=Confidential({"folder": str(self._root)}))


class SignedDoor:
    """PUT addresses for random names below the prefix, signed with the inbox's own rights (S3, Google, Azure)."""

    def __init__(self, *, place: Place) -> None:
        self._place = place

    def way(self, *, prefix: str, ttl: timedelta, slots: tuple[str, ...]) -> Way:  # noqa: ARG002 - slots lie below it
        """One address a slot, each until the credential ends."""
        import obstore

        with failures_named():
            urls = obstore.sign(open_backend(self._place), "PUT", list(slots), ttl)  # type: ignore[call-overload]
        return Way(form=Form.SIGNED, secrets=Confidential({"addresses": dict(zip(slots, urls, strict=True))}))


def open_door(place: Place, *, base: Path) -> Doorkeeper:
    """The way an inbox's place allows without anything else to be set up."""
    if place.url.startswith("file:"):
        return FolderDoor(root=(base / place.url.removeprefix("file:")).resolve())
    if place.url.startswith(("s3://", "gs://", "az://")):
        return SignedDoor(place=place)
    raise PolicyError("the inbox's url names no place", hint="write s3://…, gs://…, az://… or file:folder")
