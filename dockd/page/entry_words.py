"""An entry of the record as a sergeant reads it: a sentence for each kind that there is. Pure.

Rules kept here: each event that is for custody has its sentence (a test says so); names stand as they are, never with another capital; what somebody
typed and what the engine says in English stand at the end, and are legible and not without end.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from dockd.page.guidance import OF_PROBLEMS
from dockd.page.language import Said, counted, english, said
from dockd.page.words import Thing, moment_words, size_words, some
from ingest.clock import from_rfc3339
from ingest.model import legible

_LONGEST = 300
_LARGEST = 10**18
Data = Mapping[str, Any]


def entry_words(action: str, data: Data) -> str:
    """What happened; empty where there is no sentence for it."""
    special = _BY_WHAT_IT_SAYS.get(action)
    form = special(data) if special is not None else _SENTENCES.get(action)
    return "" if form is None else Said(form.text, {**form.parts, **_parts(action, data)}, form.plural)


def camera_name(camera: str) -> str:
    """What people call the camera of this id: its serial, as far as that can be told from the id (which says the profile and the card too).

    >>> camera_name("vendor-tree:X60A4559~6A41-11CF"), camera_name("CAM01")
    ('X60A4559', 'CAM01')
    """
    serial = camera.partition("~")[0].partition(":")[2] or camera.partition("~")[0] or camera
    return shown(serial)


def by_words(by: str) -> str:
    """Who did something, from how custody says it.

    >>> by_words("user:smith"), by_words("token:wall"), by_words("os:root"), by_words("local"), by_words("")
    ('smith', 'the token wall', 'root at this machine', 'somebody at this machine', 'somebody')
    """
    how, _, name = by.partition(":")
    if how in ("user", "oidc") and name:
        return shown(name)
    if how == "token" and name:
        return said("the token {name}", name=shown(name))
    if how == "os" and name:
        return said("{name} at this machine", name=shown(name))
    if by in ("", "somebody unknown"):
        return said("somebody")
    return said("somebody at this machine") if by == "local" else shown(by)


def shown(value: object) -> str:
    """A value out of an entry, legible and not without end."""
    text = "?" if value is None else ", ".join(map(str, value)) if isinstance(value, list) else str(value)
    clean = legible(text.encode("utf-8", "surrogatepass"))
    return clean if len(clean) <= _LONGEST else f"{clean[:_LONGEST]}…"


# -- what stands in a sentence ------------------------------------------------------------------------------------------

_TYPED = frozenset({"bay.out_of_use", "problem.closed"})  # a person's reason, in whatever language


def _parts(action: str, data: Data) -> dict[str, Any]:
    """Everything that a sentence may name; what an entry lacks is "?"."""
    many = next((data[name] for name in ("count", "left", "wiped", "expected") if data.get(name) is not None), None)
    names = "aside before kept key known lost_seq number officer own_seq path store store_seq url version name bay"
    reason, by = shown(data.get("reason")), str(data.get("by") or "")
    stranger = action == "user.refused" and by in ("", "somebody unknown")
    return {
        **{name: shown(data.get(name)) for name in names.split()},
        "camera": camera_name(str(data.get("camera") or "?")), "by": said("nobody who is known here") if stranger else by_words(by), "error": english(shown(data.get("error"))),
        "reason": reason if action in _TYPED else english(reason), "size": _size(data.get("bytes")), "files": _some(data.get("files"), "file"),
        "segments": _some(many, "segment"), "until": _moment(data.get("until")), "limit": _limit(data.get("limit")), "title": _title(data.get("kind")),
        "role": _ROLES.get(str(data.get("role")), shown(data.get("role"))), "seconds": _seconds(data),
    }  # fmt: skip


_ROLES: Mapping[str, str] = {
    "ops": said("ops"), "sergeant": said("sergeant"), "viewer": said("viewer"), "wall": said("wall screen"),
}  # fmt: skip


def _whole(value: object) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and abs(value) < _LARGEST else None


def _size(value: object) -> str:
    size = _whole(value)
    return shown(value) if size is None else size_words(size)


def _some(value: object, thing: Thing) -> str:
    count = _whole(value)
    return shown(value) if count is None else some(count, thing)


def _seconds(data: Data) -> str:
    value = data.get("seconds", data.get("offset_seconds"))
    seconds = _whole(value)
    return shown(value) if seconds is None else counted("{count} second", "{count} seconds", count=abs(seconds))


def _moment(value: object) -> str:
    try:
        return moment_words(from_rfc3339(str(value)))
    except (ValueError, OverflowError, OSError):
        return shown(value)


def _limit(value: object) -> str:
    amount, _, unit = str(value).partition(" ")
    if value == "unlimited":
        return said("no limit")
    return said("{size} a second", size=size_words(int(amount))) if unit == "bytes/s" and amount.isdecimal() and len(amount) < 18 else shown(value)  # fmt: skip


def _title(kind: object) -> str:
    guidance = OF_PROBLEMS.get(str(kind))
    return guidance.title if guidance is not None else english(shown(kind))


# -- the sentences ------------------------------------------------------------------------------------------------------

_SENTENCES: Mapping[str, Said] = {
    "agent.started": said("dockd {version} was started"),
    "agent.stopped": said("dockd was stopped"),
    "bandwidth.lifted": said("The limit that was set by hand for what dockd may send holds no longer: {reason}"),
    "bandwidth.overridden": said("What dockd may send was set by hand, by {by}: {limit}, until {until}"),
    "bay.back_in_use": said("Bay {bay} was put back into use by {by}"),
    "bay.out_of_use": said("Bay {bay} was taken out of use by {by}: {reason}"),
    "camera.docked": said("Camera {camera} was docked in bay {bay}"),
    "camera.emptied": said("Camera {camera} is empty: all its footage is in the store"),
    "camera.issued": said("Camera {camera} was issued to {officer} by {by}"),
    "camera.listed": said("Camera {camera} was looked through: {files}, {size}"),
    "camera.other_card": said("Camera {camera} has another card in it: of {segments} that should be there none is, and nothing is concluded from that"),
    "camera.removed_early": said("Camera {camera} left bay {bay} before all its footage was in the store: put it back"),
    "camera.undocked": said("Camera {camera} is no longer in bay {bay}"),
    "camera.went_out": said("Camera {camera} left bay {bay} with {segments} on it, safe on the dock too: it is emptied when it comes back"),
    "custody.key_rotated": said("From here on the dock signs its record with the key {key}, which the key {before} has signed for"),
    "custody.opened": said("A new record was begun, signed with the key {key}"),
    "custody.restored": said("The dock's record had gone back in time: a new one begins after entry {store_seq}, the last that the store had seen"),
    "file.skipped": said("Not taken as footage on camera {camera}: {path} ({error})"),
    "ledger.rebuilt": said("The dock's record book could not be used, and a new one was begun with what lay on the dock. What was left of the old one is kept as {aside}: {reason}"),
    "dock.decommission_cancelled": said("This dock is not out of service: that was begun, and not done to its end"),
    "dock.decommissioned": said("This dock was taken out of service"),
    "ledger.upgraded": said("The dock's record book was brought up to a newer version of dockd. As it was before, it is kept as {kept}"),
    "ledger.went_back": said("The dock's record book ends with entry {own_seq}, and had ended with entry {lost_seq} before: what came after is not in it"),
    "permit.closed": said("Deleting from camera {camera} is over: {segments} deleted"),
    "permit.issued": said("Leave was given to delete {segments} from camera {camera}"),
    "problem.closed": said("A problem was closed by {by}: {title}. Why: {reason}"),
    "problem.seen": said("A problem was seen to by {by}, until {until}: {title}"),
    "segment.attested": said("The store has proven again that it has the file"),
    "segment.confirmed": said("The store has proven that it has {path} of camera {camera}"),
    "segment.copied": said("Copied from camera {camera}, and read a second time: {path}"),
    "segment.evidential": said("Marked as evidence by {by}: {path} of camera {camera}"),
    "segment.found_in_store": said("The store has proven that it has {path} of camera {camera}, of which this dock did not know"),
    "segment.held": said("Held for somebody to see to: {path} of camera {camera} ({error})"),
    "segment.listed": said("Found on camera {camera}: {path} ({size})"),
    "segment.lost": said("LOST: no copy of {path} of camera {camera} is left anywhere"),
    "segment.marked_at_store": said("The store knows now that {path} of camera {camera} is evidence"),
    "segment.moved_up": said("Moved to the top of what is sent, by {by}: {path} of camera {camera}"),
    "segment.not_markable": said("The store cannot mark evidence, and its operator has to be told of {path} of camera {camera}"),
    "segment.reappeared": said("On camera {camera} again: {path}"),
    "segment.recovered": said("Found on the dock, and taken into its record book: {path}"),
    "segment.released": said("The dock gave up its copy of the file, for the store has it"),
    "segment.rotted": said("The dock's copy of the file is no longer what was copied: {error}"),
    "segment.store_lost": said("The store no longer has the file: {error}"),
    "segment.tried_again": said("Tried again by {by}: {path} of camera {camera}, which was held"),
    "segment.unheld": said("The file is tried again"),
    "segment.vanished": said("Gone from camera {camera}, and not by dockd: {path} ({error})"),
    "segment.wiped": said("Deleted from camera {camera}, and seen to be gone: {path}"),
    "settings.wiping_off": said("Cameras are not emptied from now on"),
    "settings.wiping_on": said("Cameras are emptied from now on: of what was confirmed {seconds} ago or earlier"),
    "store.dishonest": said("The store {store} is not to be believed. Nothing is deleted until a person pins it anew: {error}"),
    "store.honest": said("The store {store} was tried with wrong bytes, and refused them as it must"),
    "store.key_rotated": said("The store {store} has a new key, which a known one has signed for"),
    "store.pinned": said("The store {store} at {url} is from here on the one that this dock knows"),
    "store.unconfirmed": said("Nothing is deleted until a person says which store is believed: {error}"),
    "store.went_back": said("The store {store} went back in time: after its receipt {known} it gave receipt {number}. What it has proven since is asked for again"),
    "user.signed_in": said("Signed in: {by} ({role})"),
}  # fmt: skip

_OUT: Mapping[str, Said] = {
    "asked": said("Signed out: {by}"), "idle": said("Signed out, for nothing was done for a while: {by}"), "longest": said("Signed out, half a day after signing in: {by}"),
    "ended": said("Signed out, for the password, the role or the user was changed: {by}"),
}  # fmt: skip
_ACCESS: Mapping[str, Said] = {
    "user.added": said("A user was added by {by}: {name} ({role})"), "user.removed": said("A user was removed by {by}: {name}"),
    "user.password_changed": said("A user was given another password by {by}: {name}"), "user.role_changed": said("A user was given another role by {by}: {name} ({role})"),
    "token.created": said("A token was made by {by}: {name} ({role})"), "token.revoked": said("A token was revoked by {by}: {name}"),
}  # fmt: skip


def _refused(data: Data) -> Said:
    count = _whole(data.get("count"))
    return counted("One try to sign in was refused; it named {by}", "{count} tries to sign in were refused; the last named {by}", count=2 if count is None else count, by="?")  # fmt: skip


def _signed_out(data: Data) -> Said:
    return _OUT.get(str(data.get("reason")), _OUT["asked"])


def _changed(data: Data) -> Said:
    return _ACCESS.get(str(data.get("what"))) or said("Who may come in was changed by {by}: {name}")


def _set(data: Data) -> Said:
    if (_whole(data.get("seconds")) or 0) < 0:
        return said("The dock's clock was set back by {seconds}: times before and after this entry are not of one clock")  # fmt: skip
    return said("The dock's clock was set forward by {seconds}: times before and after this entry are not of one clock")  # fmt: skip


def _trusted(data: Data) -> Said:
    if data.get("synchronised") is True:
        return said("The dock's clock is right: it is synchronised")
    return said("Nobody knows that the dock's clock is right: {error}")


def _measured(data: Data) -> Said:
    offset = _whole(data.get("offset_seconds")) or 0
    if not offset:
        return said("The clock of camera {camera} is right")
    if offset > 0:
        return said("The clock of camera {camera} is {seconds} fast")
    return said("The clock of camera {camera} is {seconds} slow")


def _clock_set(data: Data) -> Said:
    if (_whole(data.get("offset_seconds")) or 0) > 0:
        return said("The clock of camera {camera} was {seconds} fast, and was set")
    return said("The clock of camera {camera} was {seconds} slow, and was set")


def _returned(data: Data) -> Said:
    if data.get("by") == "docking":
        return said("Camera {camera} is no longer issued to {officer}: it was put into a bay")
    return said("Camera {camera} was taken back from {officer} by {by}")


_BY_WHAT_IT_SAYS: Mapping[str, Callable[[Data], Said]] = {
    "access.changed": _changed, "camera.clock_measured": _measured, "camera.clock_set": _clock_set, "camera.returned": _returned,
    "clock.jumped": _set, "clock.trust": _trusted, "user.refused": _refused, "user.signed_out": _signed_out,
}  # fmt: skip
SPOKEN = frozenset(_SENTENCES) | frozenset(_BY_WHAT_IT_SAYS)
