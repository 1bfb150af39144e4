"""A workspace with an inbox, and contributors who send to it: real keys, real files, no models."""

from __future__ import annotations

import atexit
import io
import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import lru_cache
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import soundfile

from sottovoce.domain.confidential import Confidential
from sottovoce.policy.load import parse_policy
from sottovoce.settings import Workspace
from sottovoce.testing.house import PASSPHRASE, quick_house
from sottovoce.uploads.credential import MAX_TTL, Credential
from sottovoce.uploads.deliver import open_dropbox
from sottovoce.uploads.outbox import Outbox, Sent
from sottovoce.uploads.submit import Statement, Submitter
from sottovoce.wiring.house import House
from sottovoce.wiring.workspace import build_workspace, utc_now

POLICY = """\
version: uploads-1
sources:
  voices:
    kind: inbox
    url: {url}
    wording: I agree that this recording is used to train AI models.
    wording_version: w1
    receipts_url: file:{receipts}
{more}
lawful_basis:
  basis: consent
consent:
  wordings:
    - version: w1
      effective: 2025-01-01
exclusions:
  min_seconds: 1.0
selection:
  target_hours: 100.0
keys:
  passphrase: file:passphrase
{tail}"""


def inbox_workspace(root: Path, *, more: str = "", url: str = "file:inbox", tail: str = "") -> Workspace:
    """A workspace whose policy has the inbox `voices`; `more` is indented under it, `tail` ends the file."""
    receipts = root.resolve() / "inbox" / "receipts"
    text = POLICY.format(receipts=receipts, more=more, url=url, tail=tail)
    parse_policy(text)
    shutil.copytree(_empty(), root)
    workspace = Workspace(root)
    workspace.policy.write_text(text, encoding="utf-8")
    return workspace


@lru_cache(maxsize=1)
def _empty() -> Path:
    """A workspace nobody used, made once a process: deriving keys and migrating takes most of a test's time."""
    kept = TemporaryDirectory()
    atexit.register(kept.cleanup)
    root = Path(kept.name) / "w"
    root.mkdir()
    (root / "passphrase").write_text(PASSPHRASE, encoding="utf-8")
    text = POLICY.format(receipts=root, more="", url="file:inbox", tail="")
    house = House(build_workspace(root, policy=text, passphrase=Confidential(PASSPHRASE)), actor="test")
    house.registry.outcomes(house.line.name)
    house.keystore.epochs()
    house.close()
    return root


def clip(seed: int = 1, *, seconds: float = 2.0, rate: int = 8000, channels: int = 1) -> bytes:
    """A WAV file of noise, another one for each seed."""
    noise = 0.2 * np.random.default_rng(seed).standard_normal((int(seconds * rate), channels))
    made = io.BytesIO()
    soundfile.write(made, noise.astype(np.float32), rate, format="WAV", subtype="PCM_16")
    return made.getvalue()


@dataclass(frozen=True, slots=True, kw_only=True)
class Sender:
    """A contributor at their own machine."""

    credential: Credential
    submitter: Submitter
    outbox: Outbox
    home: Path

    def send(self, file: Path, *, agreed_on: date | None = None) -> Sent:
        """Sends one file; the same one twice is one upload."""
        said = Statement(agreed_on=agreed_on or utc_now().date(), language="en-US", device="phone", reference="ref-1")
        return self.submitter.submit(file, said)[0]


def sender(
    house: House,
    home: Path,
    *,
    contributor: str | None = None,
    ttl: timedelta = MAX_TTL,
    slots: int = 25,
    clock: Callable[[], datetime] = utc_now,
) -> Sender:
    """A new contributor, or another credential of one, ready to send."""
    inbox = house.uploads.inbox()
    contributor = contributor or house.uploads.contributors.add(inbox.name).id
    credential = inbox.credential(contributor, ttl=ttl, slots=slots)
    outbox = Outbox(home=home, random=os.urandom)
    submitter = Submitter(
        inbox=outbox.trust(inbox.publish(), pin=None),
        credential=credential,
        dropbox=open_dropbox(credential),
        outbox=outbox,
        clock=clock,
        random=os.urandom,
    )
    return Sender(credential=credential, submitter=submitter, outbox=outbox, home=home)


def inbox_house(
    root: Path, *, more: str = "", url: str = "file:inbox", tail: str = "", clock: Callable[[], datetime] = utc_now
) -> House:
    """The house of such a workspace, its slow rooms exchanged."""
    return quick_house(inbox_workspace(root, more=more, url=url, tail=tail), clock=clock)
