"""Fail when a room that must not be wrong is covered by less than its share.

Reads the combined coverage data of the last test run; prints one line a room.
"""

from __future__ import annotations

import io
import re
import sys

import coverage

FLOORS = dict.fromkeys(
    ("domain", "screening", "redact", "vault", "kms", "storage", "ledger", "custody", "access"), 95.0
)


def main() -> int:
    data = coverage.Coverage()
    data.load()
    short = 0
    for room, floor in FLOORS.items():
        out = io.StringIO()
        share = data.report(include=[f"*/sottovoce/{room}/*"], file=out)
        lines = re.findall(r"^(src\S+|\S+\.py)\s.*$", out.getvalue(), re.MULTILINE)
        print(f"{room:10s} {share:6.2f} % of {len(lines)} files (floor {floor:.0f} %)")
        if share < floor:
            short += 1
            print(out.getvalue())
    return 1 if short else 0


if __name__ == "__main__":
    sys.exit(main())
