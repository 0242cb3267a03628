from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable
from typing import TypeVar

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.central import tus
from ingest.central.refusals import Refusal

T = TypeVar("T")


def attempt(work: Callable[[], T]) -> T | Refusal:
    """What it gives, or what it is refused with; anything else that it raises is a fault."""
    try:
        return work()
    except Refusal as refusal:
        return refusal


KEYS = st.text(st.characters(min_codepoint=33, max_codepoint=126, exclude_characters=","), min_size=1, max_size=20)


@given(st.dictionaries(KEYS, st.binary(max_size=60), max_size=8))
def test_metadata_round_trip(said: dict[str, bytes]) -> None:
    header = ",".join(f"{key} {base64.b64encode(value).decode()}" for key, value in said.items())
    assert tus.parse_metadata(header) == said


@given(st.one_of(st.text(max_size=300), st.text("ab =,+/Q\t\x00é", max_size=60)))
def test_any_metadata_is_understood_or_refused_and_keys_are_clean(header: str) -> None:
    found = attempt(lambda: tus.parse_metadata(header))
    if isinstance(found, Refusal):
        assert found.status == 400
    else:
        assert all(key.isascii() and key.isprintable() and " " not in key and "," not in key for key in found)


@given(st.one_of(st.text(max_size=30), st.integers(-10, 2**70).map(str)))
def test_a_number_is_its_digits_or_refused(header: str) -> None:
    number = attempt(lambda: tus.parse_number(header, name="Upload-Length"))
    if isinstance(number, Refusal):
        assert number.status == 400
    else:
        assert 0 <= number <= tus.MAX_NUMBER
        assert header.isascii()
        assert header.isdigit()
        assert number == int(header)


@given(st.text(max_size=80))
def test_any_checksum_header_is_understood_or_refused(header: str) -> None:
    found = attempt(lambda: tus.parse_checksum(header))
    if isinstance(found, Refusal):
        assert found.status == 400
    else:
        assert found is not None
        assert len(found.digest) == tus.CHECKSUMS[found.algorithm]


@given(st.sampled_from(sorted(tus.CHECKSUMS)), st.binary(max_size=50))
def test_checksum_round_trip(algorithm: str, data: bytes) -> None:
    digest = hashlib.new(algorithm, data).digest()
    found = tus.parse_checksum(f"{algorithm} {base64.b64encode(digest).decode()}")
    assert found is not None
    assert (found.algorithm, found.digest) == (algorithm, digest)
    assert tus.parse_checksum(None) is None


@given(at=st.integers(0, 50), offset=st.integers(0, 50), more=st.integers(0, 50), body=st.none() | st.integers(0, 120))
def test_bytes_are_taken_only_where_they_belong(at: int, offset: int, more: int, body: int | None) -> None:
    length = offset + more
    refused = attempt(lambda: tus.check_patch(at=at, offset=offset, length=length, body=body))
    if at != offset:
        assert refused is not None
        assert (refused.status, refused.headers["Upload-Offset"]) == (409, str(offset))
    elif body is not None and offset + body > length:
        assert refused is not None
        assert refused.status == 413
    else:
        assert refused is None


@given(size=st.integers(0, 1000), first=st.none() | st.integers(0, 1100), last=st.none() | st.integers(0, 1100))
def test_a_range_selects_what_slicing_would(size: int, first: int | None, last: int | None) -> None:
    header = f"bytes={'' if first is None else first}-{'' if last is None else last}"
    content = bytes(n % 251 for n in range(size))
    if first is None:
        expected = content[-last:] if last else b""
    else:
        expected = content[first:] if last is None else content[first : last + 1]
    whole = first is None and last is None
    backwards = first is not None and last is not None and last < first
    found = attempt(lambda: tus.parse_range(header, size=size))
    if isinstance(found, Refusal):
        assert found.status == 416
        assert expected == b""
    elif found is None:
        assert whole or backwards
    else:
        assert content[slice(*found)] == expected != b""


@given(st.text(max_size=40))
def test_ranges_that_are_nonsense_give_the_whole(header: str) -> None:
    if not header.startswith("bytes="):
        assert tus.parse_range(header, size=10) is None


@pytest.mark.parametrize(
    ("header", "wants"),
    [
        ("sha-256=10", True),
        ("sha-256=1", True),
        ("sha-256=0", False),
        ("sha-256=11", False),
        ("sha-512=3, sha-256=10", True),
        ("sha-512=10", False),
        ("sha-256", False),
        ("", False),
        (None, False),
        ("x" * 300 + ", sha-256=10", False),
    ],
)
def test_want_repr_digest(header: str | None, wants: bool) -> None:
    assert tus.wants_sha256(header) is wants


def test_too_much_metadata_is_refused() -> None:
    with pytest.raises(Refusal, match="8193 bytes long"):
        tus.parse_metadata("a" * 8193)
    with pytest.raises(Refusal, match="65 keys"):
        tus.parse_metadata(",".join(f"k{n}" for n in range(65)))
