"""What people change: who did it, evidence that the store and a rebuilt ledger are to know, trying again, bays out of use, the book of problems."""

from __future__ import annotations

from tests.mutants.planting import Mutant

_MARKING = ("tests/unit/ingest/test_marking.py",)
_BESIDE = ("tests/unit/ingest/test_describing.py",)
_LEDGER = ("tests/unit/ingest/ledger/test_changes.py",)
_HELD = ("tests/unit/ingest/test_held.py",)
_BOOK = ("tests/unit/dockd/page/test_problem_book.py",)
_DOINGS = ("tests/unit/dockd/page/test_doings.py",)
_EXAM = ("tests/contract/store/test_exam.py", "tests/contract/store/test_exam_s3.py")

CHANGES = (
    Mutant(
        name="doings: evidence after the proof is not to be told", promise="the store deletes evidence by age",
        file="ingest/ledger/segments.py", old="        marks.to_tell(tx, segment, late=True)\n", new="        pass\n", tests=_MARKING, short=True,
    ),
    Mutant(
        name="doings: a mark that failed is not tried again", promise="the store deletes evidence by age, for it was away for a moment",
        file="ingest/marking.py", old="            await self._failed(row, error)\n            return\n", new="            await self._failed(row, error)\n", tests=_MARKING,
    ),
    Mutant(
        name="doings: a store that is not pinned is told of evidence", promise="another store counts as the one that has it",
        file="ingest/marking.py", old="            if row.store != pinned.id:\n", new="            if row.store == '':\n", tests=_MARKING,
    ),
    Mutant(
        name="doings: a mark of an old object counts for the new one", promise="the store deletes evidence by age, and the page says that it knows",
        file="ingest/ledger/marks.py", old="    if row is None or not row[4] or row[3] != object:\n", new="    if row is None or not row[4]:\n", tests=_MARKING,
    ),
    Mutant(
        name="doings: a store without marks counts as one that knows", promise="P5: the page says of evidence that the store knows it",
        file="ingest/marking.py", old='cannot="" if marked else _CANNOT', new='cannot=""', tests=_MARKING,
    ),
    Mutant(
        name="doings: the embedded store is not told", promise="the store deletes evidence by age",
        file="ingest/store/tus.py", old='        answer = await self._line.ask("POST", address, doing="the mark of evidence")\n        if answer.status not in (200, 204):\n            raise answer.error("the mark of evidence")\n        return True\n',
        new="        return bool(address)\n", tests=_EXAM,
    ),
    Mutant(
        name="doings: what was marked while it was pulled is not beside its copy", promise="a rebuilt ledger forgets evidence",
        file="ingest/ledger/segments.py", old="    if row.evidential or row.priority:\n        marks.undescribe(tx, segment)\n", new="", tests=_BESIDE,
    ),
    Mutant(
        name="doings: a rebuilt ledger does not take marks in", promise="a rebuilt ledger forgets evidence",
        file="ingest/recovery.py", old="    if marked.evidential:\n", new="    if marked.evidential and not segment:\n", tests=_BESIDE,
    ),
    Mutant(
        name="doings: who tried it again is not recorded", promise="P4: nobody knows who had it tried again",
        file="ingest/ledger/segments.py", old="    unhold(tx, segment)\n    return True\n\n\ndef mark_evidential", new="    return True\n\n\ndef mark_evidential",
        tests=_LEDGER,
    ),
    Mutant(
        name="doings: what a caught store held is tried again by hand", promise="P2: a person's pin is got round",
        file="ingest/held.py", old="    if reason in _NOT_BY_HAND:\n", new="    if reason in _NOT_BY_HAND and not in_spool:\n", tests=(*_HELD, *_DOINGS), short=True,
    ),
    Mutant(
        name="doings: what failed its checks is let go while its camera is away", promise="P5: a hold is lifted and nothing is tried",
        file="ingest/held.py", old="    if in_spool or (docked and on_camera) or (in_store and not on_camera):\n", new="    if in_spool or on_camera or (in_store and not on_camera):\n", tests=(*_HELD, *_DOINGS),
    ),
    Mutant(
        name="doings: bays out of use are forgotten at a restart", promise="a camera is put into a bay that people took out of use",
        file="ingest/ledger/rack.py", old='    rows = execute("SELECT bay, reason, by, since FROM bays_out_of_use ORDER BY bay")', new='    rows = execute("SELECT bay, reason, by, since FROM bays_out_of_use WHERE bay < 0")',
        tests=_LEDGER,
    ),
    Mutant(
        name="doings: an issued camera that was not taken yet is back", promise="P5: nobody knows who has it",
        file="ingest/ledger/issues.py", old="        if row is not None and (row[0] is not None or moved):\n", new="        if row is not None:\n", tests=_LEDGER,
    ),
    Mutant(
        name="doings: who is blind closes problems", promise="P5: what is wrong is told as over while the ledger cannot be read",
        file="dockd/page/problem_book.py", old="        over = [] if blind else self._missing", new="        over = self._missing", tests=_BOOK, short=True,
    ),
    Mutant(
        name="doings: what was closed stays closed though it grows", promise="P5: footage is lost, and nobody is told",
        file="dockd/page/problem_book.py", old="        elif one.weight > known.weight:\n", new="        elif one.weight > known.weight and known.closed_at is None:\n", tests=_BOOK,
    ),
    Mutant(
        name="doings: having seen it never ends", promise="P5: a problem that nobody sees to any more is told as seen to",
        file="dockd/page/problem_book.py", old="        seen = noted.seen_until is not None and noted.seen_until > now\n", new="        seen = noted.seen_until is not None\n", tests=_BOOK,
    ),
    Mutant(
        name="doings: what closes by itself is closed by hand", promise="P5: what is wrong is dismissed",
        file="dockd/page/doings.py", old='        if document["problem"] not in CLOSABLE:\n', new='        if not document["problem"]:\n', tests=_DOINGS, short=True,
    ),
    Mutant(
        name="doings: an officer's own camera is issued to another", promise="P5: the page says that somebody has another's camera",
        file="dockd/page/doings.py", old="        if who and owner is not None:\n", new="        if who and owner == who:\n", tests=_DOINGS,
    ),
)  # fmt: skip
