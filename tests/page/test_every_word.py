"""Every page in a language in which each message stands in brackets: what stands outside of them is a name, a figure, or marked as English."""

from __future__ import annotations

import asyncio
import platform
import re
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.page.addresses import addresses, told
from tests.page.staged import staged
from tests.unit.dockd.page.bare import Texts
from tests.unit.dockd.page.pseudo import pseudo_welsh

_NAMED = (
    "id", "serial", "profile", "assigned_to", "path", "camera", "card", "station", "rack", "sha256", "xxh3_128", "hash", "segment", "object", "reason", "by",
)  # fmt: skip
NAMES = {"pool", "UTC", "SHA", "Python", "SQLite", platform.node(), platform.release()}
DATES = {"listopada", "lis", "czwartek", "piątek", "sobota"}  # of the pseudo-language's


def names(value: Any) -> Iterator[str]:
    """Every text of a document that is a name."""
    if isinstance(value, dict):
        for key, one in value.items():
            if key in _NAMED:
                yield from names(one) if isinstance(one, dict) else (str(one), str(one)[:1].upper() + str(one)[1:])
            else:
                yield from names(one)
    elif isinstance(value, list):
        for one in value:
            yield from names(one)


def page(url: str, path: str) -> str:
    with urllib.request.urlopen(f"{url}{path}{'&' if '?' in path else '?'}lang=cy", timeout=20) as answer:
        return str(answer.read().decode("utf-8"))


def everything(url: str) -> tuple[dict[str, str], frozenset[str]]:
    """Each page's text by its name, and all names."""
    documents = [told(url, path) for path in ("/status", "/bays?limit=1000", "/problems", "/cameras?limit=1000", "/segments?limit=1000")]  # fmt: skip
    known = frozenset(name for document in documents for name in names(document)) | NAMES | DATES
    return {name: page(url, path) for name, path in addresses(url).items()}, known


@pytest.mark.timeout(120)
async def test_what_is_no_message_is_a_name(tmp_path: Path) -> None:
    with pseudo_welsh():
        async with staged(tmp_path, frozen=True) as stage:
            pages, known = await asyncio.to_thread(everything, stage.url)
    short = frozenset(part for name in known for part in re.split(r"[^\w]+", name) if len(part) > 1)
    found = {}
    for name, html in pages.items():
        texts = Texts(names=known | short)
        texts.feed(html)
        texts.close()
        assert "⟦" in html
        if texts.found:
            found[name] = sorted(set(texts.found))
    assert found == {}
