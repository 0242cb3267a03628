"""A certificate, printed by a real browser, is one page: also for the longest names and words that a card and a store can bring."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from dockd.certificate import as_html, facts
from ingest.events import CustodyRestored
from ingest.ledger import Ledger, Transaction, segments
from ingest.ledger.audit import moment
from tests.unit.ingest.ledger.day import a_day

pytestmark = [pytest.mark.soak, pytest.mark.soak_short]
BROWSER = next(
    (found for name in ("chromium", "chromium-browser", "google-chrome") if (found := shutil.which(name))), None
)


def pages(text: str, folder: Path) -> int:
    """How many pages a browser prints."""
    if BROWSER is None:
        pytest.skip("no browser on this machine that prints")
    (folder / "page.html").write_text(text)
    words = [
        "--headless",
        "--no-sandbox",
        "--disable-gpu",
        "--no-pdf-header-footer",
        f"--print-to-pdf={folder / 'page.pdf'}",
    ]
    done = subprocess.run(
        [BROWSER, *words, f"--user-data-dir={folder / 'profile'}", (folder / "page.html").as_uri()],
        capture_output=True, check=False, timeout=55,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return max(int(count) for count in re.findall(rb"/Count (\d+)", (folder / "page.pdf").read_bytes()))


def certificate(state: Path, segment: str) -> str:
    with moment(state / "ledger.db") as reader:
        return as_html(facts(reader, segment, now=1_800_000_000.0))


async def test_an_ordinary_one(tmp_path: Path) -> None:
    one, *_rest = await a_day(tmp_path)
    assert pages(certificate(tmp_path, one), tmp_path) == 1


async def test_the_longest_one(tmp_path: Path) -> None:
    one, *_rest = await a_day(tmp_path)
    ledger = await Ledger.open(tmp_path / "ledger.db", keys=tmp_path / "keys")

    def nasty(tx: Transaction) -> None:
        tx.execute("UPDATE segments SET path = ? WHERE id = ?", (b"M" * 4000, one))
        for number in range(12):
            segments.hold(tx, one, reason="failed", error=f"{number}" + "W " * 300)

    await ledger.commit(nasty)
    own = ledger.head
    gap = CustodyRestored(
        store="S" * 200, store_seq=own.seq + 50, store_head="f" * 64, own_seq=own.seq, own_head=own.hash
    )
    await ledger.commit(lambda tx: tx.record(gap, continue_after=gap.store_seq))
    await ledger.close()
    (tmp_path / "keys" / "dock.key").unlink()
    ledger = await Ledger.open(tmp_path / "ledger.db", keys=tmp_path / "keys")
    await ledger.close()
    assert pages(certificate(tmp_path, one), tmp_path) == 1
