"""The metadata beside a recording: what the mapping names, under the vendor's names, and nothing else.

Pure: facts in, bytes out. Values are codes, times, numbers and pseudonyms; what is not known is left empty, never
guessed.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Mapping
from typing import assert_never
from xml.sax.saxutils import escape

from sottovoce.delivery.failures import DeliveryRefused
from sottovoce.delivery.profile import Sidecar

Facts = Mapping[str, str | int | float | None]

CONTENT_TYPES = {"json": "application/json", "csv": "text/csv", "xml": "application/xml"}


def write_sidecar(form: Sidecar, facts: Facts) -> bytes:
    """UTF-8. DeliveryRefused when a name cannot stand in XML."""
    said = {name: facts.get(fact) for name, fact in form.fields.items()} | dict(form.fixed)
    match form.format:
        case "json":
            return json.dumps({k: v for k, v in said.items() if v is not None}, ensure_ascii=False).encode()
        case "csv":
            return _as_csv(said)
        case "xml":
            return _as_xml(form.root, said)
        case _:
            assert_never(form.format)


def _as_csv(said: Facts) -> bytes:
    """A heading and a line (RFC 4180)."""
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(said)
    writer.writerow(["" if value is None else value for value in said.values()])
    return out.getvalue().encode()


def _as_xml(root: str, said: Facts) -> bytes:
    if any("[" in name or not (name[0].isalpha() or name[0] == "_") for name in said):
        raise DeliveryRefused("a field of the profile cannot be an XML element", hint="rename it in the profile")
    inside = "".join(f"  <{name}>{escape(str(value))}</{name}>\n" for name, value in said.items() if value is not None)
    return f'<?xml version="1.0" encoding="UTF-8"?>\n<{root}>\n{inside}</{root}>\n'.encode()
