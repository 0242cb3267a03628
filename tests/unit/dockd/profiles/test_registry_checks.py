"""The site's list of its cameras: each mistake with its line, whatever the file holds."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dockd.profiles.registry_checks import LARGEST, MOST_TOLD, mistakes_in, registry_mistakes

HEADER = "camera,assigned_to,note\n"
A_HEADER = 'expected a first line "camera,assigned_to,note"'


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (HEADER, []),
        ("\ufeffCamera , note\r\n\r\nCAM1,x\r\n", []),
        (HEADER + 'CAM1,"Fry, Philip","the ""old"" one"\n\ndcim:000000~1A2B-3C4D,,\n', []),
        ("", [f"F: is empty, {A_HEADER}"]),
        ("serial,name\nCAM1,A\n", [f"F:1: has no column named camera, {A_HEADER}"]),
        ("camera;assigned_to\nCAM1;A\n", [f"F:1: separates its columns by semicolons, {A_HEADER}, separated by commas"]),
        ("\n\ncamera\tnote\n", [f"F:3: separates its columns by tabs, {A_HEADER}, separated by commas"]),
        ("camera,note,camera\n", ['F:1: has two columns named "camera", expected each column once']),
        (HEADER + "CAM1,A\nCAM2,B\nCAM1,C\n", ['F:4: "CAM1" is already in line 2, expected each camera once']),
        (HEADER + ",Fry,lost\n", ["F:2: names no camera, expected a serial or an id in the column camera"]),
        (HEADER + "CAM1,Fry, Philip,x\n", ["F:2: has 4 fields for 3 columns, expected quotes around what has a comma in it"]),
        (HEADER + '0123456789ABCDEF,A\n', [
            ('F:2: "0123456789ABCDEF" is a factory\'s serial, the same in many cameras, and names nobody, '
            'expected the camera\'s id as the page shows it, such as "dcim:000000~1A2B-3C4D"'),
        ]),
        (HEADER + 'CAM1,"A\nCAM2,B\nCAM3,C\n', ['F:2: opens a quote that is never closed, expected quotes in pairs, a quote within them doubled: "the ""old"" one"']),
        (HEADER + 'CAM1,"A\nCAM2,"\nCAM1,C\n', ["F:2: has a quote that goes on to line 3, so those lines are one, expected quotes closed in their own line"]),
        (HEADER + "CAM1,\0\n", ["F:2: has a null character in it, expected a CSV file in UTF-8 with a first line \"camera,assigned_to,note\""]),
    ],
)  # fmt: skip
def test_every_mistake_with_its_line(text: str, said: list[str]) -> None:
    assert [str(mistake) for mistake in mistakes_in(text.encode(), file="F")] == said


def test_other_encodings_and_bounds() -> None:
    (mistake,) = mistakes_in(HEADER.encode() + b"CAM1,Andr\xe9\n", file="F")
    assert (mistake.line, mistake.message) == (2, "is not UTF-8 text")
    (mistake,) = mistakes_in(b"x" * (LARGEST + 1), file="F")
    assert "4 MiB" in mistake.message
    assert len(mistakes_in(HEADER.encode() + b",x\n" * 5000, file="F")) == MOST_TOLD + 1


def test_a_list_that_cannot_be_read_is_a_mistake_of_its_key(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo")
    held = os.listdir("/proc/self/fd")
    for name, why in (
        ("none", "does not exist"), ("none/none", "does not exist"), ("", "is a directory"), ("fifo", "is not a regular file"),
        ("fifo/none", "cannot be read: Not a directory"), ("n" * 300, "cannot be read: File name too long"), ("a\0b", "cannot be read: embedded null byte"),
    ):  # fmt: skip
        (mistake,) = registry_mistakes(tmp_path / name)
        assert (mistake.key, mistake.message) == ("registry.file", why)
    (mistake,) = registry_mistakes(Path("/run/credentials/dockd.service/cameras"))
    assert mistake.message == 'the credential "cameras" was not handed over'
    assert len(os.listdir("/proc/self/fd")) == len(held)
    (tmp_path / "list").write_text("x\n")
    assert [mistake.file for mistake in registry_mistakes(tmp_path / "list")] == [f"{tmp_path}/list"]


@given(st.text(st.sampled_from('",;\n\r \0a0é\u2028')))
def test_any_text(text: str) -> None:
    for mistake in mistakes_in((HEADER + text).encode(), file="F"):
        assert str(mistake).isprintable()
        assert mistake.line is None or mistake.line >= 1
