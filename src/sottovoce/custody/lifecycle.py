"""A bucket's own lifecycle rules, as the second lock behind the sweep (SPEC 12.3).

The sweep deletes each artefact on its day; the bucket's rules delete whatever is left a week after the last day
anything of its class may have, and move what is kept long to archive storage. A bucket knows nothing of holds: so
rules are refused while one stands, unless the bucket is told to tier and never to expire.

S3 tells classes apart by the objects' tags; Google and Azure only by name, and ours begin with two hex digits.
Notes of erasures, certificates and manifests are matched by none of the rules, and stay.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from sottovoce.custody.duties import KEEPS_ORIGINAL
from sottovoce.custody.kinds import ArtefactKind
from sottovoce.custody.retention import Rules

GRACE_DAYS: Final = 7
"""After the sweep's day, so that the sweep is what deletes, and records it."""

ABANDONED_DAYS: Final = 2
"""Multipart uploads that were never finished, and versions that were replaced."""

DAYS_A_YEAR: Final = 366

_AZURE_PREFIXES: Final = 10
"""Azure Storage lifecycle management: at most ten prefixes in one rule's filter."""

_SEALED: Final = tuple(f"{number:02x}/" for number in range(256))
"""How the names of sealed objects begin (`vault.vault`)."""


class Provider(StrEnum):
    S3 = "s3"
    GCS = "gcs"
    AZURE = "azure"


@dataclass(frozen=True, slots=True, kw_only=True)
class Term:
    """For one class of objects: when the bucket expires them (None: never), and when they move to the archive."""

    label: str
    expire_days: int | None
    archive_days: int | None


_CLASSES: Final = {
    "AITraining": (ArtefactKind.CORPUS, ArtefactKind.AUGMENTED, ArtefactKind.FEATURES, ArtefactKind.TRANSCRIPT),
    "Analytics": (ArtefactKind.REDACTED, ArtefactKind.TRANSCRIPT),
    "Audit": (ArtefactKind.MAP, ArtefactKind.REDACTED, ArtefactKind.ORIGINAL),
}
"""The values of the tag `DataClass` (`vault.labels`), and what may lie under each."""


def terms(rules: Rules, *, expire: bool = True) -> tuple[Term, ...]:
    """The longest any artefact of each class may be kept, with grace; no expiry with `expire` off."""
    return tuple(
        Term(label=label, expire_days=_expiry(kinds, rules) if expire else None, archive_days=rules.archive_days)
        for label, kinds in _CLASSES.items()
    )


def lifecycle(provider: Provider, rules: Rules, *, expire: bool = True, container: str = "") -> dict[str, Any]:
    """The document to hand to the provider, as it takes it. `container` is Azure's."""
    found = terms(rules, expire=expire)
    match provider:
        case Provider.S3:
            return {"Rules": [*map(_s3_rule, found), _S3_ABANDONED]}
        case Provider.GCS:
            return {"lifecycle": {"rule": _gcs_rules(_widest(found))}}
        case Provider.AZURE:
            return {"rules": _azure_rules(_widest(found), container)}


def _expiry(kinds: tuple[ArtefactKind, ...], rules: Rules) -> int:
    longest = max(rules.days[kind] for kind in kinds if kind in rules.days)
    if ArtefactKind.ORIGINAL in kinds:
        years = [duty.years for duty in rules.duties if duty.name in KEEPS_ORIGINAL]
        longest = max(longest, *(DAYS_A_YEAR * each for each in years), 0)
    return longest + GRACE_DAYS


def _widest(found: tuple[Term, ...]) -> Term:
    """Where classes cannot be told apart, the longest holds for all."""
    days = [term.expire_days for term in found]
    longest = max(each for each in days if each is not None) if all(each is not None for each in days) else None
    return Term(label="sealed", expire_days=longest, archive_days=found[0].archive_days)


def _moves(term: Term) -> bool:
    return term.archive_days is not None and (term.expire_days is None or term.archive_days < term.expire_days)


def _s3_rule(term: Term) -> dict[str, Any]:
    """Amazon S3 PutBucketLifecycleConfiguration. Deep Archive is charged for 180 days at least."""
    rule: dict[str, Any] = {
        "ID": f"sottovoce-{term.label}",
        "Status": "Enabled",
        "Filter": {"Tag": {"Key": "DataClass", "Value": term.label}},
        "NoncurrentVersionExpiration": {"NoncurrentDays": ABANDONED_DAYS},
    }
    if _moves(term):
        rule["Transitions"] = [{"Days": term.archive_days, "StorageClass": "DEEP_ARCHIVE"}]
    if term.expire_days is not None:
        rule["Expiration"] = {"Days": term.expire_days}
    return rule


_S3_ABANDONED: Final[dict[str, Any]] = {
    "ID": "sottovoce-abandoned-uploads",
    "Status": "Enabled",
    "Filter": {"Prefix": ""},
    "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": ABANDONED_DAYS},
}
"""A rule of its own: S3 takes no such action in a rule that filters by tag."""


def _gcs_rules(term: Term) -> list[dict[str, Any]]:
    """Google Cloud Storage object lifecycle: conditions of one rule are all to hold."""
    named = {"matchesPrefix": list(_SEALED)}
    rules: list[dict[str, Any]] = []
    if _moves(term):
        action = {"type": "SetStorageClass", "storageClass": "ARCHIVE"}
        rules.append({"action": action, "condition": {"age": term.archive_days, **named}})
    if term.expire_days is not None:
        rules.append({"action": {"type": "Delete"}, "condition": {"age": term.expire_days, **named}})
    noncurrent = {"daysSinceNoncurrentTime": ABANDONED_DAYS, "isLive": False, **named}
    rules.append({"action": {"type": "Delete"}, "condition": noncurrent})
    abort = {"age": ABANDONED_DAYS}
    rules.append({"action": {"type": "AbortIncompleteMultipartUpload"}, "condition": abort})
    return rules


def _azure_rules(term: Term, container: str) -> list[dict[str, Any]]:
    """Azure Storage management policy."""
    actions: dict[str, Any] = {}
    if _moves(term):
        actions["tierToArchive"] = {"daysAfterCreationGreaterThan": term.archive_days}
    if term.expire_days is not None:
        actions["delete"] = {"daysAfterCreationGreaterThan": term.expire_days}
    starts = [f"{container}/{prefix}" if container else prefix for prefix in _SEALED]
    parts = [starts[at : at + _AZURE_PREFIXES] for at in range(0, len(starts), _AZURE_PREFIXES)]
    return [
        {
            "name": f"sottovoce{number:02d}",
            "enabled": True,
            "type": "Lifecycle",
            "definition": {
                "filters": {"blobTypes": ["blockBlob"], "prefixMatch": part},
                "actions": {
                    **({"baseBlob": actions} if actions else {}),
                    "version": {"delete": {"daysAfterCreationGreaterThan": ABANDONED_DAYS}},
                },
            },
        }
        for number, part in enumerate(parts)
    ]
