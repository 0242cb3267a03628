"""Plug, pull, wipe, ready: on every filesystem and table that cards have; and what is not a camera's card is left alone.

After each end the images are judged: the card's, the spool disk's and the store's.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.hil.rig import footage
from tests.hil.rig.agent import Agent
from tests.hil.rig.cards import Filesystem, Table, make_card
from tests.hil.rig.gadgets import load_controllers, make_gadget
from tests.hil.rig.odd_cards import (
    DOCUMENTS,
    SMALL,
    fill_up,
    filled_card,
    luks_header,
    partitioned_image,
    two_partitions,
    unknown_filesystem,
)
from tests.hil.rig.oracle import Oracle
from tests.hil.rig.usb import plug, plug_network, plug_thing

pytestmark = [pytest.mark.hil, pytest.mark.timeout(300)]

BAY = 3
# What no profile calls footage: it is copied, and stays on the camera.
OTHER = {"DCIM/100MEDIA/.thumbnail.db", "PRIVATE/officer/notes.json"}


@pytest.mark.parametrize(
    ("filesystem", "table"),
    [
        pytest.param(Filesystem.FAT32, Table.MBR, marks=pytest.mark.hil_short),
        pytest.param(Filesystem.EXFAT, Table.MBR, marks=pytest.mark.hil_short),
        (Filesystem.FAT32, Table.GPT),
        (Filesystem.FAT32, Table.NONE),
        (Filesystem.EXFAT, Table.GPT),
        (Filesystem.EXFAT, Table.NONE),
    ],
)
def test_a_card_is_copied_proven_and_emptied(
    agent: Agent, folder: Path, oracle: Oracle, filesystem: Filesystem, table: Table
) -> None:
    tree = footage.write_tree(folder / "tree", footage.SHIFT, empty_folders=footage.EMPTY_FOLDERS)
    card = make_card(folder / "card.img", filesystem=filesystem, table=table)
    card.fill(tree)
    oracle.add(card, serial="C0001")
    agent.plug(card, bay=BAY, serial="C0001")
    bay = agent.await_bay(BAY, "ready")
    assert bay["segments"] | {"held": 0} == bay["segments"]
    assert bay["camera"]["assigned_to"] == "PC C0001"
    assert agent.problems() == []
    agent.check_books()
    agent.await_bay(BAY, "ready")
    assert agent.mounts() != []
    agent.shut_down()
    assert card.files() == OTHER
    assert card.folders() == oracle.cards[0].before.folders()
    assert card.complaints(partition=folder / "volume") is None
    assert oracle.breaches() == []
    assert oracle.not_delivered() == []


def test_a_camera_behind_a_hub_is_emptied(agent: Agent, folder: Path, oracle: Oracle) -> None:
    card = oracle.add(filled_card(folder / "card.img"), serial="C0001").card
    plug_thing(agent.vm, "usb-hub", port="2")
    plug(agent.vm, card, serial="C0001", port="2.3", wait=False)
    # A port that no bay has been named for gets the next free number.
    agent.await_bay(17, "ready")
    agent.shut_down()
    assert card.files() == set()
    assert oracle.breaches() == []
    assert oracle.not_delivered() == []


def test_a_camera_with_its_makers_ids_is_emptied(agent: Agent, folder: Path, oracle: Oracle) -> None:
    load_controllers(agent.vm, number=1)
    card = oracle.add(filled_card(folder / "card.img", label="GOPRO"), serial="C0042").card
    make_gadget(agent.vm, card, serial="C0042").plug()
    bay = agent.await_bay(17, "ready")
    assert bay["camera"]["serial"] == "C0042"
    agent.shut_down()
    assert card.files() == set()
    assert oracle.breaches() == []
    assert oracle.not_delivered() == []


def test_two_partitions_are_one_camera(agent: Agent, folder: Path) -> None:
    first = footage.write_tree(folder / "one", SMALL)
    second = footage.write_tree(
        folder / "two", {"DCIM/101MEDIA/BWC00007.MP4": 500_000, "DCIM/101MEDIA/BWC00008.MP4": 70_000}
    )
    card, other = two_partitions(folder / "card.img", first, second)
    agent.plug(card, bay=BAY, serial="C0001")
    bay = agent.await_bay(BAY, "ready")
    assert bay["segments"]["confirmed"] == len(SMALL) + 2
    agent.shut_down()
    assert card.files() | other.files() == set()


@pytest.mark.parametrize("content", [unknown_filesystem, luks_header])
def test_a_volume_that_cannot_be_read_is_not_ours_and_stays_as_it_is(
    agent: Agent, folder: Path, content: object
) -> None:
    assert callable(content)
    card = partitioned_image(folder / "card.img", content())
    before = card.copied_to(folder / "before.img")
    camera = agent.plug(card, bay=BAY, serial="C0001")
    bay = agent.await_bay(BAY, "not_ours")
    assert bay["camera"] is None
    assert agent.mounts() == []
    camera.pull_cable()
    agent.await_bay(BAY, "empty")
    agent.shut_down()
    assert card.image.read_bytes() == before.image.read_bytes()


def test_a_keyboard_and_a_network_adapter_are_not_ours(agent: Agent) -> None:
    keyboard = plug_thing(agent.vm, "usb-kbd", port="1")
    plug_network(agent.vm, port="2")
    bays = agent.await_bays((1, 2), "not_ours")
    assert all(bay["camera"] is None for bay in bays.values())
    keyboard.pull_cable()
    agent.await_bay(1, "empty")


def test_a_volume_labelled_as_in_fstab_is_mounted_where_dockd_wants_it(
    agent: Agent, folder: Path, oracle: Oracle
) -> None:
    agent.vm.check(
        "mkdir -p /mnt/evidence && echo 'LABEL=EVIDENCE /mnt/evidence vfat defaults,nofail 0 0' >> /etc/fstab"
    )
    agent.vm.check("systemctl daemon-reload")
    card = oracle.add(filled_card(folder / "card.img", label="EVIDENCE"), serial="C0001").card
    agent.plug(card, bay=BAY, serial="C0001")
    agent.await_bay(BAY, "ready")
    assert agent.vm.run("mountpoint -q /mnt/evidence").status != 0
    agent.shut_down()
    assert card.files() == set()
    assert oracle.breaches() == []


@pytest.mark.hil_short
def test_a_locked_card_is_copied_and_proven_and_says_why_it_is_not_emptied(
    agent: Agent, folder: Path, oracle: Oracle
) -> None:
    card = oracle.add(filled_card(folder / "card.img"), serial="C0001", named=False).card
    agent.plug(card, bay=BAY, serial="C0001", read_only=True)
    agent.await_event("segment.confirmed", after=len(SMALL) - 1)
    bay = agent.await_bay(BAY, "copy_failed")
    assert bay["segments"]["confirmed"] == len(SMALL)
    assert bay["segments"]["wiped"] == 0
    assert "lock" in bay["why"], bay["why"]
    agent.shut_down()
    assert oracle.breaches() == []
    assert oracle.not_delivered() == []


@pytest.mark.hil_short
def test_a_memory_stick_of_documents_is_copied_and_never_changed(agent: Agent, folder: Path, oracle: Oracle) -> None:
    stick = filled_card(folder / "stick.img", DOCUMENTS, label="MY STICK")
    oracle.add(stick, serial="STICK01", named=False)
    agent.plug(stick, bay=BAY, serial="STICK01")
    bay = agent.await_bay(BAY, "not_ours")
    assert bay["segments"]["confirmed"] == len(DOCUMENTS)
    agent.shut_down()
    assert oracle.breaches() == []
    assert oracle.not_delivered() == []


def test_a_full_card_is_emptied(agent: Agent, folder: Path, oracle: Oracle) -> None:
    card = filled_card(folder / "card.img", size=40 << 20)
    fill_up(card)
    oracle.add(card, serial="C0001")
    agent.plug(card, bay=BAY, serial="C0001")
    agent.await_bay(BAY, "ready", timeout=120)
    agent.shut_down()
    assert card.files() == set()
    assert card.complaints(partition=folder / "volume") is None
    assert oracle.breaches() == []
    assert oracle.not_delivered() == []


@pytest.mark.parametrize("filesystem", Filesystem)
def test_a_card_that_was_left_dirty_is_emptied_and_not_repaired(
    agent: Agent, folder: Path, oracle: Oracle, filesystem: Filesystem
) -> None:
    card = filled_card(folder / "card.img", filesystem=filesystem)
    card.volume.leave_dirty()
    oracle.add(card, serial="C0001")
    agent.plug(card, bay=BAY, serial="C0001")
    agent.await_bay(BAY, "ready")
    agent.shut_down()
    assert card.files() == set()
    assert oracle.breaches() == []
    assert oracle.not_delivered() == []
