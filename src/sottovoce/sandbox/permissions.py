"""What a token's client may do, and the platform's refusals where it may not (GENESYS.md 1 and 7)."""

from __future__ import annotations

from starlette.requests import Request

from sottovoce.sandbox.answers import ApiError
from sottovoce.sandbox.store import RECORDING_VIEW, Client

SENSITIVE = "recording:recording:viewSensitiveData"


def client_of(request: Request) -> Client:
    """Whose token the request carries."""
    client: Client = request.scope["token"].client
    return client


def may(request: Request, *permissions: str) -> bool:
    """Whether the client has any of these."""
    return bool(client_of(request).permissions & set(permissions))


def require(request: Request, *permissions: str) -> None:
    """Any of these. Raises ApiError 403, which names them."""
    if may(request, *permissions):
        return
    code = "missing.permissions" if len(permissions) == 1 else "missing.any.permissions"
    named = ", ".join(permissions)
    raise ApiError(
        403,
        code,
        f"Unable to perform the requested action. You are missing the following permission(s): {named}",
    )


def require_all(request: Request, *permissions: str) -> None:
    """Every one of these. Raises ApiError 403, which names the first that is missing."""
    for permission in permissions:
        require(request, permission)


def require_recordings(request: Request) -> None:
    """Any view of recordings. Raises ApiError 403 in the recordings' own words."""
    if not may(request, *RECORDING_VIEW):
        raise ApiError(
            403,
            "recording.recording.view.permission.check.failed",
            f"The {RECORDING_VIEW[0]} permission is required.",
        )
