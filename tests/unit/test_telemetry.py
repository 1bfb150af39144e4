"""Logs cannot carry speech."""

from __future__ import annotations

import io
import logging
import sys
import threading

import structlog

from sottovoce import telemetry
from sottovoce.domain.confidential import Confidential
from sottovoce.errors import SealBroken

PLANTED = "zanzibar marmalade"


def test_a_confidential_value_is_masked_at_any_depth(capsys):
    """A confidential value handed to a log line by mistake comes out as its mask."""
    telemetry.configure(level="INFO", as_json=True)
    secret = Confidential(PLANTED)
    structlog.get_logger().info("heard", words=[secret], more={"deep": (secret,)}, n=1)
    shown = capsys.readouterr().err
    assert PLANTED not in shown
    assert shown.count("confidential") == 2


def test_the_stream_may_be_exchanged(monkeypatch):
    """A logger kept from before goes on where the error stream was closed and another put in its place."""
    first, second = io.StringIO(), io.StringIO()
    monkeypatch.setattr(sys, "stderr", first)
    telemetry.configure(level="INFO")
    log = structlog.get_logger("kept")
    log.info("before")
    monkeypatch.setattr(sys, "stderr", second)
    first.close()
    log.info("after")
    assert "after" in second.getvalue()


def test_exceptions_become_type_and_code(capsys):
    """A logged exception keeps its type and code and loses its message and traceback."""
    telemetry.configure(level="INFO")
    log = structlog.get_logger()
    try:
        raise SealBroken(PLANTED)
    except SealBroken as error:
        log.error("failed", exc_info=True)
        log.exception("failed", exc_info=error)
    shown = capsys.readouterr().err
    assert PLANTED not in shown
    assert shown.count("E_SEAL_BROKEN") == 2


def test_library_logs_lose_their_tracebacks(caplog):
    """A library that logs an exception says its type and code only."""
    telemetry.configure()
    telemetry.configure()
    try:
        raise ValueError(PLANTED)
    except ValueError:
        logging.getLogger("dbos").exception("step failed with %s", PLANTED)
    logging.getLogger("dbos").warning("plain")
    assert PLANTED not in caplog.text
    assert "[ValueError:-]" in caplog.text
    assert "plain" in caplog.text


def test_talkative_libraries_are_held_at_warning():
    """HTTP clients log signed addresses at INFO; they do not get to."""
    telemetry.configure(level="DEBUG")
    assert not logging.getLogger("httpx").isEnabledFor(logging.INFO)


def test_an_uncaught_exception_loses_its_words(capsys, monkeypatch):
    """A crash prints types and places; the message, which may quote speech, does not appear."""
    monkeypatch.setattr(sys, "excepthook", sys.excepthook)
    monkeypatch.setattr(threading, "excepthook", threading.excepthook)
    telemetry.configure()
    try:
        raise SealBroken(PLANTED)
    except SealBroken as error:
        sys.excepthook(type(error), error, error.__traceback__)
    sys.excepthook(KeyboardInterrupt, KeyboardInterrupt(PLANTED), None)
    thread = threading.Thread(target=lambda: 1 / 0)
    thread.start()
    thread.join()
    shown = capsys.readouterr().err
    assert PLANTED not in shown
    assert "E_SEAL_BROKEN SealBroken at " in shown
    assert "ZeroDivisionError" in shown
