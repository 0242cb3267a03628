"""Sixty racks that find their store again: requests a second at the store against time, with the links of dockd and without their jitter.

Simulated (tests/simulators/herd.py): the racks' links are the real ones on a clock of their own, the store and the senders are not. Nothing here
is a measurement of this machine.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.bench.harness import Options
from tests.bench.report import Goal, Report, Table
from tests.simulators.herd import Seen, after_an_outage, after_being_sent_away

RACKS, SEED = 60, 1
TEXT = """
A force has 60 racks and one store. When the store comes back after an outage, or has sent everybody away with one and the same Retry-After, every
rack wants to know at once. What keeps them apart: waits are doubled, capped at a minute and then jittered; a Retry-After is a floor, above
which it is jittered by half of it, at most a minute; one probe of each rack looks for the store, and its senders begin only when that has
found it. So the racks come back one after the other within a minute, and the store's load grows over that minute instead of standing there in
the first second.

Simulated on a clock that jumps from one event to the next: the racks' links are the real code (`ingest/link.py`, `standing.py`,
`setbacks.py`); the store serves 128 requests at once, lets 128 more wait, and sends the others away; each rack has four senders with more than
they can send. Grey: the same without jitter.
"""


@dataclass(frozen=True, kw_only=True)
class Case:
    """What happened to the store, seen with and without jitter."""

    title: str
    ours: Seen
    bare: Seen
    span: int


def run(options: Options) -> Report:
    """Both cases, each with jitter and without."""
    senders = 1 if options.quick else 4
    cases = [
        _case("The store is away for an hour, and back at once", after_an_outage, options, senders, span=120),
        _case("The store answers 503 with Retry-After: 120 to all for 100 s", after_being_sent_away, options, senders, span=170),
    ]  # fmt: skip
    rows = [_row(case.title, name, seen) for case in cases for name, seen in (("dockd", case.ours), ("without jitter", case.bare))]  # fmt: skip
    goals = [
        Goal(name=f"racks that look for the store in one second, at most: {case.title.lower()}", wanted=RACKS / 6,
             reached=case.ours.peak(case.ours.looks, before=case.span), at_least=False)
        for case in cases
    ]  # fmt: skip
    columns = (
        "",
        "racks asking in one second, most",
        "requests in one second, most",
        "sent away",
        "seconds until half of its strength is used",
    )
    return Herd(
        name="herd", title="Sixty racks that come back", machine="no machine: this is a simulation.", text=TEXT, goals=goals,
        tables=[Table(title="From when the store is there again", columns=columns, rows=rows)], cases=tuple(cases),
    )  # fmt: skip


def _case(title: str, happens: Callable[..., Seen], options: Options, senders: int, *, span: int) -> Case:
    def seen(name: str, seed: int | None) -> Seen:
        folder = options.scratch / f"{happens.__name__}-{name}"
        folder.mkdir()
        return happens(folder, seed=seed, racks=RACKS, senders=senders, looked=float(span))

    return Case(title=title, ours=seen("ours", SEED), bare=seen("bare", None), span=span)


def _row(title: str, name: str, seen: Seen) -> tuple[str, ...]:
    away = sum(n for second, n in seen.away.items() if second >= 0)
    half = next((second for second in range(600) if seen.came[second] >= seen.strength / 2), None)
    return (
        f"{title}: {name}", str(seen.peak(seen.looks)), str(seen.peak(seen.came)), str(away), "never" if half is None else str(half)
    )  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Herd(Report):
    """The page, with a picture of its own kind."""

    cases: Sequence[Case]

    def write(self, folder: Path) -> Path:
        page = super().write(folder)
        _draw(self.cases, title=self.title, path=folder / f"{self.name}.svg")
        return page

    def markdown(self) -> str:
        whole = super().markdown()
        return whole.replace("## Goals", f"![{self.title}]({self.name}.svg)\n\n## Goals", 1)


def _draw(cases: Sequence[Case], *, title: str, path: Path) -> None:
    """A column for each case: who asks whether it is there, and all requests beside the store's strength."""
    import matplotlib as mpl  # here and not above: only a whole run draws, and only it needs the extra

    mpl.use("svg")
    mpl.rcParams["svg.hashsalt"] = path.name
    from matplotlib import pyplot as plt

    figure, axes = plt.subplots(2, len(cases), figsize=(11, 6.2), squeeze=False)
    for column, case in enumerate(cases):
        for row, (label, of) in enumerate(
            (("racks asking who it is, a second", _looks), ("all requests, a second", _came))
        ):
            axis = axes[row][column]
            for name, seen, colour in (("without jitter", case.bare, "#9aa5b1"), ("dockd", case.ours, "#1f6f5c")):
                counts = of(seen)
                axis.step(
                    range(case.span),
                    [counts[second] for second in range(case.span)],
                    where="mid",
                    label=name,
                    color=colour,
                    linewidth=1.1,
                )
            axis.set_ylabel(label)
            axis.spines[["top", "right"]].set_visible(False)
            if row:
                axis.axhline(
                    case.ours.strength,
                    color="#b3541e",
                    linestyle="--",
                    linewidth=0.9,
                    label="what the store can carry out",
                )
                axis.set_xlabel("seconds since the store is there again")
            else:
                axis.set_title(case.title, fontsize=9)
            axis.legend(fontsize=8, frameon=False, loc="best")
    figure.suptitle(title)
    figure.tight_layout()
    figure.savefig(path, metadata={"Date": None})
    plt.close(figure)


def _looks(seen: Seen) -> Counter[int]:
    return seen.looks


def _came(seen: Seen) -> Counter[int]:
    return seen.came
