"""The disks that hold spool, ledger and, for a directory store, the share: room, where they lie, encrypted or not, and whether they fail."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from pathlib import Path

from dockd.doctor import blocks
from dockd.doctor.findings import Finding, failed, passed, skipped, warned
from dockd.doctor.machine import Machine, Mount, NotSeen
from dockd.settings import Settings
from dockd.settings.units import format_bytes

_IN_MEMORY = frozenset({"tmpfs", "ramfs"})
_FAR = frozenset({"nfs", "nfs4", "cifs", "smb3", "9p", "fuse.sshfs", "ceph", "glusterfs"})
_ENCRYPT = (
    "Put it on a LUKS volume: what is copied and not yet in the store lies there in clear, and so do the dock's keys."
)


def room(settings: Settings) -> Iterable[Finding]:
    """Whether pulling can go on. Blocks."""
    path = _there(settings.spool.path)
    disk = os.statvfs(path)
    free, keep = disk.f_bavail * disk.f_frsize, settings.spool.keep_free
    says = f"{format_bytes(free)} free on the disk of {settings.spool.path}; spool.keep_free is {format_bytes(keep)}"
    if free <= keep:
        yield failed(
            "room",
            f"{says}: nothing more is copied from cameras",
            "Is the store away? Make room there, or give the spool a larger disk.",
        )
    elif free - keep < 16 << 30:
        yield warned(
            "room",
            f"{says}: little more than one camera's footage",
            "Give the spool a larger disk: `dockd plan` says how large.",
        )
    else:
        yield passed("room", says)
    if disk.f_files and disk.f_favail * 50 < disk.f_files:
        yield warned(
            "room for files",
            f"{disk.f_favail} of {disk.f_files} file entries are free there",
            "Look for what has made so many files: df -i",
        )


def places(machine: Machine, settings: Settings) -> Iterable[Finding]:
    """Where spool, ledger and share lie: on what they are meant to, and writable."""
    for name, path in _paths(settings):
        empty = machine.empty_mount_point(path)
        if empty is not None:
            yield failed(
                f"{name}: mounted",
                f"{path} belongs on {empty}, which /etc/fstab names and which is not mounted",
                f"mount {empty}, then restart dockd.",
            )
            continue
        mount = machine.mount_of(path)
        if mount is None:
            yield skipped(f"{name}: mounted", f"no mount is known for {path}")
        elif mount.read_only:
            yield failed(
                f"{name}: writable", f"{path} lies on {mount.where}, which is mounted read-only",
                "If it was not meant so its disk has failed: journalctl -k -b. Save what is there before anything else.",
            )  # fmt: skip
        else:
            yield from _kind(name, path, mount)


def _kind(name: str, path: Path, mount: Mount) -> Iterator[Finding]:
    lies = f"{path} lies on {mount.where} ({mount.filesystem})"
    if name == "store":
        if mount.where == "/":
            yield warned(
                "store: mounted",
                f"{lies}: the machine's own disk, not a share",
                "If a share belongs there, mount it and name it in /etc/fstab.",
            )
        else:
            yield passed("store: mounted", lies)
    elif mount.filesystem in _IN_MEMORY:
        yield failed(f"{name}: kind of disk", f"{lies}: it is gone at the next start", f"Put {name}.path on a disk.")
    elif mount.filesystem in _FAR:
        yield failed(
            f"{name}: kind of disk", f"{lies}: it is no local disk", f"Put {name}.path on a disk of this machine."
        )
    elif name == "spool" and mount.where == "/":
        do = "Give it a filesystem of its own: what fills the one fills the other."
        yield warned("spool: own filesystem", f"{lies}, together with the system", do)
    else:
        yield passed(f"{name}: kind of disk", lies)


def encryption(machine: Machine, settings: Settings) -> Iterable[Finding]:
    """Whether footage and keys lie encrypted."""
    for name, path in _paths(settings):
        if name == "store":
            continue
        mount = machine.mount_of(path)
        number = _number(machine, mount) if mount is not None else None
        known = blocks.encrypted(machine, number) if number is not None else None
        if known:
            yield passed(f"{name}: encrypted", f"{path} lies on an encrypted volume")
        elif known is None:
            what = f" ({mount.filesystem} on {mount.source})" if mount is not None else ""
            yield skipped(f"{name}: encrypted", f"whether {path} lies encrypted cannot be seen{what}")
        else:
            yield warned(f"{name}: encrypted", f"{path} lies on a disk that is not encrypted", _ENCRYPT)


def health(machine: Machine, settings: Settings) -> Iterable[Finding]:
    """What disks and filesystems have counted."""
    seen: set[str] = set()
    for name, path in _paths(settings):
        mount = machine.mount_of(path) if name != "store" else None
        number = _number(machine, mount) if mount is not None else None
        if number is None or number in seen:
            continue
        seen.add(number)
        yield from _filesystem(machine, number)
        for disk in dict.fromkeys(blocks.disks(machine, number)):
            if str(disk) not in seen:
                seen.add(str(disk))
                yield _disk(machine, disk)


def _filesystem(machine: Machine, number: str) -> Iterator[Finding]:
    device = machine.real(f"/sys/dev/block/{number}").name
    errors = machine.text(f"/sys/fs/ext4/{device}/errors_count")
    if errors is not None and errors.isdigit() and int(errors):
        says = f"the filesystem on {device} has met {int(errors)} errors"
        yield failed(f"filesystem of {device}", says, "Stop dockd, and have it checked (fsck) before it is used on.")


def _disk(machine: Machine, disk: Path) -> Finding:
    name = f"disk {disk.name}"
    state = machine.text(disk / "device" / "state")
    if state not in (None, "running", "live"):
        return failed(name, f"{disk.name} is {state}", "Its cable or the disk has failed: replace it.")
    if machine.text(disk / "ro") == "1":
        return failed(name, f"{disk.name} is read-only", "It protects itself, or is locked: replace it.")
    count = machine.text(disk / "device" / "ioerr_cnt")
    try:
        errors = int(count or "0", 16)
    except ValueError:
        errors = 0
    if errors > 10:
        return warned(
            name,
            f"{disk.name} has refused or failed {errors} requests since the start",
            "Look at its own record: smartctl -a, and journalctl -k -b",
        )
    return passed(name, f"{disk.name} is at work, and has told of no errors")


def _paths(settings: Settings) -> list[tuple[str, Path]]:
    found = [("spool", settings.spool.path), ("ledger", settings.ledger.path.parent)]
    store = settings.store
    if store.kind == "directory" and store.url is not None and store.url.startswith("/"):
        found.append(("store", Path(store.url)))
    return found


def _number(machine: Machine, mount: Mount) -> str | None:
    """The device's, also of a filesystem that has none of its own (btrfs)."""
    if not mount.number.startswith("0:"):
        return mount.number
    return machine.device_number(mount.source) if mount.source.startswith("/") else None


def _there(path: Path) -> Path:
    """The path, or the nearest folder above it that is there. Raises NotSeen."""
    for one in (path, *path.parents):
        try:
            one.stat()
        except (FileNotFoundError, NotADirectoryError):
            continue
        except OSError as error:
            raise NotSeen(f"{one} cannot be looked at ({error.strerror})") from error
        return one
    return path
