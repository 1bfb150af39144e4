"""What a folder says about its recordings: `call.json` beside `call.wav`, or one `metadata.csv`.

Types are strict: a number in quotes, an unknown field or a time without its offset is refused, and
the error names the file and the field, never what stands in it (it may be a caller's number).
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError

from sottovoce.errors import SourceError

CSV_NAME = "metadata.csv"
MAX_BYTES = 1 << 20
_LISTS = frozenset({"skills"})
_NUMBERS = frozenset({"duration_s"})
_BOOLEANS = {"true": True, "false": False}
_ATTRIBUTE = "attribute."


class Party(BaseModel):
    """One participant, as a sidecar may list them."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    purpose: Annotated[str, Field(strict=True)]
    attributes: dict[str, Annotated[str, Field(strict=True)]] = Field(default_factory=dict)


Text = Annotated[str, Field(strict=True, min_length=1, max_length=500)]


class Sidecar(BaseModel):
    """The fields a sidecar may hold. Customer and agent are identifiers here and tokens afterwards."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    conversation_id: Text | None = None
    recording_id: Text | None = None
    started_at: AwareDatetime | None = None
    duration_s: Annotated[float, Field(strict=True, ge=0, allow_inf_nan=False)] | None = None
    queue: Text | None = None
    queue_category: Text | None = None
    skills: tuple[Text, ...] = ()
    language: Text | None = None
    direction: Literal["inbound", "outbound"] | None = None
    dnis: Text | None = None
    customer: Text | None = None
    agent: Text | None = None
    participants: tuple[Party, ...] = ()
    attributes: dict[str, Annotated[str, Field(strict=True)]] = Field(default_factory=dict)
    file_state: Text = "AVAILABLE"
    region: Text | None = None
    legal_hold: Annotated[bool, Field(strict=True)] = False
    accent_region: Text | None = None
    device: Text | None = None
    audio_quality: Text | None = None
    parts: dict[Literal["0", "1"], Text] | None = None
    """Two mono files of one call, by channel, named as they stand in the sidecar's folder."""


def parse_json(data: bytes, *, name: str) -> Sidecar:
    """One sidecar. Raises SourceError naming the file and the field."""
    try:
        value = json.loads(data.decode("utf-8"), object_pairs_hook=_unique)
    except (ValueError, RecursionError):
        raise SourceError(
            "a sidecar is not JSON", hint=f"{name}: write one JSON object, in UTF-8, each key once"
        ) from None
    return _validated(value, where=name)


def parse_csv(data: bytes, *, name: str) -> Iterator[tuple[str, Sidecar]]:
    """(file, sidecar) for each row. Raises SourceError naming the file, the row and the field."""
    try:
        rows = csv.DictReader(io.StringIO(data.decode("utf-8-sig"), newline=""), strict=True)
        if not rows.fieldnames or "file" not in rows.fieldnames or len(set(rows.fieldnames)) < len(rows.fieldnames):
            raise SourceError("a table of recordings has no usable header", hint=f"{name}: name each column once")
        for number, row in enumerate(rows, start=2):
            yield _csv_row(row, where=f"{name} row {number}")
    except (UnicodeDecodeError, csv.Error):
        raise SourceError("a table of recordings cannot be read", hint=f"{name}: write CSV in UTF-8") from None


def _csv_row(row: Mapping[str | None, Any], *, where: str) -> tuple[str, Sidecar]:
    if None in row or None in row.values() or not row["file"]:
        raise SourceError("a row has too many or too few cells, or no file", hint=where)
    value: dict[str, Any] = {"attributes": {}}
    for column, cell in row.items():
        if not cell or column is None or column == "file":
            continue
        if column.startswith(_ATTRIBUTE):
            value["attributes"][column.removeprefix(_ATTRIBUTE)] = cell
        else:
            value[column] = _cell(column, cell)
    return str(row["file"]), _validated(value, where=where)


def _cell(column: str, cell: str) -> Any:
    if column in _LISTS:
        return [part.strip() for part in cell.split(";")]
    if column == "legal_hold":
        return _BOOLEANS.get(cell, cell)
    if column in _NUMBERS:
        try:
            return float(cell)
        except ValueError:
            return cell
    return cell


def _validated(value: object, *, where: str) -> Sidecar:
    try:
        return Sidecar.model_validate(value)
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False, include_context=False)[0]
        field = ".".join(str(part) for part in first["loc"][:2]) or "the whole"
        raise SourceError(
            "a field is unknown or of the wrong type", hint=f"{where}: {field}: {first['type']}"
        ) from None


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("a key occurs twice")
    return found
