"""Every page in a language in which each message stands in brackets: what stands outside of them is a name, a figure, or marked as English."""

from __future__ import annotations

import asyncio
import json
import platform
import urllib.error
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
    request = urllib.request.Request(
        f"{url}{path}{'&' if '?' in path else '?'}lang=cy", headers={"Accept": "text/html"}
    )
    try:
        with urllib.request.urlopen(request, timeout=20) as answer:
            return str(answer.read().decode("utf-8"))
    except urllib.error.HTTPError as refused:
        with refused:
            return str(refused.read().decode("utf-8"))


# What pages become when they are asked for more, for nothing, or for nonsense.
OTHERS = (
    "/cameras?show=absent&hours=1", "/cameras?camera=nobody", "/footage?show=lost", "/footage?show=all&day=yesterday", "/footage?show=all", "/bays?show=take",
    "/activity?what=all", "/activity?what=all&camera=nobody", "/bays/999", "/footage/nothing", "/cameras/nobody", "/nowhere", "/login/elsewhere", "/parts",
)  # fmt: skip
LIVE = ("/live/now", "/wall/live/now")


def spoken(value: Any) -> str:
    """All texts of what a page's script is given, as the page would have them."""
    if isinstance(value, dict):
        return " ".join(spoken(one) for key, one in value.items() if key not in ("run", "state", "time", "icon"))
    if isinstance(value, list):
        return " ".join(spoken(one) for one in value)
    return value if isinstance(value, str) else ""


def everything(url: str) -> tuple[dict[str, str], frozenset[str]]:
    """Each page's text by its name, and all names."""
    documents = [told(url, path) for path in ("/status", "/bays?limit=1000", "/problems", "/cameras?limit=1000", "/segments?limit=1000")]  # fmt: skip
    known = frozenset(name for document in documents for name in names(document)) | NAMES | DATES
    found = {name: page(url, path) for name, path in addresses(url).items()}
    found |= {path: page(url, path) for path in OTHERS}
    found |= {path: f"<p>{spoken(json.loads(page(url, path)))}</p>" for path in LIVE}
    return found, known


@pytest.mark.timeout(120)
async def test_what_is_no_message_is_a_name(tmp_path: Path) -> None:
    with pseudo_welsh():
        async with staged(tmp_path, frozen=True) as stage:
            pages, known = await asyncio.to_thread(everything, stage.url)
    found = {}
    for name, html in pages.items():
        texts = Texts(names=known)
        texts.feed(html)
        texts.close()
        assert "⟦" in html
        if texts.found:
            found[name] = sorted(set(texts.found))
    assert found == {}
