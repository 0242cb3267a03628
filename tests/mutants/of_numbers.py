"""A bay's number belongs to one place, over restarts: what was said of a bay, and who has its camera, means that place.

And which token did it is told, and no token.
"""

from __future__ import annotations

from tests.mutants.planting import Mutant

_RACK = ("tests/unit/dockd/test_docking.py",)

NUMBERS = (
    Mutant(
        name="numbers: places are numbered anew at each start", promise="P5: out of use, custody and the next camera speak of another bay",
        file="dockd/docking.py", old="                self._numbers[place] = number\n", new="                pass\n", tests=_RACK, short=True,
    ),
    Mutant(
        name="numbers: a kept number is given though it is painted on another bay", promise="P5: two bays with one number",
        file="dockd/docking.py", old="            if place not in self._numbers and number not in self._numbers.values():\n", new="            if place not in self._numbers:\n", tests=_RACK,
    ),
    Mutant(
        name="numbers: a bay's new number counts as its camera's return", promise="P4: custody says that a camera came back which never moved",
        file="ingest/ledger/cameras.py", old="    return last[0] != now[0] and (last[1] is None or now[1] is None or last[1] != now[1])\n", new="    return last[0] != now[0]\n",
        tests=("tests/unit/ingest/ledger/test_changes.py",),
    ),
    Mutant(
        name="numbers: what only begins like the token's name is told", promise="a token stands in the log",
        file="dockd/ops/redaction.py", old='    return found[0] if found[0].rstrip(".):") == known else found.expand(instead)\n', new='    return found[0] if known and found[0].startswith(known) else found.expand(instead)\n',
        tests=("tests/unit/dockd/ops/test_redaction.py",),
    ),
)  # fmt: skip
