"""`dockd ingest` and what was set by hand for a time on its state."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner

from dockd.app import agent
from dockd.cli.common_options import in_state
from dockd.cli.ingest import ingest as command
from dockd.oneshot import ingest
from dockd.settings import Settings, defaults
from ingest.ledger import Ledger, override
from tests.unit.ingest.station_clock import StationClock

SLOW, LIMIT = 125.0, 2.5e6


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    plain = defaults()
    return replace(
        plain,
        store=replace(plain.store, url="http://127.0.0.1:9"),
        ledger=replace(plain.ledger, path=tmp_path / "ledger.db"),
        spool=replace(plain.spool, path=tmp_path / "spool", keep_free=0),
        bandwidth=replace(plain.bandwidth, limit=LIMIT),
    )


async def test_what_was_set_for_a_time_ends_while_it_runs(settings: Settings) -> None:
    clock = StationClock()
    async with agent(settings, version="test", clock=clock) as built:
        await built.bandwidth.set(SLOW, lasts=60.0)
        clock.pass_by(61.0)
        assert built.bandwidth.now.rate == SLOW, "nobody has looked yet"
        await ingest(built, [], wait=0.0)
        assert (built.bandwidth.now.rate, built.bandwidth.now.source) == (LIMIT, "limit")


async def test_who_has_a_limit_of_its_own_does_not_take_it_up(settings: Settings) -> None:
    clock = StationClock()
    async with agent(settings, version="test", clock=clock) as built:
        await built.bandwidth.set(SLOW, lasts=60.0)
    async with agent(settings, version="test", clock=clock, overridden=False) as built:
        assert built.bandwidth.now.rate == LIMIT
    async with agent(settings, version="test", clock=clock) as built:
        assert built.bandwidth.now.rate == SLOW, "it holds for others yet"


@pytest.mark.parametrize(
    ("options", "left"), [(("--limit", "20 Mbit/s"), True), ((), False)], ids=["own limit", "none"]
)
def test_the_command_leaves_it_alone_only_with_a_limit_of_its_own(tmp_path: Path, options: Sequence[str], left: bool) -> None:  # fmt: skip
    """One whose time is over: who takes it up sees it end, and says so in the ledger."""
    camera, where = tmp_path / "CAM", in_state(tmp_path / "state")
    camera.mkdir()

    async def there(*, begun: bool) -> bool:
        opened = await Ledger.open(where.ledger, keys=tmp_path / "state" / "keys")
        if begun:
            await opened.commit(lambda tx: override.begin(tx, rate=SLOW, lasts=0.001))
        found = await opened.read(lambda db: override.known(db.execute))
        await opened.close()
        return found is not None

    where.ledger.parent.mkdir()
    assert asyncio.run(there(begun=True))
    words = [
        str(camera),
        "--store",
        "http://127.0.0.1:9",
        "--state",
        str(tmp_path / "state"),
        "--wait",
        "0 s",
        *options,
    ]
    done = CliRunner().invoke(command, words)
    assert done.exit_code in (0, 3), done.output
    assert asyncio.run(there(begun=False)) == left
