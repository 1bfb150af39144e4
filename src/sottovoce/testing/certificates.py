"""A certificate authority for a test, and what it signs: real TLS here, and clients who show who they are."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from ipaddress import IPv4Address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

_PEM = serialization.Encoding.PEM


@dataclass(frozen=True, slots=True, kw_only=True)
class Authority:
    """PEM files: whom to trust, and certificate with key of a server and of a client."""

    ca: Path
    server: Path
    client: Path


def make_authority(folder: Path, *, host: str = "127.0.0.1") -> Authority:
    """A fresh authority in a folder; its certificates hold for a day."""
    key = ec.generate_private_key(ec.SECP256R1())
    root = _certificate("Test CA", "Test CA", key, key, host=None)
    made = Authority(ca=folder / "ca.pem", server=folder / "server.pem", client=folder / "client.pem")
    made.ca.write_bytes(root.public_bytes(_PEM))
    for path, name, address in ((made.server, host, host), (made.client, "sottovoce", None)):
        own = ec.generate_private_key(ec.SECP256R1())
        signed = _certificate(name, "Test CA", own, key, host=address)
        plain = serialization.NoEncryption()
        private = own.private_bytes(_PEM, serialization.PrivateFormat.PKCS8, plain)
        path.write_bytes(signed.public_bytes(_PEM) + private)
    return made


def _certificate(
    name: str,
    issuer: str,
    key: ec.EllipticCurvePrivateKey,
    signer: ec.EllipticCurvePrivateKey,
    *,
    host: str | None,
) -> x509.Certificate:
    now = datetime.now(UTC)
    builder = (
        x509.CertificateBuilder()
        .subject_name(_named(name))
        .issuer_name(_named(issuer))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.BasicConstraints(ca=key is signer, path_length=None), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.public_key()), critical=False)
    )
    if key is signer:
        builder = builder.add_extension(_signs(), critical=True)
    if host is not None:
        builder = builder.add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(IPv4Address(host))]), critical=False
        )
    return builder.sign(signer, hashes.SHA256())


def _named(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])


def _signs() -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=True,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=True,
        crl_sign=True,
        encipher_only=False,
        decipher_only=False,
    )
