"""A configuration that was cut off, or garbled, while it was written: never a traceback, every mistake with its line."""

from __future__ import annotations

from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from dockd.settings import Mistake, check, read_text

EXAMPLE = (Path(__file__).parents[4] / "config" / "dockd.toml").read_bytes()


def located(mistakes: list[Mistake], text: str) -> bool:
    lines = text.count("\n") + 1
    return all(mistake.line is not None and 1 <= mistake.line <= lines for mistake in mistakes)


def test_cut_at_every_byte() -> None:
    fine = []
    for length in range(len(EXAMPLE) + 1):
        text = EXAMPLE[:length].decode()
        mistakes = list(read_text(text, file="dockd.toml", environ={}).mistakes)
        assert located(mistakes, text), length
        assert all(str(mistake).isprintable() for mistake in mistakes)
        if not mistakes:
            fine.append(length)
    # Right again only once the one key that has to be there is whole.
    assert fine[0] == EXAMPLE.index(b'url = "https://store.example.org"') + len(b'url = "https://store.example.org"')
    assert fine[-1] == len(EXAMPLE)


def test_cut_files_on_the_disk(tmp_path: Path) -> None:
    file = tmp_path / "dockd.toml"
    for length in range(0, len(EXAMPLE), 97):
        file.write_bytes(EXAMPLE[:length])
        for mistake in check(file, {}):
            assert str(mistake).startswith(str(file))
            assert mistake.line is not None or length == 0


@given(st.integers(0, len(EXAMPLE)), st.integers(0, 40), st.binary(max_size=8))
def test_garbled(at: int, gone: int, instead: bytes) -> None:
    text = (EXAMPLE[:at] + instead + EXAMPLE[at + gone :]).decode("utf-8", "replace")
    mistakes = list(read_text(text, file="dockd.toml", environ={}).mistakes)
    assert located(mistakes, text)
    assert all(str(mistake).isprintable() for mistake in mistakes)


@given(st.text())
def test_any_text(text: str) -> None:
    assert located(list(read_text(text, file="dockd.toml", environ={}).mistakes), text)


def test_numbers_that_python_itself_refuses() -> None:
    text = "[pull]\nparallel = [\n" + ("9" * 4000 + ",\n") * 2 + "]\nx = 0b" + "1" * 4000 + "\n"
    mistakes = list(read_text(text, file="F", environ={}).mistakes)
    assert mistakes
    assert located(mistakes, text)
