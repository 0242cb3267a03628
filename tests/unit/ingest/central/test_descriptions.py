from __future__ import annotations

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.central.descriptions import ObjectDescription, UploadDescription, understand
from ingest.central.refusals import Refusal
from ingest.clock import from_rfc3339


def header(**said: bytes) -> str:
    return ",".join(f"{key} {base64.b64encode(value).decode()}" for key, value in said.items())


def test_the_keys_of_the_contract() -> None:
    said = understand(
        header(
            filename=b"a.mp4",
            sha256=b"AB" * 32,
            camera=b"CAM",
            segment=b"s",
            station=b"north",
            dock=b"d1",
            captured_at=b"2026-11-20T09:00:00+01:00",
            evidential=b"TRUE",
            other=b"\xff",
        )
    )
    assert (said.filename, said.camera, said.segment) == ("a.mp4", "CAM", "s")
    assert (said.station, said.dock) == ("north", "d1")
    assert (said.sha256, said.evidential) == ("ab" * 32, True)
    assert said.captured_at == "2026-11-20T08:00:00.000Z"


def test_nothing_is_needed() -> None:
    said = understand(None)
    assert said == understand("")
    assert (said.same, said.evidential) == (None, False)


@pytest.mark.parametrize(
    "said",
    [
        {"sha256": b"ab"},
        {"sha256": b"g" * 64},
        {"captured_at": b"20.11.2026"},
        {"captured_at": b"\xff"},
        {"evidential": b"perhaps"},
        {"camera": b"c" * 513},
        {"segment": b"s" * 4097},
    ],
)
def test_what_the_contract_names_is_read_strictly(said: dict[str, bytes]) -> None:
    with pytest.raises(Refusal, match=next(iter(said))):
        understand(header(**said))


def test_the_same_key_hangs_on_all_three() -> None:
    said = {"camera": b"c", "segment": b"s", "sha256": b"0" * 64}
    key = understand(header(**said)).same
    assert key is not None
    assert understand(header(**said, filename=b"x")).same == key
    for name, other in (("camera", b"c2"), ("segment", b"s2"), ("sha256", b"1" * 64)):
        assert understand(header(**{**said, name: other})).same not in (None, key)
        assert understand(header(**{k: v for k, v in said.items() if k != name})).same is None
    # Names that only differ in where one ends and the next begins are told apart.
    assert understand(header(camera=b"a", segment=b"bc", sha256=b"0" * 64)).same != (
        understand(header(camera=b"ab", segment=b"c", sha256=b"0" * 64)).same
    )


@given(name=st.binary(max_size=50), size=st.integers(0, 2**62), at=st.integers(0, 2**33), marked=st.booleans())
def test_descriptions_come_back_as_they_were_written(name: bytes, size: int, at: int, marked: bool) -> None:
    upload = UploadDescription(id="a" * 32, size=size, metadata=header(filename=name), owner="o", created_at=at)
    assert UploadDescription.from_json(upload.to_json()) == upload
    stored = ObjectDescription(
        id="a" * 32,
        size=size,
        sha256="0" * 64,
        metadata=header(filename=name, segment=name),
        owner="o",
        stored_at=at,
        evidential=marked,
    )
    back = ObjectDescription.from_json(stored.to_json())
    assert back == stored
    assert back.announced.filename is not None
    assert back.announced.filename.encode("utf-8", "surrogateescape") == name


@pytest.mark.parametrize("text", [b"", b"{}", b"[]", b'{"format": 2}', b'{"format": 1}', b'{"format": 1, "id": "x"}'])
def test_damaged_descriptions_are_noticed(text: bytes) -> None:
    with pytest.raises(ValueError, match=r"."):
        UploadDescription.from_json(text)
    with pytest.raises(ValueError, match=r"."):
        ObjectDescription.from_json(text)


def test_the_retention_period_counts_from_the_later_of_capture_and_upload() -> None:
    def kept_from(captured: bytes) -> float:
        return ObjectDescription(
            id="a", size=0, sha256="", metadata=header(captured_at=captured), owner="", stored_at=1e9, evidential=False
        ).keep_from

    assert kept_from(b"1999-01-01T00:00:00Z") == 1e9
    assert kept_from(b"2031-01-01T00:00:00Z") == from_rfc3339("2031-01-01T00:00:00Z")
    assert kept_from(b"") == 1e9
