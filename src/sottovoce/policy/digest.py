"""A policy's digest: SHA-256 over the canonical JSON (RFC 8785) of what it says.

Ledger entries of one release are compared with digests of the next. So every key of the first release counts,
defaults written out, and a key that came later counts where it says something else than its default.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any, Final

import rfc8785
from pydantic import BaseModel

from sottovoce.policy.model import Policy

_FIRST_RELEASE: Final[Mapping[str, frozenset[str]]] = {
    name: frozenset(keys.split())
    for name, keys in {
        "GenesysSource": "kind region api_url login_url client_id client_secret since until customer_channel "
        "media_hosts requests_per_minute",
        "FolderSource": "kind path customer_channel",
        "Wording": "version effective",
        "Consent": "consent_attribute opt_out_attribute withdrawn_attribute wordings",
        "Basis": "basis assessment assessed_on addresses_voice_reidentification",
        "Exclusions": "payment_attribute queue_categories test_numbers min_seconds max_seconds queues_allowed "
        "skills_allowed languages_allowed regions_allowed file_states",
        "MinimumShare": "dimension value share",
        "Selection": "target_hours stratify_by minimum_shares seed",
        "Redaction": "default queues agent fill margin_ms merge_ms crosstalk keep_last_four",
        "Anonymization": "method waiver_who waiver_why",
        "Corpus": "name rate format channels splits queue_categories",
        "Keys": "provider passphrase epoch",
        "Storage": "url endpoint region access_key secret_key kms_key",
        "Retention": "corpus_days raw_days",
        "Models": "transcriber digest",
        "Database": "url engine_url keys_url",
        "Policy": "version tenant environment purpose sources lawful_basis consent exclusions selection redaction "
        "anonymization corpus keys storage database retention models",
    }.items()
}


def policy_digest(policy: Policy) -> str:
    """SHA-256 in hex."""
    return hashlib.sha256(rfc8785.dumps(_said(policy, policy.model_dump(mode="json")))).hexdigest()


def _said(value: Any, dumped: Any) -> Any:
    """`dumped` without later keys that have their defaults; `value` is what it was dumped from."""
    if isinstance(value, BaseModel):
        counted = _FIRST_RELEASE.get(type(value).__name__)
        return {
            name: _said(getattr(value, name), dumped[name])
            for name, info in type(value).model_fields.items()
            if counted is None or name in counted or getattr(value, name) != info.get_default(call_default_factory=True)
        }
    if isinstance(value, Mapping):
        return {name: _said(value[name], dumped[str(name)]) for name in value}
    if isinstance(value, tuple):
        return [_said(one, each) for one, each in zip(value, dumped, strict=True)]
    return dumped
