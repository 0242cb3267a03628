"""Files that another program writes while their camera is docked: a beginning is no segment, nothing is deleted under its writer, nothing is called lost."""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import AsyncIterator, Awaitable, Callable

from ingest.ledger import rows
from ingest.visit import Visit
from tests.unit.ingest.test_visits import FOOTAGE, Place, place

__all__ = ["place"]
RECORDING = "DCIM/100MEDIA/REC8_1.MP4"


@contextlib.asynccontextmanager
async def docked(place: Place, visit: Visit) -> AsyncIterator[None]:
    """As in a rack: until it is taken."""
    session = asyncio.create_task(place.built.intake.session(visit, once=False))
    try:
        yield
    finally:
        session.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await session


async def until(place: Place, condition: Callable[[], Awaitable[bool]]) -> None:
    """What a camera is doing makes no event: it is looked at now and then, too."""
    changed = asyncio.Event()
    place.built.ledger.subscribe(lambda _event, _seq: changed.set())
    async with asyncio.timeout(20):
        while not await condition():
            changed.clear()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(0.02):
                    await changed.wait()


async def until_said(place: Place, visit: Visit, word: str) -> None:
    async def is_said() -> bool:
        doing = place.built.activity.cameras.get(visit.camera.id)
        return doing is not None and word in doing.message

    await until(place, is_said)


async def until_emptied(place: Place) -> None:
    async def is_emptied() -> bool:
        return "camera.emptied" in await place.actions()

    await until(place, is_emptied)


async def faults(place: Place) -> list[str]:
    return await place.built.ledger.read(lambda db: rows.faults(db))


async def test_a_recording_is_waited_for_and_is_one_segment_with_whatever_time_it_ends(place: Place) -> None:
    visit = place.visit(volume=None)
    file = place.root / RECORDING
    with file.open("wb", buffering=0) as recorder:
        recorder.write(os.urandom(1000))
        async with docked(place, visit):
            for _ in range(3):
                await until_said(place, visit, f"{RECORDING} is open for writing")
                recorder.write(os.urandom(1000))
                place.built.activity.camera(visit.camera.id, "reading")
            assert place.files() >= FOOTAGE
            os.utime(file, (1767981896, 1767981896))
            recorder.close()
            await until_emptied(place)
    assert (await place.rows("size, in_store, held"))[RECORDING] == (4000, 1, None)
    actions = await place.actions()
    assert len(await place.rows("id")) == actions.count("segment.listed") == 5
    assert not {"segment.vanished", "segment.lost", "segment.held"} & set(actions)
    assert await faults(place) == []


async def test_what_is_opened_for_writing_after_it_was_copied_stays_until_it_is_closed(place: Place) -> None:
    await place.session(place.visit(volume=None, wipe=False))
    visit = place.visit(volume=None)
    with (place.root / min(FOOTAGE)).open("ab"):
        async with docked(place, visit):
            await until_said(place, visit, "is open for writing")
            assert place.files() >= FOOTAGE
        assert "permit.issued" not in await place.actions()
        await place.session(place.visit(volume=None))
        assert min(FOOTAGE) in place.files()
        (message,) = (await place.rows("held_message"))[min(FOOTAGE)]
        assert "is open for writing" in message
    await place.session(place.visit(volume=None))
    assert not FOOTAGE & place.files()
    assert await faults(place) == []


async def test_what_was_held_because_it_would_not_hold_still_is_free_once_another_file_lies_there(place: Place) -> None:
    with (place.root / min(FOOTAGE)).open("ab", buffering=0) as recorder:
        await place.session(place.visit(volume=None, wipe=False))
        assert (await place.rows("held"))[min(FOOTAGE)] == ("source_unstable",)
    await place.session(place.visit(volume=None, wipe=False))
    with (place.root / min(FOOTAGE)).open("ab", buffering=0) as recorder:
        await place.session(place.visit(volume=None))
        recorder.write(b"more")
    await place.session(place.visit(volume=None))
    assert not FOOTAGE & place.files()
    held = await place.built.ledger.read(lambda db: db.execute("SELECT count(*) FROM segments WHERE held IS NOT NULL").fetchone()[0])  # fmt: skip
    assert held == 0
    assert (await place.actions()).count("segment.vanished") == 1
    assert await faults(place) == []
