"""Amazon Transcribe against a strict double of the service and moto's S3: words, redacted sound, and all that goes wrong."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import boto3
import numpy as np
import pytest
from botocore.config import Config

from sottovoce.domain.confidential import Confidential
from sottovoce.domain.entities import TRANSCRIBE, Entity
from sottovoce.domain.sound import Role, Sound
from sottovoce.domain.spans import Span
from sottovoce.errors import HearingError, HearingUnavailable, LanguageUnsupported, SottovoceError
from sottovoce.speech.amazon import AmazonRedaction, AmazonTranscriber, job_naming, pii_types
from sottovoce.speech.amazon_jobs import Jobs
from sottovoce.speech.lending import Lending
from sottovoce.testing.clock import SteppedClock
from sottovoce.testing.kms_loopback import Loopback
from sottovoce.testing.object_servers import amazon_storage
from sottovoce.testing.talk import RATE, talk
from sottovoce.testing.transcribe import Job, Script, TranscribeDouble

BUCKET, REGION = "hearing", "eu-central-1"
KEY = "arn:aws:kms:eu-central-1:111122223333:key/1"
SETTINGS = {"OutputEncryptionKMSKeyId": KEY, "DataAccessRoleArn": "arn:aws:iam::111122223333:role/hearing"}
CALL = talk((0, 1.0, 3.0), (1, 4.0, 8.0))
SECRET = (1, 5.0, 7.0)
WORDS = [
    (0, 1.0, 2.0, "good"),
    (0, 2.0, 3.0, "morning"),
    (1, 4.0, 5.0, "it's"),
    (1, 5.0, 7.0, "4716"),
    (1, 7.0, 8.0, "yes"),
]


def client(service: str, address: str) -> Any:
    once = Config(retries={"total_max_attempts": 1, "mode": "standard"}, s3={"addressing_style": "path"})
    named = {"aws_access_key_id": "k", "aws_secret_access_key": "s", "region_name": REGION, "config": once}
    return boto3.client(service, endpoint_url=address, **named)


@pytest.fixture(scope="module")
def s3() -> Iterator[Any]:
    with amazon_storage() as address:
        yield client("s3", address)


class Service:
    """The double, a bucket, and what is composed around them."""

    def __init__(self, s3: Any, double: TranscribeDouble, address: str) -> None:
        self.s3, self.double, self.clock = s3, double, SteppedClock()
        lending = Lending(s3=s3, bucket=BUCKET, prefix="lent", kms_key=KEY)
        self.jobs = Jobs(
            client=client("transcribe", address),
            lending=lending,
            clock=self.clock.now,
            sleep=self.clock.sleep,
            deadline=timedelta(minutes=10),
        )
        given: dict[str, Any] = {
            "jobs": self.jobs,
            "settings": SETTINGS,
            "naming": job_naming(lambda k, v: f"{k}{v[:24]}"),
        }
        self.hears = AmazonTranscriber(**given)
        self.redacts = AmazonRedaction(**given)

    @property
    def lying(self) -> list[str]:
        return [each["Key"] for each in self.s3.list_objects_v2(Bucket=BUCKET).get("Contents", ())]

    def asked(self, operation: str) -> list[Any]:
        return [request for name, request in self.double.requests if name == operation]


@pytest.fixture
def service(s3: Any) -> Iterator[Service]:
    where = {"LocationConstraint": REGION}
    s3.create_bucket(Bucket=BUCKET, CreateBucketConfiguration=where)
    double = TranscribeDouble(s3=s3, region=REGION)
    double.script = Script(words=WORDS, redacted=[SECRET])
    with Loopback(double.answer, content_type="application/x-amz-json-1.1") as server:
        yield Service(s3, double, server.url)
    for each in s3.list_objects_v2(Bucket=BUCKET).get("Contents", ()):
        s3.delete_object(Bucket=BUCKET, Key=each["Key"])
    s3.delete_bucket(Bucket=BUCKET)


def test_words_come_with_their_samples_and_what_was_redacted_has_none(service: Service) -> None:
    """A redacted passage is speech without words, so that it goes whatever is chosen; channels are the recording's own."""
    heard = service.hears.transcribe(CALL, language="en-GB")
    assert (heard.engine, heard.language, heard.rate) == ("amazon-transcribe", "en", RATE)
    agent, customer = heard.channels
    assert [word.text.reveal() for word in agent.words] == ["good", "morning"]
    assert [word.text.reveal() for word in customer.words] == ["it's", "yes"]
    assert agent.words[0].span.overlaps(Span(1 * RATE, 2 * RATE))
    assert Span(5 * RATE, 7 * RATE) in customer.unheard
    assert agent.unheard == ()


def test_speech_that_no_item_accounts_for_is_unheard(service: Service) -> None:
    """The service said nothing of the customer: everything the customer said is in doubt."""
    service.double.script = Script(words=WORDS[:2])
    _, customer = service.hears.transcribe(CALL, language="en").channels
    assert sum(span.length for span in customer.unheard) > 3 * RATE


def test_a_mono_recording_is_heard_without_channels(service: Service) -> None:
    """Channel identification is for two channels; a single one has all items."""
    mono = Sound(samples=CALL.samples.sum(axis=0, keepdims=True), rate=RATE, roles=(Role.BOTH,))
    (channel,) = service.hears.transcribe(mono, language="en").channels
    assert len(channel.words) == 4
    assert "Settings" not in service.asked("StartTranscriptionJob")[0]


def test_a_job_asks_for_redaction_channels_and_our_key(service: Service) -> None:
    """Never for a transcript in the clear, and never for a guess who speaks; its name says nothing."""
    service.hears.transcribe(CALL, language="en")
    (request,) = service.asked("StartTranscriptionJob")
    assert request["ContentRedaction"] == {
        "RedactionType": "PII",
        "RedactionOutput": "redacted",
        "PiiEntityTypes": ["ALL"],
    }
    assert request["Settings"] == {"ChannelIdentification": True}
    assert request["OutputEncryptionKMSKeyId"] == KEY
    assert request["OutputBucketName"] == BUCKET
    assert request["JobExecutionSettings"]["AllowDeferredExecution"] is True
    assert request["TranscriptionJobName"].startswith("sv-")


def test_the_redacted_sound_is_the_object_that_was_named_as_such(service: Service) -> None:
    """To the sample as long, silent where the service took something, and the same elsewhere."""
    given = service.redacts.redact(CALL, entities=frozenset({Entity.CREDIT_DEBIT_NUMBER}), language="en").sound
    assert given.samples.shape == CALL.samples.shape
    assert not given.samples[1, 5 * RATE : 7 * RATE].any()
    assert np.allclose(given.samples[0], CALL.samples[0], atol=1 / 32768)
    (request,) = service.asked("StartCallAnalyticsJob")
    assert list(request["Media"]) == ["RedactedMediaFileUri"]
    assert request["Settings"]["ContentRedaction"]["PiiEntityTypes"] == ["CREDIT_DEBIT_NUMBER"]
    assert request["ChannelDefinitions"] == [
        {"ChannelId": 0, "ParticipantRole": "AGENT"},
        {"ChannelId": 1, "ParticipantRole": "CUSTOMER"},
    ]


@pytest.mark.parametrize(
    "script",
    [
        Script(redacted=[SECRET], transcript_only=True),
        Script(redacted=[SECRET], echoes=True),
        Script(redacted=[SECRET], elsewhere="s3://somebodys/redacted.wav"),
        Script(redacted=[SECRET], elsewhere=f"s3://{BUCKET}/another-job/redacted.wav"),
        Script(redacted=[SECRET], elsewhere=f"s3://{BUCKET}/lent/../another/redacted.wav"),
        Script(redacted=[SECRET], elsewhere="https://aws-transcribe.s3.amazonaws.com/x.wav?X-Amz-Signature=1"),
        Script(redacted=[SECRET], language="fr-FR"),
        Script(redacted=[SECRET], failure="Invalid sample rate for audio file"),
        Script(redacted=[SECRET], states=["IN_PROGRESS", "SUSPENDED"]),
        Script(redacted=[SECRET], error="BadRequestException"),
    ],
    ids=[
        "transcript",
        "echo",
        "foreign",
        "other-job",
        "dots",
        "service-bucket",
        "language",
        "failed",
        "state",
        "region",
    ],
)
def test_a_job_that_redacted_no_sound_yields_none(service: Service, script: Script) -> None:
    """The transcript-only trap and its kin: an error, never sound; and nothing that was lent stays."""
    service.double.script = script
    with pytest.raises(HearingError) as refused:
        service.redacts.redact(CALL, entities=frozenset(), language="en")
    assert service.lying == []
    assert service.double.jobs == {}
    assert "s3://" not in f"{refused.value} {refused.value.hint}"


def test_a_standard_job_gives_no_sound_at_all() -> None:
    """By type: what makes words has no way to sound, and only the other makes what a vendor redacted."""
    assert not hasattr(AmazonTranscriber, "redact")
    assert AmazonRedaction.redact.__annotations__["return"] == "VendorRedacted"


@pytest.mark.parametrize("script", [Script(words=WORDS, unredacted=True)])
def test_a_transcript_in_the_clear_is_refused(service: Service, script: Script) -> None:
    """In a language it does not redact the service says nothing and answers with everything."""
    service.double.script = script
    with pytest.raises(HearingError):
        service.hears.transcribe(CALL, language="en")
    assert service.lying == []


@pytest.mark.parametrize("language", [None, "sv", "ja-JP", ""])
def test_a_language_that_is_not_redacted_is_never_sent(service: Service, language: str | None) -> None:
    """Not even lent: neither an unknown language, because identification rules redaction out."""
    with pytest.raises(LanguageUnsupported):
        service.hears.transcribe(CALL, language=language)
    with pytest.raises(LanguageUnsupported):
        service.redacts.redact(CALL, entities=frozenset(), language=language)
    assert service.double.requests == []


@pytest.mark.parametrize("roles", [(Role.BOTH, Role.BOTH), (Role.CUSTOMER, Role.CUSTOMER)])
def test_only_a_call_of_agent_and_customer_is_redacted(service: Service, roles: tuple[Role, ...]) -> None:
    """Call Analytics wants one speaker a channel; mono or unknown channels are refused before anything is lent."""
    for sound in (
        Sound(samples=CALL.samples.copy(), rate=RATE, roles=roles),
        Sound(samples=CALL.samples[:1].copy(), rate=RATE, roles=(Role.BOTH,)),
    ):
        with pytest.raises(HearingError):
            service.redacts.redact(sound, entities=frozenset(), language="en")
    assert service.double.requests == []


def test_nothing_stays_of_a_job_that_ended(service: Service) -> None:
    """Neither the sound, nor the answers, nor the job's name."""
    service.redacts.redact(CALL, entities=frozenset(), language="en")
    assert service.lying == []
    assert service.double.jobs == {}


def test_what_is_lent_is_encrypted_under_our_key(service: Service) -> None:
    """Seen while the job runs."""
    lending = Lending(s3=service.s3, bucket=BUCKET, prefix="lent", kms_key=KEY)
    lending.lend("a", Confidential(b"sound"))
    head = service.s3.head_object(Bucket=BUCKET, Key="lent/a/lent")
    assert (head["ServerSideEncryption"], head["SSEKMSKeyId"]) == ("aws:kms", KEY)
    lending.clear("a")
    assert service.lying == []


def test_a_busy_service_is_asked_again_with_growing_patience(service: Service) -> None:
    """Too many requests pass; each wait is longer than the one before."""
    service.double.script = Script(words=WORDS, busy=3)
    service.hears.transcribe(CALL, language="en")
    waits = service.clock.slept[:3]
    assert waits == sorted(waits)
    assert len(set(waits)) == 3


@pytest.mark.parametrize("script", [Script(states=["IN_PROGRESS"]), Script(states=["QUEUED"]), Script(busy=10_000)])
def test_a_job_that_does_not_end_is_given_up_in_time(service: Service, script: Script) -> None:
    """After the deadline: an error that may be tried again, and nothing left behind."""
    service.double.script = script
    with pytest.raises(HearingUnavailable):
        service.hears.transcribe(CALL, language="en")
    assert sum(service.clock.slept) <= 600
    assert service.lying == []


@pytest.mark.parametrize(("left", "begun"), [("IN_PROGRESS", 1), ("FAILED", 2)])
def test_a_second_start_finds_the_first(service: Service, left: str, begun: int) -> None:
    """After a crash the job of the same name is waited for; one that had failed is begun anew."""
    service.hears.transcribe(CALL, language="en")
    (request,) = service.asked("StartTranscriptionJob")
    name = request["TranscriptionJobName"]
    service.double.jobs[name] = Job(request=request, state=left if left == "FAILED" else None)
    assert service.hears.transcribe(CALL, language="en").channels[0].words
    starts = service.asked("StartTranscriptionJob")
    assert len(starts) == 1 + begun
    assert {each["TranscriptionJobName"] for each in starts} == {name}


def test_what_a_crash_left_is_swept_and_what_still_runs_is_not(service: Service) -> None:
    """By age: twice the deadline. S3's own clock says when it was written."""
    service.s3.put_object(Bucket=BUCKET, Key="lent/sv-old/lent", Body=b"x")
    service.clock._start = service.s3.head_object(Bucket=BUCKET, Key="lent/sv-old/lent")["LastModified"]
    assert service.jobs.sweep() == 0
    assert service.lying == ["lent/sv-old/lent"]
    service.clock.advance(21 * 60)
    assert service.jobs.sweep() == 1
    assert service.lying == []
    assert service.asked("DeleteCallAnalyticsJob") == [{"CallAnalyticsJobName": "sv-old"}]


def test_a_service_that_is_away_may_be_asked_again(service: Service) -> None:
    """A connection that leads nowhere is no verdict on the recording."""
    away = client("transcribe", "http://127.0.0.1:9")
    lending = Lending(s3=service.s3, bucket=BUCKET, prefix="lent", kms_key=KEY)
    clock = SteppedClock()
    jobs = Jobs(client=away, lending=lending, clock=clock.now, sleep=clock.sleep, deadline=timedelta(minutes=1))
    hears = AmazonTranscriber(jobs=jobs, settings=SETTINGS, naming=lambda _: "sv-a")
    with pytest.raises(HearingUnavailable):
        hears.transcribe(CALL, language="en")
    assert service.lying == []


def test_a_bucket_that_is_not_there_is_said(service: Service) -> None:
    """With what to do, and without its name."""
    lending = Lending(s3=service.s3, bucket="nobodys-bucket", prefix="lent", kms_key=KEY)
    with pytest.raises(SottovoceError) as refused:
        lending.clear("a")
    assert "NoSuchBucket" in str(refused.value)
    assert "nobodys" not in f"{refused.value}{refused.value.hint}"


def test_entity_types_are_those_a_queue_wants_gone() -> None:
    """By the crosswalk; everything it knows, or nothing it knows, is ALL; every name is one the service has."""
    assert pii_types({Entity.SSN, Entity.SPELLED_OUT}) == ["SSN"]
    assert pii_types(set(Entity)) == ["ALL"]
    assert pii_types({Entity.SPELLED_OUT}) == ["ALL"]
    model = boto3.client("transcribe", region_name=REGION).meta.service_model
    assert set(TRANSCRIBE.values()) <= set(model.shape_for("PiiEntityType").enum)


def test_the_model_has_no_redacted_sound_for_a_standard_job() -> None:
    """Settled by the service's own description: Transcript has two addresses, and both are of text."""
    model = boto3.client("transcribe", region_name=REGION).meta.service_model
    assert set(model.shape_for("Transcript").members) == {"TranscriptFileUri", "RedactedTranscriptFileUri"}
    said = model.shape_for("Media").members["RedactedMediaFileUri"].documentation
    assert "only supported for Call Analytics" in said


def test_motos_service_takes_the_request_and_its_answer_is_refused(s3: Any) -> None:
    """Another's reading of the API: the job runs and ends; its transcript is not redacted, so nothing of it is used."""
    s3.create_bucket(Bucket="moto-hearing", CreateBucketConfiguration={"LocationConstraint": REGION})
    address = s3.meta.endpoint_url
    clock, lending = SteppedClock(), Lending(s3=s3, bucket="moto-hearing", prefix="lent", kms_key=KEY)
    transcribe = client("transcribe", address)
    jobs = Jobs(client=transcribe, lending=lending, clock=clock.now, sleep=clock.sleep, deadline=timedelta(minutes=9))
    hears = AmazonTranscriber(jobs=jobs, settings=SETTINGS, naming=lambda _: "sv-a")
    with pytest.raises(HearingError, match="redacted nothing"):
        hears.transcribe(CALL, language="en")
    assert clock.slept
    assert transcribe.list_transcription_jobs()["TranscriptionJobSummaries"] == []
    assert "Contents" not in s3.list_objects_v2(Bucket="moto-hearing")
