"""Who waits for what: evidence for nobody's request, a slow store for its time, and a low limit for no store's patience."""

from __future__ import annotations

from tests.mutants.planting import Mutant

_ORDER = ("tests/unit/ingest/test_order_of_delivery.py",)
_SOCKETS = ("tests/unit/ingest/store/test_sockets.py",)
_GOODPUT = ("tests/unit/ingest/test_goodput.py",)
_OUTGOING = ("tests/unit/ingest/store/test_outgoing.py",)

LANES = (
    Mutant(
        name="lanes: evidence waits for a request that is under way", promise="P1: evidence waits for minutes behind a large request under a low limit",
        file="ingest/lanes.py", old="or (one.ahead() and self._above is None)", new="or (one.ahead() and self._above is one)",
        tests=("tests/unit/ingest/test_lanes.py", *_ORDER),
    ),
    Mutant(
        name="places: evidence has no place while all are taken", promise="P1: evidence waits for minutes behind requests that creep",
        file="ingest/places.py", old="            if found[room].evidential and self._one_more():\n", new="            if not found[room].evidential and self._one_more() and False:\n",
        tests=_ORDER,
    ),
    Mutant(
        name="places: who waits for a lane keeps its place", promise="P1: what a person moved up waits behind what only waits itself",
        file="ingest/places.py", old="            self._lanes.dismiss(last.rank)\n", new="            self._lanes.waits(last.rank)\n", tests=_ORDER,
    ),
    Mutant(
        name="places: called evidence too late", promise="P1: what is called evidence while it waits goes on waiting",
        file="ingest/places.py", old="                turn.segment, turn.place, turn.sent_now = row, queue.rank(row), 0\n", new="                turn.sent_now = 0\n", tests=_ORDER,
    ),
    Mutant(
        name="delivery: a wait that is over is not seen", promise="P1: a segment lies for a minute while the line is free",
        file="ingest/delivery.py", old="        look = queue.next_wait if self._places.busy else queue.next_time", new="        look = (lambda _db: None) if self._places.busy else queue.next_time",
        tests=_ORDER,
    ),
    Mutant(
        name="goodput: a request goes past the limit's eight seconds", promise="P1: what is urgent waits for minutes under a low limit",
        file="ingest/goodput.py", old="    return size if limit is None else", new="    return size if limit is None or limit else", tests=(*_GOODPUT, "tests/unit/ingest/test_upload.py"),
    ),
    Mutant(
        name="goodput: eight requests make eight cuts of one", promise="after each hiccup of the line it stands idle between tiny requests",
        file="ingest/goodput.py", old="        if began >= self._cut_at:\n", new="        if began:\n", tests=_GOODPUT,
    ),
    Mutant(
        name="sockets: the kernel gives a slow store up", promise="a store that is only slow is given its time",
        file="ingest/store/line.py", old="given_up=max(patience.stall, patience.settle) + _MARGIN", new="given_up=patience.stall", tests=_SOCKETS,
    ),
    Mutant(
        name="line: what a low limit holds back counts as a store that takes nothing", promise="P5: the store is called down, and is not",
        file="ingest/store/line.py", old="                self._watch.reschedule(max(before, until))\n", new="                self._watch.reschedule(before)\n", tests=_SOCKETS,
    ),
    Mutant(
        name="line: what others send is patience for an answer", promise="a store that never answers is given up",
        file="ingest/store/line.py", old="                self._for = None  # all of it", new="                # all of it", tests=_SOCKETS,
    ),
    Mutant(
        name="outgoing: without a limit the kernel takes megabytes ahead", promise="a new limit holds within seconds",
        file="ingest/store/outgoing.py", old="        ahead = _MOST_AHEAD if rate is None", new="        ahead = 1 << 30 if rate is None", tests=_OUTGOING,
    ),
    Mutant(
        name="bandwidth: one alone is told of a new limit", promise="every store's sockets follow the limit",
        file="ingest/store/throttle.py", old="        for told in self._told:\n", new="        for told in self._told[-1:]:\n", tests=_OUTGOING,
    ),
    Mutant(
        name="bandwidth: at the least limit a connection is silent for minutes", promise="a low limit is no dead line",
        file="ingest/store/throttle.py", old="        least = max(LEAST, min(SMALLEST, int(self._rate / 4)))\n", new="        least = SMALLEST\n",
        tests=("tests/unit/ingest/store/test_throttle.py",),
    ),
)  # fmt: skip
