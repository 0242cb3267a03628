"""P1 and P2 where the store is a share: its marker, what makes a segment durable there, and reading it back."""

from __future__ import annotations

from tests.mutants.planting import Mutant

_SHARE = ("tests/unit/ingest/store/test_directory_share.py",)
_STORE = ("tests/unit/ingest/store/test_directory_store.py",)
_ORDER = ("tests/recovery/test_directory_stops.py::test_the_order_of_what_makes_it_durable",)
_ROT = ("tests/recovery/test_directory_faults.py::test_what_rots_below_the_page_cache_is_seen",)

DIRECTORY = (
    Mutant(
        name="share: its marker is not compared", promise="P2: what is mounted in the share's place proves",
        file="ingest/store/porter/share.py", old="        if self.marker != store:", new="        if not store:", tests=_STORE, short=True,
    ),
    Mutant(
        name="share: a folder becomes a store whatever is pinned", promise="P2: the local disk below an unmounted share proves",
        file="ingest/store/directory/adapter.py", old="            if not await self._founds():", new="            if await self._founds() is None:",
        tests=_STORE,
    ),
    Mutant(
        name="share: what was begun with one store goes on with another", promise="P2: bytes go to a store that is not pinned",
        file="ingest/store/directory/adapter.py", old="        return now if begun.store == now.store else begun", new="        return now", tests=_STORE,
    ),
    Mutant(
        name="share: mounted anew is not seen", promise="P2: a copy of the share on another disk proves",
        file="ingest/store/porter/share.py", old="        if self.device != device:", new="        if device < 0:", tests=_SHARE,
    ),
    Mutant(
        name="share: a segment gets its name before its bytes are synced", promise="P1: a server that falls over leaves a name without its bytes",
        file="ingest/store/porter/uploads.py", old="            os.fsync(fd)\n        if self._size(folder, name) == 0 < size:",
        new="        if self._size(folder, name) == 0 < size:", tests=_ORDER,
    ),
    Mutant(
        name="share: the folder is not synced", promise="P1: a server that falls over loses a name that was proven",
        file="ingest/store/porter/uploads.py", old="                os.fsync(folder)\n", new="", tests=_ORDER,
    ),
    Mutant(
        name="share: bytes count before they are synced", promise="P1: an upload goes on behind bytes that are not there",
        file="ingest/store/porter/uploads.py", old="                os.fdatasync(fd)\n            if reached > offset:", new="            if reached > offset:",
        tests=_ORDER,
    ),
    Mutant(
        name="share: read back out of the page cache", promise="P2: this machine's memory proves what the share does not have",
        file="ingest/store/porter/uploads.py",
        old="""                    found = fingerprint(
                        source=fd, expected_size=size, arena=self._arena, sha256=True, progress=self._going_on
                    )
                    if found.method.past_page_cache or residency.lives_in_memory(fd):
                        return found""",
        new="""                    import hashlib
                    from ingest.worker.direct_io import ReadMethod
                    with os.fdopen(os.dup(fd), "rb") as file:
                        found = hashlib.file_digest(file, "sha256").hexdigest()
                    return Fingerprint(size=size, xxh3_128="", sha256=found, method=ReadMethod.CACHED)""",
        tests=_ROT,
    ),
    Mutant(
        name="share: a name is taken from what has it", promise="P1: what lies in the store is overwritten",
        file="ingest/store/porter/publishing.py", old="_NOREPLACE = 1", new="_NOREPLACE = 0", tests=_SHARE, short=True,
    ),
    Mutant(
        name="share: what went bad is taken for whole", promise="P1: a rotten copy is never brought anew",
        file="ingest/store/porter/uploads.py", old="                if final == size and self._is_there(address, size=size, sha256=sha256):",
        new="                if final == size:", tests=_SHARE,
    ),
    Mutant(
        name="share: bytes that a server lost count", promise="P1: an upload goes on behind bytes that are not there",
        file="ingest/store/porter/uploads.py", old="durable=known.durable if part >= known.durable else 0", new="durable=known.durable", tests=_SHARE,
    ),
    Mutant(
        name="share: links are followed", promise="P3: footage is written where a link leads",
        file="ingest/store/porter/share.py", old="_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC",
        new="_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC", tests=_SHARE,
    ),
    Mutant(
        name="share: a porter that hangs is waited for", promise="P5: a share that hangs blocks the agent",
        file="ingest/store/directory/porters.py", old="            async with asyncio.timeout(within):\n                await stdin.drain()",
        new="            async with asyncio.timeout(None):\n                await stdin.drain()",
        tests=("tests/unit/ingest/store/test_directory_store.py::test_one_that_hangs_is_left_behind_and_nothing_waits",),
    ),
    Mutant(
        name="share: porters are left behind without end", promise="P5: a share that hangs takes all of the dock's processes",
        file="ingest/store/directory/porters.py", old="        if len(self._left) >= MOST_LEFT:\n            raise", new="        if len(self._left) > 10**6:\n            raise",
        tests=("tests/unit/ingest/store/test_directory_store.py::test_no_more_are_left_behind_than_agreed",),
    ),
    Mutant(
        name="share: the store's own folder is a camera", promise="P3: the store's files are taken for footage, and deleted",
        file="ingest/camera/mass_storage.py", old='    ({b".dockd-store"}, "a share that is a store"),\n', new="",
        tests=("tests/unit/dockd/settings/test_shares.py",),
    ),
)  # fmt: skip
