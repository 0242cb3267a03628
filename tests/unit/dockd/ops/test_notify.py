"""What systemd hears, over a socket as it opens one."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from dockd.ops.notify import Notify


@pytest.fixture(params=["path", "abstract"])
def systemd(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[socket.socket, str]]:
    address = str(tmp_path / "notify") if request.param == "path" else f"\0dockd-test-{os.getpid()}"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as heard:
        heard.bind(address)
        heard.settimeout(10)
        yield heard, address.replace("\0", "@")


def test_each_word(systemd: tuple[socket.socket, str]) -> None:
    heard, address = systemd
    notify = Notify.of({"NOTIFY_SOCKET": address})
    said = []
    words: list[Callable[[], None]] = [
        lambda: notify.ready("Serving\nhttp://here"), lambda: notify.status("x" * 1000), notify.stopping, lambda: notify.extend(90), notify.alive,
    ]  # fmt: skip
    for word in words:
        word()
        said.append(heard.recv(4096).decode().split("\n"))
    assert said == [
        ["READY=1", "STATUS=Serving http://here"],
        ["STATUS=" + "x" * 300],
        ["STOPPING=1", "STATUS=It ends; what is under way is gone on with at the next start"],
        ["EXTEND_TIMEOUT_USEC=90000000", "WATCHDOG=1"],
        ["WATCHDOG=1"],
    ]


def test_a_reload_says_when_it_began(systemd: tuple[socket.socket, str]) -> None:
    heard, address = systemd
    Notify.of({"NOTIFY_SOCKET": address}).reloading()
    words = dict(line.split("=", 1) for line in heard.recv(4096).decode().split("\n"))
    assert words["RELOADING"] == "1"
    assert int(words["MONOTONIC_USEC"]) > 0


def test_nobody_to_tell_is_no_error(tmp_path: Path) -> None:
    for address in (None, "", str(tmp_path / "gone")):
        Notify(address).ready("here")


def test_whoever_does_not_read_is_not_waited_for(systemd: tuple[socket.socket, str]) -> None:
    _heard, address = systemd
    notify = Notify(address)
    for _ in range(2000):  # more than a socket takes
        notify.alive()


@pytest.mark.parametrize(
    ("environ", "seconds"),
    [
        ({}, None),
        ({"WATCHDOG_USEC": "120000000"}, 120.0),
        ({"WATCHDOG_USEC": "120000000", "WATCHDOG_PID": str(os.getpid())}, 120.0),
        ({"WATCHDOG_USEC": "120000000", "WATCHDOG_PID": "1"}, None),
        ({"WATCHDOG_USEC": "0"}, None),
        ({"WATCHDOG_USEC": "soon"}, None),
    ],
)
def test_whether_a_word_is_expected(environ: dict[str, str], seconds: float | None) -> None:
    assert Notify.of(environ).watchdog == seconds
