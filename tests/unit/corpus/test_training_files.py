"""What training services are given, held to the forms their makers document, and to what may be known of a sample."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import date

import boto3
import pytest
import yaml

from sottovoce.corpus.manifest import ManifestEntry, make_manifest
from sottovoce.corpus.sample import RELEASED_KEYS, Sample, Split
from sottovoce.corpus.training_files import Service, staged_name, training_files
from sottovoce.errors import ReleaseRefused

STAGING = {
    Service.SAGEMAKER: "s3://acme/corpus",
    Service.VERTEX: "gs://acme/corpus/",
    Service.AZUREML: "abfss://corpora@acme.dfs.core.windows.net/corpus",
}
SPLITS = (Split.TRAIN, Split.TRAIN, Split.VALIDATION, Split.TEST)


def entry(number, split):
    sample = Sample(
        corpus_id=f"{number:032x}",
        queue_category="billing",
        duration_s=3.0,
        audio_format="flac_16khz_mono",
        capture_year=2025,
        accent_region="scotland",
        audio_quality="8khz",
        language="en",
        split=split,
    )
    return ManifestEntry(sample=sample, digest=f"{number:064x}", size=1000 + number)


@pytest.fixture
def manifest():
    entries = [entry(number, split) for number, split in enumerate(SPLITS, 1)]
    return make_manifest(
        entries,
        name="corpus",
        version="v3",
        created=date(2026, 3, 1),
        label="voice-transformed",
        policy_digest="d" * 64,
    )


def made(manifest, service, **given):
    return training_files(manifest, service, staging=STAGING[service], digest="ab" * 32, **given)


def rows(text):
    return [json.loads(line) for line in text.splitlines()]


def test_sagemakers_list_is_a_prefix_and_names_beneath_it(manifest):
    """ManifestFile: a JSON array whose first element has the prefix, and whose others complete it to an object's URI."""
    files = made(manifest, Service.SAGEMAKER)
    first, *names = json.loads(files["train.manifest"])
    assert first == {"prefix": "s3://acme/corpus/"}
    assert names == [staged_name(f"{n:032x}") for n in (1, 2)]
    assert [json.loads(files[f"{split}.manifest"])[1:] for split in ("validation", "test")] == [
        [staged_name(f"{n:032x}")] for n in (3, 4)
    ]
    types = boto3.client("sagemaker", region_name="eu-west-1").meta.service_model.shape_for("S3DataType").enum
    assert {"ManifestFile", "AugmentedManifestFile"} <= set(types)


def test_sagemakers_augmented_lines_have_a_source_and_an_attribute(manifest):
    """AugmentedManifestFile: JSON lines; `source-ref` is the object, every other name an attribute of the channel."""
    lines = rows(made(manifest, Service.SAGEMAKER)["train.augmented.manifest"])
    assert [set(line) for line in lines] == [{"source-ref", "sample"}] * 2
    assert lines[0]["source-ref"] == f"s3://acme/corpus/{1:032x}.sealed"


def test_vertex_lines_say_their_split_in_its_own_label(manifest):
    """`ml_use` has three values; each file has one of them."""
    files = made(manifest, Service.VERTEX)
    used = {
        name: {r["dataItemResourceLabels"]["aiplatform.googleapis.com/ml_use"] for r in rows(text)}
        for name, text in files.items()
        if name.endswith("jsonl")
    }
    assert used == {"train.jsonl": {"training"}, "validation.jsonl": {"validation"}, "test.jsonl": {"test"}}
    assert rows(files["train.jsonl"])[0]["contentGcsUri"] == f"gs://acme/corpus/{1:032x}.sealed"


def test_azures_table_reads_the_rows_beside_it(manifest):
    """MLTable: type, paths and transformations of its schema; the data asset names the folder."""
    files = made(manifest, Service.AZUREML)
    table = yaml.safe_load(files["train/MLTable"])
    assert set(table) == {"$schema", "type", "paths", "transformations"}
    assert table["type"] == "mltable"
    assert table["paths"] == [{"file": "./samples.jsonl"}]
    (read,) = table["transformations"]
    assert set(read["read_json_lines"]) <= {
        "encoding",
        "invalid_lines",
        "include_path_column",
        "partition_size",
        "path_column",
    }
    asset = yaml.safe_load(files["train.data.yml"])
    assert set(asset) == {"$schema", "name", "version", "type", "path"}
    assert (asset["name"], asset["version"], asset["path"]) == ("corpus-train", "3", "./train")
    assert len(rows(files["train/samples.jsonl"])) == 2


@pytest.mark.parametrize("service", Service)
def test_nothing_is_said_of_a_sample_but_what_was_released(manifest, service):
    """The nine keys, and digest and size of the ciphertext; every sample once; the readme says it is ciphertext."""
    files = made(manifest, service)
    told = [
        row.get("sample", row)
        for name, text in files.items()
        if "json" in name or "augmented" in name
        for row in rows(text)
    ]
    assert {frozenset(each) - {"uri"} for each in told} == {RELEASED_KEYS | {"sha256", "size"}}
    assert sorted(each["corpusId"] for each in told) == [f"{n:032x}" for n in range(1, 5)]
    assert all(each["sha256"] == f"{int(each['corpusId'], 16):064x}" for each in told)
    assert "ciphertext" in files["README.md"]


@pytest.mark.parametrize("service", Service)
def test_the_same_version_is_the_same_bytes(manifest, service):
    """In whatever order its samples came."""
    turned = make_manifest(
        manifest.entries[::-1],
        name=manifest.name,
        version=manifest.version,
        created=manifest.created,
        label=manifest.label,
        policy_digest=manifest.policy_digest,
    )
    assert made(manifest, service) == made(turned, service)


@pytest.mark.parametrize("service", Service)
def test_what_was_erased_is_left_out(manifest, service):
    """Also where that empties a split: then there is no file of it."""
    files = made(manifest, service, erased=frozenset({f"{1:032x}", f"{4:032x}"}))
    assert not any(f"{1:032x}" in text or f"{4:032x}" in text for text in files.values())
    assert not any(name.startswith("test") for name in files)
    assert "2 samples" in files["README.md"]


@pytest.mark.parametrize(
    ("service", "staging"),
    [
        (Service.SAGEMAKER, "gs://acme/corpus"),
        (Service.VERTEX, "s3://acme/corpus"),
        (Service.AZUREML, "s3://acme/corpus"),
        (Service.SAGEMAKER, "s3://acme/../other"),
        (Service.SAGEMAKER, "s3://acme/corpus?versionId=1"),
        (Service.SAGEMAKER, "s3://"),
        (Service.SAGEMAKER, "corpus"),
        (Service.AZUREML, "https://user:secret@acme/corpus"),
    ],
)
def test_a_place_the_service_does_not_read_is_refused(manifest, service, staging):
    """Another cloud's address, a query, a way out, credentials."""
    with pytest.raises(ReleaseRefused):
        training_files(manifest, service, staging=staging, digest="d")


def test_a_sample_cannot_smuggle_anything_into_a_line(manifest):
    """Words that are no codes are `other` before they get here."""
    odd = replace(manifest.entries[0].sample, queue_category='"},{"x":"', accent_region="+1 202 555 0100")
    files = made(replace(manifest, entries=(replace(manifest.entries[0], sample=odd),)), Service.SAGEMAKER)
    (line,) = rows(files["train.augmented.manifest"])
    assert line["sample"]["queueCategory"] == line["sample"]["accentRegion"] == "other"
