"""What a backup says of itself is believed only where dockd could have written it; what is in it is copied as it is, and no link is followed."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest

from dockd.keeping.manifest import NAME, BackupUnusable, Manifest, copy_file, read
from dockd.state_places import GIVEN_UP, RESTORING, refuse_what_is_not_whole
from ingest.errors import LedgerUnusable

WHOLE = Manifest(
    made_at="2026-11-20T18:00:00.000Z", version="1", dock="d", seq=4, head="ab", tables="0001", keys=False, spool=True, left_out=(1, 2),
    files={"ledger.db": (3, "a" * 64)},
)  # fmt: skip


def test_it_reads_what_it_wrote(tmp_path: Path) -> None:
    WHOLE.write(tmp_path)
    assert read(tmp_path) == WHOLE


@pytest.mark.parametrize("name", ["../x", "/etc/passwd", "a//b", "keys/..", "", "a\0b", "."])
def test_a_name_that_leads_elsewhere(tmp_path: Path, name: str) -> None:
    WHOLE.write(tmp_path)
    said = json.loads((tmp_path / NAME).read_text())
    said["files"][name] = [0, "a" * 64]
    (tmp_path / NAME).write_text(json.dumps(said))
    with pytest.raises(BackupUnusable, match="is not what dockd writes"):
        read(tmp_path)


@pytest.mark.parametrize(
    "text", ["", "[]", "null", "{}", '{"dockd_backup": 2}', "[" * 100_000, '{"dockd_backup": 1, "files": 7}']
)
def test_what_is_none(tmp_path: Path, text: str) -> None:
    (tmp_path / NAME).write_text(text)
    with pytest.raises(BackupUnusable):
        read(tmp_path)


def test_one_without_it_was_cut(tmp_path: Path) -> None:
    with pytest.raises(BackupUnusable, match="was it cut"):
        read(tmp_path)


def test_a_copy_is_private_and_follows_no_link(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"content")
    (tmp_path / "link").symlink_to(tmp_path / "a")
    assert copy_file(tmp_path / "a", tmp_path / "b") == (7, hashlib.sha256(b"content").hexdigest())
    assert (tmp_path / "b").stat().st_mode & 0o777 == 0o600
    with pytest.raises(OSError, match="symbolic"):
        copy_file(tmp_path / "link", tmp_path / "c")
    assert not (tmp_path / "c").exists()


@pytest.mark.parametrize(("note", "why"), [(RESTORING, "was not finished"), (GIVEN_UP, "was taken out of service")])
def test_no_agent_starts_on_it(tmp_path: Path, note: str, why: str) -> None:
    refuse_what_is_not_whole(tmp_path)
    (tmp_path / note).touch()
    with pytest.raises(LedgerUnusable, match=why):
        refuse_what_is_not_whole(tmp_path)
