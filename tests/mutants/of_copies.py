"""P1: what makes a copy true, brings it to the store, and keeps it until then."""

from __future__ import annotations

from tests.mutants.planting import Mutant

_CACHE = ("tests/unit/ingest/worker/test_residency.py",)
_STORAGE = ("tests/contract/camera/test_mass_storage.py",)
_SYNCS = ("tests/recovery/test_order_of_syncs.py",)
_UPLOAD = ("tests/unit/ingest/test_upload.py",)

COPIES = (
    Mutant(
        name="spool: the bytes are not synced", promise="P1: after a power cut the ledger counts a copy that is not there",
        file="ingest/spool.py", old="            os.fdatasync(self._fd)\n", new="            os.fstat(self._fd)\n", tests=_SYNCS, short=True,
    ),
    Mutant(
        name="spool: the description is not synced", promise="P1: after a power cut a copy does not say what it is",
        file="ingest/spool.py", old="            left = left[os.write(fd, left) :]\n        os.fsync(fd)\n",
        new="            left = left[os.write(fd, left) :]\n", tests=_SYNCS,
    ),
    Mutant(
        name="spool: the folder is not synced", promise="P1: after a power cut the copy has no name",
        file="ingest/spool.py", old="        self.published = True\n        self.spool.sync_folder()\n", new="        self.published = True\n",
        tests=_SYNCS,
    ),
    Mutant(
        name="spool: published without waiting for the sync", promise="P1: a copy counts whose bytes the disk has refused",
        file="ingest/spool.py", old="            self._durable()\n", new="            pass\n", tests=("tests/unit/ingest/test_spool_part.py",),
    ),
    Mutant(
        name="ledger: commits are not synced", promise="P1, P2: a power cut takes back what was acted upon",
        file="ingest/ledger/database.py", old="PRAGMA synchronous = FULL", new="PRAGMA synchronous = NORMAL", tests=_SYNCS, short=True,
    ),
    Mutant(
        name="pull: no second read", promise="P1: a bad read of the camera counts as a verified copy",
        file="ingest/worker/child.py", old="if second.xxh3_128 != measured.xxh3_128:", new="if False:", tests=("tests/unit/ingest/worker/test_child_reads.py",), short=True,
    ),
    Mutant(
        name="pull: verified from the page cache", promise="P1: the second read is not independent: it is answered from memory",
        file="ingest/worker/direct_io.py",
        old="        residency.advise(fd, os.POSIX_FADV_DONTNEED)\n        if residency.lives_in_memory(fd):", new="        if residency.lives_in_memory(fd):",
        tests=_CACHE, short=True,
    ),
    Mutant(
        name="pull: a read from the page cache is called direct", promise="P5: the record says that the device was read, and it was not",
        file="ingest/worker/direct_io.py", old="self.method = ReadMethod.DIRECT if self.direct else self._drop_cache()",
        new="self.method = ReadMethod.DIRECT", tests=_CACHE,
    ),
    Mutant(
        name="pull: the second read goes through the cache", promise="P1: the second read is not independent",
        file="ingest/worker/pipeline.py", old="return SecondRead(source, size=size) if isinstance(source, int) else source",
        new="return SecondRead(source, size=size, direct=False) if isinstance(source, int) else source",
        tests=("tests/unit/ingest/worker/test_pipeline.py::test_a_second_read_called_direct_leaves_nothing_in_the_page_cache",),
    ),
    Mutant(
        name="pull: a file that is shorter than listed is whole", promise="P1: the rest of it is deleted unread",
        file="ingest/worker/pipeline.py", old="        if offset != self.expected_size:\n", new="        if offset > self.expected_size:\n",
        tests=("tests/unit/ingest/worker/test_pipeline.py::test_a_source_without_a_descriptor_that_is_not_as_long_as_listed",),
    ),
    Mutant(
        name="pull: a file that changes under the read is taken", promise="P1: half of the old and half of the new counts as a segment",
        file="ingest/camera/held_file.py", old="or as_listed(path, seen) != as_listed(path, self.opened):", new="or seen.st_size != self.opened.st_size:",
        tests=_STORAGE,
    ),
    Mutant(
        name="upload: the offset is remembered, not asked", promise="P1: a store that lost a part is sent the rest alone",
        file="ingest/upload.py", old="offset = await self._store.offset(upload, size=size)",
        new="offset = self._reached.get(segment.id) or await self._store.offset(upload, size=size)", tests=_UPLOAD,
    ),
    Mutant(
        name="upload: a store that kept less than it took goes on", promise="P1: a hole in what is stored",
        file="ingest/upload.py", old="if reached != offset + length:", new="if reached > offset + length:", tests=_UPLOAD,
    ),
    Mutant(
        name="upload: each try begins another upload", promise="a retry doubles what the store has to keep",
        file="ingest/upload.py", old="upload = segment.upload or await self._begin(segment, described)", new="upload = await self._begin(segment, described)",
        tests=_UPLOAD, short=True,
    ),
    Mutant(
        name="upload: an announcement is sent again by itself", promise="a retry doubles what the store has to keep",
        file="ingest/store/tus.py", old='doing="a new upload", again=False)', new='doing="a new upload", again=True)',
        tests=("tests/contract/store/test_announcing.py",),
    ),
    Mutant(
        name="upload: waiting doubles without end", promise="P5: footage waits for days because of one bad night",
        file="ingest/setbacks.py", old="capped = min(longest, 0.5 * 2.0 ** min(attempts, 32))", new="capped = 0.5 * 2.0 ** min(attempts, 32)", tests=_UPLOAD,
    ),
    Mutant(
        name="upload: a spool copy is sent that was not read again", promise="P1: rotten bytes are sent, and the camera emptied",
        file="ingest/reread.py", old="if not anew and self._rereading.believes(self._segment, look):", new="if not anew:",
        tests=("tests/unit/ingest/test_reread.py",),
    ),
    Mutant(
        name="release: the file goes before the commit", promise="P1: the ledger counts a copy that is not there",
        file="ingest/release.py", old="        gone = await self._ledger.commit(lambda tx: released(tx, names)) if names else []\n",
        new="        await asyncio.to_thread(self._remove, seen)\n        gone = await self._ledger.commit(lambda tx: released(tx, names)) if names else []\n",
        tests=("tests/unit/ingest/test_release.py::test_what_no_longer_holds_when_it_is_written_down_releases_nothing", "tests/unit/ingest/test_release.py::test_what_is_lost_before_the_second_look_is_sent_again"), short=True,
    ),
    Mutant(
        name="release: an old proof is enough", promise="P1: the spool's copy goes when the store has lost its own",
        file="ingest/release.py", old="if proof.fresh and proof.lasts(tx.now):", new="if proof.lasts(tx.now):", tests=("tests/unit/ingest/test_release.py",),
    ),
    Mutant(
        name="release: a store that promises nothing is believed at once", promise="P1: bytes that were only in the store's memory are the last copy",
        file="ingest/release.py", old="if proof.fresh and proof.lasts(tx.now):", new="if proof.fresh:", tests=("tests/unit/ingest/test_release.py",),
    ),
    Mutant(
        name="release: a held copy is given up", promise="P1: what a person has to look at is deleted",
        file="ingest/release.py", old="if not (row.in_spool and row.in_store) or row.held is not None:", new="if not (row.in_spool and row.in_store):",
        tests=("tests/unit/ingest/test_release.py",),
    ),
    Mutant(
        name="recovery: a spool file of another size is whole", promise="P5: a cut copy counts until somebody needs it",
        file="ingest/recovery.py", old="seen.st_size == row.size:", new="seen.st_size <= row.size:", tests=("tests/unit/ingest/test_recovery_bytes.py",),
    ),
    Mutant(
        name="recovery: a spool file is taken in unread", promise="P1: rotten bytes count as a copy",
        file="ingest/recovery.py", old="true = await asyncio.to_thread(_sha256, spool, segment) == description.digest.sha256",
        new="true = bool(await asyncio.to_thread(_sha256, spool, segment))", tests=("tests/unit/ingest/test_recovery_bytes.py",),
    ),
    Mutant(
        name="recovery: other bytes are taken for a segment that is known", promise="P4: two segments under one name",
        file="ingest/recovery.py", old="return known.sha256 in (None, found.digest.sha256)", new="return bool(known.id)", tests=("tests/unit/ingest/test_recovery.py",),
    ),
    Mutant(
        name="history: a ledger that went back goes on as if it had not", promise="P4: two histories of one dock",
        file="ingest/history.py", old="tx.record(event, continue_after=named.seq)", new="tx.record(event)", tests=("tests/e2e/test_history.py::test_a_ledger_put_back_from_a_copy_opens_a_new_chain_before_it_deletes",),
    ),
    Mutant(
        name="ledger: a damaged one is used", promise="P1: what is read from it is what the damage made of it",
        file="ingest/ledger/database.py", old='    problem = connection.execute("PRAGMA quick_check(1)").fetchone()[0]\n', new='    problem = "ok"\n',
        tests=("tests/unit/ingest/ledger/test_database.py",),
    ),
    Mutant(
        name="ledger: pieces of two ledgers are one", promise="P4: a record without its end, or an end without its record",
        file="ingest/ledger/database.py", old="    if last != head:\n", new="    if last is None and head is not None:\n", tests=("tests/unit/ingest/ledger/test_database_pieces.py",),
    ),
)  # fmt: skip
