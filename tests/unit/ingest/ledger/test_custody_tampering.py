"""Whatever is done to the record with a database browser is found, and where it was done is said."""

from __future__ import annotations

import asyncio
import json
import shutil
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from ingest.events import CustodyRestored
from ingest.ledger import Ledger, custody, proven
from ingest.ledger.audit import Audit, check, moment
from ingest.ledger.keys import DockKey, KeyFolder, base64url, thumbprint
from ingest.model import Head
from tests.unit.ingest.ledger.day import STORE_KEY, a_day, forger, signed


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("whole")
    asyncio.run(a_day(folder))
    return folder


@pytest.fixture
def state(whole: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(whole, tmp_path / "state"))


def audit(state: Path, *, head: str | None = None) -> Audit:
    with moment(state / "ledger.db") as reader:
        return check(reader, head=head)


def chain(connection: sqlite3.Connection) -> list[tuple[int, str, str]]:
    return connection.execute("SELECT seq, body, hash FROM custody ORDER BY seq").fetchall()


def rehash(connection: sqlite3.Connection, seq: int, change: Callable[[dict[str, object]], None]) -> None:
    """Change an entry as one would who knows how hashes are made."""
    text = connection.execute("SELECT body FROM custody WHERE seq = ?", (seq,)).fetchone()[0]
    body = json.loads(text)
    change(body)
    text = custody.canonical(body)
    connection.execute("UPDATE custody SET body = ?, hash = ? WHERE seq = ?", (text, custody.entry_hash(text), seq))


def test_an_untouched_ledger_is_whole(state: Path) -> None:
    found = audit(state)
    assert found.faults == ()
    assert found.outside == "unknown"
    assert found.signed is not None
    assert found.signed.head.seq == found.entries > 20
    assert audit(state, head=found.signed.head.hash).outside == "found"


def test_every_entrys_text_is_covered(state: Path) -> None:
    with forger(state) as connection:
        for seq, text, _digest in chain(connection):
            connection.execute("UPDATE custody SET body = ? WHERE seq = ?", (text.replace("2", "3", 1), seq))
            assert any(fault.startswith(f"entry {seq}: ") for fault in audit(state).faults), seq
            connection.execute("UPDATE custody SET body = ? WHERE seq = ?", (text, seq))
    assert audit(state).faults == ()


def test_what_an_entry_tells_is_covered_by_its_own_hash(state: Path) -> None:
    """Written as dockd writes, every column as it was: only the hash is of the text before."""
    with forger(state) as connection:
        for seq, text, _digest in chain(connection):
            body = json.loads(text)
            body["data"]["told"] = "something else"
            connection.execute("UPDATE custody SET body = ? WHERE seq = ?", (custody.canonical(body), seq))
            assert audit(state).faults[0] == f"entry {seq}: its text was changed"
            connection.execute("UPDATE custody SET body = ? WHERE seq = ?", (text, seq))
    assert audit(state).faults == ()


@pytest.mark.parametrize("column", ["at", "action", "camera", "segment"])
def test_columns_beside_the_text(state: Path, column: str) -> None:
    with forger(state) as connection:
        connection.execute(f"UPDATE custody SET {column} = 'segment.other' WHERE seq = 7")
    assert audit(state).faults == ("entry 7: its columns were changed",)


def test_an_edit_with_its_hash_made_anew_is_found_at_the_next_entry(state: Path) -> None:
    with forger(state) as connection:
        rehash(connection, 5, lambda body: body["data"].update(bytes=11))  # type: ignore[attr-defined]
    assert audit(state).faults[0].startswith("entry 6: it does not follow the entry before")


def test_a_deleted_entry(state: Path) -> None:
    with forger(state) as connection:
        connection.execute("DELETE FROM custody WHERE seq = 9")
    assert audit(state).faults[0].startswith("entry 10: it does not follow the entry before")


def test_a_deleted_entry_with_the_next_one_linked_anew(state: Path) -> None:
    with forger(state) as connection:
        before = connection.execute("SELECT hash FROM custody WHERE seq = 8").fetchone()[0]
        connection.execute("DELETE FROM custody WHERE seq = 9")
        rehash(connection, 10, lambda body: body.update(prev=before))
    assert audit(state).faults[0] == "entry 10: entries 9 to 9 are missing"


def test_the_first_entry_deleted(state: Path) -> None:
    with forger(state) as connection:
        connection.execute("DELETE FROM custody WHERE seq = 1")
    assert audit(state).faults[0].startswith("entry 2: it does not follow the entry before")


def test_an_inserted_entry(state: Path) -> None:
    with forger(state) as connection:
        rows = chain(connection)
        for seq, _text, _digest in reversed(rows[7:]):
            connection.execute("UPDATE custody SET seq = ? WHERE seq = ?", (seq + 1, seq))
        text = custody.entry_text(
            seq=8, at="2026-11-20T10:00:00.000Z", action="agent.stopped", prev=rows[6][2], data={}
        )
        connection.execute(
            "INSERT INTO custody (seq, at, action, body, hash) VALUES (8, '2026-11-20T10:00:00.000Z', 'agent.stopped', ?, ?)",
            (text, custody.entry_hash(text)),
        )
    assert audit(state).faults[0] == "entry 9: its columns were changed"


def test_reordered_entries(state: Path) -> None:
    with forger(state) as connection:
        connection.execute("UPDATE custody SET seq = -1 WHERE seq = 7")
        connection.execute("UPDATE custody SET seq = 7 WHERE seq = 8")
        connection.execute("UPDATE custody SET seq = 8 WHERE seq = -1")
    faults = audit(state).faults
    assert [fault.split(":")[0] for fault in faults] == ["entry 7", "entry 8", "entry 9"]


def cut(state: Path, keep: int) -> None:
    with forger(state) as connection:
        connection.execute("DELETE FROM custody WHERE seq > ?", (keep,))


def test_a_cut_end_is_found_by_the_signed_head(state: Path) -> None:
    end = audit(state).entries
    cut(state, end - 1)
    assert audit(state).faults == (f"the signed head is entry {end}, but the chain ends at {end - 1}",)


def sign_again(state: Path, key: DockKey) -> None:
    with forger_again(state) as connection:
        seq, digest = connection.execute("SELECT seq, hash FROM custody ORDER BY seq DESC LIMIT 1").fetchone()
        connection.execute("INSERT OR IGNORE INTO dock_keys VALUES (?, ?, '')", (key.thumbprint, key.public))
        connection.execute(
            "UPDATE head SET seq = ?, hash = ?, key = ?, signature = ?",
            (seq, digest, key.thumbprint, key.sign(Head(seq=seq, hash=digest))),
        )


def forger_again(state: Path) -> sqlite3.Connection:
    return sqlite3.connect(state / "ledger.db", isolation_level=None)


def test_a_cut_end_signed_with_a_key_of_ones_own(state: Path, tmp_path: Path) -> None:
    cut(state, audit(state).entries - 1)
    key = KeyFolder(tmp_path / "forged").load(announced=None)
    sign_again(state, key)
    assert audit(state).faults == (
        f"the head is signed with the key {key.thumbprint}, which no entry of the chain announces",
    )


def test_an_end_cut_by_somebody_with_the_docks_own_key_is_found_with_a_head_from_outside_alone(state: Path) -> None:
    head = audit(state).signed
    assert head is not None
    cut(state, head.head.seq - 1)
    sign_again(state, KeyFolder(state / "keys").load(announced=None))
    found = audit(state)
    assert (found.faults, found.outside) == ((), "unknown")
    found = audit(state, head=head.head.hash)
    assert found.outside == "missing"
    assert found.faults == (
        f"the head {head.head.hash} known from outside is not in the chain: entries were cut off, or it is another dock's",
    )


def test_an_end_cut_by_somebody_with_the_docks_own_key_is_found_by_the_stores_receipts(state: Path) -> None:
    cut(state, 12)
    sign_again(state, KeyFolder(state / "keys").load(announced=None))
    (fault,) = audit(state).faults
    assert fault.startswith("entry 13: ")
    assert "of the store's receipts name a chain that had another entry here" in fault


def test_a_changed_receipt(state: Path) -> None:
    with forger(state) as connection:
        connection.execute("UPDATE receipts SET raw = raw || '.' WHERE nonce = 'attest-1'")
        seq = connection.execute(
            "SELECT seq FROM custody WHERE action = 'segment.attested' ORDER BY seq LIMIT 1 OFFSET 1"
        ).fetchone()[0]
    assert audit(state).faults == (
        f"entry {seq}: the receipt that it names is not in the ledger (it was removed or changed)",
    )


def test_a_forged_signature(state: Path) -> None:
    with forger(state) as connection:
        connection.execute("UPDATE head SET signature = replace(signature, substr(signature, 1, 4), 'AAAA')")
    assert audit(state).faults == ("the head's signature does not hold",)


def test_a_removed_head(state: Path) -> None:
    with forger(state) as connection:
        connection.execute("DELETE FROM head")
    assert audit(state).faults == ("the head is not signed",)


@pytest.mark.parametrize("text", ["", "{", "[]", "7", '{"data": 3}', "{" * 3, "[" * 100_000, '{"a": NaN}', "\u00e9"])
def test_text_that_cannot_be_read_is_a_fault_with_a_place(state: Path, text: str) -> None:
    with forger(state) as connection:
        connection.execute("UPDATE custody SET body = ? WHERE seq = 6", (text,))
    assert audit(state).faults[0].startswith("entry 6: its text ")


def test_text_that_is_no_unicode(state: Path) -> None:
    with forger(state) as connection:
        connection.execute("UPDATE custody SET body = CAST(x'ff00fe' AS TEXT) WHERE seq = 6")
    assert audit(state).faults[0].startswith("entry 6: its text is damaged")


async def test_a_chain_that_was_opened_anew_after_a_restore_is_whole_and_says_so(tmp_path: Path) -> None:
    await a_day(tmp_path)
    ledger = await Ledger.open(tmp_path / "ledger.db", keys=tmp_path / "keys")
    own = ledger.head
    restored = CustodyRestored(
        store="store-1", store_seq=own.seq + 50, store_head="f" * 64, own_seq=own.seq, own_head=own.hash
    )
    await ledger.commit(lambda tx: tx.record(restored, continue_after=restored.store_seq))
    await ledger.close()
    found = await asyncio.to_thread(audit, tmp_path)
    assert found.faults == ()
    (said,) = found.restored
    assert said.startswith(f"entry {own.seq + 51}, ")
    assert f"after entry {own.seq + 50}, which the store last saw" in said


async def test_an_agent_that_writes_is_not_taken_for_a_forger(tmp_path: Path) -> None:
    await a_day(tmp_path)
    ledger = await Ledger.open(tmp_path / "ledger.db", keys=tmp_path / "keys")
    with moment(tmp_path / "ledger.db") as reader:
        reader.execute("SELECT count(*) FROM custody").fetchone()
        before = ledger.head.seq
        restored = CustodyRestored(store="s", store_seq=0, store_head="0" * 64, own_seq=0, own_head="0" * 64)
        await ledger.commit(lambda tx: tx.record(restored))
        found = check(reader)
    await ledger.close()
    assert (found.faults, found.entries) == ((), before)


def retold(state: Path, change: Callable[[dict[str, object]], None], *, key: Ed25519PrivateKey = STORE_KEY) -> int:
    """The first receipt says something else, and everything that names it is made to fit, but for the chain after it."""
    with forger(state) as connection:
        nonce = "confirm-0"
        raw = connection.execute("SELECT raw FROM receipts WHERE nonce = ?", (nonce,)).fetchone()[0]
        said = proven.unsigned(raw)
        change(said)
        told = signed(said, key=key)
        connection.execute("UPDATE receipts SET raw = ? WHERE nonce = ?", (told, nonce))
        (seq,) = connection.execute("SELECT min(seq) FROM custody WHERE action = 'segment.confirmed'").fetchone()
        rehash(connection, seq, lambda body: body["data"].update(receipt_sha256=proven.sha256_of(told)))  # type: ignore[attr-defined]
    return int(seq)


def of_receipts(found: Audit) -> list[str]:
    return [fault for fault in found.faults if "receipt that it names" in fault]


def test_the_stores_signatures_are_checked(state: Path) -> None:
    found = audit(state)
    assert (found.receipts_signed, found.receipts_unchecked) == (6, 0)


def test_a_receipt_that_somebody_else_has_signed(state: Path) -> None:
    seq = retold(state, lambda said: None, key=Ed25519PrivateKey.generate())
    assert of_receipts(audit(state)) == [
        f"entry {seq}: the receipt that it names is not to be believed: the store's signature does not hold"
    ]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("size", 11),
        ("sha256", "0" * 64),
        ("iss", "store-2"),
        ("sub", "x"),
        ("segment", "y"),
        ("camera", "CAM02"),
        ("nonce", "z"),
        ("seq", 2),
    ],
)
def test_a_receipt_that_says_something_else_than_the_ledger(state: Path, name: str, value: object) -> None:
    seq = retold(state, lambda said: said.update({name: value}))
    (fault,) = of_receipts(audit(state))
    assert fault.startswith(
        f"entry {seq}: the receipt that it names is not to be believed: its {name} is {value}, and "
    )


def test_a_receipt_that_does_not_say_its_segment_is_one(state: Path) -> None:
    retold(state, lambda said: [said.pop("segment"), said.pop("camera")])  # type: ignore[arg-type]
    assert of_receipts(audit(state)) == []


def test_two_receipts_that_changed_places(state: Path) -> None:
    with forger(state) as connection:
        raws = connection.execute(
            "SELECT id, raw FROM receipts WHERE nonce IN ('confirm-0', 'confirm-1') ORDER BY id"
        ).fetchall()
        (one, first), (other, second) = raws
        connection.execute("UPDATE receipts SET raw = ? WHERE id = ?", (second, one))
        connection.execute("UPDATE receipts SET raw = ? WHERE id = ?", (first, other))
    assert (
        len([fault for fault in audit(state).faults if "is not in the ledger (it was removed or changed)" in fault])
        == 2
    )


def test_a_receipt_that_no_entry_names(state: Path) -> None:
    with forger(state) as connection:
        connection.execute(
            "INSERT INTO receipts (segment, store, object, method, size, sha256, durable, stored_at, attested_at, nonce, seq, head, raw,"
            " asked_boottime_ns, boot_id, at) SELECT segment, store, object, method, size, sha256, durable, stored_at, attested_at, 'more',"
            " seq, head, raw || 'x', asked_boottime_ns, boot_id, at FROM receipts LIMIT 1"
        )
    (fault,) = audit(state).faults
    assert fault.startswith("1 receipts are named by no entry, the first of segment ")


def test_a_column_of_a_receipt(state: Path) -> None:
    with forger(state) as connection:
        connection.execute("UPDATE receipts SET size = 11 WHERE nonce = 'confirm-0'")
    (fault,) = audit(state).faults
    assert fault.endswith("is not to be believed: the ledger's columns say something else than the entry")


def test_receipts_of_a_store_whose_key_was_never_kept_are_counted_and_no_fault(state: Path) -> None:
    with forger(state) as connection:
        connection.execute("DELETE FROM store_keys")
    found = audit(state)
    assert (found.faults, found.receipts_signed, found.receipts_unchecked) == ((), 0, 6)
    with forger_again(state) as connection:
        connection.execute("DROP TABLE store_keys")  # a copy from before they were kept
    assert audit(state).receipts_unchecked == 6


def test_a_store_key_put_in_by_somebody_else_counts_for_nothing(state: Path) -> None:
    mine = Ed25519PrivateKey.generate()
    public = base64url(mine.public_key().public_bytes_raw())
    retold(state, lambda said: None, key=mine)
    with forger_again(state) as connection:
        connection.execute("UPDATE store_keys SET public = ?", (public,))
    assert audit(state).receipts_signed == 0
    with forger_again(state) as connection:
        connection.execute("UPDATE store_keys SET thumbprint = ?", (thumbprint(public),))
    assert audit(state).receipts_signed == 0


@pytest.mark.parametrize("change", ["sha256 = replace(sha256, 'a', 'b')", "size = size + 1"])
def test_a_segments_row_that_says_something_else_than_the_record(state: Path, change: str) -> None:
    with forger(state) as connection:
        (name,) = connection.execute("SELECT id FROM segments WHERE path = CAST('DCIM/DOC_1.MP4' AS BLOB)").fetchone()
        (seq,) = connection.execute(
            "SELECT seq FROM custody WHERE action = 'segment.copied' AND segment = ?", (name,)
        ).fetchone()
        connection.execute(f"UPDATE segments SET {change} WHERE id = ?", (name,))
    assert (
        audit(state).faults[0]
        == f"entry {seq}: the ledger has another size or SHA-256 for segment {name} than the record"
    )


@pytest.mark.parametrize(
    ("table", "change", "told"),
    [
        ("segments", "path = CAST('DCIM/FORGED.MP4' AS BLOB)", "its path: DCIM/FORGED.MP4 in the ledger, DCIM/DOC_0.MP4 in the record"),
        ("segments", "captured_at = 0", "its time by the camera's clock: 1970-01-01T00:00:00.000Z in the ledger, 2001-"),
        ("segments", "clock_offset = -3600", "its clock offset (ms): -3600000 in the ledger, None in the record"),
        ("segments", "mtime_ns = 0", "its file time: 0 in the ledger, "),
        ("segments", "xxh3_128 = '00'", "its XXH3-128: 00 in the ledger, "),
        ("segments", "listed_at = 0", "its time of listing: 1970-01-01T00:00:00.000Z in the ledger, "),
        ("segments", "verified_at = 0", "its time of copying: "),
        ("segments", "confirmed_at = 0", "its time of confirmation: "),
        ("segments", "wiped_at = NULL", "its time of deletion: None in the ledger, "),
        ("segments", "released_at = 1", "its time of release: "),
        ("segments", "in_store = 0", "its copies: spool in the ledger, spool, store in the record"),
        ("segments", "on_camera = 1", "its copies: camera, spool, store in the ledger, spool, store in the record"),
        ("segments", "camera = 'OTHER'", "its camera: OTHER in the ledger, CAM01 in the record"),
        ("segments", "object = 'http://evil/x'", "its object: http://evil/x in the ledger, object-0 in the record"),
        ("segments", "store = 'evil'", "its store: evil in the ledger, store-1 in the record"),
        ("segments", "held = 'failed', held_message = 'x'", "its held: failed in the ledger, None in the record"),
        ("segments", "wipe_permit = 1", "the ledger has permit 1 for it, the record none"),
        ("permits", "closed_at = NULL", "permit 1 ended at "),
        ("permits", "camera = 'OTHER'", "permit 1 is not in the ledger as the record has it"),
        ("permits", "id = 9", "permit 9 is in the ledger, but not in the record"),
        ("stores", "keys = '[]'", "store store-1: its keys in the ledger is not what the record says"),
        ("stores", "url = 'http://evil'", "store store-1: its url in the ledger is not what the record says"),
        ("stores", "honest_at = NULL", "store store-1: its honest in the ledger is not what the record says"),
        ("stores", "id = 'evil'", "store store-1 is in the record, but not in the ledger"),
        ("dockings", "camera = 'OTHER'", "docking 1: the ledger has "),
        ("dockings", "docked_at = 0", "docking 1: the ledger has "),
        ("listings", "files = 99", "listing 1 of docking 1 is not what the record says"),
    ],
)  # fmt: skip
def test_a_row_edited_without_any_key_is_named(state: Path, table: str, change: str, told: str) -> None:
    with forger(state) as connection:
        connection.execute("PRAGMA foreign_keys = OFF")
        connection.execute(f"UPDATE {table} SET {change} WHERE rowid = (SELECT min(rowid) FROM {table})")
    faults = audit(state).faults
    assert any(told in fault for fault in faults), faults


@pytest.mark.parametrize("table", ["segments", "permits", "stores", "dockings", "listings"])
def test_a_row_taken_out_is_named(state: Path, table: str) -> None:
    with forger(state) as connection:
        connection.execute("PRAGMA foreign_keys = OFF")
        connection.execute(f"DELETE FROM {table}")
    assert any(f"{table[:-1]}" in fault for fault in audit(state).faults)


ODD = (
    "",
    "x",
    "[]",
    "[" * 100_000,
    "9" * 10_000,
    '{"data":{"store_seq":"x","keys":7,"key":[],"public":{}}}',
    "a.b.c",
    "\x1b[2J\x00",
    -1,
    2**62,
)
COLUMNS = [
    *(("custody", name) for name in ("seq", "at", "action", "camera", "segment", "body", "hash")),
    *(("receipts", name) for name in ("segment", "store", "object", "method", "size", "sha256", "nonce", "seq", "head", "raw", "stored_at")),
    *(("head", name) for name in ("seq", "hash", "key", "signature")),
    *((table, name) for table in ("dock_keys", "store_keys") for name in ("thumbprint", "public")),
]  # fmt: skip


@pytest.mark.parametrize(("table", "column"), COLUMNS, ids=lambda name: name)
def test_whatever_stands_in_a_column_is_a_fault_and_no_traceback(state: Path, table: str, column: str) -> None:
    with forger(state) as connection:
        connection.execute("PRAGMA foreign_keys = OFF")
        connection.execute("PRAGMA ignore_check_constraints = ON")
        (row, before) = connection.execute(
            f"SELECT rowid, {column} FROM {table} ORDER BY rowid DESC LIMIT 1"
        ).fetchone()
        tried = 0
        for odd in ODD:
            try:
                connection.execute(f"UPDATE {table} SET {column} = ? WHERE rowid = ?", (odd, row))
            except sqlite3.Error:
                continue  # of another type than the column
            now = odd if column == "seq" and table == "custody" else row
            found = audit(state)
            assert found.faults or found.receipts_unchecked, odd
            tried += 1
            connection.execute(f"UPDATE {table} SET {column} = ? WHERE rowid = ?", (before, now))
    assert tried
