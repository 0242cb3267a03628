"""What the front page, the wall and the handover say of the rack at once."""

from __future__ import annotations

from tests.mutants.planting import Mutant

_SUMMING = ("tests/unit/dockd/page/test_summing_up.py",)

FACE = (
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
        name="bay: said to be out of use though it is not", promise="P5: only what is so is said to be done",
        file="dockd/page/pages/bay.py", old="if what in _DONE and is_so", new="if what in _DONE", tests=("tests/e2e/test_bays.py",),
    ),
)  # fmt: skip
