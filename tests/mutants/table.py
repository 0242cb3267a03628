"""The bugs that are planted: one for each guard of the promises P1 to P5 (docs/reliability.md), each a change of a few words."""

from __future__ import annotations

from tests.mutants.planting import Mutant

_KEPT_FILES = ("tests/unit/ingest/worker/test_pool.py::test_what_does_not_fit_is_kept",)
_CONFIRM = ("tests/unit/ingest/test_confirm.py",)
_COPIES = ("tests/unit/ingest/test_copies.py",)
_DEVICES = ("tests/unit/dockd/mounting/test_devices.py",)
_CACHE = ("tests/unit/ingest/worker/test_residency.py",)
_LIST = ("tests/unit/ingest/test_list.py",)
_OPENED = ("tests/unit/ingest/camera/test_listed_and_opened.py",)
_PERMITS = ("tests/unit/ingest/ledger/test_permits.py",)
_STORAGE = ("tests/contract/camera/test_mass_storage.py",)
_SYNCS = ("tests/recovery/test_order_of_syncs.py",)
_TRUST = ("tests/unit/ingest/test_trust.py",)
_UPLOAD = ("tests/unit/ingest/test_upload.py",)
_WIPE = ("tests/unit/ingest/test_wipe.py", "tests/unit/ingest/test_visits.py")
_TAMPER = ("tests/unit/ingest/ledger/test_custody_tampering.py",)

CONTROLS = (
    Mutant(
        name="control: a module that cannot be imported", promise="the tests import the copy",
        file="ingest/copies.py", old="NONE: Copies = frozenset()\n", new="NONE: Copies = frozenset()\nraise RuntimeError(NONE)\n", tests=_COPIES, at_import=True,
    ),
    Mutant(
        name="control: a program that does not start", promise="a program that a test starts is the copy's",
        file="dockd/__main__.py", old="\nmain()\n", new='\nraise RuntimeError("planted")\n', tests=("tests/e2e/test_exit_codes.py",),
    ),
    Mutant(
        name="control: a worker that does not start", promise="a worker that a test starts is the copy's",
        file="ingest/worker/child.py", old='    say({"ready": os.getpid()})', new='    say({"unready": os.getpid()})',
        tests=("tests/unit/ingest/worker/test_pool.py",),
    ),
)  # fmt: skip

_SPOOLED = (
    Mutant(
        name="spool: the bytes are not synced", promise="P1: after a power cut the ledger counts a copy that is not there",
        file="ingest/spool.py", old="            os.fdatasync(self._fd)\n", new="            os.fstat(self._fd)\n", tests=_SYNCS, short=True,
    ),
    Mutant(
        name="spool: the description is not synced", promise="P1: after a power cut a copy does not say what it is",
        file="ingest/spool.py", old="                left = left[os.write(fd, left) :]\n            os.fsync(fd)\n",
        new="                left = left[os.write(fd, left) :]\n", tests=_SYNCS,
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
)  # fmt: skip

_PROOF = (
    Mutant(
        name="receipt: its size is not compared", promise="P2: a proof for fewer bytes counts",
        file="ingest/confirm.py", old="if (claim.size, claim.sha256) != (digest.size, digest.sha256):", new="if claim.sha256 != digest.sha256:",
        tests=_CONFIRM, short=True,
    ),
    Mutant(
        name="receipt: its hash is not compared", promise="P2: a proof for other bytes counts",
        file="ingest/confirm.py", old="if (claim.size, claim.sha256) != (digest.size, digest.sha256):", new="if claim.size != digest.size:",
        tests=_CONFIRM, short=True,
    ),
    Mutant(
        name="receipt: its store's id is not compared", promise="P2: another store's proof counts",
        file="ingest/confirm.py", old="        if claim.store != pinned.id:\n            raise StoreDishonest", new="        if False:\n            raise StoreDishonest",
        tests=_CONFIRM, short=True,
    ),
    Mutant(
        name="receipt: its key is not compared", promise="P2: anybody's signature counts",
        file="ingest/confirm.py", old="if claim.key not in pinned.keys:", new="if claim.key is None:", tests=_CONFIRM,
    ),
    Mutant(
        name="receipt: its segment is not compared", promise="P2: the proof of a twin counts",
        file="ingest/confirm.py", old="if claim.segment not in (None, segment.id) or claim.camera", new="if claim.camera",
        tests=_CONFIRM, short=True,
    ),
    Mutant(
        name="receipt: its object is not compared", promise="P2: the proof of another object counts",
        file="ingest/confirm.py", old='if claim.object != upload.rstrip("/").rsplit("/", 1)[-1]:', new="if not claim.object:", tests=_CONFIRM,
    ),
    Mutant(
        name="receipt: its nonce is not compared", promise="P2: an old proof is played again",
        file="ingest/confirm.py", old="if claim.nonce != nonce:", new="if claim.nonce is None:", tests=_CONFIRM,
    ),
    Mutant(
        name="receipt: no fresh nonce", promise="P2: an old proof is played again",
        file="ingest/confirm.py", old="nonce = secrets.token_urlsafe(24)\n        clock", new="nonce = segment.id\n        clock",
        tests=("tests/unit/ingest/test_delivery.py", *_WIPE), short=True,
    ),
    Mutant(
        name="receipt: its custody head is not compared", promise="P4: a receipt does not pin the dock's history",
        file="ingest/confirm.py", old="if claim.head != head:", new="if claim.head is not None and head is None:", tests=_CONFIRM,
    ),
    Mutant(
        name="receipt: a receipt that does not match is committed", promise="P2: the ledger counts the store for other bytes",
        file="ingest/ledger/segments.py", old="if (row.size, row.sha256, row.camera) != (receipt.size, receipt.sha256, receipt.camera):",
        new="if row.camera != receipt.camera:", tests=("tests/unit/ingest/ledger/test_segments.py", *_PERMITS),
    ),
    Mutant(
        name="receipt: any signature is good", promise="P2: a receipt that nobody signed counts",
        file="ingest/store/receipts.py", old='raise Garbled("what the store calls a receipt is not signed by any of its keys")',
        new='return json.loads(base64.urlsafe_b64decode(text.split(".")[1] + "==")), next(iter(keys))',
        tests=("tests/contract/store/test_keys.py", "tests/contract/store/test_hostile.py", "tests/contract/store/test_answers.py", "tests/contract/store/test_odd_bytes.py"),
    ),
    Mutant(
        name="read-back: the bytes are not hashed", promise="P2: a store that gives other bytes back is believed",
        file="ingest/store/tus.py", old="                await asyncio.to_thread(hasher.update, block)\n        found = hasher.hexdigest()\n",
        new="                await asyncio.to_thread(hasher.update, block)\n        found = segment.digest.sha256\n",
        tests=("tests/contract/store/test_exam.py",),
    ),
    Mutant(
        name="trust: another store is taken for the pinned one", promise="P2: deleted against the word of a stranger",
        file="ingest/trust.py", old="if identity.id != pinned.id or identity.method != pinned.method:", new="if identity.method != pinned.method:",
        tests=_TRUST,
    ),
    Mutant(
        name="trust: a store that announces a weaker proof is taken", promise="P2: the kind of proof is chosen because a better one failed",
        file="ingest/trust.py", old="if identity.id != pinned.id or identity.method != pinned.method:", new="if identity.id != pinned.id:",
        tests=_TRUST,
    ),
    Mutant(
        name="trust: a new key needs no signature of an old one", promise="P2: another machine under the store's name is believed",
        file="ingest/trust.py", old="if not await self._store.vouches(key, pinned.keys):", new="if not key:", tests=_TRUST,
    ),
    Mutant(
        name="trust: a store that was caught is believed again", promise="P2: deleted against the word of a liar",
        file="ingest/trust.py", old="if found is None or found.dishonest is not None:", new="if found is None:", tests=_TRUST,
    ),
    Mutant(
        name="trust: what was caught is not written down", promise="P2: after a restart a liar is believed",
        file="ingest/trust.py", old="await self._ledger.commit(lambda tx: stores.caught(tx, store, error=error))",
        new="await self._ledger.read(lambda db: stores.pinned(db.execute))", tests=_TRUST,
    ),
    Mutant(
        name="honesty: the bait is true", promise="P2: a store that takes everything passes the honesty check",
        file="ingest/trust.py", old="wrong[secrets.randbelow(len(wrong))] ^= 1 << secrets.randbelow(8)", new="secrets.randbelow(8)",
        tests=(*_TRUST, "tests/contract/store/test_honesty.py"),
    ),
    Mutant(
        name="honesty: a store that signs for the bait passes", promise="P2: a liar's receipts count",
        file="ingest/store/tus.py", old="        self._must_not_vouch(answer, upload, segment, identity)\n", new="        self._identity = identity\n",
        tests=("tests/contract/store/test_honesty.py",), short=True,
    ),
    Mutant(
        name="history: the first receipts carry a new head", promise="P4: that a ledger was put back from an old copy stays hidden",
        file="ingest/confirm.py", old="last if last is not None and not self._agreed else self._ledger.head", new="self._ledger.head",
        tests=("tests/unit/ingest/test_confirm.py", "tests/e2e/test_history.py"),
    ),
)  # fmt: skip

_SENT = (
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
        file="ingest/upload.py", old="capped = min(longest, 0.5 * 2.0 ** min(attempts, 32))", new="capped = 0.5 * 2.0 ** min(attempts, 32)", tests=_UPLOAD,
    ),
)  # fmt: skip

_PERMIT = (
    Mutant(
        name="permit: wiped on upload instead of confirmation", promise="P2: deleted without a proof",
        file="ingest/ledger/permits.py", old="if not (row.in_store and row.on_camera):", new="if not (row.upload and row.on_camera):",
        tests=_PERMITS, short=True,
    ),
    Mutant(
        name="permit: confirmed is enough, no second attestation", promise="P2: the store may have lost it since",
        file="ingest/ledger/permits.py", old="if len(receipts) < 2:", new="if len(receipts) < 1:", tests=_PERMITS,
    ),
    Mutant(
        name="permit: receipts are not held against the bytes", promise="P2: deleted against a proof for something else",
        file="ingest/ledger/permits.py", old="if receipt[:4] != (store, row.object, row.size, row.sha256):", new="if receipt[0] != store:", tests=_PERMITS,
    ),
    Mutant(
        name="permit: an attestation never gets old", promise="P2: deleted against last year's proof",
        file="ingest/ledger/permits.py", old="or not 0 <= age <= ATTESTED_WITHIN_NS:", new="or age < 0:", tests=_PERMITS, short=True,
    ),
    Mutant(
        name="permit: an attestation of another boot counts", promise="P2: a clock that began anew makes an old proof fresh",
        file="ingest/ledger/permits.py", old="if boot != tx.clock.boot_id or not 0", new="if not 0", tests=_PERMITS,
    ),
    Mutant(
        name="permit: a store that was caught may still permit", promise="P2: deleted against the word of a liar",
        file="ingest/ledger/permits.py", old="    if store.dishonest is not None:\n        raise", new="    if store.dishonest == store.id:\n        raise", tests=_PERMITS,
    ),
    Mutant(
        name="permit: a store that was never tried may permit", promise="P2: nobody has seen it refuse wrong bytes",
        file="ingest/ledger/permits.py", old='    if store.method != "read-back" and store.honest_at is None:\n        raise',
        new='    if store.method == "read-back" and store.honest_at == 0.0:\n        raise', tests=_PERMITS,
    ),
    Mutant(
        name="permit: another camera's segment may be named", promise="P3: more than named",
        file="ingest/ledger/permits.py", old="if row.camera != camera:", new="if not row.camera:", tests=_PERMITS,
    ),
    Mutant(
        name="permit: a held segment may be named", promise="P1: what a person has to look at is deleted",
        file="ingest/ledger/permits.py", old="    if row.held is not None:\n        raise PermitRefused", new="    if row.held == row.id:\n        raise PermitRefused", tests=_PERMITS,
    ),
    Mutant(
        name="permit: one that is closed is still valid", promise="P2: used twice",
        file="ingest/ledger/permits.py", old="permit.boot_id, None) or store is None:", new="permit.boot_id, row and row[4]) or store is None:", tests=_PERMITS,
    ),
    Mutant(
        name="permit: a segment that was held meanwhile stays permitted", promise="P1: what a person has to look at is deleted",
        file="ingest/ledger/permits.py", old="and row.held is None and row.wipe_permit", new="and row.wipe_permit",
        tests=_PERMITS,
    ),
    Mutant(
        name="copies: a wipe needs no copy in the store", promise="P1: the last copy is deleted",
        file="ingest/copies.py", old="Step.WIPED: Rule(True, needs=_set(CAMERA, STORE)", new="Step.WIPED: Rule(True, needs=_set(CAMERA)", tests=_COPIES, at_import=True, short=True,
    ),
    Mutant(
        name="copies: a release needs no copy in the store", promise="P1: the last copy is deleted",
        file="ingest/copies.py", old="Step.RELEASED: Rule(True, needs=_set(SPOOL, STORE)", new="Step.RELEASED: Rule(True, needs=_set(SPOOL)", tests=_COPIES, at_import=True,
    ),
    Mutant(
        name="copies: a step that is not in the table is taken", promise="P1: copies that nobody has seen are counted",
        file="ingest/copies.py", old="if not rule.needs <= copies or rule.forbids & copies:", new="if not rule.needs <= copies:", tests=_COPIES,
    ),
)  # fmt: skip

_WIPED = (
    Mutant(
        name="wipe: no re-read before the unlink", promise="P2: what lies there by now was never copied",
        file="ingest/worker/child.py", old="        if source is None or file is None:\n            raise errors.SourceUnstable(\"it was not read again\")\n",
        new="        if source is None or file is None:\n            found = named.sha256\n            file = Listed(path=named.path, size=named.size, mtime_ns=0, ctime_ns=0, dev=0, ino=0)\n"
        "            for one in self.camera.listing():\n                if isinstance(one, Listed) and one.path == named.path:\n                    source = self.camera.open(one)\n"
        "        if source is None:\n            raise errors.SourceUnstable(\"it is not there\")\n",
        tests=_KEPT_FILES, short=True,
    ),
    Mutant(
        name="wipe: the re-read is not compared", promise="P2: other bytes of the same name are deleted",
        file="ingest/worker/child.py", old="if (file.path, file.size, found) != (named.path, named.size, named.sha256):",
        new="if (file.path, file.size) != (named.path, named.size):", tests=_KEPT_FILES, short=True,
    ),
    Mutant(
        name="wipe: a file that was exchanged after the re-read is deleted", promise="P2: other bytes of the same name are deleted",
        file="ingest/camera/held_file.py", old="        self.camera.present()\n        self.unchanged()\n        links", new="        self.camera.present()\n        links",
        tests=_STORAGE,
    ),
    Mutant(
        name="wipe: a permit for another device is used", promise="P3: deleted from a camera that was not read",
        file="ingest/worker/child.py", old="if permit.device != self.camera.device():", new="if not permit.device:", tests=_KEPT_FILES,
    ),
    Mutant(
        name="wipe: no deadline", promise="P2: a machine that slept deletes against last week's proof",
        file="ingest/worker/child.py", old="if permit.boot_id != boot or time.clock_gettime_ns(time.CLOCK_BOOTTIME) >= permit.deadline_ns:", new="if permit.boot_id != boot:",
        tests=_KEPT_FILES, short=True,
    ),
    Mutant(
        name="wipe: a permit of another boot is used", promise="P2: a clock that began anew makes an old permit fresh",
        file="ingest/worker/child.py", old="if permit.boot_id != boot or time", new="if time", tests=_KEPT_FILES,
    ),
    Mutant(
        name="wipe: the deletion is not synced", promise="P5: wiped is said of what a power cut brings back",
        file="ingest/camera/held_file.py", old="            os.fsync(self.folder)\n", new="            os.fstat(self.folder)\n", tests=_SYNCS,
    ),
    Mutant(
        name="wipe: other bytes found by the re-read do not stop the batch", promise="P3: the card is written to while an only copy lies on it",
        file="ingest/wipe.py", old="        if self.unlike:\n", new="        if len(self.unlike) > len(wanted):\n", tests=("tests/unit/ingest/test_wipe.py::test_nothing_is_deleted_beside_a_file_that_is_not_what_it_was",),
    ),
    Mutant(
        name="wipe: the permit is not looked at before each lot", promise="P2: a store that was caught meanwhile is still believed",
        file="ingest/wipe.py", old="            if not await self._ledger.read(lambda db: permits.valid(db.execute, permit)):", new="            if permit.id < 0:", tests=("tests/unit/ingest/test_wipe_lots.py",),
    ),
    Mutant(
        name="wipe: what a volume was told to delete counts as gone", promise="P5: wiped is what is seen gone, and nobody looked",
        file="ingest/wipe.py", old="await self._use(permit, worker=worker, seen=False)", new="await self._use(permit, worker=worker, seen=True)",
        tests=("tests/unit/ingest/test_visits.py::test_a_volume_is_writable_from_the_permit_on_and_gone_is_what_it_lists_mounted_anew",),
    ),
    Mutant(
        name="wipe: another device after the remount is not noticed", promise="P3: deleted from a camera that was not read",
        file="ingest/wipe.py", old="                if worker.device != device:\n", new="                if not device:\n", tests=("tests/unit/ingest/test_wipe_lots.py",),
    ),
    Mutant(
        name="emptying: writable with an only copy on the card", promise="P3: a card is made writable while it holds the only copy of something",
        file="ingest/emptying.py", old="if self._only_copy(visit, mine) or self._locked(visit):", new="if self._locked(visit):", tests=("tests/unit/ingest/test_visits.py::test_a_partition_that_nobody_can_read_keeps_the_whole_card_from_being_written",), short=True,
    ),
    Mutant(
        name="emptying: what was written since the listing is not looked for", promise="P3: a card is made writable while it holds the only copy of something",
        file="ingest/emptying.py", old="if alone(visit, await self._touch.segments(visit)) is not None:", new="if visit.locked:", tests=("tests/unit/ingest/test_visits.py::test_no_card_is_made_writable_beside_footage_that_appeared_while_the_rest_was_proven",),
    ),
    Mutant(
        name="emptying: what could not be read is no only copy", promise="P3: a card is made writable while it holds the only copy of something",
        file="ingest/visit.py", old="    for item in visit.hidden:\n        return legible(item.path), item.message\n", new="", tests=("tests/unit/ingest/test_visits.py::test_a_partition_that_nobody_can_read_keeps_the_whole_card_from_being_written",),
    ),
    Mutant(
        name="emptying: an unlisted camera is emptied", promise="P3: a memory stick that looks like a camera is emptied",
        file="ingest/intake.py", old="if self._settings.wipe and visit.wipe:", new="if self._settings.wipe:", tests=_WIPE,
    ),
    Mutant(
        name="emptying: wiping that is switched off wipes", promise="P3: deleted where the site has said no",
        file="ingest/intake.py", old="if self._settings.wipe and visit.wipe:", new="if visit.wipe:", tests=(*_WIPE, "tests/e2e/test_ingest.py"),
    ),
    Mutant(
        name="naming: a generic profile names its cameras", promise="P3: a memory stick that looks like a camera is emptied",
        file="dockd/profiles/identity.py", old="if (not profile.shipped and not profile.generic) or named(camera):", new="if not profile.shipped or named(camera):",
        tests=("tests/unit/dockd/profiles",),
    ),
    Mutant(
        name="naming: a shipped profile names its cameras", promise="P3: a memory stick that looks like a camera is emptied",
        file="dockd/profiles/identity.py", old="if (not profile.shipped and not profile.generic) or named(camera):", new="if not profile.generic or named(camera):",
        tests=("tests/unit/dockd/profiles",),
    ),
)  # fmt: skip

_SEEN = (
    Mutant(
        name="list: believed after an error", promise="P1: what could not be listed counts as gone",
        file="ingest/list.py", old="    return any(item.hides and", new="    return path == b\"\" and any(item.hides and", tests=_LIST, short=True,
    ),
    Mutant(
        name="list: a pulled camera is an empty one", promise="P1: what could not be listed counts as gone, or as wiped",
        file="ingest/camera/mass_storage.py", old="                hides=True,\n            )\n        self.present()\n", new="                hides=True,\n            )\n", tests=_STORAGE,
    ),
    Mutant(
        name="list: a device that failed is believed", promise="P1: what could not be listed counts as gone",
        file="ingest/camera/mass_storage.py", old="        if self._failures() != failed:", new="        if self._failures() is None and failed is not None:",
        tests=("tests/unit/ingest/camera/test_block_device.py",),
    ),
    Mutant(
        name="list: another card is a card whose files vanished", promise="P5: footage is called lost that lies on another card",
        file="ingest/list.py", old="ours=ours) if first else set()", new="ours=ours) if not first else set()", tests=_LIST,
    ),
    Mutant(
        name="list: a permit is closed by half a listing", promise="P5: dockd's own deletions are told as vanished",
        file="ingest/list.py", old="    if not any(item.hides for item in seen.skipped):\n", new="    if seen is not None:\n", tests=(*_LIST, *_WIPE),
    ),
    Mutant(
        name="list: a link is listed as what it leads to", promise="P3: a file is read, and deleted, that is not this camera's",
        file="ingest/camera/mass_storage.py", old="                found = os.stat(name, dir_fd=fd, follow_symlinks=False)\n",
        new="                found = os.stat(name, dir_fd=fd)\n", tests=_OPENED,
    ),
    Mutant(
        name="list: a folder that became a link is followed", promise="P3: a file is read, and deleted, that is not this camera's",
        file="ingest/camera/mass_storage.py", old="_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW |", new="_FOLDER = os.O_RDONLY | os.O_DIRECTORY |", tests=_OPENED,
    ),
    Mutant(
        name="list: another file of the same name and size is the listed one", promise="P2: a file that was exchanged is read as what it was",
        file="ingest/camera/mass_storage.py", old="        return not self.keeps_change_times() or as_listed(file.path, seen) == file\n", new="        return True\n", tests=_OPENED,
    ),
    Mutant(
        name="settle: a file of the same look is the same file", promise="P2: other bytes under an old name count as stored",
        file="ingest/verify.py", old="        same = found == segment.sha256\n", new="        same = bool(found)\n", tests=("tests/unit/ingest/test_verify.py",),
    ),
    Mutant(
        name="pull: a segment that was pulled before may have other bytes", promise="P4: two segments under one name",
        file="ingest/ledger/segments.py", old="if row.sha256 is not None and row.sha256 != digest.sha256:", new="if row.sha256 == digest.sha256 == row.id:",
        tests=("tests/unit/ingest/ledger/test_other_bytes.py",),
    ),
    Mutant(
        name="mount: a disk that does not hang on USB", promise="P3: the dock's own disk is mounted as a camera",
        file="dockd/mounting/devices.py", old="        if not self._on_usb(sysfs):", new="        if not sysfs.name:", tests=("tests/unit/dockd/mounting",),
    ),
    Mutant(
        name="mount: another disk under the same name", promise="P3: another card than the one that was identified is made writable",
        file="dockd/mounting/devices.py", old="        if found != self._diskseq:", new="        if found < 0:", tests=_DEVICES,
    ),
    Mutant(
        name="mount: the device itself is not set read-only", promise="P3: a filesystem's repair writes to the card",
        file="dockd/mounting/devices.py", old="            kernel.set_device_read_only(self.fd, read_only=True)\n            locked = kernel.is_device_read_only(self.fd)\n",
        new="            locked = kernel.is_device_read_only(self.fd) or self.fd >= 0\n", tests=("tests/unit/dockd/mounting",),
    ),
)  # fmt: skip

_KEPT = (
    Mutant(
        name="release: the file goes before the commit", promise="P1: the ledger counts a copy that is not there",
        file="ingest/release.py", old="        gone = await self._ledger.commit(lambda tx: released(tx, names)) if names else []\n",
        new="        await asyncio.to_thread(self._remove, names)\n        gone = await self._ledger.commit(lambda tx: released(tx, names)) if names else []\n",
        tests=("tests/unit/ingest/test_release.py", *_SYNCS), short=True,
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
        file="ingest/recovery.py", old="if size == row.size:", new="if size <= row.size:", tests=("tests/unit/ingest/test_recovery_bytes.py",),
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
        file="ingest/history.py", old="tx.record(event, continue_after=named.seq)", new="tx.record(event)", tests=("tests/e2e/test_history.py",),
    ),
)  # fmt: skip

_TOLD = (
    Mutant(
        name="custody: an entry need not follow the one before", promise="P4: an entry is taken out, and nobody can tell",
        file="ingest/ledger/custody.py", old='    if body.get("prev") != prev:\n', new='    if not body.get("prev"):\n', tests=_TAMPER, short=True,
    ),
    Mutant(
        name="custody: an entry's hash is not computed", promise="P4: an entry is changed, and nobody can tell",
        file="ingest/ledger/custody.py", old="or entry_hash(text) != digest:", new="or not digest:", tests=_TAMPER,
    ),
    Mutant(
        name="custody: numbers may be missing", promise="P4: entries are cut out, and nobody can tell",
        file="ingest/ledger/custody.py", old="if seq != expected and not jumps:", new="if seq < expected and not jumps:", tests=_TAMPER,
    ),
    Mutant(
        name="custody: the head's signature is not checked", promise="P4: who rewrites all of it needs no key",
        file="ingest/ledger/custody.py", old="or not is_signed(head_statement(signed), public=key[0], signature=row[3])", new="or not head_statement(signed)", tests=_TAMPER,
    ),
    Mutant(
        name="custody: a head known from outside is not looked for", promise="P4: the end is cut off, and nobody can tell",
        file="ingest/ledger/custody.py", old="    if not seen:\n", new="    if count < 0:\n", tests=_TAMPER,
    ),
    Mutant(
        name="ledger: a transaction that failed is half committed", promise="P4: a change without its record",
        file="ingest/ledger/core.py", old='            self._connection.execute("ROLLBACK TO one")\n            work.error = error\n', new="            work.error = error\n",
        tests=("tests/unit/ingest/ledger/test_core.py",),
    ),
    Mutant(
        name="ledger: the last copy goes in silence", promise="P1: lost, and no alarm",
        file="ingest/ledger/segments.py", old="    if is_lost(copies):\n", new="    if is_lost(segment.copies):\n", tests=("tests/unit/ingest/ledger/test_segments.py",),
    ),
)  # fmt: skip

_STORE = (
    Mutant(
        name="store: the bytes are not synced before they count", promise="P1: a receipt for what a power cut takes",
        file="ingest/central/reception.py", old="    def _seal(self) -> str:\n        self._sync()\n", new="    def _seal(self) -> str:\n",
        tests=_SYNCS,
    ),
    Mutant(
        name="store: vouches without a look at its disk", promise="P2: a receipt for what is not there any more",
        file="ingest/central/objects.py", old="        return stat.S_ISREG(seen.st_mode) and seen.st_size == object.size\n", new="        return stat.S_ISREG(seen.st_mode)\n",
        tests=("tests/unit/ingest/central/test_objects.py", "tests/contract/central/test_receipts.py"),
    ),
    Mutant(
        name="store: an old look is fresh for ever", promise="P2: a receipt for bytes that have rotted",
        file="ingest/central/objects.py", old='fresh = row.state == "kept" and 0 <= now - row.looked_at < self._look_again', new='fresh = row.state == "kept"',
        tests=("tests/unit/ingest/central/test_objects.py", "tests/contract/central/test_receipts.py"),
    ),
    Mutant(
        name="store: a dock's older history is taken", promise="P4: a ledger that went back stays hidden",
        file="ingest/central/records.py", old="if known and (seq < known[0] or (seq == known[0] and head != known[1])):", new="if known and seq == known[0] and head != known[1]:",
        tests=("tests/contract/central/test_receipts.py",),
    ),
)  # fmt: skip

MUTANTS = (*_SPOOLED, *_PROOF, *_SENT, *_PERMIT, *_WIPED, *_SEEN, *_KEPT, *_TOLD, *_STORE)
