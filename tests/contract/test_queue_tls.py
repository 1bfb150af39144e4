"""Queues over TLS: a certificate that nobody vouches for, or that is another host's, opens nothing."""

from __future__ import annotations

import shutil
import ssl
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from sottovoce.errors import QueueUnavailable
from sottovoce.policy.queues import RedisQueue
from sottovoce.testing.brokers import Server, free_port
from sottovoce.wiring.queues import open_queue

QUEUE = RedisQueue(kind="redis", name="q", queue="events", sender="bus", url="env:BROKER")


def a_certificate(folder: Path, host: str) -> tuple[Path, Path]:
    """Signed by itself, for that host, with its key."""
    key, named = ec.generate_private_key(ec.SECP256R1()), x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, host)])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(named)
        .issuer_name(named)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(hours=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(host)]), critical=False)
        .sign(key, hashes.SHA256())
    )
    certificate, private = folder / "certificate.pem", folder / "key.pem"
    certificate.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    form = (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    private.write_bytes(key.private_bytes(*form))
    return certificate, private


@pytest.fixture
def server(tmp_path: Path) -> Iterator[tuple[int, Path]]:
    """A Redis that speaks TLS alone: its port, and its certificate."""
    binary = shutil.which("redis-server")
    if binary is None:
        pytest.skip("no redis-server on this machine")
    certificate, private = a_certificate(tmp_path, "localhost")
    port = free_port()
    options = ["--bind", "127.0.0.1", "--port", "0", "--tls-port", str(port), "--tls-auth-clients", "no", "--save", ""]
    keys = ["--tls-cert-file", str(certificate), "--tls-key-file", str(private)]
    started = Server(port=port, command=[binary, *options, *keys], environment={})
    try:
        started.start()
        yield port, certificate
    finally:
        started.kill()


def test_only_a_certificate_that_is_vouched_for_opens_a_queue(
    server: tuple[int, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Known and its own host's: open. Unknown, or known and another host's: nothing is sent."""
    port, certificate = server
    monkeypatch.setenv("BROKER", f"rediss://localhost:{port}/0")
    with pytest.raises(QueueUnavailable):
        open_queue(QUEUE, root=tmp_path)
    monkeypatch.setenv(ssl.get_default_verify_paths().openssl_cafile_env, str(certificate))
    open_queue(QUEUE, root=tmp_path).close()
    monkeypatch.setenv("BROKER", f"rediss://127.0.0.1:{port}/0")
    with pytest.raises(QueueUnavailable):
        open_queue(QUEUE, root=tmp_path)
