"""Copies that go bad in the spool: found before a byte of them is sent, pulled again, held with what to do, or told as lost."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.agent import Running, running
from tests.oracle import Witness
from tests.program import Dock, StoreProcess, filled, store_at
from tests.recovery.disks import ext4


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StoreProcess]:
    with store_at(tmp_path_factory.mktemp("central") / "store") as running_store:
        yield running_store


def spooled(spool: Path, content: bytes) -> Path:
    """The spool file with this content."""
    files = [one for one in spool.iterdir() if len(one.name) == 32 and one.is_file() and not one.is_symlink()]
    (found,) = [one for one in files if one.read_bytes() == content]
    return found


def flip(file: Path, *, at: int) -> None:
    """One bit of it is another one."""
    with file.open("r+b") as opened:
        opened.seek(at)
        was = opened.read(1)[0]
        opened.seek(at)
        opened.write(bytes([was ^ 4]))


def uploaded(agent: Running) -> float:
    """Bytes sent so far."""
    (line,) = [one for one in agent.ask("/metrics").body.decode().splitlines() if one.startswith("dockd_uploaded_bytes_total ")]  # fmt: skip
    return float(line.split()[1])


def test_rot_is_found_before_it_is_sent_and_the_camera_is_asked_again(tmp_path: Path) -> None:
    """One camera is docked, and is pulled again by itself; the other is away: held in plain words until it is docked again."""
    here, away, sound = os.urandom(1 << 20) + b"here", os.urandom(300_000), os.urandom(100_000)
    with store_at(tmp_path / "store") as store:
        store.stop()
        with running(tmp_path, store.url) as agent:
            witness = Witness(spool=tmp_path / "state" / "spool", store=store.root)
            witness.remember(agent.dock("HERE", {"here.mp4": here, "sound.mp4": sound}))
            taken = agent.dock("AWAY", {"away.mp4": away})
            witness.remember(taken)
            for camera in ("HERE", "AWAY"):
                agent.until_state(camera, "unconfirmed")
            aside = taken.rename(tmp_path / "taken")
            agent.until_logged("camera.undocked")
            for content in (here, away):
                flip(spooled(witness.spool, content), at=len(content) // 2)
            store.start()
            held = agent.until_logged("segment.held")
            assert "its copy on the dock went bad; the camera still has it: dock it again" in held["message"]
            agent.until_state("HERE", "ready")
            assert uploaded(agent) == len(here) + len(sound)
            aside.rename(agent.docks / "AWAY")
            agent.until_state("AWAY", "ready")
            said = [line["event.action"] for line in agent.log()]
            assert (said.count("segment.rotted"), said.count("segment.lost")) == (2, 0)
            assert agent.stop().code == 0
        assert (witness.faults(), witness.emptied(), witness.delivered()) == ([], [], [])
        assert list(witness.spool.iterdir()) == [], "what went bad is not kept once the store has the segment"


def copied(camera: Path, dock: Dock) -> None:
    """Everything is in the spool, nothing in the store."""
    away = Dock(state=dock.state, url="http://127.0.0.1:9")
    run = away.ingest(camera, options=("--wipe", "--wait", "0 s"))
    assert run.code == 3, run.said


def _link(path: Path) -> None:
    aside = path.rename(path.with_suffix(".good"))
    path.symlink_to(aside)


def _pipe(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


def _folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


REPLACED: dict[str, Callable[[Path], object]] = {
    "other bytes.mp4": lambda path: flip(path, at=17),
    "link.mp4": _link,
    "pipe.mp4": _pipe,
    "folder.mp4": _folder,
    "nothing.mp4": os.unlink,
    "cut.mp4": lambda path: os.truncate(path, 5),
    "sound.mp4": lambda path: path.with_suffix(".json").write_bytes(os.urandom(300)),
}


def test_whatever_lies_in_the_place_of_a_spool_file_is_not_sent(store: StoreProcess, tmp_path: Path) -> None:
    dock = Dock(state=tmp_path / "state", url=store.url)
    files = {name: os.urandom(5000) for name in REPLACED}
    camera = filled(tmp_path / "CAM", files)
    witness = Witness(spool=dock.spool, store=store.root)
    witness.remember(camera)
    copied(camera, dock)
    for name, replace in REPLACED.items():
        replace(spooled(dock.spool, files[name]))
    run = dock.ingest(camera)
    assert run.code == 0, run.said
    told = [line for line in run.err.splitlines() if "is no longer what was pulled" in line]
    assert len(told) == len(files) - 1, run.said  # the description is not what is sent, and is known from the ledger
    assert (witness.faults(), witness.emptied(), witness.delivered()) == ([], [], [])


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file to another user")
def test_a_spool_file_of_another_user_is_not_sent(store: StoreProcess, tmp_path: Path) -> None:
    dock = Dock(state=tmp_path / "state", url=store.url)
    camera = filled(tmp_path / "CAM", {"a.mp4": b"a" * 5000})
    witness = Witness(spool=dock.spool, store=store.root)
    witness.remember(camera)
    copied(camera, dock)
    file = spooled(dock.spool, b"a" * 5000)
    os.chown(file, 65534, -1)
    run = dock.ingest(camera, options=("--wipe", "--wait", "200 ms"))
    assert run.code == 3, run.said
    assert "belongs to another user (id 65534), who may have written it: give it back its owner" in run.err, run.said
    assert len(witness.emptied()) == 1
    os.chown(file, os.geteuid(), -1)
    run = dock.ingest(camera)
    assert run.code == 0, run.said
    assert (witness.faults(), witness.emptied(), witness.delivered()) == ([], [], [])


def test_rot_below_the_page_cache_is_seen(store: StoreProcess, tmp_path: Path) -> None:
    """The disk has other bytes than memory: every ordinary read of the file is right, and what is on the disk is not."""
    content = os.urandom(3 << 20)
    with ext4(tmp_path / "disk", size=64 << 20) as disk:
        dock = Dock(state=disk.at / "state", url=store.url)
        camera = filled(tmp_path / "CAM", {"a.mp4": content})
        witness = Witness(spool=dock.spool, store=store.root)
        witness.remember(camera)
        copied(camera, dock)
        file = spooled(dock.spool, content)
        image = tmp_path / "disk.img"
        os.sync()
        place = image.read_bytes().index(content[1 << 20 : (1 << 20) + 4096])
        flip(image, at=place + 100)
        assert file.read_bytes() == content, "the page cache has the right bytes"
        run = dock.ingest(camera)
        assert run.code == 0, run.said
        assert "no longer those that were pulled" in run.err, run.said
        assert (witness.faults(), witness.emptied(), witness.delivered()) == ([], [], [])
