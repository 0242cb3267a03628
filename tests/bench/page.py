"""The page before a real Chromium: how soon it says anything, how soon what changes is seen, what many viewers cost, how it ends.

The agent is a process of its own (tests/page/stage_process.py: 64 bays, everything real but cameras and store), and so is the browser: what is given of
the agent is its own processor time, from /proc.
"""

from __future__ import annotations

import asyncio
import json
import os
import re
import signal
import statistics
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from tests.bench import machine
from tests.bench.harness import Options
from tests.bench.report import Goal, Report, Table

BAYS, VIEWERS, TABS = 64, 50, 12
TEXT = """
A rack of 64 bays with real ledger, rack, view and page; cameras and store are staged behind their interfaces. Debian's Chromium by Playwright on
the same machine, the agent in a process of its own. "Every bay changes once a second": each of 64 cameras says another charge, so that 64 bays have
another word each second; the time is counted from the camera's word to the word in the page's document. What the front page weighs is counted on the
line, with all headers and the first snapshot of its stream. Viewers of the stream are bare sockets that read all they are given.
"""


@dataclass(frozen=True, kw_only=True)
class Seen:
    """One figure and what it was to be; `wanted` None: for comparison."""

    name: str
    reached: float
    unit: str
    wanted: float | None = None


def run(options: Options) -> Report:
    """All of it, one after the other."""
    found = asyncio.run(_all(options))
    goals = [
        Goal(name=f"{one.name}, {one.unit}", wanted=one.wanted, reached=one.reached, at_least=False) for one in found if one.wanted is not None
    ]  # fmt: skip
    rows = [[one.name, f"{one.reached:,.2f} {one.unit}"] for one in found]
    return Report(
        name="page", title="The page, in a browser", machine=machine.description(options.scratch), text=TEXT, goals=goals,
        tables=[Table(title="All figures", columns=["", "reached"], rows=rows)],
    )  # fmt: skip


async def _all(options: Options) -> list[Seen]:
    from playwright.async_api import async_playwright  # here and not above: only this bench needs them

    from tests.page.browsing import launched

    async with async_playwright() as playwright:
        browser = await launched(playwright)
        try:
            return [
                *await _first_state(browser, options), *await _updates(browser, options), *await _many_changes(browser, options),
                *await _viewers(options), *await _end(browser, options),
            ]  # fmt: skip
        finally:
            await browser.close()


@asynccontextmanager
async def _stage(options: Options, name: str, *words: str) -> AsyncIterator[Any]:
    from tests.page.running_stage import running_stage

    with running_stage(options.scratch / name, *words) as stage:
        yield stage


# -- one viewer ----------------------------------------------------------------------------------------------------------


async def _first_state(browser: Any, options: Options) -> list[Seen]:
    """The front page, nothing kept from before, at a quarter of this processor."""
    from tests.page.browsing import watched
    from tests.page.counting import counting

    painted, weights, requests = [], [], []
    async with _stage(options, "first") as stage:
        for _ in range(3 if options.quick else 11):
            async with counting(stage.url) as line, watched(browser, line.url) as context:
                page = await context.context.new_page()
                session = await context.context.new_cdp_session(page)
                await session.send("Emulation.setCPUThrottlingRate", {"rate": 4})
                await page.goto(line.url + "/", wait_until="load")
                await page.wait_for_selector(f"#bay-{BAYS}")
                at = await page.evaluate(
                    "() => new Promise(done => new PerformanceObserver(l => done(l.getEntries().at(-1).startTime)).observe({type: 'paint', buffered: true}))"
                )
                painted.append(at / 1000)
                await page.wait_for_timeout(2000)
                weights.append(line.down)
                requests.append(len(line.paths))
    return [
        Seen(name="first state at 4x CPU throttle, median", reached=statistics.median(painted), unit="s", wanted=1.0),
        Seen(name="first state at 4x CPU throttle, worst", reached=max(painted), unit="s"),
        Seen(
            name="weight of the front page, with the stream's snapshot",
            reached=max(weights) / 1000,
            unit="kB",
            wanted=60,
        ),
        Seen(name="requests of the front page", reached=max(requests), unit="requests", wanted=10),
    ]


_WATCH = """() => {
  window.seen = [];
  const word = e => e.querySelector('[data-field=word], .word')?.textContent.trim();
  const last = {};
  const look = () => { for (const e of document.querySelectorAll('[id^="bay-"]')) { const w = word(e); if (last[e.id] !== w) { last[e.id] = w; window.seen.push([e.id.slice(4), w, Date.now()]); } } };
  look();
  new MutationObserver(look).observe(document.body, {subtree: true, childList: true, characterData: true});
}"""


def late(seen: Sequence[tuple[str, str, float]], stirred: Sequence[float]) -> tuple[list[float], int]:
    """Seconds from each change to its sight, and how many changes were never seen (a later one came over them). Words carry the charge, and that the turn."""
    at: dict[tuple[int, int], float] = {}
    for bay, word, moment in seen:
        found = re.search(r"(\d+) ?%", word or "")
        if found is not None:
            at.setdefault((int(bay), int(found[1])), moment / 1000)
    waits, missed = [], 0
    for turn, when in enumerate(stirred, 1):
        for number in range(1, BAYS + 1):
            moment = at.get((number, 20 + (turn + number) % 60), 0.0)
            if moment:
                waits.append(max(0.0, moment - when))
            else:
                missed += 1
    return waits, missed


async def _updates(browser: Any, options: Options) -> list[Seen]:
    """Every bay changes once a second; alone, and with twelve tabs."""
    from tests.page.browsing import watched

    seconds, found = 10 if options.quick else 40, []
    for tabs in (1, TABS):
        async with (
            _stage(options, f"updates-{tabs}", "--only", "charging") as stage,
            watched(browser, stage.url) as context,
        ):
            pages = [await context.page("/") for _ in range(tabs)]
            await asyncio.sleep(2)
            for page in pages:
                await page.evaluate(_WATCH)
            stage.do("stir 1")
            await asyncio.sleep(seconds)
            stage.do("stir 0")
            await asyncio.sleep(1.5)
            stirred = json.loads(stage.ask("stirred"))
            waits: list[float] = []
            missed = 0
            for page in pages:
                some, gone = late(await page.evaluate("() => window.seen"), stirred)
                waits, missed = waits + some, missed + gone
            waits.sort()
            of = "one tab" if tabs == 1 else f"{tabs} tabs"
            p95 = waits[int(len(waits) * 0.95)] * 1000 if waits else float("inf")
            found += [
                Seen(
                    name=f"every bay changes once a second, {of}: p95 until seen",
                    reached=p95,
                    unit="ms",
                    wanted=200 if tabs == 1 else None,
                ),
                Seen(
                    name=f"… {of}: median",
                    reached=statistics.median(waits) * 1000 if waits else float("inf"),
                    unit="ms",
                ),
                Seen(name=f"… {of}: worst", reached=waits[-1] * 1000 if waits else float("inf"), unit="ms"),
                Seen(
                    name=f"… {of}: changes never seen of {len(stirred) * BAYS * tabs}",
                    reached=missed,
                    unit="changes",
                    wanted=0,
                ),
            ]
    return found


async def _many_changes(browser: Any, options: Options) -> list[Seen]:
    """What the page holds on to."""
    from tests.page import heap
    from tests.page.browsing import watched

    turns = 47 if options.quick else 470
    async with _stage(options, "heap", "--only", "charging") as stage, watched(browser, stage.url) as context:
        page = await context.page("/")
        await asyncio.to_thread(stage.do, "turns 20")
        before, worker = await heap.of_page(context.context, page), await heap.of_shared_worker(browser, stage.url)
        await asyncio.to_thread(stage.do, f"turns {turns}")
        after, later = await heap.of_page(context.context, page), await heap.of_shared_worker(browser, stage.url)
    found = [
        Seen(name=f"heap of the page after {turns * BAYS:,} changes, more than before", reached=(after.bytes - before.bytes) / 1000, unit="kB", wanted=500),
        Seen(name="heap of the page", reached=after.bytes / 1000, unit="kB"),
        Seen(name="DOM nodes, more than before", reached=after.nodes - before.nodes, unit="nodes", wanted=200),
    ]  # fmt: skip
    if worker is not None and later is not None:
        found.append(
            Seen(
                name="heap of the shared worker, more than before",
                reached=(later - worker) / 1000,
                unit="kB",
                wanted=500,
            )
        )
    return found


# -- many viewers --------------------------------------------------------------------------------------------------------


async def _reading(url: str) -> asyncio.StreamWriter:
    """A viewer of the pages' stream that reads all that it is given, as a browser does."""
    far = urlsplit(url)
    reader, writer = await asyncio.open_connection(far.hostname, far.port)
    writer.write(
        f"GET /live?lang=en HTTP/1.1\r\nHost: {far.netloc}\r\nAccept-Encoding: gzip, deflate, br\r\n\r\n".encode()
    )
    head = await reader.readuntil(b"\r\n\r\n")
    assert b" 200 " in head, head
    assert b"text/event-stream" in head, head

    async def read() -> None:
        while await reader.read(65536):
            pass

    _KEPT.add(task := asyncio.create_task(read()))
    task.add_done_callback(_KEPT.discard)
    return writer


_KEPT: set[asyncio.Task[None]] = set()


def _worked(process: int) -> float:
    """Seconds of processor time so far."""
    fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


async def _viewers(options: Options) -> list[Seen]:
    """Per cent of one core that the agent takes: nobody, one, and fifty viewers; calm, and every bay changing once a second."""
    seconds, found, share = 5 if options.quick else 20, [], dict[tuple[int, int], float]()
    async with _stage(options, "viewers", "--only", "charging") as stage:
        for every in (0, 1):
            stage.do(f"stir {every}")
            for many in (0, 1, VIEWERS):
                async with AsyncExitStack() as stack:
                    for _ in range(many):
                        stack.callback((await _reading(stage.url)).close)
                    await asyncio.sleep(2)
                    began, worked = time.monotonic(), _worked(stage.process.pid)
                    await asyncio.sleep(seconds)
                    share[every, many] = 100 * (_worked(stage.process.pid) - worked) / (time.monotonic() - began)
                of = "every bay changing once a second" if every else "a calm rack"
                wanted = 10.0 if many == VIEWERS else None
                found.append(
                    Seen(name=f"{many} viewers, {of}: of one core", reached=share[every, many], unit="%", wanted=wanted)
                )
        stage.do("stir 0")
    return found


async def _end(browser: Any, options: Options) -> list[Seen]:
    """The real agent with ten viewers, two of them browsers, from SIGTERM to the end of its process; and killed with a page open."""
    from tests.agent import Running, running
    from tests.page.browsing import watched
    from tests.program import store_at

    script = "() => document.getElementById('not-live').checkVisibility()"
    with (
        store_at(options.scratch.absolute() / "central") as store,
        running(options.scratch.absolute() / "dock", store.url) as agent,
    ):
        async with watched(browser, agent.url) as context:
            pages = [await context.page("/") for _ in range(2)]
            viewers = [await _reading(agent.url) for _ in range(8)]
            await asyncio.sleep(2)
            began = time.monotonic()
            await asyncio.to_thread(agent.stop, signal.SIGTERM)
            ended = time.monotonic() - began
            for viewer in viewers:
                viewer.close()
            agent.listen = agent.url.removeprefix("http://")
            again = Running(folder=agent.folder, store=agent.store, listen=agent.listen)
            await asyncio.to_thread(again.start)
            await pages[0].bring_to_front()
            await _until(pages[0], script, so=False)
            await asyncio.sleep(6)
            again.kill()
            killed = time.monotonic()
            await _until(pages[0], script, so=True)
            banner = time.monotonic() - killed
            await asyncio.to_thread(again.start)
            there = time.monotonic()
            await _until(pages[0], script, so=False)
            back = time.monotonic() - there
            again.kill()
    return [
        Seen(name="SIGTERM with ten viewers, two of them browsers", reached=ended, unit="s", wanted=2.0),
        Seen(name="kill -9 with a page open: NOT LIVE after", reached=banner, unit="s", wanted=11.0),
        Seen(name="… and live again, once the agent answers, after", reached=back, unit="s", wanted=5.0),
    ]


async def _until(page: Any, script: str, *, so: bool) -> None:
    async with asyncio.timeout(40):
        while bool(await page.evaluate(script)) is not so:  # noqa: ASYNC110 - it is asked of another process
            await asyncio.sleep(0.05)
