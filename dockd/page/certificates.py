"""The certificate of one segment, made for a reader of the page: the whole record is checked for it, which takes a while on an old dock.

Rules kept here: one at a time, off the loop, on a reader of its own, and the next only when its thread has ended; it is given up when dockd ends, or after two minutes; the page that comes
out is one file with a style of its own, and its header allows that style and nothing else.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import re
import threading
from pathlib import Path

from dockd.certificate import as_html, facts
from dockd.page.doorkeeper import Problem
from dockd.page.language import english, said
from ingest.errors import LedgerUnusable
from ingest.ledger.audit import moment

_STEPS = 20_000  # of SQLite's, between two looks at whether anybody waits still
_STOPS_WITHIN = 2.0
_STYLE = re.compile(r"<style>(.*?)</style>", re.DOTALL)


class Certificates:
    """Makes them from the ledger at `path`, each within `patience` seconds."""

    def __init__(self, path: Path, *, patience: float = 120.0) -> None:
        self._path = path
        self._patience = patience
        self._ended = threading.Event()
        self._working: asyncio.Future[str] | None = None

    async def html(self, segment: str, *, now: float) -> str:
        """The page of a segment that the ledger has. Raises Problem (503) while another is being made, and where the ledger cannot be read."""
        if self._working is not None and self._ended.is_set():
            await asyncio.wait({self._working}, timeout=_STOPS_WITHIN)  # it stops between two steps
        if self._working is not None:
            raise Problem(
                503, said("another certificate is being made; ask again in a moment"), headers={"Retry-After": "5"}
            )
        self._ended = ended = threading.Event()
        self._working = working = asyncio.ensure_future(asyncio.to_thread(self._made, segment, now, ended))
        working.add_done_callback(self._free)
        try:
            async with asyncio.timeout(self._patience):
                return await asyncio.shield(working)
        except TimeoutError:
            raise Problem(
                503,
                said(
                    "this dock's record is too long to be checked for a page: ask ops for it (dockd custody certificate {segment})",
                    segment=segment,
                ),
            ) from None
        except (LedgerUnusable, OSError) as error:
            raise Problem(
                503,
                said("the record cannot be read: {error}", error=english(str(error))),
                headers={"Retry-After": "5"},
            ) from error
        finally:
            ended.set()

    def _free(self, working: asyncio.Future[str]) -> None:
        """The turn is over when its thread is, and not when nobody waits for it any more."""
        self._working = None
        if not working.cancelled():
            working.exception()  # whoever waited has been told; nobody else has to be

    def _made(self, segment: str, now: float, ended: threading.Event) -> str:
        with moment(self._path) as reader:
            reader.set_progress_handler(lambda: int(ended.is_set()), _STEPS)
            return as_html(facts(reader, segment, now=now))


def policy_of(html: str) -> str:
    """The Content-Security-Policy under which this page is shown: its own style, known by its hash, and nothing else."""
    digests = [base64.b64encode(hashlib.sha256(style.encode()).digest()).decode() for style in _STYLE.findall(html)]
    styles = " ".join(f"'sha256-{digest}'" for digest in digests) or "'none'"
    return f"default-src 'none'; style-src {styles}; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
