"""`dockd logs verify`: what it notes of lines that could not be read says nothing else than its verdict and its exit code."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from dockd.cli import cli

CUT = '{"@timestamp":"2026-11-20T06:00:00Z","service.name":"dockd","event.seq'


def line(number: int, action: str = "camera.undocked", **more: object) -> str:
    said = {
        "@timestamp": f"2026-11-20T06:00:{number:02}Z", "event.action": action, "event.sequence": number, "service.name": "dockd", "service.ephemeral_id": "a",
        "host.name": "dock1", **more,
    }  # fmt: skip
    return json.dumps(said)


RUN = [line(1, "log.opened"), line(2), line(3), line(4)]
CLOSED = [*RUN, line(5, "log.closed")]
NEXT = line(1, "log.opened", **{"service.ephemeral_id": "b", "@timestamp": "2026-11-20T07:00:00Z"})


@pytest.mark.parametrize(
    ("lines", "code", "noted", "verdict"),
    [
        ([*RUN, CUT], 1, "their numbers are after the last of a run that goes on", "NOT whole: 4 lines of 1 run, 0 missing, 0 there again"),
        ([*RUN[:2], CUT, RUN[3]], 1, "their numbers are among the missing", "NOT whole: 3 lines of 1 run, 1 missing, 0 there again"),
        ([*RUN[:2], CUT, RUN[3], CUT], 1, "their numbers are among the missing, or after the last of a run that goes on", "NOT whole: 3 lines of 1 run, 1 missing, 0 there again"),
        ([*RUN, CUT, NEXT], 1, "their numbers are after the last of a run whose end is not known", "NOT whole: 5 lines of 2 runs, 0 missing, 0 there again"),
        ([*RUN, CUT, RUN[3]], 1, "no number is missing for them", "NOT whole: 5 lines of 1 run, 0 missing, 1 there again"),
        ([*CLOSED, CUT], 0, "no number is missing for them", "whole: 5 lines of 1 run, none missing, none twice"),
        ([*RUN[:2], CUT, *RUN[2:]], 0, "no number is missing for them", "whole: 4 lines of 1 run, none missing, none twice"),
        ([CUT], 1, "whether they were dockd's is not known", "NOT proven: there is no numbered line of dockd in this"),
    ],
    ids=["cut at its end", "in the middle", "both", "before the next run", "brought again", "after its end", "beside it", "alone"],
)  # fmt: skip
def test_the_note_and_the_verdict_say_the_same(
    tmp_path: Path, lines: list[str], code: int, noted: str, verdict: str
) -> None:
    file = tmp_path / "dockd.log"
    file.write_text("\n".join(lines))
    done = CliRunner().invoke(cli, ["logs", "verify", str(file)])
    (note,) = [one for one in done.stdout.splitlines() if one.startswith("note:")]
    assert (done.exit_code, done.stdout.splitlines()[-1]) == (code, verdict)
    assert "could not be read" in note
    assert note.endswith(noted) if code and "no number" not in noted else noted in note
    assert ("missing" in note.replace("no number is missing", "")) == bool(" 1 missing" in verdict)
