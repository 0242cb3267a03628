"""One segment to the embedded store over loopback: dockd with its receipt, against curl and a tus client of another make."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import hashlib
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from importlib import metadata
from pathlib import Path
from urllib.parse import urljoin

from tests.bench import machine
from tests.bench.harness import Contender, Options, Results, alternate
from tests.bench.report import Goal, Report, Table
from tests.bench.storage import drop, fill
from tests.bench.watch import ROOT, cpu_of, loop_lag, told_by

MIB = 1 << 20
CHUNK = 64 * MIB  # the default of upload.chunk
DOCKD, WHOLE = "dockd, with receipt", "dockd, with receipt, one request"
CURL, WARM = "curl -T", "curl -T, file in the page cache"
TUSPY = "tuspy, requests of 64 MiB"

TEXT = """
One segment to `dockd store serve`, a process of its own on the same machine and disk, over loopback without TLS. The store
hashes what lies on its disk after the fsync before it answers the last byte, so that is in everybody's time. dockd's time also
holds the announcement, the question for the offset, and a signed receipt with a fresh nonce; the others have no proof at the
end. dockd sends requests of 64 MiB, its default (after each, the store has everything on its disk), or all in one, as curl does.

Before each run what was stored is removed, everything is synced and the segment is dropped from the page cache, since that is how a
spool's segment lies: it was written past the cache. *curl, file in the page cache* is what memory alone would give. Time counts
from the announcement, not from the start of a Python interpreter (curl's own start is in its time). CPU is user + system of the
client's whole process, with the start in brackets left out. *Loop lag* is by how much a 5 ms sleep in the client's event loop is
late; beside curl it is that of a process that only looks on: what this machine itself does to a sleep while store and client work.
Figures are medians (least to most); ratios are taken pair by pair within a round.
"""


def run(options: Options) -> Report:
    """One comparison of all clients."""
    about = machine.description(options.scratch)
    size, rounds = (256 * MIB, 2) if options.quick else (1024 * MIB, 6)
    print(f"upload: {size // MIB} MiB", file=sys.stderr)
    results = _compare(options.scratch, size=size, rounds=rounds)
    ours, curl = results[DOCKD], results[CURL]
    return Report(
        name="upload",
        title="Upload",
        machine=f"{about} {_curl_version()}; tuspy {metadata.version('tuspy')}; {_congestion()}",
        text=TEXT,
        goals=[
            Goal(name="rate, of curl's, receipt included", wanted=1.0, reached=ours.speed_against(curl).median),
            Goal(name="loop lag p99, ms", wanted=3.0, reached=ours.extra("lag_p99").median, at_least=False),
        ],
        tables=[_table(results, size=size)],
        plotted=list(results.values()),
    )


def _compare(scratch: Path, *, size: int, rounds: int) -> dict[str, Results]:
    segment = scratch / "segment"
    sha256 = fill(segment, size=size)
    with _store(scratch / "store") as (url, pid):

        def cold() -> None:
            _empty(scratch / "store")
            drop(segment)

        def warm() -> None:
            _empty(scratch / "store")
            hashlib.file_digest(segment.open("rb"), "sha256")

        def ours(chunk: int) -> Mapping[str, float]:
            return told_by("tests.bench.one_upload", url, segment, sha256, chunk, pid)

        def contender(
            name: str, work: Callable[[], Mapping[str, float]], before: Callable[[], None] = cold
        ) -> Contender:
            return Contender(name=name, work=work, payload=size, before=before)

        contenders = [
            contender(DOCKD, lambda: ours(CHUNK)),
            contender(WHOLE, lambda: ours(size)),
            contender(CURL, lambda: _curl(url, segment, size=size, server=pid)),
            contender(WARM, lambda: _curl(url, segment, size=size, server=pid), warm),
            contender(TUSPY, lambda: _tuspy(url, segment, server=pid)),
        ]
        found = alternate(contenders, rounds=rounds)
    return {name: _from_announcement(result) for name, result in found.items()}


def _from_announcement(found: Results) -> Results:
    """The same samples, with the time that each client told as its wall time."""
    return Results(
        contender=found.contender,
        samples=[dataclasses.replace(sample, wall=sample.extra["seconds"]) for sample in found.samples],
    )


@contextlib.contextmanager
def _store(root: Path) -> Iterator[tuple[str, int]]:
    """The embedded store as a process; its upload address and its process id."""
    command = [sys.executable, "-m", "dockd", "store", "serve", "--root", str(root), "--listen", "127.0.0.1:0"]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    try:
        assert process.stdout is not None
        words = process.stdout.readline().split()
        if "at" not in words:
            raise RuntimeError(f"the store did not start: {' '.join(words)}")
        yield urljoin(words[words.index("at") + 1], "/files/"), process.pid
    finally:
        process.terminate()
        process.wait(timeout=20)


def _empty(root: Path) -> None:
    """Remove the bytes that earlier runs stored; what removing them leaves to do is nobody's share."""
    for path in root.rglob("*"):
        if path.is_file() and path.stat().st_size > MIB and path.suffix not in {".db", ".db-wal"}:
            path.unlink()
    os.sync()


def _curl(url: str, segment: Path, *, size: int, server: int) -> dict[str, float]:
    served = cpu_of(server)
    tus = ["-H", "Tus-Resumable: 1.0.0"]

    async def transfer() -> dict[str, float]:
        async with loop_lag() as late:
            began = time.perf_counter()
            said = await _said("-i", "-X", "POST", *tus, "-H", f"Upload-Length: {size}", url)
            place = next(line.split(":", 1)[1].strip() for line in said if line.lower().startswith("location:"))
            body = ["-H", "Upload-Offset: 0", "-H", "Content-Type: application/offset+octet-stream", "-T", str(segment)]
            said = await _said("-i", "-X", "PATCH", *tus, *body, urljoin(url, place))
            seconds = time.perf_counter() - began
        assert f"upload-offset: {size}" in [line.lower() for line in said], said
        return {"seconds": seconds, **late}

    return {**asyncio.run(transfer()), "server_cpu": cpu_of(server) - served}


async def _said(*arguments: str) -> list[str]:
    process = await asyncio.create_subprocess_exec("curl", "-sS", "--fail", *arguments, stdout=asyncio.subprocess.PIPE)
    said, _ = await process.communicate()
    if process.returncode != 0:
        raise RuntimeError(f"curl {' '.join(arguments)} ended with {process.returncode}")
    return said.decode().splitlines()


def _tuspy(url: str, segment: Path, *, server: int) -> dict[str, float]:
    from tusclient.client import TusClient  # here and not above: only the extra `bench` has it

    served, began = cpu_of(server), time.perf_counter()
    uploader = TusClient(url).uploader(str(segment), chunk_size=CHUNK)
    uploader.upload()
    assert uploader.offset == segment.stat().st_size
    return {"seconds": time.perf_counter() - began, "server_cpu": cpu_of(server) - served}


def _curl_version() -> str:
    return " ".join((machine.version("curl", "--version") or "no curl").split()[:2])


def _congestion() -> str:
    """Which congestion control senders use here: it decides about a loopback's rate more than one would think."""
    return f"TCP {Path('/proc/sys/net/ipv4/tcp_congestion_control').read_text().strip()}."


def _table(results: dict[str, Results], *, size: int) -> Table:
    rows = []
    for name, found in results.items():
        own_cpu = found.cpu_per_gb().text(2)
        if name.startswith("dockd"):
            own_cpu += f" [{found.extra('cpu').median / size * 1e9:.2f}]"
        lag = "" if name == TUSPY else f"{found.extra('lag_p99').text(1)}; {found.extra('lag_worst').median:.1f}"
        rows.append(
            [
                f"**{name}**" if name.startswith("dockd") else name,
                found.rate().text(),
                "" if name == CURL else found.speed_against(results[CURL]).text(2),
                own_cpu,
                f"{found.extra('server_cpu').median / size * 1e9:.2f}",
                lag,
                f"{found.peak_memory_mb().median:.0f}",
            ]
        )
    columns = [
        "", "MB/s", "of curl's rate", "client CPU-s/GB", "store CPU-s/GB", "loop lag p99; worst, ms", "peak memory, MB",
    ]  # fmt: skip
    receipt = results[DOCKD].extra("receipt_seconds").median * 1e3
    warm = results[DOCKD].speed_against(results[WARM]).text(2)
    note = f"The receipt took {receipt:.1f} ms of dockd's time. Against curl with the file in the page cache: {warm}."
    return Table(title=f"One segment of {size // MIB} MiB", columns=columns, rows=rows, note=note)
