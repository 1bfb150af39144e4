"""`sottovoce cloud template`: a file to review, and nothing sent."""

from __future__ import annotations

import json

import yaml


def test_a_template_is_written_from_the_policy_and_the_same_again(program, workspace, tmp_path):
    """What the policy does not say is an option; twice the same bytes; the policy's digest is in it."""
    first, second = tmp_path / "a.yaml", tmp_path / "b.yaml"
    given = ("--bucket", "acme-corpus", "--region", "eu-central-1", "--vendor", "callminer", "-w", workspace)
    said = program("cloud", "template", "aws", "-o", first, *given, "--json")
    assert said.json == {"cloud": "aws", "written": str(first)}
    assert program("cloud", "template", "aws", "-o", second, *given).code == 0
    assert first.read_bytes() == second.read_bytes()
    made = yaml.safe_load(first.read_text())
    assert len(made["Metadata"]["Sottovoce"]["PolicyDigest"]) == 64
    assert "CallminerDeliveryRole" in made["Resources"]


def test_what_is_missing_or_contradicts_is_said(program, workspace, tmp_path):
    """No region, a region outside the zone: the policy's exit code, and no file."""
    target = tmp_path / "a.yaml"
    assert program("cloud", "template", "aws", "-o", target, "-w", workspace).code == 3
    given = ("--bucket", "acme-corpus", "--region", "eu-west-2", "--zone", "eu")
    assert program("cloud", "template", "aws", "-o", target, *given, "-w", workspace).code == 3
    assert program("cloud", "template", "gcp", "-o", target, "--bucket", "acme", "-w", workspace).code == 3
    assert not target.exists()


def test_a_legal_hold_forbids_a_bucket_that_deletes(program, workspace, tmp_path):
    """As with the lifecycle rules alone; without expiry the template is written."""
    said = program("retention", "hold", "case-z", "--customer", "-", "-w", workspace, stdin=b"+12025550001")
    assert said.code == 0
    given = ("-o", tmp_path / "a.yaml", "--bucket", "acme-corpus", "--region", "eu-central-1", "-w", workspace)
    assert program("cloud", "template", "aws", *given).code == 8
    assert program("cloud", "template", "aws", *given, "--no-expiry").code == 0
    rules = yaml.safe_load((tmp_path / "a.yaml").read_text())["Resources"]["CorpusBucket"]["Properties"]
    assert not any("ExpirationInDays" in rule for rule in rules["LifecycleConfiguration"]["Rules"])


def test_the_other_clouds_get_theirs(program, workspace, tmp_path):
    """JSON each, for a bucket by name."""
    for cloud in ("gcp", "azure"):
        target = tmp_path / f"{cloud}.json"
        given = ("--bucket", "acme-corpus", "--region", "europe-west3", "-w", workspace)
        assert program("cloud", "template", cloud, "-o", target, *given).code == 0
        assert json.loads(target.read_text())


def test_training_files_are_written_from_a_version(program, workspace, tmp_path):
    """One set a split, over the signed manifest; a place the service does not read is refused, and nothing written."""
    target = tmp_path / "m"
    given = ("corpus", "manifest", "corpus/v1", "--for", "sagemaker", "-o", target, "-w", workspace)
    assert program(*given, "--staging", "gs://acme/corpus").code == 11
    assert not target.exists()
    said = program(*given, "--staging", "s3://acme/corpus", "--json")
    assert "README.md" in said.json
    assert {path.name for path in target.iterdir()} == set(said.json)
    released = {s["corpusId"] for s in program("corpus", "show", "-w", workspace, "--json").json["samples"]}
    staged = {
        name for f in target.glob("*.manifest") if "augmented" not in f.name for name in json.loads(f.read_text())[1:]
    }
    assert staged == {f"{corpus_id}.sealed" for corpus_id in released}


def test_a_version_is_staged_under_the_names_of_its_training_files(program, workspace, tmp_path):
    """The store's ciphertext, renamed; again puts nothing; what was erased is taken away."""
    place = tmp_path / "staged"
    given = ("corpus", "stage", "corpus/v1", "-w", workspace)
    said = program(*given, "--to", f"file:{place}", "--json")
    released = {s["corpusId"] for s in program("corpus", "show", "-w", workspace, "--json").json["samples"]}
    assert said.json == {"put": len(released), "there_already": 0, "taken_away": 0}
    assert {path.name for path in place.iterdir()} == {f"{corpus_id}.sealed" for corpus_id in released}
    sealed = {path.read_bytes() for path in (workspace / "objects").rglob("*") if path.is_file()}
    assert all(path.read_bytes() in sealed for path in place.iterdir())
    assert program("erase", "--customer", "-", "-w", workspace, stdin=b"+12025550001").code == 0
    left = {
        s["corpusId"] for s in program("corpus", "show", "-w", workspace, "--json").json["samples"] if not s["erased"]
    }
    assert left < released
    said = program(*given, "--to", f"file:{place}", "--json")
    assert said.json == {"put": 0, "there_already": len(left), "taken_away": len(released - left)}
    assert {path.name for path in place.iterdir()} == {f"{corpus_id}.sealed" for corpus_id in left}
    assert program(*given, "--to", "ftp://acme/corpus").code == 3
    assert program("corpus", "stage", "corpus/v9", "--to", f"file:{place}", "-w", workspace).code != 0
