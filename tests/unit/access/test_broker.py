"""The one place where keys are unwrapped for readers, over a real vault."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from datetime import timedelta

import pytest
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from sqlalchemy import select

from sottovoce.access.broker import Question, unwrap_key, wrap_key
from sottovoce.access.grant_book import Wish
from sottovoce.access.object_key import OBJECT_KEY_BYTES, object_key, open_with
from sottovoce.access.principals import Kind
from sottovoce.access.roles import Operation, Role
from sottovoce.access.sts import StsBroker
from sottovoce.database.access_tables import reads
from sottovoce.database.engine import reading
from sottovoce.domain.confidential import Confidential
from sottovoce.errors import AccessRefused, AccessSuspended, CustodyError, KeyShredded, SealBroken
from sottovoce.ledger.entry import Action
from sottovoce.vault.seal import seal

VERSION = "corpus/v1"


def training(house, **changed):
    """A job with a grant for the whole version."""
    desk = house.access
    job = desk.principals.create(Kind.TRAINING, by=desk.me().id, roles=[Role.TRAINER])
    wish = {
        "holder": job.id,
        "operations": frozenset({Operation.CORPUS_DECRYPT, Operation.CORPUS_LIST}),
        "prefix": VERSION,
        "purpose": "ai_training",
        "recordings": 100,
        "lifetime": timedelta(minutes=15),
    }
    issued = desk.grants.issue(Wish(**{**wish, **changed}), by=desk.me().id)
    return Question(token=issued.token, operation=Operation.CORPUS_DECRYPT, resource="")


def names(house, question) -> list[str]:
    return house.access.broker.names(replace(question, operation=Operation.CORPUS_LIST, resource=VERSION))


def test_a_reader_gets_what_was_sealed(house) -> None:
    """The same bytes by the broker's own hand, by the object's key, and by the workspace's owner."""
    question = training(house)
    first = names(house, question)[0]
    question = replace(question, resource=first, source=Confidential("192.0.2.1"))
    broker = house.access.broker
    whole = broker.open(question)
    handed = broker.key_for(question)
    ciphertext = broker.ciphertext(question)
    assert hashlib.sha256(ciphertext).hexdigest() == handed.digest and len(ciphertext) == handed.size
    assert open_with(handed.key, ciphertext) == whole
    corpus_id = first.rpartition("/")[2]
    assert house.corpus.opener.open(corpus_id, actor="whoever", purpose="listening") == whole
    told = [entry for _, entry in house.ledger.entries_about(corpus_id) if entry.action is Action.CORPUS_READ]
    assert len(told) == 4 and told[-1].actor == house.access.me().id


def test_the_key_opens_one_object_and_not_the_recording(house) -> None:
    """Its other objects, and other recordings, stay shut."""
    question = training(house)
    broker, every = house.access.broker, names(house, question)
    one = broker.key_for(replace(question, resource=every[0]))
    for other in every[1:]:
        with pytest.raises(SealBroken):
            open_with(one.key, broker.ciphertext(replace(question, resource=other)))
    assert len(one.key.reveal()) == OBJECT_KEY_BYTES


def test_a_key_can_be_wrapped_to_its_reader(house) -> None:
    """HPKE to an X25519 key: nobody on the way reads it, and another reader cannot."""
    question = training(house)
    reader = X25519PrivateKey.generate()
    public = reader.public_key().public_bytes_raw()
    question = replace(question, resource=names(house, question)[0], wrap_to=public)
    handed = house.access.broker.key_for(question)
    assert handed.key is None and handed.wrapped is not None
    plain = house.access.broker.key_for(replace(question, wrap_to=None))
    assert unwrap_key(handed.wrapped, reader) == plain.key
    with pytest.raises(AccessRefused):
        unwrap_key(handed.wrapped, X25519PrivateKey.generate())
    with pytest.raises(AccessRefused):
        wrap_key(Confidential(b"k"), b"short")


def test_many_are_read_in_one_transaction(house) -> None:
    """All or none, each in the ledger."""
    question = training(house)
    every = [replace(question, resource=name) for name in names(house, question)]
    assert len(house.access.broker.open_many(every)) == 4
    assert house.access.broker.open_many([]) == []
    with pytest.raises(AccessRefused):
        house.access.broker.open_many([*every, replace(question, resource="corpus/v1/train/none")])
    assert len([e for _, e in house.ledger.entries() if e.action is Action.CORPUS_READ]) == 4


def test_what_a_reader_said_is_sealed_under_the_recording(house) -> None:
    """An auditor who may can open it; after erasure nobody can."""
    question = training(house)
    name = names(house, question)[0]
    why = Confidential("spot check after a complaint")
    house.access.broker.open(replace(question, resource=name, justification=why))
    with reading(house.registry.engine) as connection:
        row = connection.execute(select(reads)).one()
    assert b"complaint" not in row.detail
    target = house.access.catalog.find(name)
    assert b"complaint" in house.access.broker.detail(target, row.commit, row.detail).reveal()
    with pytest.raises(SealBroken):
        house.access.broker.detail(target, "0" * 64, row.detail)
    house.vault.shred(target.recording)
    with pytest.raises(KeyShredded):
        house.access.broker.detail(target, row.commit, row.detail)


def test_an_erased_sample_is_gone(house) -> None:
    """Its key is, and the broker says so."""
    question = training(house)
    name = names(house, question)[0]
    house.vault.shred(house.access.catalog.find(name).recording)
    with pytest.raises(KeyShredded):
        house.access.broker.open(replace(question, resource=name))


@pytest.mark.parametrize("name", ["corpus/v1/train/" + "f" * 32, "corpus/v9/train/x", "maps/x", "x", "/"])
def test_there_is_nothing_of_another_name(house, name: str) -> None:
    """Unknown, elsewhere, or no name at all: refused, and in the ledger."""
    with pytest.raises(AccessRefused):
        house.access.broker.open(replace(training(house), resource=name))
    assert any(e.action is Action.ACCESS_REFUSED for _, e in house.ledger.entries())


def test_a_sample_is_not_in_another_split(house) -> None:
    """A name is a version, a split and a sample that belong together."""
    question = training(house)
    version, _, corpus_id = names(house, question)[0].rpartition("/")
    other = {"train": "test", "test": "train", "validation": "train"}[version.rpartition("/")[2]]
    with pytest.raises(AccessRefused):
        house.access.broker.open(replace(question, resource=f"{VERSION}/{other}/{corpus_id}"))


def test_auditors_read_maps_and_hear_nothing(house) -> None:
    """A grant for maps opens a map by its object id, and no sample."""
    desk = house.access
    auditor = desk.principals.create(Kind.PERSON, by=desk.me().id, roles=[Role.AUDITOR])
    wish = Wish(
        holder=auditor.id,
        operations=frozenset({Operation.MAP_READ}),
        prefix="maps",
        purpose="audit",
        recordings=10,
        lifetime=timedelta(minutes=15),
    )
    token = desk.grants.issue(wish, by=desk.me().id).token
    sample = desk.catalog.find(names(house, training(house))[0])
    (found,) = [o for o in house.registry.objects(sample.recording) if o.kind == "map"]
    why = Confidential("quarterly audit")
    question = Question(token=token, operation=Operation.MAP_READ, resource=f"maps/{found.id}", justification=why)
    assert desk.broker.open(question).reveal().startswith(b"{")
    assert [e.object for _, e in house.ledger.entries() if e.action is Action.OBJECT_READ] == [found.id]
    with pytest.raises(AccessRefused):
        desk.broker.open(replace(question, resource=sample.resource))
    with pytest.raises(AccessRefused):
        desk.broker.open(replace(question, resource=sample.resource, operation=Operation.SAMPLE_LISTEN))


def test_listing_needs_a_grant_for_the_prefix(house) -> None:
    """Names are under the prefix a grant is for."""
    question = training(house, prefix="corpus/v2")
    with pytest.raises(AccessRefused):
        names(house, question)
    inside = training(house)
    assert len(names(house, inside)) == 4
    split = house.access.broker.names(
        replace(inside, operation=Operation.CORPUS_LIST, resource=names(house, inside)[0].rpartition("/")[0])
    )
    assert 0 < len(split) <= 4


def test_canaries_lie_beside_samples_and_in_no_manifest(house) -> None:
    """Listed by the broker, absent from the version: whoever reads one is stopped, by either name."""
    me = house.access.me().id
    planted = house.access.canaries.plant(3, place="corpus/v1/train", by=me)
    question = training(house)
    assert {c.resource for c in planted} <= set(names(house, question))
    assert not {c.id for c in planted} & {s.corpus_id for s in house.corpus.versions.show(VERSION).samples}
    assert house.corpus.versions.verify(VERSION).ok
    with pytest.raises(AccessSuspended):
        house.access.broker.open(replace(question, resource=planted[0].resource))
    with pytest.raises(AccessSuspended):
        house.corpus.opener.open(planted[1].id, actor="x", purpose="listening")
    assert [c.touched_by is not None for c in house.access.canaries.all()] == [True, True, False]
    for count, place in ((0, "corpus/v1/train"), (1001, "corpus/v1/train"), (1, "corpus")):
        with pytest.raises(AccessRefused):
            house.access.canaries.plant(count, place=place, by=me)


def test_a_decoy_looks_like_a_sample(house) -> None:
    """As long, sealed the same way, opened by nothing but its own key."""
    (bird,) = house.access.canaries.plant(1, place="corpus/v1/train", by=house.access.me().id)
    target = house.access.catalog.find(bird.resource)
    sizes = {o.size for n in names(house, training(house)) if not (o := house.access.catalog.find(n)).canary}
    assert target.size in sizes and target.canary
    assert hashlib.sha256(house.store.get(target.location)).hexdigest() == target.digest


def test_a_changed_object_is_refused(house) -> None:
    """What is not the recorded ciphertext is not opened."""
    question = training(house)
    name = names(house, question)[0]
    target = house.access.catalog.find(name)
    data = bytearray(house.store.get(target.location))
    data[-1] ^= 1
    house.store.put(target.location, bytes(data))
    with pytest.raises(SealBroken):
        house.access.broker.open(replace(question, resource=name))


def test_an_unknown_sample_is_said_as_before(house) -> None:
    """`corpus open` of nothing is the corpus's own error."""
    with pytest.raises(CustodyError):
        house.corpus.opener.open("f" * 32, actor="x", purpose="listening")


@pytest.mark.parametrize("size", [0, 1, 16_383, 16_384, 16_385, 100_000])
def test_an_object_key_opens_what_the_recordings_key_sealed(size: int) -> None:
    """At every size around a chunk; changed, cut, extended or another's: SealBroken."""
    key, context = Confidential(b"k" * 32), b"context"
    plain = Confidential(bytes(size))
    sealed = seal(key, context, plain)
    narrow = object_key(key, context, sealed[:56])
    assert open_with(narrow, sealed) == plain
    for wrong in (sealed[:-1], sealed + b"x", sealed[:56] + sealed[57:] + b"\x00", seal(key, context, plain)):
        with pytest.raises(SealBroken):
            open_with(narrow, wrong)
    with pytest.raises(SealBroken):
        object_key(key, b"other", sealed[:56])
    with pytest.raises(SealBroken):
        object_key(key, context, sealed[:55])
    with pytest.raises(SealBroken):
        open_with(Confidential(b"short"), sealed)


class Minting:
    """STS, as far as one call goes."""

    def __init__(self) -> None:
        self.asked: dict[str, object] = {}

    def assume_role(self, **asked: object) -> dict[str, object]:
        self.asked = asked
        found = {"AccessKeyId": "A", "SecretAccessKey": "s", "SessionToken": "t", "Expiration": None}
        return {"Credentials": found}


def test_a_grant_for_a_whole_version_gets_credentials_for_what_lies_beside_it(house) -> None:
    """In the holder's name, for one prefix, in the ledger; a grant for less of it gets none."""
    question, client = replace(training(house), resource=VERSION), Minting()
    sts = StsBroker(client=client, role="arn:aws:iam::123456789012:role/reader", bucket="corpus-bucket")
    made = house.access.broker.session(question, sts, below="/objects")
    assert made.prefix == "objects/corpora/corpus/"
    assert "objects/corpora/corpus/*" in str(client.asked["Policy"])
    (entry,) = [e for _, e in house.ledger.entries() if e.action is Action.CREDENTIAL_ISSUED]
    assert client.asked["Tags"][0]["Value"] == entry.actor
    less = replace(training(house, prefix=f"{VERSION}/train"), resource=VERSION)
    with pytest.raises(AccessRefused):
        house.access.broker.session(less, sts)
    house.access.principals.suspend(entry.actor, by=house.access.me().id, why="X")
    with pytest.raises(AccessSuspended):
        house.access.broker.session(question, sts)
