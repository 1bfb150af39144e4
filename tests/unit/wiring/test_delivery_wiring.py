"""Destinations composed from a policy, in a workspace with its own vault, over real servers."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from sottovoce.delivery.parcel import CallFacts
from sottovoce.domain.outcome import Passed
from sottovoce.domain.recording import Sealed, SealedObject
from sottovoce.domain.sound import Role
from sottovoce.errors import PolicyError
from sottovoce.testing.house import carry_all, make_test_workspace, quick_house, settle_all
from sottovoce.testing.ingestion import API_KEY, CLIENT, ingesting
from sottovoce.testing.object_servers import amazon_storage
from sottovoce.testing.sftp_server import sftp_serving

House = Any


@pytest.fixture
def house_with(tmp_path: Path) -> Callable[[str], House]:
    made: list[House] = []

    def make(destination: str) -> House:
        workspace = make_test_workspace(tmp_path / "w", count=1)
        with workspace.policy.open("a") as file:
            file.write(f"delivery:\n  destinations:\n    vendor: {{{destination}}}\n")
        made.append(quick_house(workspace))
        return made[-1]

    yield make
    for house in made:
        house.close()


def sealed_in(house: House) -> Sealed:
    (key,) = settle_all(house)
    assert carry_all(house, [key]) == {key: "sealed"}
    ref, _ = house.registry.recall(key)
    objects = tuple(
        SealedObject(kind=o.kind, channel=o.channel, location=o.location, digest=o.digest, size=o.size, rev=o.rev)
        for o in house.registry.objects(key)
    )
    return Sealed(ref=ref, key_id="k", objects=objects, facts={}, predecessor="")


def delivered(house: House) -> Any:
    facts = CallFacts(roles=(Role.AGENT, Role.CUSTOMER))
    deliverer = house.deliveries.deliverer(purpose="analytics")
    answer = deliverer.deliver(sealed_in(house), facts, line="analytics", destination="vendor")
    assert isinstance(answer, Passed)
    return answer.value


def test_a_folder(house_with: Callable[[str], House], tmp_path: Path) -> None:
    """`file:` lies below the workspace; what is there is what the vault sealed, decoded and encoded anew."""
    receipt = delivered(house_with("kind: bucket, url: 'file:drop', transcript: true"))
    files = {path.name: path.read_bytes() for path in (tmp_path / "w" / "drop").iterdir()}
    assert len(files) == receipt.items == 3
    assert hashlib.sha256(files[f"{receipt.correlation}.wav"]).hexdigest() == receipt.digest


def test_a_vendors_interface(
    house_with: Callable[[str], House], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """TLS by the vendor's own authority, our certificate from memory, a token by references."""
    (tmp_path / "tls").mkdir()
    with ingesting(tmp_path / "tls", with_client_certificates=True) as vendor:
        vendor.needs_login = True
        monkeypatch.setenv("CA", vendor.authority.ca.read_text())
        monkeypatch.setenv("CERT", vendor.authority.client.read_text())
        monkeypatch.setenv("ID", CLIENT[0])
        monkeypatch.setenv("SECRET", CLIENT[1])
        house = house_with(
            f"kind: https, profile: callminer, url: '{vendor.url}/calls', private_network: true, ca: 'env:CA', "
            f"client_certificate: 'env:CERT', confirm: {{kind: status, url: '{vendor.url}/calls/{{id}}'}}, "
            f"login: {{kind: oauth, token_url: '{vendor.url}/token', client_id: 'env:ID', client_secret: 'env:SECRET'}}"
        )
        receipt = delivered(house)
        assert vendor.calls() == 1
        assert receipt.reference == f"vendor-{receipt.correlation[:8]}"
        assert all(check.ok for check in house.deliveries.check("vendor"))


def test_a_vendor_inside_is_refused_unless_the_policy_says_so(
    house_with: Callable[[str], House], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without `private_network` an address that is not public is never connected to."""
    (tmp_path / "tls").mkdir()
    with ingesting(tmp_path / "tls") as vendor:
        monkeypatch.setenv("CA", vendor.authority.ca.read_text())
        monkeypatch.setenv("KEY", API_KEY)
        house = house_with(
            f"kind: https, url: '{vendor.url}/calls', ca: 'env:CA', confirm: {{kind: answer}}, "
            "login: {kind: api_key, key: 'env:KEY', header: X-Api-Key}"
        )
        (check,) = house.deliveries.check("vendor")
        assert not check.ok and "E_DELIVERY_REFUSED" in check.says
        assert vendor.seen == []


def test_an_assumed_role(house_with: Callable[[str], House], monkeypatch: pytest.MonkeyPatch) -> None:
    """STS and S3 at one endpoint; keys and external id by reference."""
    import boto3

    with amazon_storage() as address:
        for name, value in {"AK": "k", "SK": "s", "EXT": "external"}.items():
            monkeypatch.setenv(name, value)
        s3 = boto3.client("s3", endpoint_url=address, aws_access_key_id="k", aws_secret_access_key="s", region_name="us-east-1")  # fmt: skip
        s3.create_bucket(Bucket="wired-staging")
        receipt = delivered(
            house_with(
                f"kind: bucket, url: 's3://wired-staging/in', endpoint: '{address}', sts_endpoint: '{address}', region: us-east-1, "
                "access_key: 'env:AK', secret_key: 'env:SK', external_id: 'env:EXT', "
                "role: 'arn:aws:iam::123456789012:role/staging'"
            )
        )
        body = s3.get_object(Bucket="wired-staging", Key=f"in/{receipt.correlation}.wav")["Body"].read()
        assert hashlib.sha256(body).hexdigest() == receipt.digest


def test_an_sftp_server(house_with: Callable[[str], House], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its key pinned, ours by reference."""
    (tmp_path / "files").mkdir()
    with sftp_serving(tmp_path / "files") as server:
        monkeypatch.setenv("KEY", server.private_key)
        receipt = delivered(
            house_with(
                f"kind: sftp, profile: nice-nexidia, host: 127.0.0.1, port: {server.port}, user: {server.user}, "
                f"private_key: 'env:KEY', host_key: '{server.host_key}'"
            )
        )
        assert set(server.files()) == {f"{receipt.correlation}.wav", f"{receipt.correlation}.csv"}


def test_fields_of_the_policy_stand_instead_of_the_profiles(house_with: Callable[[str], House], tmp_path: Path) -> None:
    """What is mapped goes along, and nothing else."""
    receipt = delivered(house_with("kind: bucket, url: 'file:drop', fields: {Ref: id}"))
    said = (tmp_path / "w" / "drop" / f"{receipt.correlation}.json").read_text()
    assert said == f'{{"Ref": "{receipt.correlation}", "redactionApplied": "true"}}'


def test_a_destination_or_a_profile_there_is_not(house_with: Callable[[str], House]) -> None:
    """It is said before anything is sent."""
    house = house_with("kind: bucket, url: 'file:drop', profile: nobody")
    for name in ("vendor", "nobody"):
        with pytest.raises(PolicyError):
            house.deliveries.check(name)
