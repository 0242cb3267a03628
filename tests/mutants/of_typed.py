"""What somebody typed is theirs: kept where they were signed out, shown and not sent; and nobody undoes what they have not seen."""

from __future__ import annotations

from tests.mutants.planting import Mutant

_TYPED = ("tests/unit/dockd/page/test_typed.py",)

TYPED = (
    Mutant(
        name="typed: what another site sends is kept", promise="a page elsewhere puts no words into a sergeant's form",
        file="dockd/page/typed.py", old="            see_the_origin(request)\n", new="", tests=_TYPED,
    ),
    Mutant(
        name="typed: anything is taken from a cookie", promise="only fields that are named are put into a form",
        file="dockd/page/typed.py", old="fields.keys() - FIELDS or not all(", new="not all(", tests=_TYPED,
    ),
    Mutant(
        name="typed: what was typed is shown to anybody", promise="the next one at the machine does not read it",
        file="dockd/page/typed.py", old=" or found.mark != who(request).mark:", new=":", tests=_TYPED,
    ),
    Mutant(
        name="typed: what was typed outlives signing out", promise="the next one at the machine does not read it",
        file="dockd/page/pages/login.py", old="        cookies.forget(request, response, cookies.TYPED)\n", new="", tests=_TYPED,
    ),
    Mutant(
        name="typed: that nothing was changed is said after it was", promise="what is said was not done, was not done",
        file="dockd/page/typed.py", old="            cookies.forget(request, response, cookies.TYPED)\n", new="            return\n", tests=_TYPED,
    ),
    Mutant(
        name="typed: a camera is given to a second officer unseen", promise="nobody undoes unasked what they have not seen",
        file="dockd/page/doings.py", old="            _nobody_else_has_issued_it(tx, identity, was=was, wish=who)\n", new="", tests=_TYPED,
    ),
    Mutant(
        name="typed: whoever mends a field is not told who issued it meanwhile", promise="nobody undoes unasked what they have not seen",
        file="dockd/page/pages/camera.py", old='({"": meanwhile} if meanwhile else {})', new="{}", tests=_TYPED,
    ),
    Mutant(
        name="typed: whoever mends a reason is not told who marked it meanwhile", promise="nobody undoes unasked what they have not seen",
        file="dockd/page/pages/bay.py", old='            mistakes = {"": meanwhile, **(mistakes or {})}\n', new="            pass\n", tests=_TYPED,
    ),
    Mutant(
        name="typed: what one had seen goes with the session", promise="nobody undoes unasked what they have not seen",
        file="dockd/page/typed.py", old='"hours", "rate", WAS})', new='"hours", "rate"})', tests=_TYPED,
    ),
    Mutant(
        name="typed: a bay's mark is replaced unseen", promise="nobody undoes unasked what they have not seen",
        file="dockd/page/doings.py", old="            _nobody_else_has_marked_it(tx, bay, was=was, wish=why)\n", new="", tests=_TYPED,
    ),
    Mutant(
        name="typed: a bay's mark is lifted unseen", promise="nobody undoes unasked what they have not seen",
        file="dockd/page/doings.py", old="            _nobody_else_has_marked_it(tx, bay, was=was, wish=None)\n", new="", tests=_TYPED,
    ),
    Mutant(
        name="problems: what was closed and is still so is told as all well", promise="P5: footage that is out is not hidden by a press",
        file="dockd/page/problem_book.py", old="            if known.closed_at is not None\n        ]\n", new="            if known.closed_at is None\n        ]\n", tests=(*_TYPED, "tests/unit/dockd/page/test_problem_book.py"),
    ),
    Mutant(
        name="typed: a camera with footage on it alone is issued unwarned", promise="P5: whoever issues a camera is told what is on it alone",
        file="dockd/page/pages/camera.py", old="for one in found.alone] if here is None else []", new="for one in found.alone] if here is not None else []", tests=_TYPED,
    ),
)  # fmt: skip
