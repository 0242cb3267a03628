"""What is said of a segment at the store beside its bytes: evidence is marked before its proof counts, and a description is no proof."""

from __future__ import annotations

from tests.mutants.planting import Mutant

_EXPLAINING = ("tests/unit/ingest/test_explaining.py",)

EXPLAINING = (
    Mutant(
        name="explaining: what became evidence while it was proven counts unmarked", promise="evidential footage lies there without tag and lock",
        file="ingest/confirm.py", old="    if bool(segments.get(tx.execute, receipt.segment).evidential) != evidential:\n", new="    if evidential is None:\n",
        tests=_EXPLAINING, short=True,
    ),
    Mutant(
        name="explaining: a segment is marked as it was before its upload", promise="evidential footage lies there without tag and lock",
        file="ingest/explaining.py", old="        row = await self._ledger.read(lambda db: segments.get(db.execute, segment.id))\n        try:\n", new="        row = segment\n        try:\n",
        tests=_EXPLAINING,
    ),
    Mutant(
        name="explaining: one description that is refused is the store's trouble", promise="footage is never proven, and the others wait with it",
        file="ingest/explaining.py", old="        except DockdError as error:\n            return error\n", new="        except DockdError:\n            raise\n",
        tests=_EXPLAINING, short=True,
    ),
)  # fmt: skip
