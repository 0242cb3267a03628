"""The limit: it is held for everything, everybody has a share, and who sets it is recorded and at this machine."""

from __future__ import annotations

from tests.mutants.planting import Mutant

_THROTTLE = ("tests/unit/ingest/store/test_throttle_changes.py",)
_TURNS = ("tests/unit/ingest/store/test_turns.py",)
_SET = ("tests/unit/ingest/test_bandwidth.py",)
_ASKED = ("tests/e2e/test_bandwidth.py",)

BANDWIDTH = (
    Mutant(
        name="bandwidth: heads of requests are not counted", promise="one limit for everything that dockd sends",
        file="ingest/store/outgoing.py", old="        trace.on_request_headers_sent.append(head)\n", new="", tests=("tests/unit/ingest/store/test_outgoing.py",),
    ),
    Mutant(
        name="bandwidth: what was granted is charged again", promise="the line is full when it may be",
        file="ingest/store/throttle.py", old="        known = min(size, self._unseen)\n", new="        known = min(0, self._unseen)\n", tests=_THROTTLE,
    ),
    Mutant(
        name="bandwidth: who waits beside evidence stands still", promise="nothing starves",
        file="ingest/store/throttle.py", old="        extra = min(self._owed, seconds * (1 / TRICKLE - 1))\n", new="        extra = self._owed\n", tests=_THROTTLE,
    ),
    Mutant(
        name="bandwidth: evidence passes though the site did not say so", promise="the limit is the site's",
        file="ingest/store/throttle.py", old="        if self._evidential and self._bucket.bypass:\n", new="        if self._evidential:\n", tests=_THROTTLE,
    ),
    Mutant(
        name="bandwidth: a pause earns credit", promise="no 100 ms above 1.1 times the rate, nobody else's traffic ruined",
        file="ingest/store/throttle.py", old="            self._due = now if late >= _IDLE else now - WINDOW\n", new="            self._owed += 0.0\n", tests=("tests/unit/ingest/store/test_throttle.py",),
    ),
    Mutant(
        name="bandwidth: turns by connection, not by camera", promise="fair between cameras",
        file="ingest/store/turns.py", old="            who = min(self._waiting, key=lambda one: self._had.get(one, self._level))\n", new="            who = next(iter(self._waiting))\n", tests=_TURNS,
    ),
    Mutant(
        name="bandwidth: a turn dies with who was given it", promise="an upload that is cut stops no other",
        file="ingest/store/turns.py", old="            if not turn.cancelled():\n", new="            if turn.cancelled():\n", tests=_TURNS,
    ),
    Mutant(
        name="timetable: a line over midnight is the next day's", promise="right over midnight and week end",
        file="ingest/timetable.py", old="((wall.day - 1) % 7 in line.days and minute < line.end)", new="(wall.day in line.days and minute < line.end)", tests=("tests/unit/ingest/test_timetable.py",),
    ),
    Mutant(
        name="timetable: a leap of the clock is not seen", promise="right over DST",
        file="ingest/timetable.py", old="    if wall(edge).ahead == here.ahead:\n", new="    if wall(edge).ahead >= -86400:\n", tests=("tests/unit/ingest/test_timetable.py",),
    ),
    Mutant(
        name="override: a clock that is set back makes it longer", promise="an override always ends",
        file="ingest/ledger/override.py", old="        return min(self.until - clock.now(), self.lasts - passed)\n", new="        return max(self.until - clock.now(), -passed)\n", tests=_SET,
    ),
    Mutant(
        name="override: what a person set is not recorded", promise="P4: an operator's act is explained",
        file="ingest/ledger/override.py", old="    tx.record(events.BandwidthOverridden(limit=rate_text(rate), until=rfc3339(found.until), by=by))\n", new="", tests=_SET,
    ),
    Mutant(
        name="changes: a page of another origin may", promise="only who is at this machine sets the limit",
        file="dockd/page/asked.py", old='    if not same or site not in _SITES:\n', new="    if not request.headers:\n", tests=_ASKED,
    ),
    Mutant(
        name="changes: a form may", promise="only who is at this machine sets the limit",
        file="dockd/page/asked.py", old='    if request.content_type != "application/json":\n', new="    if not request.content_type:\n", tests=_ASKED,
    ),
    Mutant(
        name="changes: another server may, for anybody", promise="only who is at this machine sets the limit",
        file="dockd/page/nearby.py", old="any(_is_a_forwarders(name.lower()) for name in request.headers)", new="any(_is_a_forwarders(name.lower()) for name in request.query)", tests=_ASKED,
    ),
)  # fmt: skip
