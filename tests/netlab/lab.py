"""A line between a station and its store, in network namespaces of this machine: thin, lossy, cut, reset, as a test wishes.

    with Lab() as lab:                       # agent 10.77.1.2 <-> wan (a router) <-> host 10.77.0.1
        lab.rate(20 * MBIT, 50 * MBIT)       # up and down, by a token bucket at the router
        lab.loss(per_mille=10)               # in the router's forward hook, both directions
        subprocess.run([*lab.on("agent"), "curl", ...])

Needs root, iproute2, nftables and ethtool. There is no delay in it: that needs netem, which many kernels lack (tests/hil has it in its guest).
Offloads are off at all ends, so that a packet is a packet: what is lost, counted and shaped is at most 1500 bytes, as on a line.

Rules: names are this process's own and everything lies in namespaces, so that labs do not meet and nothing of the machine's own network is
changed; all of it goes in `__exit__`; what a process left that died is removed by the next lab.
"""

from __future__ import annotations

import contextlib
import itertools
import json
import os
import re
import shutil
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Self

MBIT = 1_000_000
HOST, AGENT = "10.77.0.1", "10.77.1.2"
TOOLS = ("ip", "tc", "nft", "ethtool", "sysctl")
Side = Literal["agent", "wan", "host"]
_SIDES: tuple[Side, ...] = ("agent", "wan", "host")
_ENDS: tuple[tuple[Side, str, str], ...] = (
    ("host", f"{HOST}/30", "10.77.0.2/30"),
    ("agent", f"{AGENT}/30", "10.77.1.1/30"),
)
_NAMED = re.compile(r"dockdlab-(\d+)-\d+-(?:agent|wan|host)")
_HEADERS = 52  # bytes of each packet that are no payload: IPv4 without options (20), TCP with timestamps (32)
MSS = 1500 - _HEADERS
_NUMBERS = itertools.count()
_TABLE = """
table inet lab {
    counter sent { }
    counter arrived { }
    counter rejected { }
    chain before { type filter hook forward priority -10; iifname "agent" counter name sent; }
    chain faults { type filter hook forward priority 0; }
    chain after { type filter hook forward priority 10; iifname "agent" counter name arrived; }
}
"""


def missing() -> str | None:
    """Why there can be no lab here; None where there can."""
    if os.geteuid() != 0:
        return "a net lab needs root"
    absent = [tool for tool in TOOLS if shutil.which(tool) is None]
    return f"a net lab needs {', '.join(absent)}: apt-get install iproute2 nftables ethtool procps" if absent else None


@dataclass(frozen=True, kw_only=True)
class Carried:
    """What the agent's side has sent: IPv4 packets, and bytes of them that are TCP's payload.

    From each packet 52 bytes are taken off: IPv4 and TCP with the timestamps that Linux always sends. Acknowledgements of the other
    direction count 0 that way; a SYN counts 8 too many, a RST 12 too few.
    """

    packets: int
    payload: int

    def __sub__(self, other: Carried) -> Carried:
        return Carried(packets=self.packets - other.packets, payload=self.payload - other.payload)


class Lab:
    """Two veth pairs and a router between them. `congestion`: the agent's TCP (cubic is what a Debian has)."""

    def __init__(self, *, up: float = 20 * MBIT, down: float = 50 * MBIT, congestion: str = "cubic") -> None:
        self._first_rates = (up, down)
        self._congestion = congestion
        self._prefix = f"dockdlab-{os.getpid()}-{next(_NUMBERS)}"

    def __enter__(self) -> Self:
        remove_stale()
        try:
            self._build()
        except BaseException:
            self._remove()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._remove()

    def name(self, side: Side) -> str:
        """Of the namespace."""
        return f"{self._prefix}-{side}"

    def on(self, side: Side) -> list[str]:
        """The words to put before a command that is to run there."""
        return ["ip", "netns", "exec", self.name(side)]

    def rate(self, up: float, down: float | None = None) -> None:
        """Bits per second from the agent to the host, and back (the same, where it is not said)."""
        for device, bits in (("host", up), ("agent", up if down is None else down)):
            shape = ["tbf", "rate", f"{bits:.0f}bit", "burst", "128kb", "latency", "100ms"]
            _run(*self.on("wan"), "tc", "qdisc", "replace", "dev", device, "root", *shape)

    def loss(self, *, per_mille: int) -> None:
        """Lose so many of a thousand packets, in both directions, by chance."""
        self._faults(f"numgen random mod 1000 < {per_mille} drop")

    def cut(self) -> None:
        """Lose everything; nobody is told."""
        self._faults("drop")

    def clear(self) -> None:
        """Pass everything on."""
        self._faults()

    def reset(self, port: int, *, both: bool = False, within: float = 5.0) -> None:
        """Answer the next packets to `port` with a TCP reset, and then pass everything on again.

        The far side learns nothing of it unless `both`: a firewall that forgot a connection tells whoever speaks first. Raises AssertionError where
        nothing was sent `within` so many seconds.
        """
        before = self._counted("rejected").packets
        reject = "counter name rejected reject with tcp reset"
        rules = [f"tcp dport {port} {reject}"] + ([f"tcp sport {port} {reject}"] if both else [])
        self._faults(*rules)
        try:
            deadline = time.monotonic() + within
            while self._counted("rejected").packets <= before + both:
                assert time.monotonic() < deadline, f"nothing was sent to port {port} in {within} s"
                time.sleep(0.02)
        finally:
            self.clear()

    def sent(self) -> Carried:
        """By the agent, onto the line, TCP's own repetitions among it."""
        return self._counted("sent")

    def arrived(self) -> Carried:
        """Of that, what was not lost on the way."""
        return self._counted("arrived")

    def repeated(self) -> int:
        """Segments that the agent's TCP has sent again by itself, `MSS` bytes at most each."""
        lines = [line.split() for line in _run(*self.on("agent"), "cat", "/proc/net/snmp").splitlines()]
        names, values = (line for line in lines if line[0] == "Tcp:")
        return int(dict(zip(names, values, strict=True))["RetransSegs"])

    def _counted(self, name: str) -> Carried:
        said = json.loads(_run(*self.on("wan"), "nft", "-j", "list", "counter", "inet", "lab", name))
        (found,) = [entry["counter"] for entry in said["nftables"] if "counter" in entry]
        return Carried(packets=found["packets"], payload=found["bytes"] - found["packets"] * _HEADERS)

    def _faults(self, *rules: str) -> None:
        added = "".join(f"add rule inet lab faults {rule}\n" for rule in rules)
        _run(*self.on("wan"), "nft", "-f", "-", given=f"flush chain inet lab faults\n{added}")

    def _build(self) -> None:
        for side in _SIDES:
            _run("ip", "netns", "add", self.name(side))
            _run(*self.on(side), "ip", "link", "set", "lo", "up")
        for side, own, routers in _ENDS:
            there, wan = self.name(side), self.name("wan")
            _run("ip", "link", "add", "line", "netns", there, "type", "veth", "peer", "name", side, "netns", wan)
            for at, device, address in ((self.on(side), "line", own), (self.on("wan"), side, routers)):
                _run(*at, "ip", "address", "add", address, "dev", device)
                _run(*at, "ip", "link", "set", device, "up")
                _run(*at, "ethtool", "-K", device, "tso", "off", "gso", "off", "gro", "off", "tx", "off")
            # By the route: what a namespace may set for itself is less than what the machine has.
            via = ["via", routers.removesuffix("/30"), "congctl", self._congestion]
            _run(*self.on(side), "ip", "route", "add", "default", *via)
        _run(*self.on("wan"), "sysctl", "-q", "-w", "net.ipv4.ip_forward=1")
        for side, _own, _routers in _ENDS:
            # What TCP learned of the line in one test is nothing that the next begins with.
            _run(*self.on(side), "sysctl", "-q", "-w", "net.ipv4.tcp_no_metrics_save=1")
        _run(*self.on("wan"), "nft", "-f", "-", given=_TABLE)
        self.rate(*self._first_rates)

    def _remove(self) -> None:
        for side in _SIDES:
            _remove_namespace(self.name(side))


def remove_stale() -> None:
    """Remove what labs left whose process is dead."""
    for name in _namespaces():
        match = _NAMED.fullmatch(name)
        if match is not None and not Path(f"/proc/{match[1]}").exists():
            _remove_namespace(name)


def _namespaces() -> Iterator[str]:
    with contextlib.suppress(FileNotFoundError):
        yield from os.listdir("/run/netns")


def _remove_namespace(name: str) -> None:
    if name in _namespaces():
        left = subprocess.run(["ip", "netns", "pids", name], capture_output=True, text=True, check=False).stdout
        for process in left.split():
            with contextlib.suppress(ProcessLookupError):
                os.kill(int(process), 9)
        subprocess.run(["ip", "netns", "delete", name], capture_output=True, check=False)


def _run(*words: str, given: str | None = None) -> str:
    done = subprocess.run(words, input=given, capture_output=True, text=True, check=False, timeout=30)
    if done.returncode != 0:
        raise AssertionError(f"{' '.join(words)}: {done.stderr.strip() or done.stdout.strip()}")
    return done.stdout
