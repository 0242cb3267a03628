"""Who stands in which bay of the staged rack: 64 bays in every state that there is, with names as stations have them. Values only.

The state named here is the one that the page has to find out by itself from what the ledger, the dock and the camera say.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, field, replace

from dockd.page.looks import BayState
from ingest.model import CameraId

GB = 10**9
NOW = 1_795_155_120.0  # Friday 20 November 2026, 06:12 UTC
_SHIFT = 54 * 60.0
MANY = {
    "ready": 20, "charging": 4, "copying": 6, "reading": 2, "queued": 5, "unconfirmed": 6, "usable": 3, "wiping": 2, "empty": 5,
    "removed_early": 2, "copy_failed": 1, "integrity_failed": 1, "store_refused": 1, "clock_wrong": 1, "not_ours": 1, "will_not_charge": 1,
    "bay_fault": 1, "out_of_use": 1, "unknown": 1,
}  # fmt: skip
_OFFICERS = (
    "PC 4711 Hughes", "PC 2210 Llewellyn-Featherstonehaugh", "PC 3308 Okafor", "PC 1187 Ó Súilleabháin", "PS 0142 Whitaker", "PC 5521 Nowak",
    "PC 2944 Begum", "PC 3870 Rhys ap Gruffydd", "DC 6016 MacIntyre", "PC 4402 Singh Sandhu", "PCSO 7719 Adeyemi", "PC 1630 van der Merwe",
)  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Part:
    """One bay. Of `files` segments (sizes in bytes) the first so many are `copied`, `confirmed`, `wiped`; `held`: why the last one copied is.

    `docked_at` seconds since the epoch; `room` bytes that it can still record; `done` of the next file are copied.
    """

    bay: int
    state: BayState
    serial: str = ""
    officer: str | None = None
    docked_at: float = NOW
    files: tuple[int, ...] = ()
    copied: int = 0
    confirmed: int = 0
    wiped: int = 0
    evidential: int = 0
    held: tuple[str, str] | None = None
    done: int = 0
    battery: int | None = 100
    clock_offset: float | None = 0.4
    room: int | None = None
    went_out: bool = False

    @property
    def place(self) -> str:
        return f"bay-{self.bay:02}"

    @property
    def camera(self) -> CameraId:
        return CameraId(profile="vendor-tree", serial=self.serial, card=f"6A41-{int(self.serial[-4:]):04X}")


def cast(*, bays: int = 64, seed: int = 6, only: BayState | None = None) -> tuple[Part, ...]:
    """The rack, the same each time. With fewer bays every state still comes once, as far as there is room; `only`: all are in this one."""
    chance = random.Random(seed)
    if only is not None:
        return tuple(_part(number, only, chance) for number in range(1, bays + 1))
    once: list[BayState] = list(MANY)  # type: ignore[arg-type]
    more: list[BayState] = [state for state, many in MANY.items() for _ in range(many - 1)]  # type: ignore[misc]
    chance.shuffle(more)
    while len(once) + len(more) < bays:
        more.append("ready")
    states = (once + more)[:bays]
    chance.shuffle(states)
    return tuple(_part(number, state, chance) for number, state in enumerate(states, 1))


def _part(bay: int, state: BayState, chance: random.Random) -> Part:
    files = tuple(chance.randrange(90_000_000, 1_400_000_000) for _ in range(chance.randrange(3, 10)))
    officer = _OFFICERS[bay % len(_OFFICERS)] if bay % 5 else None
    part = Part(
        bay=bay, state=state, serial=f"X60A{4100 + 17 * bay:04}", officer=officer, files=files, battery=chance.randrange(84, 101),
        docked_at=NOW - chance.uniform(120.0, _SHIFT), clock_offset=round(chance.uniform(-4, 4), 1),
    )  # fmt: skip
    return replace(part, **_OF_STATE.get(state, _ready)(part, chance))  # type: ignore[arg-type]


def _ready(part: Part, _chance: random.Random) -> dict[str, object]:
    many = len(part.files)
    return {"copied": many, "confirmed": many, "wiped": many}


def _nobody(part: Part, chance: random.Random) -> dict[str, object]:
    if chance.random() < 0.4:  # a usable camera that was taken
        return {"went_out": True, "copied": len(part.files), "confirmed": 1, "room": 21 * GB}
    return {"serial": "", "files": (), "officer": None}


def _copying(part: Part, chance: random.Random) -> dict[str, object]:
    copied = chance.randrange(0, len(part.files))
    return {
        "copied": copied,
        "confirmed": copied // 2,
        "evidential": 1,
        "done": part.files[copied] // 3,
        "battery": chance.randrange(22, 90),
    }


def _waits(part: Part, _chance: random.Random) -> dict[str, object]:
    many = len(part.files)
    return {"copied": many, "confirmed": many // 2, "evidential": 1, "room": 2 * GB}


def _may_go(part: Part, _chance: random.Random) -> dict[str, object]:
    return _waits(part, _chance) | {"room": 27 * GB}


def _proven(part: Part, _chance: random.Random) -> dict[str, object]:
    many = len(part.files)
    return {"copied": many, "confirmed": many, "wiped": many // 2}


def _low(part: Part, chance: random.Random) -> dict[str, object]:
    return _ready(part, chance) | {"battery": chance.randrange(48, 79)}


def _flat(part: Part, chance: random.Random) -> dict[str, object]:
    return _ready(part, chance) | {"battery": 12, "docked_at": NOW - 9 * 3600}


def _early(part: Part, _chance: random.Random) -> dict[str, object]:
    return {"copied": 1, "confirmed": 1}


def _unread(part: Part, _chance: random.Random) -> dict[str, object]:
    many = len(part.files)
    return {
        "copied": many - 1,
        "confirmed": many - 1,
        "held": ("copy_failed", "the camera answers with an error when it is read (EIO)"),
    }


def _unlike(part: Part, _chance: random.Random) -> dict[str, object]:
    many = len(part.files)
    return {
        "copied": many - 1,
        "confirmed": many - 1,
        "held": ("integrity_failed", "two reads of it gave different bytes"),
    }


def _refused(part: Part, _chance: random.Random) -> dict[str, object]:
    many = len(part.files)
    return {
        "copied": many,
        "confirmed": many - 1,
        "held": ("store_refused", "the store answered 413: it takes no segment of this size"),
    }


def _wrong_clock(part: Part, chance: random.Random) -> dict[str, object]:
    return _ready(part, chance) | {"clock_offset": -3600.0}


def _nothing_yet(_part: Part, _chance: random.Random) -> dict[str, object]:
    return {"copied": 0}


def _no_camera(_part: Part, _chance: random.Random) -> dict[str, object]:
    return {"serial": "", "files": (), "officer": None}


_OF_STATE = {
    "empty": _nobody, "copying": _copying, "reading": _nothing_yet, "queued": _nothing_yet, "unconfirmed": _waits, "usable": _may_go,
    "wiping": _proven, "charging": _low, "will_not_charge": _flat, "removed_early": _early, "copy_failed": _unread, "integrity_failed": _unlike,
    "store_refused": _refused, "clock_wrong": _wrong_clock, "not_ours": _no_camera, "bay_fault": _no_camera, "out_of_use": _no_camera,
    "unknown": _nothing_yet,
}  # fmt: skip


@dataclass(frozen=True)
class Outside:
    """A camera of the site's list that is in no bay."""

    serial: str
    officer: str | None = field(default=None)


OUTSIDE = tuple(Outside(f"X60A{6000 + 31 * n}", _OFFICERS[n % len(_OFFICERS)] if n % 4 else None) for n in range(14))
