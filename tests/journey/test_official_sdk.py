"""The official SDK and our own source against the sandbox, over real HTTP with the packaged calls."""

from __future__ import annotations

import io
import time
import warnings
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest
import soundfile

from sottovoce.domain.confidential import Confidential
from sottovoce.domain.sound import Role
from sottovoce.sandbox.faults import Faults
from sottovoce.sandbox.serve import Sandbox
from sottovoce.sources.genesys.client import GenesysClient
from sottovoce.sources.genesys.hosts import Hosts
from sottovoce.sources.genesys.source import GenesysSource
from sottovoce.sources.header import channels_of
from sottovoce.sources.protocol import HmacTokenizer, Timing

pytestmark = pytest.mark.slow

INTERVAL = "2025-02-10T00:00:00Z/2025-02-17T00:00:00Z"


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with Sandbox() as running:
        yield running


@pytest.fixture(scope="module")
def sdk(sandbox: Sandbox, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """(module, api client): a home of its own, so that no configuration file redirects it."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HOME", str(tmp_path_factory.mktemp("home")))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            import PureCloudPlatformClientV2 as Platform

            patch.setattr(Platform.configuration, "host", sandbox.api_url)
            client = Platform.api_client.ApiClient()
            client.get_client_credentials_token(sandbox.client_id, sandbox.client_secret)
        yield Platform, client


@pytest.fixture
def quiet() -> Iterator[None]:
    """The SDK's own warnings are not ours to mend."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


@pytest.mark.usefixtures("quiet")
def test_the_sdk_lists_conversations_and_reads_recordings(sdk: Any) -> None:
    """The official SDK queries conversations, lists their recordings and leads to playable media."""
    platform, client = sdk
    query = platform.ConversationQuery()
    query.interval = INTERVAL
    query.paging = platform.PagingSpec()
    query.paging.page_size, query.paging.page_number = 100, 1
    found = platform.ConversationsApi(client).post_analytics_conversations_details_query(query)
    assert found.total_hits == len(found.conversations) >= 1
    conversation = found.conversations[0]
    assert {p.purpose for p in conversation.participants} >= {"customer", "agent"}
    (recording,) = platform.RecordingApi(client).get_conversation_recordings(
        conversation.conversation_id, format_id="WAV", media_formats=["WAV", "MP3"]
    )
    assert (recording.media, recording.file_state, recording.media_subtype) == ("audio", "AVAILABLE", "Trunk")
    for result in recording.media_uris.values():
        assert soundfile.info(io.BytesIO(httpx.get(result.media_uri).content)).frames > 8000


@pytest.mark.usefixtures("quiet")
def test_the_sdk_reads_consent_and_metadata(sdk: Any, sandbox: Sandbox) -> None:
    """Attributes come with the conversation, recordings without media from their metadata, queues by page."""
    platform, client = sdk
    call = next(iter(sandbox.catalog.calls.values()))
    conversation = platform.ConversationsApi(client).get_conversation(call.id)
    assert any("aiTrainingConsent" in (p.attributes or {}) for p in conversation.participants)
    (metadata,) = platform.RecordingApi(client).get_conversation_recordingmetadata(call.id)
    assert metadata.id == call.recording_id
    assert platform.RoutingApi(client).get_routing_queues().total == len(sandbox.catalog.queues)
    me = platform.AuthorizationApi(client).get_authorization_subjects_me()
    assert me.grants[0].role.policies


@pytest.mark.usefixtures("quiet")
def test_the_sdk_waits_out_a_limit_and_sees_202(sdk: Any, sandbox: Sandbox) -> None:
    """A 429 with Retry-After is retried by the SDK itself; a transcoding list looks empty to it."""
    platform, client = sdk
    call = next(iter(sandbox.catalog.calls.values()))
    recordings = platform.RecordingApi(client)
    sandbox.faults.set({"too_many": 1, "retry_after_s": 1, "transcoding_polls": 1})
    started = time.monotonic()
    assert recordings.get_conversation_recordings(call.id, format_id="OGG_OPUS") == []
    assert client.last_response.status == 202
    assert time.monotonic() - started >= 1
    assert len(recordings.get_conversation_recordings(call.id, format_id="OGG_OPUS")) == 1
    sandbox.faults.set({"transcoding_polls": 0})


@pytest.mark.usefixtures("quiet")
def test_the_sdk_writes_back(sdk: Any, sandbox: Sandbox) -> None:
    """Tags, attributes, annotations, work items, batches and jobs work through the SDK."""
    platform, client = sdk
    call = next(iter(sandbox.catalog.calls.values()))
    conversations = platform.ConversationsApi(client)
    tags = platform.ConversationTagsUpdate()
    tags.external_tag = "SV-1"
    conversations.put_conversation_tags(call.id, tags)
    assert conversations.get_conversation(call.id).external_tag == "SV-1"
    participant = conversations.get_conversation(call.id).participants[0]
    update = platform.ParticipantAttributes()
    update.attributes = {"sv": "PCI_MID_CAPTURE"}
    conversations.patch_conversation_participant_attributes(call.id, participant.id, update)
    assert conversations.get_conversation(call.id).participants[0].attributes["sv"] == "PCI_MID_CAPTURE"
    note = platform.Annotation()
    note.name, note.type, note.location = "SV-1", "bookmark", 1200
    api = platform.RecordingApi(client)
    made = api.post_conversation_recording_annotations(call.id, call.recording_id, note)
    assert [a.id for a in api.get_conversation_recording_annotations(call.id, call.recording_id)] == [made.id]
    item = platform.WorkitemCreate()
    item.name, item.type_id = "Review", "type-1"
    assert platform.TaskManagementApi(client).post_taskmanagement_workitems(item).id


@pytest.mark.usefixtures("quiet")
def test_the_sdk_meets_documented_errors(sdk: Any) -> None:
    """An unknown conversation is a 404 with the documented code."""
    platform, client = sdk
    with pytest.raises(platform.rest.ApiException) as refused:
        platform.RecordingApi(client).get_conversation_recordings("nothing")
    assert refused.value.status == 404
    assert "conversation.not.found" in refused.value.body


@pytest.mark.usefixtures("quiet")
def test_the_sdk_walks_an_analytics_job(sdk: Any, sandbox: Sandbox) -> None:
    """Submitted, looked at until fulfilled, read by cursor with attributes, cancelled; availability is a moment."""
    platform, client = sdk
    api = platform.ConversationsApi(client)
    query = platform.AsyncConversationQuery()
    query.interval = "2024-10-01T00:00:00Z/2026-11-01T00:00:00Z"
    job = api.post_analytics_conversations_details_jobs(query).job_id
    states = [api.get_analytics_conversations_details_job(job).state for _ in range(3)]
    assert states == ["QUEUED", "PENDING", "FULFILLED"]
    found, cursor = [], None
    while page := api.get_analytics_conversations_details_job_results(
        job, page_size=10, **({"cursor": cursor} if cursor else {})
    ):
        found += page.conversations
        cursor = page.cursor
        if cursor is None:
            break
    assert {each.conversation_id for each in found} == set(sandbox.catalog.calls)
    assert any(p.attributes for each in found for p in each.participants)
    assert api.get_analytics_conversations_details_jobs_availability().data_availability_date
    api.delete_analytics_conversations_details_job(job)
    assert api.get_analytics_conversations_details_job(job).state == "CANCELLED"


@pytest.mark.usefixtures("quiet")
def test_the_sdk_reads_single_conversations_and_names(sdk: Any, sandbox: Sandbox) -> None:
    """Details by id, the call's own view, queues and users by id and by page, the recording settings."""
    platform, client = sdk
    first, second = list(sandbox.catalog.calls.values())[:2]
    api = platform.ConversationsApi(client)
    found = api.get_analytics_conversations_details(id=[first.id, second.id])
    assert [each.conversation_id for each in found.conversations] == [first.id, second.id]
    assert api.get_analytics_conversation_details(first.id).conversation_id == first.id
    assert api.get_conversations_call(first.id).recording_state == "none"
    queue = platform.RoutingApi(client).get_routing_queue(first.queue)
    assert queue.name == sandbox.catalog.queues[first.queue].name
    users = platform.UsersApi(client)
    assert users.get_users(page_size=1).total == len(sandbox.catalog.agents)
    assert users.get_user(first.agent).name == sandbox.catalog.agents[first.agent].name
    assert platform.RecordingApi(client).get_recording_settings().recording_playback_url_ttl == 60


@pytest.mark.usefixtures("quiet")
def test_the_sdk_reads_one_recording_and_its_metadata(sdk: Any, sandbox: Sandbox) -> None:
    """The single recording and metadata with their region; 202 comes with a body while it is transcoded."""
    platform, client = sdk
    call = list(sandbox.catalog.calls.values())[2]
    api = platform.RecordingApi(client)
    sandbox.faults.set({"calls": {call.id: {"transcoding_polls": 1}}})
    waiting = api.get_conversation_recording(call.id, call.recording_id, format_id="MP3", download=True)
    assert (client.last_response.status, waiting.media_uris, waiting.estimated_transcode_time_ms > 0) == (
        202,
        None,
        True,
    )
    ready = api.get_conversation_recording(call.id, call.recording_id, format_id="MP3", download=True)
    assert list(ready.media_uris) == ["S"]
    metadata = api.get_conversation_recordingmetadata_recording_id(call.id, call.recording_id)
    assert (metadata.id, metadata.region) == (call.recording_id, "eu-west-1")


@pytest.mark.usefixtures("quiet")
def test_the_sdk_downloads_a_batch(sdk: Any, sandbox: Sandbox) -> None:
    """Submitted, looked at until it is completed, its addresses fetched without the SDK: it cannot read bytes."""
    platform, client = sdk
    calls = list(sandbox.catalog.calls.values())[4:8]
    order = platform.BatchDownloadJobSubmission()
    order.batch_download_request_list = []
    for call in calls:
        item = platform.BatchDownloadRequest()
        item.conversation_id = call.id
        order.batch_download_request_list.append(item)
    api = platform.RecordingApi(client)
    job = api.post_recording_batchrequests(order).id
    first, last = (api.get_recording_batchrequest(job) for _ in range(2))
    assert (first.status, last.status, last.result_count) == ("InProgress", "Completed", len(calls))
    assert first.expected_result_count < last.expected_result_count == len(calls)
    for result in last.results:
        sound = soundfile.info(io.BytesIO(httpx.get(result.result_url).content))
        assert (result.content_type, sound.format, sound.subtype) == ("audio/ogg", "OGG", "OPUS")


@pytest.mark.usefixtures("quiet")
def test_the_sdk_executes_a_recording_job(sdk: Any, sandbox: Sandbox) -> None:
    """An export walks to FULFILLED, is listed, and says what it failed on."""
    platform, client = sdk
    api = platform.RecordingApi(client)
    query = platform.RecordingJobsQuery()
    query.action, query.integration_id = "EXPORT", "s3"
    query.conversation_query = platform.AsyncConversationQuery()
    query.conversation_query.interval = INTERVAL
    job = api.post_recording_jobs(query)
    assert (job.state, api.get_recording_job(job.id).state) == ("PENDING", "READY")
    execute = platform.ExecuteRecordingJobsQuery()
    execute.state = "PROCESSING"
    assert api.put_recording_job(job.id, execute).state == "PROCESSING"
    assert api.get_recording_job(job.id).state == "FULFILLED"
    assert job.id in {each.id for each in api.get_recording_jobs(job_type="EXPORT").entities}
    assert api.get_recording_job_failedrecordings(job.id).entities == []


@pytest.mark.usefixtures("quiet")
def test_the_sdk_changes_and_removes_what_it_wrote(sdk: Any, sandbox: Sandbox) -> None:
    """Annotations are replaced and deleted, participants flagged, work items found by their tag, callbacks made."""
    platform, client = sdk
    call = list(sandbox.catalog.calls.values())[3]
    api, conversations = platform.RecordingApi(client), platform.ConversationsApi(client)
    note = platform.Annotation()
    note.name, note.type, note.location = "SV-1", "bookmark", 10
    made = api.post_conversation_recording_annotations(call.id, call.recording_id, note)
    note.name = "SV-2"
    path = (call.id, call.recording_id, made.id)
    assert api.put_conversation_recording_annotation(*path, note).name == "SV-2"
    assert api.get_conversation_recording_annotation(*path).name == "SV-2"
    api.delete_conversation_recording_annotation(*path)
    assert api.get_conversation_recording_annotations(call.id, call.recording_id) == []
    participant = conversations.get_conversation(call.id).participants[0].id
    conversations.put_conversation_participant_flaggedreason(call.id, participant)
    assert client.last_response.status == 202
    conversations.delete_conversation_participant_flaggedreason(call.id, participant)
    tasks = platform.TaskManagementApi(client)
    item = platform.WorkitemCreate()
    item.name, item.type_id, item.external_tag = "Review", "type-1", "SV-tag"
    made = tasks.post_taskmanagement_workitems(item)
    assert tasks.get_taskmanagement_workitem(made.id).external_tag == "SV-tag"
    wanted = platform.WorkitemQueryPostRequest()
    wanted.filters = [{"name": "externalTag", "type": "String", "operator": "EQ", "values": ["SV-tag"]}]
    assert [each.id for each in tasks.post_taskmanagement_workitems_query(wanted).entities] == [made.id]
    callback = platform.CreateCallbackCommand()
    callback.queue_id, callback.callback_numbers = call.queue, ["+12025550100"]
    assert conversations.post_conversations_callbacks(callback).conversation.id


@pytest.mark.usefixtures("quiet")
def test_the_sdk_finds_what_is_kept_too_long_and_whom_it_is_about(sdk: Any, sandbox: Sandbox) -> None:
    """The retention query with its dates, what is protected, GDPR subjects and requests by page."""
    platform, client = sdk
    call = list(sandbox.catalog.calls.values())[5]
    api = platform.RecordingApi(client)
    kept = api.get_recordings_retention_query(30, page_size=500)
    found = {each.recording_id: each for each in kept.entities}
    assert found[call.recording_id].delete_date > found[call.recording_id].creation_time
    protect = platform.ConversationDeletionProtectionQuery()
    protect.conversation_ids = [call.id]
    api.put_recordings_deletionprotection(protect=True, body=protect)
    assert [each.id for each in api.post_recordings_deletionprotection(body=protect)] == [call.id]
    api.put_recordings_deletionprotection(protect=False, body=protect)
    gdpr = platform.GeneralDataProtectionRegulationApi(client)
    number = call.ani.removeprefix("tel:")
    (subject,) = gdpr.get_gdpr_subjects("PHONE", number).entities
    assert subject.phone_numbers == [number]
    request = platform.GDPRRequest()
    request.request_type, request.subject = "GDPR_DELETE", subject
    made = gdpr.post_gdpr_requests(request, delete_confirmed=True)
    assert made.id in {each.id for each in gdpr.get_gdpr_requests(page_size=100).entities}


@pytest.mark.usefixtures("quiet")
def test_the_sdk_meets_the_documented_403(sdk: Any, sandbox: Sandbox) -> None:
    """A client whose roles lack a permission is told which one, by the code the documents give."""
    platform, _ = sdk
    made = httpx.post(f"{sandbox.api_url}/sandbox/clients", json={"without": ["routing:queue:view"]}).json()
    other = platform.api_client.ApiClient()
    other.get_client_credentials_token(made["client_id"], made["client_secret"])
    with pytest.raises(platform.rest.ApiException) as refused:
        platform.RoutingApi(other).get_routing_queues()
    assert (refused.value.status, "routing:queue:view" in refused.value.body) == (403, True)


def genesys_source(sandbox: Sandbox) -> GenesysSource:
    client = GenesysClient(
        hosts=Hosts.of(api_url=sandbox.api_url, media_hosts=(sandbox.media_host,)),
        client_id=Confidential(sandbox.client_id),
        client_secret=Confidential(sandbox.client_secret),
        timing=Timing.of_system(),
    )
    return GenesysSource(
        name="sandbox",
        client=client,
        tokenizer=HmacTokenizer(key=Confidential(b"k" * 32)),
        attributes=frozenset({"aiTrainingConsent", "accentRegion"}),
        since=datetime(2024, 10, 1, tzinfo=UTC),
    )


def test_our_source_finds_every_packaged_call() -> None:
    """Every packaged call is discovered once, described, and told apart by its caller."""
    with Sandbox() as sandbox:
        source = genesys_source(sandbox)
        found = list(source.discover())
        source.close()
        assert {m.conversation_id for m in found} == set(sandbox.catalog.calls)
    assert len(found) == len({m.ref.key for m in found})
    assert all(m.started_at and m.duration_s and m.queue and m.language and m.customer_token for m in found)


def test_our_source_gets_through_every_fault() -> None:
    """202s, 429, 503, a forgotten token, an expired address, half a body: the whole recording in the end."""
    faults = Faults(
        transcoding_polls=2,
        too_many=1,
        server_errors=1,
        forgotten_tokens=1,
        expired_urls=1,
        truncated=1,
        not_there_yet=0,
    )
    with Sandbox(faults=faults) as sandbox:
        source = genesys_source(sandbox)
        found = next(source.discover())
        media = source.fetch(found.ref, found)
        source.close()
        left = sandbox.faults.left()
    assert media.roles == {"0": (Role.AGENT,), "1": (Role.CUSTOMER,)}
    assert [channels_of(part.reveal()) for part in media.parts.values()] == [1, 1]
    assert not any(
        left[name] for name in ("too_many", "server_errors", "forgotten_tokens", "expired_urls", "truncated")
    )


@pytest.mark.usefixtures("quiet")
def test_the_sdk_ends_recordings(sdk: Any, sandbox: Sandbox) -> None:
    """Retention dates, protection, recording jobs and GDPR requests work through the SDK."""
    platform, client = sdk
    call = list(sandbox.catalog.calls.values())[1]
    api = platform.RecordingApi(client)
    dates = platform.Recording()
    dates.delete_date = datetime(2025, 1, 1, tzinfo=UTC)
    protect = platform.ConversationDeletionProtectionQuery()
    protect.conversation_ids = [call.id]
    api.put_recordings_deletionprotection(protect=True, body=protect)
    assert api.put_conversation_recording(call.id, call.recording_id, dates).file_state == "AVAILABLE"
    api.put_recordings_deletionprotection(protect=False, body=protect)
    assert api.get_conversation_recordingmetadata(call.id)[0].file_state == "DELETED"
    query = platform.RecordingJobsQuery()
    query.action, query.action_age = "DELETE", 1
    query.conversation_query = platform.AsyncConversationQuery()
    query.conversation_query.interval = INTERVAL
    job = api.post_recording_jobs(query)
    assert api.get_recording_job(job.id).state == "READY"
    api.delete_recording_job(job.id)
    request = platform.GDPRRequest()
    request.request_type, request.subject = "GDPR_EXPORT", platform.GDPRSubject()
    request.subject.phone_numbers = [call.ani.removeprefix("tel:")]
    gdpr = platform.GeneralDataProtectionRegulationApi(client)
    assert gdpr.get_gdpr_request(gdpr.post_gdpr_requests(request).id).status == "SEARCHING"
