"""Who listens on which port of this machine, as the kernel shows it below /proc: reads only."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass

from dockd.doctor.machine import Machine, NotSeen

_LISTENS = "0A"
_SOCKET = re.compile(r"socket:\[(\d+)\]")
_MOST = 4 << 20


@dataclass(frozen=True, kw_only=True)
class Listening:
    """One socket that listens: on which port, of which user, under which number of the kernel's."""

    port: int
    uid: int
    inode: str


def listening(machine: Machine, *, process: int | str = "self") -> list[Listening]:
    """All of the network that this process is in. Raises NotSeen."""
    return [
        one
        for name in ("tcp", "tcp6")
        for line in (machine.text(f"/proc/{process}/net/{name}", most=_MOST) or "").splitlines()[1:]
        if (one := _listening(line)) is not None
    ]


def _listening(line: str) -> Listening | None:
    fields = line.split()
    if len(fields) < 10 or fields[3] != _LISTENS:
        return None
    return Listening(port=int(fields[1].rpartition(":")[2], 16), uid=int(fields[7]), inode=fields[9])


def ports(machine: Machine, process: int) -> list[int]:
    """On which a process listens. Raises NotSeen (whose process it is may be asked by its user and root alone)."""
    own = set(_sockets(machine, process))
    return sorted({one.port for one in listening(machine, process=process) if one.inode in own})


def _sockets(machine: Machine, process: int) -> Iterator[str]:
    folder = f"/proc/{process}/fd"
    for name in machine.names(folder):
        try:
            found = _SOCKET.fullmatch(os.readlink(machine.at(f"{folder}/{name}")))
        except FileNotFoundError:  # closed meanwhile
            continue
        except OSError as error:
            raise NotSeen(f"{folder} cannot be read ({error.strerror})") from error
        if found is not None:
            yield found[1]
