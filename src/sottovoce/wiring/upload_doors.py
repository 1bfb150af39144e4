"""How an inbox lets a contributor write: a session of AWS STS where policy names a role, else what its place has."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from urllib.parse import urlsplit

from sottovoce.access.sts import MAX_LIFETIME, MIN_LIFETIME, Reach, StsBroker
from sottovoce.domain.confidential import Confidential
from sottovoce.policy.model import Sts
from sottovoce.storage.browse import Place
from sottovoce.uploads.credential import Doorkeeper, Form, Way
from sottovoce.uploads.doors import open_door

PURPOSE = "contribution"


class SessionDoor:
    """A session that may put below one prefix, neither read nor list, minted by STS for its contributor."""

    def __init__(self, *, place: Place, settings: Sts) -> None:
        self._place = place
        self._settings = settings

    def way(self, *, prefix: str, ttl: timedelta, slots: tuple[str, ...]) -> Way:  # noqa: ARG002 - any name below it
        """AWS gives no less than a quarter of an hour; the credential's own end is checked at the inbox."""
        url = urlsplit(self._place.url)
        minted = self._broker(url.netloc, ttl).mint(
            actor=prefix.rpartition("/")[2],
            purpose=PURPOSE,
            prefix=f"{url.path.strip('/')}/{prefix}".lstrip("/"),
            reach=Reach.PUT,
        )
        said = {
            "url": self._place.url,
            "endpoint": self._place.endpoint,
            "region": self._place.region,
            "access_key_id": minted.access_key,
            "secret_access_key": minted.secret_key.reveal(),
            "token": minted.session_token.reveal(),
        }
        return Way(form=Form.SESSION, secrets=Confidential(said))

    def _broker(self, bucket: str, ttl: timedelta) -> StsBroker:
        import boto3

        keys = {}
        if self._place.access_key is not None and self._place.secret_key is not None:
            keys = {
                "aws_access_key_id": self._place.access_key.reveal(),
                "aws_secret_access_key": self._place.secret_key.reveal(),
            }
        region = self._settings.region or self._place.region
        client = boto3.client("sts", region_name=region, endpoint_url=self._settings.endpoint, **keys)
        lifetime = min(max(ttl, MIN_LIFETIME), MAX_LIFETIME)
        return StsBroker(client=client, role=self._settings.contributor_role or "", bucket=bucket, lifetime=lifetime)


def door_of(place: Place, *, settings: Sts, base: Path) -> Doorkeeper:
    """How contributors are let in."""
    if settings.contributor_role and place.url.startswith("s3://"):
        return SessionDoor(place=place, settings=settings)
    return open_door(place, base=base)
