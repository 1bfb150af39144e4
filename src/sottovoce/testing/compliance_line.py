"""The compliance line on a sandbox: a workspace, an intake that listens, and judging until nothing is due.

Everything is the product's own, over real HTTP; only the processes are threads of one, so that a test sees inside.
"""

from __future__ import annotations

import base64
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx

from sottovoce.domain.confidential import Confidential
from sottovoce.intake.clerk import Clerk
from sottovoce.policy.template import demo_policy
from sottovoce.sandbox.catalog import Call
from sottovoce.sandbox.serve import Sandbox, Served
from sottovoce.service.intake import IntakeApp
from sottovoce.settings import Workspace
from sottovoce.testing.clock import AheadClock
from sottovoce.testing.house import PASSPHRASE
from sottovoce.testing.judging import settle
from sottovoce.testing.tenant import TLS
from sottovoce.wiring.house import House
from sottovoce.wiring.workspace import build_workspace

SECRET = "whsec_" + base64.b64encode(b"s" * 32).decode()
MOST_TRIES = 4
SECTIONS = """
intake:
  source: sandbox
  senders: [{name: tenant, scheme: standard, secrets: ["file:intake-secret"]}]
compliance:
  work_item_type: review-type
  work_item_queue: compliance-queue
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class ComplianceLine:
    """A sandbox, the house that judges its calls, and where its intake listens."""

    sandbox: Sandbox
    house: House
    url: str
    clock: AheadClock

    def feed(self, **order: Any) -> dict[str, int]:
        """Lets the sandbox send events; how often each status was answered."""
        told = {"url": self.url, "kind": "recordingAvailable", "secret": SECRET, **order}
        with httpx.Client(trust_env=False, verify=TLS, timeout=60) as http:
            return dict(http.post(f"{self.sandbox.api_url}/sandbox/events", json=told).json())

    def settle(self) -> bool:
        """Judges and acts once on all that is due or waits; whether something asks for another try."""
        return bool(settle(self.house.outbox, self.house.compliance.task(), again=True))

    def settle_later(self, by: timedelta) -> None:
        """The same, and after that much time again, a few times while that is asked for."""
        self.settle()
        self.clock.advance(by)
        for _ in range(MOST_TRIES):
            if not self.settle():
                return

    def call(self, file: str) -> Call:
        return next(call for call in self.sandbox.catalog.calls.values() if call.file == file)


def furnish(root: Path, *, api_url: str, media_host: str, client_id: str, client_secret: str) -> Workspace:
    """A workspace whose source is the sandbox there, with an intake and a compliance section."""
    policy = demo_policy(api_url=api_url, media_host=media_host) + SECTIONS
    build_workspace(root, policy=policy, passphrase=Confidential(PASSPHRASE))
    for name, value in (("sandbox-id", client_id), ("sandbox-secret", client_secret), ("intake-secret", SECRET)):
        (root / name).write_text(value, encoding="utf-8")
    return Workspace(root)


@contextmanager
def compliance_line(root: Path, sandbox: Sandbox) -> Iterator[ComplianceLine]:
    """Opens it; `SOTTOVOCE_PASSPHRASE` has to be the test workspaces' passphrase."""
    workspace = furnish(
        root,
        api_url=sandbox.api_url,
        media_host=sandbox.media_host,
        client_id=sandbox.client_id,
        client_secret=sandbox.client_secret,
    )
    clock = AheadClock()
    house, serving = House(workspace, actor="compliance", clock=clock.now), House(workspace, actor="intake")
    app = IntakeApp(door=serving.door, clerk=Clerk(desk=serving.desk), ready=serving.desk.counts)
    served = Served(app)
    try:
        url = f"http://{served.authority}/v1/events/recordings"
        yield ComplianceLine(sandbox=sandbox, house=house, url=url, clock=clock)
    finally:
        served.stop()
        serving.close()
        house.close()
