"""What is so with a bay, from facts alone: one state, one word, and why in plain words. Pure: no I/O, no clock.

Rules kept here:

* the states are tried in the order of `_RULES`; the first that says something wins, and the last one always does;
* ready is one strict AND (P5): a finished pass over a listing of this very visit; every listed segment confirmed, none held, none
  missing, nothing hidden; the camera empty, unless the site does not want that (then it says "not emptied"); charge and clock right
  where they can be known (one that told them and does not any more is not known). Whatever is not known to be so is not ready;
* usable is another: nothing of it is on the camera alone, nothing is held, hidden or in doubt, the dock is sound, and it is known to have room
  for hours; and it has waited so long that leaving it in would keep it from a shift;
* what a store that was caught has confirmed is neither proven nor safe: while any of it is on the camera, it is left in;
* what is being done wins over what is held: a camera that works is left alone, and told about afterwards;
* a sentence is one message (dockd.page.language), so that it can be told in another language; it says why, without "done", "uploaded", "complete", or a number that only a programmer knows.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from dockd.page.advice import (
    ASIDE,
    OTHER_BAY_BATTERY,
    PUT_BACK,
    Told,
    of_failure,
    of_held,
    of_occupied,
    of_unnamed,
    sentence,
    whose,
)
from dockd.page.known_of_bay import Facts
from dockd.page.language import counted, english, joined, said
from dockd.page.looks import LOOKS, BayState, Look
from dockd.page.ready_at import can_become_ready
from dockd.page.reasons import (
    before_emptying,
    is_in_doubt,
    is_on_it,
    proven,
    span,
    was_confirmed,
    why_early,
    why_full,
    why_unconfirmed,
    why_usable,
    why_wiping,
)
from dockd.page.words import some, time_words


@dataclass(frozen=True, kw_only=True, slots=True)
class Shown:
    """What the page says of a bay: what is so, the one thing to do about it, and `detail` for ops."""

    state: BayState
    word: str
    what: str
    advice: str = ""
    detail: str = ""
    late: bool = False

    @property
    def why(self) -> str:
        """The whole sentence: what is so, and what to do about it."""
        return joined(self.what, self.advice)

    @property
    def look(self) -> Look:
        """Its verb, shape and colour: amber where it is late."""
        look = LOOKS[self.state]
        return replace(look, tone="amber") if self.late else look


def derive(facts: Facts) -> Shown:
    """The one word for these facts."""
    for rule in _RULES:
        shown = rule(facts)
        if shown is not None:
            return _noted(shown, facts) if facts.docked else shown
    return _show(
        "unknown", said("Nothing that is known of this bay says what it is doing.")
    )  # the last rule always speaks


def _noted(shown: Shown, facts: Facts) -> Shown:
    """With what people should know of the camera, and of the bay that it should not be in."""
    note, out = sentence(facts.note) if facts.note else "", ""
    if facts.out_of_use and shown.look.verb == "take":
        out = said("This bay is out of use: “{why}”. Put no other camera into it.", why=facts.out_of_use)
    elif facts.out_of_use:
        out = said("This bay is out of use: “{why}”. Move the camera to another bay when its footage is safe.", why=facts.out_of_use)  # fmt: skip
    return replace(shown, what=joined(shown.what, note, out)) if note or out else shown


def _show(state: BayState, what: str, *, word: str = "", advice: str = "") -> Shown:
    return Shown(state=state, word=word or LOOKS[state].word, what=what, advice=advice)


def _fault(state: BayState, told: Told) -> Shown:
    return Shown(state=state, word=LOOKS[state].word, what=told.what, advice=told.advice, detail=told.detail)


# -- nobody there, or nobody knows -------------------------------------------------------------------------------------


def _blind(facts: Facts) -> Shown | None:
    if facts.blind:
        return _show("unknown", english(facts.blind))
    if facts.docked and facts.phase == "failed" and facts.reason == "dock":
        return _show("unknown", sentence(facts.message or said("dockd cannot write down what it does.")))
    return None


def _occupied(facts: Facts) -> Shown | None:
    if facts.docked or not facts.occupied:
        return None
    return _fault(*of_occupied(facts.occupied, facts.occupied_why))


def _out_of_use(facts: Facts) -> Shown | None:
    """A camera that is in it all the same is served and told of."""
    if facts.docked or facts.occupied or facts.left_early or not facts.out_of_use:
        return None
    why = said("This bay is out of use: “{why}”. Use another bay.", why=facts.out_of_use)
    return _show("out_of_use", why)


def _vacant(facts: Facts) -> Shown | None:
    if facts.docked:
        return None
    who = whose(facts.last_camera, facts.last_officer) if facts.last_camera else ""
    if facts.left_early:
        return _show("removed_early", why_early(facts, who), advice=PUT_BACK)
    if not facts.went_out or not who:
        return _show("empty", said("No camera is in this bay."))
    if facts.sound:
        what = said("No camera is in this bay. Camera {camera} went out; its footage is safe here, and it is emptied when it comes back.", camera=who)  # fmt: skip
    else:
        what = said("No camera is in this bay. Camera {camera} went out; its footage was copied here, and this dock is in doubt now, and it is emptied when it comes back.", camera=who)  # fmt: skip
    return _show("empty", what)


# -- at work -----------------------------------------------------------------------------------------------------------


def _at_work(facts: Facts) -> Shown | None:
    looked_at = _show("reading", said("The camera is being looked at. Leave it in."))
    match facts.phase:
        case "copying":
            return _copying(facts)
        case "wiping":
            return _show("wiping", why_wiping(facts.counts))
        case "reading" | None:
            if facts.turn and not facts.listed_once:
                return _show("queued", said("It waits for its turn to be read. Leave it in."))
            return _show("wiping", why_wiping(facts.counts)) if _is_being_emptied(facts) else looked_at
        case _:
            return looked_at if not facts.listed_once and facts.phase != "failed" else None


def _is_being_emptied(facts: Facts) -> bool:
    """Whether it is looked at between two lots of its emptying: that is one work, and told as one."""
    counts = facts.counts
    all_proven = counts.listed > 0 and counts.confirmed == counts.listed and not is_in_doubt(facts)
    return (
        facts.listed_once
        and all_proven
        and counts.wiped > 0
        and facts.on_camera > 0
        and facts.wipes
        and not facts.unsafe
    )


def _copying(facts: Facts) -> Shown:
    counts, segments = facts.counts, some(facts.counts.listed)
    word = said("Copying") if facts.percent is None else said("Copying {percent}%", percent=facts.percent)
    if not counts.listed:
        return _show("copying", said("Its footage is being copied. Leave it in."), word=word)
    if not counts.held:
        what = said("{count} of {segments} copied and checked. Leave it in.", count=counts.copied, segments=segments)
    else:
        what = said("{count} of {segments} copied and checked; {held} held. Leave it in.", count=counts.copied, segments=segments, held=some(counts.held))  # fmt: skip
    return _show("copying", what, word=word)


# -- what needs somebody -----------------------------------------------------------------------------------------------


def _held(facts: Facts) -> Shown | None:
    return _fault(*of_held(facts.held, facts.held_example)) if facts.held else None


def _failed(facts: Facts) -> Shown | None:
    return _fault(*of_failure(facts.reason, facts.message)) if facts.phase == "failed" else None


def _not_all_seen(facts: Facts) -> Shown | None:
    """Another card, places that cannot be looked into, footage that is nowhere."""
    if facts.phase != "done":
        return None
    if facts.missing:
        what = counted(
            "{count} segment that this camera had is not on it now and not in the store: has its card been changed?",
            "{count} segments that this camera had are not on it now and not in the store: has its card been changed?",
            count=facts.missing,
        )
        return _show("copy_failed", what, advice=said("Put the other card back."))
    if facts.hidden:
        what = counted("{count} place on this camera cannot be looked into.", "{count} places on this camera cannot be looked into.", count=facts.hidden)  # fmt: skip
        return _show("copy_failed", what, advice=ASIDE)
    return None


# -- waiting -----------------------------------------------------------------------------------------------------------


def _in_doubt(facts: Facts) -> Shown | None:
    """Who is thought to have all of it was caught since, and it is still there to be sent once more."""
    if not (is_in_doubt(facts) and is_on_it(facts) and facts.counts.confirmed == facts.counts.listed):
        return None
    what = said("What is on it was confirmed by a store that is not to be believed: tell ops. Leave it in.")
    return replace(_show("unconfirmed", what), late=facts.late)


def _waiting(facts: Facts) -> Shown | None:
    counts = facts.counts
    if facts.reason == "spool_full":
        return _show("queued", why_full(counts, facts.kept_until))
    if facts.reason == "spool_failed":
        return _show(
            "queued",
            said("The dock's own disk does not take its footage now; nothing is wrong with the camera. It goes on by itself. Leave it in."),
        )  # fmt: skip
    nowhere = facts.phase == "done" and not facts.alone and not facts.unsettled  # whatever was not copied
    if counts.copied < counts.listed - counts.held and not nowhere:
        what = said(
            "{count} of {segments} copied. It waits for its turn. Leave it in.",
            count=counts.copied,
            segments=some(counts.listed),
        )
        return _show("queued", what)
    if _is_usable(facts):
        return _show("usable", why_usable(facts))
    if counts.confirmed < counts.listed:
        if facts.phase == "done":  # nothing on its way and nothing held, and yet not in the store: it is nowhere
            short = counts.listed - counts.confirmed
            what = said("{segments} of this camera cannot be found any more.", segments=some(short))
            return _show("copy_failed", what, advice=ASIDE)
        return replace(_show("unconfirmed", why_unconfirmed(facts)), late=facts.waited or facts.late)
    if facts.wipes and facts.on_camera:
        so_far = said("{proven}.", proven=proven(counts))
        return _show("wiping", joined(so_far, before_emptying(facts), said("Leave it in.")))
    once_more = said("The camera is looked at once more. Leave it in.")
    return None if facts.phase == "done" and not facts.unsettled else _show("reading", once_more)


def _is_usable(facts: Facts) -> bool:
    """The other strict AND: all of its footage is safe here, the store does not take it soon, and it is fit for a shift."""
    counts = facts.counts
    waits_for_store = counts.confirmed < counts.listed or facts.store not in ("connected", "slow")
    safe_here = (
        counts.listed > 0
        and counts.copied == counts.listed
        and counts.held == 0
        and not facts.held
        and facts.alone == 0
        and facts.missing == 0
        and facts.hidden == 0
        and facts.unsettled == 0
        and not facts.unsafe
        and facts.sound
        and facts.store != "dishonest"  # what it has "confirmed" is in doubt
    )
    fit = (
        facts.ours
        and not (facts.charge_lost or facts.clock_lost)
        and (facts.min_room == 0 or (facts.room is not None and facts.room >= facts.min_room))
        and not facts.will_not_charge
        and (facts.battery is None or facts.battery >= facts.min_battery)
        and (facts.clock_offset is None or abs(facts.clock_offset) <= facts.max_clock_offset)
    )
    looked_at = facts.docked and facts.listed_once and facts.phase == "waiting" and not facts.reason
    return looked_at and safe_here and fit and facts.waited and facts.short and waits_for_store


# -- ready, or what keeps it -------------------------------------------------------------------------------------------


def _charge(facts: Facts) -> Shown | None:
    if facts.battery is None or facts.battery >= facts.min_battery:
        return None
    battery, wants = facts.battery, facts.min_battery
    what: str
    if is_in_doubt(facts):
        what = joined(was_confirmed(), said("It is charged to {percent}% and wants {wanted}%.", percent=battery, wanted=wants))  # fmt: skip
    else:
        what = said("Its footage is safe. It is charged to {percent}% and wants {wanted}%.", percent=battery, wanted=wants)  # fmt: skip
    if facts.charge_ready_at is None or not can_become_ready(facts):
        return _show("charging", what, word=said("Charging {percent}%", percent=battery))
    time = time_words(facts.charge_ready_at)
    return _show(
        "charging",
        joined(what, said("It should be ready at about {time}.", time=time)),
        word=said("Charging {percent}%, about {time}", percent=battery, time=time),
    )


def _battery(facts: Facts) -> Shown | None:
    """One that is charged enough and then does not charge may let its officer down, too."""
    if not facts.will_not_charge:
        return None
    why = english(facts.will_not_charge)
    what: str = said("Its footage is safe, but its battery does not charge: {why}.", why=why)
    if is_in_doubt(facts):
        what = joined(was_confirmed(), said("Its battery does not charge: {why}.", why=why))
    return _show("will_not_charge", what, advice=OTHER_BAY_BATTERY)


def _clock(facts: Facts) -> Shown | None:
    if facts.clock_offset is None or abs(facts.clock_offset) <= facts.max_clock_offset:
        return None
    off = span(abs(facts.clock_offset))
    what: str
    fast = facts.clock_offset > 0
    if is_in_doubt(facts):
        what = said("Its clock is {span} fast.", span=off) if fast else said("Its clock is {span} slow.", span=off)
        what = joined(was_confirmed(), what)
    elif fast:
        what = said("Its footage is safe, but its clock is {span} fast.", span=off)
    else:
        what = said("Its footage is safe, but its clock is {span} slow.", span=off)
    return _show("clock_wrong", what, advice=said("Set its clock, or hand it to ops."))


def _silent(facts: Facts) -> Shown | None:
    """It may be empty by now, and nobody would know."""
    what: str
    if facts.charge_lost:
        what = said(
            "Its footage is safe. It does not tell its charge any more, and is asked again. Leave it in; if it stays so, take it out and put it in again."
        )
        if is_in_doubt(facts):
            what = joined(
                was_confirmed(), said("It does not tell its charge any more, and is asked again. Leave it in.")
            )
        return _show("charging", what, word=said("Charge not known"))
    if facts.clock_lost:
        what = said(
            "Its footage is safe. It does not tell its clock any more, and is asked again. Leave it in; if it stays so, take it out and put it in again."
        )
        if is_in_doubt(facts):
            what = joined(was_confirmed(), said("It does not tell its clock any more, and is asked again. Leave it in."))  # fmt: skip
        return _show("reading", what)
    return None


def _ready(facts: Facts) -> Shown | None:
    """The strict AND. Everything is asked once more, so that no order of rules can make a camera ready."""
    counts = facts.counts
    is_so = (
        facts.docked
        and facts.phase == "done"
        and facts.listed_once
        and counts.confirmed == counts.listed
        and counts.held == 0
        and not facts.held
        and facts.missing == 0
        and facts.hidden == 0
        and facts.unsettled == 0
        and not facts.unsafe
        and (facts.on_camera == 0 or not facts.wipes)
        and not (facts.charge_lost or facts.clock_lost)
        and not facts.will_not_charge
        and (facts.battery is None or facts.battery >= facts.min_battery)
        and (facts.clock_offset is None or abs(facts.clock_offset) <= facts.max_clock_offset)
        and (facts.store != "dishonest" or not is_on_it(facts))
    )
    return _why_ready(facts) if is_so else None


def _why_ready(facts: Facts) -> Shown:
    counts = facts.counts
    if not facts.ours:
        safe: str = (
            said("Everything on it is in the store, and still on it.") if counts.listed else said("It is empty.")
        )
        if is_in_doubt(facts):
            safe = was_confirmed()
        return _fault("not_ours", of_unnamed(safe, facts.why_kept))
    if counts.listed == 0:
        return _show("ready", said("The camera is empty."))
    left: str = ""
    if facts.stays:
        left = counted("{count} file that is no footage stays on it.", "{count} files that are no footage stay on it.", count=facts.stays)  # fmt: skip
    if is_in_doubt(facts):
        off = said("Its footage is off the camera.") if facts.stays else said("The camera is empty.")
        return _show("ready", joined(off, was_confirmed(), left))
    so_far = proven(counts)
    if is_on_it(facts):
        what = said("{proven}. Not emptied: still on the camera.", proven=so_far)
        return _show("ready", joined(what, sentence(facts.why_kept)) if facts.why_kept else what)
    if facts.stays:
        return _show("ready", joined(said("{proven}, and its footage is off the camera.", proven=so_far), left))
    return _show("ready", said("{proven}, and the camera is empty.", proven=so_far))


def _nobody_knows(_facts: Facts) -> Shown:
    return _show("unknown", said("What is known of this camera does not fit together. Leave it in, and tell ops."))


_RULES: tuple[Callable[[Facts], Shown | None], ...] = (
    _blind, _occupied, _out_of_use, _vacant, _at_work, _held, _failed, _not_all_seen, _in_doubt, _waiting, _battery, _charge, _clock, _silent, _ready, _nobody_knows,
)  # fmt: skip

__all__ = ["Facts", "Shown", "derive"]
