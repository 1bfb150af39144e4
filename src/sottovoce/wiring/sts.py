"""Credentials of the object store's own, composed: for readers of one prefix, and for contributors of an inbox."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

from sottovoce.access.sts import MIN_LIFETIME, Reach, SessionCredentials, StsBroker
from sottovoce.domain.confidential import Confidential
from sottovoce.errors import PolicyError
from sottovoce.policy.model import Policy, Sts
from sottovoce.storage.browse import Place
from sottovoce.uploads.credential import Form, Way

CONTRIBUTION = "contribution"


def compose_sts(settings: Sts, *, role: str | None, url: str) -> StsBroker:
    """A broker of credentials for the bucket of an `s3://bucket/prefix` URL. PolicyError where there is no role."""
    parts = urlsplit(url)
    if role is None or parts.scheme != "s3":
        raise PolicyError("STS needs a role and an s3:// address", hint="see access.sts in docs/policy.md")
    import boto3

    client = boto3.client("sts", region_name=settings.region, endpoint_url=settings.endpoint)
    return StsBroker(client=client, role=role, bucket=parts.netloc, lifetime=timedelta(minutes=settings.minutes))


class SessionDoor:
    """Lets a contributor put below one prefix of an inbox for a while: an `uploads.credential.Doorkeeper`.

    STS gives no less than a quarter of an hour; a shorter credential ends earlier by the inbox's own check.
    """

    def __init__(self, *, settings: Sts, url: str, endpoint: str | None = None, region: str | None = None) -> None:
        self._settings = settings
        self._url = url
        self._endpoint = endpoint
        self._region = region

    def way(self, *, prefix: str, ttl: timedelta, slots: tuple[str, ...]) -> Way:  # noqa: ARG002 - a session needs no list
        """Raises PolicyError, AccessError when STS refuses."""
        settings = self._settings.model_copy(update={"minutes": max(MIN_LIFETIME, ttl) // timedelta(minutes=1)})
        sts = compose_sts(settings, role=settings.contributor_role, url=self._url)
        below = "/".join(part for part in (urlsplit(self._url).path.strip("/"), prefix) if part)
        actor = prefix.rpartition("/")[2]
        made = sts.mint(actor=actor, purpose=CONTRIBUTION, prefix=below, reach=Reach.PUT)
        return Way(form=Form.SESSION, secrets=Confidential(self._said(made)))

    def _said(self, made: SessionCredentials) -> dict[str, Any]:
        return {
            "url": self._url,
            "endpoint": self._endpoint,
            "region": self._region,
            "access_key_id": made.access_key,
            "secret_access_key": made.secret_key.reveal(),
            "token": made.session_token.reveal(),
        }


def contributor_door(policy: Policy, place: Place) -> SessionDoor | None:
    """A door of the store's own sessions, where policy names a role for contributors and the inbox is in S3."""
    sts = policy.access.sts
    if sts.contributor_role is None or not place.url.startswith("s3://"):
        return None
    return SessionDoor(settings=sts, url=place.url, endpoint=place.endpoint, region=place.region)
