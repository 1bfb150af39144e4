"""Google Cloud KMS in small, over gRPC, so that google-cloud-kms itself talks to it.

Written from the documented interface (google.cloud.kms.v1): symmetric keys with versions, states, a waiting time
set when a key is made, and the CRC-32C fields both ways. A checksum that does not fit what came with it is
INVALID_ARGUMENT, as is a ciphertext that does not open; a version that is not enabled is FAILED_PRECONDITION. It can
be told to damage its answers, or to say that it did not look at our checksums. No IAM.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from types import TracebackType
from typing import Any, Final, Self

import grpc  # type: ignore[import-untyped]
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from google.cloud import kms_v1 as v1

from sottovoce.kms.crc32c import crc32c

KEY_RING: Final = "projects/p/locations/europe-west1/keyRings/sottovoce"
_SERVICE: Final = "google.cloud.kms.v1.KeyManagementService"
_DEFAULT_WAIT: Final = timedelta(days=30)
State = v1.CryptoKeyVersion.CryptoKeyVersionState


class Fault(Exception):
    """A status other than OK."""

    def __init__(self, code: grpc.StatusCode) -> None:
        super().__init__(code)
        self.code = code


@dataclass(slots=True, kw_only=True)
class _Version:
    name: str
    material: bytes
    waiting: timedelta
    state: State = field(default_factory=lambda: State(State.ENABLED))
    final: datetime | None = None


class GcpServer:
    """`with GcpServer(clock=…) as service: GcpKms.connect(endpoint=service.url, key_ring=KEY_RING, …)`."""

    def __init__(self, *, clock: Callable[[], datetime]) -> None:
        self.damaging = False
        """Answers lose a bit on the way."""
        self.ignoring = False
        """It does not say that it looked at our checksums."""
        self.failing: grpc.StatusCode | None = None
        self._clock = clock
        self._versions: dict[str, _Version] = {}
        self._server = grpc.server(ThreadPoolExecutor(max_workers=2))
        self._server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(_SERVICE, self._handlers()),))
        self._port = self._server.add_insecure_port("127.0.0.1:0")

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._port}"

    def __enter__(self) -> Self:
        self._server.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, failure: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.stop(grace=None).wait(5)

    def _handlers(self) -> dict[str, grpc.RpcMethodHandler]:
        served: dict[str, tuple[Any, Any, Callable[[Any], Any]]] = {
            "GetKeyRing": (v1.GetKeyRingRequest, v1.KeyRing, self._get_key_ring),
            "CreateCryptoKey": (v1.CreateCryptoKeyRequest, v1.CryptoKey, self._create),
            "GetCryptoKey": (v1.GetCryptoKeyRequest, v1.CryptoKey, self._get_key),
            "GetCryptoKeyVersion": (v1.GetCryptoKeyVersionRequest, v1.CryptoKeyVersion, self._get_version),
            "UpdateCryptoKeyVersion": (v1.UpdateCryptoKeyVersionRequest, v1.CryptoKeyVersion, self._update),
            "DestroyCryptoKeyVersion": (v1.DestroyCryptoKeyVersionRequest, v1.CryptoKeyVersion, self._destroy),
            "Encrypt": (v1.EncryptRequest, v1.EncryptResponse, self._encrypt),
            "Decrypt": (v1.DecryptRequest, v1.DecryptResponse, self._decrypt),
        }
        return {
            name: grpc.unary_unary_rpc_method_handler(
                self._spoken(answer), request_deserializer=asked.deserialize, response_serializer=said.serialize
            )
            for name, (asked, said, answer) in served.items()
        }

    def _spoken(self, answer: Callable[[Any], Any]) -> Callable[[Any, grpc.ServicerContext], Any]:
        def speak(asked: Any, context: grpc.ServicerContext) -> Any:
            try:
                if self.failing is not None:
                    raise Fault(self.failing)
                return answer(asked)
            except Fault as fault:
                context.abort(fault.code, "said by a double")

        return speak

    def _get_key_ring(self, asked: v1.GetKeyRingRequest) -> v1.KeyRing:
        if asked.name != KEY_RING:
            raise Fault(grpc.StatusCode.NOT_FOUND)
        return v1.KeyRing(name=KEY_RING)

    def _create(self, asked: v1.CreateCryptoKeyRequest) -> v1.CryptoKey:
        self._get_key_ring(v1.GetKeyRingRequest(name=asked.parent))
        name = f"{asked.parent}/cryptoKeys/{asked.crypto_key_id}"
        first = f"{name}/cryptoKeyVersions/1"
        if first in self._versions:
            raise Fault(grpc.StatusCode.ALREADY_EXISTS)
        waiting = asked.crypto_key.destroy_scheduled_duration or _DEFAULT_WAIT
        self._versions[first] = _Version(name=first, material=AESGCM.generate_key(256), waiting=waiting)
        return self._told_key(name)

    def _get_key(self, asked: v1.GetCryptoKeyRequest) -> v1.CryptoKey:
        self._find(f"{asked.name}/cryptoKeyVersions/1")
        return self._told_key(asked.name)

    def _told_key(self, name: str) -> v1.CryptoKey:
        primary = self._told(self._find(f"{name}/cryptoKeyVersions/1"))
        return v1.CryptoKey(name=name, purpose=v1.CryptoKey.CryptoKeyPurpose.ENCRYPT_DECRYPT, primary=primary)

    def _get_version(self, asked: v1.GetCryptoKeyVersionRequest) -> v1.CryptoKeyVersion:
        return self._told(self._find(asked.name))

    def _update(self, asked: v1.UpdateCryptoKeyVersionRequest) -> v1.CryptoKeyVersion:
        found, wanted = self._find(asked.crypto_key_version.name), asked.crypto_key_version.state
        both = {State.ENABLED, State.DISABLED}
        if list(asked.update_mask.paths) != ["state"] or not {found.state, wanted} <= both:
            raise Fault(grpc.StatusCode.FAILED_PRECONDITION)
        found.state = State(wanted)
        return self._told(found)

    def _destroy(self, asked: v1.DestroyCryptoKeyVersionRequest) -> v1.CryptoKeyVersion:
        found = self._find(asked.name)
        if found.state not in {State.ENABLED, State.DISABLED}:
            raise Fault(grpc.StatusCode.FAILED_PRECONDITION)
        found.state, found.final = State(State.DESTROY_SCHEDULED), self._clock() + found.waiting
        return self._told(found)

    def _encrypt(self, asked: v1.EncryptRequest) -> v1.EncryptResponse:
        name = asked.name if "/cryptoKeyVersions/" in asked.name else f"{asked.name}/cryptoKeyVersions/1"
        found, bound = self._usable(name), asked.additional_authenticated_data
        _fitting(asked.plaintext, asked.plaintext_crc32c)
        _fitting(bound, asked.additional_authenticated_data_crc32c)
        nonce = os.urandom(12)
        sealed = nonce + AESGCM(found.material).encrypt(nonce, asked.plaintext, bound)
        return v1.EncryptResponse(
            name=found.name,
            ciphertext=self._sent(sealed),
            ciphertext_crc32c=crc32c(sealed),
            verified_plaintext_crc32c=not self.ignoring,
            verified_additional_authenticated_data_crc32c=not self.ignoring,
        )

    def _decrypt(self, asked: v1.DecryptRequest) -> v1.DecryptResponse:
        found, blob = self._usable(f"{asked.name}/cryptoKeyVersions/1"), asked.ciphertext
        _fitting(blob, asked.ciphertext_crc32c)
        _fitting(asked.additional_authenticated_data, asked.additional_authenticated_data_crc32c)
        try:
            plain = AESGCM(found.material).decrypt(blob[:12], blob[12:], asked.additional_authenticated_data)
        except (InvalidTag, ValueError):
            raise Fault(grpc.StatusCode.INVALID_ARGUMENT) from None
        return v1.DecryptResponse(plaintext=self._sent(plain), plaintext_crc32c=crc32c(plain), used_primary=True)

    def _sent(self, data: bytes) -> bytes:
        return bytes([data[0] ^ 1]) + data[1:] if self.damaging else data

    def _usable(self, name: str) -> _Version:
        found = self._find(name)
        if found.state is not State.ENABLED:
            raise Fault(grpc.StatusCode.FAILED_PRECONDITION)
        return found

    def _find(self, name: str) -> _Version:
        if name not in self._versions:
            raise Fault(grpc.StatusCode.NOT_FOUND)
        found = self._versions[name]
        if found.final is not None and self._clock() >= found.final:
            found.state, found.material = State(State.DESTROYED), b""
        return found

    @staticmethod
    def _told(found: _Version) -> v1.CryptoKeyVersion:
        told = v1.CryptoKeyVersion(name=found.name, state=found.state)
        if found.state is State.DESTROY_SCHEDULED:
            told.destroy_time = found.final
        elif found.state is State.DESTROYED:
            told.destroy_event_time = found.final
        return told


def _fitting(data: bytes, checksum: int | None) -> None:
    if checksum is not None and checksum != crc32c(data):
        raise Fault(grpc.StatusCode.INVALID_ARGUMENT)
