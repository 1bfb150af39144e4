"""What is in a parcel: the sound in the vendor's form, the metadata that the mapping names, and nothing else."""

from __future__ import annotations

import csv
import io
import json
import xml.etree.ElementTree as ET
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from sottovoce.conformance.metadata import dirt
from sottovoce.delivery.packing import Order, Packer
from sottovoce.delivery.parcel import CallFacts, Errand, Parcel, Waybill
from sottovoce.delivery.profile import Profile, load_profile, profile_names
from sottovoce.domain.sound import Role
from sottovoce.errors import UnreadableMedia
from sottovoce.testing.delivery import RATE, ROLES, MemorySeals, as_flac, redacted_parts, two_voices
from sottovoce.wiring.delivery import SpeechStudio

KEY = "ab" * 16
ERRAND = Errand(line="analytics", recording=KEY, destination="vendor")
FACTS = CallFacts(
    roles=ROLES,
    started_at=datetime(2026, 3, 1, 12, tzinfo=UTC),
    language="en-US",
    agent_token="PLANTED-AGENT",
    customer_token="PLANTED-CUSTOMER",
)


def pack(parts: dict[Any, bytes], profile: Profile, *, facts: CallFacts = FACTS, **order: Any) -> Parcel:
    seals = MemorySeals()
    sealed = seals.seal(KEY, parts)
    wanted = Order(errand=ERRAND, profile=profile, **{"minimum_active_ratio": 0.0, **order})
    return Packer(vault=seals, studio=SpeechStudio(), version="1.2").pack(sealed, facts, wanted)


def profile_with(**audio: Any) -> Profile:
    generic = load_profile("generic", base=Path())
    return Profile.model_validate({**generic.model_dump(), "audio": {**generic.audio.model_dump(), **audio}})


def sound_of(parcel: Parcel) -> tuple[Any, int]:
    samples, rate = soundfile.read(io.BytesIO(parcel.items[0].data.reveal()), dtype="float32", always_2d=True)
    return samples.T, rate


def test_lossless_forms_are_the_same_to_the_sample() -> None:
    """WAV at the recording's own rate holds the sealed samples, each channel where the vendor wants it."""
    samples = soundfile.read(io.BytesIO(as_flac(two_voices())), dtype="float32", always_2d=True)[0].T
    agent_first, rate = sound_of(pack(redacted_parts(), profile_with(order=("agent", "customer"))))
    customer_first, _ = sound_of(pack(redacted_parts(), profile_with(order=("customer", "agent"))))
    assert rate == RATE
    assert np.array_equal(agent_first, samples[::-1])
    assert np.array_equal(customer_first, samples)


def test_channels_that_were_sealed_apart_are_put_together() -> None:
    """One object a channel makes the same parcel as one object of both."""
    both = two_voices()
    apart = {("redacted", n): as_flac(both[n : n + 1]) for n in (1, 0)}
    assert np.array_equal(sound_of(pack(apart, profile_with()))[0], sound_of(pack(redacted_parts(), profile_with()))[0])


def test_channels_of_different_lengths_are_refused() -> None:
    """What does not belong together is never sent as one call."""
    apart = {("redacted", 0): as_flac(two_voices()[:1]), ("redacted", 1): as_flac(two_voices(seconds=1.0)[:1])}
    with pytest.raises(UnreadableMedia):
        pack(apart, profile_with())


def test_an_original_is_never_taken() -> None:
    """A recording of which only the original was sealed has nothing to send."""
    with pytest.raises(UnreadableMedia):
        pack({("original", None): as_flac(two_voices()), ("raw", None): as_flac(two_voices())}, profile_with())


@pytest.mark.parametrize(
    ("audio", "form"),
    [
        ({"container": "flac", "name": "{id}.flac"}, "flac/pcm_16/8000/2"),
        ({"codec": "ulaw"}, "wav/ulaw/8000/2"),
        ({"container": "ogg", "codec": "opus", "name": "{id}.ogg"}, "ogg/opus/8000/2"),
        ({"rates": (16_000,)}, "wav/pcm_16/16000/2"),
        ({"rates": (8000, 16_000)}, "wav/pcm_16/8000/2"),
        ({"channels": "mixed"}, "wav/pcm_16/8000/1"),
    ],
)
def test_the_form_is_the_profiles(audio: dict[str, Any], form: str) -> None:
    """Container, codec, rate and channels are those of the profile, and the length is kept."""
    parcel = pack(redacted_parts(), profile_with(**audio))
    assert parcel.waybill.format == form
    samples, rate = sound_of(parcel)
    assert f"{rate}/{len(samples)}" == form.split("/", 2)[2]
    assert abs(samples.shape[1] / rate - 2.0) < 0.05


@pytest.mark.parametrize("name", profile_names())
def test_no_metadata_of_a_container_goes_along(name: str) -> None:
    """What is sent in any packaged form says nothing of where it came from."""
    parcel = pack(redacted_parts(), load_profile(name, base=Path()))
    assert dirt(parcel.items[0].data.reveal()) == ()


def test_the_share_of_speech_is_measured_after_redaction() -> None:
    """Two quarters of the sound are speech, one on each channel; silence in its place is not counted."""
    half = pack(redacted_parts(), profile_with()).waybill
    assert 500 <= half.active_permille <= 800
    silent = two_voices()
    silent[0] = 0
    quarter = pack({("redacted", None): as_flac(silent)}, profile_with(), minimum_active_ratio=0.5).waybill
    assert 250 <= quarter.active_permille < 500
    assert quarter.is_quiet and not half.is_quiet


def test_a_sidecar_says_what_the_mapping_names_and_nothing_else() -> None:
    """Fields under the vendor's names; tokens as this destination's own pseudonyms."""
    parcel = pack(redacted_parts(), load_profile("callminer", base=Path()))
    said = json.loads(parcel.items[1].data.reveal())
    assert said == {
        "SourceId": ERRAND.mark,
        "MediaFileName": f"{ERRAND.mark}.wav",
        "ClientCaptureDate": "2026-03-01T12:00:00+00:00",
        "Duration": 2.0,
        "Language": "en-US",
        "AgentId": ERRAND.pseudonym("PLANTED-AGENT"),
        "Channels": "agent+customer",
    }


def test_two_destinations_cannot_put_their_ids_together() -> None:
    """Marks and pseudonyms differ for each destination, and none is the registry's own key."""
    other = Errand(line="analytics", recording=KEY, destination="other")
    assert len({ERRAND.mark, other.mark, KEY}) == 3
    assert ERRAND.pseudonym("token") != other.pseudonym("token")
    assert ERRAND.pseudonym(None) is None


def test_csv_and_xml_are_read_by_their_own_readers() -> None:
    """The other two forms hold the same."""
    by_csv = pack(redacted_parts(), load_profile("nice-nexidia", base=Path())).items[1].data.reveal().decode()
    (row,) = csv.DictReader(io.StringIO(by_csv))
    assert (row["ExternalId"], row["ChannelLayout"]) == (ERRAND.mark, "agent+customer")
    by_xml = ET.fromstring(pack(redacted_parts(), load_profile("verint", base=Path())).items[1].data.reveal())  # noqa: S314
    assert (by_xml.tag, by_xml.findtext("InteractionId")) == ("Interaction", ERRAND.mark)
    assert by_xml.findtext("Redacted") == "true"


def test_the_transcript_goes_along_only_where_it_is_asked_for() -> None:
    """It is the redacted one, as it was sealed; the map never goes."""
    without, with_it = (pack(redacted_parts(), profile_with(), with_transcript=each) for each in (False, True))
    assert [item.part for item in without.items] == ["audio", "sidecar"]
    assert json.loads(with_it.items[2].data.reveal())["channels"][0]["words"] == [{"text": "[NAME_1]"}]


def test_a_mono_call_of_nobody_in_particular_is_sent_as_it_is() -> None:
    """Where nobody knows who speaks on which channel, nothing is put in order."""
    facts = CallFacts(roles=(Role.BOTH,))
    parcel = pack({("redacted", None): as_flac(two_voices()[:1])}, profile_with(), facts=facts)
    assert parcel.waybill.format == "wav/pcm_16/8000/1"
    assert json.loads(parcel.items[1].data.reveal())["channels"] == "both"


def test_a_waybill_survives_the_book_and_holds_no_sound() -> None:
    """What is written down is read back as it was; it is names, digests and sizes."""
    waybill = pack(redacted_parts(), profile_with()).waybill
    assert Waybill.of(json.loads(json.dumps(waybill.as_json()))) == waybill
    assert waybill.bytes == sum(label.size for label in waybill.labels)


def test_a_parcel_shows_nothing_when_it_is_printed() -> None:
    """Neither sound nor words are in its representation."""
    assert "NAME_1" not in repr(pack(redacted_parts(), profile_with(), with_transcript=True))
