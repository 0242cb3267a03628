"""What the books say: that last night's footage is in, where a file is, which camera has not come back, what was done; and what they do not show."""

from __future__ import annotations

from tests.mutants.planting import Mutant

_PAGES = ("tests/unit/ingest/ledger/test_pages.py",)
_WORDS = ("tests/unit/dockd/page/test_footage_words.py",)
_ROLL = ("tests/unit/dockd/page/test_roll.py",)
_SETTINGS = ("tests/unit/dockd/page/test_settings_words.py",)
_BOOKS = ("tests/e2e/test_books.py",)

BOOKS = (
    Mutant(
        name="books: last night's is in by the cameras' clocks alone", promise="P5: footage of a camera whose clock is wrong is forgotten",
        file="ingest/ledger/page_footage.py", old="WHERE {_MISSING} AND (captured_at >= ?1 OR listed_at >= ?1))", new="WHERE {_MISSING} AND captured_at >= ?1)",
        tests=_PAGES, short=True,
    ),
    Mutant(
        name="books: what is lost does not keep last night's from being in", promise="P5: footage that is gone is said to be in the store",
        file="ingest/ledger/page_footage.py", old='f" OR EXISTS (SELECT 1 FROM segments INDEXED BY segments_nowhere', new='f" AND NOT EXISTS (SELECT 1 FROM segments INDEXED BY segments_nowhere',
        tests=_PAGES, short=True,
    ),
    Mutant(
        name="books: a list goes on after a time, not after a file", promise="P5: files of one moment are on no page",
        file="ingest/ledger/page_footage.py", old='where.append("(captured_at, rowid) < (?, ?)")\n        values += start', new='where.append("captured_at < ?")\n        values.append(start[0])',
        tests=_PAGES, short=True,
    ),
    Mutant(
        name="books: a page that looked enough is the last", promise="P5: a search that was cut short says that there is nothing",
        file="ingest/ledger/page_footage.py", old="next=last.id if last else None, cut=len(found) < count)", new="next=None, cut=False)",
        tests=_PAGES, short=True,
    ),
    Mutant(
        name="books: what is on a camera that is not here is on its way", promise="P5: nobody looks for the camera",
        file="dockd/page/footage_words.py", old='shape="octagon", tone="red",\n    )  # fmt: skip\n\n\ndef _held', new='shape="square", tone="blue",\n    )  # fmt: skip\n\n\ndef _held',
        tests=_WORDS, short=True,
    ),
    Mutant(
        name="books: a held file that is in the store is well", promise="P5: what somebody has to see to is not told",
        file="dockd/page/footage_words.py", old="if segment.in_store and segment.held is None:", new="if segment.in_store:", tests=_WORDS, short=True,
    ),
    Mutant(
        name="books: a camera that was never here is not missed", promise="P5: a camera that is gone is not told",
        file="ingest/ledger/gaps.py", old="return not docked and (at is None or now - at > not_seen)", new="return not docked and at is not None and now - at > not_seen",
        tests=_ROLL, short=True,
    ),
    Mutant(
        name="books: an older card speaks for a camera that is here", promise="P5: a camera in its bay is told as out",
        file="dockd/page/roll.py", old="return one.camera.id in here, one.last_known or 0.0", new="return False, one.last_known or 0.0", tests=_ROLL, short=True,
    ),
    Mutant(
        name="books: who had somebody's own camera from the pool has it still", promise="P5: the wrong officer is told to have it",
        file="dockd/page/roll.py", old='    issue = None if kind == "personal" else of_camera(issued, one.camera)', new="    issue = of_camera(issued, one.camera)",
        tests=_ROLL, short=True,
    ),
    Mutant(
        name="books: an address is shown with its password", promise="a secret is on a page",
        file="dockd/page/settings_words.py", old='text = _USERINFO.sub("", str(value))', new="text = str(value)", tests=_SETTINGS, short=True,
    ),
    Mutant(
        name="books: what the address says was done was done", promise="P5: a link says that something is evidence that is not",
        file="dockd/page/pages/segment.py", old='return words if is_so(segment) else ""', new="return words", tests=_BOOKS,
    ),
    Mutant(
        name="books: a certificate may have any style", promise="the page's policy is left for one of the document's",
        file="dockd/page/certificates.py", old="style-src {styles};", new="style-src 'unsafe-inline';", tests=_WORDS, short=True,
    ),
)  # fmt: skip
