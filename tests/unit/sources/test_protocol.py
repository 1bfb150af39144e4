"""Keys and tokens: stable for their owner, meaningless to anybody else."""

from __future__ import annotations

import pytest

from sottovoce.domain.confidential import Confidential
from sottovoce.sources.protocol import HmacTokenizer, Timing, agent_token, customer_token, recording_key


def tokenizer(key: bytes = b"k" * 32) -> HmacTokenizer:
    return HmacTokenizer(key=Confidential(key))


def test_a_key_is_thirty_two_hex_digits_and_holds_no_id() -> None:
    """A recording's key is 128 bits in hex and contains nothing of the ids it stands for."""
    key = recording_key(tokenizer(), "calls", "conversation-1", "recording-1")
    assert len(key) == 32
    assert set(key) <= set("0123456789abcdef")


def test_a_key_depends_on_workspace_source_and_every_id() -> None:
    """The same recording has the same key; another workspace, source or id gives another."""
    one = recording_key(tokenizer(), "calls", "a", "b")
    assert one == recording_key(tokenizer(), "calls", "a", "b")
    others = {
        recording_key(tokenizer(b"x" * 32), "calls", "a", "b"),
        recording_key(tokenizer(), "other", "a", "b"),
        recording_key(tokenizer(), "calls", "ab", ""),
        recording_key(tokenizer(), "calls", "a", "c"),
    }
    assert one not in others
    assert len(others) == 4


@pytest.mark.parametrize(
    "written",
    [
        "tel:+12025550111",
        "+1 (202) 555-0111",
        "+1.202.555.0111",
        " +12025550111 ",
        "sip:+12025550111@10.0.0.1;user=phone",
    ],
)
def test_one_number_gives_one_token_however_it_is_written(written: str) -> None:
    """A caller is the same person in whatever notation the number arrives."""
    assert customer_token(tokenizer(), written) == customer_token(tokenizer(), "+12025550111")


@pytest.mark.parametrize("withheld", [None, "", "anonymous", "sip:anonymous@anonymous.invalid", "Restricted"])
def test_a_withheld_number_makes_nobody(withheld: str | None) -> None:
    """Strangers who withhold their number are not made one person."""
    assert customer_token(tokenizer(), withheld) is None


def test_customers_and_agents_never_share_a_token() -> None:
    """The kinds of tokens are apart even for equal values."""
    assert agent_token(tokenizer(), "same") != customer_token(tokenizer(), "same")
    assert agent_token(tokenizer(), None) is None


def test_a_short_key_is_refused() -> None:
    """A tokenizer key of less than 16 bytes could be guessed."""
    with pytest.raises(ValueError, match="16 bytes"):
        tokenizer(b"short")


def test_the_systems_clock_has_an_offset() -> None:
    """Times from the system clock are aware."""
    assert Timing.of_system().now().tzinfo is not None
