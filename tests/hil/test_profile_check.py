"""`dockd profile check` beside the agent, on a real device and real udev: it says what the agent does, also from a description that udevadm wrote."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.hil.rig.agent import Agent
from tests.hil.rig.agent_log import Document
from tests.hil.rig.odd_cards import filled_card

pytestmark = [pytest.mark.hil, pytest.mark.timeout(300)]


def asked(agent: Agent, *words: str) -> Document:
    ended = agent.command("profile", "check", "--device", "C0003", "--json", *words)
    assert ended.status == 0, ended.said
    said: Document = json.loads(ended.stdout)
    return said


def test_a_device_is_what_the_agent_takes_it_for(agent: Agent, folder: Path) -> None:
    agent.plug(filled_card(folder / "card.img"), bay=3, serial="C0003")
    bay = agent.await_bay(3, "ready", timeout=60)
    agent.vm.check("udevadm info --export-db > /tmp/bench.txt")
    attached = asked(agent)
    described = asked(agent, "--described", "/tmp/bench.txt")
    for said in (attached, described):
        (device,) = said["devices"]
        assert device["usb"]["ID_SERIAL_SHORT"] == "C0003"
        assert bay["camera"]["profile"] in device["profiles"]
        assert device["place"] == attached["devices"][0]["place"]
        assert device["volumes"] == attached["devices"][0]["volumes"]
