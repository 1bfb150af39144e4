"""The sources that policy names, composed. No address is contacted and no folder read before it is asked."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, date, datetime
from pathlib import Path
from typing import assert_never

from sottovoce.domain.confidential import Confidential
from sottovoce.domain.consent import LawfulBasis
from sottovoce.domain.recording import Participant
from sottovoce.errors import PolicyError
from sottovoce.policy.model import BucketSource as BucketPolicy
from sottovoce.policy.model import FolderSource as FolderPolicy
from sottovoce.policy.model import GenesysSource as GenesysPolicy
from sottovoce.policy.model import InboxSource as InboxPolicy
from sottovoce.policy.model import Policy
from sottovoce.policy.model import Source as SourcePolicy
from sottovoce.settings import resolve_secret
from sottovoce.sources.bucket import BucketSource
from sottovoce.sources.folder import FolderSource
from sottovoce.sources.genesys.batch import Upcoming
from sottovoce.sources.genesys.budget import Leases, SharedBudget
from sottovoce.sources.genesys.bulk import WORTH
from sottovoce.sources.genesys.client import GenesysClient
from sottovoce.sources.genesys.hosts import Hosts
from sottovoce.sources.genesys.source import GenesysSource, located
from sottovoce.sources.protocol import Source, Timing, Tokenizer
from sottovoce.storage.browse import Place, open_place

ACCENT_ATTRIBUTE = "accentRegion"


def compose_sources(
    policy: Policy,
    *,
    root: Path,
    tokenizer: Tokenizer,
    inbox: Callable[[str, InboxPolicy], Source] | None = None,
    leases: Leases | None = None,
    waiting: Callable[[str, int], Sequence[Confidential[str]]] = lambda _source, _limit: (),
) -> dict[str, Source]:
    """By their names; folders and secret files lie below `root`, inboxes are made by `inbox`.

    With `leases`, all processes that share them keep to one budget of requests. `waiting` has the locators of what
    will be fetched next of a source.

    Raises WorkspaceError, PolicyError.
    """

    def compose(name: str, settings: SourcePolicy) -> Source:
        match settings:
            case FolderPolicy():
                return _folder(name, settings, policy, root, tokenizer)
            case BucketPolicy():
                return _bucket(name, settings, policy, root, tokenizer)
            case GenesysPolicy():
                client = genesys_client(settings, root=root, leases=leases)
                return _genesys(name, settings, policy, client, tokenizer, _upcoming(name, waiting))
            case InboxPolicy():
                if inbox is None:
                    raise PolicyError("an inbox is read in its own workspace only")
                return inbox(name, settings)
            case _:
                assert_never(settings)

    return {name: compose(name, settings) for name, settings in policy.sources.items()}


def read_since(policy: Policy, since: date | None) -> Policy:
    """The policy with no Genesys source read from before that day."""
    if since is None:
        return policy
    later = {
        name: source.model_copy(update={"since": max(since, source.since or since)})
        if isinstance(source, GenesysPolicy)
        else source
        for name, source in policy.sources.items()
    }
    return policy.model_copy(update={"sources": later})


def place_of(settings: BucketPolicy | InboxPolicy, *, root: Path) -> Place:
    """Where a source's objects lie, its secrets resolved. Raises WorkspaceError."""
    access, secret = settings.access_key, settings.secret_key
    return Place(
        url=settings.url,
        endpoint=settings.endpoint,
        region=settings.region,
        access_key=resolve_secret(access, base=root) if access else None,
        secret_key=resolve_secret(secret, base=root) if secret else None,
    )


def close_sources(sources: Mapping[str, Source]) -> None:
    """Let go of connections."""
    for source in sources.values():
        if isinstance(source, GenesysSource):
            source.close()


def kept_attributes(policy: Policy) -> frozenset[str]:
    """The participant attributes policy speaks of, for whichever line; no others are kept."""
    consents = (policy.consent, policy.analytics.consent)
    said = {
        name for each in consents for name in (each.consent_attribute, each.opt_out_attribute, each.withdrawn_attribute)
    }
    payments = {policy.exclusions.payment_attribute, policy.analytics.exclusions.payment_attribute}
    return frozenset(said | payments | {ACCENT_ATTRIBUTE})


def sensitive_categories(policy: Policy) -> frozenset[str]:
    """Categories by which a call through several queues is described: what any line keeps out."""
    return frozenset({*policy.exclusions.queue_categories, *policy.analytics.exclusions.queue_categories})


def _folder(name: str, settings: FolderPolicy, policy: Policy, root: Path, tokenizer: Tokenizer) -> FolderSource:
    return FolderSource(
        name=name,
        root=root / settings.path,
        tokenizer=tokenizer,
        customer_channel=settings.customer_channel,
        attributes=kept_attributes(policy),
        queue_categories=policy.corpus.queue_categories,
    )


def _bucket(name: str, settings: BucketPolicy, policy: Policy, root: Path, tokenizer: Tokenizer) -> BucketSource:
    return BucketSource(
        name=name,
        browser=open_place(place_of(settings, root=root), base=root),
        tokenizer=tokenizer,
        customer_channel=settings.customer_channel,
        attributes=kept_attributes(policy),
        queue_categories=policy.corpus.queue_categories,
        max_bytes=settings.max_bytes,
    )


def _upcoming(name: str, waiting: Callable[[str, int], Sequence[Confidential[str]]]) -> Upcoming:
    return lambda limit: [located(locator) for locator in waiting(name, limit)]


def genesys_client(settings: GenesysPolicy, *, root: Path, leases: Leases | None = None) -> GenesysClient:
    """A client of one organisation. Raises WorkspaceError, PolicyError."""
    hosts = Hosts.of(
        region=settings.region,
        api_url=settings.api_url,
        login_url=settings.login_url,
        media_hosts=settings.media_hosts,
    )
    client_id, timing = resolve_secret(settings.client_id, base=root), Timing.of_system()
    return GenesysClient(
        hosts=hosts,
        client_id=client_id,
        client_secret=resolve_secret(settings.client_secret, base=root),
        timing=timing,
        requests_per_minute=settings.requests_per_minute,
        budget=_shared(leases, hosts, client_id, settings.requests_per_minute, timing),
    )


def _genesys(
    name: str,
    settings: GenesysPolicy,
    policy: Policy,
    client: GenesysClient,
    tokenizer: Tokenizer,
    upcoming: Upcoming,
) -> GenesysSource:
    return GenesysSource(
        name=name,
        client=client,
        tokenizer=tokenizer,
        customer_channel=settings.customer_channel,
        attributes=kept_attributes(policy),
        queue_categories=policy.corpus.queue_categories,
        sensitive=sensitive_categories(policy),
        since=_midnight(settings.since),
        until=_midnight(settings.until),
        bulk_from=WORTH if settings.bulk == "auto" else None,
        language_matters=lambda participants: language_matters(policy, participants),
        upcoming=upcoming if settings.download == "batch" else None,
        restores=settings.restore_archived,
    )


def language_matters(policy: Policy, participants: Sequence[Participant]) -> bool:
    """Whether the language may decide about a call: not where its participants never spoke of consent."""
    consent, wanted = policy.consent.consent_attribute, policy.selection
    spoken_of = any(consent in party.attributes for party in participants)
    weighed = "language" in {*wanted.stratify_by, *(share.dimension for share in wanted.minimum_shares)}
    open_ = policy.lawful_basis.basis is not LawfulBasis.CONSENT or spoken_of
    return open_ and (weighed or "*" not in policy.exclusions.languages_allowed)


def _shared(
    leases: Leases | None, hosts: Hosts, client_id: Confidential[str], per_minute: int, timing: Timing
) -> SharedBudget | None:
    """One budget for each client of each organisation, under a name that tells neither."""
    if leases is None:
        return None
    name = hashlib.sha256(f"{hosts.api_url}\n{client_id.reveal()}".encode()).hexdigest()
    return SharedBudget(leases=leases, name=name, per_minute=per_minute, timing=timing)


def _midnight(day: date | None) -> datetime | None:
    return None if day is None else datetime(day.year, day.month, day.day, tzinfo=UTC)
