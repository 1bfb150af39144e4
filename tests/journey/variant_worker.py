"""Carries one sample call with something going wrong: `variant_worker.py WORKSPACE MODE API_URL MEDIA_HOST`.

MODE `raise`: a detector raises with everything it read in its message. MODE `slow`: once the words are
in memory a file named `heard` appears, and the detector never ends, waiting to be killed.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

from sottovoce import telemetry
from sottovoce.cli.init import make_workspace
from sottovoce.domain.finding import Finding
from sottovoce.domain.sound import Sound
from sottovoce.domain.transcript import Transcript
from sottovoce.pipeline.refs import StepError
from sottovoce.policy.template import demo_policy
from sottovoce.redact.redactor import Redactor
from sottovoce.testing.house import Deaf, settle_all
from sottovoce.wiring.house import House
from sottovoce.wiring.rooms import noise_source


class Failing:
    """A finder that fails in the worst way."""

    def __init__(self, *, mode: str, marker: Path) -> None:
        self._mode = mode
        self._marker = marker

    def find(self, sound: Sound, transcript: Transcript) -> tuple[Finding, ...]:
        words = " ".join(w.text.reveal() for c in transcript.channels for w in c.words)
        if self._mode == "raise":
            raise RuntimeError(f"cannot read: {words}")
        self._marker.touch()
        time.sleep(600)
        raise AssertionError(words)


def main() -> None:
    telemetry.configure(level="DEBUG")
    root, mode, api_url, media_host = Path(sys.argv[1]), sys.argv[2], sys.argv[3], sys.argv[4]
    root.mkdir(parents=True)
    (root / "sandbox-id").write_text("sandbox-client")
    (root / "sandbox-secret").write_text("sandbox-secret")
    house = make_workspace(root, text=demo_policy(api_url=api_url, media_host=media_host), generate=True)
    _break(house, mode, root / "heard")
    carrier, statuses = house.carrier(), []
    for key in settle_all(house)[:2]:
        try:
            carrier.carry(house.line.name, key)
        except StepError as error:
            carrier.close(house.line.name, key, error.code)
        outcome = house.registry.outcome(house.line.name, key)
        assert outcome is not None
        statuses.append(f"{outcome.status.value}:{outcome.reason}")
    sys.stdout.write(json.dumps(statuses) + "\n")


def _break(house: House, mode: str, marker: Path) -> None:
    house.__dict__["redactor"] = Redactor(
        transcriber=house.transcriber,
        finder=Failing(mode=mode, marker=marker),
        ears=(Deaf(),),
        noise_source=noise_source,
    )


if __name__ == "__main__":
    main()
