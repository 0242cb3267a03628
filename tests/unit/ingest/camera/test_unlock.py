"""The conversation with a camera that wants to be asked before it becomes a disk: a scripted one, behind the production line."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from datetime import UTC, datetime

import pytest

from ingest.camera.bulk import PACKET, Silence
from ingest.camera.unlock import LONGEST_ANSWER, Conversation, Unlocked, converse
from ingest.errors import CameraGone, Unreadable
from ingest.model import Vitals

NOW = 1767323045.0  # 2026-01-02 03:04:05 UTC
SPEC = Conversation(
    login="@Log;{password};", accepted=";ok;", ask_id="@Gdv;", id_pattern=r"@Gdv;\d+;(?P<value>\w+)",
    ask_clock="@Gti;", clock_pattern=r"@Gti;(?P<value>\d{14})", ask_battery="@Gba;", battery_pattern=r"@Gba;(?P<value>\d+)",
    set_clock="@Sda;{time:%Y%m%d};\n@Sti;{time:%H%M%S};", become_disk="@Msd;", terminator="#", password="swordfish",
)  # fmt: skip
ANSWERS = {
    b"@Log;swordfish;#": [b"@Log;ok;#"],
    b"@Gdv;#": [b"@Gdv;8;CAM00017;#"],
    b"@Gti;#": [b"@Gti;20260102030405;#"],
    b"@Gba;#": [b"@Gba;87;#"],
    b"@Msd;#": [],
}


class Scripted:
    """Answers each command with the transfers of its script; nothing else comes."""

    def __init__(self, answers: dict[bytes, list[bytes]], *, left_over: list[bytes] | None = None) -> None:
        self.answers = answers
        self.said: list[bytes] = []
        self.coming = list(left_over or [])
        self.gone = False

    def write(self, data: bytes, *, timeout: float) -> None:
        assert timeout > 0
        if self.gone:
            raise CameraGone("the line is cut")
        self.said.append(data)
        self.coming += self.answers.get(data, [b"?#"])

    def read(self, size: int, *, timeout: float) -> bytes:
        assert timeout > 0
        assert size % PACKET == 0
        if self.gone:
            raise CameraGone("the line is cut")
        if not self.coming:
            raise Silence("nothing")
        return self.coming.pop(0)

    def there(self) -> bool:
        return not self.gone

    def close(self) -> None:
        self.gone = True


def talk(
    answers: dict[bytes, list[bytes]], spec: Conversation = SPEC, now: Callable[[], float] = lambda: NOW
) -> Unlocked:
    return converse(spec, Scripted({**ANSWERS, **answers}), now=now, patience=0.2)


def test_a_camera_that_is_in_time_becomes_a_disk() -> None:
    line = Scripted(ANSWERS)
    told = converse(SPEC, line, now=lambda: NOW)
    assert told == Unlocked(device_id="CAM00017", vitals=Vitals(battery_percent=87, clock_offset_seconds=0.0))
    assert line.said == [b"@Log;swordfish;#", b"@Gdv;#", b"@Gba;#", b"@Gti;#", b"@Msd;#"]


class OwnClock(Scripted):
    """It goes by what it was told."""

    day, hour = b"20250101", b"000000"

    def write(self, data: bytes, *, timeout: float) -> None:
        if data.startswith(b"@Sda;"):
            self.day = data[5:13]
        if data.startswith(b"@Sti;"):
            self.hour = data[5:11]
        self.answers = {**ANSWERS, b"@Gti;#": [b"@Gti;" + self.day + self.hour + b";#"]}
        super().write(data, timeout=timeout)


def test_a_clock_that_is_off_is_told_as_it_was_and_set() -> None:
    line = OwnClock({})
    told = converse(SPEC, line, now=lambda: NOW)
    was = datetime(2025, 1, 1, tzinfo=UTC).timestamp() - NOW
    assert (told.vitals.clock_offset_seconds, told.clock_set) == (was, True)
    assert line.said[-4:-1] == [b"@Sda;20260102;#", b"@Sti;030405;#", b"@Gti;#"]


def test_a_clock_that_does_not_take_the_time_is_said_not_to() -> None:
    assert not talk({b"@Gti;#": [b"@Gti;20250101000000;#"]}).clock_set


@pytest.mark.parametrize(
    "parts",
    [
        [b"@Gdv;8;CAM", b"00017;#"],
        [b"@Gdv;8;CAM00017"],
        [b"", b"@Gdv;8;CAM00017;#"],
        [b"@Gdv;8;CAM00017;#" + b"\0" * 47],
        [b"@Gdv;8;CAM00017\0\0\0\0"],
    ],
    ids=["in two", "no terminator", "an empty transfer first", "padded", "padded, no terminator"],
)
def test_answers_come_in_many_ways(parts: list[bytes]) -> None:
    assert talk({b"@Gdv;#": parts}).device_id == "CAM00017"


@pytest.mark.parametrize(
    ("answer", "error", "why"),
    [
        ([], CameraGone, "nothing"),
        ([b"#"], Unreadable, "does not say who it is"),
        ([b"\0" * 64], Unreadable, "does not say who it is"),
        ([b"\xff\xfe\x80" * 20], Unreadable, "does not say who it is"),
        ([b"@Gdv;8;" + b"A" * 100 + b";#"], Unreadable, "does not say who it is"),
        ([b"A" * (LONGEST_ANSWER + 1)], Unreadable, "does not stop talking"),
        ([b"A" * 100] * 100, Unreadable, "does not stop talking"),
        ([b""] * 3, CameraGone, "nothing"),
        ([b"@Gdv;8;../../x;#"], Unreadable, "does not say who it is"),
    ],
    ids=["none", "only the end", "zeros", "bytes", "too long an id", "endless", "endless drops", "empty", "a path"],
)
def test_a_camera_that_does_not_say_who_it_is_stays_what_it_is(
    answer: list[bytes], error: type[Exception], why: str
) -> None:
    line = Scripted({**ANSWERS, b"@Gdv;#": answer})
    with pytest.raises(error, match=why):
        converse(SPEC, line, now=lambda: NOW, patience=0.2)
    assert b"@Msd;#" not in line.said


class Trickle(Scripted):
    """A byte at a time, for ever, each just in time."""

    def read(self, size: int, *, timeout: float) -> bytes:
        if not self.said:
            raise Silence("nothing")
        time.sleep(0.01)
        return b"A"


def test_an_answer_that_trickles_in_for_ever_has_an_end() -> None:
    began = time.monotonic()
    with pytest.raises((CameraGone, Unreadable)):
        converse(SPEC, Trickle({}), patience=0.2)
    assert time.monotonic() - began < 2


def test_a_camera_that_talks_before_it_is_asked_is_heard_out_or_left() -> None:
    line = Scripted(ANSWERS, left_over=[b"@Gdv;8;OTHER;#"])
    assert converse(SPEC, line, now=lambda: NOW).device_id == "CAM00017"
    with pytest.raises(Unreadable, match="without being asked"):
        converse(SPEC, Scripted(ANSWERS, left_over=[b"x"] * 100))


def test_a_wrong_password_is_said_without_it() -> None:
    line = Scripted({**ANSWERS, b"@Log;swordfish;#": [b"@Log;no;swordfish;#"]})
    with pytest.raises(Unreadable, match="does not let dockd in") as caught:
        converse(SPEC, line)
    assert "swordfish" not in str(caught.value) + repr(SPEC)
    assert line.said == [b"@Log;swordfish;#"]


@pytest.mark.parametrize("password", ["a#b", "a\nb", "ä"])
def test_a_password_that_would_end_a_command_is_not_sent(password: str) -> None:
    line = Scripted(ANSWERS)
    with pytest.raises(Unreadable, match="cannot be sent") as caught:
        converse(Conversation(**{**SPEC.__dict__, "password": password}), line)
    assert (line.said, password in str(caught.value)) == ([], False)


def test_a_camera_that_leaves_at_the_last_word_is_on_its_way() -> None:
    class Leaves(Scripted):
        def write(self, data: bytes, *, timeout: float) -> None:
            super().write(data, timeout=timeout)
            self.gone = data == b"@Msd;#"

    assert converse(SPEC, Leaves(ANSWERS), now=lambda: NOW).device_id == "CAM00017"


@pytest.mark.parametrize(
    ("clock", "battery", "vitals"),
    [
        (b"yesterday", b"full", Vitals()),
        (b"20261399999999", b"101", Vitals()),
        (b"00000000000000", b"99999", Vitals()),
    ],
)
def test_what_is_garbled_is_not_known(clock: bytes, battery: bytes, vitals: Vitals) -> None:
    told = talk({b"@Gti;#": [b"@Gti;" + clock + b";#"], b"@Gba;#": [b"@Gba;" + battery + b";#"]})
    assert (told.vitals, told.clock_set) == (vitals, False)


@pytest.mark.parametrize(("zone", "off"), [("UTC", 0.0), ("Asia/Tokyo", -9 * 3600.0)])
def test_the_clock_is_read_in_the_zone_of_the_profile(zone: str, off: float) -> None:
    spec = Conversation(**{**SPEC.__dict__, "time_zone": zone, "set_clock": ""})
    assert talk({}, spec).vitals.clock_offset_seconds == off


def test_a_camera_of_few_words() -> None:
    line = Scripted({})
    assert converse(Conversation(become_disk="DISK", terminator="\n"), line) == Unlocked()
    assert line.said == [b"DISK\n"]


def test_it_travels_as_json() -> None:
    assert Conversation.of_json(json.loads(json.dumps(SPEC.as_json()))) == SPEC
