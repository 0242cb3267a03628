"""`python -m tests.bench [NAME ...]`: run the benches, print their pages, write them to docs/benchmarks."""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from ingest.worker import residency
from tests.bench import backlog, bandwidth, cameras, herd, line, page, plan_vs_run, pull, queue, stores, upload
from tests.bench.harness import Options
from tests.bench.report import Report

# One line for each bench; the order is that of `make bench`.
BENCHES: dict[str, Callable[[Options], Report]] = {
    "pull": pull.run,
    "upload": upload.run,
    "cameras": cameras.run,
    "bandwidth": bandwidth.run,
    "queue": queue.run,
    "backlog": backlog.run,
    "plan": plan_vs_run.run,
    "stores": stores.run,
    "herd": herd.run,
    "line": line.run,
    "page": page.run,
}


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(BENCHES)}; all by default")
    parser.add_argument("--quick", "--short", action="store_true", help="small and few runs; only printed")
    parser.add_argument("--out", type=Path, help="where to write (default: docs/benchmarks, not with --quick)")
    parser.add_argument("--dir", type=Path, default=Path("build"), help="a folder on the disk to be measured")
    chosen = parser.parse_args()
    if unknown := set(chosen.names) - set(BENCHES):
        parser.error(f"no bench named {', '.join(sorted(unknown))}; there are {', '.join(BENCHES)}")
    out = chosen.out or (None if chosen.quick else Path("docs/benchmarks"))
    chosen.dir.mkdir(parents=True, exist_ok=True)
    _refuse_memory(chosen.dir)
    for name in chosen.names or BENCHES:
        with tempfile.TemporaryDirectory(prefix="bench-", dir=chosen.dir) as scratch:
            report = BENCHES[name](Options(quick=chosen.quick, scratch=Path(scratch)))
        print(report.markdown())
        if out is not None:
            print(f"written to {report.write(out)}", file=sys.stderr)


def _refuse_memory(folder: Path) -> None:
    fd = os.open(folder, os.O_RDONLY)
    try:
        if residency.lives_in_memory(fd):
            sys.exit(f"{folder} lies in memory: name a folder on a disk with --dir")
    finally:
        os.close(fd)


if __name__ == "__main__":
    main()
