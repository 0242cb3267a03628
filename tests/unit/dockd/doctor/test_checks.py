"""What doctor says of machines: each a real tree of files in a folder of its own."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path

import pytest

from dockd.doctor import agent, blocks, disks, files, kernel_log, page, secrecy, timesync, usb
from dockd.doctor.findings import Finding, document, failed, passed
from dockd.doctor.machine import Machine
from dockd.doctor.running import Check, run
from dockd.settings import Settings, defaults
from tests.simulators.authority import Authority

USB = "sys/bus/usb/devices"


@pytest.fixture
def write(tmp_path: Path) -> Callable[[str, str], None]:
    def one(name: str, text: str) -> None:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)

    return one


Write = Callable[[str, str], None]


def told(found: Iterable[Finding]) -> list[tuple[str, str]]:
    return [(one.check, one.outcome) for one in found]


def block(tmp_path: Path, number: str, name: str, *, uuid: str = "", on: tuple[str, ...] = ()) -> None:
    """A device in a sysfs of our own, made of those in `on`."""
    folder = tmp_path / "sys/devices/virtual/block" / name
    (folder / "slaves").mkdir(parents=True)
    (folder / "dev").write_text(number)
    if uuid:
        (folder / "dm").mkdir()
        (folder / "dm/uuid").write_text(uuid)
    for below in on:
        (folder / "slaves" / below).symlink_to(f"../../{below}")
    (tmp_path / "sys/dev/block").mkdir(parents=True, exist_ok=True)
    (tmp_path / "sys/dev/block" / number).symlink_to(f"../../devices/virtual/block/{name}")


def test_encrypted_is_seen_below_lvm_and_md_and_only_where_all_of_it_is(tmp_path: Path) -> None:
    block(tmp_path, "8:0", "sda")
    block(tmp_path, "8:16", "sdb")
    block(tmp_path, "253:0", "dm-0", uuid="CRYPT-LUKS2-abc", on=("sda",))
    block(tmp_path, "253:1", "dm-1", uuid="LVM-x", on=("dm-0",))
    block(tmp_path, "9:0", "md0", on=("dm-1", "sdb"))
    machine = Machine(root=tmp_path)
    assert [blocks.encrypted(machine, one) for one in ("8:0", "253:0", "253:1", "9:0", "7:7")] == [
        False,
        True,
        True,
        False,
        None,
    ]
    assert [disk.name for disk in blocks.disks(machine, "9:0")] == ["sda", "sdb"]


def state_at(folder: Path) -> Settings:
    settings = defaults()
    return replace(
        settings,
        ledger=replace(settings.ledger, path=folder / "ledger.db"),
        spool=replace(settings.spool, path=folder / "spool"),
    )


@pytest.mark.parametrize(
    ("mounts", "fstab", "said"),
    [
        ("1 0 8:1 / / rw - ext4 /dev/sda1 rw\n2 1 8:2 / /srv rw - ext4 /dev/sda2 rw\n", "", ["spool: kind of disk", "ledger: kind of disk"]),
        ("1 0 8:1 / / rw - ext4 /dev/sda1 rw\n", "/dev/sda2 /srv ext4 defaults 0 2\n", ["spool: mounted", "ledger: mounted"]),
        ("1 0 8:1 / / rw - ext4 /dev/sda1 rw\n2 1 8:2 / /srv rw - ext4 /dev/sda2 ro\n", "", ["spool: writable", "ledger: writable"]),
        ("1 0 8:1 / / rw - ext4 /dev/sda1 rw\n2 1 0:9 / /srv rw - tmpfs tmpfs rw\n", "", ["spool: kind of disk", "ledger: kind of disk"]),
    ],
    ids=["well", "empty-mount-point", "read-only", "in-memory"],
)  # fmt: skip
def test_where_the_state_lies(tmp_path: Path, write: Write, mounts: str, fstab: str, said: list[str]) -> None:
    write("proc/self/mountinfo", mounts)
    write("etc/fstab", fstab)
    outcome = "pass" if not fstab and "ro\n" not in mounts and "tmpfs" not in mounts else "fail"
    found = disks.places(Machine(root=tmp_path), state_at(Path("/srv/dockd")))
    assert told(found) == [(check, outcome) for check in said]


def test_usb(tmp_path: Path, write: Write) -> None:
    for name, authorised in (("1-1", "1"), ("1-1.4", "0")):
        write(f"{USB}/{name}/authorized", authorised)
    write(f"{USB}/1-1.4/power/control", "auto")
    write(f"{USB}/1-1.4/power/autosuspend_delay_ms", "2000")
    write(f"{USB}/1-0:1.0/usb1-port3/over_current_count", "2")
    machine = Machine(root=tmp_path)
    found = [*usb.authorised(machine), *usb.asleep(machine), *usb.over_current(machine)]
    assert [one.outcome for one in found] == ["fail", "warn", "warn"]
    assert "1-1.4" in found[0].says
    assert "usb1-port3 (2 times)" in found[2].says


def test_the_kernels_words() -> None:
    said = [
        "usb 1-1.4: device descriptor read/64, error -71",
        "usb 1-1.4: device descriptor read/64, error -71",
        "I/O error, dev sda, sector 8 op 0x0:(READ) flags 0x0",
        "EXT4-fs (sda2): Remounting filesystem read-only",
        "somebody wrote error -71",
    ]
    found = list(kernel_log.trouble(said, own=frozenset({"sda"})))
    assert told(found) == [("kernel: USB", "warn"), ("kernel: disks", "fail"), ("kernel: disks", "fail")]
    assert "2 times" in found[0].says
    assert {one.outcome for one in kernel_log.trouble([], own=frozenset())} == {"pass"}


def test_swap_and_cores(tmp_path: Path, write: Write) -> None:
    machine = Machine(root=tmp_path)
    write("proc/swaps", "Filename Type Size Used Priority\n")
    assert told(secrecy.swap(machine)) == [("swap", "pass")]
    write("proc/swaps", "Filename Type Size Used Priority\n/swap.img file 9 0 -2\n")
    write("proc/self/mountinfo", "1 0 8:1 / / rw - ext4 /dev/sda1 rw\n")
    block(tmp_path, "8:1", "sda1")
    assert told(secrecy.swap(machine)) == [("swap", "warn")]
    write("proc/sys/kernel/core_pattern", "core")
    write("proc/7/limits", "Max core file size        0        unlimited   bytes\n")
    assert told(secrecy.core_dumps(machine, agent=7)) == [("core dumps", "pass")]
    write("proc/7/limits", "Max core file size        unlimited        unlimited   bytes\n")
    assert told(secrecy.core_dumps(machine, agent=7)) == [("core dumps", "warn")]


def test_keys_that_others_may_read(tmp_path: Path, write: Write) -> None:
    write("srv/ledger.db", "")
    write("srv/keys/dock.key", "")
    for name in ("srv/ledger.db", "srv/keys/dock.key"):
        (tmp_path / name).chmod(0o600)
    (tmp_path / "srv/keys").chmod(0o700)
    machine, settings = Machine(root=tmp_path), state_at(Path("/srv"))
    assert told(files.state(machine, settings, owner=os.getuid())) == [("state", "pass")]
    (tmp_path / "srv/keys/dock.key").chmod(0o644)
    assert told(files.state(machine, settings, owner=os.getuid())) == [("state", "fail")]
    assert told(files.state(machine, settings, owner=os.getuid() + 1)) == [("state", "fail")]


def test_time_page_and_versions(tmp_path: Path, write: Write) -> None:
    assert told(timesync.synchronised(False, now=1_800_000_000)) == [("time", "warn")]
    assert told(timesync.synchronised(True, now=86400)) == [("time", "fail")]
    assert told(page.certificates(defaults())) == [("certificates", "skipped")]
    gone = replace(
        state_at(tmp_path),
        store=replace(defaults().store, url="https://s", client_cert_file=tmp_path / "keys" / "store-client.pem"),
    )
    assert [(one.outcome, one.do) for one in page.certificates(gone)] == [
        ("fail", "Enrol this dock: `dockd enroll https://s`.")
    ]
    ours = replace(
        defaults(), store=replace(defaults().store, url="https://s", client_cert_file=Authority(tmp_path).issue("dock"))
    )
    ahead = time.time() + 400 * 86400
    (alone,) = page.certificates(ours, now=ahead)
    assert (alone.outcome, alone.do.startswith("Renew it")) == ("fail", True), alone
    doubt = timesync.doubt(False, now=ahead)
    (first,) = page.certificates(ours, now=ahead, doubt=doubt)
    assert (first.outcome, first.do.startswith(f"First the clock: {doubt}")) == ("fail", True), first
    assert "the dock has files of" in timesync.doubt(True, now=ahead - 500 * 86400, newest=ahead)
    assert timesync.doubt(True, now=ahead, seen=ahead + 1, newest=ahead) == ""
    write("proc/sys/kernel/osrelease", "5.10.0-9-amd64\n")
    assert told(agent.versions(Machine(root=tmp_path), systemd=None))[:2] == [
        ("kernel", "fail"),
        ("systemd", "skipped"),
    ]


def test_a_check_that_hangs_or_breaks_is_told_of_and_holds_up_nobody() -> None:
    def broken() -> list[Finding]:
        raise OSError("no such luck")

    def hangs() -> list[Finding]:
        time.sleep(60)
        return []

    began = time.monotonic()
    found = run([
        Check(group="g", name="hangs", look=hangs, within=0.2),
        Check(group="g", name="broken", look=broken),
        Check(group="g", name="well", look=lambda: [passed("well", "yes\x1b[2J\n" + "x" * 5000)]),
    ])  # fmt: skip
    assert time.monotonic() - began < 20
    assert told(found) == [("hangs", "fail"), ("broken", "fail"), ("well", "pass")]
    assert found[2].says.startswith("yes\\x1b[2J\\n")
    assert len(found[2].says) == 600
    assert document([failed("a", "b", "c")])["ok"] is False
