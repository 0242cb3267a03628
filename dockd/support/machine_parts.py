"""What the machine says of itself: versions, disks, mounts, USB, units, processes, time. Read, never changed; programs that are asked end in time."""

from __future__ import annotations

import os
import platform
import re
import ssl
import stat
import subprocess
import sys
import time
from collections.abc import Sequence
from importlib.metadata import distributions
from itertools import islice
from pathlib import Path

from dockd import __version__
from dockd.doctor import agent, kernel_log
from dockd.doctor.machine import Machine, NotSeen
from dockd.settings import Settings
from dockd.support.gathered import Gathered
from ingest.clock import Clock, rfc3339
from ingest.ledger.database import version as sqlite_version

_OURS = re.compile(
    r"(?i)\busb|^hub |xhci|ehci|\bsd[a-z]|scsi|uas\b|nvme|mmc|I/O error|EXT4|XFS|FAT-fs|exfat|out of memory|dm-\d|md\d"
)
_SERIAL = re.compile(r"SerialNumber: (?!\d+$)(\S.*)")
_NEWEST = 8000
_FILES = 20_000
_UNIT = "Id,LoadState,ActiveState,SubState,Result,UnitFileState,FragmentPath,DropInPaths,ExecMainPID,ExecMainCode,ExecMainStatus,NRestarts,StateChangeTimestamp,MemoryCurrent,TasksCurrent,CPUUsageNSec,User,WatchdogUSec,StatusText,NeedDaemonReload"  # fmt: skip
_WITHIN = 8.0


def versions(machine: Machine) -> Gathered:
    """Of dockd, what it is made of, and what it runs on."""
    packages = sorted({f"{one.metadata['Name']} {one.version}" for one in distributions()}, key=str.lower)
    lines = [
        f"dockd {__version__}", f"Python {sys.version.split()[0]} ({platform.python_implementation()})",
        f"kernel {platform.release()} {platform.machine()}", f"host {platform.node()}", f"made at {rfc3339(time.time())}",
        f"up for {(machine.text('/proc/uptime') or '?').split(' ')[0]} s", f"load {machine.text('/proc/loadavg') or '?'}",
        f"SQLite {sqlite_version()}, {ssl.OPENSSL_VERSION}", "", *(machine.text("/etc/os-release") or "").splitlines(), "",
        *(machine.text("/proc/meminfo") or "").splitlines()[:6], "", *packages,
    ]  # fmt: skip
    return Gathered(text="\n".join([*lines, ""]))


def kernel() -> Gathered:
    """What the kernel has said of USB, disks, filesystems and memory. Raises NotSeen."""
    said = [line for line in kernel_log.messages() if _OURS.search(line)][-_NEWEST:]
    names = [("camera", found[1].strip()) for line in said if (found := _SERIAL.search(line))]
    return Gathered(text="\n".join([*said, ""]), names=names)  # type: ignore[arg-type]


def usb(machine: Machine) -> Gathered:
    """What is plugged in where, by sysfs."""
    lines, names = [], []
    folder = "/sys/bus/usb/devices"
    for name in machine.names(folder):
        if ":" in name:
            continue
        said = {one: machine.text(f"{folder}/{name}/{one}") for one in ("idVendor", "idProduct", "product", "speed", "authorized", "bMaxPower", "power/control", "power/runtime_status")}  # fmt: skip
        serial = machine.text(f"{folder}/{name}/serial")
        if serial and not name.startswith("usb"):
            names.append(("camera", serial))
        lines.append(f"{name}: " + ", ".join(f"{key} {value}" for key, value in said.items() if value))
    return Gathered(text="\n".join([*lines, ""]), names=names)  # type: ignore[arg-type]


def mounts(machine: Machine, settings: Settings) -> Gathered:
    """Every mount, block devices, and how full the disks of spool and ledger are."""
    lines = [f"{one.where} {one.filesystem} on {one.source} ({one.number}){' read-only' if one.read_only else ''}" for one in machine.mounts()]  # fmt: skip
    lines += [
        "",
        "/etc/fstab",
        *_fstab(machine),
        "",
        *_said("lsblk", "-o", "NAME,MAJ:MIN,SIZE,TYPE,RO,RM,FSTYPE,MOUNTPOINT").splitlines(),
        "",
    ]
    for path in (settings.spool.path, settings.ledger.path.parent):
        try:
            disk = os.statvfs(path)
        except OSError as error:
            lines.append(f"{path}: {error.strerror}")
            continue
        lines.append(f"{path}: {disk.f_bavail * disk.f_frsize} of {disk.f_blocks * disk.f_frsize} bytes free, {disk.f_favail} of {disk.f_files} file entries")  # fmt: skip
    return Gathered(text="\n".join([*lines, ""]))


def _fstab(machine: Machine) -> list[str]:
    """Without options, which may name a password."""
    lines = [
        line.split() for line in (machine.text("/etc/fstab") or "").splitlines() if not line.strip().startswith("#")
    ]
    return [" ".join(fields[:3]) for fields in lines if len(fields) >= 3]


def units() -> Gathered:
    """How systemd has dockd's units. Raises NotSeen."""
    said = _said(
        "systemctl",
        "show",
        "--no-pager",
        f"--property={_UNIT}",
        "dockd.service",
        "dockd-mount.service",
        "systemd-udevd.service",
    )
    if not said:
        raise NotSeen("there is no systemd here, or it does not answer")
    failed = _said("systemctl", "list-units", "--no-pager", "--plain", "--no-legend", "--failed")
    return Gathered(text=f"{said}\nunits that have failed\n{failed}\n")


def state(machine: Machine, settings: Settings) -> Gathered:
    """What lies in the state's folders: kinds, sizes, owners and modes; names of the dock's own files alone. Raises NotSeen."""
    ledger = settings.ledger.path
    lines = []
    for path in (ledger.parent, *(ledger.parent / name for name in machine.names(ledger.parent)), *(settings.keys_path / name for name in machine.names(settings.keys_path))):  # fmt: skip
        status = machine.status(path)
        if status is not None:
            lines.append(
                f"{stat.filemode(status.st_mode)} {status.st_uid}:{status.st_gid} {status.st_size} {rfc3339(status.st_mtime)} {path}"
            )
    lines += ["", *_spool(settings.spool.path)]
    return Gathered(text="\n".join([*lines, ""]))


def _spool(path: Path) -> list[str]:
    sums: dict[str, list[int]] = {}
    try:
        with os.scandir(path) as entries:
            for entry in islice(entries, _FILES):
                kind = entry.name.rpartition(".")[2] if "." in entry.name else "segments"
                count = sums.setdefault(kind[:20], [0, 0])
                count[0] += 1
                count[1] += entry.stat(follow_symlinks=False).st_size
    except OSError as error:
        return [f"{path}: {error.strerror}"]
    return [f"{path}: {kind}: {count} files, {size} bytes" for kind, (count, size) in sorted(sums.items())]


def process(machine: Machine, settings: Settings) -> Gathered:
    """The agent's process and those below it. Raises NotSeen."""
    number = agent.process(machine, settings)
    if number is None:
        raise NotSeen("no agent works with this state")
    lines = []
    for one in (str(number), *(machine.text(f"/proc/{number}/task/{number}/children") or "").split()):
        lines += [f"process {one}", *(machine.text(f"/proc/{one}/status") or "").splitlines(), ""]
    lines += [*(machine.text(f"/proc/{number}/limits") or "").splitlines(), ""]
    try:
        lines.append(f"open files: {len(machine.names(f'/proc/{number}/fd'))}")
    except NotSeen as error:
        lines.append(f"open files: {error}")
    return Gathered(text="\n".join([*lines, ""]))


def times(machine: Machine) -> Gathered:
    """Clock, its synchronisation, zone and locale."""
    kernel = {True: "is synchronised", False: "is not synchronised", None: "cannot be asked"}[Clock().synchronised()]
    lines = [f"{rfc3339(time.time())}, {time.strftime('%Z %z')}; by the kernel it {kernel}", "", *_said("timedatectl", "show").splitlines(),
             *_said("timedatectl", "show-timesync").splitlines(), *_said("chronyc", "-n", "tracking").splitlines(), ""]  # fmt: skip
    lines += [
        f"{name}={os.environ[name]}"
        for name in sorted(os.environ)
        if name in ("LANG", "LANGUAGE", "TZ") or name.startswith("LC_")
    ]
    lines += ["/etc/default/locale", *(machine.text("/etc/default/locale") or "").splitlines()]
    return Gathered(text="\n".join([*lines, ""]))


def _said(*words: str) -> str:
    """What a program says; empty where it is not there, fails or does not end."""
    return _run(words)


def _run(words: Sequence[str]) -> str:
    try:
        done = subprocess.run(
            words, capture_output=True, text=True, errors="backslashreplace", check=False, timeout=_WITHIN, stdin=subprocess.DEVNULL,
            env={**os.environ, "LC_ALL": "C", "PAGER": "cat", "SYSTEMD_COLORS": "0"},
        )  # fmt: skip
    except (OSError, subprocess.SubprocessError):
        return ""
    return done.stdout[: 256 << 10]
