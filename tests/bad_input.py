"""Every bad input that concerns cameras, spool, ledger, state and configuration, and the message that it gets.

docs/bad-input.md is this table, and the tests assert on its messages: `…` stands for what differs from case to case.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from tests.program import Ended


@dataclass(frozen=True, kw_only=True)
class Row:
    """`given` the input, `says` the message (standard error, or the JSON document), `then` what happens, `exits` the code of `dockd ingest`."""

    given: str
    says: str
    then: str
    exits: int


ROWS: dict[str, Row] = {
    # -- what lies on a camera
    "symlink": Row(
        given="a symlink",
        says="…: … is passed over: a link is not followed: what it leads to is not this camera's",
        then="it stays; the files beside it are delivered and wiped",
        exits=0,
    ),
    "fifo": Row(
        given="a FIFO",
        says="…: … is passed over: a FIFO holds no footage",
        then="it stays, and is never opened; the rest goes on",
        exits=0,
    ),
    "socket": Row(
        given="a socket",
        says="…: … is passed over: a socket holds no footage",
        then="it stays; the rest goes on",
        exits=0,
    ),
    "device": Row(
        given="a device node",
        says="…: … is passed over: a device node is not opened",
        then="it stays, and is never opened; the rest goes on",
        exits=0,
    ),
    "closed folder": Row(
        given="a folder without permission",
        says="…: … is passed over: it cannot be read (Permission denied): footage may lie in it",
        then="everything else is delivered; nothing is wiped from this camera, since footage may lie there",
        exits=1,
    ),
    "nothing wiped": Row(
        given="anything on a camera that may be an only copy",
        says="…: nothing is deleted from it while it may hold the only copy of …: …",
        then="everything else is delivered; nothing is wiped from this camera",
        exits=1,
    ),
    "closed file": Row(
        given="a file without permission",
        says="held: …: … cannot be read: Permission denied",
        then="it is held and stays; the rest is delivered; nothing is wiped from this camera; it is tried again at the next docking",
        exits=1,
    ),
    "closed root": Row(
        given="a camera that may not be read at all",
        says="not read: … cannot be read: Permission denied",
        then="nothing is concluded of it; other cameras go on",
        exits=1,
    ),
    "deep": Row(
        given="folders deeper than 64",
        says="…: … is passed over: folders lie deeper than 64 here",
        then="what lies above is delivered; nothing is wiped from this camera",
        exits=1,
    ),
    "grows": Row(
        given="a file that grows while it is read",
        says="held: …: … changed each time it was read: is the camera still recording? It stays on the camera",
        then="read again five times, then held; the rest is delivered, nothing is wiped; once it holds still it is delivered",
        exits=1,
    ),
    "written": Row(
        given="a file that another program has open for writing",
        says="held: …: … is open for writing: another program has not closed it yet. It stays on the camera until it has",
        then="looked at five times, then held; the rest is delivered, nothing is wiped; in a dock it is waited for; once it is closed it is delivered",
        exits=1,
    ),
    "dated back": Row(
        given="a file that was listed before it was written to its end, and is longer now, or has an earlier time (`cp -a` gives it in the end)",
        says="",
        then="it is the same segment, as it is now: delivered and wiped; nothing of it counts as gone or lost",
        exits=0,
    ),
    "shrinks": Row(
        given="a file that shrinks before it was copied",
        says="… is gone from camera …, and not by dockd: another file lies at its place",
        then="what is there now is a segment of its own, delivered and wiped; what was cut off was lost before dockd had it, and is said to be",
        exits=1,
    ),
    "replaced": Row(
        given="a file that is replaced between pull and wipe by another of the same size and time",
        says="… is gone from camera …, and not by dockd: other bytes of the same size and time lie at its place",
        then="the new one is a segment of its own: it survives, is delivered, and only then wiped",
        exits=0,
    ),
    "ten thousand": Row(
        given="10,000 empty files", says="", then="each is a segment: delivered and wiped; the folders stay", exits=0
    ),
    "empty file": Row(
        given="a file of 0 bytes", says="", then="a segment like any other: delivered and wiped", exits=0
    ),
    "large": Row(given="a file of 4 GiB − 1", says="", then="a segment like any other: delivered and wiped", exits=0),
    "twins": Row(
        given="two segments with equal content",
        says="",
        then="both are delivered and wiped; each has its own spool file, object and receipt",
        exits=0,
    ),
    "names": Row(
        given="names that are no UTF-8, contain newlines, are 255 bytes, or differ only in case",
        says="",
        then="names are bytes: delivered and wiped; shown with escapes, and as `path_b64` in JSON",
        exits=0,
    ),
    # -- which cameras
    "one serial": Row(
        given="two cameras with one serial",
        says="",
        then="told apart by card, else by place; both are emptied",
        exits=0,
    ),
    "other card": Row(
        given="a camera that comes back with another card before the first was copied",
        says="…: … segments that were listed before, and are nowhere else yet, are not on it: is it another card?",
        then="nothing is concluded of the first card; what is on the second is delivered and wiped",
        exits=1,
    ),
    "two in one": Row(
        given="a path in another, or twice",
        says="… and … lie in one another: a file belongs to one camera",
        then="nothing is touched",
        exits=2,
    ),
    "no folder": Row(
        given="a path that is not there",
        says="…: there is no such folder: name a mounted camera or any folder",
        then="nothing is touched",
        exits=2,
    ),
    "a file": Row(
        given="a path that is a file",
        says="…: it is not a folder: name a mounted camera or any folder",
        then="nothing is touched",
        exits=2,
    ),
    "own state": Row(
        given="a path that holds dockd's own state, or lies in it",
        says="… and dockd's own state (…) lie in one another: name another --state; dockd must never take its own files for footage",
        then="nothing is touched",
        exits=2,
    ),
    "a store": Row(
        given="a path that holds a central store's root, or lies in it",
        says="…: … is the root of a central store: dockd must never take its own files for footage; name the camera itself",
        then="nothing is touched",
        exits=2,
    ),
    "other state": Row(
        given="a path that holds the state of another dock, or lies in it",
        says="…: … is the state of a dock: dockd must never take its own files for footage; name the camera itself",
        then="nothing is touched",
        exits=2,
    ),
    "no name": Row(
        given="an empty --camera",
        says="--camera is empty: name the camera, or leave it out to have the folder's name",
        then="nothing is touched",
        exits=2,
    ),
    # -- the spool
    "spool full": Row(
        given="a spool that is full up to keep_free",
        says="dock room is full: … bytes are free and … must stay so; cameras wait until the store has taken more",
        then="the camera waits; it goes on by itself: “there is room on the dock again”",
        exits=0,
    ),
    "spool too small": Row(
        given="a spool that can never take the segment",
        says="given up waiting: dock room is full: … bytes are wanted, … are left above spool.keep_free; …",
        then="after --wait it ends; nothing is lost, nothing is wiped",
        exits=3,
    ),
    "spool file cut": Row(
        given="a spool file that was cut, or is gone",
        says="the spool's copy of segment … is no longer what was pulled: its spool file …",
        then="it is pulled again from the camera",
        exits=0,
    ),
    # -- the ledger and the state
    "ledger locked": Row(
        given="a ledger that another program has locked",
        says="dockd: the ledger … is locked by another program: end it …",
        then="nothing is touched",
        exits=3,
    ),
    "ledger read-only": Row(
        given="a ledger that may not be written",
        says="dockd: the ledger … is read-only for this user: give it back its owner and mode 0600",
        then="nothing is touched",
        exits=3,
    ),
    "ledger empty": Row(
        given="a ledger of 0 bytes",
        says="the ledger could not be used (it was cut to nothing): a new one was made, … kept as: ledger.db.damaged-…",
        then="it is kept whole beside its place; a new one takes in what is in the spool; nothing is deleted before the store has answered",
        exits=0,
    ),
    "ledger damaged": Row(
        given="a ledger that is truncated, or garbage",
        says="the ledger could not be used (…): a new one was made, … kept as: ledger.db.damaged-…",
        then="it is kept whole beside its place; a new one takes in what is in the spool; nothing is deleted before the store has answered",
        exits=0,
    ),
    "ledger gone": Row(
        given="no ledger, where a dock has lived",
        says="the ledger could not be used (it was not there any more): a new one was made, … kept as: nothing",
        then="a new one takes in what is in the spool; nothing is deleted before the store has answered",
        exits=0,
    ),
    "ledger newer": Row(
        given="a ledger of a newer dockd",
        says="dockd: the ledger … was written by a newer dockd (it has …): install that version again; nothing was changed. The way back to this one is in docs/upgrade.md",
        then="nothing is touched",
        exits=3,
    ),
    "no ledger": Row(
        given="a database that is no ledger",
        says="dockd: … is a database, but no ledger of dockd: name another path in ledger.path",
        then="nothing is touched",
        exits=3,
    ),
    "key damaged": Row(
        given="a damaged signing key",
        says="dockd: the dock's key … is damaged: put back the saved one, or move it aside for a new one",
        then="nothing is touched",
        exits=3,
    ),
    "two dockd": Row(
        given="two dockd on one state folder",
        says="dockd: another dockd (process …) works with …: end it first, or use another --state",
        then="the second ends at once; the first goes on",
        exits=3,
    ),
    "state closed": Row(
        given="a state folder that may not be written, or another user's",
        says="dockd: the state folder … cannot be written: Permission denied. Check its owner and its disk",
        then="nothing is touched",
        exits=3,
    ),
    "state of another": Row(
        given="root, and a state folder that is another user's",
        says="dockd: the state in … is not root's: it belongs to …, who could not use what root makes there. Nothing was changed. Run it as …: `runuser -u … -- dockd …`",
        then="nothing is touched",
        exits=3,
    ),
    "spool closed": Row(
        given="a spool folder that may not be written",
        says="dockd: …spool…: Permission denied",
        then="nothing is touched",
        exits=3,
    ),
    # -- how it is called
    "store nonsense": Row(
        given="a store address that is none",
        says="…is not a URL…",
        then="nothing is touched",
        exits=2,
    ),
    "store down": Row(
        given="a store that does not answer",
        says="given up waiting: …. Everything is kept; run it again to go on",
        then="the camera is copied all the same; after --wait it ends; nothing is wiped",
        exits=3,
    ),
    "interrupted": Row(
        given="Ctrl-C, or SIGTERM",
        says="interrupted: nothing is lost, run the same command again to go on",
        then="it ends; run again, it goes on where it was",
        exits=130,
    ),
}


def said(ended: Ended, key: str) -> None:
    """Raises AssertionError unless the program said what the table says, and ended with that code."""
    row = ROWS[key]
    assert ended.code == row.exits, ended.said
    assert spoken(key).search(ended.err) is not None, f"it should have said {row.says!r}\n{ended.said}"


def spoken(key: str) -> re.Pattern[str]:
    """The message as a pattern; the pieces of one message are on one line."""
    return re.compile("[^\n]*".join(re.escape(part) for part in ROWS[key].says.split("…")))


def table() -> str:
    """The rows as Markdown."""
    lines = ["| input | message | what happens | exit code |", "|---|---|---|---|"]
    lines += [
        f"| {row.given} | {row.says or '(none: it is ordinary)'} | {row.then} | {row.exits} |" for row in ROWS.values()
    ]
    return "\n".join(lines) + "\n"
