"""Structured logs that cannot carry speech.

One processor refuses `Confidential` values outright, another reduces exceptions to their type and
code, because a traceback quotes whatever the failing line held. Libraries that log addresses or text
(HTTP clients log signed URLs, recognizers log words) are held at WARNING and lose their tracebacks.
"""

from __future__ import annotations

import logging
import sys
import threading
import traceback
from collections.abc import Iterator, MutableMapping
from types import CodeType, TracebackType
from typing import Any

import structlog

from sottovoce.domain.confidential import MASK, Confidential

TALKATIVE = ("httpx", "httpcore", "faster_whisper", "presidio-analyzer", "spacy", "dbos", "uvicorn", "obstore")


def configure(*, level: str = "WARNING", as_json: bool = False) -> None:
    """Set up logging for this process; calling it again changes the settings."""
    renderer = structlog.processors.JSONRenderer() if as_json else structlog.dev.ConsoleRenderer(colors=False)
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            masked,
            without_tracebacks,
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelName(level)),
        logger_factory=lambda *_names: structlog.PrintLogger(sys.stderr),  # today's, also where it was exchanged since
        cache_logger_on_first_use=False,
    )
    quiet_libraries()
    sys.excepthook = _without_words
    threading.excepthook = lambda failed: _without_words(failed.exc_type, failed.exc_value, failed.exc_traceback)


def _without_words(kind: type[BaseException], failure: BaseException | None, trace: TracebackType | None) -> None:
    """An uncaught exception as types and places: messages, and the lines of code they quote, may hold speech."""
    if issubclass(kind, KeyboardInterrupt):
        sys.stderr.write("interrupted\n")
        return
    places = [f"{place.co_filename}:{line}" for place, line in _frames(trace)]
    code = getattr(failure, "code", "E_UNEXPECTED")
    sys.stderr.write(f"{code} {kind.__name__} at {' '.join(places[-6:])}\n")


def _frames(trace: TracebackType | None) -> Iterator[tuple[CodeType, int]]:
    for frame, line in traceback.walk_tb(trace):
        yield frame.f_code, line


def quiet_libraries() -> None:
    """Hold talkative libraries at WARNING and strip exception text from what they still say."""
    for name in TALKATIVE:
        logger = logging.getLogger(name)
        logger.setLevel(logging.WARNING)
        if not any(isinstance(f, ExceptionsAsCodes) for f in logger.filters):
            logger.addFilter(ExceptionsAsCodes())
        for handler in logger.handlers:
            if not any(isinstance(f, ExceptionsAsCodes) for f in handler.filters):
                handler.addFilter(ExceptionsAsCodes())


class ExceptionsAsCodes(logging.Filter):
    """Turns `exc_info` into `[Type:code]`; messages of exceptions are dropped with their tracebacks."""

    def filter(self, record: logging.LogRecord) -> bool:
        failure = record.exc_info[1] if record.exc_info else None
        if failure is not None:
            record.msg, record.args = f"failed [{type(failure).__name__}:{getattr(failure, 'code', '-')}]", ()
            record.exc_info = record.exc_text = None
        return True


def masked(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Every Confidential in the event, at any depth, becomes its mask."""
    return {key: _masked(value) for key, value in event.items()}


def _masked(value: Any) -> Any:
    if isinstance(value, Confidential):
        return MASK
    if isinstance(value, dict):
        return {k: _masked(v) for k, v in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_masked(v) for v in value]
    return value


def without_tracebacks(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """`exc_info` becomes `error` (a type) and `code`."""
    failure = event.pop("exc_info", None)
    if failure is True:
        failure = sys.exc_info()[1]
    if isinstance(failure, BaseException):
        event["error"], event["code"] = type(failure).__name__, getattr(failure, "code", "-")
    return event
