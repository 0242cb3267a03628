"""All that is known of one bay at one moment, from which `dockd.page.state` says what is so with it. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from ingest.activity import Phase
from ingest.model import Tally
from ingest.standing import StoreWord


@dataclass(frozen=True, kw_only=True, slots=True)
class Facts:
    """All that is known of one bay, now.

    `occupied`: what is in it that is no camera or not yet one (looking, not_ours, fault), `occupied_why` in words; `note`: what people
    should know of the camera; `why_kept`: why it is not emptied; `ours`: it is the site's;
    `last_camera` (its serial) and `last_officer`: who left it last; `left_early`: segments that this one took along unproven, `still_unsafe` how many of them are so now, `nowhere_else` how many of
    these are on it alone, `left_unasked`: the ledger was not asked for both since it left; `went_out`: segments that it took along, all safe on the dock; `listed_once`: a listing of this visit is in; `counts`: segments of
    this docking; `on_camera`: how many of them still lie on the camera and are to be wiped, `stays`: how many files that are no footage are copied and stay; `missing`: segments that should be on this camera and were not
    listed; `hidden`: places on it that nobody could look into; `unsettled`: files of which it is not yet
    known whether they are the ones of before; `unsafe`: why nothing may be deleted from it; `held`: reasons and how many; `held_example`: one of them in words;
    `wipes`: whether the site wants this camera emptied, `grace` whether it wants to wait with that; `percent`: of its bytes copied; `turn`: it waits for its turn to be read;
    `alone`: how many segments neither the dock nor the store has; `sound`: nothing speaks against the dock's own copies; `waited`: it has waited long
    for the store; `room`: bytes that it can still record, `min_room` how many it must.
    `store_wants`: what a person has to mend of the store, in words; `kept_until`: the moment before which no room comes, because the dock keeps what the
    store has.
    `charge_ready_at`: when its charge will do (seconds since the epoch), None where that cannot be foretold; `will_not_charge`: why its battery is thought
    not to charge, a clause such as "it stands at 12% since 05:10".
    `charge_lost`, `clock_lost`: it told its charge (which matters here), its clock, before in this docking, and does not now.
    `late`: the store has been away for so long that it should be seen; `short`: of the rack's cameras so few are ready that one which is only usable is offered.
    `out_of_use`: why people keep this bay out of use, in words.
    `blind`: why nothing can be known now.
    """

    docked: bool = True
    occupied: str = ""
    occupied_why: str = ""
    note: str = ""
    why_kept: str = ""
    ours: bool = True
    camera: str = ""
    left_early: int = 0
    still_unsafe: int = 0
    nowhere_else: int = 0
    left_unasked: bool = False
    went_out: int = 0
    last_camera: str = ""
    last_officer: str = ""
    phase: Phase | None = None
    reason: str = ""
    message: str = ""
    turn: bool = False
    percent: int | None = None
    listed_once: bool = False
    counts: Tally = field(default_factory=Tally)
    on_camera: int = 0
    stays: int = 0
    missing: int = 0
    hidden: int = 0
    unsettled: int = 0
    unsafe: str = ""
    alone: int = 0
    sound: bool = True
    waited: bool = False
    room: int | None = None
    min_room: int = 0
    held: Mapping[str, int] = field(default_factory=dict)
    held_example: str = ""
    wipes: bool = True
    grace: bool = False
    store: StoreWord = "unknown"
    store_wants: str = ""
    kept_until: str = ""
    battery: int | None = None
    min_battery: int = 0
    charge_lost: bool = False
    clock_lost: bool = False
    clock_offset: float | None = None
    max_clock_offset: float = 60.0
    charge_ready_at: float | None = None
    will_not_charge: str = ""
    late: bool = False
    short: bool = True
    out_of_use: str = ""
    blind: str = ""
