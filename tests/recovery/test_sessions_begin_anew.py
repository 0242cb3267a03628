"""A session that is begun again on the same visit (its ledger's disk was full) knows nothing from the one before."""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from dockd.app import Agent, agent
from dockd.settings import defaults
from ingest.central import CentralStore
from ingest.central.settings import StoreSettings
from ingest.errors import LedgerUnusable
from ingest.intake import Intake, IntakeSettings
from ingest.ledger.segments import Segment
from ingest.model import folder_camera
from ingest.visit import Visit


def _intake(built: Agent, *, new_file: Path | None) -> Intake:
    """An intake whose first attestation ends with a full disk."""
    failed = False

    async def attest(wanted: Sequence[Segment]) -> list[str]:
        nonlocal failed
        if not failed:
            failed = True
            if new_file is not None:
                new_file.write_bytes(b"new" * 100)
            raise LedgerUnusable("the disk of the ledger is full")
        return await built.delivery.attest(wanted)

    return Intake(
        ledger=built.ledger, spool=built.spool, pool=built.pool, activity=built.activity, attest=attest,
        settings=IntakeSettings(wipe=True, rest=0.05),
    )  # fmt: skip


@pytest.mark.parametrize("grows", [False, True], ids=["as it was", "one more file"])
async def test_nothing_is_taken_for_done_and_nothing_is_listed_twice(tmp_path: Path, grows: bool) -> None:
    camera = tmp_path / "CAM"
    camera.mkdir()
    for number in range(3):
        (camera / f"{number}.mp4").write_bytes(os.urandom(1000 + number))
    async with CentralStore(tmp_path / "store", settings=StoreSettings(keep_free=0)) as store:
        plain = defaults()
        settings = replace(
            plain,
            store=replace(plain.store, url=store.url),
            ledger=replace(plain.ledger, path=tmp_path / "state/ledger.db"),
            spool=replace(plain.spool, path=tmp_path / "state/spool", keep_free=0),
        )
        async with agent(settings, version="test", rest=0.05) as built:
            delivering = asyncio.create_task(built.delivery.run())
            intake = _intake(built, new_file=camera / "NEW.mp4" if grows else None)
            visit = Visit(camera=folder_camera(b"CAM"), root=os.fsencode(camera))
            try:
                with pytest.raises(LedgerUnusable):
                    await intake.session(visit, once=True)
                await intake.session(visit, once=True)
                rows = await built.ledger.read(
                    lambda db: db.execute(
                        "SELECT path, on_camera, wiped_at IS NOT NULL FROM segments ORDER BY path"
                    ).fetchall()
                )
            finally:
                delivering.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await delivering
    names = [b"0.mp4", b"1.mp4", b"2.mp4", *([b"NEW.mp4"] if grows else [])]
    assert rows == [(name, 0, 1) for name in names]
    assert not list(camera.iterdir())
