"""The roll of cameras: each once, with who has it, where it is, and whether it has not come back."""

from __future__ import annotations

from pathlib import Path

from dockd.page.registry import Registry, read_registry
from dockd.page.roll import Row, roll, sums
from ingest.ledger.gaps import is_missed
from ingest.ledger.issues import Issue
from ingest.ledger.page_cameras import LastDocking
from ingest.model import CameraId

NOW = 1_800_000_000.0
DAY = 86400.0


def camera(serial: str, card: str = "") -> CameraId:
    return CameraId(profile="p", serial=serial, card=card)


def docking(one: CameraId, *, left: float | None = None, came: float | None = NOW - 9 * DAY) -> LastDocking:
    return LastDocking(camera=one, bay=3, docked_at=came, undocked_at=left)


def called(
    *seen: LastDocking, assigned: dict[str, str], here: dict[str, int] | None = None, issued: dict[str, Issue] | None = None
) -> dict[str, Row]:  # fmt: skip
    rows = roll(
        seen=seen, registry=Registry(assigned=assigned, notes={"A": "spare"}), here=here or {}, issued=issued or {}, now=NOW, not_seen=DAY
    )  # fmt: skip
    assert len({row.id for row in rows}) == len(rows)
    return {row.name: row for row in rows}


def test_each_camera_says_whose_it_is_and_where() -> None:
    issue = Issue(camera=camera("B").id, officer="PC 2", by="local", since=NOW)
    found = called(
        docking(camera("A"), left=NOW - 60), docking(camera("B"), left=NOW - 2 * DAY), docking(camera("X")),
        assigned={"A": "PC 1", "B": "", "C": ""}, here={camera("X").id: 7}, issued={issue.camera: issue},
    )  # fmt: skip
    a, b, c, x = found["A"], found["B"], found["C"], found["X"]
    assert (a.kind, a.officer, a.note, a.where, a.absent) == ("personal", "PC 1", "spare", "out", False)
    assert (b.kind, b.officer, b.issue, b.where, b.absent) == ("pool", "PC 2", issue, "out", True)
    assert (c.kind, c.officer, c.where, c.bay, c.absent) == ("pool", "", "never", None, True)
    assert (x.kind, x.where, x.bay, x.absent) == (None, "here", 7, False)
    total = sums(found.values())
    assert (total.here, total.out, total.absent, total.never, total.unlisted, total.issued) == (1, 2, 1, 1, 1, 1)


def test_of_two_cards_of_a_serial_the_one_that_is_here_speaks_else_the_last() -> None:
    old, new = camera("A", "one"), camera("A", "two")
    seen = (docking(old, left=NOW - 60), docking(new, left=NOW - 5 * DAY))
    assert called(*seen, assigned={"A": ""})["A"].id == old.id
    assert called(*seen, assigned={"A": ""}, here={new.id: 1})["A"].id == new.id
    assert len(roll(seen=seen, registry=Registry(), here={}, issued={}, now=NOW, not_seen=DAY)) == 2, (
        "no list: two cameras"
    )


def test_a_docking_whose_end_nobody_saw_counts_from_its_beginning() -> None:
    assert called(docking(camera("A"), came=NOW - 2 * DAY), assigned={})["A"].absent
    assert not called(docking(camera("A"), came=NOW - 60), assigned={})["A"].absent
    assert called(docking(camera("A"), came=None), assigned={})["A"].absent, "known from a rebuilt ledger alone"


def test_what_counts_as_not_come_back() -> None:
    assert is_missed(None, docked=False, now=NOW, not_seen=DAY)
    assert not is_missed(None, docked=True, now=NOW, not_seen=DAY)
    assert not is_missed(NOW - DAY, docked=False, now=NOW, not_seen=DAY)
    assert is_missed(NOW - DAY - 1, docked=False, now=NOW, not_seen=DAY)


def test_somebodys_own_camera_is_theirs_whatever_was_issued_before() -> None:
    issue = Issue(camera=camera("A").id, officer="PC 2", by="local", since=NOW)
    row = called(docking(camera("A")), assigned={"A": "PC 1"}, issued={issue.camera: issue})["A"]
    assert (row.officer, row.issue) == ("PC 1", None)


def test_the_list_has_notes_and_bounds(tmp_path: Path) -> None:
    file = tmp_path / "cameras.csv"
    file.write_text(f"Camera,assigned_to,note\nA1,PC 1,spare battery\nB1,,\nC1,{'x' * 5000},{'y' * 5000}\n")
    found = read_registry(file)
    assert found.notes == {"A1": "spare battery", "C1": "y" * 200}
    assert [found.kind_of(name) for name in ("A1", "B1", "Z", None)] == ["personal", "pool", None, None]
    assert len(found.assigned["C1"]) == 200
    file.write_text(f"camera\n{'x' * 501}\n")
    assert ":2: names a camera by more than 500 characters" in read_registry(file).trouble
    file.write_text("camera\n" + "\n".join(f"C{n}" for n in range(50_001)))
    assert "more than 50000" in read_registry(file).trouble
