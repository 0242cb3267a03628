"""`dockd ingest`: each path is one docked camera; everything that can be done is done once, and then said.

Counts are of this run: what it listed, and what earlier, unfinished runs on this state had left to do.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import hashlib
import os
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from dockd.app import Agent, until_clear
from dockd.store_kinds import Misconfigured
from ingest.camera.mass_storage import MassStorage, no_camera
from ingest.errors import CameraGone, DockdError, Stop, Unreadable
from ingest.ledger import cameras, queue, segments, views, wiping_word
from ingest.ledger.permits import not_confirmed
from ingest.ledger.segments import Segment
from ingest.model import Balance, Tally, folder_camera, legible, shown
from ingest.visit import Visit

_MOST_NOTES = 20
_RELEASED_WITHIN = 5.0
UNFINISHED = "(in_spool = 1 AND in_store = 0)"


@dataclass(kw_only=True)
class Outcome:
    """What became of a run. `failures`: cameras that could not be read, and why; `complete`: all confirmed (and wiped, if asked).

    `notes`: what was passed over, and why nothing was deleted where nothing was; `unreachable`: what was waited for in vain.
    """

    balance: Balance
    held: list[Segment]
    failures: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    unreachable: str | None = None
    complete: bool = False
    store: dict[str, Any] = field(default_factory=dict)
    seconds: float = 0.0

    def document(self) -> dict[str, Any]:
        """The contract's JSON document."""
        return {
            "segments": self.balance.segments.as_dict(), "bytes": self.balance.bytes.as_dict(),
            "held": [_held(one) for one in self.held], "failures": self.failures, "notes": self.notes, "store": self.store,
            "seconds": round(self.seconds, 3),
        }  # fmt: skip


def _held(segment: Segment) -> dict[str, str]:
    said = {"path": shown(segment.path), "reason": segment.held or "", "message": segment.held_message or ""}
    try:
        segment.path.decode("utf-8")
    except UnicodeDecodeError:
        said["path_b64"] = base64.b64encode(segment.path).decode("ascii")
    return said


def visits_of(
    paths: Sequence[Path], *, camera: str | None, state: Sequence[Path], share: Path | None = None
) -> list[Visit]:
    """One visit a path. Raises Misconfigured for a path that is no folder, holds or lies in dockd's own files or `share` (its real path), or is given twice; CameraGone."""
    if camera is not None and not camera.strip():
        raise Misconfigured("--camera is empty: name the camera, or leave it out to have the folder's name")
    found: list[Visit] = []
    for path in paths:
        root = Path(os.path.realpath(path))
        if not root.is_dir():
            why = "there is no such folder" if not os.path.lexists(path) else "it is not a folder"
            raise Misconfigured(f"{legible(os.fsencode(path))}: {why}: name a mounted camera or any folder")
        for own in state:
            real = Path(os.path.realpath(own))
            if real == root or root in real.parents or real in root.parents:
                raise Misconfigured(
                    f"{legible(os.fsencode(path))} and dockd's own state ({own}) lie in one another: name another --state; dockd must never take its own files for footage"
                )
        if share is not None and (share == root or root in share.parents or share in root.parents):
            raise Misconfigured(
                f"{legible(os.fsencode(path))} and the store's folder ({share}) lie in one another: name the camera itself; dockd must never take "
                "what a store holds for footage"
            )
        _still_in(root)
        _no_files_of_dockd(root)
        name = os.fsencode(camera) if camera is not None else os.fsencode(root.name or "root")
        card = volume_of(root) or ("" if camera is not None and len(paths) == 1 else _place(root))
        found.append(Visit(camera=folder_camera(name, card=card), root=os.fsencode(root)))
    _apart(found)
    return found


def _still_in(root: Path) -> None:
    """Raises CameraGone for the mount of a card that was pulled out: it looks like an empty camera."""
    with contextlib.suppress(Unreadable), contextlib.closing(MassStorage(os.fsencode(root))) as there:
        there.present()


def _no_files_of_dockd(root: Path) -> None:
    """Raises Misconfigured where a store's root or a dock's state lies in the tree, or the tree in it."""
    for folder, names in (
        *_around(root),
        *((at, [*folders, *files]) for at, folders, files in os.walk(os.fsencode(root))),
    ):
        if (what := no_camera(names)) is not None:
            raise Misconfigured(
                f"{legible(os.fsencode(root))}: {legible(folder)} is {what}: dockd must never take its own files for footage; name the camera itself"
            )


def _around(root: Path) -> Iterator[tuple[bytes, list[bytes]]]:
    for parent in map(os.fsencode, root.parents):
        with contextlib.suppress(OSError):  # what cannot be listed can be no folder of this dockd's
            yield parent, os.listdir(parent)


def _apart(visits: Sequence[Visit]) -> None:
    for number, one in enumerate(visits):
        for other in visits[number + 1 :]:
            if (
                one.root == other.root
                or (one.root + b"/").startswith(other.root + b"/")
                or (other.root + b"/").startswith(one.root + b"/")
            ):
                raise Misconfigured(
                    f"{legible(one.root)} and {legible(other.root)} lie in one another: a file belongs to one camera"
                )
            if one.camera == other.camera:
                raise Misconfigured(
                    f"{legible(one.root)} and {legible(other.root)} would be one camera ({one.camera.id}): the same volume twice?"
                )


def _place(root: Path) -> str:
    return hashlib.sha256(os.fsencode(root)).hexdigest()[:12]


def volume_of(root: Path) -> str:
    """The UUID of the volume that is mounted at `root`; empty where that is no mount point, or nobody knows."""
    if not os.path.ismount(root):
        return ""
    with contextlib.suppress(OSError):
        device = root.stat().st_dev
        for link in Path("/dev/disk/by-uuid").iterdir():
            with contextlib.suppress(OSError):
                if link.stat().st_rdev == device:
                    return link.name
    return ""


async def ingest(agent: Agent, visits: Sequence[Visit], *, wait: float) -> Outcome:
    """Run every visit once, deliver everything, and count. Raises LedgerUnusable."""
    began = time.monotonic()
    lost_before = await _lost(agent)
    left_over = await agent.ledger.read(lambda db: segments.ids(db.execute, UNFINISHED))
    if agent.wipes:
        await agent.ledger.commit(lambda tx: wiping_word.say(tx, agent.intake.wish.word()))
    await agent.ledger.commit(segments.forget_delays)
    agent.delivery.wake()
    failures: list[str] = []
    for visit in visits:  # a store that was caught is known at once: nobody gives up before they were even looked at
        agent.activity.camera(visit.camera.id, "reading")
    delivering = asyncio.create_task(agent.delivery.run(), name="delivery")
    limiting = asyncio.create_task(agent.bandwidth.run(), name="bandwidth")
    working = asyncio.create_task(_work(agent, visits, failures), name="cameras")
    waiting = asyncio.create_task(_patience(agent, working, wait), name="patience")
    try:
        done, _ = await asyncio.wait({delivering, limiting, working, waiting}, return_when=asyncio.FIRST_COMPLETED)
        unreachable = waiting.result() if waiting in done else None
        for task in done:
            task.result()
    finally:
        for task in (working, waiting, delivering, limiting):
            task.cancel()
        await asyncio.gather(working, waiting, delivering, limiting, return_exceptions=True)
    outcome = await _count(agent, visits, left_over)
    outcome.failures = failures
    outcome.unreachable = unreachable
    lost = await _lost(agent) - lost_before + agent.found.lost
    missing = {visit.camera.id: await _missing(agent, visit) for visit in visits}
    outcome.notes = [note for visit in visits for note in _notes(visit, missing=missing[visit.camera.id])]
    outcome.notes += [f"{_some(lost, 'was', 'were')} lost: no copy is left anywhere"] if lost > 0 else []
    doubt = await agent.ledger.read(lambda db: views.in_doubt(db.execute))
    if doubt:
        outcome.notes.append(
            f"{_some(doubt, 'is', 'are')} in doubt: no copy is known here, and the store has not said yet whether it has one"
        )
    if agent.found.unexplained:
        unexplained = "files in the spool are none of this ledger's and do not say what they are: they were left there"
        outcome.notes.append(f"{agent.found.unexplained} {unexplained}; look at them")
    outcome.seconds = time.monotonic() - began
    outcome.complete = outcome.complete and not (failures or unreachable or lost > 0 or doubt or any(missing.values()))
    return outcome


def _some(count: int, one: str, more: str) -> str:
    return f"1 segment {one}" if count == 1 else f"{count} segments {more}"


def _notes(visit: Visit, *, missing: int) -> list[str]:
    """What a person should know of a camera that is no segment's fault."""
    camera = legible(visit.camera.id.encode())
    notes = [f"{camera}: {legible(one.path)} is passed over: {one.message}" for one in visit.skipped[:_MOST_NOTES]]
    if len(visit.skipped) > _MOST_NOTES:
        notes.append(
            f"{camera}: {len(visit.skipped) - _MOST_NOTES} more are passed over; `dockd custody` has each of them"
        )
    if missing:
        notes.append(
            f"{camera}: {missing} segments that were listed before, and are nowhere else yet, are not on it: is it another card?"
        )
    notes += [
        f"{camera}: what lies at {legible(one.path)} now could not be read" for one in visit.unsettled[:_MOST_NOTES]
    ]
    return [*notes, *([f"{camera}: {visit.unsafe}"] if visit.unsafe else [])]


async def _work(agent: Agent, visits: Sequence[Visit], failures: list[str]) -> None:
    async def one(visit: Visit) -> None:
        try:
            await agent.intake.session(visit, once=True)
        except CameraGone as error:
            failures.append(error.message)
        except DockdError as error:
            if isinstance(error, Stop):
                raise
            failures.append(error.message)

    async with asyncio.TaskGroup() as group:
        for visit in visits:
            group.create_task(one(visit), name=f"camera-{visit.camera.id}")
    await until_clear(agent.ledger)
    await agent.delivery.nothing_in_doubt()
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(_RELEASED_WITHIN):
            await _released(agent)


async def _released(agent: Agent) -> None:
    """Wait until no spool copy is left that may go now: footage does not stay on a dock that nobody may start again."""
    changed = asyncio.Event()
    agent.ledger.subscribe(lambda _event, _seq: changed.set())
    if agent.settings.spool.keep_confirmed > 0 or agent.ledger.unconfirmed:
        return
    while True:
        changed.clear()
        left = await agent.ledger.read(lambda db: queue.releasable(db.execute, now=agent.clock.now(), count=1))
        if not left:
            return
        await changed.wait()


async def _patience(agent: Agent, working: asyncio.Task[None], wait: float) -> str:
    """Ends, with the reason, when for `wait` seconds nothing but the store, another try, or room in the spool has been waited for."""
    since: float | None = None
    while True:
        await asyncio.sleep(0.1)
        reason = None if working.done() else await _obstacle(agent)
        if reason is None:
            since = None
            continue
        now = time.monotonic()
        since = since if since is not None else now
        hopeless = agent.delivery.state.word in ("dishonest", "wrong-store") or reason == _to_confirm(agent)
        if hopeless or now - since >= wait:
            return reason


async def _obstacle(agent: Agent) -> str | None:
    """What keeps everything from going on, if anything does."""
    phases, word = {doing.phase for doing in agent.activity.cameras.values()}, agent.delivery.state.word
    if phases & {"reading", "copying"}:
        return None
    if "wiping" in phases and word in ("connected", "slow", "unknown"):
        return None  # else it reads what it may delete when the store answers, and does so again at each try
    if word not in ("connected", "unknown"):
        return agent.delivery.state.message
    if agent.activity.spool_full and not agent.activity.uploads:
        return next(
            (d.message for d in agent.activity.cameras.values() if d.reason == "spool_full"), "dock room is full"
        )
    if agent.activity.uploads:
        return None
    if agent.activity.spool_failed:
        return agent.activity.spool_failed
    still = await agent.ledger.read(lambda db: queue.standing_still(db.execute, now=agent.clock.now()))
    if still is not None:
        return f"{still[0]} segments wait for another try: {still[1]}"
    return agent.delivery.in_vain() or _to_confirm(agent)


def _to_confirm(agent: Agent) -> str | None:
    """What every camera that is not done yet waits for, where that is a person's word on the store."""
    said = {doing.message for doing in agent.activity.cameras.values() if doing.phase == "waiting"}
    why = not_confirmed(agent.ledger.unconfirmed) if agent.ledger.unconfirmed else ""
    return why if why and said == {why} else None


async def _count(agent: Agent, visits: Sequence[Visit], left_over: Sequence[str]) -> Outcome:
    dockings = [visit.docking for visit in visits if visit.docking]

    def rows(db: Any) -> list[Segment]:
        found = {one.id: one for docking in dockings for one in cameras.in_docking(db.execute, docking)}
        for segment in left_over:
            found.setdefault(segment, segments.get(db.execute, segment))
        return list(found.values())

    mine = await agent.ledger.read(rows)
    open_ends = [one for one in mine if not _finished(one, wipe=agent.wipes, cameras={v.camera.id for v in visits})]
    hidden = any(visit.hidden or visit.unsettled or visit.unsafe for visit in visits)
    state = agent.delivery.state
    return Outcome(
        balance=balance_of(mine), held=[one for one in mine if one.held is not None], complete=not open_ends and not hidden,
        store={"id": state.id, "url": agent.settings.store.url, "honest": state.honest},
    )  # fmt: skip


async def _missing(agent: Agent, visit: Visit) -> int:
    """Segments of which this camera has the only copy, as far as is known, and that were not listed: it has another card in it."""
    return await agent.ledger.read(lambda db: views.only_elsewhere(db.execute, visit.camera.id, docking=visit.docking))


async def _lost(agent: Agent) -> int:
    """Segments of which no copy is left anywhere."""
    return await agent.ledger.read(lambda db: views.lost(db.execute))


def _finished(segment: Segment, *, wipe: bool, cameras: set[str]) -> bool:
    if segment.held is not None or not segment.in_store:
        return False
    return not (wipe and segment.on_camera and segment.camera in cameras)


def balance_of(mine: Sequence[Segment]) -> Balance:
    """Count segments and bytes at each point of the way."""

    def tally(measure: Callable[[Segment], int]) -> Tally:
        def total(chosen: Callable[[Segment], bool]) -> int:
            return sum(measure(one) for one in mine if chosen(one))

        return Tally(
            listed=total(lambda _one: True), copied=total(lambda one: one.sha256 is not None), confirmed=total(lambda one: bool(one.in_store)),
            wiped=total(lambda one: one.wiped_at is not None and not one.on_camera), held=total(lambda one: one.held is not None),
        )  # fmt: skip

    return Balance(segments=tally(lambda _one: 1), bytes=tally(lambda one: one.size))
