"""What one key of a policy demands of another; the model alone cannot say it."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Callable, Iterator
from urllib.parse import urlsplit

from sottovoce.policy.admission_rules import admission_flaws
from sottovoce.policy.agreement_rules import agreement_flaws
from sottovoce.policy.amazon import AMAZON
from sottovoce.policy.delivery_rules import delivery_flaws
from sottovoce.policy.document import Path
from sottovoce.policy.engine import troubles
from sottovoce.policy.flaw import Flaw as Flaw
from sottovoce.policy.key_services import AwsKmsKeys, AzureKeyVaultKeys, TransitKeys
from sottovoce.policy.model import BucketSource, GenesysSource, InboxSource, Policy
from sottovoce.policy.queue_rules import queue_flaws

_LARGEST_INTEGER = 2**53 - 1
"""RFC 8785 section 3.2.2.3: beyond it two readers of the canonical form may differ."""
_PASSWORD = re.compile(r"(^|[?&\s])password=", re.IGNORECASE)


def flaws(policy: Policy) -> Iterator[Flaw]:
    """Every contradiction; a policy without any may be used."""
    for rule in _RULES:
        yield from rule(policy)


def _production(policy: Policy) -> Iterator[Flaw]:
    if policy.environment == "production" and policy.keys.provider == "file":
        yield Flaw(
            path=("environment",),
            message="the file key provider is not for production",
            hint="keep `environment: development`, or use a key service as `keys.provider`",
        )


def _keys(policy: Policy) -> Iterator[Flaw]:
    given = policy.keys
    if isinstance(given, AwsKmsKeys) and (given.access_key is None) != (given.secret_key is None):
        yield _together("`access_key` and `secret_key`", "for the machine's own role")
    if isinstance(given, AzureKeyVaultKeys) and len({one is None for one in _client(given)}) > 1:
        yield _together("`directory`, `client_id` and `client_secret`", "for the machine's own identity")
    if isinstance(given, TransitKeys) and (given.token is None) == (not (given.role_id and given.secret_id)):
        yield Flaw(
            path=("keys",),
            message="transit needs one way to sign in",
            hint="give `token`, or both `role_id` and `secret_id`",
        )
    for url in filter(None, (getattr(given, "url", None), getattr(given, "endpoint", None))):
        if not url.startswith(("https://", "http://127.0.0.1:", "http://localhost:")):
            yield Flaw(
                path=("keys",), message="a key service is spoken to over https", hint="write `https://` and its host"
            )


def _client(keys: AzureKeyVaultKeys) -> tuple[str | None, ...]:
    return keys.directory, keys.client_id, keys.client_secret


def _together(names: str, otherwise: str) -> Flaw:
    return Flaw(path=("keys",), message=f"{names} belong together", hint=f"give all of them, or none {otherwise}")


def _ledger(policy: Policy) -> Iterator[Flaw]:
    given = policy.ledger
    for name, needed, kept in (
        ("anchors", given.anchors_needed, given.anchors),
        ("witnesses", given.witnesses_needed, given.witnesses),
    ):
        if needed is not None and needed > len(kept):
            yield Flaw(
                path=("ledger", f"{name}_needed"),
                message=f"`{name}_needed` asks for more than there are under `{name}`",
                hint=f"name at least {needed} of them, or leave it out to need all",
            )
    for at, anchor in enumerate(given.anchors):
        if anchor.kind == "s3" and (anchor.access_key is None) != (anchor.secret_key is None):
            yield Flaw(
                path=("ledger", "anchors", at),
                message="`access_key` and `secret_key` belong together",
                hint="give both of them, or none for the machine's own role",
            )


def _splits(policy: Policy) -> Iterator[Flaw]:
    shares = policy.corpus.splits.values()
    if any(share < 0 for share in shares) or not math.isclose(sum(shares), 1.0, abs_tol=1e-6):
        yield Flaw(
            path=("corpus", "splits"),
            message="the shares of the splits must sum to 1",
            hint="such as {train: 0.8, validation: 0.1, test: 0.1}",
        )


def _minimum_shares(policy: Policy) -> Iterator[Flaw]:
    sums: Counter[str] = Counter()
    for share in policy.selection.minimum_shares:
        sums[share.dimension] += share.share  # type: ignore[assignment]
    for dimension, total in sums.items():
        if total > 1 + 1e-9:
            yield Flaw(
                path=("selection", "minimum_shares"),
                message=f"the minimum shares of `{dimension}` come to more than 1",
                hint="lower them; together they cannot ask for more than the whole corpus",
            )


def _sources(policy: Policy) -> Iterator[Flaw]:
    taken = {state.casefold() for state in policy.exclusions.file_states}
    if not policy.sources:
        yield Flaw(
            path=("sources",),
            message="a policy needs a source",
            hint="add one of kind genesys, folder, bucket or inbox",
        )
    for name, source in policy.sources.items():
        if not isinstance(source, GenesysSource):
            continue
        if not (source.region or source.api_url):
            yield Flaw(
                path=("sources", name, "region"),
                message="a Genesys source needs a region",
                hint="add `region: eu_west_1`, or yours",
            )
        if source.since and source.until and source.since >= source.until:
            yield Flaw(
                path=("sources", name, "until"),
                message="`since` must be before `until`",
                hint="`until` is the first day that is not read",
            )
        if source.restore_archived and "archived" not in taken:
            yield Flaw(
                path=("sources", name, "restore_archived"),
                message="archived recordings are restored, and none is admitted",
                hint="add ARCHIVED and RESTORED to `exclusions.file_states`, or leave it out here",
            )


_PLACES = ("file:", "s3://", "gs://", "az://")


def _places(policy: Policy) -> Iterator[Flaw]:
    for name, source in policy.sources.items():
        if not isinstance(source, BucketSource | InboxSource):
            continue
        if not source.url.startswith(_PLACES) or source.url in _PLACES:
            yield Flaw(
                path=("sources", name, "url"),
                message="this kind of place is not known",
                hint="write s3://bucket/prefix, gs://bucket/prefix, az://container/prefix or file:folder",
            )
        if (source.access_key is None) != (source.secret_key is None):
            yield Flaw(
                path=("sources", name),
                message="`access_key` and `secret_key` belong together",
                hint="give both, or neither for the machine's own role",
            )


def _inboxes(policy: Policy) -> Iterator[Flaw]:
    known = {wording.version for wording in policy.consent.wordings}
    for name, source in policy.sources.items():
        if isinstance(source, InboxSource) and source.wording_version not in known:
            yield Flaw(
                path=("sources", name, "wording_version"),
                message="the inbox's wording is none of `consent.wordings`",
                hint="add its version there, with the first day on which it was shown",
            )


_STORAGE_KEYS = {
    "file": frozenset[str](),
    "s3": frozenset({"endpoint", "region", "access_key", "secret_key", "kms_key", "object_lock"}),
    "gs": frozenset({"endpoint", "credentials"}),
    "az": frozenset({"endpoint", "account", "credentials"}),
}
"""What belongs to each kind of store; one that is given for another says something that will not happen."""


def _storage(policy: Policy) -> Iterator[Flaw]:
    store = policy.storage
    kind, _, place = store.url.partition(":")
    if kind not in _STORAGE_KEYS or not place.strip("/") or (kind != "file" and not place.startswith("//")):
        yield Flaw(
            path=("storage", "url"),
            message="this kind of storage is not known",
            hint="write `file:objects`, `s3://bucket/prefix`, `gs://bucket/prefix` or `az://container/prefix`",
        )
        return
    for name in ("endpoint", "region", "access_key", "secret_key", "account", "credentials", "kms_key", "object_lock"):
        if getattr(store, name) is not None and name not in _STORAGE_KEYS[kind]:
            yield Flaw(
                path=("storage", name),
                message=f"`{name}` means nothing for `{kind}:` storage",
                hint=f"leave it out, or choose a store that has it: {_with_key(name)}",
            )
    if (store.access_key is None) != (store.secret_key is None):
        yield Flaw(
            path=("storage",),
            message="`access_key` and `secret_key` belong together",
            hint="give both, or neither for the machine's own role",
        )
    if kind == "az" and store.credentials is not None and store.account is None:
        yield Flaw(
            path=("storage",),
            message="`credentials` needs the storage account it belongs to",
            hint="add `account: name-of-the-account`",
        )


def _with_key(name: str) -> str:
    return ", ".join(f"`{kind}:`" for kind, keys in _STORAGE_KEYS.items() if name in keys)


def _databases(policy: Policy) -> Iterator[Flaw]:
    urls = policy.database.model_dump()
    for name, url in urls.items():
        scheme = str(url).partition(":")[0]
        if scheme not in {"sqlite", "postgresql", "postgresql+psycopg"}:
            yield Flaw(
                path=("database", name),
                message="this kind of database is not known",
                hint="write `sqlite:registry.sqlite` or `postgresql://user@host/name`",
            )
        elif _holds_password(str(url)):
            yield Flaw(
                path=("database", name),
                message="a password does not belong in the policy",
                hint="leave it out of the URL; use PGPASSFILE or PGPASSWORD, which PostgreSQL's driver reads",
            )
    keys = policy.database.keys_url
    if keys.startswith("sqlite:") and keys in {policy.database.url, policy.database.engine_url}:
        yield Flaw(
            path=("database", "keys_url"),
            message="the key store needs a file of its own",
            hint="a restored backup of the registry must not bring destroyed keys back",
        )


def _holds_password(url: str) -> bool:
    try:
        parts = urlsplit(url)
        return bool(parts.password) or _PASSWORD.search(parts.query) is not None
    except ValueError:
        return True


def _integers(policy: Policy) -> Iterator[Flaw]:
    numbers: dict[Path, int] = {
        ("selection", "seed"): policy.selection.seed,
        ("retention", "corpus_days"): policy.retention.corpus_days,
        ("retention", "raw_days"): policy.retention.raw_days,
    }
    for path in (path for path, number in numbers.items() if abs(number) > _LARGEST_INTEGER):
        yield Flaw(path=path, message="this number is too large", hint="stay within 2^53 - 1")


_YEARS = {"MIFID_II": (5, 7), "FINRA": (6, 7), "SEC_17A4": (3, 6)}
"""MiFID II Article 16(7), FINRA Rule 4511(b), SEC Rule 17a-4(a) and (b)(4)."""


def _duties(policy: Policy) -> Iterator[Flaw]:
    for number, duty in enumerate(policy.retention.duties):
        least, most = _YEARS.get(duty.name, (0, 0))
        if duty.years is not None and not least <= duty.years <= most:
            yield Flaw(
                path=("retention", "duties", number),
                message=f"{duty.name} does not ask for {duty.years} years",
                hint=f"say {least} to {most} years" if most else "leave `years` out: the duty sets no choice",
            )


def _notices(policy: Policy) -> Iterator[Flaw]:
    for name, target in policy.erasure.notices.items():
        if target.kind == "webhook" and not (target.url and target.secret and _reachable(target.url)):
            yield Flaw(
                path=("erasure", "notices", name),
                message="a webhook needs a url (https, or http on loopback) and a secret",
                hint="add `url` and `secret`, or use `kind: file`",
            )


def _openlineage(policy: Policy) -> Iterator[Flaw]:
    url = policy.openlineage.url
    if url is not None and not (url.startswith("file:") and len(url) > len("file:")) and not _reachable(url):
        yield Flaw(
            path=("openlineage", "url"),
            message="openlineage.url names no place for events",
            hint="write file:reports/openlineage.jsonl or https://host/api/v1/lineage",
        )


def _engine(policy: Policy) -> Iterator[Flaw]:
    given = policy.compliance.engine
    if given is not None:
        reachable = {url for url in (given.url, given.media_url) if url and _reachable(url)}
        for key, message, hint in troubles(given, reachable=reachable):
            yield Flaw(path=("compliance", "engine", key), message=message, hint=hint)


def _reachable(url: str) -> bool:
    """https anywhere, or http to this machine; no credentials in the address."""
    try:
        parts = urlsplit(url)
        local = parts.hostname in {"127.0.0.1", "localhost", "::1"}
        return (
            bool(parts.hostname)
            and not parts.username
            and (parts.scheme == "https" or (parts.scheme == "http" and local))
        )
    except ValueError:
        return False


def _amazon(policy: Policy) -> Iterator[Flaw]:
    if policy.models.amazon is None and AMAZON in (policy.models.transcriber, policy.redaction.engine):
        yield Flaw(
            path=("models", "amazon"),
            message="amazon-transcribe needs `models.amazon`",
            hint="say region, bucket and kms_key",
        )


_RULES: tuple[Callable[[Policy], Iterator[Flaw]], ...] = (
    _production,
    _keys,
    admission_flaws,
    _splits,
    _minimum_shares,
    _sources,
    _places,
    _inboxes,
    _storage,
    _databases,
    _ledger,
    _integers,
    _duties,
    _notices,
    _openlineage,
    _engine,
    _amazon,
    agreement_flaws,
    queue_flaws,
    delivery_flaws,
)
