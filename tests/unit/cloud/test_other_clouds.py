"""Templates for Google and Azure: what can be said of them without either."""

from __future__ import annotations

import json
import re

from sottovoce.cloud.aws_roles import LABELS
from sottovoce.cloud.azure import azure_arm
from sottovoce.cloud.google import google_terraform


def test_googles_training_account_reads_and_lists_the_prefix_only() -> None:
    """Two roles of one permission each, and each under a condition: listing asks for the prefix of the request."""
    document = json.loads(google_terraform(bucket="acme", prefix="corpus/", location="europe-west3", days=365))
    assert "Linted only" in document["//"]
    resources = document["resource"]
    roles = resources["google_project_iam_custom_role"]
    assert [role["permissions"] for role in roles.values()] == [["storage.objects.get"], ["storage.objects.list"]]
    bindings = resources["google_storage_bucket_iam_member"]
    assert all(binding["condition"]["expression"] for binding in bindings.values())
    assert 'startsWith("projects/_/buckets/acme/objects/corpus/")' in bindings["reads"]["condition"]["expression"]
    assert "objectListPrefix" in bindings["lists"]["condition"]["expression"]
    bucket = resources["google_storage_bucket"]["corpus"]
    assert bucket["public_access_prevention"] == "enforced"
    assert bucket["soft_delete_policy"] == {"retention_duration_seconds": 0}


def test_googles_references_lead_somewhere() -> None:
    """Every `${…}` names a resource, a data source or a variable of the file."""
    text = google_terraform(bucket="acme", prefix="", location="eu", days=1)
    document = json.loads(text)
    for reference in re.findall(r"\$\{([\w.]+)\}", text):
        where, *rest = reference.split(".")
        if where == "var":
            assert rest[0] in document["variable"]
        elif where == "data":
            assert rest[1] in document["data"][rest[0]]
        else:
            assert rest[0] in document["resource"][where]


def test_azures_assignment_asks_for_every_label_and_the_prefix() -> None:
    """One built-in reader's role, under a condition whose brackets close."""
    document = json.loads(azure_arm(container="corpora", prefix="corpus/", labels=LABELS))
    assert "Linted only" in document["metadata"]["description"]
    (assignment,) = document["resources"]
    condition = assignment["properties"]["condition"]
    for tag, value in LABELS.items():
        assert f"tags:{tag}<$key_case_sensitive$>] StringEquals '{value}'" in condition
    assert condition.count("StringStartsWith 'corpus/'") == 2
    assert assignment["properties"]["conditionVersion"] == "2.0"
    depth = 0
    for sign in condition:
        depth += (sign == "(") - (sign == ")")
        assert depth >= 0
    assert depth == 0
    assert set(re.findall(r"parameters\('(\w+)'\)", json.dumps(document["resources"]))) == set(document["parameters"])
