"""Bad input on the way of the corpus line (SPEC 16): a named error or a reason, nothing lost, a retry completes.

Registry, ledger, vault, sources, screening and redaction are the product's own; only hearing, finding and
disguising are quick. `carry_all` does what the engine does with each recording, without its waiting.
"""

from __future__ import annotations

import errno
import io
import os
import shutil
import struct
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
import soundfile

from sottovoce.domain.confidential import Confidential
from sottovoce.domain.outcome import Reason
from sottovoce.domain.sound import Sound
from sottovoce.domain.spans import Span
from sottovoce.domain.transcript import Segment, Transcript, Word
from sottovoce.errors import LedgerUnavailable, PolicyError, SourceError, SourceUnavailable, StorageError
from sottovoce.ledger.entry import Action
from sottovoce.ledger.verifier import Found
from sottovoce.pipeline.refs import StepError
from sottovoce.policy.load import load_policy
from sottovoce.redact.redactor import Redactor
from sottovoce.sandbox.faults import Faults
from sottovoce.sandbox.serve import Sandbox
from sottovoce.settings import Workspace
from sottovoce.sources.genesys.client import GenesysClient
from sottovoce.sources.genesys.hosts import Hosts
from sottovoce.sources.genesys.source import GenesysSource
from sottovoce.sources.protocol import HmacTokenizer, Timing
from sottovoce.storage.protocol import UNLABELLED, ObjectLabels, ObjectStore
from sottovoce.testing.calls import call_entry, write_calls
from sottovoce.testing.clock import SteppedClock
from sottovoce.testing.house import (
    Deaf,
    OneSecond,
    OneWord,
    carry_all,
    exchange,
    make_test_workspace,
    quick_house,
    settle_all,
)
from sottovoce.testing.keys import MemoryKeys
from sottovoce.testing.postgres import find_binaries, running_server
from sottovoce.testing.redaction import ScriptedFinder
from sottovoce.testing.stores import LyingStore
from sottovoce.wiring.house import House
from sottovoce.wiring.rooms import noise_source

CONCLUDING = frozenset({Action.RECORDING_SEALED, Action.RECORDING_QUARANTINED, Action.RECORDING_EXCLUDED})


@pytest.fixture(scope="module")
def fresh(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    return make_test_workspace(tmp_path_factory.mktemp("fresh") / "w", count=2)


@pytest.fixture
def workspace(fresh: Workspace, tmp_path: Path) -> Workspace:
    """Two recordings; a copy, because making keys is slow on purpose."""
    shutil.copytree(fresh.root, tmp_path / "w")
    return Workspace(tmp_path / "w")


@contextmanager
def opened(workspace: Workspace, **rooms: object) -> Iterator[House]:
    house = exchange(quick_house(workspace), **rooms)
    try:
        yield house
    finally:
        house.close()


def run(house: House) -> dict[str, str]:
    return carry_all(house, settle_all(house))


def reasons(house: House) -> list[str]:
    """How everything ended, by reason or status."""
    return sorted(str(o.reason or o.status) for o in house.registry.outcomes(house.line.name))


def check_whole(house: House) -> None:
    """One concluding entry for each outcome and reopening, a ledger that verifies, and no stray ciphertext."""
    house.ledger.checkpoint()
    assert house.ledger.verify().found is Found.OK
    outcomes = house.registry.outcomes(house.line.name)
    said = [entry.action for _, entry in house.ledger.entries()]
    reopened = said.count(Action.RECORDING_REOPENED)
    assert sum(action in CONCLUDING for action in said) == len(outcomes) + reopened
    known = {held.location for o in outcomes for held in house.registry.objects(o.recording)}
    root = house.workspace.root / "objects"
    lying = {p.relative_to(root).as_posix() for p in root.rglob("*") if p.is_file()}
    assert lying == known
    for outcome in outcomes:
        for held in house.registry.objects(outcome.recording):
            assert house.vault.open(held, house.vault.fetch(held)).reveal()


def retried(house: House, *, expect: int) -> None:
    """What was quarantined is tried again and sealed; what was sealed stays as it was."""
    assert house.reopen_quarantined() == expect
    assert list(run(house).values()) == ["sealed"] * expect
    assert set(reasons(house)) == {"sealed"}
    check_whole(house)


# media


def wav(*, channels: int = 1, bits: int = 16, data: bytes = b"\0" * 160, claims: int | None = None) -> bytes:
    align = channels * bits // 8
    form = struct.pack("<HHIIHH", 1, channels, 8000, 8000 * align, align, bits)
    size = len(data) if claims is None else claims
    body = b"WAVEfmt " + struct.pack("<I", 16) + form + b"data" + struct.pack("<I", size) + data
    return b"RIFF" + struct.pack("<I", len(body)) + body


def written(*, container: str = "FLAC", codec: str = "PCM_16", value: float = 0.1) -> bytes:
    out, sound = io.BytesIO(), np.random.default_rng(5).uniform(-0.1, 0.1, (24_000, 2)).astype(np.float32)
    sound[12_000] = value
    soundfile.write(out, sound, 8000, format=container, subtype=codec)
    return out.getvalue()


def forged(total: int) -> bytes:
    """A FLAC whose STREAMINFO claims a total of samples: 36 bits at byte 21."""
    raw = bytearray(written())
    raw[18:26] = (int.from_bytes(raw[18:26], "big") >> 36 << 36 | total).to_bytes(8, "big")
    return bytes(raw)


BAD_MEDIA = {
    "empty": (b"", Reason.MEDIA_UNREADABLE),
    "truncated": (wav(claims=48_000), Reason.MEDIA_TRUNCATED),
    "truncated FLAC": (written()[:20_000], Reason.MEDIA_UNREADABLE),
    "half a frame": (wav(data=b"\0" * 161), Reason.MEDIA_TRUNCATED),
    "forged, 64 G samples": (forged(2**36 - 1), Reason.MEDIA_TOO_LARGE),
    "forged within the caps": (forged(8000 * 600), Reason.MEDIA_UNREADABLE),
    "noise for a header": (b"fLaC" + b"\xff" * 4000, Reason.MEDIA_UNREADABLE),
    "a programme": (b"\x7fELF" + bytes(range(256)) * 8, Reason.MEDIA_UNREADABLE),
    "a playlist": (b"#EXTM3U\nfile:///etc/passwd\n", Reason.MEDIA_UNREADABLE),
    "a list for concatenation": (b"ffconcat version 1.0\nfile other.wav\n", Reason.MEDIA_UNREADABLE),
    "65,535 channels": (wav(channels=65_535, bits=8, data=b"\0" * 65_535), Reason.MEDIA_TOO_LARGE),
    "NaN samples": (written(container="WAV", codec="FLOAT", value=float("nan")), Reason.MEDIA_UNREADABLE),
    "infinite samples": (written(container="WAV", codec="FLOAT", value=float("inf")), Reason.MEDIA_UNREADABLE),
}


@pytest.mark.parametrize("name", BAD_MEDIA)
def test_bad_media_are_quarantined_and_the_rest_goes_on(workspace, name):
    """What is no whole, finite sound is withheld by name, left where it was, and sealed once it was mended."""
    bad, reason = BAD_MEDIA[name]
    path = workspace.root / "calls" / "call-0000.wav"
    good = path.read_bytes()
    path.write_bytes(bad)
    with opened(workspace) as house:
        assert sorted(run(house).values()) == ["quarantined", "sealed"]
        assert reasons(house) == sorted([reason.value, "sealed"])
        check_whole(house)
        assert path.read_bytes() == bad
        path.write_bytes(good)
        retried(house, expect=1)


def test_a_wrong_extension_does_not_matter(workspace):
    """A file is what its own bytes say: a FLAC named .wav is a FLAC."""
    (workspace.root / "calls" / "call-0000.wav").write_bytes(written())
    with opened(workspace) as house:
        assert set(run(house).values()) == {"sealed"}
        codecs = {o.facts["codec"] for o in house.registry.outcomes("corpus")}
        containers = {e.facts["container"] for _, e in house.ledger.entries() if e.action is Action.RECORDING_FETCHED}
    assert (codecs, containers) == ({"PCM_16"}, {"WAV", "FLAC"})


def test_a_file_that_went_away_is_named_so(workspace):
    """A recording deleted between looking and fetching is quarantined as gone, and completes once it is back."""
    path = workspace.root / "calls" / "call-0000.wav"
    good = path.read_bytes()
    with opened(workspace) as house:
        keys = settle_all(house)
        path.unlink()
        carry_all(house, keys)
        assert reasons(house) == ["MEDIA_GONE", "sealed"]
        path.write_bytes(good)
        retried(house, expect=1)


def test_a_folder_that_is_not_there_is_an_error(workspace):
    """A source that cannot be read through is an error with a hint, never an empty source."""
    calls = workspace.root / "calls"
    calls.rename(workspace.root / "elsewhere")
    with opened(workspace) as house:
        with pytest.raises(SourceError) as refused:
            run(house)
        assert refused.value.hint
        assert house.registry.outcomes("corpus") == ()
        (workspace.root / "elsewhere").rename(calls)
        assert set(run(house).values()) == {"sealed"}


# hearing


def of_a_longer_call(heard: Transcript, sound: Sound) -> Transcript:
    late = Span(2 * sound.frames, 3 * sound.frames)
    word = Word(text=Confidential("word"), span=late, probability=1.0)
    channels = tuple(replace(c, segments=(Segment(span=late, words=(word,)),)) for c in heard.channels)
    return replace(heard, channels=channels)


OTHER_CALLS: dict[str, Callable[[Transcript, Sound], Transcript]] = {
    "longer": of_a_longer_call,
    "with fewer channels": lambda heard, _: replace(heard, channels=heard.channels[:1]),
    "of another rate": lambda heard, _: replace(heard, rate=2 * heard.rate),
}


class OfAnotherCall(OneWord):
    """Hears something else than it was given."""

    def __init__(self, change: Callable[[Transcript, Sound], Transcript]) -> None:
        super().__init__()
        self._change = change

    def transcribe(self, sound: Sound, *, language: str | None) -> Transcript:
        return self._change(super().transcribe(sound, language=language), sound)


def redactor(transcriber: object, finder: object = None) -> Redactor:
    return Redactor(transcriber=transcriber, finder=finder or OneSecond(), ears=(Deaf(),), noise_source=noise_source)


@pytest.mark.parametrize("name", OTHER_CALLS)
def test_the_transcript_of_another_call_is_refused(workspace, name):
    """Words that cannot be this sound's withhold the recording; with the right words it completes."""
    with opened(workspace, redactor=redactor(OfAnotherCall(OTHER_CALLS[name]))) as house:
        assert set(run(house).values()) == {"quarantined"}
        assert reasons(house) == ["HEARING_FAILED", "HEARING_FAILED"]
        check_whole(house)
    with opened(workspace) as house:
        retried(house, expect=2)


def test_a_transcriber_that_raises_what_it_heard_is_quoted_nowhere(workspace):
    """A surprise in the middle is a reason with a type; its words are in no file of the workspace."""

    class Quoting(OneWord):
        def transcribe(self, sound: Sound, *, language: str | None) -> Transcript:
            raise RuntimeError("zanzibar marmalade")

    with opened(workspace, redactor=redactor(Quoting())) as house:
        run(house)
        assert reasons(house) == ["HEARING_FAILED", "HEARING_FAILED"]
    assert not any(b"zanzibar" in p.read_bytes() for p in workspace.root.rglob("*") if p.is_file())


# policy

TYPOS = {
    "an unknown section": ("selection:", "selectoin:", "selection"),
    "an unknown key": ("  basis: consent", "  bassis: consent", "basis"),
    "an unknown value": ("  basis: consent", "  basis: consnt", "consent"),
    "a number in words": ("  min_seconds: 1.0", "  min_seconds: one", ""),
    "a secret in the clear": ("  passphrase: file:passphrase", "  passphrase: hunter2", ""),
    "a source of no kind": ("    kind: folder", "    kind: foldr", "folder"),
    "no YAML": ("sources:", "sources: [", ""),
}


@pytest.mark.parametrize("name", TYPOS)
def test_a_typo_in_the_policy_is_an_error_with_its_line(workspace, name):
    """A policy that is not understood whole is not used at all; mended, the run completes."""
    right, wrong, suggestion = TYPOS[name]
    good = workspace.policy.read_text()
    assert right in good
    workspace.policy.write_text(good.replace(right, wrong, 1))
    with pytest.raises(PolicyError) as refused:
        load_policy(workspace.policy)
    assert refused.value.line
    assert suggestion in refused.value.hint
    assert "hunter2" not in str(refused.value)
    with opened(workspace) as house, pytest.raises(PolicyError):
        run(house)
    workspace.policy.write_text(good)
    with opened(workspace) as house:
        assert set(run(house).values()) == {"sealed"}


# storage


class FullStore(LyingStore):
    """Has room for so many objects, then answers as a full disk does."""

    def __init__(self, *, inner: ObjectStore, room: int) -> None:
        super().__init__(inner=inner, lie=lambda data: data)
        self.room = room

    def put(self, name: str, data: bytes, *, labels: ObjectLabels = UNLABELLED) -> None:
        if self.room == 0:
            raise StorageError(f"the object store is full ({os.strerror(errno.ENOSPC)})", hint="free some space")
        self.room -= 1
        super().put(name, data, labels=labels)


@pytest.mark.parametrize("room", [0, 1, 5])
def test_a_disk_that_fills_leaves_nothing_half_written(workspace, room):
    """What finds no room is quarantined without its remains, and sealed once there is room again."""
    with opened(workspace) as house:
        full = FullStore(inner=house.store, room=room)
        exchange(house, store=full)
        run(house)
        short = 2 if room < 4 else 1
        assert reasons(house) == ["SEALING_FAILED"] * short + ["sealed"] * (2 - short)
        check_whole(house)
        full.room = 100
        retried(house, expect=short)


LIES: dict[str, Callable[[bytes], bytes | None]] = {
    "nothing": lambda data: None,
    "something else": lambda data: data[:-1] + bytes([data[-1] ^ 1]),
    "half of it": lambda data: data[: len(data) // 2],
}


@pytest.mark.parametrize("name", LIES)
def test_a_store_that_lies_is_found_out(workspace, name):
    """A store that answers OK and keeps nothing, or something else, is never believed."""
    with opened(workspace) as house:
        exchange(house, store=LyingStore(inner=house.store, lie=LIES[name]))
        run(house)
        assert reasons(house) == ["SEALING_FAILED", "SEALING_FAILED"]
        check_whole(house)
    with opened(workspace) as house:
        retried(house, expect=2)


# keys


def test_a_key_service_that_does_not_answer_delays(workspace):
    """Nothing is sealed without keys; once the service answers everything completes."""
    keys = MemoryKeys(clock=lambda: datetime.now(UTC))
    with opened(workspace, key_ring=keys) as house:
        chosen = settle_all(house)
        house.vault.epochs()
        keys.reachable = False
        carry_all(house, chosen)
        assert reasons(house) == ["SEALING_FAILED", "SEALING_FAILED"]
        keys.reachable = True
        retried(house, expect=2)


def test_a_key_service_that_refuses_withholds(workspace):
    """A frozen key is a refusal, not tried again by itself; thawed, everything completes."""
    keys = MemoryKeys(clock=lambda: datetime.now(UTC))
    with opened(workspace, key_ring=keys) as house:
        chosen = settle_all(house)
        carry_all(house, chosen[:1])
    keys.freeze("key-0")
    with opened(workspace, key_ring=keys) as house:
        carry_all(house, chosen[1:])
        assert reasons(house) == ["SEALING_FAILED", "sealed"]
        keys.thaw("key-0")
        retried(house, expect=1)


# databases


def test_a_full_disk_under_the_registry_undoes_the_step(tmp_path):
    """When the registry cannot grow, an outcome and its entries are written together or not at all; then all completes."""
    with opened(make_test_workspace(tmp_path / "w", count=12)) as house:
        chosen = settle_all(house)
        with house.registry.engine.connect() as connection:
            pages = connection.exec_driver_sql("PRAGMA page_count").scalar_one()
            connection.exec_driver_sql(f"PRAGMA max_page_count = {pages}")
        with pytest.raises(StepError, match="E_LEDGER_UNAVAILABLE"):
            carry_all(house, chosen)
        before = house.registry.outcomes("corpus")
        assert len(before) < len(chosen)
        said = [entry.object for _, entry in house.ledger.entries() if entry.action in CONCLUDING]
        assert sorted(said) == sorted(outcome.recording for outcome in before)
        with house.registry.engine.connect() as connection:
            connection.exec_driver_sql("PRAGMA max_page_count = 1000000")
        run(house)
        carry_all(house, chosen)
        short = [outcome for outcome in house.registry.outcomes("corpus") if outcome.status != "sealed"]
        assert {outcome.reason for outcome in short} <= {Reason.LEDGER_FAILED}
        retried(house, expect=len(short))
        assert len(house.registry.outcomes("corpus")) == len(chosen)


class Interrupting(OneWord):
    """Does something to the surroundings once, in the middle of a recording."""

    def __init__(self, happens: Callable[[], None]) -> None:
        super().__init__()
        self._happens: list[Callable[[], None]] = [happens]

    def transcribe(self, sound: Sound, *, language: str | None) -> Transcript:
        while self._happens:
            self._happens.pop()()
        return super().transcribe(sound, language=language)


def test_a_database_that_goes_away_in_the_middle(tmp_path):
    """A PostgreSQL that stops while a recording is carried loses nothing and writes nothing by half."""
    binaries = find_binaries()
    if binaries is None:
        pytest.skip("no PostgreSQL binaries on this machine")
    with running_server(binaries) as url:
        folder = Path(url.partition("host=")[2])

        def control(*arguments: str) -> None:
            command = [str(binaries / "pg_ctl"), "-D", str(folder / "data"), "-w", *arguments]
            account = {"user": folder.stat().st_uid, "extra_groups": []} if os.geteuid() == 0 else {}
            subprocess.run(
                command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd="/", **account
            )

        workspace = make_test_workspace(tmp_path / "w", count=2, database=url)
        hears = Interrupting(lambda: control("-m", "fast", "stop"))
        with opened(workspace, redactor=redactor(hears)) as house:
            chosen = settle_all(house)
            with pytest.raises(StepError, match=r"E_(LEDGER|KEY)_UNAVAILABLE"):
                carry_all(house, chosen)
            with pytest.raises(LedgerUnavailable) as away:
                house.registry.outcomes("corpus")
            assert away.value.hint
            control("-l", str(folder / "log"), "-o", f"-k {folder} -c listen_addresses=''", "start")
            assert house.registry.outcomes("corpus") == ()
            assert set(carry_all(house, chosen).values()) == {"sealed"}
            check_whole(house)


# clocks


def test_a_clock_that_jumps_changes_no_outcome(workspace):
    """Back a month and on a year between recordings: one outcome each, a ledger that verifies, samples that open."""
    now = [datetime(2026, 11, 30, 23, 59, tzinfo=UTC)]
    house = quick_house(workspace, clock=lambda: now[0])
    chosen = settle_all(house)
    carry_all(house, chosen[:1])
    house.ledger.checkpoint()
    now[0] -= timedelta(days=45)
    house.ledger.checkpoint()
    carry_all(house, chosen[1:])
    now[0] += timedelta(days=400)
    assert settle_all(house) == ()
    assert reasons(house) == ["sealed", "sealed"]
    check_whole(house)
    house.close()


# the platform

PASSING = [
    Faults(transcoding_polls=2),
    Faults(too_many=3, retry_after_s=20),
    Faults(server_errors=3),
    Faults(forgotten_tokens=1),
    Faults(expired_urls=2),
    Faults(media_errors=2),
    Faults(truncated=1),
]
LASTING = [
    (Faults(transcoding_polls=100_000), "SOURCE_FAILED"),
    (Faults(too_many=100_000), "SOURCE_FAILED"),
    (Faults(server_errors=100_000), "SOURCE_FAILED"),
    (Faults(expired_urls=100_000), "SOURCE_FAILED"),
    (Faults(media_errors=100_000), "SOURCE_FAILED"),
    (Faults(truncated=100_000), "MEDIA_TRUNCATED"),
    (Faults(corrupt=100_000), "MEDIA_UNREADABLE"),
]


@contextmanager
def calling(workspace: Workspace, folder: Path, count: int = 1) -> Iterator[tuple[House, Sandbox]]:
    """The house with a source that talks to the sandbox, on a clock that moves only when waited on."""
    clock = SteppedClock()
    entries = [call_entry(n) for n in range(count)]
    with Sandbox(write_calls(folder, entries), now=clock.now, url_lifetime_s=10**7, rate_limit=10**6) as sandbox:
        client = GenesysClient(
            hosts=Hosts.of(api_url=sandbox.api_url, media_hosts=(sandbox.media_host,)),
            client_id=Confidential(sandbox.client_id),
            client_secret=Confidential(sandbox.client_secret),
            timing=Timing(now=clock.now, monotonic=clock.monotonic, sleep=clock.sleep),
            requests_per_minute=3000,
        )
        source = GenesysSource(
            name="calls",
            client=client,
            tokenizer=HmacTokenizer(key=Confidential(b"k" * 32)),
            attributes=frozenset({"aiTrainingConsent"}),
            since=datetime(2026, 10, 1, tzinfo=UTC),
        )
        with opened(workspace, sources={"calls": source}, redactor=redactor(OneWord(), ScriptedFinder())) as house:
            yield house, sandbox


@pytest.mark.parametrize("faults", PASSING, ids=lambda f: next(iter(f.model_dump(exclude_defaults=True))))
def test_a_platform_that_stumbles_is_waited_for(workspace, tmp_path, faults):
    """202s, 429s, 503s, lost tokens, expired addresses and half a body cost time and nothing else."""
    with calling(workspace, tmp_path / "calls") as (house, sandbox):
        chosen = settle_all(house)
        sandbox.faults.set(faults.model_dump(exclude_defaults=True))
        assert list(carry_all(house, chosen).values()) == ["sealed"]
        check_whole(house)


@pytest.mark.parametrize(
    ("faults", "reason"),
    LASTING,
    ids=lambda f: next(iter(f.model_dump(exclude_defaults=True)), "") if isinstance(f, Faults) else f,
)
def test_a_platform_that_stays_down_is_named(workspace, tmp_path, faults, reason):
    """What does not pass is a reason; once it has, a retry completes."""
    with calling(workspace, tmp_path / "calls") as (house, sandbox):
        chosen = settle_all(house)
        named = faults.model_dump(exclude_defaults=True)
        sandbox.faults.set(named)
        carry_all(house, chosen)
        assert reasons(house) == [reason]
        check_whole(house)
        sandbox.faults.set(dict.fromkeys(named, 0))
        retried(house, expect=1)


def test_a_platform_that_cannot_be_looked_through_is_an_error(workspace, tmp_path):
    """A listing that breaks off is an error with a hint: half a list would look like all there is."""
    with calling(workspace, tmp_path / "calls") as (house, sandbox):
        sandbox.faults.set({"server_errors": 100_000})
        with pytest.raises(SourceUnavailable) as refused:
            settle_all(house)
        assert refused.value.hint
        sandbox.faults.set({"server_errors": 0})
        assert set(run(house).values()) == {"sealed"}


@pytest.mark.parametrize("state", ["ARCHIVED", "DELETED"])
def test_an_archived_or_deleted_recording_is_recognised(workspace, tmp_path, state):
    """Before looking it is excluded for its state; after, while it is fetched, it is gone, and may come back."""
    with calling(workspace, tmp_path / "calls", count=2) as (house, sandbox):
        calls = sandbox.catalog.calls
        first, second = calls
        calls[first] = calls[first].model_copy(update={"file_state": state})
        chosen = settle_all(house)
        assert reasons(house) == ["FILE_STATE"]
        calls[second] = calls[second].model_copy(update={"file_state": state})
        carry_all(house, chosen)
        assert reasons(house) == ["FILE_STATE", "MEDIA_GONE"]
        calls[second] = calls[second].model_copy(update={"file_state": "AVAILABLE"})
        assert house.reopen_quarantined() == 1
        assert list(run(house).values()) == ["sealed"]
        check_whole(house)
