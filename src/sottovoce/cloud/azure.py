"""Training on Azure ML: a reader's role under conditions on blob index tags and prefix, as an ARM template to review.

The conditions are Azure's own (Azure role-based access control, "Azure role assignment condition format"). Index tags
are not what our Azure store writes (`storage.dress`: accounts with a hierarchical namespace refuse them): whoever
stages a corpus sets `DataClass` and `PIIStatus` as index tags, or nothing can be read. Checked for form only; applied
by nobody here.
"""

from __future__ import annotations

import json
from typing import Final

_READER: Final = "2a2b9908-6ea1-4ae2-8e65-a410df84e7d1"
"""Storage Blob Data Reader (Azure built-in roles for Storage)."""
_BLOBS: Final = "Microsoft.Storage/storageAccounts/blobServices/containers/blobs"
_LINTED_ONLY: Final = (
    "Written by `sottovoce cloud template azure`. Linted only: parsed and held to the documented form, never deployed."
)


def reading_condition(*, container: str, prefix: str, labels: dict[str, str]) -> str:
    """Reads need every label; listings the container and the prefix."""
    tags = " AND ".join(
        f"@Resource[{_BLOBS}/tags:{tag}<$key_case_sensitive$>] StringEquals '{value}'" for tag, value in labels.items()
    )
    place = f"@Resource[{_BLOBS.removesuffix('/blobs')}:name] StringEquals '{container}'"
    read, listing = f"ActionMatches{{'{_BLOBS}/read'}}", "SubOperationMatches{'Blob.List'}"
    path = f"@Resource[{_BLOBS}:path] StringStartsWith '{prefix}'"
    asked = f"@Request[{_BLOBS}:prefix] StringStartsWith '{prefix}'"
    reads = f"((!({read} AND NOT {listing})) OR ({place} AND {path} AND {tags}))"
    lists = f"((!({read} AND {listing})) OR ({place} AND {asked}))"
    return f"({reads} AND {lists})"


def azure_arm(*, container: str, prefix: str, labels: dict[str, str]) -> str:
    """The role assignment on a storage account there is; account and principal are parameters."""
    account = "[resourceId('Microsoft.Storage/storageAccounts', parameters('storageAccount'))]"
    role = f"[subscriptionResourceId('Microsoft.Authorization/roleDefinitions', '{_READER}')]"
    assignment = {
        "type": "Microsoft.Authorization/roleAssignments",
        "apiVersion": "2022-04-01",
        "name": "[guid(parameters('storageAccount'), parameters('principalId'), 'sottovoce-training')]",
        "scope": account,
        "properties": {
            "roleDefinitionId": role,
            "principalId": "[parameters('principalId')]",
            "principalType": "ServicePrincipal",
            "conditionVersion": "2.0",
            "condition": reading_condition(container=container, prefix=prefix, labels=labels),
            "description": "Reads the staged, de-identified corpus for training.",
        },
    }
    document = {
        "$schema": "https://schema.management.azure.com/schemas/2019-04-01/deploymentTemplate.json#",
        "contentVersion": "1.0.0.0",
        "metadata": {"description": _LINTED_ONLY},
        "parameters": {
            "storageAccount": {"type": "string"},
            "principalId": {"type": "string", "metadata": {"description": "Of the training workspace's identity."}},
        },
        "resources": [assignment],
    }
    return json.dumps(document, indent=2) + "\n"
