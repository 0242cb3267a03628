"""A certificate is made one at a time, from the whole record; where that cannot be read, that is said."""

from __future__ import annotations

import asyncio
import threading
import time
from pathlib import Path

import pytest

from dockd.page.certificates import Certificates
from dockd.page.doorkeeper import Problem
from tests.unit.ingest.ledger.day import a_day

NOW = 1_800_000_000.0


async def test_one_at_a_time(tmp_path: Path) -> None:
    segments = await a_day(tmp_path)
    certificates = Certificates(tmp_path / "ledger.db")
    first = asyncio.create_task(certificates.html(segments[0], now=NOW))
    await asyncio.sleep(0)
    with pytest.raises(Problem) as refused:
        await certificates.html(segments[1], now=NOW)
    assert refused.value.status == 503
    assert segments[0] in await first
    assert segments[1] in await certificates.html(segments[1], now=NOW), "the next one is made"


async def test_a_record_that_cannot_be_read_is_said_to_be_so(tmp_path: Path) -> None:
    (tmp_path / "ledger.db").write_bytes(b"no ledger at all" * 1000)
    with pytest.raises(Problem) as refused:
        await Certificates(tmp_path / "ledger.db").html("x", now=NOW)
    assert refused.value.status == 503
    assert "cannot be read" in refused.value.detail


async def test_what_nobody_waits_for_is_given_up_and_makes_room(tmp_path: Path) -> None:
    segments = await a_day(tmp_path)
    certificates = Certificates(tmp_path / "ledger.db")
    left = asyncio.create_task(certificates.html(segments[0], now=NOW))
    await asyncio.sleep(0)
    left.cancel()
    await asyncio.wait({left})
    assert left.cancelled()
    assert segments[0] in await certificates.html(segments[0], now=NOW)


async def test_a_record_that_is_too_long_for_a_page_is_for_the_command(tmp_path: Path) -> None:
    segments = await a_day(tmp_path)
    with pytest.raises(Problem) as refused:
        await Certificates(tmp_path / "ledger.db", patience=0.0).html(segments[0], now=NOW)
    assert refused.value.status == 503
    assert f"dockd custody certificate {segments[0]}" in refused.value.detail


class Counted(Certificates):
    """Says how many threads have made one at the same time; each reads on for a moment when it has been given up."""

    running = most = 0

    def _made(self, segment: str, now: float, ended: threading.Event) -> str:
        self.running += 1
        self.most = max(self.most, self.running)
        try:
            ended.wait(5)
            time.sleep(0.03)
            return super()._made(segment, now, ended)
        finally:
            self.running -= 1


async def test_one_that_was_given_up_is_over_before_the_next(tmp_path: Path) -> None:
    """Else there are as many at once as somebody asks for and leaves."""
    segments = await a_day(tmp_path)
    certificates = Counted(tmp_path / "ledger.db", patience=0.01)
    for _ in range(4):
        with pytest.raises(Problem):
            await certificates.html(segments[0], now=NOW)
    assert certificates.most == 1
