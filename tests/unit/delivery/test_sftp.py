"""SFTP: whom it speaks to, and that no half file is ever under its name."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import paramiko
import pytest

from sottovoce.delivery.failures import DeliveryForbidden, DeliveryUnavailable
from sottovoce.delivery.packing import Order, Packer
from sottovoce.delivery.parcel import CallFacts, Errand, Parcel
from sottovoce.delivery.profile import load_profile
from sottovoce.delivery.sftp import SftpDestination
from sottovoce.domain.confidential import Confidential
from sottovoce.testing.delivery import ROLES, MemorySeals, redacted_parts
from sottovoce.testing.sftp_server import SftpFault, SftpServer, sftp_serving
from sottovoce.wiring.delivery import SpeechStudio


@pytest.fixture
def server(tmp_path: Path) -> Iterator[SftpServer]:
    root = tmp_path / "files"
    root.mkdir()
    with sftp_serving(root) as running:
        yield running


def destination(server: SftpServer, **changes: Any) -> SftpDestination:
    members: dict[str, Any] = {
        "host": "127.0.0.1",
        "port": server.port,
        "user": server.user,
        "private_key": lambda: Confidential(server.private_key),
        "passphrase": None,
        "host_key": server.host_key,
        "folder": ".",
        "timeout_s": 5.0,
        "clock": lambda: datetime.now(UTC),
        **changes,
    }
    return SftpDestination(**members)


@pytest.fixture
def parcel() -> Parcel:
    seals = MemorySeals()
    sealed = seals.seal("ab" * 16, redacted_parts())
    errand = Errand(line="analytics", recording=sealed.ref.key, destination="vendor")
    profile = load_profile("generic", base=Path()).model_copy(update={"sidecar": None})
    order = Order(errand=errand, profile=profile, minimum_active_ratio=0.0)
    return Packer(vault=seals, studio=SpeechStudio(), version="1").pack(sealed, CallFacts(roles=ROLES), order)


def test_another_host_key_ends_it_before_we_say_who_we_are(server: SftpServer, parcel: Parcel) -> None:
    """A server that is not the pinned one gets neither our key nor a file."""
    other = paramiko.ECDSAKey.generate()
    pinned = f"{other.get_name()} {other.get_base64()}"
    with pytest.raises(DeliveryForbidden) as refused:
        destination(server, host_key=pinned).put(parcel, key="k")
    assert "host_key" in refused.value.hint
    assert server.sent == []


@pytest.mark.parametrize("pinned", ["ssh-ed25519 AAAA", "ecdsa-sha2-nistp256 ####"])
def test_a_pinned_key_that_is_none_or_of_another_kind(pinned: str, server: SftpServer, parcel: Parcel) -> None:
    """Nothing is spoken to."""
    with pytest.raises(DeliveryUnavailable):
        destination(server, host_key=pinned).put(parcel, key="k")
    assert server.sent == []


def test_a_key_the_server_does_not_know(server: SftpServer, parcel: Parcel) -> None:
    """It is a person's affair, and says so."""
    with sftp_serving(server.root) as other:
        strange = replace(server, private_key=other.private_key)
        with pytest.raises(DeliveryForbidden):
            destination(strange).put(parcel, key="k")


def test_a_private_key_that_is_none(server: SftpServer, parcel: Parcel) -> None:
    """Nothing of it is in the error."""
    with pytest.raises(DeliveryForbidden) as refused:
        destination(server, private_key=lambda: Confidential("PLANTED")).put(parcel, key="k")
    assert "PLANTED" not in f"{refused.value}"


@pytest.mark.parametrize("fault", [SftpFault.FULL, SftpFault.CUT])
def test_a_file_that_was_not_finished_has_no_name(fault: SftpFault, server: SftpServer, parcel: Parcel) -> None:
    """Whoever watches the folder never reads half of one, and the next try leaves one file."""
    server.faults.append(fault)
    with pytest.raises(DeliveryUnavailable):
        destination(server).put(parcel, key="k")
    assert server.files() == {}
    destination(server).put(parcel, key="k")
    assert {path.name for path in server.root.iterdir()} == {parcel.waybill.audio.name}


def test_a_folder_there_is_not(server: SftpServer, parcel: Parcel) -> None:
    """It is named by the policy's word for it, not by its path."""
    with pytest.raises(DeliveryForbidden) as refused:
        destination(server, folder="PLANTED").put(parcel, key="k")
    assert "PLANTED" not in f"{refused.value} {refused.value.hint}"


def test_a_server_that_is_not_there(server: SftpServer, parcel: Parcel) -> None:
    """It does not answer; the recording waits."""
    with pytest.raises(DeliveryUnavailable):
        destination(server, port=9).put(parcel, key="k")


def test_a_probe_tells_a_wrong_clock(server: SftpServer) -> None:
    """By the time the server gives the canary, which is gone afterwards."""
    checks = destination(server, clock=lambda: datetime.now(UTC) - timedelta(hours=1)).probe()
    assert [check.ok for check in checks] == [True, False]
    assert "clocks" in checks[1].says
    assert list(server.root.iterdir()) == []
