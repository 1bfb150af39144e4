"""The API port: `/oauth/token` and `/api/v2` together, as the official SDK expects of a local host.

Only endpoints that Genesys Cloud has are here; everything else, including what guides invented, is
404 `not.found`. What answers under `/sandbox` is ours, outside the API.
"""

from __future__ import annotations

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from sottovoce.sandbox import (
    analytics,
    control,
    conversations,
    directory,
    events,
    gdpr,
    page,
    page_forms,
    recording_jobs,
    recordings,
    retention,
    writeback,
)
from sottovoce.sandbox.answers import ApiError, error_answer, not_found
from sottovoce.sandbox.gate import Gate
from sottovoce.sandbox.oauth import token
from sottovoce.sandbox.store import Store

_CONVERSATION = "/api/v2/conversations/{conversationId}"
_RECORDING = _CONVERSATION + "/recordings/{recordingId}"
_PARTICIPANT = _CONVERSATION + "/participants/{participantId}"
_JOBS = "/api/v2/recording/jobs"
_DETAILS = "/api/v2/analytics/conversations/details"

API_ROUTES = (
    Route(_DETAILS, analytics.several, methods=["GET"]),
    Route(_DETAILS + "/query", analytics.query, methods=["POST"]),
    Route(_DETAILS + "/jobs", analytics.job_submitted, methods=["POST"]),
    Route(_DETAILS + "/jobs/availability", analytics.availability, methods=["GET"]),
    Route(_DETAILS + "/jobs/{jobId}", analytics.job_status, methods=["GET"]),
    Route(_DETAILS + "/jobs/{jobId}", analytics.job_cancelled, methods=["DELETE"]),
    Route(_DETAILS + "/jobs/{jobId}/results", analytics.job_results, methods=["GET"]),
    Route("/api/v2/analytics/conversations/{conversationId}/details", analytics.single, methods=["GET"]),
    Route("/api/v2/conversations/callbacks", writeback.post_callback, methods=["POST"]),
    Route("/api/v2/conversations/calls/{conversationId}", conversations.as_call, methods=["GET"]),
    Route(_CONVERSATION, conversations.single, methods=["GET"]),
    Route(_CONVERSATION + "/recordings", recordings.listed, methods=["GET"]),
    Route(_RECORDING, recordings.single, methods=["GET"]),
    Route(_RECORDING, retention.put_recording, methods=["PUT"]),
    Route(_CONVERSATION + "/recordingmetadata", recordings.metadata_listed, methods=["GET"]),
    Route(_CONVERSATION + "/recordingmetadata/{recordingId}", recordings.metadata_single, methods=["GET"]),
    Route(_RECORDING + "/annotations", writeback.list_annotations, methods=["GET"]),
    Route(_RECORDING + "/annotations", writeback.post_annotation, methods=["POST"]),
    Route(_RECORDING + "/annotations/{annotationId}", writeback.get_annotation, methods=["GET"]),
    Route(_RECORDING + "/annotations/{annotationId}", writeback.put_annotation, methods=["PUT"]),
    Route(_RECORDING + "/annotations/{annotationId}", writeback.delete_annotation, methods=["DELETE"]),
    Route(_PARTICIPANT + "/flaggedreason", writeback.flag, methods=["PUT", "DELETE"]),
    Route(_PARTICIPANT + "/attributes", writeback.patch_attributes, methods=["PATCH"]),
    Route(_CONVERSATION + "/tags", writeback.put_tag, methods=["PUT"]),
    Route("/api/v2/recording/batchrequests", recordings.batch_submitted, methods=["POST"]),
    Route("/api/v2/recording/batchrequests/{jobId}", recordings.batch_status, methods=["GET"]),
    Route(_JOBS, recording_jobs.submitted, methods=["POST"]),
    Route(_JOBS, recording_jobs.listed, methods=["GET"]),
    Route(_JOBS + "/{jobId}", recording_jobs.looked_at, methods=["GET"]),
    Route(_JOBS + "/{jobId}", recording_jobs.executed, methods=["PUT"]),
    Route(_JOBS + "/{jobId}", recording_jobs.cancelled, methods=["DELETE"]),
    Route(_JOBS + "/{jobId}/failedrecordings", recording_jobs.failures, methods=["GET"]),
    Route("/api/v2/recordings/retention/query", retention.kept_too_long, methods=["GET"]),
    Route("/api/v2/gdpr/subjects", gdpr.subjects, methods=["GET"]),
    Route("/api/v2/gdpr/requests", gdpr.submitted, methods=["POST"]),
    Route("/api/v2/gdpr/requests", gdpr.listed, methods=["GET"]),
    Route("/api/v2/gdpr/requests/{requestId}", gdpr.looked_at, methods=["GET"]),
    Route("/api/v2/recordings/deletionprotection", writeback.protect, methods=["PUT"]),
    Route("/api/v2/recordings/deletionprotection", writeback.protected, methods=["POST"]),
    Route("/api/v2/recording/settings", directory.recording_settings, methods=["GET"]),
    Route("/api/v2/routing/queues", directory.queues, methods=["GET"]),
    Route("/api/v2/routing/queues/{queueId}", directory.queue, methods=["GET"]),
    Route("/api/v2/users", directory.users, methods=["GET"]),
    Route("/api/v2/users/{userId}", directory.user, methods=["GET"]),
    Route("/api/v2/authorization/subjects/me", directory.subject_me, methods=["GET"]),
    Route("/api/v2/taskmanagement/workitems", writeback.post_workitem, methods=["POST"]),
    Route("/api/v2/taskmanagement/workitems/query", writeback.query_workitems, methods=["POST"]),
    Route("/api/v2/taskmanagement/workitems/{workitemId}", writeback.get_workitem, methods=["GET"]),
)


OUR_ROUTES = (
    Route("/sandbox", page.page, methods=["GET"]),
    Route("/sandbox", page_forms.changed, methods=["POST"]),
    Route("/sandbox/faults", control.show_faults, methods=["GET"]),
    Route("/sandbox/faults", control.set_faults, methods=["POST"]),
    Route("/sandbox/clients", control.make_client, methods=["POST"]),
    Route("/sandbox/states", control.set_state, methods=["POST"]),
    Route("/sandbox/calls", control.calls, methods=["GET"]),
    Route("/sandbox/written", control.written, methods=["GET"]),
    Route("/sandbox/events", events.feed, methods=["POST"]),
)


def api_app(store: Store) -> Gate:
    """ASGI for the API port."""
    routes = [
        Route("/oauth/token", token, methods=["POST"]),
        *OUR_ROUTES,
        *API_ROUTES,
    ]
    app = Starlette(routes=routes, exception_handlers={ApiError: error_answer, HTTPException: _http_error})
    app.state.store = store
    return Gate(app, store=store)


def _http_error(request: Request, error: Exception) -> Response:
    """Unknown paths and methods, in the platform's own words."""
    status = error.status_code if isinstance(error, HTTPException) else 500
    answer = not_found() if status == 404 else ApiError(status, "method.not.allowed", "The method is not allowed.")
    return error_answer(request, answer)
