"""The contributor's half: encrypted before it is sent, sent once, pinned to one inbox, with receipts to keep."""

from __future__ import annotations

import json
import logging
import os
import subprocess
import sys
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from sottovoce.domain.confidential import Confidential
from sottovoce.errors import CredentialInvalid, InboxUntrusted, MediaTooLarge, StorageError, StorageRefused
from sottovoce.ledger.signer import Ed25519Signer
from sottovoce.testing.uploads import Sender, clip, inbox_house, sender
from sottovoce.uploads.credential import Form, read_credential, write_credential
from sottovoce.uploads.deliver import FolderDrop, SignedDrop, open_dropbox
from sottovoce.uploads.outbox import Outbox
from sottovoce.uploads.published import publish, read_published
from sottovoce.uploads.receipts import read_receipt
from sottovoce.uploads.submit import Statement, Submitter, checked_receipt, collect_receipts
from sottovoce.wiring.house import House


@pytest.fixture(scope="module")
def house(tmp_path_factory):
    made = inbox_house(tmp_path_factory.mktemp("inbox") / "w", more="    max_bytes: 1000000")
    yield made
    made.close()


@pytest.fixture
def one(house: House, tmp_path: Path) -> Sender:
    return sender(house, tmp_path / "home")


@pytest.fixture
def recording(tmp_path: Path) -> Path:
    path = tmp_path / "José Müller 2.wav"
    path.write_bytes(clip(int.from_bytes(os.urandom(4))))
    return path


def objects(house: House, one: Sender) -> list[Path]:
    return list((house.workspace.root / "inbox" / one.credential.prefix).glob("*"))


def test_the_same_file_twice_is_one_upload(house: House, one: Sender, recording: Path) -> None:
    """One id, one object, one record; the second time nothing is sent."""
    first = one.send(recording)
    stamp = objects(house, one)[0].stat().st_mtime_ns
    copy = recording.with_name("renamed.wav")
    copy.write_bytes(recording.read_bytes())
    assert one.send(copy) == first
    assert [path.stat().st_mtime_ns for path in objects(house, one)] == [stamp]


def test_what_did_not_get_away_is_sent_as_it_was(house: House, one: Sender, recording: Path) -> None:
    """A failure between encrypting and sending costs nothing: the same bytes go out the next time."""

    class Broken(FolderDrop):
        def put(self, location: str, data: bytes) -> None:
            raise StorageError("the line is down")

    root = house.workspace.root / "inbox"
    broken = Submitter(
        inbox=one.submitter._inbox,
        credential=one.credential,
        dropbox=Broken(root=root, prefix=one.credential.prefix),
        outbox=one.outbox,
        clock=lambda: datetime.now(UTC),
        random=os.urandom,
    )
    with pytest.raises(StorageError):
        broken.submit(recording, Statement(agreed_on=datetime.now(UTC).date()))
    (waiting,) = (one.home / "waiting").glob("*.svup")
    held = waiting.read_bytes()
    one.send(recording)
    assert objects(house, one)[0].read_bytes() == held
    assert list((one.home / "waiting").iterdir()) == []


def test_nothing_of_a_recording_is_written_in_the_clear(house: House, one: Sender, recording: Path) -> None:
    """Neither sound nor consent nor name leaves the machine, and names of objects say nothing."""
    one.send(recording)
    (sent,) = objects(house, one)
    sound = recording.read_bytes()[44:4000]
    assert sound not in sent.read_bytes()
    assert b"Jos" not in sent.read_bytes()
    kept = b"".join(path.read_bytes() for path in one.home.rglob("*") if path.is_file())
    assert sound not in kept
    assert "Jos" not in sent.name
    assert all(path.stat().st_mode & 0o077 == 0 for path in one.home.rglob("*") if path.is_file())


def test_the_id_of_an_upload_cannot_be_guessed(house: House, recording: Path, tmp_path: Path) -> None:
    """Somebody who has the recording cannot tell whether it was sent: ids are keyed by each sender's secret."""
    ids = {Outbox(home=tmp_path / name, random=os.urandom).upload_id("i", "c", "0" * 64) for name in ("a", "b")}
    assert len(ids) == 2


def test_an_inbox_is_pinned_when_it_is_first_met(house: House, tmp_path: Path) -> None:
    """Another key later is refused, unless the contributor was told of it."""
    outbox = Outbox(home=tmp_path / "home", random=os.urandom)
    outbox.trust(house.uploads.inbox().publish(), pin=None)
    other = Ed25519Signer(name=house.signer.name, key=Confidential(Ed25519PrivateKey.generate()))
    forged = publish(read_published(house.uploads.inbox().publish(), pin=None), other)
    with pytest.raises(InboxUntrusted, match="another key"):
        outbox.trust(forged, pin=None)
    pin = read_published(forged, pin=None).pin
    assert outbox.trust(forged, pin=pin).pin == pin
    with pytest.raises(InboxUntrusted):
        outbox.trust(forged, pin="0" * 64)


@pytest.mark.parametrize("where", ["wording", "keys", "max_bytes", "receipts", "signature", "vkey"])
def test_a_changed_description_is_refused(house: House, where: str) -> None:
    """Whatever is changed in it, the signature does not fit any more."""
    document = json.loads(house.uploads.inbox().publish())
    if where == "wording":
        document["wording"]["text"] = "I agree to everything."
    elif where == "keys":
        document["keys"][0]["public"] = "A" * 43 + "="
    else:
        document[where] = 1
    for data in (json.dumps(document).encode(), b"{}", b"[]", b"\xff", b"{" * 70_000):
        with pytest.raises(InboxUntrusted):
            read_published(data, pin=None)


def test_an_inbox_whose_keys_have_all_ended_is_refused(house: House) -> None:
    """There must be one to encrypt to."""
    inbox = read_published(house.uploads.inbox().publish(), pin=None)
    ended = replace(inbox, keys=(replace(inbox.key, until=datetime.now(UTC).date()),))
    with pytest.raises(InboxUntrusted):
        read_published(publish(ended, house.signer), pin=None)


def test_receipts_are_signed_for_the_very_bytes(house: House, one: Sender, recording: Path) -> None:
    """Accepted, refused with a reason, destroyed: each says so, for the digest that was sent."""
    sent = one.send(recording)
    bad = recording.with_name("bad.wav")
    bad.write_bytes(b"not audio" + os.urandom(8))
    refused = one.send(bad)
    inbox = one.outbox.trust(house.uploads.inbox().publish(), pin=None)
    assert collect_receipts(one.outbox, inbox) == {}
    house.uploads.receive("voices")
    found = collect_receipts(one.outbox, inbox)
    assert (found[sent.upload].state, found[sent.upload].digest) == ("accepted", sent.digest)
    assert (found[refused.upload].state, found[refused.upload].reason) == ("refused", "MEDIA_UNREADABLE")
    note = one.outbox.receipt(sent.upload)
    assert note is not None
    assert read_receipt(note, vkey=inbox.vkey).upload == sent.upload
    with pytest.raises(InboxUntrusted):
        checked_receipt(note, replace(sent, digest="0" * 64), inbox)
    with pytest.raises(InboxUntrusted):
        read_receipt(note.replace("accepted", "destroyed"), vkey=inbox.vkey)


def test_a_larger_file_than_the_inbox_takes_is_not_sent(one: Sender, tmp_path: Path) -> None:
    """It is refused here, before anything is encrypted."""
    (tmp_path / "large.wav").write_bytes(bytes(1_000_001))
    with pytest.raises(MediaTooLarge):
        one.send(tmp_path / "large.wav")


def test_a_credential_that_is_over_sends_nothing(house: House, one: Sender, recording: Path, tmp_path: Path) -> None:
    """Nor does one for another inbox, nor a damaged one."""
    late = sender(house, tmp_path / "late", clock=lambda: datetime.now(UTC) + timedelta(hours=2))
    with pytest.raises(CredentialInvalid, match="over"):
        late.send(recording)
    with pytest.raises(CredentialInvalid, match="another inbox"):
        one.credential.required(inbox="default/other", now=datetime.now(UTC))
    for data in (b"", b"{}", b"[]", b'{"v": 1}', write_credential(one.credential).reveal()[:-40]):
        with pytest.raises(CredentialInvalid):
            read_credential(data)


def test_a_credential_comes_back_as_it_was_given(one: Sender) -> None:
    """And prints nothing of what it holds."""
    again = read_credential(write_credential(one.credential).reveal())
    assert again.seed == one.credential.seed
    assert again.way.form is Form.FOLDER
    assert "seed" not in repr(again)


def test_a_folder_that_may_not_be_written_is_named(one: Sender, tmp_path: Path) -> None:
    """Without a place of one's own nothing is sent, and the error names no path."""
    drop = FolderDrop(root=tmp_path / "nowhere", prefix=one.credential.prefix)
    with pytest.raises(StorageRefused) as refused:
        drop.put(f"{one.credential.prefix}/x.svup", b"x")
    assert str(tmp_path) not in str(refused.value)


def test_the_contributors_half_needs_little(tmp_path: Path) -> None:
    """Encrypting and sending loads no database, no model, no pipeline and no array library."""
    heavy = ["numpy", "sqlalchemy", "pydantic", "dbos", "boto3", "obstore", "soundfile", "faster_whisper", "fastapi"]
    code = (
        "import sys; import sottovoce.uploads.submit, sottovoce.uploads.deliver, sottovoce.uploads.published;"
        f"print([name for name in {heavy!r} if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True)
    assert done.stdout.decode().strip() == "[]"


@pytest.fixture(scope="module")
def endpoint():
    server = pytest.importorskip("moto.server")
    boto3 = pytest.importorskip("boto3")
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    running = server.ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    running.start()
    host, port = running.get_host_and_port()
    client = boto3.client(
        "s3",
        endpoint_url=f"http://{host}:{port}",
        region_name="us-east-1",
        aws_access_key_id="x",
        aws_secret_access_key="y",
    )
    client.create_bucket(Bucket="inbox")
    yield f"http://{host}:{port}"
    client.close()
    running.stop()


@pytest.fixture
def s3_house(endpoint: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("INBOX_ID", "x")
    monkeypatch.setenv("INBOX_SECRET", "y")
    keys = "    access_key: env:INBOX_ID\n    secret_key: env:INBOX_SECRET\n    region: us-east-1"
    made = inbox_house(
        tmp_path / "w",
        more=f"{keys}\n    endpoint: {endpoint}",
        url=f"s3://inbox/{tmp_path.name}",
        tail=f"access:\n  sts:\n    endpoint: {endpoint}\n    region: us-east-1\n",
    )
    yield made
    made.close()


class TestS3:
    """Signed addresses and sessions, against a server that speaks the protocol."""

    def test_a_signed_address_takes_one_upload_each(self, s3_house: House, tmp_path: Path, recording: Path) -> None:
        """What was sent to one is taken in; when all are used another credential is needed."""
        one = sender(s3_house, tmp_path / "home", slots=1)
        assert one.credential.way.form is Form.SIGNED
        sent = one.send(recording)
        assert [each.row.upload for each in s3_house.uploads.receive("voices")] == [sent.upload]
        recording.write_bytes(clip(99))
        with pytest.raises(CredentialInvalid, match="every address"):
            one.send(recording)
        (found,) = s3_house.sources["voices"].discover()
        assert s3_house.sources["voices"].fetch(found.ref, found).parts["S"]

    def test_a_session_sends_below_its_prefix(
        self, s3_house: House, endpoint: str, tmp_path: Path, recording: Path
    ) -> None:
        """STS is asked for a session that may only put below the contributor's prefix."""
        sts = s3_house.policy.access.sts.model_copy(update={"contributor_role": "arn:aws:iam::123456789012:role/put"})
        access = s3_house.policy.access.model_copy(update={"sts": sts})
        s3_house.__dict__["loaded"] = replace(
            s3_house.loaded, policy=s3_house.policy.model_copy(update={"access": access})
        )
        one = sender(s3_house, tmp_path / "home")
        assert one.credential.way.form is Form.SESSION
        one.send(recording)
        assert [each.row.state.value for each in s3_house.uploads.receive("voices")] == ["accepted"]

    def test_a_store_that_keeps_something_else_is_found_out(self, endpoint: str) -> None:
        """An address that does not answer, refuses, or is not a place is named."""
        away = SignedDrop(addresses={"in/c-x/a.svup": f"{endpoint}/no-such-bucket/a"}, prefix="in/c-x")
        with pytest.raises(StorageError):
            away.put("in/c-x/a.svup", b"x")
        assert not SignedDrop(addresses={"elsewhere/a": "http://x"}, prefix="in/c-x").takes("elsewhere/a")


def test_a_credential_names_a_way_to_send(one: Sender) -> None:
    """One that names none is refused."""
    for form in Form:
        way = replace(one.credential.way, form=form, secrets=one.credential.way.secrets.map(lambda _: {}))
        with pytest.raises(CredentialInvalid):
            open_dropbox(replace(one.credential, way=way))
