"""What is read of the machine: files below one root, so that a test gives a tree of its own in place of the real one.

Rules kept here: reads only; every read is bounded, and a FIFO or device is never waited for; what is not there is None, what may not be looked at raises.
"""

from __future__ import annotations

import os
import re
import stat
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

_MOST = 64 << 10
_MOST_NAMES = 4096
_OCTAL = re.compile(r"\\([0-7]{3})")


class NotSeen(Exception):
    """It may not be looked at, or could not be; the text says why."""


@dataclass(frozen=True, kw_only=True)
class Mount:
    """One mount: `number` of its device ("8:17"), `where`, what it is, what it was made of, and whether it is read-only."""

    number: str
    where: str
    filesystem: str
    source: str
    read_only: bool


@dataclass(frozen=True, kw_only=True)
class Machine:
    """A machine as seen from `root`; names are absolute, as on the real one."""

    root: Path = Path("/")

    def at(self, name: str | Path) -> Path:
        """Where that really is."""
        return self.root / str(name).lstrip("/")

    def text(self, name: str | Path, *, most: int = _MOST) -> str | None:
        """The beginning of a file, white space at its ends taken off; None where there is none. Raises NotSeen."""
        try:
            fd = os.open(self.at(name), os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY)
            try:
                return _whole(fd, most).decode("utf-8", "backslashreplace").strip()
            finally:
                os.close(fd)
        except (FileNotFoundError, NotADirectoryError):
            return None
        except (OSError, ValueError) as error:
            raise NotSeen(f"{name} cannot be read ({_why(error)})") from error

    def names(self, name: str | Path) -> list[str]:
        """What is in a folder, in order, at most 4,096; nothing where there is none. Raises NotSeen."""
        try:
            with os.scandir(self.at(name)) as entries:
                return sorted(entry.name for entry in islice(entries, _MOST_NAMES))
        except (FileNotFoundError, NotADirectoryError):
            return []
        except (OSError, ValueError) as error:
            raise NotSeen(f"{name} cannot be read ({_why(error)})") from error

    def status(self, name: str | Path) -> os.stat_result | None:
        """What lies there (not through a link at its end); None where nothing does. Raises NotSeen."""
        try:
            return self.at(name).lstat()
        except (FileNotFoundError, NotADirectoryError):
            return None
        except (OSError, ValueError) as error:
            raise NotSeen(f"{name} cannot be looked at ({_why(error)})") from error

    def real(self, name: str | Path) -> Path:
        """Through all links, as a name on this machine."""
        found = os.path.relpath(os.path.realpath(self.at(name)), os.path.realpath(self.root))
        return Path("/") if found == "." else Path("/", found)

    def there(self, name: str | Path) -> bool:
        """Whether anything lies there. Raises NotSeen."""
        return self.status(name) is not None

    def mounts(self) -> list[Mount]:
        """Every mount, the latest last. Raises NotSeen."""
        return [
            one
            for line in (self.text("/proc/self/mountinfo", most=4 << 20) or "").splitlines()
            if (one := _mount(line))
        ]

    def mount_of(self, path: Path) -> Mount | None:
        """The one that a path lies on, or would. Raises NotSeen."""
        real, best = self.real(path), None
        for mount in self.mounts():
            where = Path(mount.where)
            if (real == where or where in real.parents) and (best is None or len(mount.where) >= len(best.where)):
                best = mount
        return best

    def empty_mount_point(self, path: Path) -> str | None:
        """The place of /etc/fstab on the way to `path` at which nothing is mounted; None where there is none. Raises NotSeen."""
        real, mounted = self.real(path), {mount.where for mount in self.mounts()}
        for line in (self.text("/etc/fstab", most=1 << 20) or "").splitlines():
            fields = line.split("#", 1)[0].split()
            if len(fields) < 3 or fields[2] == "swap" or not fields[1].startswith("/") or fields[1] == "/":
                continue
            where = _unescaped(fields[1]).rstrip("/")
            if where not in mounted and (real == Path(where) or Path(where) in real.parents):
                return where
        return None

    def device_number(self, name: str | Path) -> str | None:
        """Of a block device such as /dev/sda2; None where it is none. Raises NotSeen."""
        try:
            status = self.at(name).stat()
        except (FileNotFoundError, NotADirectoryError):
            return None
        except (OSError, ValueError) as error:
            raise NotSeen(f"{name} cannot be looked at ({_why(error)})") from error
        return f"{os.major(status.st_rdev)}:{os.minor(status.st_rdev)}" if stat.S_ISBLK(status.st_mode) else None


def _whole(fd: int, most: int) -> bytes:
    """To its end, or so far: what the kernel makes up on the way (/proc) comes a page at a time, however much is asked for."""
    said = b""
    while len(said) < most and (more := os.read(fd, most - len(said))):
        said += more
    return said


def _mount(line: str) -> Mount | None:
    fields = line.split(" ")
    if "-" not in fields[6:] or len(fields) < 10:
        return None
    dash = fields.index("-", 6)
    kind, source, options = (*fields[dash + 1 :], "", "", "")[:3]
    read_only = "ro" in fields[5].split(",") or "ro" in options.split(",")
    return Mount(
        number=fields[2], where=_unescaped(fields[4]), filesystem=kind, source=_unescaped(source), read_only=read_only
    )


def _unescaped(text: str) -> str:
    return _OCTAL.sub(lambda found: chr(int(found[1], 8)), text)


def _why(error: Exception) -> str:
    return error.strerror if isinstance(error, OSError) and error.strerror else str(error)
