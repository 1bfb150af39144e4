"""Training on Vertex AI: a role that only reads, and conditions on where; Terraform's JSON syntax, to be reviewed.

Google's conditions know an object's name and not its metadata (Cloud IAM, "Attribute reference for IAM Conditions"), so
that the prefix is all that tells the corpus from anything else: stage nothing else in that bucket. Listing is asked of
the bucket, with the prefix as an attribute of the request. Checked for form only; applied by nobody here.
"""

from __future__ import annotations

import json
from typing import Any, Final

_LINTED_ONLY: Final = (
    "Written by `sottovoce cloud template gcp`. Linted only: parsed and held to the documented form, never applied."
)


def google_terraform(*, bucket: str, prefix: str, location: str, days: int) -> str:
    """Bucket, key, role and bindings for one corpus. The training account and the project are variables."""
    name = f"projects/_/buckets/{bucket}"
    listed = 'api.getAttribute("storage.googleapis.com/objectListPrefix", "")'
    reads = f'resource.name.startsWith("{name}/objects/{prefix}")'
    lists = f'resource.name == "{name}" && {listed}.startsWith("{prefix}")'
    resources = {
        "google_kms_key_ring": {"corpus": {"name": bucket, "location": location}},
        "google_kms_crypto_key": {
            "corpus": {
                "name": "data",
                "key_ring": "${google_kms_key_ring.corpus.id}",
                "rotation_period": "7776000s",
                "lifecycle": {"prevent_destroy": True},
            }
        },
        "google_kms_crypto_key_iam_member": {"storage": _key_user()},
        "google_storage_bucket": {"corpus": _bucket(bucket, location, days)},
        "google_project_iam_custom_role": {
            "reader": _role("sottovoceCorpusReader", "Reads a staged corpus", ["storage.objects.get"]),
            "lister": _role("sottovoceCorpusLister", "Lists a staged corpus", ["storage.objects.list"]),
        },
        "google_storage_bucket_iam_member": {
            "reads": _binding("reader", "reads-the-prefix", reads),
            "lists": _binding("lister", "lists-the-prefix", lists),
        },
    }
    document = {
        "//": _LINTED_ONLY,
        "variable": {
            "project": {"type": "string"},
            "trainer": {"type": "string", "description": "serviceAccount:NAME@PROJECT.iam.gserviceaccount.com"},
        },
        "provider": {"google": {"project": "${var.project}"}},
        "data": {"google_storage_project_service_account": {"storage": {}}},
        "resource": resources,
    }
    return json.dumps(document, indent=2) + "\n"


def _bucket(bucket: str, location: str, days: int) -> dict[str, Any]:
    return {
        "name": bucket,
        "location": location,
        "uniform_bucket_level_access": True,
        "public_access_prevention": "enforced",
        "encryption": {"default_kms_key_name": "${google_kms_crypto_key.corpus.id}"},
        "soft_delete_policy": {"retention_duration_seconds": 0},
        "lifecycle_rule": [{"action": {"type": "Delete"}, "condition": {"age": days}}],
        "depends_on": ["google_kms_crypto_key_iam_member.storage"],
    }


def _key_user() -> dict[str, str]:
    account = "${data.google_storage_project_service_account.storage.email_address}"
    return {
        "crypto_key_id": "${google_kms_crypto_key.corpus.id}",
        "role": "roles/cloudkms.cryptoKeyEncrypterDecrypter",
        "member": f"serviceAccount:{account}",
    }


def _role(role_id: str, title: str, permissions: list[str]) -> dict[str, Any]:
    return {"role_id": role_id, "title": title, "permissions": permissions}


def _binding(role: str, title: str, expression: str) -> dict[str, Any]:
    return {
        "bucket": "${google_storage_bucket.corpus.name}",
        "role": f"${{google_project_iam_custom_role.{role}.id}}",
        "member": "${var.trainer}",
        "condition": {"title": title, "expression": expression},
    }
