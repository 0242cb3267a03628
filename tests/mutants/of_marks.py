"""Evidence that has to be known elsewhere: to the store, over whatever it forgets; beside the copy, over whatever the ledger forgets."""

from __future__ import annotations

from tests.mutants.planting import Mutant

_MARKING = ("tests/unit/ingest/test_marking.py",)
_BESIDE = ("tests/unit/ingest/test_describing.py",)
_HELD = ("tests/unit/ingest/test_held.py",)
_DOINGS = ("tests/unit/dockd/page/test_doings.py",)
_STATE = ("tests/unit/dockd/page/test_state.py",)
_LEDGER = ("tests/unit/ingest/ledger/test_changes.py",)

MARKS = (
    Mutant(
        name="marks: evidence that is found in the store is not told of", promise="the store deletes evidence by age",
        file="ingest/ledger/segments.py", old="    if row.evidential:\n        marks.to_tell(tx, row.id)\n    return True\n", new="    return True\n", tests=_LEDGER, short=True,
    ),
    Mutant(
        name="marks: another store that proves evidence is not told of it", promise="the store that is believed now deletes evidence by age",
        file="ingest/ledger/segments.py", old="        if row.evidential:\n            marks.to_tell(tx, row.id)\n", new="", tests=_LEDGER,
    ),
    Mutant(
        name="marks: evidence of before is not told of", promise="the store deletes by age what was evidence before dockd was brought up to date",
        file="ingest/ledger/schema.py", old="INSERT INTO marks (segment) SELECT id FROM segments WHERE evidential = 1 AND in_store = 1;\n", new="", tests=_LEDGER,
    ),
    Mutant(
        name="marks: evidence of before is not beside its copy", promise="a rebuilt ledger forgets evidence",
        file="ingest/ledger/schema.py", old="INSERT INTO undescribed (segment) SELECT id FROM segments WHERE in_spool = 1 AND (evidential = 1 OR priority > 0);\n", new="", tests=_LEDGER,
    ),
    Mutant(
        name="marks: what was marked while it was written is not written again", promise="a rebuilt ledger forgets evidence",
        file="ingest/ledger/marks.py", old="(evidential <> ?2 OR priority <> ?3))", new="(evidential <> evidential + 0 * ?2 * ?3))", tests=_BESIDE,
    ),
    Mutant(
        name="marks: two write one description", promise="an older description takes the place of a newer one",
        file="ingest/describing.py", old="        async with self._turn:\n", new="        if self._turn:\n", tests=_BESIDE,
    ),
    Mutant(
        name="marks: an older ledger knows better than what stands beside the copy", promise="evidence is forgotten, and the mark in the spool is erased",
        file="ingest/recovery.py", old="    await _marks_beside(ledger, spool, row)\n", new="", tests=_BESIDE, short=True,
    ),
    Mutant(
        name="marks: what stands beside other bytes counts", promise="another file's mark is taken for this one's",
        file="ingest/recovery.py", old="    if found.digest.sha256 == row.sha256 and _unknown", new="    if _unknown", tests=_BESIDE,
    ),
    Mutant(
        name="marks: evidence beside a copy is taken back", promise="a ledger that does not know it erases what stands in the spool",
        file="ingest/spool.py", old="        if known.marked.evidential:\n", new="        if known.marked == marked:\n", tests=_BESIDE,
    ),
    Mutant(
        name="marks: a description goes though its copy is being published", promise="a rebuilt ledger does not take the copy in: nobody can say what it is",
        file="ingest/spool.py", old="        self.sync_folder()\n\n\ndef write_durably", new="        self.sync_folder()\n        if self.lies_there(segment) is None:\n            self.description_file(segment).unlink()\n\n\ndef write_durably",
        tests=_BESIDE,
    ),
    Mutant(
        name="marks: fifty that cannot be written keep all others waiting", promise="a rebuilt ledger forgets evidence",
        file="ingest/describing.py", old="            after = waiting[-1]\n", new="            return\n", tests=_BESIDE,
    ),
    Mutant(
        name="marks: a spool that is away has taken the mark", promise="a rebuilt ledger forgets evidence",
        file="ingest/spool.py", old='            raise FileNotFoundError(errno.ENOENT, "its copy is not there", str(self.file(segment)))\n', new="            return\n", tests=_BESIDE,
    ),
    Mutant(
        name="marks: a store that was pinned anew is not told again", promise="the store has forgotten that it is evidence, and the page says that it knows",
        file="ingest/ledger/stores.py", old="    marks.anew(tx, store.id)\n", new="", tests=_MARKING, short=True,
    ),
    Mutant(
        name="marks: a store that went back is not told again", promise="the store has forgotten that it is evidence, and the page says that it knows",
        file="ingest/went_back.py", old="    marks.anew(tx, store)\n", new="", tests=_MARKING,
    ),
    Mutant(
        name="marks: a store that had no marks is never asked again", promise="a store that has marks by now deletes evidence by age",
        file="ingest/marking.py", old="                await self._ledger.commit(marks.ask_one_again)\n", new="", tests=_MARKING,
    ),
    Mutant(
        name="marks: a store that has got marks is told of one", promise="a store that has marks by now deletes evidence by age",
        file="ingest/ledger/marks.py", old="    if before[0] is not None and not cannot:", new="    if before[0] is not None and cannot:", tests=_MARKING,
    ),
    Mutant(
        name="marks: whoever answers has no marks", promise="what stands in front of the store for a moment keeps evidence from it",
        file="ingest/marking.py", old="        if (await self._recognised(time.monotonic())).id != pinned.id:\n", new="        if pinned.id == '':\n", tests=_MARKING,
    ),
    Mutant(
        name="doings: what is nowhere is tried again because its camera is there", promise="P5: it is told as tried again, and nothing is tried",
        file="ingest/held.py", old="(docked and on_camera)", new="docked", tests=_HELD,
    ),
    Mutant(
        name="doings: what is lost is tried again", promise="P5: it is told as tried again, and nothing is tried",
        file="dockd/page/doings.py", old="            if row.held is None and row.copies:\n", new="            if row.held is None:\n", tests=_DOINGS,
    ),
    Mutant(
        name="state: what is on its camera alone is told as nowhere", promise="P5: footage that is there is told as lost",
        file="dockd/page/state.py", old='facts.phase == "done" and not facts.alone and not facts.unsettled  # whatever', new='facts.phase == "done"  # whatever', tests=_STATE,
    ),
)  # fmt: skip
