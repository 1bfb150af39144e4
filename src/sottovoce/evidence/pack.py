"""An evidence pack: one framework, one date, every control with what was checked, found and proved (SPEC 12.5).

A folder with `pack.json`, the same as `pack.html` to read and print, the proofs of the ledger entries that show
it (C2SP tlog-proof), the ledger's latest checkpoint and key, the stand-alone verifier, and a signed note over the
SHA-256 of every file. It can be checked years later on a machine that knows nothing of us.
"""

from __future__ import annotations

import hashlib
import inspect
import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from sottovoce.evidence.control import Finding, Judged, Result, judge
from sottovoce.evidence.facts import Facts
from sottovoce.evidence.frameworks import TITLES, Framework, controls_of
from sottovoce.ledger import verifier
from sottovoce.ledger.note import Signer, sign_note

HEADER: Final = "sottovoce/evidence-pack@v1"
PROOFS: Final = "proofs"


@dataclass(frozen=True, slots=True, kw_only=True)
class Pack:
    """What was judged, from which facts."""

    framework: Framework
    facts: Facts
    controls: tuple[Judged, ...]

    @property
    def title(self) -> str:
        return TITLES[self.framework]

    @property
    def counts(self) -> dict[str, int]:
        """How many controls came to each result, none left out."""
        found = Counter(each.result for each in self.controls)
        return {result.value: found[result] for result in Result}

    @property
    def failed(self) -> tuple[Judged, ...]:
        return tuple(each for each in self.controls if each.result is Result.NOT_MET)

    @property
    def shown_by(self) -> tuple[int, ...]:
        """The ledger entries that proofs are made of: the latest of each action a finding names."""
        latest = self.facts.ledger.latest
        wanted = (latest.get(action) for each in self.controls for found in each.findings for action in found.actions)
        return tuple(sorted({seq for seq in wanted if seq is not None}))


def make_pack(framework: Framework, facts: Facts) -> Pack:
    """Every control of the framework, judged."""
    return Pack(framework=framework, facts=facts, controls=tuple(judge(c, facts) for c in controls_of(framework)))


def as_data(pack: Pack) -> dict[str, Any]:
    """The pack as JSON has it."""
    facts = pack.facts
    return {
        "schema": HEADER,
        "framework": pack.framework.value,
        "title": pack.title,
        "at": facts.at.isoformat(),
        "tenant": facts.tenant,
        "policy": {"version": facts.policy.version, "digest": facts.policy_digest},
        "ledger": {
            "verdict": facts.ledger.verdict,
            "entries": facts.ledger.size,
            "signed": facts.ledger.signed,
            "key": facts.ledger.vkey,
        },
        "counts": pack.counts,
        "controls": [_control(each, facts.ledger.latest) for each in pack.controls],
    }


def write_pack(
    folder: Path, pack: Pack, *, html: str, proofs: Mapping[int, str], checkpoint: str, signer: Signer
) -> str:
    """Writes the folder; the SHA-256 of `pack.json`. Raises OSError."""
    files = {
        "pack.json": json.dumps(as_data(pack), indent=2, ensure_ascii=False).encode() + b"\n",
        "pack.html": html.encode(),
        "checkpoint": checkpoint.encode(),
        "ledger.vkey": f"{pack.facts.ledger.vkey}\n".encode(),
        "verifier.py": inspect.getsource(verifier).encode(),
        **{proof_name(seq): proof.encode() for seq, proof in proofs.items()},
    }
    (folder / PROOFS).mkdir(parents=True, exist_ok=True)
    for name, data in files.items():
        (folder / name).write_bytes(data)
    note = sign_note(f"{HEADER}\n{''.join(_sums(files))}", signer)
    (folder / "SHA256SUMS.note").write_text(note, encoding="utf-8")
    return hashlib.sha256(files["pack.json"]).hexdigest()


def proof_name(seq: int) -> str:
    """Where the proof of an entry lies in a pack."""
    return f"{PROOFS}/{seq}.tlog-proof"


def proofs_of(found: Finding, latest: Mapping[str, int]) -> tuple[int, ...]:
    """The entries that show one finding."""
    return tuple(sorted({latest[action] for action in found.actions if action in latest}))


def _sums(files: Mapping[str, bytes]) -> Iterable[str]:
    for name in sorted(files):
        yield f"{hashlib.sha256(files[name]).hexdigest()}  {name}\n"


def _control(each: Judged, latest: Mapping[str, int]) -> dict[str, Any]:
    return {
        "number": each.control.number,
        "title": each.control.title,
        "result": each.result.value,
        "checks": _checks(each.findings, latest),
    }


def _checks(findings: Sequence[Finding], latest: Mapping[str, int]) -> list[dict[str, Any]]:
    return [
        {
            "checked": found.checked,
            "result": found.result.value,
            "said": found.said,
            "figures": dict(found.figures),
            "proofs": [proof_name(seq) for seq in proofs_of(found, latest)],
        }
        for found in findings
    ]
