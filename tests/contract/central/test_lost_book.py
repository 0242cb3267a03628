"""A store whose book of docks is lost: it is open to nobody, as it was before."""

from __future__ import annotations

import logging
from pathlib import Path

import aiohttp
import pytest

from ingest.central import CentralStore
from ingest.central.enrolment import WAYS, Enrolment
from ingest.central.enrolment_file import EnrolmentFile
from ingest.clock import Clock
from tests.contract.central.conftest import SMALL
from tests.contract.central.tus_client import TusClient, until


async def test_a_store_that_has_lost_its_book_of_docks_is_not_open_on_its_own_machine(
    root: Path, session: aiohttp.ClientSession, caplog: pytest.LogCaptureFixture
) -> None:
    async def status(store: CentralStore) -> int:
        return (await TusClient(store.url, session).ask("GET", "/api/v1/segments")).status

    book = root / "docks.db"
    async with CentralStore(root, settings=SMALL) as store:
        client = TusClient(store.url, session)
        assert await status(store) == 200
        operator = Enrolment(EnrolmentFile(book), clock=Clock())
        operator.invite("rack-1", who="os:ann", lasts=3600, ways=WAYS, approval=False, again=False)
        await until(lambda: client.ask("GET", "/api/v1/segments"), lambda answer: answer.status == 401)
    aside = book.rename(root / "aside")
    for host in ("127.0.0.1", "0.0.0.0"):
        with caplog.at_level(logging.ERROR):
            async with CentralStore(root, listen=(host, 0), settings=SMALL) as store:
                store.url = store.url.replace("0.0.0.0", "127.0.0.1")
                assert await status(store) == 401
        assert "book of docks" in caplog.text
        assert "docks-invited" in caplog.text
        caplog.clear()
    aside.rename(book)
    (root / "keys" / "docks-invited").unlink()  # a store of before it was kept
    async with CentralStore(root, settings=SMALL) as store:
        assert await status(store) == 401
    assert (root / "keys" / "docks-invited").exists()
    book.unlink()
    (root / "keys" / "docks-invited").unlink()
    async with CentralStore(root, settings=SMALL) as store:
        assert await status(store) == 200  # somebody meant it


async def test_nor_one_that_lost_it_before_it_ran_again(root: Path, session: aiohttp.ClientSession) -> None:
    async with CentralStore(root, settings=SMALL):
        pass
    operator = Enrolment(EnrolmentFile(root / "docks.db"), clock=Clock())
    operator.invite("rack-1", who="os:ann", lasts=3600, ways=WAYS, approval=False, again=False)
    (root / "docks.db").unlink()
    async with CentralStore(root, settings=SMALL) as store:
        assert (await TusClient(store.url, session).ask("GET", "/api/v1/segments")).status == 401
