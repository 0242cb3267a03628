"""The log's files that logrotate has put aside are the log, too, by either way of naming them."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from dockd.support.logs import of_file
from ingest.clock import rfc3339

NOW = 1_795_245_600.0
HOUR = 3600.0


def lay(path: Path, *, ago: float, size: int = 0) -> None:
    """A file with one line of so many seconds ago, last written then."""
    path.write_text(f'{{"@timestamp":"{rfc3339(NOW - ago)}","message":"{ago:g} s ago{"." * size}"}}\n')
    os.utime(path, (NOW - ago, NOW - ago))


def said(text: str) -> list[str]:
    return [line.partition('"message":"')[2].partition(" ")[0] for line in text.splitlines()]


@pytest.mark.parametrize(
    "names",
    [
        ["dockd.log-20261121-1795242000", "dockd.log-20261121-1795245000"],
        ["dockd.log.2", "dockd.log.1"],
        ["dockd.log-20261120", "dockd.log-20261121"],
    ],
    ids=["as-shipped", "numbered", "dated"],
)
def test_what_was_rotated_is_told_in_its_order(tmp_path: Path, names: list[str]) -> None:
    log = tmp_path / "dockd.log"
    log.write_text("")
    for name, ago in zip(names, (HOUR, 60.0), strict=True):
        lay(tmp_path / name, ago=ago)
    lay(tmp_path / "dockd.log-20261119-1", ago=50 * HOUR)
    (tmp_path / "dockd.log-20261121.gz").write_bytes(b"\x1f\x8b packed")
    (tmp_path / "dockd.log.1.swp").write_text("an editor's\n")
    (tmp_path / "other.log.1").write_text("another's\n")
    found = of_file(log, since=NOW - 24 * HOUR, most=1 << 20)
    assert said(found.text) == ["3600", "60"]
    assert not [note for note in found.notes if "begins" in note]


def test_a_log_that_begins_later_is_told(tmp_path: Path) -> None:
    log = tmp_path / "dockd.log"
    lay(log, ago=60.0)
    found = of_file(log, since=NOW - HOUR, most=1 << 20)
    assert said(found.text) == ["60"]
    assert found.notes == [f"the log begins at {rfc3339(NOW - 60)}, which is later than --since"]


def test_the_newest_go_before_the_older_where_there_is_no_room(tmp_path: Path) -> None:
    log = tmp_path / "dockd.log"
    for name, ago in (("dockd.log", 1.0), ("dockd.log-20261121-2", 2.0), ("dockd.log-20261121-1", 3.0)):
        lay(tmp_path / name, ago=ago, size=1000)
    found = of_file(log, since=NOW - HOUR, most=2500)
    assert said(found.text) == ["2", "1"]
    assert "its newest 2500 bytes" in found.notes


def test_a_link_beside_the_log_is_not_followed(tmp_path: Path) -> None:
    log = tmp_path / "dockd.log"
    lay(log, ago=1.0)
    (tmp_path / "secret").write_text("root's\n")
    (tmp_path / "dockd.log.1").symlink_to(tmp_path / "secret")
    assert "root's" not in of_file(log, since=NOW - HOUR, most=1 << 20).text
