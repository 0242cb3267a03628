"""What the front page, the wall and the handover say of the rack at once."""

from __future__ import annotations

from tests.mutants.planting import Mutant

_SUMMING = ("tests/unit/dockd/page/test_summing_up.py",)

_STATE = ("tests/unit/dockd/page/test_state.py",)
_EXPECTED = ("tests/unit/dockd/page/test_expected.py",)

FACE = (
    Mutant(
        name="frame: the headline is of a look of its own", promise="P5: what stands at the top counts what stands under it",
        file="dockd/page/rendering.py", old="snapshot if snapshot is not None else await self._view.look()", new="await self._view.look()",
        tests=("tests/unit/dockd/page/test_one_look.py",),
    ),
    Mutant(
        name="ready: the rule itself does not ask whether its battery charges", promise="P5: no order of rules makes a camera ready",
        file="dockd/page/state.py", old="        and not (facts.charge_lost or facts.clock_lost)\n        and not facts.will_not_charge\n",
        new="        and not (facts.charge_lost or facts.clock_lost)\n", tests=_STATE,
    ),
    Mutant(
        name="ready: by the word of a store that was caught", promise="P5: ready is one strict AND, and the store's honesty is in it",
        file="dockd/page/state.py", old='        and (facts.store != "dishonest" or not is_on_it(facts))\n', new="", tests=_STATE,
    ),
    Mutant(
        name="ready: what a store that was caught has confirmed is proven", promise="P5: nothing is called proven or safe by the word of a store that was caught",
        file="dockd/page/reasons.py", old='return facts.store == "dishonest" and facts.counts.listed > 0', new="return False", tests=_STATE,
    ),
    Mutant(
        name="foretold: what is held", promise="P5: only what comes by itself is foretold",
        file="dockd/page/ready_at.py", old="        and counts.held == 0\n        and not facts.held\n", new="", tests=_EXPECTED,
    ),
    Mutant(
        name="foretold: what somebody has to see to first", promise="P5: only what comes by itself is foretold",
        file="dockd/page/ready_at.py", old="return by_itself and fit and not is_away", new="return by_itself and not is_away", tests=_EXPECTED,
    ),
    Mutant(
        name="foretold: whatever was reckoned", promise="P5: only what comes by itself is foretold",
        file="dockd/page/bay_facts.py", old="moment.expected_of(bay).ready_at if can_become_ready(facts) else None,", new="moment.expected_of(bay).ready_at,", tests=_EXPECTED,
    ),
    Mutant(
        name="expected: of the camera that was in the bay before", promise="P5: a fault and a moment are told of the camera that they were found with",
        file="dockd/page/moment.py", old=" and found.docking == bay.visit.docking", new="", tests=_EXPECTED,
    ),
    Mutant(
        name="wall: what it says is the bay's own sentence", promise="a wall names nobody and no footage",
        file="dockd/page/pages/wall.py", old="word=_SHORT.get(state) or LOOKS[state].word", new='word=bay["why"]', tests=_SUMMING,
    ),
    Mutant(
        name="wall: any bay's share is shown", promise="a wall shows how far a camera is that is to be left, and no other figure",
        file="dockd/page/pages/wall.py", old=' if bay["verb"] == "leave" else None', new="", tests=_SUMMING,
    ),
    Mutant(
        name="front: what may go out only if cameras are short is to be taken", promise="P5: what is counted as ready is ready",
        file="dockd/page/pages/summing_up.py", old='return "usable" if bay["state"] == "usable" else str(bay["verb"])', new='return str(bay["verb"])',
        tests=_SUMMING,
    ),
    Mutant(
        name="front: a dock that cannot know foretells", promise="P5: nothing is foretold by a dock that cannot know",
        file="dockd/page/pages/summing_up.py", old='status["trouble"] or not coming', new="not coming", tests=_SUMMING,
    ),
    Mutant(
        name="handover: a bay is left out of a run", promise="the paper names every bay",
        file="dockd/page/pages/handover.py", old="if found and number == found[-1][-1] + 1:", new="if found and number <= found[-1][-1] + 2:", tests=_SUMMING,
    ),
    Mutant(
        name="handover: what is wrong with the rack is cut as any bay's is", promise="the paper says what is wrong with the whole rack",
        file="dockd/page/pages/folded.py", old="if entry is None and room <= 0 and _breadth(one) > 0:", new="if entry is None and room <= 0:", tests=_SUMMING,
    ),
    Mutant(
        name="handover: bays of what is cut are not named", promise="the paper names every bay that needs somebody",
        file="dockd/page/pages/folded.py", old='bays = [one["bay"] for one in cut if one["bay"] is not None]', new="bays: list[int] = []", tests=_SUMMING,
    ),
    Mutant(
        name="handover: who went out with footage not confirmed is not named", promise="the paper names each camera that is out with footage",
        file="dockd/page/pages/handover.py", old="if camera is not None and (n, camera.id) in out}", new="if camera is not None and (n, camera) in out}", tests=_SUMMING,
    ),
    Mutant(
        name="file: the leave to delete it is not in its record", promise="P4: the page tells of a file what its certificate does",
        file="ingest/ledger/page_history.py", old="found += [one for one in _leave(execute, segment) if one.seq > after]", new="found += []",
        tests=("tests/unit/dockd/test_certificate.py",),
    ),
    Mutant(
        name="file: a clock that was not synchronised is trusted", promise="P5: which times are to be trusted",
        file="ingest/ledger/evidence_times.py", old="return StationsClock(synchronised=said.synchronised, corrected=corrected, entry=said.seq)",
        new="return StationsClock(synchronised=True, corrected=corrected, entry=said.seq)", tests=("tests/unit/dockd/test_certificate.py",),
    ),
    Mutant(
        name="bay: said to be out of use though it is not", promise="P5: only what is so is said to be done",
        file="dockd/page/pages/bay.py", old="if what in _DONE and is_so", new="if what in _DONE", tests=("tests/e2e/test_bays.py",),
    ),
)  # fmt: skip
