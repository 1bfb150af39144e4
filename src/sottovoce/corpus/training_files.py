"""What a training service is given of a version: where each sample's ciphertext lies, and what was released about it.

Objects are named by their opaque corpus ids under the staging prefix, never as the store names them: there the samples
of one recording share a beginning, and whoever trains is not to know which belong together. Files are one a split, in
the order of corpus ids, the same bytes for the same version. What was erased since is left out.

The forms: SageMaker's ManifestFile and AugmentedManifestFile (SageMaker API reference, S3DataSource; Developer Guide,
"Augmented manifest files"), JSON lines with Vertex AI's `ml_use` labels ("Use managed datasets"; it has no managed
dataset of sound, so custom training reads them), Azure ML's MLTable and data asset ("CLI (v2) MLtable YAML schema").
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from enum import StrEnum
from typing import Any, Final

import yaml

from sottovoce.corpus.manifest import Manifest, ManifestEntry
from sottovoce.corpus.sample import Split
from sottovoce.errors import ReleaseRefused


class Service(StrEnum):
    """Who trains."""

    SAGEMAKER = "sagemaker"
    VERTEX = "vertex"
    AZUREML = "azureml"


SCHEMES: Final[Mapping[Service, tuple[str, ...]]] = {
    Service.SAGEMAKER: ("s3",),
    Service.VERTEX: ("gs",),
    Service.AZUREML: ("azureml", "abfss", "wasbs", "https"),
}
"""What each service reads from; for Azure the URI types of an MLTable's paths."""

SUFFIX: Final = ".sealed"
_PLACE: Final = re.compile(r"[a-z0-9]+://[A-Za-z0-9@._-]+(/[A-Za-z0-9@._-]+)*/?")
_ML_USE: Final = {Split.TRAIN: "training", Split.VALIDATION: "validation", Split.TEST: "test"}

_README: Final = """\
# {version} for {service}

{count} samples, voices: {label}. Digest of the signed manifest:
{digest}
(`sottovoce corpus verify {version}`).

**Every object these files point at is ciphertext** (Cobblestone-256, one key a recording). A training service that
reads it as sound reads noise. It is opened in memory by sottovoce's readers, which ask the access broker for one key at
a time under a grant that names the purpose, and which are refused once a sample was erased. Nothing here holds a key,
a grant, a caller or a conversation: `sha256` and `size` are the ciphertext's, the rest is the released metadata.
"""


def staged_name(corpus_id: str) -> str:
    """Under what name a sample's ciphertext is staged."""
    return f"{corpus_id}{SUFFIX}"


def training_files(
    manifest: Manifest, service: Service, *, staging: str, digest: str, erased: frozenset[str] = frozenset()
) -> dict[str, str]:
    """Texts by the path they are to have. ReleaseRefused for a staging address that the service does not read."""
    scheme = staging.partition(":")[0]
    if scheme not in SCHEMES[service] or not _PLACE.fullmatch(staging) or ".." in staging:
        raise ReleaseRefused(
            f"{service.value} does not read from this address",
            hint=f"give a plain prefix that begins with {' or '.join(f'{each}://' for each in SCHEMES[service])}",
        )
    prefix = f"{staging.rstrip('/')}/"
    kept = [entry for entry in manifest.entries if entry.sample.corpus_id not in erased]
    files: dict[str, str] = {}
    for split in Split:
        entries = [entry for entry in kept if entry.sample.split is split]
        if entries:
            files |= _WRITERS[service](split, entries, prefix)
    version = f"{manifest.name}/{manifest.version}"
    said = {"version": version, "service": service.value, "count": len(kept), "digest": digest, "label": manifest.label}
    return {**files, **_assets(manifest, service, files), "README.md": _README.format(**said)}


def _sagemaker(split: Split, entries: Iterable[ManifestEntry], prefix: str) -> dict[str, str]:
    """The list a channel reads in File or FastFile mode, and the lines one reads in Pipe mode."""
    entries = list(entries)
    names = [staged_name(entry.sample.corpus_id) for entry in entries]
    listed = json.dumps([{"prefix": prefix}, *names], indent=0)
    rows = ({"source-ref": prefix + n, "sample": _told(e)} for n, e in zip(names, entries, strict=True))
    return {f"{split.value}.manifest": f"{listed}\n", f"{split.value}.augmented.manifest": _lines(rows)}


def _vertex(split: Split, entries: Iterable[ManifestEntry], prefix: str) -> dict[str, str]:
    labels = {"aiplatform.googleapis.com/ml_use": _ML_USE[split]}
    rows = (
        {
            "contentGcsUri": prefix + staged_name(entry.sample.corpus_id),
            "mimeType": "application/octet-stream",
            "dataItemResourceLabels": labels,
            "sample": _told(entry),
        }
        for entry in entries
    )
    return {f"{split.value}.jsonl": _lines(rows)}


def _azureml(split: Split, entries: Iterable[ManifestEntry], prefix: str) -> dict[str, str]:
    """A folder that is an MLTable: the table's rows lie beside it."""
    rows = ({"uri": prefix + staged_name(entry.sample.corpus_id), **_told(entry)} for entry in entries)
    table = {
        "$schema": "https://azuremlschemas.azureedge.net/latest/MLTable.schema.json",
        "type": "mltable",
        "paths": [{"file": "./samples.jsonl"}],
        "transformations": [
            {"read_json_lines": {"encoding": "utf8", "invalid_lines": "error", "include_path_column": False}}
        ],
    }
    return {f"{split.value}/samples.jsonl": _lines(rows), f"{split.value}/MLTable": _yaml(table)}


def _assets(manifest: Manifest, service: Service, files: Iterable[str]) -> dict[str, str]:
    """Azure ML's data assets, one a split; the other services name a file when a job is made."""
    if service is not Service.AZUREML:
        return {}
    return {
        f"{split}.data.yml": _yaml(
            {
                "$schema": "https://azuremlschemas.azureedge.net/latest/data.schema.json",
                "name": f"{manifest.name}-{split}",
                "version": manifest.version.removeprefix("v"),
                "type": "mltable",
                "path": f"./{split}",
            }
        )
        for split in sorted({name.partition("/")[0] for name in files})
    }


_WRITERS: Final = {Service.SAGEMAKER: _sagemaker, Service.VERTEX: _vertex, Service.AZUREML: _azureml}


def _told(entry: ManifestEntry) -> dict[str, Any]:
    """The released metadata, and what the ciphertext must be."""
    return {**entry.sample.released(), "sha256": entry.digest, "size": entry.size}


def _lines(rows: Iterable[Mapping[str, Any]]) -> str:
    return "".join(json.dumps(row, separators=(",", ":"), ensure_ascii=False) + "\n" for row in rows)


def _yaml(document: Mapping[str, Any]) -> str:
    return yaml.safe_dump(dict(document), sort_keys=False)
