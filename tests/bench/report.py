"""A bench's result as a Markdown page with tables, and as a picture."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tests.bench.harness import Results


@dataclass(frozen=True, kw_only=True)
class Table:
    """A heading, column names, and rows of as many cells."""

    title: str
    columns: Sequence[str]
    rows: Sequence[Sequence[str]]
    note: str = ""

    def markdown(self) -> str:
        lines = [f"## {self.title}", "", "| " + " | ".join(self.columns) + " |"]
        lines.append("|" + "|".join([" --- "] + [" ---: "] * (len(self.columns) - 1)) + "|")
        lines += ["| " + " | ".join(row) + " |" for row in self.rows]
        return "\n".join(lines + (["", self.note] if self.note else [])) + "\n"


@dataclass(frozen=True, kw_only=True)
class Goal:
    """What is to be reached, and what was. `at_least`: whether more is better."""

    name: str
    wanted: float
    reached: float
    at_least: bool = True

    def row(self) -> list[str]:
        met = self.reached >= self.wanted if self.at_least else self.reached <= self.wanted
        sign = "≥" if self.at_least else "≤"
        return [self.name, f"{sign} {self.wanted:g}", f"{self.reached:.2f}", "yes" if met else "**no**"]


@dataclass(frozen=True, kw_only=True)
class Report:
    """What a bench found. `plotted` are the contenders in the picture; `text` says what was done and why."""

    name: str
    title: str
    machine: str
    text: str
    tables: Sequence[Table]
    goals: Sequence[Goal] = ()
    plotted: Sequence[Results] = field(default=())

    def write(self, folder: Path) -> Path:
        """Write NAME.md, and NAME.svg if something is plotted. Returns the path of the page."""
        folder.mkdir(parents=True, exist_ok=True)
        page = folder / f"{self.name}.md"
        page.write_text(self.markdown())
        if self.plotted:
            _plot(self.plotted, title=self.title, path=folder / f"{self.name}.svg")
        return page

    def markdown(self) -> str:
        """The whole page."""
        parts = [f"# {self.title}\n", self.text.strip() + "\n", f"Measured on {self.machine}\n"]
        if self.plotted:
            parts.append(f"![{self.title}]({self.name}.svg)\n")
        if self.goals:
            rows = [goal.row() for goal in self.goals]
            columns = ["", "goal", "reached", "met"]
            parts.append(Table(title="Goals", columns=columns, rows=rows).markdown())
        parts += [table.markdown() for table in self.tables]
        return "\n".join(parts)


def _plot(results: Sequence[Results], *, title: str, path: Path) -> None:
    """Two bar charts side by side, rate and CPU cost, medians with least-to-most whiskers."""
    import matplotlib as mpl  # here and not above: only a whole run draws, and only it needs the extra

    mpl.use("svg")
    mpl.rcParams["svg.hashsalt"] = path.name  # the same figures give the same file
    from matplotlib import pyplot as plt

    names = [result.contender.name for result in results]
    figure, axes = plt.subplots(1, 2, figsize=(11, 0.42 * len(names) + 1.4), sharey=True)
    for axis, label, spreads in (
        (axes[0], "MB/s (more is better)", [result.rate() for result in results]),
        (axes[1], "CPU seconds per GB (less is better)", [result.cpu_per_gb() for result in results]),
    ):
        medians = [spread.median for spread in spreads]
        whiskers = [
            [spread.median - spread.least for spread in spreads],
            [spread.most - spread.median for spread in spreads],
        ]
        ours = ["#1f6f5c" if "dockd" in name else "#9aa5b1" for name in names]
        axis.barh(names, medians, xerr=whiskers, color=ours, ecolor="#333333", capsize=3)
        axis.set_xlabel(label)
        axis.spines[["top", "right"]].set_visible(False)
    axes[0].invert_yaxis()
    figure.suptitle(title)
    figure.tight_layout()
    figure.savefig(path, metadata={"Date": None})
    plt.close(figure)
