"""What the documents point at is there: files, headings, and the paths that they name."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FOLDERS = ("config", "dockd", "docs", "ingest", "packaging", "tests")
DOCUMENTS = sorted(
    [*ROOT.glob("*.md"), *(one for folder in FOLDERS for one in (ROOT / folder).rglob("*.md") if "node_modules" not in one.parts)]
)  # fmt: skip
# What is installed beside the documents, and sends its readers to them.
SHIPPED = sorted(
    one for folder in ("config", "packaging") for one in (ROOT / folder).rglob("*")
    if one.suffix in (".toml", ".service", ".conf", ".yml", ".txt", ".sh", ".rules") and "node_modules" not in one.parts
)  # fmt: skip
_LINK = re.compile(r"\]\(\s*<?([^)\s>]+)")
_PATH = re.compile(r"`((?:docs|dockd|ingest|tests|config|packaging)/[\w./-]+)(?:::\w+)?`")
_ELSEWHERE = re.compile(r"[a-z]+:")


def without_code(text: str) -> str:
    """Nothing in a block of code, fenced or indented, is a link or a heading."""
    return re.sub(r"(?m)^(?: {4}|\t).*$", "", re.sub(r"(?ms)^```.*?^```$", "", text))


@cache
def headings_of(document: Path) -> frozenset[str]:
    """As they stand in addresses: small, words joined by dashes, a number behind those that come again."""
    found: list[str] = []
    for heading in re.findall(r"(?m)^#{1,6} (.*)$", without_code(document.read_text(encoding="utf-8"))):
        shown = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading)
        found.append(re.sub(r"[^\w\- ]", "", shown.strip().lower()).replace(" ", "-"))
    return frozenset(
        one if not found[:at].count(one) else f"{one}-{found[:at].count(one)}" for at, one in enumerate(found)
    )


def wrong_in(document: Path, text: str) -> list[str]:
    """What it points at and is not there."""
    found = []
    for link in _LINK.findall(without_code(text)):
        if _ELSEWHERE.match(link):
            continue
        path, _, heading = link.partition("#")
        there = document.parent / path if path else document
        if not there.exists() or (heading and heading not in headings_of(there)):
            found.append(link)
    return found + [path for path in _PATH.findall(text) if not (ROOT / path).exists()]


def torn_in(text: str) -> list[str]:
    """Rows of tables that have not as many cells as their head: a bar in a cell needs a backslash, in code too."""
    found, wanted = [], 0
    for line in without_code(text).splitlines():
        cells = len(re.findall(r"(?<!\\)\|", line)) if line.startswith("|") else 0
        if cells and wanted and cells != wanted:
            found.append(line)
        wanted = (wanted or cells) if cells else 0
    return found


@pytest.mark.parametrize("document", DOCUMENTS, ids=[str(one.relative_to(ROOT)) for one in DOCUMENTS])
def test_each_row_of_a_table_is_whole(document: Path) -> None:
    assert torn_in(document.read_text(encoding="utf-8")) == []


def test_where_what_is_shipped_sends_its_readers() -> None:
    name = re.compile(r"[\w/.-]*\.md\b")
    sent = {
        (str(file.relative_to(ROOT)), re.sub(r"^(/+usr/share/doc/dockd/|docs/)", "", to))
        for file in SHIPPED
        for to in name.findall(file.read_text(encoding="utf-8"))
    }
    assert len(sent) > 5
    assert sorted(to for to in sent if not (ROOT / "docs" / to[1]).exists() and "NAME" not in to[1]) == []


@pytest.mark.parametrize("document", DOCUMENTS, ids=[str(one.relative_to(ROOT)) for one in DOCUMENTS])
def test_what_it_points_at_is_there(document: Path) -> None:
    assert wrong_in(document, document.read_text(encoding="utf-8")) == []


def test_each_decision_is_listed() -> None:
    folder = ROOT / "docs" / "decisions"
    text = (folder / "README.md").read_text(encoding="utf-8")
    assert sorted(re.findall(r"\((\d{4}-[\w-]+\.md)\)", text)) == sorted(one.name for one in folder.glob("[0-9]*.md"))


def test_each_document_is_found_from_the_index_and_each_runbook_from_operating() -> None:
    docs = ROOT / "docs"
    linked = set(_LINK.findall((docs / "README.md").read_text(encoding="utf-8")))
    assert {one.name for one in docs.glob("*.md")} - linked == {"README.md"}
    linked = set(_LINK.findall((docs / "operate.md").read_text(encoding="utf-8")))
    assert {f"runbooks/{one.name}" for one in (docs / "runbooks").glob("*.md")} - linked == set()


def test_what_is_not_there_is_found() -> None:
    readme = ROOT / "README.md"
    assert len(DOCUMENTS) > 40
    assert {"README.md", "docs/README.md", "tests/hil/README.md"} <= {str(one.relative_to(ROOT)) for one in DOCUMENTS}
    assert torn_in("| a | b |\n| --- | --- |\n| `c|d` | e |\n| `c\\|d` | e |\n\n| f |\n") == ["| `c|d` | e |"]
    assert wrong_in(readme, "[a](docs/none.md) [b](LICENSE) [c](https://example.org) `tests/none.py::test_a`") == [
        "docs/none.md",
        "tests/none.py",
    ]
    assert wrong_in(readme, "[a](docs/access.md#roles) [b](docs/access.md#rolls) ![c](#dockd)") == [
        "docs/access.md#rolls"
    ]
    assert wrong_in(readme, "    [a](none.md)\n\n```\n[b](none.md)\n```\n") == []
