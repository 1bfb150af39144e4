"""What the keys of a destination demand of each other."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

from sottovoce.policy.destinations import BucketDestination, ConfirmByAnswer, HttpsDestination
from sottovoce.policy.flaw import Flaw

if TYPE_CHECKING:
    from sottovoce.policy.document import Path
    from sottovoce.policy.model import Policy

_NAMES: Final = ("{id}", "{name}", "{reference}")
_LOCAL: Final = ("http://127.0.0.1:", "http://localhost:")
_AMAZON_ONLY: Final = ("role", "external_id", "sts_endpoint", "kms_key", "access_key", "secret_key")


def delivery_flaws(policy: Policy) -> Iterator[Flaw]:
    """Every contradiction within a destination."""
    for name, given in policy.delivery.destinations.items():
        at: Path = ("delivery", "destinations", name)
        if isinstance(given, BucketDestination):
            yield from _bucket(at, given)
        elif isinstance(given, HttpsDestination):
            yield from _https(at, given)


def _bucket(at: Path, given: BucketDestination) -> Iterator[Flaw]:
    if not given.url.startswith("s3://"):
        for name in (name for name in _AMAZON_ONLY if getattr(given, name) is not None):
            yield Flaw(path=(*at, name), message=f"`{name}` is for s3:// only", hint="leave it out")
    if (given.access_key is None) != (given.secret_key is None):
        yield Flaw(
            path=at,
            message="`access_key` and `secret_key` belong together",
            hint="give both of them, or none for the machine's own role",
        )
    if given.external_id is not None and given.role is None:
        yield Flaw(path=(*at, "external_id"), message="an external id goes with a role", hint="name the `role`")
    for name in ("endpoint", "sts_endpoint"):
        url = getattr(given, name)
        if url is not None and not url.startswith(("https://", *_LOCAL)):
            yield Flaw(path=(*at, name), message="a destination is spoken to over https", hint="write `https://`")


def _https(at: Path, given: HttpsDestination) -> Iterator[Flaw]:
    if given.way == "presigned" and not given.upload_hosts:
        yield Flaw(
            path=(*at, "upload_hosts"),
            message="upload addresses come in answers, so their hosts are named here",
            hint="add the hosts of the vendor's store, such as `uploads.vendor.example`",
        )
    if given.way == "presigned" and isinstance(given.confirm, ConfirmByAnswer):
        yield Flaw(
            path=(*at, "confirm"),
            message="a store that is uploaded to answers with no digest",
            hint="use `kind: status` or `kind: read`",
        )
    for name, url in (("confirm", getattr(given.confirm, "url", None)), ("delete_url", given.delete_url)):
        if url is not None and not any(each in url for each in _NAMES):
            yield Flaw(
                path=(*at, name),
                message="the address names no delivery",
                hint="put {id}, {name} or {reference} where the delivery's own name goes",
            )
