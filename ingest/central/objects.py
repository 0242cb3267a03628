"""Finished objects: how an upload becomes one, and what may be said of one.

The order in which an upload becomes an object (each step durable before the next that relies on it):

    1. all bytes synced, read back from the disk, hashed, the hash compared      (hashing, before this module)
    2. the object's description saved beside where the bytes will be
    3. the bytes renamed out of uploads/                                         from here on it is an object
    4. both folders synced
    5. the index row committed
    6. what is left in uploads/ removed                                          and only now the answer

A crash before 3 leaves the unfinished upload (and a description that nothing points at, overwritten later); a crash
after 3 leaves the object, whose upload description makes the next start do 5 and 6.
"""

from __future__ import annotations

import logging
import os
import stat
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn, TypeVar

from ingest.central.descriptions import ObjectDescription, UploadDescription
from ingest.central.disk import Disk
from ingest.central.hashing import ReadBackError, sha256_on_disk
from ingest.central.index import Index, Row
from ingest.central.layout import Layout, is_id
from ingest.central.records import Records
from ingest.central.refusals import Refusal, gone
from ingest.central.threads import Threads
from ingest.clock import Clock

T = TypeVar("T")
_log = logging.getLogger(__name__)


class Objects:
    """The finished ones: on the disk, in the index."""

    def __init__(
        self,
        layout: Layout,
        *,
        disk: Disk,
        index: Index,
        records: Records,
        threads: Threads,
        clock: Clock,
        look_again: float,
    ) -> None:
        self._layout = layout
        self._disk = disk
        self._index = index
        self._records = records
        self._threads = threads
        self._clock = clock
        self._look_again = look_again
        self._shelves: set[Path] = set()  # those that this process knows to be on the disk

    def shelve(self, upload: UploadDescription, *, sha256: str) -> ObjectDescription:
        """Steps 2 to 4: the upload's bytes, which are all there and synced, become an object. Blocks. Raises OSError."""
        object = ObjectDescription(
            id=upload.id,
            size=upload.size,
            sha256=sha256,
            metadata=upload.metadata,
            owner=upload.owner,
            stored_at=round(self._clock.now(), 3),
            evidential=upload.announced.evidential,
        )
        shelf = self._layout.shelf(object.id)
        if self._layout.object_bytes(object.id).exists():
            object = self.described(object.id)  # an earlier attempt failed after the rename
        else:
            self._make_shelf(shelf)
            self._describe(object)
            self._disk.move(self._layout.upload_bytes(object.id), self._layout.object_bytes(object.id))
        self._disk.sync_folder(shelf)
        self._disk.sync_folder(self._layout.uploads)
        return object

    def _make_shelf(self, shelf: Path) -> None:
        if shelf not in self._shelves:
            self._disk.make_folder(shelf)
            self._disk.sync_folder(self._layout.objects)
            self._shelves.add(shelf)

    def _describe(self, object: ObjectDescription) -> None:
        part = self._layout.written_description(object.id)
        self._disk.save(self._layout.object_description(object.id), object.to_json(), part=part)

    async def publish(self, object: ObjectDescription, *, discard: Callable[[str], None]) -> None:
        """Steps 5 and 6. Raises OSError, sqlite3.Error."""
        await self._index.add(object, looked_at=object.stored_at)
        await self._threads.disk(lambda: discard(object.id))

    def described(self, id: str) -> ObjectDescription:
        """From beside the bytes. Blocks. Raises OSError, ValueError."""
        return ObjectDescription.from_json(self._layout.object_description(id).read_bytes())

    def rescan(self) -> list[tuple[ObjectDescription, bool]]:
        """Every object that has a description, oldest first, and whether its bytes are there in full. Blocks."""
        found: list[tuple[ObjectDescription, bool]] = []
        for path in self._layout.objects.glob("??/*.json"):
            if not is_id(path.stem) or self._layout.upload_bytes(path.stem).exists():
                continue
            try:
                object = self.described(path.stem)
            except (ValueError, TypeError, Refusal) as damaged:
                _log.error("the description of object %s is damaged (%s): its bytes are kept, look into it", path, damaged)  # fmt: skip
                continue
            found.append((object, self.present(object)))
        return sorted(found, key=lambda pair: (pair[0].stored_at, pair[0].id))

    def present(self, object: ObjectDescription) -> bool:
        """Whether a file of that size is there. Blocks."""
        try:
            seen = os.lstat(self._layout.object_bytes(object.id))
        except FileNotFoundError:
            return False
        return stat.S_ISREG(seen.st_mode) and seen.st_size == object.size

    def path(self, id: str) -> Path:
        """Where the bytes are."""
        return self._layout.object_bytes(id)

    async def find(self, id: str) -> Row | None:
        """A finished object of that id; None if there never was one. Raises Refusal 410 if it ended, or is about to."""
        row = await self._index.find(id)
        if row is not None and row.state == "deleting":
            raise _deleted(id)
        if row is not None:
            return row
        ended = await self._records.ended(id)
        if ended is not None:
            raise gone(f"{id} is not here any more ({ended.replace('.', ' ')}): announce it again if you still have it")
        return None

    async def look_quickly(self, row: Row, *, who: str) -> None:
        """Presence and size only. Raises Refusal 410 for a damaged one."""
        object = row.description
        if row.state == "damaged" or not await self._threads.disk(lambda: self.present(object)):
            await self._damaged(row, who=who, why="missing or of another size")

    async def look(self, row: Row, *, who: str, say: Callable[[], T]) -> T:
        """See for yourself that the object is there (its hash too, if the last look is too old), and only then `say` it.

        The last look and `say` are in turn with deletions, on the index's thread. Raises Refusal 410 for one that is damaged, which
        is then logged for good, or deleted meanwhile; OSError where the disk gives no answer.
        """
        object = row.description
        now = self._clock.now()
        fresh = row.state == "kept" and 0 <= now - row.looked_at < self._look_again
        if not fresh:
            await self._read_again(row, who=who)
        said = await self._index.vouch(
            object.id, present=lambda: self.present(object), looked_at=None if fresh else now, say=say
        )
        if said is None:
            row = await self._index.find(row.id) or row  # another look may have found the damage, and noted it
            await self._damaged(row, who=who, why="missing or of another size")
        if row.state == "damaged":
            await self._records.note("object.sound", object=object.id, who=who)
        return said

    async def _read_again(self, row: Row, *, who: str) -> None:
        object, path = row.description, self._layout.object_bytes(row.id)
        if not await self._threads.disk(lambda: self.present(object)):
            await self._damaged(row, who=who, why="missing or of another size")
        try:
            found = await self._threads.look(
                lambda: sha256_on_disk(path, size=object.size, stopped=self._threads.stopped)
            )
        except (FileNotFoundError, ReadBackError):
            found = ""
        if found != object.sha256:
            await self._damaged(row, who=who, why="other bytes than were stored")

    async def _damaged(self, row: Row, *, who: str, why: str) -> NoReturn:
        if not await self._index.looked(row.id, at=row.looked_at, state="damaged"):
            raise _deleted(row.id)
        if row.state != "damaged":
            _log.error("object %s is damaged: %s", row.id, why)
            await self._records.note("object.damaged", object=row.id, who=who, why=why, sha256=row.description.sha256)
        raise Refusal(410, "damaged", f"object {row.id} is damaged in this store ({why}): send it again if you have it")

    async def mark_evidential(self, id: str, *, who: str) -> Row:
        """Keep it for good, even one whose deletion was decided and failed, if its bytes are still here. Raises Refusal 404/410."""

        def save(marked: ObjectDescription) -> None:
            self._describe(marked)
            self._disk.sync_folder(self._layout.shelf(marked.id))

        row = await self._index.mark_evidential(id, present=self.present, save=save)
        if row is None:
            known = await self._index.find(id) is not None or await self._records.ended(id) is not None
            raise _deleted(id) if known else _not_here(id)
        await self._records.note("object.evidential", object=id, who=who)
        return row

    async def delete_due(self, id: str, *, before: float, why: str) -> bool:
        """Delete it if it is still due and not evidential; whether it was. Every deletion is in the log for good."""
        row = await self._index.delete(id, before=before, remove=lambda: self._remove(id))
        if row is not None:
            await self.note_deleted(row, why=why)
        return row is not None

    async def note_deleted(self, row: Row, *, why: str) -> None:
        """The log entry of a deletion."""
        o = row.description
        await self._records.note(
            "object.deleted",
            object=o.id,
            who="store",
            why=why,
            size=o.size,
            sha256=o.sha256,
            camera=o.announced.camera,
            segment=o.announced.segment,
            keep_from=o.keep_from,
        )

    def _remove(self, id: str) -> None:
        self._disk.remove([self._layout.object_bytes(id), self._layout.object_description(id)])
        self._disk.sync_folder(self._layout.shelf(id))


def _deleted(id: str) -> Refusal:
    return gone(f"object {id} has been deleted: announce it again if you still have it")


def _not_here(id: str) -> Refusal:
    return Refusal(404, "unknown", f"object {id} is not known to this store")
