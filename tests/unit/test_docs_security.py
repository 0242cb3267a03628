"""docs/security.md leaves out no table, file of the state or secret, and the tests that it rests on are there."""

from __future__ import annotations

import re
import sqlite3
import tomllib
from dataclasses import fields
from pathlib import Path

import pytest

from dockd.access import schema as access_schema
from dockd.settings.schema import SECTIONS
from ingest.central import enrolment_file, index, records
from ingest.ledger import Ledger
from tests.unit.test_reliability import missing

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "docs" / "security.md").read_text(encoding="utf-8")
STORED = TEXT.partition("## What is stored where")[2].partition("\n## ")[0]
SECRETS = TEXT.partition("## Secrets")[2].partition("\n## ")[0]
THREATS = [
    row
    for row in TEXT.partition("## Who may attack")[2].partition("\n## ")[0].splitlines()
    if row.startswith("|") and not row.startswith(("|---", "| what"))
]


@pytest.mark.parametrize("row", THREATS, ids=[row.split("|")[1].strip()[:60] for row in THREATS])
def test_what_is_said_to_be_done_has_a_test(row: str) -> None:
    assert row.count("|") == 4, "three columns: what they try | what dockd does | shown by"
    assert missing(row) == []


def test_each_attacker_is_there() -> None:
    assert len(THREATS) > 35
    assert len(re.findall(r"(?m)^### ", TEXT.partition("## Who may attack")[2].partition("\n## ")[0])) == 8


async def test_no_table_is_left_out(tmp_path: Path) -> None:
    """Of the ledger, of access.db, and of the embedded store's books."""
    ledger = await Ledger.open(tmp_path / "ledger.db", keys=tmp_path / "keys")
    await ledger.close()
    with sqlite3.connect(tmp_path / "ledger.db") as connection:
        found = {row[0] for row in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    connection.close()
    made = " ".join(
        [*(text for _, one in access_schema.MIGRATIONS for text in one), *records.MIGRATIONS, *index.MIGRATIONS]
    )
    made += " ".join(text for one in enrolment_file._MIGRATIONS for text in one)
    found |= set(re.findall(r"CREATE TABLE (\w+)", made))
    assert len(found) > 25
    assert sorted(name for name in found if f"`{name}`" not in STORED and not name.startswith("sqlite_")) == []


def test_no_file_of_the_state_is_left_out() -> None:
    """Whatever docs/reference.md says lies in the state, the configuration and the log."""
    files = tomllib.loads((ROOT / "packaging" / "reference.toml").read_text(encoding="utf-8"))["file"]
    kept = [
        path
        for one in files
        for path in one["path"].split(", ")
        if not path.startswith(("/run", "/usr", "/lib", "/etc/logrotate")) and not path.endswith(".service")
    ]
    names = {re.sub(r"[*].*", "", path).rstrip("/").rpartition("/")[2] for path in kept} - {"dockd", ""}
    assert len(names) > 8
    assert sorted(name for name in names if name not in STORED) == []


def test_no_secret_is_left_out() -> None:
    keys = {
        f"{name}.{item.name}"
        for name, section in SECTIONS.items()
        for item in fields(section)
        if re.search(r"(token|key|auth|secret)_file$", item.name)
    }
    assert len(keys) >= 5
    assert sorted(key for key in keys if f"`{key}`" not in SECRETS) == []
