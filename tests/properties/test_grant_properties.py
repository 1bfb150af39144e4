"""Laws of grants: handing on never adds anything."""

from __future__ import annotations

import ipaddress
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sottovoce.access.biscuits import BiscuitTokens, attenuate
from sottovoce.access.grants import Ask, Count, Grant, Narrowing
from sottovoce.access.roles import GRANTABLE
from sottovoce.access.root_keys import RootKeys
from sottovoce.domain.confidential import Confidential
from sottovoce.errors import AccessRefused

NOW = datetime(2026, 11, 1, 12, tzinfo=UTC)

parts = st.sampled_from(["corpus", "v1", "v10", "train", "test", "a", "ab"])
prefixes = st.lists(parts, min_size=1, max_size=4).map("/".join)
operations = st.frozensets(st.sampled_from(sorted(GRANTABLE)), min_size=1)
counts = st.integers(0, 5)
times = st.integers(-120, 4000).map(lambda seconds: NOW + timedelta(seconds=seconds))
networks = st.sampled_from(["10.0.0.0/8", "10.1.0.0/16", "0.0.0.0/0", "2001:db8::/32"]).map(ipaddress.ip_network)
addresses = st.sampled_from(["10.1.2.3", "10.2.0.1", "8.8.8.8", "2001:db8::1"]).map(Confidential)
keys = st.sampled_from(["mine", "yours"])

grants = st.builds(
    Grant,
    id=st.just("g"),
    holder=st.just("training_1"),
    tenant=st.just("test"),
    purpose=st.just("ai_training"),
    operations=operations,
    prefix=prefixes,
    recordings=counts,
    bytes=counts,
    issued=st.just(NOW),
    expires=st.integers(1, 3600).map(lambda seconds: NOW + timedelta(seconds=seconds)),
    source=st.none() | networks,
    thumbprint=st.none() | keys,
)
narrowings = st.builds(
    Narrowing,
    operations=st.none() | st.frozensets(st.sampled_from(sorted(GRANTABLE))),
    prefix=st.none() | prefixes,
    recordings=st.none() | counts,
    bytes=st.none() | counts,
    expires=st.none() | times,
    source=st.none() | networks,
    thumbprint=st.none() | keys,
)
asks = st.fixed_dictionaries(
    {
        "tenant": st.sampled_from(["test", "test", "other"]),
        "purpose": st.sampled_from(["ai_training", "ai_training", "analytics"]),
        "operation": st.sampled_from(sorted(GRANTABLE)),
        "resource": prefixes,
        "at": times,
        "source": st.none() | addresses,
        "thumbprint": st.none() | keys,
    }
)


@pytest.fixture(scope="module")
def roots(tmp_path_factory: pytest.TempPathFactory) -> RootKeys:
    return RootKeys.open(Path(tmp_path_factory.mktemp("roots")) / "grants.key", clock=lambda: NOW)


def permits(tokens: BiscuitTokens, token: Confidential[str], asked: dict, used: list[Count]) -> bool:
    opened = tokens.open(token)
    try:
        tokens.authorise(opened, Ask(**asked, counts=used[: len(opened.blocks)]))
    except AccessRefused:
        return False
    return True


def expected(grant: Grant, asked: dict, used: Count) -> bool:
    """What a grant permits, said plainly."""
    source, network = asked["source"], grant.source
    return (
        asked["tenant"] == grant.tenant
        and asked["purpose"] == grant.purpose
        and asked["operation"] in grant.operations
        and (asked["resource"] + "/").startswith(grant.prefix + "/")
        and NOW - timedelta(seconds=60) <= asked["at"] < grant.expires
        and used.recordings <= grant.recordings
        and used.bytes <= grant.bytes
        and (network is None or (source is not None and ipaddress.ip_address(source.reveal()) in network))
        and (grant.thumbprint is None or asked["thumbprint"] == grant.thumbprint)
    )


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(grant=grants, asked=asks, used=st.builds(Count, recordings=counts, bytes=counts))
def test_a_grant_permits_exactly_what_it_says(roots, grant, asked, used) -> None:
    """The Datalog agrees with the sentence it was written from."""
    tokens = BiscuitTokens(keys=roots)
    token, _, _ = tokens.mint(grant)
    assert permits(tokens, token, asked, [used]) == expected(grant, asked, used)


@settings(max_examples=200, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    grant=grants,
    chain=st.lists(narrowings, min_size=1, max_size=3),
    asked=asks,
    used=st.lists(st.builds(Count, recordings=counts, bytes=counts), min_size=4, max_size=4),
)
def test_what_a_narrowed_grant_permits_the_whole_permits(roots, grant, chain, asked, used) -> None:
    """However often it is handed on, and whatever the holder asks for on the way (SECURITY 4)."""
    tokens = BiscuitTokens(keys=roots)
    token, _, key = tokens.mint(grant)
    allowed = [permits(tokens, token, asked, used)]
    for narrowing in chain:
        token = attenuate(token, narrowing, root=roots.public(key))
        allowed.append(permits(tokens, token, asked, used))
    assert allowed == sorted(allowed, reverse=True)
