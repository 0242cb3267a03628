"""The journal's native protocol, spoken to a socket that stands where the journal's would."""

from __future__ import annotations

import array
import doctest
import os
import socket
from pathlib import Path

import pytest

from dockd.ops import journald
from dockd.ops.journald import Journal, message_id

RECORD = {"message": "two\nlines", "log.level": "warning", "event.action": "camera.removed_early", "event.sequence": 5, "dockd.bay": 3, "dockd.segments": ["a", "b"], "host.name": "x", "service.name": "dockd", "service.ephemeral_id": "0a", "@timestamp": "t", "url.full": "u"}  # fmt: skip


def parsed(datagram: bytes) -> dict[str, str]:
    found: dict[str, str] = {}
    while datagram:
        line, _, rest = datagram.partition(b"\n")
        name, equals, value = line.partition(b"=")
        if not equals:
            length = int.from_bytes(rest[:8], "little")
            value, rest = rest[8 : 8 + length], rest[9 + length :]
        found[name.decode()] = value.decode()
        datagram = rest
    return found


def test_a_record(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listening:
        listening.bind(str(tmp_path / "s"))
        journal = Journal(tmp_path / "s")
        journal.send(RECORD)
        found = parsed(listening.recv(1 << 20))
        journal.send({"message": "x" * 10_000_000, "log.level": "info"})
        assert len(parsed(listening.recv(1 << 20))["MESSAGE"]) == 48 << 10
        journal.close()
    assert found == {
        "MESSAGE": "two\nlines", "PRIORITY": "4", "SYSLOG_IDENTIFIER": "dockd", "MESSAGE_ID": message_id("camera.removed_early"),
        "DOCKD_EVENT_ACTION": "camera.removed_early", "DOCKD_EVENT_SEQUENCE": "5", "DOCKD_BAY": "3", "DOCKD_SEGMENTS": "a b",
        "DOCKD_SERVICE_EPHEMERAL_ID": "0a", "DOCKD_TIMESTAMP": "t", "DOCKD_URL_FULL": "u",
    }  # fmt: skip


def test_a_record_that_no_datagram_holds_goes_as_a_file(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listening:
        listening.bind(str(tmp_path / "s"))
        journal = Journal(tmp_path / "s")
        wide = {f"dockd.f{number}": "x" * 40_000 for number in range(300)}
        journal.send({"message": "m", "log.level": "info", **wide})
        body, passed, *_ = listening.recvmsg(1, socket.CMSG_SPACE(4))
        journal.close()
    fds = array.array("i", passed[0][2])
    with os.fdopen(fds[0], "rb") as file:
        file.seek(0)
        found = parsed(file.read())
        with pytest.raises(OSError):
            os.ftruncate(file.fileno(), 0)
    assert body == b""
    assert (found["MESSAGE"], len(found["DOCKD_F299"])) == ("m", 40_000)


def test_what_does_not_print_is_written_out() -> None:
    assert doctest.testmod(journald).failed == 0


def test_message_ids_are_for_ever() -> None:
    assert message_id("segment.confirmed") == message_id("segment.confirmed") != message_id("segment.wiped")
    assert len(message_id("segment.confirmed")) == 32


def test_no_journal(tmp_path: Path) -> None:
    with pytest.raises(OSError):
        Journal(tmp_path / "none")
