"""Files that may be anything."""

from __future__ import annotations

import gzip
import io
from pathlib import Path

import pytest

from dockd.ops.logproof import TOO_LONG, Torn, read_lines, what_it_says
from dockd.ops.logproof.lines import Cut


def of(body: bytes) -> list[bytes | None]:
    return list(read_lines(io.BytesIO(body)))


def test_lines_with_and_without_an_end() -> None:
    assert of(b"a\nb\r\n\nc") == [b"a", b"b", b"", b"c"]
    assert of(b"") == []
    assert [type(one) for one in of(b"a\nb")] == [bytes, Cut]


def test_packed_ones_and_several_in_one_file(tmp_path: Path) -> None:
    file = tmp_path / "x.log"
    file.write_bytes(gzip.compress(b"a\nb\n") + gzip.compress(b"c\n"))
    with file.open("rb") as stream:
        assert list(read_lines(stream)) == [b"a", b"b", b"c"]


def test_one_that_is_cut_off_gives_what_it_has() -> None:
    whole = gzip.compress(b"".join(b"%d\n" % number for number in range(100_000)))
    found: list[bytes | None] = []
    with pytest.raises(Torn, match="ends in the middle"):
        found.extend(read_lines(io.BytesIO(whole[: len(whole) // 2])))
    with pytest.raises(Torn, match="damaged"):
        of(whole[:500] + b"\x00" * 500 + whole[1000:])


def test_a_line_that_never_ends_takes_no_memory_but_its_bound() -> None:
    assert of(b"a\n" + b"x" * (2 * TOO_LONG + 5) + b"\nb\n") == [b"a", None, b"b"]
    bomb = gzip.compress(b"\x00" * (16 << 20))
    assert of(bomb) == [None]


@pytest.mark.parametrize("tail", [b"\0" * 5000, b'<30>Nov 21 10:00:00 dock1 dockd[7]: {"@', b"<30>Nov 21 10:00:00 dock1 dockd[7]:", b"<30>Nov 21 10:0", b"<30>Nov 21 10:00:00 dock1 dockd:\n"])  # fmt: skip
def test_what_a_power_cut_leaves_at_the_end_may_have_been_dockds(tail: bytes) -> None:
    said = [line and what_it_says(line) for line in of(b"<30>Nov 21 09:00:00 dock1 sshd[9]: a word\n" + tail)]
    assert said == ["other", "broken"]
