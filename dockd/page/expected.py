"""What can be expected of each bay, sampled every few seconds: when it is ready, when its charge will do, that its battery does not charge.

Rules kept here: it is expected of a docking, and holds for no other one that the bay has by the time that it is told; whether more than time stands
between a camera and being ready is asked when it is told (`ready_at.can_become_ready`), of the facts of that moment.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from dockd.docking import Bay
from dockd.page.charging import Charge, Fault
from dockd.page.estimate import Estimate
from dockd.page.language import said
from dockd.page.moment import Moment
from dockd.page.ready_at import Held, ToDo, seconds_until_ready
from dockd.page.snapshot import Expected
from dockd.page.words import time_words
from ingest.ledger.views import Docking
from ingest.visit import Visit

_AT_WORK = frozenset({"reading", "copying", "wiping"})
_WORKING_OR_WAITING = frozenset({"copying", "waiting", "wiping", "done"})


@dataclass(kw_only=True)
class _Followed:
    """One docking."""

    docking: int
    charge: Charge = field(default_factory=Charge)
    copied: Estimate = field(default_factory=Estimate)
    ready: Held = field(default_factory=Held)
    charged: Held = field(default_factory=Held)


class Expectations:
    """Of all bays. `now` of a sample: seconds of a clock that is never set; `at`: seconds since the epoch."""

    def __init__(self) -> None:
        self._bays: dict[int, _Followed] = {}

    def sample(
        self, *, now: float, at: float, moment: Moment, fresh: bool, sending: float | None
    ) -> dict[int, Expected]:
        """What is expected now, of each bay of which anything is. `fresh`: the moment's sums are of now; `sending`: bytes a second that the store takes."""
        bays = {
            bay.number: (bay, bay.visit)
            for bay in moment.sources.rack.bays.values()
            if bay.camera is not None and bay.visit is not None and bay.visit.docking
        }
        self._bays = {number: one for number, one in self._bays.items() if number in bays}
        found = {}
        for number, (bay, visit) in bays.items():
            followed = self._bays.get(number)
            if followed is None or followed.docking != visit.docking:
                followed = self._bays[number] = _Followed(docking=visit.docking)
            expected = _sampled(followed, bay, visit, now=now, at=at, moment=moment, fresh=fresh, sending=sending)
            if expected != Expected(docking=visit.docking):
                found[number] = expected
        return found


def _sampled(
    followed: _Followed, bay: Bay, visit: Visit, *, now: float, at: float, moment: Moment, fresh: bool, sending: float | None
) -> Expected:  # fmt: skip
    settings, camera = moment.sources.settings, bay.camera.id if bay.camera is not None else ""
    doing = moment.sources.activity.cameras.get(camera)
    phase = doing.phase if doing is not None else "reading"
    if bay.battery_percent is None:
        followed.charge.silent()
    else:
        followed.charge.told(now, bay.battery_percent, at_work=phase in _AT_WORK)
    wanted = settings.ready.min_battery
    fault = followed.charge.fault(now, wanted=wanted)
    does_at = followed.charge.will_do_at(now, wanted=wanted)
    left = None if does_at is None or fault is not None else max(0.0, does_at - now)
    lacks = bay.battery_percent is not None and bay.battery_percent < wanted
    charged = followed.charged.take(at, at + left if left is not None and lacks else None)
    seconds = None
    if fresh and phase in _WORKING_OR_WAITING and visit.listed_once:
        done = doing.done if doing is not None and phase == "copying" else 0
        seconds = _until_ready(followed, visit, camera, moment=moment, now=now, done=done, sending=sending, charge=left if lacks else 0.0)  # fmt: skip
    return Expected(
        docking=visit.docking, ready_at=followed.ready.take(at, at + seconds if seconds else None), charge_ready_at=charged,
        will_not_charge=_why(fault, now=now, at=at) if fault is not None else "",
    )  # fmt: skip


def _until_ready(
    followed: _Followed, visit: Visit, camera: str, *, moment: Moment, now: float, done: int, sending: float | None, charge: float | None
) -> float | None:  # fmt: skip
    settings, found = moment.sources.settings, moment.sums.dockings.get(visit.docking, Docking())
    size = found.balance.bytes
    followed.copied.sample(now, size.copied + done)
    to_confirm = size.listed - size.confirmed
    coming = [one for one in moment.sums.unproven if not one.held]
    ahead = min(sum(one.bytes for one in coming), to_confirm * max(1, len({one.camera for one in coming})))
    wipes = settings.wipe.enabled and visit.wipe and found.on_camera > 0
    todo = ToDo(
        to_copy=max(0, size.listed - size.copied - done), copy_rate=followed.copied.rate(), to_send=max(to_confirm, ahead) if to_confirm else 0,
        send_rate=sending, to_wipe=wipes, grace=settings.wipe.grace if wipes else 0.0, charge=charge,
    )  # fmt: skip
    return seconds_until_ready(todo)


def _why(fault: Fault, *, now: float, at: float) -> str:
    since = time_words(at - (now - fault.since))
    if fault.kind == "falls":
        return said("it has fallen from {before}% to {percent}% since {time}", before=fault.before, percent=fault.percent, time=since)  # fmt: skip
    return said("it stands at {percent}% since {time}", percent=fault.percent, time=since)
