"""Names on cards are bytes, and every one of them can be shown, told apart and got back."""

from __future__ import annotations

import dataclasses

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.model import CameraId, Head, Tally, folder_camera, is_sha256, legible, shown, whole_text


@given(st.binary(max_size=300))
def test_shown_can_be_turned_back(path: bytes) -> None:
    assert shown(path).encode("utf-8", "surrogateescape") == path


@given(st.binary(max_size=300))
def test_legible_never_disturbs_a_terminal_or_a_line(path: bytes) -> None:
    text = legible(path)
    assert all(c.isprintable() for c in text)
    text.encode("utf-8")


@pytest.mark.parametrize(
    ("path", "text"),
    [(b"DCIM/a b.mp4", "DCIM/a b.mp4"), (b"a\nb\x1b[0m", "a\\nb\\x1b[0m"), (b"\xff", "\\xff"), ("é".encode(), "é")],
)
def test_legible(path: bytes, text: str) -> None:
    assert legible(path) == text


def test_a_bidi_override_does_not_turn_a_line_around() -> None:
    assert legible("\u202egpm".encode()) == "\\u202egpm"


@given(st.binary(min_size=1, max_size=60), st.binary(min_size=1, max_size=60))
def test_two_folders_are_two_cameras(one: bytes, other: bytes) -> None:
    assert (folder_camera(one).id == folder_camera(other).id) == (one == other)


def test_a_camera_is_profile_serial_and_card() -> None:
    ids = {
        CameraId(profile=profile, serial=serial, card=card).id
        for profile in ("folder", "axon", "reveal")
        for serial in ("000000", "1")
        for card in ("", "AB-12")
    }
    assert len(ids) == 12
    assert str(CameraId(profile="axon", serial="1", card="AB-12")) == "axon:1~AB-12"


@pytest.mark.parametrize("text", ["", "a" * 63, "A" * 64, "g" * 64, "a" * 65, "a" * 64 + "\n", b"a" * 64, None, 1])
def test_what_is_no_sha256(text: object) -> None:
    assert not is_sha256(text)


def test_what_is_a_sha256() -> None:
    assert is_sha256("0123456789abcdef" * 4)


def test_values_are_frozen() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        Head(seq=1, hash="a").seq = 2  # type: ignore[misc]


def test_a_tally_has_the_five_names_of_the_contract() -> None:
    assert Tally(listed=5, copied=4, confirmed=3, wiped=2, held=1).as_dict() == {
        "listed": 5, "copied": 4, "confirmed": 3, "wiped": 2, "held": 1,
    }  # fmt: skip


@given(st.text(st.characters(codec=None, exclude_categories=()), max_size=50))
def test_whole_text_can_be_written_down_by_everybody(text: str) -> None:
    whole = whole_text(text)
    whole.encode("utf-8")
    assert whole_text(whole) == whole
    if not any("\ud800" <= c <= "\udfff" for c in text):
        assert whole == text
