"""Demographics before training: counts, flags and a page (SPEC 11.5)."""

from __future__ import annotations

import json
from html.parser import HTMLParser
from xml.etree import ElementTree as ET

import pytest

from sottovoce.corpus.audit import audit
from sottovoce.corpus.demographics import demographics
from sottovoce.corpus.page import page
from sottovoce.corpus.sample import Sample, Split
from sottovoce.policy.model import MinimumShare


def sample(number, **changes):
    plain = {
        "corpus_id": f"{number:032x}",
        "queue_category": "billing",
        "duration_s": 36.0,
        "audio_format": "flac_16khz_mono",
        "capture_year": 2025,
        "accent_region": "scotland",
        "audio_quality": "8khz",
        "language": "en",
        "split": Split.TRAIN,
    }
    return Sample(**(plain | changes))


SAMPLES = [
    sample(1),
    sample(2, accent_region="wales", duration_s=108.0, split=Split.TEST),
    sample(3, queue_category="sales", capture_year=2024, duration_s=400.0),
]


def bars(counted, dimension):
    found = next(d for d in counted.distributions if d.dimension == dimension)
    return [(b.value, b.samples, round(b.hours * 3600)) for b in found.bars]


def test_distributions_are_of_hours():
    """Every dimension is counted in samples and hours, the most hours first; lengths in their own order."""
    counted = demographics(SAMPLES, version="corpus/v1", label="voice-transformed")
    assert bars(counted, "queue_category") == [("sales", 1, 400), ("billing", 2, 144)]
    assert bars(counted, "year") == [("2024", 1, 400), ("2025", 2, 144)]
    assert bars(counted, "accent_region") == [("scotland", 2, 436), ("wales", 1, 108)]
    assert bars(counted, "split") == [("train", 2, 436), ("test", 1, 108)]
    assert bars(counted, "duration_band") == [("30-60", 1, 36), ("60-120", 1, 108), ("300+", 1, 400)]
    assert bars(counted, "codec") == [("unknown", 3, 544)]
    assert (counted.samples, round(counted.hours * 3600)) == (3, 544)
    assert counted.mean_s == pytest.approx(544 / 3)


def test_what_the_registry_knows_is_summed_only():
    """Codec, device and season are counted where known, and belong to no sample on the page."""
    facts = {SAMPLES[0].corpus_id: {"codec": "PCMU", "season": "winter"}, SAMPLES[1].corpus_id: {"codec": "G.711"}}
    counted = demographics(SAMPLES, version="corpus/v1", label="x", facts=facts)
    assert bars(counted, "codec") == [("unknown", 1, 400), ("g711", 2, 144)]
    assert SAMPLES[0].corpus_id not in page(counted)
    assert SAMPLES[0].corpus_id not in json.dumps(counted.as_json())


@pytest.mark.parametrize(
    ("dimension", "value", "share", "found"),
    [
        ("queue_category", "Sales", 0.5, None),
        ("queue_category", "billing", 0.5, 144 / 544),
        ("codec", "g711", 0.3, 0.0),
        ("accent_region", "ireland", 0.1, 0.0),
    ],
)
def test_imbalances(dimension, value, share, found):
    """A minimum share that is missed is flagged with what was found."""
    wanted = MinimumShare(dimension=dimension, value=value, share=share)
    counted = demographics(SAMPLES, version="v", label="x", minimum_shares=[wanted])
    if found is None:
        assert counted.imbalances == ()
    else:
        assert counted.imbalances[0].found == pytest.approx(found)
        assert "flags" in page(counted)


class Names(HTMLParser):
    def __init__(self):
        super().__init__()
        self.tags, self.links = [], []

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.links += [v for k, v in attrs if k in {"src", "href"}]


def test_the_page_stands_alone():
    """No script, no link, nothing fetched; dark mode and a phone's width are provided for."""
    text = page(demographics(SAMPLES, version="corpus/v1", label="voice-transformed"))
    names = Names()
    names.feed(text)
    assert not {"script", "link", "img", "iframe"} & set(names.tags)
    assert names.links == []
    assert "url(" not in text
    assert "http" not in text
    assert "prefers-color-scheme: dark" in text
    assert 'name="viewport"' in text
    assert "voice-transformed" in text


def test_bars_are_drawn_from_the_counts():
    """Each SVG is well formed, says its numbers in words, and its bars are as long as their shares."""
    text = page(demographics(SAMPLES, version="corpus/v1", label="x"))
    first = text[text.index("<svg") : text.index("</svg>") + 6]
    svg = ET.fromstring(first)  # noqa: S314 -- our own page
    assert svg.get("role") == "img"
    assert "sales 74%" in svg.get("aria-label")
    widths = [float(r.get("width")) for r in svg.iter("rect") if r.get("class") == "b"]
    assert widths == pytest.approx([360 * 400 / 544, 360 * 144 / 544], abs=0.06)


def test_an_empty_version_has_a_page():
    """Nothing to count is shown as nothing."""
    counted = demographics(
        [], version="corpus/v1", label="x", minimum_shares=[MinimumShare(dimension="year", value="2025", share=0.1)]
    )
    assert (counted.hours, counted.mean_s) == (0.0, 0.0)
    assert "No samples." in page(counted)


def test_long_values_are_cut_to_fit():
    """A value that would run into its numbers is cut; the figure's label has it whole."""
    long = "a" * 40
    text = page(demographics([sample(1, queue_category=long)], version="v", label="x"))
    assert f"{long} 100%" in text
    assert f">{'a' * 29}…</text>" in text


def test_labels_are_escaped():
    """Whatever a name holds is text."""
    assert "<b>" not in page(demographics(SAMPLES, version="<b>", label="<b>"))


def test_an_audit_of_a_version(world):
    """The registry adds codec and season to what was released; erased recordings are left out."""
    for number in range(1, 4):
        world.seal(number)
    world.seal(4, codec=None, said={"verified": True, "method": "disguise", "codec": "ALAW"})
    world.releaser.release(actor="svc-release")
    counted = audit("corpus/v1", versions=world.versions, store=world.registry, policy=world.policy)
    assert counted.label == "voice-transformed"
    assert [b[:2] for b in bars(counted, "codec")] == [("g711", 8)]
    assert [b[:2] for b in bars(counted, "season")] == [("summer", 8)]

    class Erased:
        def __getattr__(self, name):
            return getattr(world.registry, name)

        def recall(self, key):
            from sottovoce.errors import RecordingErased

            raise RecordingErased("the recording was erased")

    without = audit("corpus/v1", versions=world.versions, store=Erased(), policy=world.policy)
    assert [b[:2] for b in bars(without, "codec")] == [("unknown", 8)]
