"""What `dockd status` says of figures that nobody could read."""

from __future__ import annotations

from typing import Any

from dockd.cli.status_words import figures, problem_lines
from dockd.page.words import moment_words, time_words
from ingest.clock import from_rfc3339


def found(**changes: Any) -> dict[str, Any]:
    status: dict[str, Any] = {
        "station": "S", "rack": "1", "ready": 0, "needs_action": 0, "oldest_unconfirmed": None, "wipe_enabled": True, "lost_segments": 0,
        "trouble": None, "backlog": {"segments": 0, "bytes": 0, "eta_seconds": None}, "held": {"segments": 0, "bytes": 0},
        "away": {"segments": 0, "bytes": 0, "cameras": 0}, "store": {"state": "connected", "message": ""},
        "spool": {"free_bytes": 1, "size_bytes": 2},
    }  # fmt: skip
    return {"status": {**status, **changes}, "problems": [], "bays": []}


def test_figures_that_cannot_be_read_are_not_told_as_none() -> None:
    lines = figures(found(trouble="the ledger is damaged"))
    assert "NOT KNOWN: the ledger is damaged" in lines
    assert not [line for line in lines if "none" in line or "nothing" in line or "0 segments" in line]
    assert "oldest not confirmed: none" in figures(found())


def test_what_is_on_cameras_alone_is_not_told_as_on_the_dock() -> None:
    backlog = {
        "segments": 150,
        "bytes": 944_000_000,
        "on_cameras_alone": {"segments": 50, "bytes": 311_000_000},
        "eta_seconds": None,
    }
    assert "on its way to the store: 150 segments, 944 MB (311 MB of it on cameras alone)" in figures(
        found(backlog=backlog)
    )


def test_what_is_away_and_held_is_told() -> None:
    lines = figures(
        found(away={"segments": 2, "bytes": 5, "cameras": 1}, held={"segments": 1, "bytes": 5}, lost_segments=0)
    )
    assert "not in the store, and not on its way: 2 segments on 1 camera that is not here, 1 segment held here" in lines


def test_a_camera_that_nobody_could_list_is_not_told_as_nothing() -> None:
    told = found()
    told["bays"] = [
        {"number": number, "verb": "act", "state": state, "segments": {"listed": listed}}
        for number, state, listed in (
            (1, "copy_failed", 0),
            (2, "ready", 0),
            (3, "copy_failed", 2),
            (4, "bay_fault", 0),
        )
    ]
    line = "not in the store, and not on its way: nothing of what was listed"
    assert f"{line}; nothing is listed of bays 1, 4" in figures(told)
    assert line in figures(found())


def test_since_when_the_store_is_not_there() -> None:
    down = {"state": "down", "message": "no route", "since": "2026-03-01T10:00:00Z"}
    (line,) = [one for one in figures(found(store=down, time="2026-03-01T12:05:00Z")) if one.startswith("store: ")]
    assert line == f"store: down since {moment_words(from_rfc3339(down['since']))} (2 h 5 min): no route"
    assert "store: connected" in figures(found())


def bay(number: int, verb: str, ready_at: str | None = None) -> dict[str, Any]:
    return {"number": number, "verb": verb, "ready_at": ready_at}


def test_when_the_next_one_is_ready() -> None:
    soon, later = "2026-03-01T12:05:00Z", "2026-03-01T12:40:00Z"
    told = found()
    told["bays"] = [bay(3, "leave", later), bay(4, "leave", soon), bay(5, "leave"), bay(6, "take")]
    assert f"next ready: about {time_words(from_rfc3339(soon))}, bay 4" in figures(told)
    told["bays"] = [bay(5, "leave"), bay(6, "take")]
    assert "next ready: cannot be told yet" in figures(told)
    told["bays"] = [bay(6, "take"), bay(7, "act")]
    assert not [line for line in figures(told) if "next ready" in line]


def test_a_problem_is_told_with_since_when_and_who_has_seen_it() -> None:
    since = "2026-03-01T10:00:00Z"
    told = found()
    told["problems"] = [
        {"bay": 12, "text": "It left early.", "advice": "Put it back.", "since": since, "seen_by": "user:sam"}
    ]
    when = moment_words(from_rfc3339(since))
    assert problem_lines(told) == [f"bay 12: It left early. Put it back. (since {when}) Seen by user:sam."]
