"""Amazon Transcribe, composed from the policy: clients, the bucket it is lent sound in, a clock and patience."""

from __future__ import annotations

import logging
import time
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from sottovoce.errors import HearingError, SottovoceError
from sottovoce.settings import resolve_secret

if TYPE_CHECKING:
    from sottovoce.policy.amazon import AmazonTranscribe
    from sottovoce.redact.vendor import VendorFirst
    from sottovoce.speech.amazon import AmazonTranscriber
    from sottovoce.speech.amazon_jobs import Jobs
    from sottovoce.wiring.house import House

_log = logging.getLogger(__name__)


def compose_amazon_transcriber(house: House) -> AmazonTranscriber:
    """Words by the service; its redactions are speech that goes."""
    from sottovoce.speech.amazon import AmazonTranscriber, job_naming

    settings = _settings(house)
    naming = job_naming(house.tokenizer.token)
    return AmazonTranscriber(jobs=_jobs(house, settings), settings=_request(settings), naming=naming)


def compose_vendor_first(house: House) -> VendorFirst:
    """The service redacts, and our redactor hears it all again."""
    from sottovoce.redact.vendor import VendorFirst
    from sottovoce.speech.amazon import AmazonRedaction, job_naming

    settings = _settings(house)
    naming = job_naming(house.tokenizer.token)
    service = AmazonRedaction(jobs=_jobs(house, settings), settings=_request(settings), naming=naming)
    return VendorFirst(service=service, redactor=house.redactor)


def sweep_lent(house: House) -> None:
    """Empty what crashes left in the bucket. A service that does not answer now is asked by the next worker."""
    if (settings := house.policy.models.amazon) is None:
        return
    try:
        left = _jobs(house, settings).sweep()
    except SottovoceError as failure:
        _log.warning("what was lent is not swept: %s", failure.code)
    else:
        _log.info("what was lent is swept: %d jobs", left)


def _settings(house: House) -> AmazonTranscribe:
    if (settings := house.policy.models.amazon) is None:
        raise HearingError("amazon-transcribe needs models.amazon", hint="see docs/transcribe.md")
    return settings


def _request(settings: AmazonTranscribe) -> dict[str, Any]:
    role = {"DataAccessRoleArn": settings.role} if settings.role else {}
    return {"OutputEncryptionKMSKeyId": settings.kms_key, **role}


def _jobs(house: House, settings: AmazonTranscribe) -> Jobs:
    from sottovoce.speech.amazon_jobs import Jobs
    from sottovoce.speech.lending import Lending

    lending = Lending(
        s3=_client("s3", house, settings),
        bucket=settings.bucket,
        prefix=settings.prefix,
        kms_key=settings.kms_key,
    )
    return Jobs(
        client=_client("transcribe", house, settings),
        lending=lending,
        clock=house.clock,
        sleep=time.sleep,
        deadline=timedelta(minutes=settings.deadline_minutes),
    )


def _client(service: str, house: House, settings: AmazonTranscribe) -> Any:
    try:
        import boto3
        from botocore.config import Config
    except ImportError:
        raise HearingError("Amazon Transcribe needs boto3", hint="install sottovoce[aws]") from None
    secrets = {}
    if settings.access_key and settings.secret_key:
        keys = {"aws_access_key_id": settings.access_key, "aws_secret_access_key": settings.secret_key}
        secrets = {n: resolve_secret(ref, base=house.workspace.root).reveal() for n, ref in keys.items()}
    once = Config(retries={"total_max_attempts": 3, "mode": "standard"}, s3={"addressing_style": "path"})
    found = {"endpoint_url": settings.endpoint, "region_name": settings.region, "config": once, **secrets}
    return boto3.client(service, **found)
