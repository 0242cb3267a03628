"""Facts of a bay, and the one word for them: the whole table, and that ready is a strict AND."""

from __future__ import annotations

import re
from dataclasses import replace
from itertools import product
from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dockd.page.looks import LOOKS, BayState
from dockd.page.state import Facts, _ready, derive
from dockd.page.words import time_words
from ingest.model import Tally

DONE = Facts(
    camera="CAM01", phase="done", listed_once=True, counts=Tally(listed=4, copied=4, confirmed=4, wiped=4), min_battery=80, store="connected"
)  # fmt: skip


def tally(listed: int, copied: int = 0, confirmed: int = 0, wiped: int = 0, held: int = 0) -> Tally:
    return Tally(listed=listed, copied=copied, confirmed=confirmed, wiped=wiped, held=held)


USABLE: dict[str, Any] = {
    "phase": "waiting", "counts": tally(4, 4, 1), "on_camera": 4, "store": "down", "waited": True, "room": 21 * 10**9, "min_room": 8 << 30,
}  # fmt: skip
SOON = 1_790_000_000.0
TABLE: list[tuple[str, dict[str, Any], str, str, str]] = [
    # what is changed of a finished camera, its state, its word, a part of why
    ("finished", {}, "ready", "Take", "the camera is empty"),
    ("nothing on it", {"counts": Tally()}, "ready", "Take", "The camera is empty."),
    ("nothing on one that nobody named", {"counts": Tally(), "wipes": False, "why_kept": "nobody has named it", "ours": False}, "not_ours", "Not ours", "It is empty. Nobody"),
    ("not emptied, as wanted", {"counts": tally(4, 4, 4), "on_camera": 4, "wipes": False}, "ready", "Take", "Not emptied"),
    ("the store was caught, and all is still on it", {"counts": tally(4, 4, 4), "on_camera": 4, "wipes": False, "store": "dishonest", "sound": False}, "unconfirmed", "Copied, not confirmed", "confirmed by a store that is not to be believed: tell ops. Leave it in."),
    ("the store was caught, and documents are still on it", {"counts": tally(4, 4, 4), "stays": 4, "wipes": False, "store": "dishonest"}, "unconfirmed", "Copied, not confirmed", "Leave it in."),
    ("the store was caught before it was emptied", {"phase": "waiting", "counts": tally(4, 4, 4), "on_camera": 4, "store": "dishonest"}, "unconfirmed", "Copied, not confirmed", "Leave it in."),
    ("the store was caught amid its emptying", {"phase": "reading", "counts": tally(4, 4, 4, 3), "on_camera": 1, "store": "dishonest"}, "reading", "Checking", "Leave it in."),
    ("the store was caught after it was emptied", {"store": "dishonest"}, "ready", "Take", "The camera is empty. What was on it was confirmed by a store that is not to be believed now: tell ops."),
    ("the store was caught after its footage was off it", {"store": "dishonest", "stays": 2}, "ready", "Take", "Its footage is off the camera. What was on it was confirmed by a store that is not to be believed now: tell ops. 2 files that are no footage stay on it."),
    ("the store was caught, and nothing was on it", {"store": "dishonest", "counts": Tally()}, "ready", "Take", "The camera is empty."),
    ("the store was caught, and nobody named it", {"counts": tally(4, 4, 4), "on_camera": 4, "wipes": False, "ours": False, "store": "dishonest"}, "unconfirmed", "Copied, not confirmed", "Leave it in."),
    ("the store was caught, and it is not charged", {"store": "dishonest", "battery": 61}, "charging", "Charging 61%", "What was on it was confirmed by a store that is not to be believed now: tell ops. It is charged to 61% and wants 80%."),
    ("the store was caught, and its clock is wrong", {"store": "dishonest", "clock_offset": 7300.0}, "clock_wrong", "Clock wrong", "tell ops. Its clock is 2 hours fast."),
    ("charge and clock known and right", {"battery": 80, "clock_offset": -60.0}, "ready", "Take", "proven"),
    ("vacant", {"docked": False}, "empty", "Empty", "No camera"),
    ("a keyboard", {"docked": False, "occupied": "not_ours", "occupied_why": "this is a keyboard"}, "not_ours", "Not ours", "This is a keyboard."),
    ("a device that fails", {"docked": False, "occupied": "fault", "occupied_why": "it cannot be mounted"}, "bay_fault", "Bay fault", "It cannot be mounted."),
    ("what is it", {"docked": False, "occupied": "looking", "occupied_why": "it is found out what it is"}, "reading", "Checking", "found out"),
    ("another thing where one left early", {"docked": False, "occupied": "not_ours", "left_early": 3, "still_unsafe": 3}, "not_ours", "Not ours", ""),
    ("its reader hangs", {"phase": "failed", "reason": "bay_fault", "message": "the camera hangs"}, "bay_fault", "Bay fault", "another bay"),
    ("locked card", {"phase": "failed", "reason": "locked", "message": "it is locked", "counts": tally(4, 4, 4), "on_camera": 4}, "copy_failed", "Fault", "put it in again"),
    ("documents stay", {"stays": 2}, "ready", "Take", "2 files that are no footage stay on it."),
    ("a stick of documents, as wanted", {"counts": tally(4, 4, 4), "stays": 4, "wipes": False}, "ready", "Take", "Not emptied"),
    ("a stick that nobody named", {"counts": tally(4, 4, 4), "on_camera": 4, "wipes": False, "why_kept": "nobody has named it", "ours": False}, "not_ours", "Not ours", "Nobody has named it."),
    ("a stick that nobody named, on its way", {"phase": "waiting", "counts": tally(4, 4, 2), "wipes": False, "why_kept": "nobody has named it", "ours": False}, "unconfirmed", "Copied, not confirmed", "2 of 4"),
    ("one that the site only copies", {"counts": tally(4, 4, 4), "on_camera": 4, "wipes": False, "why_kept": "its profile says so"}, "ready", "Take", "still on the camera. Its profile says so."),
    ("one with a namesake", {"note": "another camera with its serial is in bay 3"}, "ready", "Take", "empty. Another camera with its serial is in bay 3."),
    ("left early", {"docked": False, "left_early": 3, "still_unsafe": 2, "nowhere_else": 2, "last_camera": "CAM07"}, "removed_early", "Put back", "CAM07 was taken out before its footage was safe: 2 segments not yet in the store, all of them on it alone."),
    ("left early, one", {"docked": False, "left_early": 3, "still_unsafe": 1, "nowhere_else": 1, "last_camera": "CAM07"}, "removed_early", "Put back", "CAM07 was taken out before its footage was safe: 1 segment not yet in the store, and on it alone."),
    ("left early, some of it safe here", {"docked": False, "left_early": 3, "still_unsafe": 2, "nowhere_else": 1, "last_camera": "CAM07"}, "removed_early", "Put back", "2 segments not yet in the store, 1 of them on it alone."),
    ("left early, all of it safe here", {"docked": False, "left_early": 3, "still_unsafe": 2, "last_camera": "CAM07"}, "removed_early", "Put back", "CAM07 was taken out before the store had its footage: 2 segments are safe on the dock, and still on it."),
    ("went out", {"docked": False, "went_out": 3, "last_camera": "CAM07", "last_officer": "PC Jones"}, "empty", "Empty", "No camera is in this bay. Camera CAM07 (PC Jones) went out; its footage is safe here"),
    ("left early, safe by now", {"docked": False, "left_early": 3, "last_camera": "CAM07"}, "removed_early", "Put back", "still on it"),
    ("left early, and it is known whose it is", {"docked": False, "left_early": 3, "last_camera": "C0009", "last_officer": "PC Jones"}, "removed_early", "Put back", "Camera C0009 (PC Jones) was taken out early."),
    ("one of its files is nowhere", {"counts": tally(4, 3, 3)}, "copy_failed", "Fault", "1 segment of this camera cannot be found any more."),
    ("one of its files was never copied, and is there", {"counts": tally(4, 3, 3), "alone": 1}, "queued", "Waiting to copy", "3 of 4 segments copied. It waits for its turn."),
    ("just docked", {"phase": None, "counts": Tally(), "listed_once": False}, "reading", "Checking", "Leave it in"),
    ("reading", {"phase": "reading"}, "reading", "Checking", "looked at"),
    ("no turn yet", {"phase": "reading", "turn": True, "listed_once": False, "counts": Tally()}, "queued", "Waiting to copy", "turn"),
    ("a later look waits for its turn", {"phase": "waiting", "turn": True, "counts": tally(4, 4, 2)}, "unconfirmed", "Copied, not confirmed", "2 of 4 segments"),
    ("done, but this visit was not listed", {"listed_once": False}, "reading", "Checking", ""),
    ("copying", {"phase": "copying", "counts": tally(4, 1), "percent": 42}, "copying", "Copying 42%", "1 of 4 segments"),
    ("copying beside a held one", {"phase": "copying", "counts": tally(4, 1, held=1), "held": {"copy_failed": 1}}, "copying", "Copying", "1 segment held"),
    ("dock full", {"phase": "waiting", "reason": "spool_full", "counts": tally(4, 2)}, "queued", "Waiting to copy", "Leave in. Dock room is full: 2 of 4 segments copied, the rest stays on the camera. It goes on by itself"),
    ("dock full before anything was copied", {"phase": "waiting", "reason": "spool_full", "counts": tally(4)}, "queued", "Waiting to copy", "Leave in. Dock room is full: its footage stays on the camera."),
    ("dock disk fails", {"phase": "waiting", "reason": "spool_failed", "counts": tally(4, 2)}, "queued", "Waiting to copy", "nothing is wrong with the camera"),
    ("not all copied", {"phase": "waiting", "counts": tally(4, 2)}, "queued", "Waiting to copy", "2 of 4"),
    ("copied", {"phase": "waiting", "counts": tally(4, 4, 1)}, "unconfirmed", "Copied, not confirmed", "1 of 4 segments proven"),
    ("copied, store down", {"phase": "waiting", "counts": tally(4, 4), "store": "down"}, "unconfirmed", "Copied, not confirmed", "cannot be reached"),
    ("copied, wrong store", {"phase": "waiting", "counts": tally(4, 4), "store": "wrong-store"}, "unconfirmed", "Copied, not confirmed", "not the one"),
    ("copied, store lies", {"phase": "waiting", "counts": tally(4, 4), "store": "dishonest"}, "unconfirmed", "Copied, not confirmed", "not to be believed"),
    ("confirmed, waits to be emptied", {"phase": "waiting", "counts": tally(4, 4, 4), "on_camera": 4}, "wiping", "Wiping", "emptied next"),
    ("confirmed, the site waits with that", {"phase": "waiting", "counts": tally(4, 4, 4), "on_camera": 4, "grace": True}, "wiping", "Wiping", "time that the site gives"),
    ("confirmed, the store is away", {"phase": "waiting", "counts": tally(4, 4, 4), "on_camera": 4, "store": "down"}, "wiping", "Wiping", "cannot be reached"),
    ("are they those of before?", {"unsettled": 1}, "reading", "Checking", "once more"),
    ("usable", USABLE, "usable", "May go out", "Its footage is safe on the dock; 1 of 4 segments proven in the store. The store cannot be reached; it goes on by itself. It may go out if cameras are short; it has room for 21 GB more."),
    ("usable, on a thin line", {**USABLE, "store": "connected"}, "usable", "May go out", "1 of 4 segments proven in the store. It may go out"),
    ("usable, all in the store that is away", {**USABLE, "counts": tally(4, 4, 4)}, "usable", "May go out", "4 of 4"),
    ("all in the store that is there", {**USABLE, "counts": tally(4, 4, 4), "store": "connected"}, "wiping", "Wiping", "emptied next"),
    ("usable, room is not asked for", {**USABLE, "min_room": 0, "room": None}, "usable", "May go out", "if cameras are short."),
    ("usable but for its room", {**USABLE, "room": None}, "unconfirmed", "Copied, not confirmed", "Leave it in"),
    ("wiping", {"phase": "wiping", "counts": tally(4, 4, 4), "on_camera": 4}, "wiping", "Wiping", "emptied"),
    ("wiping amid the rest", {"phase": "wiping", "counts": tally(3, 3, 2), "on_camera": 3}, "wiping", "Wiping", "2 of 3 segments are proven in the store; those are now deleted from the camera."),
    ("wiping beside a document on its way", {"phase": "wiping", "counts": tally(3, 3, 2), "on_camera": 2, "stays": 1}, "wiping", "Wiping", "2 of 3 segments are proven"),
    ("wiping before it was counted", {"phase": "wiping", "counts": Tally(), "listed_once": False}, "wiping", "Wiping", "What is proven in the store is deleted from the camera."),
    ("copying before it was counted", {"phase": "copying", "counts": Tally(), "listed_once": False}, "copying", "Copying", "Its footage is being copied. Leave it in."),
    ("some left on it", {"counts": tally(4, 4, 4, 3), "on_camera": 1}, "wiping", "Wiping", ""),
    ("looked at once more", {"phase": "waiting"}, "reading", "Checking", "once more"),
    ("cannot be read", {"phase": "failed", "reason": "copy_failed", "message": "the device answers with errors"}, "copy_failed", "Fault", "The device answers with errors. Take it out"),
    ("only copy", {"phase": "failed", "reason": "only_copy", "message": "nothing is deleted"}, "copy_failed", "Fault", "Nothing is deleted."),
    ("ledger full", {"phase": "failed", "reason": "dock", "message": "the disk is full"}, "unknown", "Not known", "The disk is full."),
    ("ledger full, held", {"phase": "failed", "reason": "dock", "message": "x", "held": {"copy_failed": 1}}, "unknown", "Not known", "X."),
    ("bad sector", {"counts": tally(4, 3, 3, 3, 1), "held": {"copy_failed": 1}, "held_example": "a.mp4: unreadable."}, "copy_failed", "Fault", "A file on this camera cannot be read. Set the camera aside for ops; do not issue it."),
    ("still recording", {"counts": tally(4, 3, 3, 3, 1), "held": {"source_unstable": 1}}, "copy_failed", "Fault", "changed each time"),
    ("two reads differ", {"counts": tally(4, 3, 3, 3, 1), "held": {"integrity_failed": 1, "copy_failed": 1}}, "integrity_failed", "Held", "same twice"),
    ("the store lost one", {"counts": tally(4, 4, 3, 3, 1), "held": {"store_lost": 1}}, "store_refused", "Held", "1 segment is not safe in the store"),
    ("a store was caught", {"counts": tally(4, 4, 2, 2, 2), "held": {"dishonest": 2}}, "store_refused", "Held", "2 segments are not safe in the store"),
    ("the dock spoils copies", {"counts": tally(4, 3, 3, 3, 1), "held": {"spool_spoils": 1}}, "copy_failed", "Fault", "This dock spoils its copies of 1 file: its disk or its memory fails."),
    ("store refuses", {"counts": tally(4, 4, 3, 3, 1), "held": {"store_refused": 1}}, "store_refused", "Held", "does not take 1 segment"),
    ("any other reason", {"counts": tally(4, 4, 3, 3, 1), "held": {"dishonest": 1}}, "store_refused", "Held", ""),
    ("held while waiting", {"phase": "waiting", "counts": tally(4, 4, 1, held=2), "held": {"store_refused": 2}}, "store_refused", "Held", ""),
    ("another card", {"missing": 3}, "copy_failed", "Fault", "card been changed"),
    ("a folder without permission", {"hidden": 1}, "copy_failed", "Fault", "cannot be looked into"),
    ("gone everywhere", {"counts": tally(4, 4, 3, 3)}, "copy_failed", "Fault", "cannot be found"),
    ("charging", {"battery": 61}, "charging", "Charging 61%", "wants 80%"),
    ("charging, and by when", {"battery": 61, "charge_ready_at": SOON}, "charging", f"Charging 61%, about {time_words(SOON)}", f"wants 80%. It should be ready at about {time_words(SOON)}."),
    ("charging, and its clock is wrong", {"battery": 61, "charge_ready_at": SOON, "clock_offset": 7300.0}, "charging", "Charging 61%", "61% and wants 80%."),
    ("its battery does not charge", {"battery": 61, "will_not_charge": "it stands at 61% since 05:10", "charge_ready_at": SOON}, "will_not_charge", "Battery fault", "Its footage is safe, but its battery does not charge: it stands at 61% since 05:10. Try it in another bay"),
    ("charged, and does not charge", {"battery": 90, "will_not_charge": "it falls"}, "will_not_charge", "Battery fault", "it falls"),
    ("its battery does not charge, and its footage is on its way", {"phase": "waiting", "counts": tally(4, 4, 1), "will_not_charge": "it falls"}, "unconfirmed", "Copied, not confirmed", "Leave it in."),
    ("usable, and enough are ready", {**USABLE, "short": False}, "unconfirmed", "Copied, not confirmed", "Leave it in"),
    ("out of use", {"docked": False, "out_of_use": "its pins are bent"}, "out_of_use", "Out of use", "This bay is out of use: “its pins are bent”. Use another bay."),
    ("out of use, and one left it early", {"docked": False, "out_of_use": "bent", "left_early": 1, "still_unsafe": 1, "nowhere_else": 1}, "removed_early", "Put back", ""),
    ("out of use, and a camera is in it", {"out_of_use": "PINS bent"}, "ready", "Take", "All 4 segments are proven in the store, and the camera is empty. This bay is out of use: “PINS bent”. Put no other camera into it."),
    ("out of use, and a camera in it is not done", {"out_of_use": "bent", "phase": "reading"}, "reading", "Checking", "The camera is being looked at. Leave it in. This bay is out of use: “bent”. Move the camera to another bay when its footage is safe."),
    ("clock wrong", {"clock_offset": 7300.0}, "clock_wrong", "Clock wrong", "2 hours fast"),
    ("clock wrong, slow", {"clock_offset": -90.0}, "clock_wrong", "Clock wrong", "90 seconds slow"),
    ("clock and charge", {"clock_offset": 7300.0, "battery": 10}, "charging", "Charging 10%", ""),
    ("charge not told any more", {"charge_lost": True, "clock_lost": True}, "charging", "Charge not known", "does not tell its charge any more"),
    ("clock not told any more", {"battery": 90, "clock_lost": True}, "reading", "Checking", "does not tell its clock any more"),
    ("usable, but its charge is not told any more", {**USABLE, "charge_lost": True}, "unconfirmed", "Copied, not confirmed", "Leave it in"),
    ("went out, and the dock's disk fails since", {"docked": False, "went_out": 3, "last_camera": "CAM07", "sound": False}, "empty", "Empty", "its footage was copied here, and this dock is in doubt now"),
    ("left early, copied to a disk that fails", {"docked": False, "left_early": 3, "still_unsafe": 2, "last_camera": "CAM07", "sound": False}, "removed_early", "Put back", "2 segments are copied on the dock"),
    ("unsafe for a reason nobody sorted", {"unsafe": "it may hold the only copy"}, "unknown", "Not known", "Leave it in"),
    ("ledger cannot be read", {"blind": "the ledger is damaged"}, "unknown", "Not known", "the ledger is damaged"),
    ("ledger cannot be read, vacant", {"blind": "the ledger is damaged", "docked": False}, "unknown", "Not known", "damaged"),
]  # fmt: skip


@pytest.mark.parametrize(("changes", "state", "word", "why"), [row[1:] for row in TABLE], ids=[row[0] for row in TABLE])
def test_table(changes: dict[str, Any], state: str, word: str, why: str) -> None:
    said = derive(replace(DONE, **changes))
    assert (said.state, said.word) == (state, word)
    assert why in said.why


TWIN = "Another camera with the same serial number and card is in bay 3: take one out."
UNNAMED = (
    "This kind of camera is only copied: nobody has named it as a camera of this site. "
    "Put C0009 into the list of cameras (registry.file), or write a site profile"
)
LOCKED = (
    "its footage is safe, and cannot be deleted from it: /dev/sdb1: the card is locked against writing: "
    "move the small switch on its side, or look after the camera's own setting"
)
ASIDE = "Set the camera aside for ops; do not issue it."
ADVICE: list[tuple[str, dict[str, Any], str]] = [
    ("a twin", {"docked": False, "occupied": "fault", "occupied_why": TWIN}, "Another camera with the same serial number and card is in bay 3. Take one out."),
    ("no helper", {"docked": False, "occupied": "fault", "occupied_why": "The mount helper does not answer: tell ops (systemctl status dockd-mount)."}, "The mount helper does not answer. Tell ops (systemctl status dockd-mount)."),
    ("a card that cannot be mounted", {"docked": False, "occupied": "fault", "occupied_why": "/dev/sdb1 cannot be mounted: bad superblock"}, "Its card cannot be mounted: bad superblock. Try the camera in another bay; if this bay stays so, tell ops."),
    ("a keyboard", {"docked": False, "occupied": "not_ours", "occupied_why": "This is a keyboard (QEMU): no camera profile names it."}, "This is a keyboard (QEMU): no camera profile names it. Take it out."),
    ("a reader without a card", {"docked": False, "occupied": "not_ours", "occupied_why": "There is no card in it: put one in, or take the device out."}, "There is no card in it. Put one in, or take the device out."),
    ("a disk of another kind", {"docked": False, "occupied": "not_ours", "occupied_why": "Not touched: the disk holds ntfs, which dockd does not read."}, "Not touched: the disk holds ntfs, which dockd does not read. If it is one of the site's cameras, hand it to ops; if not, take it out."),
    ("a camera that nobody named", {"counts": tally(4, 4, 4), "wipes": False, "why_kept": UNNAMED, "ours": False}, "Everything on it is in the store, and still on it. This kind of camera is only copied: nobody has named it as a camera of this site. If it is one of the site's cameras, tell ops: put C0009 into the list of cameras (registry.file), or write a site profile. If not, take it out."),
    ("a locked card", {"phase": "failed", "reason": "locked", "message": LOCKED}, "Its footage is safe, and stays on it: its card is locked against writing. Take it out, unlock the card (a small switch on its side, or a setting of the camera), and put it in again."),
    ("a card that is in use", {"phase": "failed", "reason": "locked", "message": "its footage is safe, and cannot be deleted from it: /dev/sdb1 is still in use"}, "Its footage is safe, and cannot be deleted from it: its card is still in use. Take it out and put it in again; if it stays so, hand it to ops."),
    ("a device that says what to do", {"phase": "failed", "reason": "copy_failed", "message": "the camera answered with 0x2002: take it out and put it in again"}, "The camera answered with 0x2002. Take it out and put it in again."),
    ("a camera at an address", {"phase": "failed", "reason": "copy_failed", "message": "the camera at usb:001,004 has left"}, "The camera has left. Take it out and put it in again; if it stays so, hand it to ops."),
    ("a bad sector", {"counts": tally(4, 3, 3, 3, 1), "held": {"copy_failed": 1}, "held_example": "a: a cannot be read."}, f"A file on this camera cannot be read. {ASIDE}"),
    ("bad sectors", {"counts": tally(4, 2, 2, 2, 2), "held": {"copy_failed": 2}}, f"2 files on this camera cannot be read. {ASIDE}"),
    ("two reads differ", {"counts": tally(4, 3, 3, 3, 1), "held": {"integrity_failed": 1}}, f"1 file did not read the same twice. {ASIDE}"),
    ("cannot be deleted", {"counts": tally(4, 4, 4, 3, 1), "held": {"not_deletable": 1}}, f"A file cannot be deleted from this camera. {ASIDE}"),
    ("the store refuses", {"counts": tally(4, 4, 3, 3, 1), "held": {"store_refused": 1}}, "The store does not take 1 segment. Leave the camera in its bay and tell ops."),
    ("its reader hangs", {"phase": "failed", "reason": "bay_fault", "message": "the camera hangs"}, "The camera hangs. Try the camera in another bay; if this bay stays so, tell ops."),
    ("clock wrong", {"clock_offset": 7300.0}, "Its footage is safe, but its clock is 2 hours fast. Set its clock, or hand it to ops."),
]  # fmt: skip


@pytest.mark.parametrize(("changes", "why"), [row[1:] for row in ADVICE], ids=[row[0] for row in ADVICE])
def test_one_instruction_for_each_fault_and_no_device_in_it(changes: dict[str, Any], why: str) -> None:
    assert derive(replace(DONE, **changes)).why == why


def test_what_is_for_ops_is_kept_for_them() -> None:
    said = derive(replace(DONE, phase="failed", reason="locked", message=LOCKED))
    assert (said.detail, "/dev" in said.why) == (LOCKED, False)
    held = derive(replace(DONE, counts=tally(4, 3, 3, 3, 1), held={"copy_failed": 1}, held_example="a: unreadable."))
    assert held.detail == "a: unreadable."


def test_every_state_has_a_look_and_no_two_verbs_share_a_shape() -> None:
    assert set(LOOKS) == set(get_args(BayState))
    shapes: dict[str, set[str]] = {}
    for look in LOOKS.values():
        shapes.setdefault(look.shape, set()).add(look.verb)
    assert all(len(verbs) == 1 for verbs in shapes.values())


FACTS = st.builds(
    Facts, docked=st.booleans(), left_early=st.integers(0, 2), still_unsafe=st.integers(0, 2),
    phase=st.sampled_from([None, "reading", "copying", "waiting", "wiping", "done", "failed"]),
    reason=st.sampled_from(["", "spool_full", "copy_failed", "only_copy", "dock"]), turn=st.booleans(), listed_once=st.booleans(),
    counts=st.builds(
        Tally, listed=st.integers(0, 3), copied=st.integers(0, 3), confirmed=st.integers(0, 3), wiped=st.integers(0, 3), held=st.integers(0, 1)
    ),
    on_camera=st.integers(0, 2), stays=st.integers(0, 1), missing=st.integers(0, 1), hidden=st.integers(0, 1), unsafe=st.sampled_from(["", "it may hold it"]), unsettled=st.integers(0, 1),
    held=st.sampled_from([{}, {"copy_failed": 1}, {"other": 1}]), wipes=st.booleans(), store=st.sampled_from(["connected", "down", "dishonest"]),
    battery=st.sampled_from([None, 10, 80]), min_battery=st.just(80), clock_offset=st.sampled_from([None, 0.0, 61.0]),
    blind=st.sampled_from(["", "no ledger"]), alone=st.integers(0, 1), sound=st.booleans(), waited=st.booleans(), ours=st.booleans(),
    room=st.sampled_from([None, 7, 8]), min_room=st.sampled_from([0, 8]), nowhere_else=st.integers(0, 1), went_out=st.integers(0, 1),
    charge_lost=st.booleans(), clock_lost=st.booleans(), will_not_charge=st.sampled_from(["", "", "so"]), short=st.booleans(), late=st.booleans(),
)  # fmt: skip


@given(FACTS)
def test_ready_is_one_strict_and(facts: Facts) -> None:
    said = derive(facts)
    counts = facts.counts
    everything = [
        facts.docked, not facts.blind, facts.phase == "done", facts.listed_once, counts.confirmed == counts.listed, counts.held == 0,
        not facts.held, not facts.missing, not facts.hidden, not facts.unsafe, not facts.unsettled, not (facts.wipes and facts.on_camera),
        facts.battery is None or facts.battery >= 80, facts.clock_offset is None or abs(facts.clock_offset) <= 60,
        not facts.charge_lost, not facts.clock_lost, not facts.will_not_charge,
        facts.store != "dishonest" or not (facts.on_camera or (facts.stays and not facts.wipes)),
    ]  # fmt: skip
    if said.state == "ready":
        assert all(everything)
    elif all(everything) and counts.copied >= counts.listed:
        pytest.fail(f"all is so, and it is {said}")


SPOILS_READY: list[tuple[str, dict[str, Any]]] = [
    ("nobody in it", {"docked": False}), ("still copying", {"phase": "copying"}), ("not looked at", {"listed_once": False}), ("not all confirmed", {"counts": tally(4, 4, 3)}),
    ("held", {"counts": tally(4, 4, 4, held=1)}), ("held, by another sum", {"held": {"other": 1}}), ("another card", {"missing": 1}), ("hidden", {"hidden": 1}),
    ("are they those of before?", {"unsettled": 1}), ("it may hold an only copy", {"unsafe": "so"}), ("not emptied", {"on_camera": 1}), ("charge not told any more", {"charge_lost": True}),
    ("clock not told any more", {"clock_lost": True}), ("its battery does not charge", {"will_not_charge": "it falls"}), ("not charged", {"battery": 79}), ("clock wrong", {"clock_offset": -61.0}),
    ("the store was caught", {"store": "dishonest", "wipes": False, "on_camera": 1}), ("the store was caught, documents", {"store": "dishonest", "wipes": False, "stays": 1}),
]  # fmt: skip


@pytest.mark.parametrize("spoilt", [row[1] for row in SPOILS_READY], ids=[row[0] for row in SPOILS_READY])
def test_no_order_of_rules_makes_a_camera_ready(spoilt: dict[str, Any]) -> None:
    """The rule that says it asks for everything itself, whatever those before it have asked."""
    assert _ready(DONE) is not None
    assert _ready(replace(DONE, **spoilt)) is None


@pytest.mark.parametrize("phase", ["reading", "waiting", "done"])
def test_nothing_is_proven_by_a_store_that_was_caught(phase: Any) -> None:
    wants: list[dict[str, Any]] = [
        {}, {"battery": 61}, {"clock_offset": 61.0}, {"clock_offset": -61.0}, {"charge_lost": True}, {"clock_lost": True}, {"will_not_charge": "it falls"},
        {"counts": tally(4, 4, 3)}, {"counts": tally(4, 4, 4, 3)},
    ]  # fmt: skip
    for on_camera, stays, wipes, ours, want in product((0, 1), (0, 1), (False, True), (False, True), wants):
        said = derive(replace(DONE, store="dishonest", phase=phase, on_camera=on_camera, stays=stays, wipes=wipes, ours=ours, **want))  # fmt: skip
        assert not re.search("proven|footage is safe|is in the store", said.why), said
        if on_camera or (stays and not wipes):
            assert said.look.verb != "take", said


@given(FACTS)
def test_every_sentence_is_plain(facts: Facts) -> None:
    said = derive(facts)
    assert said.why
    assert said.why.isprintable()
    assert "  " not in said.why
    assert not {"done", "uploaded", "complete", "error"} & set(said.why.lower().replace(".", " ").split())


@given(FACTS)
def test_all_means_all_and_counts_can_be_true(facts: Facts) -> None:
    said = derive(facts)
    assert not re.search(r"\ball 0\b|\b0 of 0\b|\bAll 1\b", said.why)
    found = re.search(r"All (\d+) segments|Its one segment", said.why)
    if found:
        assert int(found[1] or 1) == facts.counts.listed == facts.counts.confirmed


@given(
    FACTS,
    st.sampled_from(
        [
            "counts",
            "held",
            "missing",
            "hidden",
            "unsafe",
            "on_camera",
            "battery",
            "clock_offset",
            "phase",
            "listed_once",
        ]
    ),
)
def test_one_thing_that_is_not_so_is_enough(facts: Facts, spoilt: str) -> None:
    worse: dict[str, Any] = {
        "counts": tally(4, 4, 3), "held": {"other": 1}, "missing": 1, "hidden": 1, "unsafe": "so", "on_camera": 1, "battery": 79,
        "clock_offset": -61.0, "phase": "waiting", "listed_once": False,
    }  # fmt: skip
    assert derive(replace(facts, wipes=True, min_battery=80, **{spoilt: worse[spoilt]})).state != "ready"


SPOILS_USABLE: list[tuple[str, dict[str, Any]]] = [
    ("not looked at", {"listed_once": False}), ("still copying", {"phase": "copying"}), ("failed", {"phase": "failed"}), ("nobody in it", {"docked": False}),
    ("nobody knows", {"blind": "no ledger"}), ("not all copied", {"counts": tally(4, 3)}), ("held", {"counts": tally(4, 4, 1, held=1)}),
    ("held, by another sum", {"held": {"other": 1}}), ("on the camera alone", {"alone": 1}), ("another card", {"missing": 1}), ("hidden", {"hidden": 1}),
    ("are they those of before?", {"unsettled": 1}), ("it may hold an only copy", {"unsafe": "so"}), ("the dock is in doubt", {"sound": False}),
    ("the store was caught", {"store": "dishonest"}), ("nobody named it", {"ours": False}), ("no room", {"room": (8 << 30) - 1}), ("room not known", {"room": None}),
    ("not charged", {"battery": 79}), ("charge not told any more", {"charge_lost": True}), ("clock not told any more", {"clock_lost": True}), ("clock wrong", {"clock_offset": 61.0}), ("not waited", {"waited": False}), ("enough are ready", {"short": False}), ("its battery does not charge", {"will_not_charge": "so"}), ("no room on the dock", {"reason": "spool_full"}),
    ("the dock's disk fails", {"reason": "spool_failed"}), ("it is empty", {"counts": Tally(), "on_camera": 0}),
]  # fmt: skip


@pytest.mark.parametrize("spoilt", [row[1] for row in SPOILS_USABLE], ids=[row[0] for row in SPOILS_USABLE])
def test_one_thing_that_is_not_so_keeps_it_in(spoilt: dict[str, Any]) -> None:
    usable = replace(DONE, **USABLE)
    assert derive(usable).state == "usable"
    assert derive(replace(usable, **spoilt)).look.verb != "take"


@given(FACTS)
def test_usable_is_one_strict_and(facts: Facts) -> None:
    said, counts = derive(facts), facts.counts
    everything = [
        facts.docked, not facts.blind, facts.phase == "waiting", not facts.reason, facts.listed_once, counts.listed > 0, counts.copied == counts.listed,
        counts.held == 0, not facts.held, not facts.missing, not facts.hidden, not facts.unsafe, not facts.unsettled, not facts.alone, facts.sound,
        facts.store != "dishonest", facts.waited, facts.ours, facts.min_room == 0 or (facts.room or 0) >= facts.min_room,
        facts.battery is None or facts.battery >= 80, facts.clock_offset is None or abs(facts.clock_offset) <= 60,
        counts.confirmed < counts.listed or facts.store != "connected", not facts.charge_lost, not facts.clock_lost, not facts.will_not_charge, facts.short,
    ]  # fmt: skip
    assert (said.state == "usable") == all(everything)


def test_what_waits_long_for_the_store_is_amber() -> None:
    copied = replace(DONE, phase="waiting", counts=tally(4, 4, 1))
    assert derive(copied).look.tone == "blue"
    assert derive(replace(copied, waited=True, short=False)).look.tone == "amber"
    assert derive(replace(copied, late=True)).look.tone == "amber"
    assert derive(replace(DONE, late=True)).look == LOOKS["ready"]
