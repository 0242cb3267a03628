"""What a reload compares, and how a wish to end or reload is heard."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest

from dockd.ops.ending import Wishes
from dockd.ops.reloading import changes, with_keys
from dockd.service import keeps, refuse_an_open_page
from dockd.settings import BaySettings, ListenAddress, defaults
from dockd.settings.live import LIVE
from dockd.store_kinds import Misconfigured


def test_changes_are_named_as_in_the_file() -> None:
    old = defaults()
    new = replace(
        old, bandwidth=replace(old.bandwidth, limit=1e6), wipe=replace(old.wipe, enabled=False, grace=5.0),
        bays=(BaySettings(number=1, usb_path="1-1"),), log=replace(old.log, file=Path("/x")),
    )  # fmt: skip
    assert changes(old, new) == ["bays", "bandwidth.limit", "wipe.enabled", "wipe.grace", "log.file"]
    assert changes(old, old) == []
    applied = with_keys(old, new, [key for key in changes(old, new) if key in LIVE])
    assert changes(old, applied) == ["bandwidth.limit", "wipe.enabled", "wipe.grace"]


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1"])
def test_only_loopback(host: str) -> None:
    settings = defaults()
    with pytest.raises(Misconfigured, match="can be reached from other machines"):
        refuse_an_open_page(replace(settings, page=replace(settings.page, listen=ListenAddress(host, 8080))))
    refuse_an_open_page(settings)


def test_why_no_room_comes_is_logged_once() -> None:
    kept = {"spool": {"kept": {"text": "5 GB are kept."}}}
    news = keeps(kept, said=False)
    assert news is not None
    assert (news.message(), news.severity()) == ("dock room is full: 5 GB are kept.", "warning")
    assert keeps(kept, said=True) is None
    assert keeps({"spool": {"kept": None}}, said=False) is None


async def test_a_wish_to_reload_during_a_reload_is_kept() -> None:
    wishes = Wishes()
    wishes.reload()
    await asyncio.wait_for(wishes.reloading.wait(), 15)
    wishes.reloading.clear()
    wishes.reload()
    wishes.reload()
    await asyncio.wait_for(wishes.reloading.wait(), 15)
