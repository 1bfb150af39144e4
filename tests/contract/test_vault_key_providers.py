"""What every key provider promises, asked of each.

Freezing and shredding are asked only of services that are honest about key state: see `honest` below.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from sottovoce.domain.confidential import Confidential
from sottovoce.errors import KeyRefused, KeyShredded, SealBroken
from sottovoce.kms.aws import AwsKms
from sottovoce.kms.azure import AzureKeyVault
from sottovoce.kms.file_keyring import FileKeyRing
from sottovoce.kms.gcp import GcpKms
from sottovoce.kms.hsm import Pkcs11Token
from sottovoce.kms.protocol import KeyProvider, KeyState
from sottovoce.kms.ring_file import RingFile, new_file
from sottovoce.kms.transit import Transit, by_token
from sottovoce.policy.load import load_policy
from sottovoce.settings import Workspace
from sottovoce.testing.keys import MemoryKeys
from sottovoce.testing.kms_aws import REGION, StrictKms
from sottovoce.testing.kms_azure import AnyToken, AzureServer
from sottovoce.testing.kms_gcp import KEY_RING, GcpServer
from sottovoce.testing.kms_honesty import Wrong, wrongs_of
from sottovoce.testing.kms_softhsm import PIN
from sottovoce.testing.kms_transit import ROOT_TOKEN, TransitServer
from sottovoce.vault.key_tables import RecordingKeyState
from sottovoce.vault.keystore import KeyStore
from sottovoce.wiring.key_providers import open_provider

CONTEXT = {"app": "sottovoce", "tenant": "acme", "epoch": "2026-11.0"}
NOW = datetime(2026, 11, 21, tzinfo=UTC)
ANY = Confidential("any")


LIVE = os.environ.get("SOTTOVOCE_LIVE_KEYS", "")


def clock() -> datetime:
    return datetime.now(UTC) if LIVE else NOW


class Made:
    """Makes one provider of each kind; whatever it needs is let go of when the test ends."""

    def __init__(self, request: pytest.FixtureRequest, running: ExitStack) -> None:
        self._ask = request.getfixturevalue
        self._folder = self._ask("tmp_path")
        self._running = running

    def file(self) -> KeyProvider:
        """Its passphrase was stretched once for the whole session; every test has a ring of its own."""
        file = replace(self._ask("stretched"), path=self._folder / "keys.ring")
        file.write({}, random=os.urandom)
        return FileKeyRing(file=file, clock=clock)

    def memory(self) -> KeyProvider:
        return MemoryKeys(clock=clock)

    def waiting(self) -> KeyProvider:
        return MemoryKeys(clock=clock, waiting=timedelta(days=7))

    def aws(self) -> KeyProvider:
        service = self._running.enter_context(StrictKms(clock=clock))
        return AwsKms.connect(region=REGION, clock=clock, endpoint=service.url, access_key=ANY, secret_key=ANY)

    def moto(self) -> KeyProvider:
        """In process, and as lenient as emulators are."""
        from moto import mock_aws

        self._running.enter_context(mock_aws())
        return AwsKms.connect(region=REGION, clock=clock, access_key=ANY, secret_key=ANY)

    def hsm(self) -> KeyProvider:
        module, label = self._ask("hsm_token")
        token = Pkcs11Token.connect(module=module, label=label, pin=Confidential(PIN), clock=clock)
        self._running.callback(token.close)
        return token

    def transit(self) -> KeyProvider:
        vault = self._running.enter_context(TransitServer(clock=clock))
        return Transit.connect(url=vault.url, sign_in=by_token(Confidential(ROOT_TOKEN)), clock=clock)

    def gcp(self) -> KeyProvider:
        service = self._running.enter_context(GcpServer(clock=clock))
        return GcpKms.connect(endpoint=service.url, key_ring=KEY_RING, clock=clock)

    def azure(self) -> KeyProvider:
        return self._azure("rsa")

    def azure_hsm(self) -> KeyProvider:
        return self._azure("oct-hsm")

    def _azure(self, kind: str) -> KeyProvider:
        vault = self._running.enter_context(AzureServer(clock=clock, folder=self._folder))
        provider = AzureKeyVault.connect(
            url=vault.url, credential=AnyToken(), clock=clock, kind=kind, ca=vault.ca, verify_challenge_resource=False
        )
        provider._rsa_bits = 2048
        return provider

    def live(self) -> KeyProvider:
        """The provider of a policy of your own: a real service, asked only where SOTTOVOCE_LIVE_KEYS names one."""
        policy = load_policy(Path(LIVE)).policy
        return open_provider(
            policy.keys, workspace=Workspace(Path(LIVE).parent), environment=policy.environment, clock=clock
        )


HONEST = [
    "file",
    "memory",
    "waiting",
    "aws",
    "hsm",
    "transit",
    "gcp",
    "azure",
    "azure_hsm",
    *(["live"] if LIVE else []),
]
LENIENT = ["moto"]


@pytest.fixture(scope="session")
def stretched(tmp_path_factory) -> RingFile:
    """A ring's file with its passphrase stretched, which is meant to be slow."""
    return new_file(tmp_path_factory.mktemp("ring") / "keys.ring", Confidential("correct horse"), random=os.urandom)


@pytest.fixture
def made(request) -> Iterator[Made]:
    with ExitStack() as running:
        yield Made(request, running)


@pytest.fixture(params=[*HONEST, *LENIENT])
def provider(request, made) -> KeyProvider:
    return getattr(made, request.param)()


@pytest.fixture(params=HONEST)
def honest(request, made) -> KeyProvider:
    """A provider whose service was seen to refuse what it must: tests of key state rest on no other."""
    provider = getattr(made, request.param)()
    if isinstance(provider, AwsKms):
        assert wrongs_of(provider._client) == frozenset()
    return provider


def test_an_emulator_that_ignores_key_state_carries_no_test_of_it(made):
    """moto lets disabled and deleted keys decrypt: it is found out, and is not among the honest."""
    moto = wrongs_of(made.moto()._client)
    assert moto >= {Wrong.DISABLED_DECRYPTS, Wrong.PENDING_DECRYPTS, Wrong.SHORT_WINDOW, Wrong.OTHER_KEY}
    assert not set(HONEST) & set(LENIENT)


def test_the_strict_double_commits_none_of_the_wrongs(made):
    """The double that stands for AWS in tests of key state refuses all that AWS refuses."""
    assert wrongs_of(made.aws()._client) == frozenset()


def test_every_test_of_key_state_asks_for_an_honest_provider():
    """A test that freezes, destroys, rolls or rotates takes `honest` or `opened` on it, so that no lenient double can slip in."""
    import inspect

    tests = [one for name, one in globals().items() if name.startswith("test_")]
    wanted = (".freeze(", "_destroy(", "roll_epoch(", "move_epochs(")
    turning = [one for one in tests if any(word in inspect.getsource(one) for word in wanted)]
    turning = [one for one in turning if one.__name__ != "test_every_test_of_key_state_asks_for_an_honest_provider"]
    assert len(turning) >= 4
    asked = {one.__name__: set(inspect.signature(one).parameters) for one in turning}
    assert {name for name, takes in asked.items() if not takes & {"honest", "opened"}} == set()


@pytest.fixture
def key() -> Confidential[bytes]:
    return Confidential(os.urandom(32))


def test_a_wrapped_key_comes_back_under_its_own_context(provider, key):
    """unwrap undoes wrap; the blob says which kms and key made it."""
    key_id = provider.create_key(CONTEXT)
    wrapped = provider.wrap(key, CONTEXT, key_id=key_id)
    assert provider.unwrap(wrapped, CONTEXT) == key
    assert (wrapped.kms, wrapped.key_id) == (provider.capabilities.kms, key_id)
    assert key.reveal() not in wrapped.blob


def test_another_context_is_refused(provider, key):
    """A blob moved to another tenant or epoch does not open."""
    wrapped = provider.wrap(key, CONTEXT, key_id=provider.create_key(CONTEXT))
    for other in ({}, {**CONTEXT, "tenant": "other"}, {**CONTEXT, "epoch": "2026-12.0"}, {**CONTEXT, "x": "y"}):
        with pytest.raises(SealBroken):
            provider.unwrap(wrapped, other)


def test_a_changed_blob_is_refused(honest, key):
    """Every changed byte, a cut and an empty blob are refused; of the long ones of RSA every fifth in the middle."""
    wrapped = honest.wrap(key, CONTEXT, key_id=honest.create_key(CONTEXT))
    size = len(wrapped.blob)
    places = [i for i in range(size) if size <= 128 or i % 5 == 0 or not 24 <= i < size - 60]
    blobs = [wrapped.blob[:i] + bytes([wrapped.blob[i] ^ 1]) + wrapped.blob[i + 1 :] for i in places]
    for blob in [*blobs, wrapped.blob[:-1], b""]:
        with pytest.raises(SealBroken):
            honest.unwrap(replace(wrapped, blob=blob), CONTEXT)


def test_a_blob_under_another_key_is_refused(honest, key):
    """A blob that claims another key of the same provider does not open."""
    wrapped = honest.wrap(key, CONTEXT, key_id=honest.create_key(CONTEXT))
    with pytest.raises(SealBroken):
        honest.unwrap(replace(wrapped, key_id=honest.create_key(CONTEXT)), CONTEXT)


def test_an_unknown_key_is_refused(provider, key):
    """A key the provider never made is a refusal that no retry helps."""
    with pytest.raises(KeyRefused) as refusal:
        provider.wrap(key, CONTEXT, key_id="no-such-key")
    assert not refusal.value.retryable
    with pytest.raises(KeyRefused):
        provider.key_state("no-such-key")


def test_rewrapping_moves_a_key_under_another(honest, key):
    """After rewrap the same key opens under the new honest key alone."""
    old, new = honest.create_key(CONTEXT), honest.create_key(CONTEXT)
    wrapped = honest.rewrap(honest.wrap(key, CONTEXT, key_id=old), CONTEXT, key_id=new)
    honest.schedule_destroy(old)
    assert wrapped.key_id == new
    assert honest.unwrap(wrapped, CONTEXT) == key


def test_a_frozen_key_neither_wraps_nor_unwraps_until_thawed(honest, key):
    """Frozen means unusable, and nothing is lost."""
    key_id = honest.create_key(CONTEXT)
    wrapped = honest.wrap(key, CONTEXT, key_id=key_id)
    honest.freeze(key_id)
    honest.freeze(key_id)
    assert honest.key_state(key_id) is KeyState.FROZEN
    for use in (lambda: honest.unwrap(wrapped, CONTEXT), lambda: honest.wrap(key, CONTEXT, key_id=key_id)):
        with pytest.raises(KeyRefused):
            use()
    honest.thaw(key_id)
    assert honest.key_state(key_id) is KeyState.ACTIVE
    assert honest.unwrap(wrapped, CONTEXT) == key


def test_a_destroyed_key_is_dead_at_once_and_for_good(honest, key):
    """From the moment destruction is scheduled nothing opens; asking again changes nothing."""
    key_id = honest.create_key(CONTEXT)
    wrapped = honest.wrap(key, CONTEXT, key_id=key_id)
    first, second = honest.schedule_destroy(key_id), honest.schedule_destroy(key_id)
    assert first == second
    assert abs(first.final_at - clock() - honest.capabilities.destroyed_after) <= timedelta(hours=1 if LIVE else 0)
    expected = KeyState.PENDING if honest.capabilities.destroyed_after else KeyState.DESTROYED
    assert honest.key_state(key_id) is first.state is expected
    for use in (
        lambda: honest.unwrap(wrapped, CONTEXT),
        lambda: honest.wrap(key, CONTEXT, key_id=key_id),
        lambda: honest.freeze(key_id),
        lambda: honest.thaw(key_id),
    ):
        with pytest.raises(KeyShredded):
            use()


def test_a_frozen_key_can_be_destroyed(honest):
    """Freezing a provider's key is no legal hold: that is the key store's to keep."""
    key_id = honest.create_key(CONTEXT)
    honest.freeze(key_id)
    assert honest.schedule_destroy(key_id).state in {KeyState.PENDING, KeyState.DESTROYED}


def test_each_epoch_gets_its_own_key_where_promised(provider):
    """A provider with a key for each epoch never hands out the same one twice."""
    assert provider.capabilities.key_per_epoch
    assert len({provider.create_key(CONTEXT) for _ in range(5)}) == 5


def test_no_key_is_printed(provider, key):
    """Neither a wrapped blob nor a key shows in a repr."""
    wrapped = provider.wrap(key, CONTEXT, key_id=provider.create_key(CONTEXT))
    assert wrapped.blob.hex() not in repr(wrapped)
    assert repr(wrapped.blob) not in repr(wrapped)


def test_the_service_says_that_it_is_there(provider):
    """Without changing anything, and with its clock where it has one to show."""
    said = provider.reach().service_time
    assert said is None or said.tzinfo is not None


def test_one_key_more_changes_nothing_about_another(honest, key):
    """Freezing and destroying touch the key they name."""
    kept, gone = honest.create_key(CONTEXT), honest.create_key(CONTEXT)
    wrapped = honest.wrap(key, CONTEXT, key_id=kept)
    honest.freeze(gone)
    honest.schedule_destroy(gone)
    assert honest.key_state(kept) is KeyState.ACTIVE
    assert honest.unwrap(wrapped, CONTEXT) == key


@pytest.fixture
def opened(honest, tmp_path) -> Iterator[Callable[[], KeyStore]]:
    """The same key store over the provider, as another process would open it."""
    stores: list[KeyStore] = []

    def another() -> KeyStore:
        stores.append(KeyStore.open(base=tmp_path, tenant="acme", provider=honest, clock=clock))
        return stores[-1]

    yield another
    for store in stores:
        store.close()


def test_after_an_epoch_roll_a_restored_backup_opens_nothing(opened, tmp_path):
    """The backup's rows are all there, and so are its epoch's blobs: the provider's key is what is gone."""
    before = opened()
    keys = {rid: before.get_or_create(rid).key for rid in ("r1", "r2")}
    before.close()
    backup = (tmp_path / "keys.sqlite").read_bytes()

    store = opened()
    store.shred("r1")
    assert store.roll_epoch(store.epochs()[0].name).destruction is not None
    assert store.unwrap("r2").key == keys["r2"]
    store.close()

    for log in tmp_path.glob("keys.sqlite-*"):
        log.unlink()
    (tmp_path / "keys.sqlite").write_bytes(backup)
    restored = opened()
    assert restored.state("r1") is RecordingKeyState.ACTIVE
    for rid in keys:
        with pytest.raises(KeyShredded):
            restored.unwrap(rid)


def test_after_a_rotation_a_restored_backup_opens_nothing(opened, honest, tmp_path):
    """The old provider key is destroyed as soon as every epoch it wrapped is under another."""
    before = opened()
    key = before.get_or_create("r1").key
    before.close()
    backup = (tmp_path / "keys.sqlite").read_bytes()
    store = opened()
    (gone,) = store.move_epochs().destroyed
    assert honest.key_state(gone.key_id) in {KeyState.PENDING, KeyState.DESTROYED}
    assert opened().unwrap("r1").key == key
    store.close()
    for log in tmp_path.glob("keys.sqlite-*"):
        log.unlink()
    (tmp_path / "keys.sqlite").write_bytes(backup)
    with pytest.raises(KeyShredded):
        opened().unwrap("r1")
