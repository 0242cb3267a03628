"""Whose the page's port is: real sockets of this process and of another one."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from dockd.doctor import page
from dockd.doctor.machine import Machine
from dockd.doctor.sockets import ports
from dockd.settings import ListenAddress, Settings, defaults


@pytest.fixture
def taken() -> Iterator[int]:
    """A port on which this process listens."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


@pytest.fixture
def another() -> Iterator[int]:
    """A process of ours that listens nowhere."""
    process = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL)
    try:
        yield process.pid
    finally:
        process.communicate()


def at(port: int) -> Settings:
    settings = defaults()
    return replace(settings, page=replace(settings.page, listen=ListenAddress("127.0.0.1", port)))


def said(port: int, *, agent: int | None) -> tuple[str, str]:
    (found,) = page.port(Machine(), at(port), agent=agent)
    return found.outcome, found.says


def test_taken_by_the_agent(taken: int) -> None:
    assert said(taken, agent=os.getpid()) == ("pass", f"the agent listens at 127.0.0.1:{taken}")
    assert taken in ports(Machine(), os.getpid())
    assert str(taken) in said(0, agent=os.getpid())[1].partition("any free port; now it is ")[2]


def test_taken_by_another_while_the_agent_runs(taken: int, another: int) -> None:
    outcome, says = said(taken, agent=another)
    assert outcome == "fail"
    assert "another program" in says
    assert "the agent does not listen there" in says


def test_taken_while_no_agent_runs(taken: int) -> None:
    outcome, says = said(taken, agent=None)
    assert outcome == "fail"
    assert "is taken by another program of " in says


def test_whose_it_is_cannot_be_seen(taken: int, tmp_path: Path) -> None:
    (tmp_path / "proc/7").mkdir(parents=True)
    (tmp_path / "proc/7/fd").symlink_to("fd")  # a folder that may not be looked into, for root too
    (found,) = page.port(Machine(root=tmp_path), at(taken), agent=7)
    assert found.outcome == "warn"
    assert "cannot be seen" in found.says


def test_free(another: int) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        free = server.getsockname()[1]
    assert said(free, agent=None) == ("pass", f"127.0.0.1:{free} is free")
    assert said(free, agent=another) == ("fail", f"the agent runs, and nothing listens at 127.0.0.1:{free}")


def test_an_address_that_is_not_this_machines() -> None:
    settings = defaults()
    elsewhere = replace(settings, page=replace(settings.page, listen=ListenAddress("192.0.2.1", 8080)))
    (found,) = page.port(Machine(), elsewhere, agent=None)
    assert (found.outcome, "cannot be taken" in found.says) == ("fail", True)


def test_what_the_kernel_makes_up_is_read_to_its_end() -> None:
    maps = Path("/proc/self/maps").read_text()
    assert len(maps) > 8192
    assert abs(Machine().text("/proc/self/maps", most=1 << 20).count("\n") - maps.count("\n")) < 20  # type: ignore[union-attr]
