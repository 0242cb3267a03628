"""One agent a state, and one a spool: two would take each other's work for leftovers."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from dockd.app import StateInUse, agent
from dockd.settings import Settings, defaults


def settings(ledger: Path, spool: Path) -> Settings:
    plain = defaults()
    return replace(
        plain,
        store=replace(plain.store, url="http://127.0.0.1:9"),
        ledger=replace(plain.ledger, path=ledger),
        spool=replace(plain.spool, path=spool, keep_free=0),
    )


@pytest.mark.parametrize(
    ("ledger", "spool"),
    [("one/ledger.db", "other/spool"), ("other/ledger.db", "one/spool")],
    ids=["the same ledger", "the same spool"],
)
async def test_the_second_is_refused_and_names_the_first(tmp_path: Path, ledger: str, spool: str) -> None:
    first = settings(tmp_path / "one/ledger.db", tmp_path / "one/spool")
    async with agent(first, version="test"):
        with pytest.raises(StateInUse, match=r"another dockd \(process \d+\) works with"):
            async with agent(settings(tmp_path / ledger, tmp_path / spool), version="test"):
                pytest.fail("two agents work with one folder")
    async with agent(first, version="test"):
        pass
