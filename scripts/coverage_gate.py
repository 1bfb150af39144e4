"""Fail when a room that must not be wrong is covered by less than its share.

Reads the combined coverage data of the last test run; prints one line a room. What only runs against a library that
this machine lacks is left out, and named.
"""

from __future__ import annotations

import io
import re
import sys
from pathlib import Path

import coverage

from sottovoce.testing.kms_softhsm import LIBRARIES

FLOORS = dict.fromkeys(
    ("domain", "screening", "redact", "vault", "kms", "storage", "ledger", "custody", "access"), 95.0
)


HSM = "*/sottovoce/kms/hsm.py"


def main() -> int:
    lacking = [] if any(Path(library).is_file() for library in LIBRARIES) else [HSM]
    if lacking:
        print(f"no SoftHSM on this machine: {HSM} is not judged")
    data = coverage.Coverage()
    data.load()
    short = 0
    for room, floor in FLOORS.items():
        out = io.StringIO()
        share = data.report(include=[f"*/sottovoce/{room}/*"], omit=lacking, file=out)
        lines = re.findall(r"^(src\S+|\S+\.py)\s.*$", out.getvalue(), re.MULTILINE)
        print(f"{room:10s} {share:6.2f} % of {len(lines)} files (floor {floor:.0f} %)")
        if share < floor:
            short += 1
            print(out.getvalue())
    return 1 if short else 0


if __name__ == "__main__":
    sys.exit(main())
