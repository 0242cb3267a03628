"""The real process, real mounts."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import struct
import subprocess
from pathlib import Path

import pytest

from dockd.mounting.base import HelperGone, MountRefused
from dockd.mounting.client import MountHelper
from dockd.mounting.desk import MOST_REQUESTS
from dockd.mounting.rights import KEPT
from dockd.mounting.wire import LIMIT, Inbox, Message, encode
from ingest.errors import CameraGone, Unreadable
from tests.unit.dockd.mounting.conftest import NewCard, NewHelper
from tests.unit.dockd.mounting.machine import FOOTAGE, Card, HelperProcess, eventually, host

FIRST = "DCIM/BWC00001.MP4"


def files(mount: Path) -> set[str]:
    found = (path.relative_to(mount) for path in mount.rglob("*") if path.is_file())
    return {str(path) for path in found if "lost+found" not in path.parts}


async def test_mounted_read_only_with_the_device_itself_locked(
    helper: HelperProcess, agent: MountHelper, card: Card
) -> None:
    mount = await agent.mount(**card.asked("bay-3/p1"))
    assert mount == helper.root / "bay-3/p1"
    assert files(mount) == set(FOOTAGE)
    assert card.locked()
    with pytest.raises(OSError, match="Read-only"):
        (mount / FIRST).unlink()
    with pytest.raises(PermissionError), open(card.device, "r+b", buffering=0) as device:
        device.write(bytes(512))
    options = helper.mounts()["bay-3/p1"].replace(" ", ",").split(",")
    assert options[0] == "ro"
    fixed = {"nodev", "nosuid", "noexec", "noatime", "nosymfollow", "norecovery", "errors=remount-ro"}
    assert fixed - set(options) == set()


async def test_writable_then_fresh(helper: HelperProcess, agent: MountHelper, card: Card) -> None:
    mount = await agent.mount(**card.asked("bay-3"))
    await agent.writable(mount)
    await agent.writable(mount)  # it is already
    assert not card.locked()
    assert "norecovery" not in helper.mounts()["bay-3"]
    (mount / FIRST).unlink()
    await agent.fresh(mount)
    assert files(mount) == set(FOOTAGE) - {FIRST}
    assert card.locked()
    assert helper.mounts()["bay-3"].startswith("ro,")
    await agent.unmount(mount)
    assert helper.mounts() == {}
    assert helper.folders() == []
    assert "clean" in host("dumpe2fs", "-h", card.device).lower()
    assert "needs_recovery" not in host("dumpe2fs", "-h", card.device)


async def test_no_right_is_kept_that_its_start_alone_needs(
    helper: HelperProcess, agent: MountHelper, card: Card
) -> None:
    await agent.mount(**card.asked("bay-3"))  # with threads at work
    for thread in Path(f"/proc/{helper.process.pid}/task").iterdir():
        status = dict(line.split(":\t", 1) for line in (thread / "status").read_text().splitlines())
        for held in ("CapEff", "CapPrm"):
            assert int(status[held], 16) & ~sum(1 << number for number in KEPT) == 0
        assert int(status["CapEff"], 16) & 1 << 21  # CAP_SYS_ADMIN, by which it mounts


async def test_nothing_is_written_by_mounting_fresh_and_unmounting(agent: MountHelper, card: Card) -> None:
    before = card.image.read_bytes()
    mount = await agent.mount(**card.asked("bay-3"))
    assert files(mount) == set(FOOTAGE)
    await agent.fresh(mount)
    await agent.unmount(mount)
    host("sync", card.device)
    assert card.image.read_bytes() == before


async def test_fresh_shows_what_lies_on_the_device_now(agent: MountHelper, card: Card) -> None:
    mount = await agent.mount(**card.asked("bay-3"))
    assert (mount / FIRST).read_bytes() == FOOTAGE[FIRST]
    at = card.image.read_bytes().index(FOOTAGE[FIRST])
    with card.image.open("r+b") as file:
        file.seek(at)
        file.write(b"A FIRST SEGMENT")
    assert (mount / FIRST).read_bytes() == FOOTAGE[FIRST], "it was not remembered: this test shows nothing"
    await agent.fresh(mount)
    assert (mount / FIRST).read_bytes() == b"A FIRST SEGMENT"


async def test_fresh_of_what_is_in_use_is_refused_and_leaves_it_read_only(
    helper: HelperProcess, agent: MountHelper, card: Card
) -> None:
    mount = await agent.mount(**card.asked("bay-3"))
    await agent.writable(mount)
    with (mount / FIRST).open("rb") as file:
        with pytest.raises(Unreadable, match="still in use"):
            await agent.fresh(mount)
        assert file.read() == FOOTAGE[FIRST]
        assert card.locked()
        assert helper.mounts()["bay-3"].startswith("ro,")
    await agent.fresh(mount)
    assert files(mount) == set(FOOTAGE)


async def test_fresh_while_a_file_is_written_is_refused(agent: MountHelper, card: Card) -> None:
    mount = await agent.mount(**card.asked("bay-3"))
    await agent.writable(mount)
    with (mount / "new").open("wb"):
        with pytest.raises(Unreadable, match="open for writing"):
            await agent.fresh(mount)
        await agent.unmount(mount)
    eventually(lambda: "needs_recovery" not in host("dumpe2fs", "-h", card.device))


async def test_an_ext4_in_use_is_not_made_writable(agent: MountHelper, card: Card) -> None:
    mount = await agent.mount(**card.asked("bay-3"))
    with (mount / FIRST).open("rb") as file:
        with pytest.raises(Unreadable, match="still in use"):
            await agent.writable(mount)
        assert file.read() == FOOTAGE[FIRST]
    assert card.locked()


async def test_an_unclean_ext4_is_read_but_not_made_writable(agent: MountHelper, card: Card) -> None:
    host("debugfs", "-w", "-R", "feature needs_recovery", card.image)
    before = card.image.read_bytes()
    mount = await agent.mount(**card.asked("bay-3"))
    with pytest.raises(Unreadable, match="not closed cleanly"):
        await agent.writable(mount)
    assert files(mount) == set(FOOTAGE)  # mounted as before
    assert card.locked()
    await agent.unmount(mount)
    host("sync", card.device)
    assert card.image.read_bytes() == before


async def test_a_card_that_is_locked_itself_is_not_made_writable(agent: MountHelper, card: Card) -> None:
    host("losetup", "--detach", card.device)
    host("losetup", "--read-only", card.device, card.image)
    mount = await agent.mount(**card.asked("bay-3"))
    with pytest.raises(Unreadable, match="locked against writing"):
        await agent.writable(mount)
    assert files(mount) == set(FOOTAGE)
    assert card.locked()


async def test_unmounted_at_once_even_while_it_is_read(helper: HelperProcess, agent: MountHelper, card: Card) -> None:
    mount = await agent.mount(**card.asked("bay-3"))
    with (mount / FIRST).open("rb") as file:
        await agent.unmount(mount)
        assert not mount.exists()
        assert helper.folders() == []
        assert file.read() == FOOTAGE[FIRST]
    await agent.unmount(mount)  # no error where it is not mounted
    assert await agent.mount(**card.asked("bay-3")) == mount


async def test_what_is_still_read_is_not_mounted_twice(agent: MountHelper, card: Card) -> None:
    mount = await agent.mount(**card.asked("bay-3"))
    with (mount / FIRST).open("rb"):
        await agent.unmount(mount)
        with pytest.raises(MountRefused, match="in use"):
            await agent.mount(**card.asked("bay-4"))


async def test_another_disk_is_refused(helper: HelperProcess, agent: MountHelper, card: Card) -> None:
    with pytest.raises(MountRefused, match="look again"):
        await agent.mount(**card.asked("bay-3") | {"diskseq": card.diskseq + 1})
    assert helper.mounts() == {}
    assert helper.folders() == []


async def test_what_is_mounted_elsewhere_is_refused(base: Path, agent: MountHelper, card: Card) -> None:
    (base / "elsewhere").mkdir()
    host("mount", card.device, base / "elsewhere")
    with pytest.raises(MountRefused, match="elsewhere"):
        await agent.mount(**card.asked("bay-3"))
    host("umount", base / "elsewhere")
    await agent.mount(**card.asked("bay-3"))


async def test_a_device_is_mounted_once(agent: MountHelper, card: Card) -> None:
    await agent.mount(**card.asked("bay-3"))
    with pytest.raises(MountRefused, match="in use"):
        await agent.mount(**card.asked("bay-4"))
    with pytest.raises(MountRefused, match="in use"):
        await agent.mount(**card.asked("bay-3"))


async def test_what_lives_on_in_another_namespace_is_no_fresh_mount(agent: MountHelper, card: Card) -> None:
    mount = await agent.mount(**card.asked("bay-3"))
    other = subprocess.Popen(["unshare", "--mount", "--propagation", "private", "cat"], stdin=subprocess.PIPE)
    try:
        eventually(lambda: os.readlink(f"/proc/{other.pid}/exe").endswith("cat"))
        with pytest.raises(MountRefused, match="in use"):
            await agent.fresh(mount)
    finally:
        other.kill()
        other.communicate()


async def test_the_wrong_filesystem_and_none_are_unreadable(agent: MountHelper, card: Card, base: Path) -> None:
    at = card.image.read_bytes().index(b"\x53\xef", 1024)
    with card.image.open("r+b") as file:
        file.seek(at)
        file.write(b"\0\0")
    with pytest.raises(Unreadable, match="no ext4"):
        await agent.mount(**card.asked("bay-3"))
    # This kernel may not know it at all, which is another word for the same.
    with pytest.raises((Unreadable, MountRefused), match="exfat"):
        await agent.mount(**card.asked("bay-3") | {"filesystem": "exfat"})


async def test_a_loop_device_is_refused_by_the_real_rule(new_helper: NewHelper, card: Card) -> None:
    helper = new_helper(real=True)
    agent = MountHelper(helper.socket)
    with pytest.raises(MountRefused, match="does not hang on USB"):
        await agent.mount(**card.asked("bay-3"))
    assert not card.locked()
    assert helper.mounts() == {}
    assert helper.end() == 0
    await agent.close()


@pytest.mark.parametrize("folder", ["..", "a/../b", "/etc", "a\nb", "a/b/c", ""])
async def test_folders_that_are_no_clean_names(
    helper: HelperProcess, agent: MountHelper, card: Card, folder: str
) -> None:
    with pytest.raises((MountRefused, HelperGone)):
        await agent.mount(**card.asked(folder))
    assert helper.mounts() == {}
    assert helper.folders() == []


async def test_two_connections_cannot_touch_each_others_mounts(
    helper: HelperProcess, agent: MountHelper, card: Card
) -> None:
    mount = await agent.mount(**card.asked("bay-3"))
    other = MountHelper(helper.socket)
    for touch in (other.writable, other.fresh, other.unmount):
        with pytest.raises(MountRefused, match="not one of your mounts"):
            await touch(mount)
    for folder in ("bay-3", "bay-3/p1"):
        with pytest.raises(MountRefused, match="in use"):
            await other.mount(**card.asked(folder))
    await other.close()
    assert files(mount) == set(FOOTAGE)


async def test_nothing_is_mounted_around_another_mount(agent: MountHelper, new_card: NewCard) -> None:
    await agent.mount(**new_card().asked("bay-3/p1"))
    with pytest.raises(MountRefused, match="in use"):
        await agent.mount(**new_card().asked("bay-3"))
    assert (await agent.mount(**new_card().asked("bay-3/p2"))).name == "p2"


async def test_a_device_that_was_unmounted_behind_our_back(
    helper: HelperProcess, agent: MountHelper, card: Card
) -> None:
    mount = await agent.mount(**card.asked("bay-3"))
    await agent.writable(mount)
    host("umount", mount)
    with pytest.raises(CameraGone, match="not mounted"):
        await agent.fresh(mount)
    await agent.unmount(mount)
    assert helper.folders() == []


# -- how clients and the helper end ------------------------------------------------------------------------------------

HOLDS_A_MOUNT = """
import asyncio, sys
from pathlib import Path
from dockd.mounting.client import MountHelper

async def main():
    agent = MountHelper(Path(sys.argv[1]))
    mount = await agent.mount(sys.argv[2], diskseq=int(sys.argv[3]), filesystem="ext4", folder="bay-3")
    await agent.writable(mount)
    (mount / "DCIM/BWC00001.MP4").unlink()
    print("mounted", flush=True)
    await asyncio.sleep(1000)

asyncio.run(main())
"""


def run_agent(helper: HelperProcess, card: Card, program: str, *prefix: str) -> subprocess.Popen[str]:
    import sys

    from tests.program import REPOSITORY, environment

    command = [*prefix, sys.executable, "-c", program, str(helper.socket), card.device, str(card.diskseq)]
    return subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, cwd=REPOSITORY, env=environment()
    )


def test_an_agent_that_was_killed_leaves_nothing_mounted(helper: HelperProcess, card: Card) -> None:
    agent = run_agent(helper, card, HOLDS_A_MOUNT)
    assert agent.stdout is not None
    line = agent.stdout.readline()
    assert line == "mounted\n", line + agent.stdout.read()
    assert not card.locked()
    agent.kill()
    agent.communicate()
    eventually(lambda: helper.mounts() == {} and helper.folders() == [])
    assert card.locked()
    assert "needs_recovery" not in host("dumpe2fs", "-h", card.device)
    assert "BWC00001" not in host("debugfs", "-R", "ls -p DCIM", card.device)
    assert helper.told("unmount")[-1]["event.outcome"] == "success"


async def test_a_helper_that_was_killed_is_cleaned_up_by_the_next(
    helper: HelperProcess, card: Card, new_card: NewCard
) -> None:
    gone = asyncio.Event()
    agent = MountHelper(helper.socket, on_gone=gone.set)
    mount = await agent.mount(**card.asked("bay-3/p1"))
    left_writable = new_card()
    other = await agent.mount(**left_writable.asked("bay-4"))
    await agent.writable(other)
    helper.kill()
    await asyncio.wait_for(gone.wait(), 10)
    with pytest.raises(HelperGone):
        await agent.fresh(mount)
    assert set(helper.mounts()) == {"bay-3/p1", "bay-4"}
    with (other / FIRST).open("rb"):  # even where it is read
        helper.start()
        assert left_writable.locked()
        assert helper.mounts() == {}
        assert helper.folders() == []
    with pytest.raises(MountRefused, match="not one of your mounts"):
        await agent.fresh(mount)
    assert await agent.mount(**card.asked("bay-3/p1")) == mount
    await agent.close()


async def test_sigterm_unmounts_everything(helper: HelperProcess, agent: MountHelper, new_card: NewCard) -> None:
    await agent.mount(**new_card().asked("bay-3"))
    second = new_card()
    await agent.writable(await agent.mount(**second.asked("bay-4")))
    assert await asyncio.to_thread(helper.end) == 0
    assert helper.mounts() == {}
    assert helper.folders() == []
    assert second.locked()
    assert not helper.socket.exists()


async def test_one_that_hangs_is_given_up_and_hinders_nobody(
    base: Path, new_helper: NewHelper, new_card: NewCard
) -> None:
    helper = new_helper(work_seconds=1)
    agent = MountHelper(helper.socket)
    hanging, other, next_one = new_card(), new_card(), new_card()
    mount = await agent.mount(**hanging.asked("bay-3"))
    hang = base / "hangs" / hanging.name
    hang.touch()
    late = asyncio.create_task(agent.fresh(mount))
    at = await agent.mount(**other.asked("bay-4"))
    await agent.writable(at)
    assert not late.done(), "it did not hang: this test shows nothing"
    with pytest.raises(CameraGone, match="given up"):
        await late
    with pytest.raises(CameraGone, match="being unmounted"):
        await agent.fresh(mount)
    await asyncio.to_thread(eventually, lambda: set(helper.mounts()) == {"bay-4"})
    # The bay has another camera by now, and gets a place beside the one that is still held.
    assert (await agent.mount(**next_one.asked("bay-3"))).name == "bay-3~2"
    hang.unlink()
    await asyncio.to_thread(eventually, lambda: helper.folders() == ["bay-3~2", "bay-4"])
    assert set(helper.mounts()) == {"bay-3~2", "bay-4"}
    await agent.close()
    await asyncio.to_thread(eventually, lambda: helper.mounts() == {})


async def test_requests_do_not_pile_up_behind_one_that_hangs(base: Path, new_helper: NewHelper, card: Card) -> None:
    helper = new_helper()
    agent = MountHelper(helper.socket)
    mount = await agent.mount(**card.asked("bay-3"))
    hang = base / "hangs" / card.name
    hang.touch()
    asked = [asyncio.create_task(agent.writable(mount)) for _ in range(MOST_REQUESTS + 3)]
    refused, _ = await asyncio.wait(asked, return_when=asyncio.FIRST_EXCEPTION)
    for task in refused:
        with pytest.raises(MountRefused, match="under way"):
            await task
    hang.unlink()
    found = await asyncio.gather(*asked, return_exceptions=True)
    assert sum(isinstance(one, MountRefused) for one in found) == 3
    await agent.close()


async def test_a_mount_that_comes_too_late_is_undone(base: Path, new_helper: NewHelper, card: Card) -> None:
    helper = new_helper(work_seconds=0.5)
    agent = MountHelper(helper.socket)
    hang = base / "hangs" / card.name
    hang.touch()
    with pytest.raises(CameraGone, match="given up"):
        await agent.mount(**card.asked("bay-3"))
    hang.unlink()
    await asyncio.to_thread(eventually, lambda: helper.folders() == [])
    assert helper.told("unmount")
    assert helper.mounts() == {}
    assert await agent.mount(**card.asked("bay-3")) == helper.root / "bay-3"
    await agent.close()


async def test_sigterm_does_not_wait_for_one_that_hangs(base: Path, new_helper: NewHelper, card: Card) -> None:
    helper = new_helper(work_seconds=30)
    agent = MountHelper(helper.socket)
    mount = await agent.mount(**card.asked("bay-3"))
    (base / "hangs" / card.name).touch()
    late = asyncio.create_task(agent.fresh(mount))
    await asyncio.to_thread(eventually, (base / "hangs" / f"{card.name}.hangs").exists)
    assert await asyncio.to_thread(helper.end) == 0
    with pytest.raises(HelperGone):
        await late
    assert helper.mounts() == {}


# -- who may speak, and how --------------------------------------------------------------------------------------------

READS_AND_DELETES = """
import asyncio, os, sys
from pathlib import Path
from dockd.mounting.client import MountHelper

async def main():
    agent = MountHelper(Path(sys.argv[1]))
    try:
        mount = await agent.mount(sys.argv[2], diskseq=int(sys.argv[3]), filesystem="ext4", folder="bay-3")
    except Exception as error:
        sys.exit(f"{type(error).__name__}: {error}")
    assert os.getuid() == 65534
    print((mount / "DCIM/BWC00001.MP4").read_text())
    await agent.writable(mount)
    (mount / "DCIM/BWC00001.MP4").unlink()
    await agent.fresh(mount)
    print(sorted(os.listdir(mount / "DCIM")))
    await agent.unmount(mount)
    try:
        os.listdir(mount.parent)
    except PermissionError:
        print("not listed")

asyncio.run(main())
"""
AS_NOBODY = ("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups")


def test_an_unprivileged_agent_reads_and_deletes_what_root_owns_on_an_ext4(new_helper: NewHelper, card: Card) -> None:
    helper = new_helper("--user", "nobody")
    agent = run_agent(helper, card, READS_AND_DELETES, *AS_NOBODY)
    said, _ = agent.communicate(timeout=30)
    assert said.splitlines() == ["a first segment", "['BWC00002.MP4']", "not listed"]
    assert agent.returncode == 0
    assert "BWC00001" not in host("debugfs", "-R", "ls -p DCIM", card.device)


def test_other_users_may_not_speak(helper: HelperProcess, card: Card) -> None:
    assert helper.socket.stat().st_mode & 0o777 == 0o660
    refused = run_agent(helper, card, READS_AND_DELETES, *AS_NOBODY)
    said, _ = refused.communicate(timeout=30)
    assert "HelperGone" in said
    helper.socket.chmod(0o666)  # even where the socket's own rights are wrong
    refused = run_agent(helper, card, READS_AND_DELETES, *AS_NOBODY)
    said, _ = refused.communicate(timeout=30)
    assert "may not speak" in said
    assert refused.returncode == 1
    assert helper.told("peer_refused")[0]["dockd.uid"] == 65534
    assert helper.mounts() == {}


def spoken(helper: HelperProcess, data: bytes) -> bytes:
    """All that a connection is answered until the helper ends it."""
    with socket.socket(socket.AF_UNIX) as line:
        line.settimeout(20)
        line.connect(str(helper.socket))
        line.sendall(data)
        answer, hello = b"", encode({"id": 0, "ok": {"protocol": 1}})
        while part := line.recv(4096):
            answer += part
        assert answer.startswith(hello)
        return answer.removeprefix(hello)


def begun(helper: HelperProcess, data: bytes) -> list[Message]:
    """The first two messages that a connection is sent, however they are cut or joined on the way; fewer where it is ended before."""
    inbox, found = Inbox(), list[Message]()
    with socket.socket(socket.AF_UNIX) as line, contextlib.suppress(ConnectionError):
        line.settimeout(20)
        line.connect(str(helper.socket))
        line.sendall(data)
        while len(found) < 2 and (part := line.recv(4096)):
            found += inbox.feed(part)
    return found


@pytest.mark.parametrize(
    "noise",
    [
        b"GET / HTTP/1.1\r\n\r\n", struct.pack("!I", LIMIT + 1), struct.pack("!I", 2) + b"[]", encode({"op": "mount"}),
        encode({"id": 1, "op": "mount", "device": 5}), os.urandom(70_000),
    ],
    ids=["http", "oversized", "no-object", "no-id", "wrong-type", "noise"],
)  # fmt: skip
async def test_garbage_ends_its_connection_and_no_other(
    helper: HelperProcess, agent: MountHelper, card: Card, noise: bytes
) -> None:
    mount = await agent.mount(**card.asked("bay-3"))
    with contextlib.suppress(ConnectionError):  # it was ended while more was sent
        assert await asyncio.to_thread(spoken, helper, noise) == b""
    assert helper.told("garbage")
    await agent.fresh(mount)


async def test_an_unknown_request_is_refused_and_the_connection_goes_on(helper: HelperProcess) -> None:
    reader, writer = await asyncio.open_unix_connection(helper.socket)
    inbox = Inbox()
    answers: list[Message] = []
    writer.write(encode({"id": 4, "op": "format"}) + encode({"id": 5, "op": "unmount", "mount": "/run/x"}))
    while len(answers) < 3:
        answers += list(inbox.feed(await reader.read(4096)))
    assert answers[1]["error"] == "MountRefused"
    assert answers[2] == {"id": 5, "ok": {}}
    writer.close()
    await writer.wait_closed()


def test_no_more_connections_than_there_is_room_for(helper: HelperProcess) -> None:
    with contextlib.ExitStack() as stack:
        lines = [stack.enter_context(socket.socket(socket.AF_UNIX)) for _ in range(20)]
        for line in lines:
            line.settimeout(20)
            line.connect(str(helper.socket))
        assert b"speak to the mount helper already" in lines[-1].recv(4096)
    answer = {"id": 5, "ok": {}}  # there is room again
    eventually(lambda: answer in begun(helper, encode({"id": 5, "op": "unmount", "mount": "/run/x"})))


def test_only_one_helper_on_one_root(helper: HelperProcess) -> None:
    second = HelperProcess(base=helper.base, module=helper.module)
    with pytest.raises(AssertionError, match="another dockd-mount"):
        second.start()
    assert second.process.returncode == 3


def test_a_namespace_of_its_own_is_told(new_helper: NewHelper, base: Path) -> None:
    # As a unit gets it from ProtectSystem= and the like: the machine's mounts come in, its own do not get out.
    own = ("unshare", "--mount", "--propagation", "slave")
    subprocess.run(["mount", "--bind", base, base], check=True)
    subprocess.run(["mount", "--make-shared", base], check=True)
    plain = new_helper()
    assert plain.told("namespace") == []
    plain.kill()
    confined = new_helper(prefix=own)
    assert confined.told("namespace")
    confined.kill()
    subprocess.run(["umount", "--lazy", base], check=True)


def test_a_user_who_is_not_there_is_a_mistake_in_the_command(base: Path) -> None:
    helper = HelperProcess(base=base, module=("dockd.mounting.helper",), options=("--user", "nobody-of-this-name"))
    with pytest.raises(AssertionError, match="no such user"):
        helper.start()
    assert helper.process.returncode == 2
