"""The one place where recording keys are unwrapped for readers (SECURITY 1.5, 4).

authorise → count → watch → ledger entry → then the object's own key, and a link of a minute to its ciphertext, or the
sample itself. The key opens one object, not the recording; the link alone leads to ciphertext only. Where a store
hands out no links the broker passes the ciphertext on.
"""

from __future__ import annotations

import hashlib
import hmac
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.hpke import AEAD, KDF, KEM, Suite

from sottovoce.access.catalog import Catalog, Target
from sottovoce.access.gate import Asked, Gate, Presented
from sottovoce.access.object_key import object_key
from sottovoce.access.principals import Kind, Principal
from sottovoce.access.protocol import Ciphertext, Presigner, RecordingKeys
from sottovoce.access.roles import Operation
from sottovoce.access.sts import Reach, SessionCredentials, StsBroker
from sottovoce.domain.confidential import Confidential
from sottovoce.errors import AccessError, AccessRefused, KeyShredded
from sottovoce.vault.context import object_context
from sottovoce.vault.seal import HEADER_BYTES, broken, open_sealed, seal

LINK_SECONDS: Final = 60
"""SPEC 13.2: no link lives longer."""

DETAIL_KIND: Final = "read-detail"
WRAP_INFO: Final = b"sottovoce object key v1"
_HEADERS_KEPT: Final = 65_536
_SUITE: Final = Suite(KEM.X25519, KDF.HKDF_SHA256, AEAD.AES_256_GCM)


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """What a reader asks for, and with what it shows that it may."""

    token: Confidential[str]
    operation: Operation
    resource: str
    thumbprint: str | None = None
    """Of the key that signed this request, once that was checked."""
    source: Confidential[str] | None = None
    justification: Confidential[str] | None = None
    wrap_to: bytes | None = None
    """The reader's X25519 public key, 32 bytes: the object's key is then sealed to it (HPKE, RFC 9180)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Handed:
    """What a reader gets. `link` is None where the store gives none; `wrapped` instead of `key` where it was asked."""

    object: str
    size: int
    digest: str
    location: str = field(repr=False)
    link: str | None = field(repr=False)
    key: Confidential[bytes] | None = field(repr=False)
    wrapped: bytes | None = field(repr=False)


class Broker:
    """Answers readers. `presigner` is the store again, where it can hand out links."""

    def __init__(
        self,
        *,
        gate: Gate,
        catalog: Catalog,
        keys: RecordingKeys,
        store: Ciphertext,
        tenant: str,
        presigner: Presigner | None = None,
    ) -> None:
        self._gate = gate
        self._catalog = catalog
        self._keys = keys
        self._store = store
        self._tenant = tenant
        self._presigner = presigner
        self._headers: OrderedDict[str, bytes] = OrderedDict()

    def key_for(self, question: Question) -> Handed:
        """The object's key and a link to its ciphertext; the read is in the ledger before.

        Raises AccessRefused, GrantInvalid, AccessSuspended, KeyShredded, LedgerUnavailable, StorageError.
        """
        target = self._admitted(question)
        recording = self._unwrapped(target)
        key = object_key(recording, self._context(target), self._header(target))
        wrapped = wrap_key(key, question.wrap_to) if question.wrap_to is not None else None
        link = self._presigner.presign_get(target.location, LINK_SECONDS) if self._presigner else None
        return Handed(
            object=target.object,
            size=target.size,
            digest=target.digest,
            location=target.location,
            link=link,
            key=None if wrapped else key,
            wrapped=wrapped,
        )

    def ciphertext(self, question: Question) -> bytes:
        """The sealed bytes of an object, for stores without links. Counted and recorded as a read."""
        return self._store.get(self._admitted(question).location)

    def open(self, question: Question) -> Confidential[bytes]:
        """The sample itself, in memory; for readers in this process, or over TLS. Raises as `key_for`, SealBroken."""
        return self._opened(self._admitted(question))

    def open_many(self, questions: Sequence[Question]) -> list[Confidential[bytes]]:
        """The same for many of one grant, recorded in one transaction: all of them or none."""
        if not questions:
            return []
        first = questions[0]
        targets = [self._found(each) for each in questions]
        self._gate.admit(self._asked(first, self._presented(first)), targets, seal=self._seal_detail)
        return [self._opened(target) for target in targets]

    def open_as(
        self,
        principal: Principal,
        corpus_id: str,
        *,
        purpose: str,
        justification: Confidential[str] | None = None,
        excused: bool = False,
    ) -> Confidential[bytes]:
        """A sample for somebody who is signed in here, by its id alone; its roles decide. Raises as `open`."""
        operation = Operation.SAMPLE_LISTEN if principal.kind is Kind.PERSON else Operation.CORPUS_DECRYPT
        asked = Asked(
            principal=principal.id,
            operation=operation,
            purpose=purpose,
            justification=justification,
            excused=excused,
        )
        target = self._catalog.sample(corpus_id)
        self._gate.admit(asked, [target], seal=self._seal_detail)
        return self._opened(target)

    def names(self, question: Question) -> list[str]:
        """What lies under a prefix that the grant permits to list."""
        presented = self._presented(question)
        asked = self._asked(question, presented)
        folder = _folder(question.resource)
        try:
            self._gate.check(asked, folder)
        except AccessRefused as refusal:
            self._gate.refused(asked.principal, refusal, operation=question.operation, target=None)
            raise
        return list(self._catalog.names(question.resource))

    def session(self, question: Question, sts: StsBroker, *, below: str = "") -> SessionCredentials:
        """Credentials to list and get what lies beside a corpus in its bucket (manifests, shards): ciphertext only.

        The grant must permit to decrypt the whole version; keys are still asked for one by one. `below` is the
        store's own prefix in the bucket. Raises AccessRefused, GrantInvalid, AccessError.
        """
        presented = self._presented(question)
        asked = self._asked(question, presented)
        try:
            self._gate.check(asked, _folder(question.resource))
        except AccessRefused as refusal:
            self._gate.refused(asked.principal, refusal, operation=question.operation, target=None)
            raise
        corpus = question.resource.strip("/").split("/")[0]
        prefix = "/".join(part for part in (below.strip("/"), "corpora", corpus) if part)
        self._gate.credential(asked, prefix)
        return sts.mint(actor=asked.principal, purpose=asked.purpose, prefix=prefix, reach=Reach.LIST_AND_READ)

    def detail(self, target: Target, commit: str, sealed: bytes) -> Confidential[bytes]:
        """What a reader said, for an auditor who may know it. KeyShredded once the recording was erased."""
        return open_sealed(self._unwrapped(target), self._detail_context(target, commit), sealed)

    def _admitted(self, question: Question) -> Target:
        presented = self._presented(question)
        asked = self._asked(question, presented)
        target = self._found(question, asked.principal)
        self._gate.admit(asked, [target], seal=self._seal_detail)
        return target

    def _presented(self, question: Question) -> Presented:
        return self._gate.present(question.token, thumbprint=question.thumbprint)

    def _asked(self, question: Question, presented: Presented) -> Asked:
        return Asked(
            principal=presented.row.holder,
            operation=question.operation,
            purpose=presented.row.purpose,
            source=question.source,
            justification=question.justification,
            grant=presented,
        )

    def _found(self, question: Question, principal: str | None = None) -> Target:
        try:
            return self._catalog.find(question.resource)
        except (AccessRefused, KeyShredded) as refusal:
            if principal is not None and isinstance(refusal, AccessError):
                self._gate.refused(principal, refusal, operation=question.operation, target=None)
            raise

    def _opened(self, target: Target) -> Confidential[bytes]:
        key = self._unwrapped(target)
        data = self._store.get(target.location)
        if not hmac.compare_digest(hashlib.sha256(data).hexdigest(), target.digest):
            raise broken()
        return open_sealed(key, self._context(target), data)

    def _unwrapped(self, target: Target) -> Confidential[bytes]:
        return self._keys.unwrap(target.recording).key

    def _context(self, target: Target) -> bytes:
        return object_context(
            tenant=self._tenant, rid=target.recording, kind=target.kind, rev=target.rev, channel=target.channel
        )

    def _header(self, target: Target) -> bytes:
        """Salt and commitment: no secret, and the same for as long as the object is."""
        kept = self._headers.get(target.location)
        if kept is None:
            kept = self._store.get_range(target.location, 0, HEADER_BYTES)
            self._headers[target.location] = kept
            while len(self._headers) > _HEADERS_KEPT:
                self._headers.popitem(last=False)
        return kept

    def _seal_detail(self, target: Target, commit: str, detail: Confidential[bytes]) -> bytes:
        return seal(self._unwrapped(target), self._detail_context(target, commit), detail)

    def _detail_context(self, target: Target, commit: str) -> bytes:
        return object_context(tenant=self._tenant, rid=target.recording, kind=DETAIL_KIND, rev=1, shard=commit)


def wrap_key(key: Confidential[bytes], public: bytes) -> bytes:
    """The key sealed to a reader's X25519 key: HPKE base mode, HKDF-SHA-256, AES-256-GCM. AccessRefused for no key."""
    try:
        to = X25519PublicKey.from_public_bytes(public)
        return bytes(_SUITE.encrypt(key.reveal(), to, info=WRAP_INFO))
    except ValueError:
        raise AccessRefused("the key to wrap to is no X25519 key") from None


def unwrap_key(wrapped: bytes, private: X25519PrivateKey) -> Confidential[bytes]:
    """The reader's side of it. AccessRefused when it was not sealed to this key."""
    try:
        return Confidential(bytes(_SUITE.decrypt(wrapped, private, info=WRAP_INFO)))
    except (InvalidTag, ValueError):
        raise AccessRefused("the key was not wrapped to this reader") from None


def _folder(prefix: str) -> Target:
    """A prefix in the place of an object, to be judged like one."""
    return Target(
        resource=prefix.strip("/"),
        object=prefix,
        recording="",
        kind="",
        channel=None,
        rev=0,
        location="",
        digest="",
        size=0,
    )
