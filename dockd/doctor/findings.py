"""What a check found, as a value: pass, warn, fail, or skipped with the reason."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any, Literal, get_args

from dockd.settings.mistakes import printable

Outcome = Literal["pass", "warn", "fail", "skipped"]
OUTCOMES: tuple[Outcome, ...] = get_args(Outcome)
_LONGEST = 600


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One thing that was looked at. `says`: one plain sentence; `do`: what to do, "" where nothing is to be done."""

    check: str
    outcome: Outcome
    says: str
    do: str = ""
    group: str = ""

    def clean(self, *, group: str) -> Finding:
        """In its group, and fit to be shown: one line of printable text each, shortened."""
        return Finding(
            check=_line(self.check), outcome=self.outcome, says=_line(self.says), do=_line(self.do), group=group
        )


def passed(check: str, says: str) -> Finding:
    """It is as it should be."""
    return Finding(check=check, outcome="pass", says=says)


def warned(check: str, says: str, do: str) -> Finding:
    """dockd works, and somebody should know."""
    return Finding(check=check, outcome="warn", says=says, do=do)


def failed(check: str, says: str, do: str) -> Finding:
    """dockd does not work so, or not safely."""
    return Finding(check=check, outcome="fail", says=says, do=do)


def skipped(check: str, why: str, do: str = "") -> Finding:
    """It was not looked at, and why."""
    return Finding(check=check, outcome="skipped", says=why, do=do)


def document(found: Iterable[Finding], **beside: Any) -> dict[str, Any]:
    """As JSON: `{"ok", "counts": {outcome: n}, "checks": [{"group", "check", "outcome", "says", "do"}], …}`."""
    checks = list(found)
    counts = {outcome: sum(one.outcome == outcome for one in checks) for outcome in OUTCOMES}
    return {"ok": not counts["fail"], "counts": counts, **beside, "checks": [asdict(one) for one in checks]}


def _line(text: str) -> str:
    text = printable(text)
    return text if len(text) <= _LONGEST else text[: _LONGEST - 1] + "…"
