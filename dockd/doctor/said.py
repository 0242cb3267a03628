"""Whether what is written for the agent has been read by it, and what the agent writes can be written: its configuration, and its log."""

from __future__ import annotations

import os
import re
import stat
import subprocess
import time
from collections.abc import Iterable, Iterator
from pathlib import Path

from dockd.doctor.findings import Finding, failed, passed, skipped, warned
from dockd.doctor.machine import Machine, NotSeen
from dockd.ops.journald import SOCKET
from dockd.settings import Settings

_SINCE = re.compile(r"start_time=\[([^\]]+)\]")
_SLACK = 2.0
_LOW = 64 << 20
_BTIME = re.compile(r"^btime (\d+)", re.M)


def read_again(
    machine: Machine, settings: Settings, *, config: Path, agent: int | None, reloaded: float | None
) -> Iterable[Finding]:
    """Whether anything that the agent reads at its start was changed since. `reloaded`: when systemd last had it read anew; None: not known."""
    if agent is None:
        return
    began = max(_began(machine, agent), reloaded or 0.0)
    changed = [path for path in _read_at_start(machine, settings, config) if _changed(machine, path) > began + _SLACK]
    if not changed:
        yield passed("configuration: read", "the agent runs with what is written now")
        return
    named = ", ".join(map(str, changed[:3])) + (f" and {len(changed) - 3} more" if len(changed) > 3 else "")
    yield warned(
        "configuration: read", f"{named} was changed since the agent has read it (unless it was sent a SIGHUP by hand)",
        "dockd check-config, then systemctl reload dockd; the journal then says what wants a restart.",
    )  # fmt: skip


def _began(machine: Machine, agent: int) -> float:
    fields = (machine.text(f"/proc/{agent}/stat") or "").rpartition(")")[2].split()
    booted = _BTIME.search(machine.text("/proc/stat", most=4 << 20) or "")
    if len(fields) < 20 or booted is None:
        raise NotSeen("since when the agent runs cannot be seen")
    return int(booted[1]) + int(fields[19]) / os.sysconf("SC_CLK_TCK")


def _read_at_start(machine: Machine, settings: Settings, config: Path) -> Iterator[Path]:
    yield config
    if settings.registry.file is not None:
        yield settings.registry.file
    folder = settings.cameras.profiles
    yield folder  # a file that was removed
    yield from (folder / name for name in machine.names(folder) if name.endswith(".toml"))


def _changed(machine: Machine, path: Path) -> float:
    status = machine.status(machine.real(path))
    return status.st_mtime if status is not None else 0.0


def last_reload() -> float | None:
    """When systemd last had the agent read its configuration again, seconds since the epoch; None: never, or not known. Blocks."""
    words = ["systemctl", "show", "--property=ExecReload", "--timestamp=unix", "dockd.service"]
    try:
        done = subprocess.run(words, capture_output=True, text=True, check=False, timeout=5)
    except (OSError, subprocess.SubprocessError):
        return None
    return reload_time(done.stdout)


def reload_time(said: str) -> float | None:
    """From `systemctl show`.

    >>> reload_time("ExecReload={ path=/bin/kill ; start_time=[@1795255220] ; stop_time=[@1795255221] ; pid=7 }")
    1795255220.0
    """
    found = _SINCE.search(said)
    if found is None:
        return None
    text = found[1].removeprefix("@")
    if text.isdigit():
        return float(text)
    try:
        return time.mktime(time.strptime(" ".join(text.split()[:3]), "%a %Y-%m-%d %H:%M:%S"))
    except (ValueError, OverflowError):
        return None


def log(settings: Settings) -> Iterable[Finding]:
    """Whether what the agent says can be written, as whoever asks. Blocks."""
    if settings.log.file is None:
        if settings.log.format == "journald" and not SOCKET.exists():
            yield failed(
                "log",
                f"log.format is journald, and there is no journal at {SOCKET}",
                'log.format = "json", or start systemd-journald.',
            )
        else:
            yield passed(
                "log",
                "it goes to the journal"
                if settings.log.format == "journald"
                else "it goes to standard error, which systemd hands to the journal",
            )
        return
    yield _file(settings.log.file)


def _file(path: Path) -> Finding:
    own = "It has to be the agent's user's: chown dockd: FILE, in a folder that it may write (ReadWritePaths= in the unit where it is none of /var/log/dockd, /srv)."
    try:
        status = path.stat()
    except FileNotFoundError:
        if not path.parent.is_dir():
            return failed(
                "log",
                f"{path.parent} is not there: nothing is logged to {path}",
                f"mkdir -p {path.parent}, for the agent's user",
            )
        if not os.access(path.parent, os.W_OK | os.X_OK):
            return failed("log", f"{path} is not there, and user {os.geteuid()} may not make it", own)
        return passed("log", f"{path} is made when the agent starts")
    except OSError as error:
        return skipped("log", f"{path} cannot be looked at ({error.strerror})", "Ask as root: dockd doctor")
    if not stat.S_ISREG(status.st_mode):
        return failed("log", f"{path} is no regular file", "Name another log.file.")
    if not os.access(path, os.W_OK):
        return failed("log", f"{path} may not be written by user {os.geteuid()}", own)
    disk = os.statvfs(path)
    if disk.f_bavail * disk.f_frsize < _LOW:
        return warned(
            "log",
            f"less than {_LOW >> 20} MiB are free on the disk of {path}: lines will be lost",
            "Make room there: is it rotated (/etc/logrotate.d/dockd)?",
        )
    return passed("log", f"{path} can be written")
