"""What is said of a fault, and the one thing to do about it. Pure.

Rules kept here: one instruction for each fault, and none for a sentence that brings its own; a device's name is for ops, never in the
sentence itself; what the engine says in its own words is `English` (dockd.page.language); a camera whose files cannot be read is never said to be fit to go out.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from dockd.page.language import Said, counted, english, joined, said
from dockd.page.looks import BayState
from dockd.page.words import some

ASIDE = said("Set the camera aside for ops; do not issue it.")
AGAIN = said("Take it out and put it in again; if it stays so, hand it to ops.")
OTHER_BAY = said("Try the camera in another bay; if this bay stays so, tell ops.")
OTHER_BAY_BATTERY = said("Try it in another bay; if it stays so, hand it to ops.")
PUT_BACK = said("Put it back into any bay.")
_TAKE_OUT = said("Take it out.")
_PERHAPS_OURS = said("If it is one of the site's cameras, hand it to ops; if not, take it out.")

_TO_DO = re.compile(r"(.+?)[:.;] ((?:then )?(?:take|put|tell|try|move|give|hand|leave|keep|ask) .+)", re.IGNORECASE | re.DOTALL)  # fmt: skip
_DEVICE = re.compile(r"(?<![\w/])/(?:dev|run|sys|proc|mnt|media)/[^\s:,;()]*(: )?")
_ADDRESS = re.compile(r" at usb:\d+,\d+")
_MAY_BE_OURS = ("camera", "disk", "kind that dockd does not know")


@dataclass(frozen=True, kw_only=True, slots=True)
class Told:
    """What is so, what to do about it (empty: nothing, or it is said), and `detail` for ops."""

    what: str
    advice: str = ""
    detail: str = ""


def sentence(text: str) -> str:
    """With a capital at its front and a stop at its end; what is no message is `English`. What a person typed is not for this: it stands as it was typed.

    >>> sentence("its card hangs")
    'Its card hangs.'
    """
    if isinstance(text, Said):
        return text if text.endswith((".", "!", "?")) else Said("{what}.", {"what": text})
    text = text[:1].upper() + text[1:]
    return english(text if text.endswith((".", "!", "?")) else f"{text}.")


def whose(camera: str, officer: str | None) -> str:
    """
    >>> whose("C0009", "PC Jones"), whose("C0009", None)
    ('C0009 (PC Jones)', 'C0009')
    """
    return f"{camera} ({officer})" if officer else camera


def told(text: str, *, otherwise: str = "") -> Told:
    """A text of the agent's: what it says to do is its advice, and `otherwise` is where it says nothing.

    >>> told("/dev/sdb1: it hangs: take it out", otherwise="Wait.")
    Told(what='It hangs.', advice='Take it out.', detail='/dev/sdb1: it hangs: take it out')
    >>> told("/dev/sdb1 hangs", otherwise="Wait.").what
    'Its card hangs.'
    """
    if isinstance(text, Said):
        return Told(what=sentence(text), advice=otherwise)
    plain = _ADDRESS.sub("", _DEVICE.sub(lambda found: "" if found[1] else "its card", text))
    detail = english(text) if plain != text else ""
    found = _TO_DO.fullmatch(plain)
    if found is None:
        return Told(what=sentence(plain), advice=otherwise, detail=detail)
    return Told(what=sentence(found[1]), advice=sentence(found[2]), detail=detail)


# -- of which fault -----------------------------------------------------------------------------------------------------

_OCCUPIED: Mapping[str, BayState] = {"looking": "reading", "not_ours": "not_ours", "fault": "bay_fault"}


def of_occupied(what: str, why: str) -> tuple[BayState, Told]:
    """What is in a bay and is no camera, or not yet one."""
    otherwise = {"not_ours": _not_ours(why), "fault": OTHER_BAY}.get(what, "")
    return _OCCUPIED.get(what, "unknown"), told(why or said("Something is in this bay."), otherwise=otherwise)


def _not_ours(why: str) -> str:
    head = why.partition(":")[0].lower()
    may_be = head.startswith("not touched") or any(word in head for word in _MAY_BE_OURS)
    return _PERHAPS_OURS if may_be else _TAKE_OUT


def of_unnamed(safe: str, why_kept: str) -> Told:
    """A camera that nobody has named: what there is to do about that is for ops, or the camera is taken out."""
    kept = told(why_kept)
    advice = said("If it is one of the site's cameras, tell ops. If not, take it out.")
    if kept.advice:
        what = english(f"{kept.advice[:1].lower()}{kept.advice[1:]}")
        advice = said("If it is one of the site's cameras, tell ops: {what} If not, take it out.", what=what)
    return Told(what=joined(safe, kept.what), advice=advice, detail=kept.detail)


def of_failure(reason: str, message: str) -> tuple[BayState, Told]:
    """A camera that could not be served to its end."""
    why = message or said("The camera cannot be read.")
    match reason:
        case "bay_fault":
            return "bay_fault", told(why, otherwise=OTHER_BAY)
        case "locked" if "locked" in message:
            return "copy_failed", Told(
                what=said("Its footage is safe, and stays on it: its card is locked against writing."),
                advice=said("Take it out, unlock the card (a small switch on its side, or a setting of the camera), and put it in again."),
                detail=english(message),
            )  # fmt: skip
        case "only_copy":
            return "copy_failed", told(why, otherwise=ASIDE)
        case _:
            return "copy_failed", told(why, otherwise=AGAIN)


_FILES: Mapping[str, BayState] = {
    "integrity_failed": "integrity_failed", "copy_failed": "copy_failed", "source_unstable": "copy_failed", "not_deletable": "copy_failed",
}  # fmt: skip


def of_held(held: Mapping[str, int], example: str) -> tuple[BayState, Told]:
    """Files that are held, by reason: the worst of the reasons is told."""
    detail = english(example)
    if count := held.get("spool_spoils", 0):
        what = said(
            "This dock spoils its copies of {files}: its disk or its memory fails. The camera has what is missing still.",
            files=some(count, "file"),
        )
        advice = said("Leave the camera in and tell ops, or put it into another dock.")
        return "copy_failed", Told(what=what, advice=advice, detail=detail)
    for reason, state in _FILES.items():
        if count := held.get(reason, 0):
            return state, Told(what=_of_files(reason, count), advice=ASIDE, detail=detail)
    count = sum(held.values())
    what = said("The store does not take {segments}.", segments=some(count))
    if held.keys() != {
        "store_refused"
    }:  # it was lost there, cannot be proven in time, or a store was caught: its message says
        what = counted("{count} segment is not safe in the store, and kept here.", "{count} segments are not safe in the store, and kept here.", count=count)  # fmt: skip
    return "store_refused", Told(what=what, advice=said("Leave the camera in its bay and tell ops."), detail=detail)


def _of_files(reason: str, count: int) -> str:
    match reason:
        case "integrity_failed":
            return counted(
                "{count} file did not read the same twice.", "{count} files did not read the same twice.", count=count
            )
        case "copy_failed":
            return counted(
                "A file on this camera cannot be read.", "{count} files on this camera cannot be read.", count=count
            )
        case "source_unstable":
            return counted(
                "A file changed each time it was read.", "{count} files changed each time they were read.", count=count
            )
        case _:
            return counted(
                "A file cannot be deleted from this camera.",
                "{count} files cannot be deleted from this camera.",
                count=count,
            )


# -- of the store -------------------------------------------------------------------------------------------------------

_WAIT = said(
    "Footage is kept on the dock and goes on by itself. If it lasts, tell ops. Ops: look at the line and the store."
)
_MEND = said(
    "Tell ops now: it goes on by itself when they have put this right, and not before. Footage is kept on the dock."
)
_NOTHING = said("Nothing is sent and nothing is deleted.")
_TO_MEND: tuple[tuple[re.Pattern[str], str], ...] = tuple(
    (re.compile(pattern), what)
    for pattern, what in (
        (r"store\.proxy_auth_file\b", said("The proxy before the central store does not take this dock's user and password.")),
        (r"does not let this (?:dock|user)|key may not do that", said("The central store does not let this dock do what it must.")),
        (r"store\.token_file\b|this dock's credentials", said("The central store does not take this dock's key.")),
        (r"certificate is not taken", said("The certificate of the central store is not one that this dock can trust.")),
        (r"correct store\.region\b|its region in store\.region\b", said("The dock is set up for another region or address than the central store has.")),
        (r"is the share mounted|mounted read-only", said("The share that is the central store is not mounted as it must be.")),
        (r"it has no room|has no room for", said("The central store is full.")),
        (r"upload\.chunk\b|name the store's own address in store\.url|is store\.url |(?:take it away|unmount it), or ", said("The central store cannot be used as it is set up.")),
    )
)  # fmt: skip


def to_mend(word: str, message: str) -> str:
    """What is wrong with a store that is not used until a person has acted; empty where it may be over by itself.

    >>> to_mend("down", "the store answered 403 to a look: it does not take this dock's credentials; check store.token_file")
    "The central store does not take this dock's key."
    >>> to_mend("down", "the store cannot be reached for a look: no connection in 10 s")
    ''
    """
    if word not in ("down", "wrong-store"):
        return ""
    found = next((what for pattern, what in _TO_MEND if pattern.search(message)), "")
    return found or (said("The store that answers is not the one this dock knows.") if word == "wrong-store" else "")


def of_store(word: str, message: str) -> tuple[str, Told] | None:
    """The name of the problem that a store is, and what is said of it; None where it is none. `message` is what the adapter says, for ops."""
    what, detail = to_mend(word, message), english(message)
    match word:
        case "down":
            unreachable = said("The central store cannot be reached.")
            return "store_down", Told(what=what or unreachable, advice=_MEND if what else _WAIT, detail=detail)
        case "wrong-store":
            return "wrong_store", Told(what=what, advice=joined(_check(message), _NOTHING), detail=detail)
        case "dishonest":
            return "store_dishonest", Told(
                what=said("The store vouched for what it does not have."),
                advice=said("Ops: find out why. Nothing is deleted until a person pins it anew."), detail=detail,
            )  # fmt: skip
        case _:
            return None


def _check(message: str) -> str:
    if "is the share mounted" in message:
        return said(
            "Ops: is the share mounted? Else check store.url and store.pin; if it is right after all, dockd store pin."
        )
    return said("Ops: check store.url and store.pin; if it is right after all, dockd store pin.")
