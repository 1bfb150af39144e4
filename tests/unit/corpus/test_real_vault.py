"""The same corpus over the real vault, key store and eraser: what was erased is gone from every version (SPEC 12.4)."""

from __future__ import annotations

import os
import uuid

import pytest

from sottovoce.corpus.examine import Condition
from sottovoce.custody.erasure import Eraser
from sottovoce.custody.subject import ByCustomer
from sottovoce.domain.confidential import Confidential
from sottovoce.domain.outcome import OutcomeStatus
from sottovoce.domain.recording import Sealed
from sottovoce.errors import KeyShredded
from sottovoce.testing.keys import MemoryKeys
from sottovoce.vault.keystore import KeyStore
from sottovoce.vault.vault import Vault


@pytest.fixture
def housed(world, tmp_path):
    """The world with the real vault under it, three recordings sealed and one version released."""
    clock = world.releaser._clock
    keys = KeyStore.open(base=tmp_path, tenant="test", provider=MemoryKeys(clock=clock), clock=clock)
    vault = Vault(tenant="test", keystore=keys, store=world.plain, clock=clock)
    world.vault = world.releaser._vault = world.versions._vault = world.opener._vault = vault
    yield world
    keys.close()


def seal(world, number, flac, **facts):
    ref = world.remember(number, **facts)
    objects = tuple(
        world.vault.seal_object(ref.key, "sample", Confidential(flac(2.0 + channel)), channel=channel)
        for channel in (0, 1)
    )
    sealed = Sealed(ref=ref, key_id="k", objects=objects, facts={}, predecessor="a" * 64)
    told = {"verified": True, "method": "disguise", "roles": "agent+customer"}
    world.registry.conclude("corpus", ref.key, OutcomeStatus.SEALED, sealed=sealed, facts=told)


def test_released_erased_and_released_again(housed, flac):
    """A version verifies; an erased caller's samples are gone from it and from the next; the rest stay as named."""
    for number in (1, 2, 3):
        seal(housed, number, flac)
    housed.releaser.release(actor="svc-release")
    assert housed.versions.verify("corpus/v1").counts == {Condition.SOUND: 6}
    gone = {i.corpus_id for i in housed.registry.identities("corpus/v1") if i.recording.endswith("2")}
    eraser = Eraser(
        registry=housed.registry,
        ledger=housed.ledger,
        shredder=housed.vault,
        ciphertext=housed.plain,
        signer=housed.signer,
        clock=housed.releaser._clock,
        ids=lambda: str(uuid.uuid4()),
        random=os.urandom,
    )
    report = eraser.erase(ByCustomer(token="c2"), requested_by="person-1", why="GDPR-17")
    assert len(report.recordings) == 1
    verdict = housed.versions.verify("corpus/v1")
    assert verdict.ok
    assert {name for name, found in verdict.conditions.items() if found is Condition.ERASED} == gone
    for name in gone:
        with pytest.raises(KeyShredded):
            housed.opener.open(name, actor="person-1", purpose="listening")
    housed.releaser.release(actor="svc-release")
    found = housed.versions.diff("corpus/v1", "corpus/v2")
    assert (set(found.removed), found.added, found.changed) == (gone, (), ())


def test_a_sample_of_another_recording_does_not_open(housed, flac):
    """Ciphertext swapped between two recordings is caught by digest, and by its seal even without one."""
    for number in (1, 2):
        seal(housed, number, flac)
    housed.releaser.release(actor="svc-release")
    one, two = (
        next(o for o in housed.registry.objects(f"{n:032x}") if o.channel == 0 and o.kind == "sample") for n in (1, 2)
    )
    housed.plain.put(one.location, housed.plain.get(two.location))
    name = next(i.corpus_id for i in housed.registry.identities("corpus/v1") if i.object_id == one.id)
    assert housed.versions.verify("corpus/v1").conditions[name] is Condition.CHANGED
