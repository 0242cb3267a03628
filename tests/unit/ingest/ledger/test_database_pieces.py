"""A record and a signed head that are not of one moment: pieces of several ledgers were put together, or one was cut."""

from __future__ import annotations

import asyncio
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from ingest.errors import LedgerDamaged
from ingest.ledger.database import open_writer
from tests.unit.ingest.ledger.dock import dock_at

SPOILED = {
    "the last entry is gone": "DELETE FROM custody WHERE seq = (SELECT max(seq) FROM custody)",
    "the last entry is another": "UPDATE custody SET hash = hash || '0' WHERE seq = (SELECT max(seq) FROM custody)",
    "the head is older": "UPDATE head SET seq = seq - 1",
    "no head": "DELETE FROM head",
    "a head alone": "DELETE FROM custody",
}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    async def one_docking() -> None:
        async with dock_at(tmp_path) as dock:
            await dock.attested()

    asyncio.run(one_docking())
    return tmp_path / "ledger.db"


def test_as_it_was_written(path: Path) -> None:
    open_writer(path).close()


@pytest.mark.parametrize("how", SPOILED)
def test_pieces_are_no_ledger(path: Path, how: str) -> None:
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        guards = connection.execute("SELECT name, sql FROM sqlite_master WHERE type = 'trigger'").fetchall()
        for name, _sql in guards:
            connection.execute(f"DROP TRIGGER {name}")
        connection.execute(SPOILED[how])
        for _name, sql in guards:
            connection.execute(sql)
    with pytest.raises(LedgerDamaged, match="not of one moment"):
        open_writer(path).close()
