"""What the kernel has said since the start: trouble on USB, disks that fail, memory that ran out. Bounded, counted, and the newest of each shown."""

from __future__ import annotations

import errno
import os
import re
from collections.abc import Iterable, Iterator
from pathlib import Path

from dockd.doctor.findings import Finding, failed, passed, warned
from dockd.doctor.machine import NotSeen

_RECORDS = 50_000
_RECORD = 8192
_SHOWN = 160
_REPLACE = "Save what is there, and replace the disk."

_USB = (
    ("error -71", "a device does not answer as USB should (EPROTO)"),
    ("error -110", "a device does not answer in time"),
    ("error -32", "a device stalls"),
    ("device not accepting address", "a device takes no address"),
    ("device descriptor read", "a device cannot say what it is"),
    ("unable to enumerate USB device", "a device was given up"),
    ("over-current", "a port drew too much"),
    ("reset high-speed USB device", "a device was reset"),
    ("reset SuperSpeed", "a device was reset"),
    ("rejected", "a device wants more power than its hub has"),
    ("Not enough bandwidth", "a controller has no bandwidth left"),
    ("host controller not responding", "a USB controller has died"),
    ("HC died", "a USB controller has died"),
)
_CABLE = (
    "If it comes again: another cable, another port, a hub with a supply of its own; one bay always means that bay."
)
_OF_USB = re.compile(r"^(usb \S+:|usb-storage |hub |xhci_hcd |ehci|uas )|\busb\d*-port\d+")
_DISK = re.compile(
    r"I/O error, dev (?!sr|fd|loop)(\S+?),|Buffer I/O error on dev(?:ice)? (?!sr|fd|loop)(\S+?),|critical (?:medium|target) error, dev (\S+?),"
)
_READ_ONLY = re.compile(
    r"[Rr]emounting filesystem read-only|shut(?:ting)? down filesystem|EXT4-fs error|XFS .*[Cc]orruption"
)
_MEMORY = re.compile(r"Out of memory: Killed process \d+ \(([^)]*)\)")


def messages(device: Path = Path("/dev/kmsg")) -> Iterator[str]:
    """The kernel's messages since its start, as far as it still has them, oldest first. Raises NotSeen."""
    try:
        fd = os.open(device, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        raise NotSeen(f"the kernel's messages cannot be read ({error.strerror})") from error
    try:
        for _ in range(_RECORDS):
            try:
                record = os.read(fd, _RECORD)
            except BlockingIOError:
                return
            except OSError as error:
                if error.errno == errno.EPIPE:  # overwritten while it was read
                    continue
                raise NotSeen(f"the kernel's messages cannot be read ({error.strerror})") from error
            if not record:
                return
            head, _, text = record.decode("utf-8", "backslashreplace").partition(";")
            if int(head.partition(",")[0] or "0") >> 3 == 0:  # the kernel's own: others may write there, too
                yield text.split("\n", 1)[0]
    finally:
        os.close(fd)


def trouble(said: Iterable[str], *, own: frozenset[str]) -> Iterable[Finding]:
    """`own`: disks that spool and ledger lie on (names such as sda); the others may be cameras, whose errors a pull tells of."""
    usb: dict[str, tuple[int, str]] = {}
    disks: dict[str, tuple[int, str]] = {}
    read_only = killed = ""
    for line in said:
        if _OF_USB.search(line):
            for words, means in _USB:
                if words in line:
                    usb[means] = (usb.get(means, (0, ""))[0] + 1, line)
                    break
        elif (found := _DISK.search(line)) is not None:
            name = next(part for part in found.groups() if part)
            disks[name] = (disks.get(name, (0, ""))[0] + 1, line)
        elif _READ_ONLY.search(line):
            read_only = line
        elif (memory := _MEMORY.search(line)) is not None:
            killed = memory[1]
    yield from _usb(usb)
    yield from _disks(disks, own, read_only)
    if killed:
        yield warned(
            "kernel: memory",
            f"memory ran out, and {killed[:40]} was killed",
            "More memory, or less beside dockd: systemctl status, journalctl -k -b",
        )


def _usb(found: dict[str, tuple[int, str]]) -> Iterator[Finding]:
    for means, (count, line) in sorted(found.items()):
        says = f"{means} ({count} times since the start, the last: {line[:_SHOWN]})"
        if "controller has" in means:
            yield failed(
                "kernel: USB",
                says,
                "The bays behind it stay dark until it is reset: restart the machine; if it comes again, replace it.",
            )
        else:
            yield warned("kernel: USB", says, _CABLE)
    if not found:
        yield passed("kernel: USB", "the kernel has told of no trouble on USB")


def _disks(found: dict[str, tuple[int, str]], own: frozenset[str], read_only: str) -> Iterator[Finding]:
    if read_only:
        yield failed(
            "kernel: disks",
            f"a filesystem has failed: {read_only[:_SHOWN]}",
            "If it is the spool's or the ledger's: save what is there, then check it (fsck).",
        )
    for name, (count, line) in sorted(found.items()):
        ours = any(name.startswith(disk) for disk in own)
        says = f"{count} errors of {'the disk' if ours else 'another disk,'} {name} (the last: {line[:_SHOWN]})"
        yield (
            failed("kernel: disks", says, _REPLACE)
            if ours
            else warned("kernel: disks", says, "A camera's card that fails, as a rule: its bay says so, too.")
        )
    if not found and not read_only:
        yield passed("kernel: disks", "the kernel has told of no errors of a disk")
