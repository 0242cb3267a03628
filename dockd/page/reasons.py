"""The longer sentences of a bay, each a message (dockd.page.language): why it is in the state that `dockd.page.state` found. Pure."""

from __future__ import annotations

from dockd.page.known_of_bay import Facts
from dockd.page.language import counted, joined, said
from dockd.page.words import size_words, some
from ingest.model import Tally


def proven(counts: Tally) -> str:
    """How many segments are proven: all is said only where it is all that was listed, documents that stay among them. A clause."""
    if counts.confirmed != counts.listed:
        listed = some(counts.listed)
        if counts.confirmed == 1:
            return said("{count} of {segments} is proven in the store", count=1, segments=listed)
        return said("{count} of {segments} are proven in the store", count=counts.confirmed, segments=listed)
    return counted(
        "Its one segment is proven in the store", "All {count} segments are proven in the store", count=counts.listed
    )


def why_early(facts: Facts, who: str) -> str:
    """Who left too early (empty: it is not known who), and where its footage is."""
    if facts.left_unasked:
        if not who:
            return said("Its camera was taken out early. Where its footage is, is looked up now.")
        return said("Camera {camera} was taken out early. Where its footage is, is looked up now.", camera=who)
    if not facts.still_unsafe:
        if not who:
            return said("Its camera was taken out early. Its footage is in the store by now, but still on it.")
        return said(
            "Camera {camera} was taken out early. Its footage is in the store by now, but still on it.", camera=who
        )
    left = _left_behind(facts)
    if not facts.nowhere_else:
        if not who:
            return said("Its camera was taken out before the store had its footage: {left}.", left=left)
        return said("Camera {camera} was taken out before the store had its footage: {left}.", camera=who, left=left)
    if not who:
        return said("Its camera was taken out before its footage was safe: {left}.", left=left)
    return said("Camera {camera} was taken out before its footage was safe: {left}.", camera=who, left=left)


def _left_behind(facts: Facts) -> str:
    """A clause."""
    count, alone = facts.still_unsafe, facts.nowhere_else
    if not alone and facts.sound:
        return counted("{count} segment is safe on the dock, and still on it", "{count} segments are safe on the dock, and still on it", count=count)  # fmt: skip
    if not alone:
        return counted("{count} segment is copied on the dock, and still on it", "{count} segments are copied on the dock, and still on it", count=count)  # fmt: skip
    if alone == count:
        return counted("{segments} not yet in the store, and on it alone", "{segments} not yet in the store, all of them on it alone", count=count, segments=some(count))  # fmt: skip
    return said("{segments} not yet in the store, {alone} of them on it alone", segments=some(count), alone=alone)


def why_wiping(counts: Tally) -> str:
    """What is deleted now."""
    if not counts.confirmed:
        return said("What is proven in the store is deleted from the camera. Leave it in.")
    if counts.confirmed == counts.listed:
        return said("{proven}; now the camera is emptied. Leave it in.", proven=proven(counts))
    return said("{proven}; those are now deleted from the camera. Leave it in.", proven=proven(counts))


def why_full(counts: Tally, until: str) -> str:
    """The dock has no room; `until`: the moment before which none comes, in words."""
    on = said("It goes on by itself when the store has taken more.")
    if until:
        on = said("It goes on by itself after {until}.", until=until)
    if not counts.copied:
        full = said("Leave in. Dock room is full: its footage stays on the camera.")
    else:
        full = said("Leave in. Dock room is full: {count} of {segments} copied, the rest stays on the camera.", count=counts.copied, segments=some(counts.listed))  # fmt: skip
    return joined(full, on)


def why_usable(facts: Facts) -> str:
    """It may go out."""
    counts = facts.counts
    safe = said("Its footage is safe on the dock; {count} of {segments} proven in the store.", count=counts.confirmed, segments=some(counts.listed))  # fmt: skip
    may = said("It may go out if cameras are short.")
    if facts.room is not None:
        may = said("It may go out if cameras are short; it has room for {size} more.", size=size_words(facts.room))
    return joined(safe, _of_store(facts), may)


def before_emptying(facts: Facts) -> str:
    """What is waited for before it is emptied."""
    if facts.grace:
        return said("It is emptied when the time that the site gives it is over.")
    return _of_store(facts) or said("It is emptied next.")


def was_confirmed() -> str:
    """What stands in the place of "is proven" and "is safe", of a camera that is empty by now."""
    return said("What was on it was confirmed by a store that is not to be believed now: tell ops.")


def is_in_doubt(facts: Facts) -> bool:
    """Whether what is known to be in the store is so by the word of one that was caught."""
    return facts.store == "dishonest" and facts.counts.listed > 0


def is_on_it(facts: Facts) -> bool:
    """Whether any of what was copied from it is still on it, and is not there to stay."""
    return facts.on_camera > 0 or (facts.stays > 0 and not facts.wipes)


def why_unconfirmed(facts: Facts) -> str:
    """All is copied, and not all is proven."""
    counts = facts.counts
    if is_in_doubt(facts):
        return joined(said("Copied to the dock."), _of_store(facts), said("Leave it in."))
    copied = said(
        "Copied to the dock; {count} of {segments} proven in the store.",
        count=counts.confirmed,
        segments=some(counts.listed),
    )
    return joined(copied, _of_store(facts), said("Leave it in."))


def _of_store(facts: Facts) -> str:
    """What of the store it waits for, a sentence; empty where the store is there."""
    match facts.store:
        case "connected" | "slow":
            return ""
        case "unknown":
            return said("The store has not answered yet.")
        case "down" | "wrong-store" if facts.store_wants:
            return joined(facts.store_wants, said("Tell ops."))
        case "down":
            return said("The store cannot be reached; it goes on by itself.")
        case "wrong-store":
            return said("The store that answers is not the one this dock knows: tell ops.")
        case _:
            return said("The store is not to be believed: tell ops.")


def span(seconds: float) -> str:
    """How far a clock is off."""
    if seconds >= 2 * 86400:
        return some(round(seconds / 86400), "day")
    if seconds >= 2 * 3600:
        return counted("{count} hour", "{count} hours", count=round(seconds / 3600))
    if seconds >= 2 * 60:
        return counted("{count} minute", "{count} minutes", count=round(seconds / 60))
    return counted("{count} second", "{count} seconds", count=round(seconds))
