"""The analytics line on a sandbox: three vendors with faults, a workspace with papers on file, and what to look for.

Vendors are real servers on loopback: object storage behind an assumed role, HTTPS ingestion, SFTP. Everything they were
ever sent can be searched for what the sample calls' scripts say and for the very samples in which it was said.
"""

from __future__ import annotations

import os
import random
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import soundfile

from sottovoce.domain.confidential import Confidential
from sottovoce.policy.template import demo_policy
from sottovoce.sandbox.catalog import Call
from sottovoce.sandbox.serve import Sandbox
from sottovoce.settings import Workspace
from sottovoce.testing.house import PASSPHRASE
from sottovoce.testing.ingestion import API_KEY, Vendor, VendorFault, ingesting
from sottovoce.testing.object_servers import amazon_storage
from sottovoce.testing.planted import SHORTEST, disguises, phrases
from sottovoce.testing.sftp_server import SftpFault, SftpServer, sftp_serving
from sottovoce.wiring.workspace import build_workspace

BUCKET: Final = "vendor-staging"
NAMES: Final = ("bucket", "ingestion", "files")
HTTPS_FAULTS: Final = (
    VendorFault.UNAVAILABLE,
    VendorFault.RESET,
    VendorFault.SWALLOWED,
    VendorFault.SLOW,
    VendorFault.RESET_AFTER,
    VendorFault.ENDED,
    VendorFault.CHANGED,
    VendorFault.FAILED,
    VendorFault.HALF,
)
SFTP_FAULTS: Final = (SftpFault.CUT, SftpFault.SWALLOWED, SftpFault.FULL, SftpFault.CHANGED, SftpFault.UNRENAMED)
PAPERS: Final = ("dpa", "pci_agreement", "pci_aoc", "baa")
_NEEDLE: Final = 400
"""Samples of speech, 50 ms at 8 kHz: no two places are the same."""

_POLICY: Final = """
analytics:
  lawful_basis:
    basis: legitimate_interest
    assessment: LIA-7
    assessed_on: 2026-01-15
    addresses_voice_reidentification: true
  exclusions:
    queue_categories: [crisis]
    min_seconds: 20
  anonymization: {{method: none, waiver_who: privacy-board, waiver_why: tone of voice is analysed}}
  destinations: [bucket, ingestion, files]
  poll_seconds: 5
  lookback_hours: 1440
delivery:
  destinations:
    bucket:
      kind: bucket
      profile: verint
      url: s3://vendor-staging/in
      endpoint: '{storage}'
      sts_endpoint: '{storage}'
      region: us-east-1
      access_key: env:VENDOR_ACCESS
      secret_key: env:VENDOR_SECRET
      external_id: env:VENDOR_EXTERNAL
      role: arn:aws:iam::123456789012:role/staging
    ingestion:
      kind: https
      profile: callminer
      url: '{ingestion}/calls'
      private_network: true
      ca: file:vendor-ca.pem
      transcript: true
      confirm: {{kind: status, url: '{ingestion}/calls/{{id}}'}}
      login: {{kind: oauth, token_url: '{ingestion}/token', client_id: env:VENDOR_ID, client_secret: env:VENDOR_TOKEN}}
    files:
      kind: sftp
      profile: nice-nexidia
      host: 127.0.0.1
      port: {sftp_port}
      user: {sftp_user}
      private_key: env:VENDOR_KEY
      host_key: '{sftp_key}'
agreements:
  destinations:
    bucket: {{zones: [eu]}}
    ingestion: {{zones: [eu]}}
    files: {{zones: [eu]}}
residency:
  sources: {{sandbox: eu}}
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class AnalyticsLine:
    """What is running, and where its workspace lies."""

    sandbox: Sandbox
    workspace: Workspace
    ingestion: Vendor
    files: SftpServer
    storage: str

    def received(self) -> Mapping[str, Mapping[str, bytes]]:
        """What each vendor keeps, by name."""
        return {"bucket": self.objects(), "ingestion": self.ingestion.files, "files": self.files.files()}

    def sounds(self) -> Mapping[str, Mapping[str, bytes]]:
        """The sound files among it."""
        kept = (".wav", ".flac", ".ogg")
        return {
            vendor: {name: data for name, data in held.items() if name.endswith(kept)}
            for vendor, held in self.received().items()
        }

    def objects(self) -> dict[str, bytes]:
        s3 = _s3(self.storage)
        listed = s3.get_paginator("list_objects_v2").paginate(Bucket=BUCKET)
        names = [each["Key"] for page in listed for each in page.get("Contents", ())]
        return {name: s3.get_object(Bucket=BUCKET, Key=name)["Body"].read() for name in names}

    def everything(self) -> Iterator[bytes]:
        """All that ever reached any of them, also what they did not keep."""
        yield from self.ingestion.everything()
        yield from self.files.everything()
        for name, data in self.objects().items():
            yield name.encode()
            yield data

    def spilled(self) -> list[str]:
        """What should never have left and did: kinds only. Phrases of scripts, ids, numbers, sensitive samples."""
        whole = b"\0".join(self.everything())
        said = {needle for phrase in phrases() for needle in disguises(phrase) if len(needle) >= SHORTEST}
        calls = list(self.sandbox.catalog.calls.values())
        ids = {text.encode() for call in calls for text in (call.id, call.recording_id, call.ani.removeprefix("tel:+"))}
        samples = [needle for call in calls for needle in _sensitive_samples(self.sandbox, call)]
        found = {"phrase": any(n in whole for n in said), "id": any(n in whole for n in ids)}
        return [kind for kind, hit in found.items() if hit] + ["samples" for needle in samples if needle in whole]


@contextmanager
def analytics_line(
    root: Path, *, copies: int = 1, faults: bool = True, papers: bool = True, seed: int = 3, more: str = ""
) -> Iterator[AnalyticsLine]:
    """Everything started; secrets are in the environment until it ends."""
    with ExitStack() as running:
        (root / "tls").mkdir(parents=True)
        (root / "files").mkdir()
        sandbox = running.enter_context(Sandbox(copies=copies, rate_limit=100_000))
        ingestion = running.enter_context(ingesting(root / "tls"))
        files = running.enter_context(sftp_serving(root / "files"))
        storage = running.enter_context(amazon_storage())
        _s3(storage).create_bucket(Bucket=BUCKET)
        ingestion.needs_login, ingestion.token_s = True, 20
        running.enter_context(_environment(files))
        if faults:
            _spoil(ingestion, files, seed=seed, calls=copies * 20)
        workspace = _workspace(root / "workspace", sandbox, ingestion, files, storage, more)
        if papers:
            put_papers(workspace)
        yield AnalyticsLine(sandbox=sandbox, workspace=workspace, ingestion=ingestion, files=files, storage=storage)


def put_papers(workspace: Workspace, names: tuple[str, ...] = NAMES, *, kinds: tuple[str, ...] = PAPERS) -> None:
    """Papers that the sample calls need, for each vendor, through the command line."""
    from typer.testing import CliRunner

    from sottovoce.cli.main import app

    for name in names:
        for kind in kinds:
            told = [name, kind, "--reference", f"{kind}-{name}", "--signed", "2026-01-10", "--digest", "0" * 64]
            ended = CliRunner().invoke(app, ["agreements", "add", *told, "-w", str(workspace.root)])
            if ended.exit_code:
                raise AssertionError(ended.output)


def _spoil(ingestion: Vendor, files: SftpServer, *, seed: int, calls: int) -> None:
    """Every kind of fault several times, spread over the deliveries."""
    chance = random.Random(seed)  # noqa: S311 - a test's faults, the same in every run
    rounds = max(1, calls // 40)
    ingestion.faults.extend(chance.sample(HTTPS_FAULTS * rounds, len(HTTPS_FAULTS) * rounds))
    files.faults.extend(chance.sample(SFTP_FAULTS * rounds, len(SFTP_FAULTS) * rounds))


def _workspace(
    root: Path, sandbox: Sandbox, ingestion: Vendor, files: SftpServer, storage: str, more: str
) -> Workspace:
    policy = demo_policy(api_url=sandbox.api_url, media_host=sandbox.media_host)
    policy = policy.replace('customer_channel: "1"', 'customer_channel: "1"\n    requests_per_minute: 3000', 1)
    policy += _POLICY.format(
        storage=storage,
        ingestion=ingestion.url,
        sftp_port=files.port,
        sftp_user=files.user,
        sftp_key=files.host_key,
    )
    build_workspace(root, policy=policy + more, passphrase=Confidential(PASSPHRASE))
    (root / "vendor-ca.pem").write_text(ingestion.authority.ca.read_text())
    (root / "sandbox-id").write_text(sandbox.client_id)
    (root / "sandbox-secret").write_text(sandbox.client_secret)
    return Workspace(root)


@contextmanager
def _environment(files: SftpServer) -> Iterator[None]:
    from sottovoce.testing.ingestion import CLIENT

    given = {
        "SOTTOVOCE_PASSPHRASE": PASSPHRASE,
        "VENDOR_ACCESS": "k",
        "VENDOR_SECRET": "s",
        "VENDOR_EXTERNAL": "external",
        "VENDOR_ID": CLIENT[0],
        "VENDOR_TOKEN": CLIENT[1],
        "VENDOR_KEY": files.private_key,
        "VENDOR_API_KEY": API_KEY,
    }
    before = {name: os.environ.get(name) for name in given}
    os.environ.update(given)
    try:
        yield
    finally:
        for name, value in before.items():
            os.environ.pop(name) if value is None else os.environ.update({name: value})


def _sensitive_samples(sandbox: Sandbox, call: Call) -> Iterator[bytes]:
    """Stretches from the middle of what is sensitive, as a vendor's PCM would hold them had nothing been removed."""
    samples, rate = soundfile.read(str(sandbox.catalog.audio(call)), dtype="float32", always_2d=True)
    samples *= np.float32(0.999**call.copy_number)
    pcm = np.clip(np.round(samples * 32768), -32768, 32767).astype("<i2")
    for said in call.truth:
        middle = int((said.start_s + said.end_s) / 2 * rate)
        row = pcm[middle : middle + _NEEDLE, said.channel]
        if len(row) == _NEEDLE and np.abs(row).max() > 500:
            yield row.tobytes()


def _s3(storage: str) -> Any:
    import boto3

    return boto3.client(
        "s3",
        endpoint_url=storage,
        aws_access_key_id="k",
        aws_secret_access_key="s",  # noqa: S106 - of a double
        region_name="us-east-1",
    )
