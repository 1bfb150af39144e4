"""The Genesys Cloud endpoints this project calls, as the platform's own path templates.

Several guides describe endpoints that do not exist; a test holds every template here against the
list of paths in the official SDK. Ids are checked before they become part of a path.
"""

from __future__ import annotations

import re

from sottovoce.errors import SourceError

TOKEN = "/oauth/token"  # noqa: S105 - a path, on the login host
DETAILS_QUERY = "/api/v2/analytics/conversations/details/query"
DETAILS_JOBS = "/api/v2/analytics/conversations/details/jobs"
DETAILS_AVAILABILITY = DETAILS_JOBS + "/availability"
DETAILS_JOB = DETAILS_JOBS + "/{jobId}"
DETAILS_RESULTS = DETAILS_JOB + "/results"
CONVERSATION = "/api/v2/conversations/{conversationId}"
RECORDING_METADATA = "/api/v2/conversations/{conversationId}/recordingmetadata"
RECORDING = "/api/v2/conversations/{conversationId}/recordings/{recordingId}"
BATCHES = "/api/v2/recording/batchrequests"
BATCH = BATCHES + "/{jobId}"
RECORDING_JOBS = "/api/v2/recording/jobs"
RECORDING_JOB = RECORDING_JOBS + "/{jobId}"
RETENTION_QUERY = "/api/v2/recordings/retention/query"
GDPR_SUBJECTS = "/api/v2/gdpr/subjects"
GDPR_REQUESTS = "/api/v2/gdpr/requests"
GDPR_REQUEST = GDPR_REQUESTS + "/{requestId}"
DELETION_PROTECTION = "/api/v2/recordings/deletionprotection"
ANNOTATIONS = RECORDING + "/annotations"
TAGS = "/api/v2/conversations/{conversationId}/tags"
ATTRIBUTES = "/api/v2/conversations/{conversationId}/participants/{participantId}/attributes"
CALLBACKS = "/api/v2/conversations/callbacks"
WORK_ITEMS = "/api/v2/taskmanagement/workitems"
WORK_ITEM_QUERY = "/api/v2/taskmanagement/workitems/query"
QUEUES = "/api/v2/routing/queues"
SUBJECT_ME = "/api/v2/authorization/subjects/me"

API_TEMPLATES = (
    DETAILS_QUERY,
    DETAILS_JOBS,
    DETAILS_AVAILABILITY,
    DETAILS_JOB,
    DETAILS_RESULTS,
    CONVERSATION,
    RECORDING_METADATA,
    RECORDING,
    BATCHES,
    BATCH,
    RECORDING_JOBS,
    RECORDING_JOB,
    RETENTION_QUERY,
    GDPR_SUBJECTS,
    GDPR_REQUESTS,
    GDPR_REQUEST,
    DELETION_PROTECTION,
    ANNOTATIONS,
    TAGS,
    ATTRIBUTES,
    CALLBACKS,
    WORK_ITEMS,
    WORK_ITEM_QUERY,
    QUEUES,
    SUBJECT_ME,
)

_ID = re.compile(r"[A-Za-z0-9_-]{1,128}")


def fill(template: str, **ids: str) -> str:
    """The path with its ids. Raises SourceError for an id that could change the path's meaning."""
    for value in ids.values():
        if not _ID.fullmatch(value):
            raise SourceError("the source gave an id that cannot be one")
    return template.format(**ids)
