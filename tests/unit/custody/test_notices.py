"""Recipients of what was erased are told, and what they answer is kept."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine

from sottovoce.custody.deliveries import Deliveries, Delivery
from sottovoce.custody.erasure import Eraser
from sottovoce.custody.notices import Notice, Notices, NoticeState
from sottovoce.custody.notifiers import LetterNotifier, WebhookNotifier, signed_headers
from sottovoce.custody.subject import ByConversation
from sottovoce.domain.confidential import Confidential
from sottovoce.errors import CustodyError, NoticeFailed, WorkspaceError
from sottovoce.ledger.entry import Action
from sottovoce.ledger.ledger import Ledger
from sottovoce.testing.webhooks import Receiver, receiving

Make = Callable[..., Any]
SECRET = Confidential("whsec_" + base64.b64encode(b"k" * 32).decode())


@pytest.fixture
def engine(on_sqlite: Engine) -> Engine:
    return on_sqlite


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    """A recipient on loopback."""
    with receiving() as found:
        yield found


@pytest.fixture
def owed(eraser: Eraser, deliveries: Deliveries, three: list[str], clock: Make) -> str:
    """Two destinations were given the recording that is erased: the erasure's id."""
    for number, destination in enumerate(("callminer", "verint", "verint")):
        deliveries.record(
            Delivery(
                id=f"d-{number}",
                recording=three[0],
                destination=destination,
                receipt=f"receipt-{number}",
                delivered_at=clock(),
            ),
            actor="w-1",
        )
    return eraser.erase(ByConversation(conversation_id="PLANTED-1"), requested_by="o", why="ART17").id


@pytest.fixture
def notices_of(engine: Engine, ledger: Ledger, clock: Make, tmp_path: Path, receiver: Receiver) -> Notices:
    """Verint has a webhook; whoever policy does not name gets a letter."""
    return Notices(
        engine=engine,
        ledger=ledger,
        clock=clock,
        notifiers={"verint": WebhookNotifier(url=receiver.url, secret=SECRET, clock=clock)},
        otherwise=LetterNotifier(folder=tmp_path / "notices", contact="privacy@callminer.example", sender="Example"),
    )


def test_each_recipient_is_told_once_by_its_own_receipts(
    owed: str, notices_of: Notices, receiver: Receiver, tmp_path: Path, ledger: Ledger, clock: Make
) -> None:
    """One message and one letter; the second sending sends nothing; no person is named in either."""
    assert [each.code for each in notices_of.send(by="dpo-1")] == [None, None]
    assert notices_of.send(by="dpo-1") == ()
    ((headers, body),) = receiver.got
    data = json.loads(body)
    assert (data["type"], data["data"]["receipts"]) == ("recording.erased", ["receipt-1", "receipt-2"])
    timestamp = int(headers["webhook-timestamp"])
    expected = signed_headers(Confidential(b"k" * 32), headers["webhook-id"], timestamp, body)
    assert headers["webhook-signature"] == expected["webhook-signature"]
    (letter,) = (tmp_path / "notices").iterdir()
    text = letter.read_text(encoding="utf-8")
    assert "receipt-0" in text
    assert "privacy@callminer.example" in text
    assert "PLANTED" not in text + body.decode()
    actions = [entry.action for _, entry in ledger.entries_about(owed)]
    assert actions.count(Action.NOTICE_SENT) == 2


def test_the_signature_is_that_of_the_standard() -> None:
    """The reference vector of Standard Webhooks 1.0.0."""
    key = Confidential(base64.b64decode("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"))
    headers = signed_headers(key, "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, b'{"test": 2432232314}')
    assert headers["webhook-signature"] == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


@pytest.mark.parametrize(("answer", "code"), [(500, "HTTP_500"), (302, "HTTP_302"), (410, "HTTP_410")])
def test_a_recipient_that_refuses_stays_pending(
    owed: str, notices_of: Notices, receiver: Receiver, answer: int, code: str, clock: Make
) -> None:
    """Only 2xx counts, no redirect is followed, and the others are told all the same; past its date it is overdue."""
    receiver.answer = answer
    assert [each.code for each in notices_of.send(by="dpo-1")] == [None, code]
    pending = notices_of.list(erasure=owed)[1]
    assert (pending.state, pending.attempts, pending.failure) == (NoticeState.PENDING, 1, code)
    assert len(receiver.got) == 1
    assert not pending.overdue(clock())
    clock.pass_(8 * 86_400)
    assert pending.overdue(clock())
    receiver.answer = 200
    assert [each.code for each in notices_of.send(by="dpo-1")] == [None]
    assert notices_of.list()[1].attempts == 2


def test_an_acknowledgement_is_kept_with_its_reference(owed: str, notices_of: Notices, ledger: Ledger) -> None:
    """Once sent, a recipient's answer is recorded; twice changes nothing; before that it is refused."""
    first = notices_of.list()[0]
    with pytest.raises(CustodyError, match="no notice"):
        notices_of.acknowledge(first.id, reference="REF-1", by="dpo-1")
    notices_of.send(by="dpo-1")
    notices_of.acknowledge(first.id, reference="REF-1", by="dpo-1")
    size = ledger.size()
    notices_of.acknowledge(first.id, reference="REF-2", by="dpo-1")
    done = notices_of.list()[0]
    assert (done.state, done.reference, ledger.size()) == (NoticeState.ACKNOWLEDGED, "REF-1", size)
    assert done.acknowledged_at is not None
    with pytest.raises(CustodyError):
        notices_of.acknowledge("unknown", reference="REF", by="dpo-1")


def a_notice() -> Notice:
    at = datetime(2026, 3, 1, tzinfo=UTC)
    return Notice(
        id="n-1",
        erasure="e-1",
        destination="verint",
        deliveries=0,
        state=NoticeState.PENDING,
        attempts=0,
        failure=None,
        reference=None,
        made_at=at,
        due=at,
        sent_at=None,
        acknowledged_at=None,
    )


def test_a_recipient_that_is_not_there_is_said(clock: Make, tmp_path: Path) -> None:
    """Nobody listens; a letter cannot be written: a code each, and no text of theirs."""
    webhook = WebhookNotifier(url="http://127.0.0.1:9/", secret=SECRET, clock=clock)
    with pytest.raises(NoticeFailed) as failed:
        webhook.send(a_notice(), [])
    assert failed.value.reason == "NO_ANSWER"
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(NoticeFailed) as failed:
        LetterNotifier(folder=tmp_path / "file").send(a_notice(), [])
    assert failed.value.reason == "NOT_WRITTEN"


@pytest.mark.parametrize("secret", ["whsec_short", "whsec_!!", "", "whsec_" + base64.b64encode(b"k" * 65).decode()])
def test_a_secret_is_as_the_standard_says(secret: str, clock: Make) -> None:
    """24 to 64 bytes in base64."""
    with pytest.raises(WorkspaceError):
        WebhookNotifier(url="http://127.0.0.1:9/", secret=Confidential(secret), clock=clock)
