"""The conversation by which a camera becomes a disk: some ASCII commands over bulk endpoints, each with its answer.

Modelled on a family of body-worn cameras (a vendor's own interface until a command makes it mass storage), compatible with none by promise.
Rules: the camera's word is bounded in length and time before anything looks at it; what it tells is data, never part of a command; the
password is said to the camera and to nobody else, and no message repeats a command or an answer; a camera is made a disk only after it has told
who it is, where it can be asked.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime, tzinfo
from typing import Any
from zoneinfo import ZoneInfo

from ingest.camera.bulk import PACKET, BulkLine, Silence
from ingest.errors import CameraGone, Unreadable
from ingest.model import Vitals

LONGEST_ANSWER = 512
_ANSWER_WITHIN = 3.0  # seconds for one answer, however it trickles in
_MORE_WITHIN = 0.2  # seconds between two parts of an answer without a terminator
_STALE_WITHIN = 0.05
_MOST_STALE = 8
_FILLED = re.compile(r"\{(?:(password)|time(?::([^{}]+))?)\}")
_ID = re.compile(r"[\x21-\x7e]{1,64}")


@dataclass(frozen=True, kw_only=True)
class Conversation:
    """What is said, and how answers are read; the fields are those of a profile's `Unlock`. Empty: the camera has no such command.

    All commands are ASCII; `{time}`, `{time:FORMAT}` and `{password}` are filled in; `set_clock` may be several, a line each. `accepted`: what
    the answer to `login` must hold. `terminator` ends each command, and each answer that no short packet ends. `max_clock_offset`: seconds
    beyond which the clock is set. `time_zone`: "local" is the station's own.
    """

    login: str = ""
    ask_id: str = ""
    id_pattern: str = r"(?P<value>[\w.-]+)"
    ask_clock: str = ""
    clock_pattern: str = r"(?P<value>.+)"
    ask_battery: str = ""
    battery_pattern: str = r"(?P<value>\d+)"
    set_clock: str = ""
    become_disk: str = ""
    accepted: str = ""
    terminator: str = "\r\n"
    time_format: str = "%Y%m%d%H%M%S"
    time_zone: str = "UTC"
    interface: int = 0
    max_clock_offset: float = 5.0
    password: str = field(default="", repr=False)

    def as_json(self) -> dict[str, Any]:
        """As it travels to a worker (the password with it: over a pipe, to a process of our own)."""
        return asdict(self)

    @classmethod
    def of_json(cls, value: dict[str, Any]) -> Conversation:
        """The same on the other side. Raises TypeError where it is none."""
        return cls(**value)


@dataclass(frozen=True, kw_only=True)
class Unlocked:
    """What a camera told before it became a disk. `vitals`: as it came, its clock before anything was set; `clock_set`: whether it then took ours."""

    device_id: str = ""
    vitals: Vitals = field(default_factory=Vitals)
    clock_set: bool = False


def converse(
    spec: Conversation, line: BulkLine, *, now: Callable[[], float] = time.time, patience: float = _ANSWER_WITHIN
) -> Unlocked:
    """Hold the conversation to its end, when the camera leaves the line to come back as a disk.

    Raises CameraGone (it left, or does not answer), Unreadable (it does not let us in, does not say who it is, or talks nonsense).
    """
    talk = _Talk(spec, line, now=now, patience=patience)
    talk.drain()
    talk.login()
    device_id = talk.device_id()
    battery = talk.battery()
    offset = talk.clock_offset()
    clock_set = False
    if spec.set_clock and (offset is None or abs(offset) > spec.max_clock_offset):
        clock_set = talk.set_clock()
    talk.become_disk()
    vitals = Vitals(battery_percent=battery, clock_offset_seconds=offset)
    return Unlocked(device_id=device_id, vitals=vitals, clock_set=clock_set)


class _Talk:
    """One conversation."""

    def __init__(self, spec: Conversation, line: BulkLine, *, now: Callable[[], float], patience: float) -> None:
        self._spec = spec
        self._line = line
        self._now = now
        self._patience = patience
        self._terminator = spec.terminator.encode("ascii")
        password = spec.password
        if not password.isascii() or not password.isprintable() or (spec.terminator and spec.terminator in password):
            raise Unreadable(
                "the camera's password has characters in it that cannot be sent: look into its password_file"
            )

    def drain(self) -> None:
        """Take what was left in the camera by somebody who talked to it before."""
        for _piece in range(_MOST_STALE):
            try:
                self._line.read(PACKET, timeout=_STALE_WITHIN)
            except Silence:
                return
        raise Unreadable(
            "the camera talks without being asked, and does not stop: it is not the kind that its profile names"
        )

    def login(self) -> None:
        """Be let in. Raises Unreadable."""
        if self._spec.login:
            answer = self._asked(self._spec.login, "the login")
            if self._spec.accepted not in answer.decode("ascii", "replace"):
                raise Unreadable("the camera does not let dockd in: tell ops (the password_file of its profile)")

    def device_id(self) -> str:
        """Who it is; empty where it cannot be asked. Raises Unreadable where it does not say."""
        if not self._spec.ask_id:
            return ""
        told = _value(self._spec.id_pattern, self._asked(self._spec.ask_id, "who it is")) or ""
        if _ID.fullmatch(told) is None:
            raise Unreadable("the camera does not say who it is in a way that its profile understands")
        return told

    def battery(self) -> int | None:
        """Its charge; None where it does not tell."""
        if not self._spec.ask_battery:
            return None
        told = _value(self._spec.battery_pattern, self._asked(self._spec.ask_battery, "its charge")) or ""
        return int(told) if told.isdecimal() and len(told) <= 3 and int(told) <= 100 else None

    def clock_offset(self) -> float | None:
        """Its clock minus ours, in seconds; None where it does not tell."""
        if not self._spec.ask_clock:
            return None
        before = self._now()
        told = _value(self._spec.clock_pattern, self._asked(self._spec.ask_clock, "its time"))
        middle = (before + self._now()) / 2
        when = self._moment(told or "")
        return None if when is None else when.timestamp() - middle

    def _moment(self, told: str) -> datetime | None:
        try:
            read = datetime.strptime(told, self._spec.time_format)  # noqa: DTZ007 - its zone is the profile's
            zone = _zone(self._spec.time_zone)
            return (read.astimezone() if zone is None else read.replace(tzinfo=zone)).astimezone(UTC)
        except (ValueError, OverflowError):
            return None

    def set_clock(self) -> bool:
        """Give it our time; whether it shows that then (or, where it cannot be asked, took the command)."""
        self._asked(self._spec.set_clock, "that its clock be set")
        if not self._spec.ask_clock:
            return True
        offset = self.clock_offset()
        return offset is not None and abs(offset) <= max(self._spec.max_clock_offset, 2.0)

    def become_disk(self) -> None:
        """Say the last word: an answer may come, and the line may end before it does. Raises CameraGone where it was not even taken."""
        for command in self._spoken(self._spec.become_disk):
            self._line.write(command, timeout=self._patience)
        try:
            self._answer("that it becomes a disk")
        except CameraGone:
            return  # it is on its way: whether it comes back as a disk is seen by who waits for that

    def _asked(self, text: str, what: str) -> bytes:
        """Say one command, or several; the last one's answer."""
        answer = b""
        for command in self._spoken(text):
            self._line.write(command, timeout=self._patience)
            answer = self._answer(what)
        return answer

    def _spoken(self, text: str) -> list[bytes]:
        local = datetime.fromtimestamp(self._now(), UTC).astimezone(_zone(self._spec.time_zone))

        def filled(found: re.Match[str]) -> str:
            return self._spec.password if found[1] else local.strftime(found[2] or self._spec.time_format)

        lines = [line for line in text.split("\n") if line]
        return [(_FILLED.sub(filled, line) + self._spec.terminator).encode("ascii", "replace") for line in lines]

    def _answer(self, what: str) -> bytes:
        """What comes until the terminator, or until a short packet after which nothing comes. Raises CameraGone, Unreadable."""
        deadline, answer = time.monotonic() + self._patience, b""
        while (left := deadline - time.monotonic()) > 0:
            try:
                piece = self._line.read(PACKET, timeout=min(left, _MORE_WITHIN) if answer else left)
            except Silence:
                if answer:
                    break
                raise
            answer += piece
            if len(answer) > LONGEST_ANSWER:
                raise Unreadable(f"the camera does not stop talking when it is asked {what}")
            if self._terminator and self._terminator in answer:
                break
        if not answer:
            raise Silence(f"the camera did not answer when it was asked {what}")
        whole = answer.partition(self._terminator)[0] if self._terminator else answer
        return whole.rstrip(b"\0")


def _value(pattern: str, answer: bytes) -> str | None:
    """What the group `value` finds in an answer; None where it finds nothing."""
    found = re.search(pattern, answer[:LONGEST_ANSWER].decode("ascii", "replace"), re.IGNORECASE | re.ASCII)
    return (found["value"] or "").strip() or None if found else None


def _zone(name: str) -> tzinfo | None:
    try:
        return None if name == "local" else ZoneInfo(name)
    except (KeyError, ValueError, OSError) as error:
        raise Unreadable(
            f"the time zone {name} of the camera's profile is not known on this machine: install tzdata"
        ) from error
