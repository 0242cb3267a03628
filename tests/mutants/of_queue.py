"""P1, P4: what is queued is sent, in the order that was promised, and nothing waits for ever."""

from __future__ import annotations

from tests.mutants.planting import Mutant

_QUEUE = ("tests/unit/ingest/ledger/test_queue.py",)
_ORDER = ("tests/unit/ingest/test_order_of_delivery.py",)

QUEUE = (
    Mutant(
        name="queue: evidence waits like the rest", promise="P1: what matters most is longest without a second copy far away",
        file="ingest/ledger/queue.py", old='_BY = f"ORDER BY evidential DESC, priority DESC,', new='_BY = f"ORDER BY evidential, priority DESC,', tests=_QUEUE,
        short=True,
    ),
    Mutant(
        name="queue: one camera has the line until it is empty", promise="P1: 63 cameras wait for one of 40 GB",
        file="ingest/ledger/queue.py", old="(share + turn(segment.size), camera)", new="(share, camera)", tests=_QUEUE,
    ),
    Mutant(
        name="queue: a clock that runs ahead puts its camera last", promise="P1: a camera whose clock is wrong is never sent",
        file="ingest/ledger/queue.py", old="return min(segment.captured_at - (segment.clock_offset or 0), segment.listed_at)",
        new="return segment.captured_at - (segment.clock_offset or 0)", tests=(f"{_QUEUE[0]}::test_ranks_of_the_ledger_are_those_of_the_program", _QUEUE[0]),
    ),
    Mutant(
        name="queue: what waited for another try stays out", promise="P1: one failure, and a segment is never tried again",
        file="ingest/ledger/queue.py", old='tx.executemany("UPDATE segments SET next_attempt = 0.0 WHERE id = ?", due)', new="pass", tests=_QUEUE, short=True,
    ),
    Mutant(
        name="places: nothing gives way to evidence", promise="P1: evidence waits for hours behind a large segment",
        file="ingest/places.py", old="        turn.leaving = any(self._before(one, turn) for one in found) or self._is_one_too_many(turn)\n",
        new="        turn.leaving = any(one.evidential < 0 for one in found)\n", tests=_ORDER,
    ),
    Mutant(
        name="places: a turn is never over", promise="P1: small segments wait behind a large one for ever",
        file="ingest/places.py", old="is_over = turn.sent_now >= turn.allowed", new="is_over = False and turn.sent_now >= turn.allowed", tests=_ORDER,
    ),
    Mutant(
        name="upload: an upload whose turn is over counts as whole", promise="P2: proof is asked for what was not sent",
        file="ingest/upload.py", old="                if not whole:\n", new="                if not upload:\n", tests=_ORDER,
    ),
    Mutant(
        name="lanes: who is cancelled keeps the lane", promise="P1: after some failures nothing is sent any more",
        file="ingest/lanes.py", old="asking.turn.result():\n                self._release(asking)\n", new="asking.turn.result():\n                self._hand_on()\n",
        tests=("tests/unit/ingest/test_lanes.py",),
    ),
    Mutant(
        name="goodput: lanes stay as they were", promise="a far store gets a tenth of the line",
        file="ingest/goodput.py", old="        if self._rest <= 0 and not self._odd:\n", new="        if self._rest < 0 and not self._odd and not self._base:\n",
        tests=("tests/unit/ingest/test_goodput.py",),
    ),
    Mutant(
        name="verify: evidence is nobody's entry", promise="P4: an edit that calls a segment no evidence is not found",
        file="ingest/ledger/books.py", old='        ("being evidence", bool(row.evidential), played.evidential),\n', new="", tests=_QUEUE, short=True,
    ),
)  # fmt: skip
