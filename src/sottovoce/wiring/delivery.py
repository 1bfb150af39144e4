"""Deliveries, composed: destinations as the policy names them, and who carries parcels to them.

No address is contacted and no secret read before it is needed; secrets are read again whenever they are, so that a
rotated one works without a restart.
"""

from __future__ import annotations

import os
import ssl
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from datetime import timedelta
from functools import cached_property, partial
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, assert_never
from urllib.parse import urlsplit

from sottovoce.breaker import Breaker
from sottovoce.delivery.assumed_role import AssumedRole, OwnKeys, SessionKeys
from sottovoce.delivery.book import Book
from sottovoce.delivery.bucket import BucketDestination
from sottovoce.delivery.deliverer import Clockwork, Deliverer, Route
from sottovoce.delivery.failures import DeliveryForbidden, DeliveryRefused
from sottovoce.delivery.https import IngestionDestination
from sottovoce.delivery.login import KeyLogin, Login, TokenLogin
from sottovoce.delivery.packing import Packer
from sottovoce.delivery.profile import Profile, load_profile
from sottovoce.delivery.protocol import Check, Destination
from sottovoce.delivery.s3 import S3Destination
from sottovoce.delivery.sftp import SftpDestination
from sottovoce.delivery.wire import Wire
from sottovoce.domain.confidential import Confidential
from sottovoce.domain.sound import MediaFormat, Sound
from sottovoce.domain.spans import Span
from sottovoce.errors import PolicyError, WorkspaceError
from sottovoce.network import CheckedBackend, CheckedTransport
from sottovoce.policy.destinations import ApiKeyLogin, OAuthLogin
from sottovoce.policy.destinations import BucketDestination as BucketPolicy
from sottovoce.policy.destinations import Destination as DestinationPolicy
from sottovoce.policy.destinations import HttpsDestination as HttpsPolicy
from sottovoce.policy.destinations import SftpDestination as SftpPolicy
from sottovoce.policy.model import Storage
from sottovoce.settings import resolve_secret
from sottovoce.storage.open_store import open_store
from sottovoce.storage.s3 import connect_s3

if TYPE_CHECKING:
    import httpx
    import numpy as np
    from numpy.typing import NDArray

    from sottovoce.wiring.house import House

_REQUEST_S: Final = 120.0
"""For one request; a delivery has its own deadline for all of them."""
_CONNECT_S: Final = 10.0
_STS_S: Final = 30.0


class SpeechStudio:
    """Speech's work on sound, for a room that may not import it."""

    def read(self, data: Confidential[bytes]) -> tuple[NDArray[np.float32], MediaFormat]:
        from sottovoce.speech.caps import Caps
        from sottovoce.speech.decode import decode

        return decode(data, caps=Caps())

    def write(self, sound: Sound, shape: MediaFormat) -> Confidential[bytes]:
        from sottovoce.speech.encode import encode

        return encode(sound, container=shape.container, codec=shape.codec)

    def resample(self, samples: NDArray[np.float32], *, from_rate: int, to_rate: int) -> NDArray[np.float32]:
        from sottovoce.speech.resample import resample

        return resample(samples, from_rate=from_rate, to_rate=to_rate)

    def active_spans(self, channel: NDArray[np.float32], rate: int) -> tuple[Span, ...]:
        from sottovoce.speech.activity import active_spans

        return active_spans(channel, rate)


class Deliveries:
    """What delivery offers in one house; each part is built when first asked for."""

    def __init__(self, house: House, *, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._house = house
        self._root = house.workspace.root
        self._monotonic = monotonic
        self._opened: dict[str, Destination] = {}
        self._closing = ExitStack()

    def close(self) -> None:
        """Let go of connections; what is asked for again opens again."""
        self._opened.clear()
        self.__dict__.pop("routes", None)
        self._closing.close()

    @property
    def settings(self) -> Mapping[str, DestinationPolicy]:
        """The destinations of the policy, by name."""
        return self._house.policy.delivery.destinations

    @cached_property
    def book(self) -> Book:
        house = self._house
        return Book(engine=house.registry.engine, ledger=house.ledger, clock=house.clock, actor=house.actor)

    def deliverer(self, *, purpose: str) -> Deliverer:
        """Carries sealed recordings to any destination of the policy, for one purpose."""
        house = self._house
        return Deliverer(
            book=self.book,
            packer=Packer(vault=house.vault, studio=SpeechStudio(), version=pipeline_version()),
            routes=self.routes,
            clockwork=Clockwork(now=house.clock, monotonic=self._monotonic, sleep=time.sleep),
            purpose=purpose,
            policy_digest=house.loaded.digest,
        )

    @cached_property
    def routes(self) -> Mapping[str, Route]:
        return {name: self._route(name, given) for name, given in self.settings.items()}

    def profile(self, name: str) -> Profile:
        """A destination's profile, with the fields that the policy says instead."""
        given = self.settings[name]
        profile = load_profile(given.profile, base=self._root)
        if given.fields is None or profile.sidecar is None:
            return profile
        return profile.model_copy(update={"sidecar": profile.sidecar.model_copy(update={"fields": given.fields})})

    def check(self, name: str) -> Sequence[Check]:
        """Everything that can be tried at a destination. PolicyError where there is none of that name."""
        if name not in self.settings:
            known = ", ".join(self.settings) or "none is named in delivery.destinations"
            raise PolicyError("there is no such destination", hint=f"known: {known}")
        self.profile(name)
        return self.destination(name).probe()

    def destination(self, name: str) -> Destination:
        """Opened once, and not contacted."""
        if name not in self._opened:
            self._opened[name] = self._open(self.settings[name], self.profile(name))
        return self._opened[name]

    def _route(self, name: str, given: DestinationPolicy) -> Route:
        profile = self.profile(name)
        least = given.minimum_active_ratio
        return Route(
            name=name,
            destination=self.destination(name),
            profile=profile,
            breaker=Breaker(monotonic=self._monotonic),
            minimum_active_ratio=profile.minimum_active_ratio if least is None else least,
            with_transcript=given.transcript,
            tries=given.tries,
            deadline_s=given.deadline_s,
        )

    def _open(self, given: DestinationPolicy, profile: Profile) -> Destination:
        match given:
            case BucketPolicy() if given.url.startswith("s3://"):
                return self._amazon(given)
            case BucketPolicy():
                return BucketDestination(
                    store=open_store(_as_storage(given), base=self._root), tags=given.tags, version=pipeline_version()
                )
            case HttpsPolicy():
                return self._ingestion(given, profile)
            case SftpPolicy():
                return self._sftp(given)
            case _:
                assert_never(given)

    def _amazon(self, given: BucketPolicy) -> S3Destination:
        place = urlsplit(given.url)
        connect = partial(_connect, given)
        keys = partial(self._keys, given)
        session: AssumedRole | OwnKeys = OwnKeys(connect=connect, keys=keys)
        if given.role:
            session = AssumedRole(
                sts=partial(_connect_sts, given, keys),
                connect=connect,
                role=given.role,
                external_id=self._secret(given.external_id) if given.external_id else None,
                name="sottovoce",
                lifetime=timedelta(minutes=given.session_minutes),
                clock=self._house.clock,
            )
        return S3Destination(
            session=session,
            bucket=place.netloc,
            prefix=place.path.strip("/"),
            kms_key=given.kms_key,
            owner=given.account,
            tags=given.tags,
            version=pipeline_version(),
            clock=self._house.clock,
        )

    def _keys(self, given: BucketPolicy) -> SessionKeys | None:
        if not (given.access_key and given.secret_key):
            return None
        access, secret = self._secret(given.access_key)(), self._secret(given.secret_key)()
        return SessionKeys(access_key=access.reveal(), secret_key=secret)

    def _ingestion(self, given: HttpsPolicy, profile: Profile) -> IngestionDestination:
        request_s = min(_REQUEST_S, float(given.deadline_s))
        wire = Wire(
            connect=partial(self._client, given, request_s),
            monotonic=self._monotonic,
            now=self._house.clock,
            request_s=request_s,
        )
        return IngestionDestination(
            settings=given, wire=wire, login=self._login(given.login), multipart=profile.multipart
        )

    def _client(self, given: HttpsPolicy, request_s: float) -> httpx.Client:
        """Checked addresses, the customer's own certificates, no redirects, no proxies of the machine's."""
        import httpx

        tls = _tls(
            ca=self._secret(given.ca)() if given.ca else None,
            certificate=self._secret(given.client_certificate)() if given.client_certificate else None,
        )
        backend = CheckedBackend(loopback=False, private=given.private_network, refusal=DeliveryRefused)
        client = httpx.Client(
            transport=CheckedTransport(backend=backend, tls=tls),
            verify=tls,
            trust_env=False,
            follow_redirects=False,
            timeout=httpx.Timeout(request_s, connect=_CONNECT_S),
        )
        return self._closing.enter_context(client)

    def _login(self, given: OAuthLogin | ApiKeyLogin | None) -> Login | None:
        match given:
            case None:
                return None
            case ApiKeyLogin():
                return KeyLogin(key=self._secret(given.key), header=given.header, scheme=given.scheme)
            case OAuthLogin():
                return TokenLogin(
                    token_url=given.token_url,
                    client_id=self._secret(given.client_id),
                    client_secret=self._secret(given.client_secret),
                    scope=given.scope,
                    audience=given.audience,
                    secret_in_body=given.secret_in_body,
                    monotonic=self._monotonic,
                )
            case _:
                assert_never(given)

    def _sftp(self, given: SftpPolicy) -> SftpDestination:
        return SftpDestination(
            host=given.host,
            port=given.port,
            user=given.user,
            private_key=self._secret(given.private_key),
            passphrase=self._secret(given.passphrase) if given.passphrase else None,
            host_key=given.host_key,
            folder=given.folder,
            timeout_s=min(_REQUEST_S, float(given.deadline_s)),
            clock=self._house.clock,
        )

    def _secret(self, reference: str) -> Callable[[], Confidential[str]]:
        return partial(_resolved, reference, self._root)


def _resolved(reference: str, base: Path) -> Confidential[str]:
    """DeliveryForbidden, naming the reference, while the secret is missing: what waits for it is delivered later."""
    try:
        return resolve_secret(reference, base=base)
    except WorkspaceError as missing:
        raise DeliveryForbidden(str(missing), hint=missing.hint) from None


def pipeline_version() -> str:
    """The program's own, as it stands on what is delivered."""
    try:
        return version("sottovoce")
    except PackageNotFoundError:
        return "unknown"


def _as_storage(given: BucketPolicy) -> Storage:
    """The deliverer tries again by itself, so the store does not."""
    return Storage(
        url=given.url,
        endpoint=given.endpoint,
        region=given.region,
        account=given.account,
        credentials=given.credentials,
        retries=0,
        timeout_s=min(60, given.deadline_s),
    )


def _connect(given: BucketPolicy, keys: SessionKeys | None) -> Any:
    """A boto3 client of S3 that asks once: the deliverer tries again by itself."""
    pair = (keys.access_key, keys.secret_key.reveal()) if keys else None
    return connect_s3(
        endpoint=given.endpoint,
        region=given.region,
        keys=pair,
        retries=0,
        timeout_s=min(60, given.deadline_s),
        token=keys.token.reveal() if keys and keys.token else None,
    )


def _connect_sts(given: BucketPolicy, keys: Callable[[], SessionKeys | None]) -> Any:
    import boto3
    from botocore.config import Config

    found = keys()
    secrets = (
        {"aws_access_key_id": found.access_key, "aws_secret_access_key": found.secret_key.reveal()} if found else {}
    )
    chosen = Config(connect_timeout=_CONNECT_S, read_timeout=_STS_S, retries={"total_max_attempts": 1})
    return boto3.client("sts", region_name=given.region, endpoint_url=given.sts_endpoint, config=chosen, **secrets)


def _tls(*, ca: Confidential[str] | None, certificate: Confidential[str] | None) -> ssl.SSLContext:
    """The system's authorities, or the vendor's own; and our certificate where one is asked for."""
    context = ssl.create_default_context(cadata=ca.reveal() if ca else None)
    if certificate is not None:
        _present(context, certificate)
    return context


def _present(context: ssl.SSLContext, pem: Confidential[str]) -> None:
    """OpenSSL reads certificates from files only: this one lies in memory, and is gone when it was read."""
    if not hasattr(os, "memfd_create"):
        raise PolicyError("client certificates need Linux here", hint="deliver from a Linux machine")
    handle = os.memfd_create("certificate")
    try:
        os.write(handle, pem.reveal().encode())
        context.load_cert_chain(f"/proc/self/fd/{handle}")
    except (ssl.SSLError, OSError):
        raise PolicyError(
            "the client certificate cannot be used", hint="give certificate and unencrypted key in one PEM"
        ) from None
    finally:
        os.close(handle)
