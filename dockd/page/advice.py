"""What is said of a fault, and the one thing to do about it. Pure.

Rules kept here: one instruction for each fault, and none for a sentence that brings its own; a device's name is for ops, never in the
sentence itself; a camera whose files cannot be read is never said to be fit to go out.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from dockd.page.looks import BayState

ASIDE = "Set the camera aside for ops; do not issue it."
AGAIN = "Take it out and put it in again; if it stays so, hand it to ops."
OTHER_BAY = "Try the camera in another bay; if this bay stays so, tell ops."
OTHER_BAY_BATTERY = "Try it in another bay; if it stays so, hand it to ops."
PUT_BACK = "Put it back into any bay."
_TAKE_OUT = "Take it out."
_PERHAPS_OURS = "If it is one of the site's cameras, hand it to ops; if not, take it out."

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
    """With a capital at its front and a stop at its end."""
    text = text[:1].upper() + text[1:]
    return text if text.endswith((".", "!", "?")) else f"{text}."


def some(count: int, thing: str = "segment") -> str:
    """
    >>> some(1), some(2, "file")
    ('1 segment', '2 files')
    """
    return f"{count} {thing}" if count == 1 else f"{count} {thing}s"


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
    plain = _ADDRESS.sub("", _DEVICE.sub(lambda found: "" if found[1] else "its card", text))
    detail = text if plain != text else ""
    found = _TO_DO.fullmatch(plain)
    if found is None:
        return Told(what=sentence(plain), advice=otherwise, detail=detail)
    return Told(what=sentence(found[1]), advice=sentence(found[2]), detail=detail)


# -- of which fault -----------------------------------------------------------------------------------------------------

_OCCUPIED: Mapping[str, BayState] = {"looking": "reading", "not_ours": "not_ours", "fault": "bay_fault"}


def of_occupied(what: str, why: str) -> tuple[BayState, Told]:
    """What is in a bay and is no camera, or not yet one."""
    otherwise = {"not_ours": _not_ours(why), "fault": OTHER_BAY}.get(what, "")
    return _OCCUPIED.get(what, "unknown"), told(why or "something is in this bay", otherwise=otherwise)


def _not_ours(why: str) -> str:
    head = why.partition(":")[0].lower()
    may_be = head.startswith("not touched") or any(word in head for word in _MAY_BE_OURS)
    return _PERHAPS_OURS if may_be else _TAKE_OUT


def of_unnamed(safe: str, why_kept: str) -> Told:
    """A camera that nobody has named: what there is to do about that is for ops, or the camera is taken out."""
    said = told(why_kept)
    ops = f"tell ops: {said.advice[:1].lower()}{said.advice[1:]}" if said.advice else "tell ops."
    advice = f"If it is one of the site's cameras, {ops} If not, take it out."
    return Told(what=f"{safe} {said.what}", advice=advice, detail=said.detail)


def of_failure(reason: str, message: str) -> tuple[BayState, Told]:
    """A camera that could not be served to its end."""
    message = message or "the camera cannot be read"
    match reason:
        case "bay_fault":
            return "bay_fault", told(message, otherwise=OTHER_BAY)
        case "locked" if "locked" in message:
            return "copy_failed", Told(
                what="Its footage is safe, and stays on it: its card is locked against writing.",
                advice="Take it out, unlock the card (a small switch on its side, or a setting of the camera), and put it in again.",
                detail=message,
            )  # fmt: skip
        case "only_copy":
            return "copy_failed", told(message, otherwise=ASIDE)
        case _:
            return "copy_failed", told(message, otherwise=AGAIN)


_FILES: Mapping[str, tuple[BayState, str, str]] = {
    "integrity_failed": ("integrity_failed", "did not read the same twice", "did not read the same twice"),
    "copy_failed": ("copy_failed", "on this camera cannot be read", "on this camera cannot be read"),
    "source_unstable": ("copy_failed", "changed each time it was read", "changed each time they were read"),
    "not_deletable": ("copy_failed", "cannot be deleted from this camera", "cannot be deleted from this camera"),
}  # fmt: skip


def of_held(held: Mapping[str, int], example: str) -> tuple[BayState, Told]:
    """Files that are held, by reason: the worst of the reasons is told."""
    if count := held.get("spool_spoils", 0):
        what = f"This dock spoils its copies of {some(count, 'file')}: its disk or its memory fails. The camera has what is missing still."
        return "copy_failed", Told(
            what=what, advice="Leave the camera in and tell ops, or put it into another dock.", detail=example
        )
    for reason, (state, one, more) in _FILES.items():
        if count := held.get(reason, 0):
            what = f"A file {one}." if count == 1 and reason != "integrity_failed" else f"{some(count, 'file')} {more}."
            return state, Told(what=what, advice=ASIDE, detail=example)
    count = sum(held.values())
    what = f"The store does not take {some(count)}."
    if held.keys() != {
        "store_refused"
    }:  # it was lost there, cannot be proven in time, or a store was caught: its message says
        what = f"{some(count)} {'is' if count == 1 else 'are'} not safe in the store, and kept here."
    return "store_refused", Told(what=what, advice="Leave the camera in its bay and tell ops.", detail=example)


# -- of the store -------------------------------------------------------------------------------------------------------

_WAIT = "Footage is kept on the dock and goes on by itself. If it lasts, ask ops to look at the line and the store."
_MEND = "Tell ops now: it goes on by itself when they have put this right, and not before. Footage is kept on the dock."
_NOTHING = "Nothing is sent and nothing is deleted."
_TO_MEND: tuple[tuple[re.Pattern[str], str], ...] = tuple(
    (re.compile(pattern), what)
    for pattern, what in (
        (r"store\.proxy_auth_file\b", "The proxy before the central store does not take this dock's user and password."),
        (r"does not let this (?:dock|user)|key may not do that", "The central store does not let this dock do what it must."),
        (r"store\.token_file\b|this dock's credentials", "The central store does not take this dock's key."),
        (r"certificate is not taken", "The certificate of the central store is not one that this dock can trust."),
        (r"correct store\.region\b|its region in store\.region\b", "The dock is set up for another region or address than the central store has."),
        (r"is the share mounted|mounted read-only", "The share that is the central store is not mounted as it must be."),
        (r"it has no room|has no room for", "The central store is full."),
        (r"upload\.chunk\b|name the store's own address in store\.url|is store\.url |(?:take it away|unmount it), or ", "The central store cannot be used as it is set up."),
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
    return found or ("The store that answers is not the one this dock knows." if word == "wrong-store" else "")


def of_store(word: str, message: str) -> tuple[str, Told] | None:
    """The name of the problem that a store is, and what is said of it; None where it is none. `message` is what the adapter says, for ops."""
    what = to_mend(word, message)
    match word:
        case "down":
            return "store_down", Told(
                what=what or "The central store cannot be reached.", advice=_MEND if what else _WAIT, detail=message
            )
        case "wrong-store":
            first = "Ops: is the share mounted? Else check" if "is the share mounted" in message else "Ops: check"
            advice = f"{first} store.url and store.pin; if it is right after all, dockd store pin. {_NOTHING}"
            return "wrong_store", Told(what=what, advice=advice, detail=message)
        case "dishonest":
            advice = "Ops: find out why. Nothing is deleted until a person pins it anew."
            return "store_dishonest", Told(
                what="The store vouched for what it does not have.", advice=advice, detail=message
            )
        case _:
            return None
