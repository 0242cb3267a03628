"""P4: the record of it all; and the embedded store's own word."""

from __future__ import annotations

from tests.mutants.planting import Mutant

_SYNCS = ("tests/recovery/test_order_of_syncs.py",)
_OLDER = ("tests/unit/dockd/keeping/test_older_ledgers.py",)
_BOOK = ("tests/unit/dockd/test_new_book.py",)
_TAMPER = ("tests/unit/ingest/ledger/test_custody_tampering.py",)

RECORDS = (
    Mutant(
        name="custody: an entry need not follow the one before", promise="P4: an entry is taken out, and nobody can tell",
        file="ingest/ledger/custody.py", old='    if body.get("prev") != prev:\n', new='    if not body.get("prev"):\n', tests=_TAMPER, short=True,
    ),
    Mutant(
        name="custody: an entry's hash is not computed", promise="P4: an entry is changed, and nobody can tell",
        file="ingest/ledger/custody.py", old="or entry_hash(text) != digest:", new="or not digest:", tests=_TAMPER,
    ),
    Mutant(
        name="custody: numbers may be missing", promise="P4: entries are cut out, and nobody can tell",
        file="ingest/ledger/custody.py", old="if seq != expected and not jumps:", new="if seq < expected and not jumps:", tests=_TAMPER,
    ),
    Mutant(
        name="custody: the head's signature is not checked", promise="P4: who rewrites all of it needs no key",
        file="ingest/ledger/custody.py", old="or not is_signed(head_statement(signed), public=key[0], signature=row[3])", new="or not head_statement(signed)", tests=_TAMPER,
    ),
    Mutant(
        name="custody: a head known from outside is not looked for", promise="P4: the end is cut off, and nobody can tell",
        file="ingest/ledger/custody.py", old="    if not seen:\n", new="    if count < 0:\n", tests=_TAMPER,
    ),
    Mutant(
        name="custody: the rows that dockd acts on are not held against the record", promise="P4: the record is whole, and something else was acted upon",
        file="ingest/ledger/audit.py", old="        faults += _row_faults(reader) if not faults else ()\n", new="", tests=_TAMPER,
    ),
    Mutant(
        name="time: a clock that was set is not recorded", promise="P5: the times of the record are not what they seem, and nobody can tell",
        file="ingest/ledger/timekeeping.py", old="return off if abs(off) > STEP + DRIFT * max(0.0, passed) else 0.0", new="return off - off",
        tests=("tests/unit/ingest/ledger/test_timekeeping.py",),
    ),
    Mutant(
        name="ledger: a transaction that failed is half committed", promise="P4: a change without its record",
        file="ingest/ledger/core.py", old='            self._connection.execute("ROLLBACK TO one")\n            work.error = error\n', new="            work.error = error\n",
        tests=("tests/unit/ingest/ledger/test_core.py",),
    ),
    Mutant(
        name="ledger: the last copy goes in silence", promise="P1: lost, and no alarm",
        file="ingest/ledger/segments.py", old="    if is_lost(copies):\n", new="    if is_lost(segment.copies):\n", tests=("tests/unit/ingest/ledger/test_segments.py",),
    ),
    Mutant(
        name="store: the bytes are not synced before they count", promise="P1: a receipt for what a power cut takes",
        file="ingest/central/reception.py", old="    def _seal(self) -> str:\n        self._sync()\n", new="    def _seal(self) -> str:\n",
        tests=_SYNCS,
    ),
    Mutant(
        name="store: vouches without a look at its disk", promise="P2: a receipt for what is not there any more",
        file="ingest/central/objects.py", old="        return stat.S_ISREG(seen.st_mode) and seen.st_size == object.size\n", new="        return stat.S_ISREG(seen.st_mode)\n",
        tests=("tests/unit/ingest/central/test_objects.py", "tests/contract/central/test_receipts.py"),
    ),
    Mutant(
        name="store: an old look is fresh for ever", promise="P2: a receipt for bytes that have rotted",
        file="ingest/central/objects.py", old='fresh = row.state == "kept" and 0 <= now - row.looked_at < self._look_again', new='fresh = row.state == "kept"',
        tests=("tests/unit/ingest/central/test_objects.py", "tests/contract/central/test_receipts.py"),
    ),
    Mutant(
        name="store: a dock's older history is taken", promise="P4: a ledger that went back stays hidden",
        file="ingest/central/records.py", old="if seq < known[0] or (seq == known[0] and head != known[1]):", new="if seq == known[0] and head != known[1]:",
        tests=("tests/contract/central/test_receipts.py",),
    ),
    Mutant(
        name="store: a dock's head is moved by who names it", promise="P2: a dock or a token stops another dock's receipts for good",
        file="ingest/central/receipts.py", old="                owner=caller.id,\n", new='                owner="",\n',
        tests=("tests/contract/central/test_heads.py",),
    ),
    Mutant(
        name="store: with other credentials a dock has no history", promise="P4: a ledger that went back stays hidden",
        file="ingest/central/records.py", old='    return (int(last[0]), str(last[1]), int(given)) if last else (-1, "", int(given))', new='    return (-1, str(last[1]), int(given)) if last else (-1, "", int(given))',
        tests=("tests/contract/central/test_heads.py",),
    ),
    Mutant(
        name="store: a head that nobody can follow is told of", promise="P2: a dock or a token stops another dock's receipts for good",
        file="ingest/central/records.py", old="seq BETWEEN ?4 - ?6 AND ?4 + ?6", new="seq > ?4 - ?6",
        tests=("tests/contract/central/test_heads.py",),
    ),
    Mutant(
        name="store: another one is told of each time to the first that was enrolled", promise="P2: a dock or a token stops another dock's receipts for good",
        file="ingest/central/records.py", old="ELSE begun END > ?3", new="ELSE begun END > -1",
        tests=("tests/contract/central/test_heads.py",),
    ),
    Mutant(
        name="store: what comes by the token of before is not told to the enrolled dock", promise="P4: a ledger that went back stays hidden",
        file="ingest/central/records.py", old="CASE WHEN begun < ?7 THEN asked ELSE begun END > ?3", new="begun > ?3",
        tests=("tests/contract/central/test_heads.py",),
    ),
    Mutant(
        name="store: whoever has come once is held against nobody else", promise="P4: a ledger that went back, or is there twice, stays hidden",
        file="ingest/central/records.py", old="if own is not None and first is not None and first[0] == owner else -1", new="if own is not None else -1",
        tests=("tests/contract/central/test_heads.py",),
    ),
    Mutant(
        name="store: with an earlier token the numbers of receipts begin where they were", promise="P4: a sound store is called one that was put back",
        file="ingest/central/records.py", old="    given = c.execute(", new="    given = own[2:3] if own else c.execute(",
        tests=("tests/contract/central/test_heads.py",),
    ),
    Mutant(
        name="store: a dock is told what another rack films", promise="a stolen dock opens nothing but what it brought",
        file="ingest/central/routes_files.py", old="metadata=object.metadata if reads else", new="metadata=object.metadata if object.id else",
        tests=("tests/contract/central/test_of_others.py",),
    ),
    Mutant(
        name="store: a dock is shown what another rack is bringing", promise="a stolen dock opens nothing but what it brought",
        file="ingest/central/routes_files.py", old="if isinstance(found, Upload) and not reads:", new="if isinstance(found, Upload) and reads is None:",
        tests=("tests/contract/central/test_of_others.py",),
    ),
    Mutant(
        name="store: renewed by what was taken back meanwhile", promise="what was taken back opens nothing",
        file="ingest/central/redeeming.py", old="    if found is None or not found[0]:\n", new="    if found is None:\n",
        tests=("tests/unit/ingest/central/test_enrolment.py",),
    ),
    Mutant(
        name="store: deletes by age though its clock jumped", promise="P1: a year ahead, everything is past its time at once",
        file="ingest/central/trusted_time.py", old="if boottime - self._jumped < SETTLED:", new="if boottime < self._jumped:",
        tests=("tests/unit/ingest/central/test_trusted_time.py",),
    ),
    Mutant(
        name="ledger: a file that lost its name is written to", promise="P2: permits and receipts in a file that nobody will find",
        file="ingest/ledger/core.py", old="            self._place.check()\n            self._write_beside(group)\n", new="            self._write_beside(group)\n",
        tests=("tests/unit/ingest/ledger/test_went_back.py",),
    ),
    Mutant(
        name="pin: keys that were put back clear a caught store", promise="P2: a store that was caught is believed without a person",
        file="ingest/ledger/stores.py", old="dishonest = dishonest or now.dishonest", new="dishonest = dishonest or None", tests=("tests/unit/ingest/ledger/test_rebuild.py",),
    ),
    Mutant(
        name="decommission: what an older ledger alone knows is not looked at", promise="P1: a camera with the only copy is forgotten with the dock",
        file="dockd/keeping/decommissioning.py", old="        found += reasons(before, reader)\n", new="", tests=_OLDER,
    ),
    Mutant(
        name="decommission: an older ledger that cannot be read knows nothing", promise="P4: what nobody could read is taken for nothing",
        file="ingest/ledger/leaving.py", old="    if found.unread:\n", new="    if not found:\n", tests=_OLDER,
    ),
    Mutant(
        name="decommission: a recording of the same name is the same recording", promise="P1: another recording is taken for the one that is known",
        file="ingest/ledger/kept_aside.py", old="AND size = ?4 AND mtime_ns = ?5", new="AND size = ?4 AND ?5", tests=_OLDER,
    ),
    Mutant(
        name="new book: a camera that was not listed yet has nothing", promise="P5: it is called answered for before anybody has looked",
        file="dockd/new_book.py", old="bay.visit is None or bay.visit.listed_once", new="bay.visit is None or bay.camera is not None", tests=_BOOK,
    ),
    Mutant(
        name="new book: a bay that nobody could look at has nothing", promise="P5: it is called answered for before anybody has looked",
        file="dockd/new_book.py", old='return bay.occupied in ("", "not_ours")', new='return bay.occupied in ("", "not_ours", "looking")', tests=_BOOK,
    ),
)  # fmt: skip
