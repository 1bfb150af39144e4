"""An upload opens whole, in its own place, for its own inbox; everything else is refused by name."""

from __future__ import annotations

import json
import os

import pytest
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import given, settings
from hypothesis import strategies as st

from sottovoce.domain.confidential import Confidential
from sottovoce.errors import UploadRefused
from sottovoce.uploads.details import read_details
from sottovoce.uploads.envelope import (
    HEADER_BYTES,
    Address,
    Contents,
    enclose,
    open_details,
    open_key,
    open_media,
    read_head,
)
from sottovoce.uploads.refusals import Refusal

PRIVATE = Confidential(X25519PrivateKey.generate())
PUBLIC = PRIVATE.reveal().public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
ADDRESS = Address(inbox="t/voices", contributor="c-bcd", upload="ab" * 16, location="in/c-bcd/one.svup")
DETAILS, MEDIA = b'{"details":1}', bytes(range(256)) * 130
WHOLE = enclose(
    Contents(details=Confidential(DETAILS), media=Confidential(MEDIA)), to=PUBLIC, address=ADDRESS, random=os.urandom
)
REASONS = {reason.value for reason in Refusal}


def opened(data: bytes, address: Address = ADDRESS) -> tuple[bytes, bytes]:
    head = read_head(data[:HEADER_BYTES], size=len(data))
    key = open_key(head, PRIVATE, address)
    details = open_details(head, key, address, data)
    return details.reveal(), open_media(head, key, address, data, details=details).reveal()


@settings(max_examples=25, deadline=None)
@given(details=st.binary(max_size=3000), media=st.binary(max_size=40_000))
def test_what_was_enclosed_comes_out(details: bytes, media: bytes) -> None:
    """Both parts, of any length, empty ones too."""
    contents = Contents(details=Confidential(details), media=Confidential(media))
    assert opened(enclose(contents, to=PUBLIC, address=ADDRESS, random=os.urandom)) == (details, media)


@settings(max_examples=300, deadline=None)
@given(at=st.integers(0, len(WHOLE) - 1), flip=st.integers(1, 255))
def test_any_changed_byte_is_refused(at: int, flip: int) -> None:
    """Wherever a byte is changed, nothing of the sound is handed out, and the reason has a name."""
    changed = bytearray(WHOLE)
    changed[at] ^= flip
    if at in range(40, 56):  # whose it is: the examiner compares that before anything is opened
        assert read_head(bytes(changed), size=len(changed)).owner != ADDRESS.owner
        return
    with pytest.raises(UploadRefused) as refused:
        opened(
            bytes(changed),
            Address(
                inbox="t/voices", contributor="c-bcd", upload=bytes(changed[56:72]).hex(), location=ADDRESS.location
            ),
        )
    assert refused.value.reason in REASONS


@settings(max_examples=150, deadline=None)
@given(length=st.integers(0, len(WHOLE) - 1))
def test_any_truncation_is_refused(length: int) -> None:
    """Cut anywhere, it is truncated, or no upload at all."""
    with pytest.raises(UploadRefused) as refused:
        opened(WHOLE[:length])
    assert refused.value.reason in {Refusal.TRUNCATED, Refusal.NOT_AN_UPLOAD}


@settings(max_examples=300, deadline=None)
@given(data=st.binary(max_size=400), size=st.integers(0, 1 << 62))
def test_the_parser_answers_by_name_whatever_it_is_given(data: bytes, size: int) -> None:
    """No input makes it raise anything else, and none makes it allocate."""
    for start in (b"", WHOLE[:8], WHOLE[:HEADER_BYTES]):
        try:
            head = read_head((start + data)[:HEADER_BYTES], size=size)
        except UploadRefused as refused:
            assert refused.reason in REASONS
        else:
            assert head.size == size


@settings(max_examples=300, deadline=None)
@given(data=st.one_of(st.binary(max_size=300), st.text(max_size=300).map(str.encode)))
def test_details_are_read_strictly(data: bytes) -> None:
    """Whatever stands there instead of details is refused by name, and not repeated."""
    with pytest.raises(UploadRefused) as refused:
        read_details(Confidential(data))
    assert refused.value.reason == Refusal.DETAILS_INVALID


@settings(max_examples=100, deadline=None)
@given(
    depth=st.integers(1, 5000),
    value=st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=20),
        lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=10), inner, max_size=4),
        max_leaves=20,
    ),
)
def test_any_json_in_place_of_details_is_refused(depth: int, value: object) -> None:
    """Nested beyond measure, or with fields of its own."""
    for text in (json.dumps({"body": value, "signature": "AA=="}), "[" * depth + "]" * depth):
        with pytest.raises(UploadRefused):
            read_details(Confidential(text.encode()))


@pytest.mark.parametrize(
    "elsewhere",
    [
        Address(inbox="t/other", contributor="c-bcd", upload="ab" * 16, location="in/c-bcd/one.svup"),
        Address(inbox="t/voices", contributor="c-xyz", upload="ab" * 16, location="in/c-bcd/one.svup"),
        Address(inbox="t/voices", contributor="c-bcd", upload="cd" * 16, location="in/c-bcd/one.svup"),
        Address(inbox="t/voices", contributor="c-bcd", upload="ab" * 16, location="in/c-bcd/two.svup"),
    ],
    ids=["inbox", "contributor", "upload", "object"],
)
def test_an_upload_opens_in_its_own_place_only(elsewhere: Address) -> None:
    """Another inbox, contributor, upload or object: its key does not open."""
    with pytest.raises(UploadRefused) as refused:
        opened(WHOLE, elsewhere)
    assert refused.value.reason == Refusal.KEY_FORGED


def test_parts_of_two_uploads_do_not_mix() -> None:
    """Details of one and sound of another, though both are whole: neither opens beside the other."""
    other = enclose(
        Contents(details=Confidential(DETAILS), media=Confidential(MEDIA)),
        to=PUBLIC,
        address=ADDRESS,
        random=os.urandom,
    )
    cut = len(WHOLE) - len(MEDIA)
    with pytest.raises(UploadRefused) as refused:
        opened(WHOLE[:cut] + other[cut:])
    assert refused.value.reason == Refusal.CONTENT_BROKEN
