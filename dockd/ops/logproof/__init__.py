"""Whether a log arrived whole: told from the log alone, wherever and in whatever form it arrived (`dockd logs verify`).

`lines` reads bounded lines from files that may be anything, `record` finds in one what dockd said, `numbers` remembers which numbers were seen,
`account` keeps a run's account, and `verdict` says what is missing, what is there twice, and what cannot be known.
"""

from dockd.ops.logproof.account import Account, Run
from dockd.ops.logproof.lines import TOO_LONG, Torn, read_lines
from dockd.ops.logproof.numbers import TooScattered
from dockd.ops.logproof.record import Line, Said, what_it_says
from dockd.ops.logproof.verdict import Absent, RunVerdict, Verdict, judge

__all__ = [
    "TOO_LONG",
    "Absent",
    "Account",
    "Line",
    "Run",
    "RunVerdict",
    "Said",
    "TooScattered",
    "Torn",
    "Verdict",
    "judge",
    "read_lines",
    "what_it_says",
]
