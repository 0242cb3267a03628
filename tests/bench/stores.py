"""One segment to real stores: dockd with its proof, beside the clients that others use for that."""

from __future__ import annotations

import contextlib
import dataclasses
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from tests.bench import machine, peers
from tests.bench.harness import Contender, Options, Results, Sample, alternate
from tests.bench.report import Goal, Report, Table
from tests.bench.storage import drop, fill
from tests.bench.watch import cpu_of, told_by
from tests.program import StoreProcess
from tests.stores.servers.base import S3Server

MIB = 1 << 20
DOCKD, WHOLE = "dockd, delivery and proof", "dockd, whole process"
S3_PEERS = ("s5cmd", "rclone", "aws")
TUS_PEERS = ("curl", "tuspy", "aiotus", "tus-js-client")
VERIFY = (
    "s5cmd",
    "aws",
)  # of the peers over S3: those that have the store check SHA-256s; none has it proven at the end

TEXT = """
One segment to stores that are run as they are run elsewhere, here on one machine and disk, over loopback without TLS. Each client is a whole
process, started anew for each run; so its start is in its time (in brackets: what it takes to say its version). A run of dockd goes from a spooled copy to the
committed proof: the copy is read again from the disk and found to be what was pulled (with SHA-256s of its parts for S3, XXH3 else), sent, proven by
the store, and parts of it asked back and compared. *dockd, delivery and proof* is that alone, as in an agent that runs; *whole process* adds its start, the
opening of its state, and the first contact, at which it makes sure that the store refuses wrong bytes. The pull is in neither.

In front of each run the store is emptied (the embedded one made anew), everything is synced, and the segment is dropped from the page cache. Clients alternate; figures are
medians (least to most), ratios are taken pair by pair within a round. CPU is user and system of the client's process and its children; of the store all its
processes (with dockd's first contact). A ratio above 1 means that dockd's delivery took less than the peer.

What the clients check is not alike. None but dockd has anything proven at the end; to a store that gives no SHA-256 back (Swift) that means that it fetches all of it again. To the embedded store all of them announce the SHA-256, which was known before, and the store holds it against its disk before the last answer. To S3:
"""


class Server(Protocol):
    """A store under test, as the benches see it."""

    def empty(self) -> None:
        """Make it as new, running."""

    def pids(self) -> Sequence[int]:
        """Its processes."""

    def ours(self) -> tuple[str, str, str]:
        """Kind, URL and secret's file for dockd."""

    def peer(self, name: str, file: Path, sha256: str) -> tuple[list[str], dict[str, str]]:
        """A peer's command and environment."""


_TRIES = 3
_REST = 5.0  # seconds


@dataclass
class Embedded:
    """`dockd store serve`."""

    folder: Path
    _process: StoreProcess | None = None

    def empty(self) -> None:
        self.stop()
        shutil.rmtree(self.folder, ignore_errors=True)
        self.folder.mkdir(parents=True)
        self._process = StoreProcess(root=self.folder / "store")
        self._process.start()

    def stop(self) -> None:
        if self._process is not None:
            self._process.stop()
            self._process = None

    def pids(self) -> Sequence[int]:
        assert self._process is not None
        assert self._process._process is not None
        return [self._process._process.pid]

    @property
    def url(self) -> str:
        assert self._process is not None
        return self._process.url

    def ours(self) -> tuple[str, str, str]:
        return "tus", self.url, "-"

    def peer(self, name: str, file: Path, sha256: str) -> tuple[list[str], dict[str, str]]:
        return peers.to_tus(name, f"{self.url}/files/", file, sha256), dict(os.environ)


@dataclass
class OverS3:
    """A server with an S3 face."""

    server: S3Server
    secret: Path

    def empty(self) -> None:
        for key in self.server.listing():
            self.server.client.delete_object(Bucket=self.server.bucket, Key=key)
        self.secret.touch(mode=0o600)
        self.secret.write_text(self.server.credentials())

    def pids(self) -> Sequence[int]:
        return [one._running.pid for one in self.server.processes if one._running is not None]

    def ours(self) -> tuple[str, str, str]:
        return "s3", self.server.bucket_url, str(self.secret)

    def peer(self, name: str, file: Path, sha256: str) -> tuple[list[str], dict[str, str]]:
        server = self.server
        bucket = peers.Bucket(
            endpoint=server.endpoint, name=server.bucket, key=server.key, secret=server.secret, region=server.region
        )
        return peers.to_bucket(name, file, f"peer/{name}", bucket), bucket.environment


def run(options: Options) -> Report:
    """One comparison for each store."""
    size, rounds = (32 * MIB, 1) if options.quick else (1024 * MIB, 3)
    scratch = options.scratch.absolute()
    about, notes = machine.description(scratch), list[str]()
    found: dict[str, dict[str, Results]] = {}
    camera = scratch / "camera"
    camera.mkdir()
    sha256 = fill(camera / "segment.mp4", size=size)
    for name, opened in _servers(scratch, quick=options.quick, notes=notes).items():
        print(f"stores: {size // MIB} MiB to {name}", file=sys.stderr, flush=True)
        with opened() as server:
            against = TUS_PEERS if isinstance(server, Embedded) else S3_PEERS
            found[name] = _compare(server, against, camera, sha256, scratch=scratch, rounds=rounds)
    text = TEXT + "".join(f"\n* {name}: {peers.CHECKS[name]}" for name in S3_PEERS) + "\n\n" + "\n".join(notes)
    versions = ", ".join([*peers.PYTHON.values(), *peers.NODE.values()])
    return Report(
        name="stores", title="Stores", machine=f"{about} {versions}.", text=text, goals=_goals(found),
        tables=[_table(name, results, size=size) for name, results in found.items()],
    )  # fmt: skip


# -- the stores ------------------------------------------------------------------------------------------------------------


def _servers(
    scratch: Path, *, quick: bool, notes: list[str]
) -> dict[str, Callable[[], contextlib.AbstractContextManager[Server]]]:
    from tests.stores.servers.ceph import Ceph
    from tests.stores.servers.swift import Swift

    found: dict[str, Callable[[], contextlib.AbstractContextManager[Server]]] = {
        "the embedded store": lambda: _embedded(scratch / "embedded"),
        "Swift": lambda: _over_s3(Swift(folder=scratch / "swift"), scratch),
    }
    if quick or os.geteuid() != 0:
        notes.append("Ceph was not raced here: it is in whole runs, by root.")
    else:
        found["Ceph"] = lambda: _over_s3(Ceph(folder=scratch / "ceph"), scratch)
    return found


@contextlib.contextmanager
def _embedded(folder: Path) -> Iterator[Server]:
    store = Embedded(folder)
    try:
        yield store
    finally:
        store.stop()


@contextlib.contextmanager
def _over_s3(server: S3Server, scratch: Path) -> Iterator[Server]:
    server.start()
    try:
        yield OverS3(server, scratch / "secret")
    finally:
        server.stop()


# -- the race --------------------------------------------------------------------------------------------------------------


def _compare(
    server: Server, against: Sequence[str], camera: Path, sha256: str, *, scratch: Path, rounds: int
) -> dict[str, Results]:
    segment, state = camera / "segment.mp4", scratch / "state"
    size = segment.stat().st_size

    def before() -> None:
        server.empty()
        shutil.rmtree(state, ignore_errors=True)
        state.mkdir()
        os.sync()
        drop(segment)

    def ours() -> Mapping[str, float]:
        served = _cpu_of(server.pids())
        told = told_by("tests.bench.one_delivery", camera, state, *server.ours())
        return {**told, "server_cpu": _cpu_of(server.pids()) - served}

    def peer(name: str) -> Contender:
        return Contender(name=name, payload=size, before=before, work=lambda: _timed(server, name, segment, sha256))

    for name in against:
        _start(name)
    found = alternate(
        [Contender(name=DOCKD, payload=size, before=before, work=ours), *map(peer, against)], rounds=rounds
    )
    shutil.rmtree(state, ignore_errors=True)
    whole = _with(found[DOCKD], WHOLE, wall="whole")
    return {DOCKD: _with(found[DOCKD], DOCKD, wall="seconds"), WHOLE: whole} | {
        name: _with(found[name], name, wall="seconds") for name in against
    }


def _timed(server: Server, name: str, segment: Path, sha256: str) -> dict[str, float]:
    """One whole process of a peer; one that the store sent away is run again, and only what worked is counted. Raises RuntimeError with what it said."""
    for _ in range(_TRIES - 1):
        with contextlib.suppress(RuntimeError):
            return _timed_once(server, name, segment, sha256)
        time.sleep(_REST)
    return _timed_once(server, name, segment, sha256)


def _timed_once(server: Server, name: str, segment: Path, sha256: str) -> dict[str, float]:
    command, environment = server.peer(name, segment, sha256)
    start, served = _start(name), _cpu_of(server.pids())
    used, began = sum(os.times()[2:4]), time.perf_counter()
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    seconds = time.perf_counter() - began
    if done.returncode != 0:
        raise RuntimeError(f"{' '.join(command)} ended with {done.returncode}: {done.stdout}{done.stderr}")
    cpu = sum(os.times()[2:4]) - used
    return {"seconds": seconds, "cpu": cpu, "start": start, "server_cpu": _cpu_of(server.pids()) - served}


def _start(name: str) -> float:
    """Seconds that a peer takes to say its version; installed where it is not."""
    command = peers.start_of(name)
    began = time.perf_counter()
    subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=True)
    return time.perf_counter() - began


def _cpu_of(pids: Sequence[int]) -> float:
    """CPU seconds of these processes and of all that they have started and that still runs."""
    total, waiting = 0.0, list(pids)
    while waiting:
        pid = waiting.pop()
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):
            total += cpu_of(pid)
            for task in Path(f"/proc/{pid}/task").iterdir():
                waiting += [int(child) for child in (task / "children").read_text().split()]
    return total


def _with(found: Results, name: str, *, wall: str) -> Results:
    """The same samples under a name, with the times and the CPU that each run told of."""
    samples: list[Sample] = [
        dataclasses.replace(sample, wall=sample.extra[wall], cpu=sample.extra["cpu"]) for sample in found.samples
    ]
    return Results(contender=dataclasses.replace(found.contender, name=name), samples=samples)


# -- what is told ----------------------------------------------------------------------------------------------------------


def _goals(found: Mapping[str, Mapping[str, Results]]) -> list[Goal]:
    goals = []
    for store, results in found.items():
        those = [name for name in results if name in (VERIFY if store != "the embedded store" else TUS_PEERS)]
        for name in those:
            ratio = results[DOCKD].speed_against(results[name]).median
            goals.append(
                Goal(name=f"{store}: {name}'s time by dockd's (delivery and proof)", wanted=1.0, reached=ratio)
            )
    return goals


def _table(store: str, results: Mapping[str, Results], *, size: int) -> Table:
    rows, ours = [], results[DOCKD]
    for name, found in results.items():
        is_ours = name in (DOCKD, WHOLE)
        start = "" if name == DOCKD else f" [{found.extra('start').median:.2f}]"
        rows.append(
            [
                f"**{name}**" if is_ours else name,
                found.wall().text(2) + start,
                "" if is_ours else results[DOCKD].speed_against(found).text(2),
                "" if is_ours else results[WHOLE].speed_against(found).text(2),
                "" if name == WHOLE else found.cpu_per_gb().text(2),
                "" if is_ours else _of_cpu(ours, found),
                "" if name == WHOLE else f"{found.extra('server_cpu').median / size * 1e9:.2f}",
            ]
        )  # fmt: skip
    note = (
        f"Of dockd's delivery, the proof after the last byte took {ours.extra('proof').text(3)} s; reading the copy again takes {ours.extra('reread').text(3)} s by itself. "
        f"The first contact took {ours.extra('contact').text(3)} s, once a process."
    )
    columns = [
        "", "seconds [start]", "by dockd's delivery", "by dockd's whole", "client CPU-s/GB", "CPU, by dockd's", "store CPU-s/GB",
    ]  # fmt: skip
    return Table(title=f"{size // MIB} MiB to {store}", columns=columns, rows=rows, note=note)


def _of_cpu(ours: Results, other: Results) -> str:
    """A peer's CPU time by dockd's, of the medians."""
    return f"{other.cpu_per_gb().median / ours.cpu_per_gb().median:.2f}"
