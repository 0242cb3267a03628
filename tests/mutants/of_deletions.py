"""P2 and P3: what is looked at while something is deleted, and what is concluded of a listing."""

from __future__ import annotations

from tests.mutants.planting import Mutant

_KEPT_FILES = ("tests/unit/ingest/worker/test_pool.py::test_what_does_not_fit_is_kept",)
_DEVICES = ("tests/unit/dockd/mounting/test_devices.py",)
_LIST = ("tests/unit/ingest/test_list.py",)
_OPENED = ("tests/unit/ingest/camera/test_listed_and_opened.py",)
_STORAGE = ("tests/contract/camera/test_mass_storage.py",)
_SYNCS = ("tests/recovery/test_order_of_syncs.py",)
_WIPE = ("tests/unit/ingest/test_wipe.py", "tests/unit/ingest/test_visits.py")

DELETIONS = (
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
        file="ingest/wipe.py", old="        if not permits.valid(execute, permit):\n", new="        if permit.id < 0:\n", tests=("tests/unit/ingest/test_wipe_lots.py",),
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
        file="ingest/intake.py", old="if self.wish.wipe and visit.wipe:", new="if self.wish.wipe:", tests=_WIPE,
    ),
    Mutant(
        name="emptying: wiping that is switched off wipes", promise="P3: deleted where the site has said no",
        file="ingest/intake.py", old="if self.wish.wipe and visit.wipe:", new="if visit.wipe:", tests=("tests/e2e/test_ingest.py::test_without_wipe_nothing_on_the_camera_is_touched",),
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
        file="ingest/list.py", old="    if not any(item.hides for item in seen.skipped):\n", new="    if seen is not None:\n", tests=("tests/unit/ingest/test_visits.py::test_our_own_deletions_are_told_as_ours_though_the_look_after_them_failed",),
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
        file="ingest/camera/mass_storage.py", old="return not self.keeps_change_times() or now == file", new="return bool(now)", tests=_OPENED,
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
    Mutant(
        name="permit: a store that went back is believed before it was asked again", promise="P2: deleted on the word of a store that forgot",
        file="ingest/ledger/permits.py", old="    if store_memory.unasked(tx.execute, store.id):", new='    if store_memory.unasked(tx.execute, ""):',
        tests=("tests/unit/ingest/ledger/test_permits.py",),
    ),
    Mutant(
        name="permit: one of before holds though the store went back", promise="P2: deleted on the word of a store that forgot",
        file="ingest/ledger/permits.py", old="    if store_memory.unasked(execute, store.id):", new='    if store_memory.unasked(execute, ""):',
        tests=("tests/unit/ingest/ledger/test_permits.py",),
    ),
    Mutant(
        name="permit: a store that nobody has confirmed since a restore is believed", promise="P2: deleted on the word of a store that was caught since the backup",
        file="ingest/ledger/permits.py", old="    if tx.unconfirmed:", new="    if tx.unconfirmed and not tx.now:",
        tests=("tests/unit/ingest/ledger/test_unconfirmed.py",),
    ),
    Mutant(
        name="release: a store that nobody has confirmed since a restore is believed", promise="P1: the spool gives up what a caught store says that it has",
        file="ingest/release.py", old="store = None if tx.unconfirmed else stores.pinned(tx.execute)", new="store = stores.pinned(tx.execute)",
        tests=("tests/unit/ingest/ledger/test_unconfirmed.py",),
    ),
    Mutant(
        name="unconfirmed: one that cannot be opened is none", promise="P2: deleted on the word of a store that was caught since the backup",
        file="ingest/ledger/unconfirmed.py", old="    except OSError:  # it may be there\n        return _UNREADABLE\n", new="    except OSError:\n        return \"\"\n",
        tests=("tests/unit/ingest/ledger/test_unconfirmed.py",),
    ),
    Mutant(
        name="unconfirmed: enrolment confirms the store", promise="P2: deleted on the word of a store that was caught since the backup",
        file="dockd/pinning.py", old="    return await agent.ledger.commit(write)\n", new="    again = await agent.ledger.commit(write)\n    await agent.ledger.confirmed()\n    return again\n",
        tests=("tests/unit/dockd/enrolling/test_proving.py",),
    ),
    Mutant(
        name="release: a store that went back is believed before it was asked again", promise="P1: the spool gives up what the store has lost",
        file="ingest/release.py", old="    if store_memory.unasked(tx.execute, store.id):", new='    if store_memory.unasked(tx.execute, ""):',
        tests=("tests/unit/ingest/ledger/test_permits.py",),
    ),
    Mutant(
        name="permit: the end of its record is not kept first", promise="P4: a ledger that lost its end goes on in silence",
        file="ingest/ledger/permits.py", old="    tx.rest_on()\n", new="", tests=("tests/unit/ingest/ledger/test_went_back.py",),
    ),
    Mutant(
        name="rot: a whole copy loses its name to a late finding", promise="P1: the last whole copy is put aside",
        file="ingest/rot.py", old="and there not in (None, finding.file):", new="and there == finding:", tests=("tests/unit/ingest/test_rot.py",),
    ),
    Mutant(
        name="attest: one 404 is enough", promise="P5: footage is called lost that is safe",
        file="ingest/attest.py", old="            for again in (False, True):", new="            for again in (False,):", tests=("tests/unit/ingest/test_delivery.py",),
    ),
)  # fmt: skip
