"""One Chromium and one staged rack for each process of the tests; a context of its own for each test.

`stage` is for tests that change nothing; `own_stage` for those that do. `agent` is the real `dockd run` with cameras that are folders.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Protocol

import pytest
import pytest_asyncio
from playwright.async_api import Browser, async_playwright

from tests.agent import Running, running
from tests.page.addresses import addresses
from tests.page.browsing import Looking, Watched, launched, watched
from tests.page.running_stage import RunningStage, running_stage
from tests.page.tools import axe
from tests.program import store_at


class Staging(Protocol):
    """Starts a staged rack with these options."""

    def __call__(self, *options: str) -> RunningStage: ...


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def browser() -> AsyncIterator[Browser]:
    async with async_playwright() as playwright:
        found = await launched(playwright)
        try:
            yield found
        finally:
            await found.close()


@pytest.fixture(scope="session")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningStage]:
    with running_stage(tmp_path_factory.mktemp("stage"), "--frozen") as found:
        yield found


@pytest.fixture(scope="session")
def places(stage: RunningStage) -> Mapping[str, str]:
    """The address of each page on the stage, by its name in `tests.page.addresses.NAMES`."""
    return addresses(stage.url)


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def _looking(browser: Browser, stage: RunningStage) -> AsyncIterator[Looking]:
    async with watched(browser, stage.url) as found:
        yield Looking(found, await found.context.new_page())


@pytest_asyncio.fixture(loop_scope="session")
async def looking(_looking: Looking) -> AsyncIterator[Looking]:
    """The page for looking at the stage; nothing may have gone wrong in it when the test is over."""
    yield _looking
    found: Watched = _looking.watched
    wrong, found.wrong = found.wrong, []
    assert not wrong, wrong


@pytest.fixture
def own_stage(tmp_path: Path) -> Iterator[Staging]:
    with ExitStack() as stack:
        yield lambda *options: stack.enter_context(running_stage(tmp_path, *options))


@pytest.fixture
def agent(tmp_path: Path) -> Iterator[Running]:
    """Two cameras, all of their footage in the store."""
    with store_at(tmp_path / "central") as store:
        before = Running(folder=tmp_path / "dock", store=store.url)
        before.configure()
        for name in ("CAM01", "CAM02"):
            before.dock(name, {"DCIM/a.mp4": name.encode() * 1000})
        with running(tmp_path / "dock", store.url) as found:
            for name in ("CAM01", "CAM02"):
                found.until_state(name, "ready")
            yield found


@pytest.fixture(scope="session")
def axe_script() -> str:
    return axe()
