"""Problems as paper has room for them: what is to be done is said once, and equal ones stand together. Pure.

Rules kept here: what is of the whole rack stands first, and is never cut; then cameras that no bay speaks of, which stand nowhere else; then bays, the
worst first. Of what is cut the bays are named.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

from dockd.page.documents import Document

_MOST_LINES = 42
_LETTERS = 104  # in a line of a sheet of A4, beside the number of the bay


@dataclass(kw_only=True)
class Entry:
    """What is so, and the bays of which exactly that is so, as people write them; none where it is of no bay."""

    text: str
    numbers: list[int] = field(default_factory=list)
    bays: str = ""


@dataclass(kw_only=True)
class Fold:
    """Problems of one kind with one thing to do about them; `look`: how they are drawn."""

    advice: str
    look: Document
    entries: list[Entry] = field(default_factory=list)


@dataclass(kw_only=True)
class Folded:
    """What there is room for; how many more there are, and in which bays."""

    folds: list[Fold]
    more: int
    more_bays: str


def folded(problems: Sequence[Document], *, runs: Callable[[Iterable[int]], str], most: int = _MOST_LINES) -> Folded:
    """All of `problems` (each with its look, the worst first); `runs` writes numbers of bays; `most`: lines."""
    found: dict[tuple[str, str], Fold] = {}
    cut: list[Document] = []
    room = most
    for one in sorted(problems, key=_breadth):
        fold = found.get((one["problem"], one["advice"]))
        entry = next((entry for entry in fold.entries if entry.text == one["text"]), None) if fold is not None else None
        if entry is None and room <= 0 and _breadth(one) > 0:
            cut.append(one)
            continue
        if fold is None:
            fold = found[one["problem"], one["advice"]] = Fold(advice=one["advice"], look=one["look"])
            room -= _lines(fold.advice)
        if entry is None:
            entry = Entry(text=one["text"])
            fold.entries.append(entry)
            room -= _lines(entry.text)
        if one["bay"] is not None:
            entry.numbers.append(one["bay"])
    for entry in (entry for fold in found.values() for entry in fold.entries):
        entry.bays = runs(entry.numbers)
    bays = [one["bay"] for one in cut if one["bay"] is not None]
    return Folded(folds=list(found.values()), more=len(cut), more_bays=runs(bays))


def _lines(text: str) -> int:
    return 1 + len(text) // _LETTERS


def _breadth(problem: Document) -> int:
    """0: of the whole rack, 1: of a camera that no bay speaks of, 2: of a bay."""
    if problem["bay"] is not None:
        return 2
    return 0 if problem["camera"] is None else 1
