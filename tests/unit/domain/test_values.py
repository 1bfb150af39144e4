"""Sound, transcripts and the entity catalogue."""

from __future__ import annotations

import pickle

import numpy as np
import pytest

from sottovoce.domain.confidential import MASK, Confidential
from sottovoce.domain.entities import BUNDLES, FULL_NUMBERS, PRESIDIO, TRANSCRIBE, Entity
from sottovoce.domain.sound import Role, Sound
from sottovoce.domain.spans import Span
from sottovoce.domain.transcript import ChannelTranscript, Segment, Word


def sound(channels: int = 2) -> Sound:
    samples = np.full((channels, 80), 0.25, dtype=np.float32)
    return Sound(samples=samples, rate=8000, roles=(Role.AGENT, Role.CUSTOMER)[:channels])


def test_sound_knows_its_size():
    """Channels, frames and seconds follow from the samples."""
    assert (sound().channels, sound().frames, sound().duration_s) == (2, 80, 0.01)


def test_sound_cannot_be_changed_or_stored():
    """Samples are read-only, never printed and never pickled."""
    it = sound()
    with pytest.raises(ValueError, match="read-only"):
        it.samples[0, 0] = 1.0
    with pytest.raises(TypeError, match="never pickled"):
        pickle.dumps(it)
    assert "0.25" not in repr(it)


def test_sound_needs_a_role_a_channel():
    """A shape that is not (channels, frames) with a role each is refused."""
    with pytest.raises(ValueError, match="one role a channel"):
        Sound(samples=np.zeros((2, 8), dtype=np.float32), rate=8000, roles=(Role.BOTH,))
    with pytest.raises(ValueError, match="channels, frames"):
        Sound(samples=np.zeros(8, dtype=np.float32), rate=8000, roles=(Role.BOTH,))


def test_words_do_not_print():
    """A transcript shows times and no words."""
    word = Word(text=Confidential("Springfield"), span=Span(0, 8), probability=0.9)
    channel = ChannelTranscript(channel=0, segments=(Segment(span=Span(0, 8), words=(word,)),), speech=(Span(0, 8),))
    assert channel.words == (word,)
    assert "Springfield" not in repr(channel)
    assert MASK in repr(channel)


def test_bundles_name_only_entities():
    """Every bundle, and every crosswalk, speaks of catalogued entities."""
    assert set(BUNDLES) == {"pci", "phi", "gdpr_special", "all"}
    assert BUNDLES["all"] == frozenset(Entity)
    for names in (*BUNDLES.values(), FULL_NUMBERS, frozenset(TRANSCRIBE), frozenset(PRESIDIO.values())):
        assert names <= frozenset(Entity)


def test_pci_covers_what_the_standard_names():
    """PCI DSS 3.3.1: card number, verification code, PIN and expiry, said or keyed."""
    for entity in ("CREDIT_DEBIT_NUMBER", "CREDIT_DEBIT_CVV", "CREDIT_DEBIT_EXPIRY", "PIN", "DTMF_DIGITS"):
        assert Entity(entity) in BUNDLES["pci"]
