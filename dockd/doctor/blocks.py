"""What a block device is made of, by sysfs: whether everything below it is encrypted, and whether its disks have said that they fail."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from dockd.doctor.machine import Machine

_DEEPEST = 16


def encrypted(machine: Machine, number: str, *, depth: int = 0) -> bool | None:
    """Whether what is written to it lies encrypted (dm-crypt, LUKS), also where that is below LVM or md; None: not known. Raises NotSeen."""
    folder = _folder(machine, number)
    if folder is None or depth > _DEEPEST:
        return None
    if (machine.text(folder / "dm" / "uuid") or "").startswith("CRYPT-"):
        return True
    below = list(_below(machine, folder))
    answers = [encrypted(machine, one, depth=depth + 1) for one in below]
    if not answers:
        return False
    if False in answers:
        return False
    return None if None in answers else True


def disks(machine: Machine, number: str, *, depth: int = 0) -> Iterator[Path]:
    """The sysfs folders of the whole disks below a device. Raises NotSeen."""
    folder = _folder(machine, number)
    if folder is None or depth > _DEEPEST:
        return
    below = list(_below(machine, folder))
    if not below:
        yield folder.parent if machine.there(folder / "partition") else folder
    for one in below:
        yield from disks(machine, one, depth=depth + 1)


def name_of(folder: Path) -> str:
    """As people know it: sda, nvme0n1."""
    return folder.name


def _folder(machine: Machine, number: str) -> Path | None:
    link = f"/sys/dev/block/{number}"
    return machine.real(link) if machine.there(link) else None


def _below(machine: Machine, folder: Path) -> Iterator[str]:
    """The numbers of the devices that it is made of: a partition's disk may lie on others, too (md)."""
    for at in (folder, *((folder.parent,) if machine.there(folder / "partition") else ())):
        for name in machine.names(at / "slaves"):
            found = machine.text(at / "slaves" / name / "dev")
            if found:
                yield found
