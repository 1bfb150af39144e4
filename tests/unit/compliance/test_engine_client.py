"""What an engine's answer over HTTP is taken for, and that nothing it does holds us up or leads us elsewhere."""

from __future__ import annotations

import json
import logging
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from sottovoce.compliance.engine_client import MAX_ANSWER, Answer, EngineClient, answer_of
from sottovoce.compliance.engine_request import Request
from sottovoce.errors import ComplianceError, JudgeRefused, JudgeUnavailable, VerdictPending, VerdictRefused

REQUEST = Request(headers={"content-type": "application/json"}, body=b"{}")
PLANTED = "four one one one"


def answer(status: int, body: bytes = b"{}", *, kind: str = "application/json", encoding: str = "") -> Answer:
    return Answer(status=status, content_type=kind, encoding=encoding, body=body)


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (204, VerdictRefused),
        (206, VerdictRefused),
        (301, JudgeRefused),
        (307, JudgeRefused),
        (400, JudgeRefused),
        (401, JudgeRefused),
        (404, JudgeRefused),
        (422, JudgeRefused),
        (408, JudgeUnavailable),
        (409, VerdictPending),
        (425, JudgeUnavailable),
        (429, JudgeUnavailable),
        (500, JudgeUnavailable),
        (503, JudgeUnavailable),
        (599, JudgeUnavailable),
    ],
)
def test_every_status_has_one_meaning(status: int, error: type[ComplianceError]) -> None:
    """200 answers, 202 promises; a refusal is final, a failure is not, and 409 is an earlier copy at work."""
    with pytest.raises(error):
        answer_of(answer(status))


def test_an_answer_and_a_promise() -> None:
    """One object, whatever parameters its type has; a promise's body is not looked at."""
    assert answer_of(answer(200, b'{"a":1}', kind="Application/JSON; charset=utf-8")) == {"a": 1}
    assert answer_of(answer(202, b"anything", kind="text/plain")) is None


@pytest.mark.parametrize(
    "wrong",
    [
        answer(200, b"{}", kind="text/html"),
        answer(200, b"{}", encoding="gzip"),
        answer(200, b"[]"),
        answer(200, b'{"a":1,"a":2}'),
        answer(200, b'{"a":NaN}'),
        answer(200, b"\xff"),
        answer(200, b"[" * 100_000),
        answer(200, PLANTED.encode()),
    ],
)
def test_what_is_no_answer_is_refused_without_a_word_of_it(wrong: Answer) -> None:
    """Another type, compressed, no object, hostile JSON."""
    with pytest.raises(VerdictRefused) as caught:
        answer_of(wrong)
    assert "four" not in str(caught.value) + caught.value.hint


@contextmanager
def serving(talk: Callable[[socket.socket], None]) -> Iterator[str]:
    """A server of one connection after the other that says whatever it is told to."""
    listener = socket.create_server(("127.0.0.1", 0))
    stop = threading.Event()

    def serve() -> None:
        while not stop.is_set():
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            with connection:
                try:
                    connection.recv(65536)
                    talk(connection)
                except OSError:
                    pass

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}/judge"
    finally:
        stop.set()
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join()


def test_one_deadline_for_all_of_it() -> None:
    """A server that sends a byte now and then, and never ends, is given up in time."""

    def dribble(connection: socket.socket) -> None:
        connection.sendall(b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nx-slow: ")
        while True:
            connection.sendall(b"a")
            time.sleep(0.05)

    with serving(dribble) as url, pytest.raises(JudgeUnavailable):
        EngineClient(url=url, timeout_s=0.4).ask(REQUEST)


def test_no_more_is_read_than_a_verdict_needs() -> None:
    """An endless body is cut off at the cap, whatever its length was said to be."""

    def flood(connection: socket.socket) -> None:
        connection.sendall(b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n\r\n")
        while True:
            connection.sendall(b" " * MAX_ANSWER)

    with serving(flood) as url, pytest.raises(VerdictRefused):
        EngineClient(url=url, timeout_s=20).ask(REQUEST)


def test_no_redirect_is_followed() -> None:
    """Wherever it points: only the policy's own address is spoken to."""
    met: list[str] = []

    def elsewhere(connection: socket.socket) -> None:
        met.append("elsewhere")
        connection.sendall(b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 2\r\n\r\n{}")

    with serving(elsewhere) as target:

        def redirect(connection: socket.socket) -> None:
            connection.sendall(f"HTTP/1.1 307 Go\r\nlocation: {target}\r\ncontent-length: 0\r\n\r\n".encode())

        with serving(redirect) as url, pytest.raises(JudgeRefused):
            EngineClient(url=url, timeout_s=20).ask(REQUEST)
    assert met == []


def test_no_proxy_of_the_environment_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    """A proxy would see the address of the sound."""
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")

    def fine(connection: socket.socket) -> None:
        connection.sendall(b'HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 7\r\n\r\n{"a":1}')

    with serving(fine) as url:
        assert EngineClient(url=url, timeout_s=20).ask(REQUEST) == {"a": 1}


@pytest.mark.parametrize("said", [b"", b"nonsense\r\n\r\n", b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\n{}"])
def test_what_is_no_http_is_tried_again(said: bytes, caplog: pytest.LogCaptureFixture) -> None:
    """Closed at once, another protocol, cut off: a failure that may pass, and nothing of it is logged."""
    caplog.set_level(logging.WARNING)
    with serving(lambda connection: connection.sendall(said)) as url, pytest.raises(JudgeUnavailable) as caught:
        EngineClient(url=url, timeout_s=20).ask(REQUEST)
    assert "nonsense" not in caplog.text + str(caught.value)


def test_nobody_there_is_tried_again() -> None:
    """A closed port, a name there is not."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    with pytest.raises(JudgeUnavailable):
        EngineClient(url=f"http://127.0.0.1:{port}/", timeout_s=20).ask(REQUEST)


def test_a_request_is_never_printed() -> None:
    """Its body holds an address that opens something."""
    request = Request(headers={"a": "secret"}, body=json.dumps({"url": "secret"}).encode())
    assert "secret" not in repr(request)
