"""Each configuration that the documents show is one that dockd takes: whole, or as a part of one that has a store."""

from __future__ import annotations

import re
import textwrap
from pathlib import Path

import pytest

from dockd.profiles.registry_checks import mistakes_in
from dockd.settings import read_text
from dockd.settings.reading import Reading
from dockd.settings.schema import SECTIONS
from ingest.central.settings import SettingsError, read_settings

ROOT = Path(__file__).parents[2]
DOCUMENTS = sorted([ROOT / "README.md", *(ROOT / "docs").glob("*.md"), *(ROOT / "docs" / "runbooks").glob("*.md")])
BASE = '[store]\nurl = "https://store.example.org"\n'
_FENCED = re.compile(r"(?ms)^```toml ?([^\n]*)\n(.*?)^```$")
_PASTED = re.compile(r"(?ms)^```sh\n(.*?)^```$")
_INDENTED = re.compile(r"(?m)^ {4}\[\[?(\w+)\]\]?.*\n(?:(?: {4}.*)?\n)*")


def shown_in(text: str) -> list[tuple[str, str]]:
    """Configurations of the agent and of the embedded store: what they are marked as ("" is a whole one), and what they say."""
    fenced = [(mark, said) for mark, said in _FENCED.findall(text) if mark in ("", "fragment", "store")]
    rest = _FENCED.sub("", text)
    rest = _PASTED.sub(lambda block: re.sub("(?m)^", "    ", block[1]), rest)
    parts = [textwrap.dedent(one[0]) for one in _INDENTED.finditer(rest) if one[1] in SECTIONS]
    return fenced + [("fragment", one.partition("\nEND\n")[0] + "\n") for one in parts]


def looked_at(mark: str, said: str) -> Reading:
    """A part that says nothing of the store belongs to a file that does."""
    has_store = re.search(r"(?m)^\[store\]", said) is not None
    return read_text(said if mark == "" or has_store else said + BASE, file="shown", environ={})


@pytest.mark.parametrize("document", DOCUMENTS, ids=[one.name for one in DOCUMENTS])
def test_what_is_shown_is_taken(document: Path, tmp_path: Path) -> None:
    for mark, said in shown_in(document.read_text(encoding="utf-8")):
        if mark == "store":
            file = tmp_path / "store.toml"
            file.write_text(said, encoding="utf-8")
            read_settings(file)
        else:
            assert [str(one) for one in looked_at(mark, said).mistakes] == [], said


def test_each_list_of_cameras_that_is_shown_is_taken() -> None:
    lists = [
        textwrap.dedent(one) for document in DOCUMENTS
        for one in re.findall(r"(?m)^(?: {4})?camera,assigned_to,note\n(?:^(?: {4})?[^\n]*,[^\n]*\n)+", document.read_text(encoding="utf-8"))
    ]  # fmt: skip
    assert len(lists) > 1
    assert [mistakes_in(one.encode(), file="F") for one in lists] == [[]] * len(lists)


def test_what_would_not_be_taken_is_found(tmp_path: Path) -> None:
    assert sum(len(shown_in(one.read_text(encoding="utf-8"))) for one in DOCUMENTS) > 20
    ((mark, said),) = shown_in("```toml\n[station]\nname = 1\n```\n")
    assert [one.key for one in looked_at(mark, said).mistakes] == ["store.url", "station.name"]
    ((mark, said),) = shown_in("text\n\n    [wipe]\n    enable = true\n\ntext\n")
    assert [one.key for one in looked_at(mark, said).mistakes] == ["wipe.enable"]
    assert shown_in("    [Service]\n    User=dockd\n") == []
    ((mark, said),) = shown_in("```toml store\n[store]\nkeep = 1\n```\n")
    (tmp_path / "store.toml").write_text(said, encoding="utf-8")
    with pytest.raises(SettingsError):
        read_settings(tmp_path / "store.toml")
