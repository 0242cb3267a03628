"""What is wrong with the rack as a whole: it is said above the bays, counted where somebody has to act, and told to a wall without what is nobody's there."""

from __future__ import annotations

from tests.mutants.planting import Mutant

_BETWEEN = ("tests/unit/dockd/page/test_between.py",)
_OF_RACK = ("tests/unit/dockd/page/test_of_the_rack.py",)

WHOLE_RACK = (
    Mutant(
        name="rack: what goes on by itself is somebody's to act on", promise="P5: nobody is called for what is over by itself",
        file="dockd/page/problems.py", old="return self.is_of_rack and not self.by_itself and", new="return self.is_of_rack and", tests=_OF_RACK,
    ),
    Mutant(
        name="rack: a store that a person has to mend waits", promise="P5: what does not go on without a person is said to need one",
        file="dockd/page/problems.py", old='waits = name == "store_down" and not to_mend(store, store_message)', new='waits = name == "store_down"', tests=_OF_RACK,
    ),
    Mutant(
        name="rack: the wall is told what the dock says of itself", promise="a wall names no camera, no path and no footage",
        file="dockd/page/whole_rack.py", old='if worst.problem == "store_down":', new="if True:", tests=_OF_RACK,
    ),
    Mutant(
        name="rack: what is of the rack is cut from a list", promise="P5: trouble of the whole rack is not hidden behind cameras",
        file="dockd/page/pages/summing_up.py", old="    return found\n\n\ndef looked_at", new="    return found[: most - 1]\n\n\ndef looked_at", tests=_OF_RACK,
    ),
    Mutant(
        name="rack: the icon does not know it", promise="P5: a tab says that something is wrong",
        file="dockd/page/rendering.py", old=' or status["rack_problem"] is not None', new="", tests=_OF_RACK,
    ),
    Mutant(
        name="problems: how much is nowhere else does not count", promise="the worst first: what is on one camera alone is lost with it",
        file="dockd/page/problems.py", old="return kind, -problem.alone, -problem.weight", new="return kind, 0, -problem.weight", tests=_OF_RACK,
    ),
    Mutant(
        name="problems: that all of it is on the camera alone is not said", promise="the worse it is, the more is said of it",
        file="dockd/page/problems.py", old='        where = counted("It is on the camera alone.", "All of them are on the camera alone.", count=one.segments)\n', new="        pass\n", tests=_OF_RACK,
    ),
    Mutant(
        name="leaving: what was to be taken stays to be taken", promise="P5: nothing is ready by what was so before",
        file="dockd/page/bay_facts.py", old='told["verb"] in ("leave", "act") and', new="True and", tests=_BETWEEN,
    ),
    Mutant(
        name="leaving: it is left so", promise="P5: what nobody works on is not said to be worked on",
        file="dockd/page/bay_facts.py", old=" and self._passed() - since < _LEAVING", new=" and since > 0", tests=_BETWEEN,
    ),
    Mutant(
        name="emptying: any look is a part of it", promise="P5: a camera that may hold the only copy is not said to be emptied",
        file="dockd/page/state.py", old="        and facts.wipes\n        and not facts.unsafe\n    )\n\n\ndef _copying", new="        and facts.wipes\n    )\n\n\ndef _copying", tests=_BETWEEN,
    ),
    Mutant(
        name="live: the headline comes later than the bay that it counts", promise="P5: the headline says what the bays say",
        file="dockd/page/channels.py", old=" or figures != self._figures", new="", tests=_BETWEEN,
    ),
    Mutant(
        name="system: a clock of which nobody can say is wrong", promise="P5: only what is known to be wrong is said to be",
        file="dockd/page/pages/system.py", old="if synchronised is False:", new="if not synchronised:", tests=_OF_RACK,
    ),
)  # fmt: skip
