"""Answers in the platform's own shapes: ErrorBody, moments, bodies that may be `null`."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

MAX_BODY = 512_000
"""`request.bytes.max` (GENESYS.md 7)."""


class ApiError(Exception):
    """Becomes an ErrorBody with this status and code."""

    def __init__(self, status: int, code: str, message: str, *, headers: dict[str, str] | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
        self.headers = headers


def error_answer(request: Request, error: Exception) -> Response:
    """The ErrorBody of an ApiError; its contextId is the correlation id."""
    assert isinstance(error, ApiError)  # noqa: S101 - registered for ApiError only
    body = error_body(error, context=request.scope.get("correlation", ""))
    return JSONResponse(body, status_code=error.status, headers=error.headers)


def error_body(error: ApiError, *, context: str) -> dict[str, Any]:
    return {
        "message": error.message,
        "code": error.code,
        "status": error.status,
        "contextId": context,
        "details": [],
        "errors": [],
    }


def not_found(what: str = "not.found", message: str = "The requested resource was not found.") -> ApiError:
    return ApiError(404, what, message)


def bad_request(message: str, *, code: str = "bad.request") -> ApiError:
    return ApiError(400, code, message)


def accepted(body: Any = None) -> Response:
    """202, without a body unless one is given."""
    return Response(status_code=202) if body is None else JSONResponse(body, status_code=202)


async def json_object(request: Request) -> dict[str, Any]:
    """The body as an object; the SDK sends `null` where it has none. Raises ApiError."""
    data = await request.body()
    try:
        value = json.loads(data) if data else None
    except (ValueError, RecursionError):
        raise bad_request("The request body is not valid JSON.") from None
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise bad_request("The request body is not an object.")
    return value


def stamp(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z"


def whole(request: Request, name: str, default: int, *, most: int) -> int:
    """A whole number of the query. Raises ApiError."""
    value = request.query_params.get(name, str(default))
    if not value.isdigit() or not 1 <= int(value) <= most:
        raise bad_request(f"{name} is not within 1..{most}.", code="invalid.value")
    return int(value)
