"""The mounts that there are, as the kernel tells them (proc(5), /proc/self/mountinfo)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

_OCTAL = re.compile(r"\\([0-7]{3})")


@dataclass(frozen=True, kw_only=True)
class Mounted:
    """One mount. `number` is its device's, such as "8:17"; `where` its mount point; `follows`: what is mounted there stays in this namespace."""

    number: str
    where: str
    follows: bool


def mounted() -> Iterator[Mounted]:
    """Every mount that this process can see, the latest last."""
    for line in Path("/proc/self/mountinfo").read_text(encoding="utf-8", errors="surrogateescape").splitlines():
        fields = line.split(" ")
        where = _OCTAL.sub(lambda found: chr(int(found[1], 8)), fields[4])
        follows = any(field.startswith("master:") for field in fields[6 : fields.index("-")])
        yield Mounted(number=fields[2], where=where, follows=follows)


def mount_id(descriptor: int) -> str:
    """Which mount an open file or folder belongs to."""
    lines = Path(f"/proc/self/fdinfo/{descriptor}").read_text(encoding="ascii").splitlines()
    return next(line.removeprefix("mnt_id:").strip() for line in lines if line.startswith("mnt_id:"))
