"""The ledger's tables, as numbered migrations that only go forward.

Why: a dock is upgraded in place with footage in it. A ledger from a newer dockd is refused rather than guessed at.
`custody` can be appended to and nothing else: triggers refuse updates and deletes.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from datetime import UTC, datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import sqlite3

_MADE = re.compile(r"^CREATE (?:UNIQUE )?(?:TABLE|INDEX) (?:IF NOT EXISTS )?(\w+)", re.MULTILINE)

# As sqlite-utils makes and fills it: `upgrade` reads there what a ledger has had.
_RECORDS = (
    'CREATE TABLE "_sqlite_migrations" (\n   "id" INTEGER PRIMARY KEY,\n   "migration_set" TEXT,\n   "name" TEXT,\n   "applied_at" TEXT\n)',
    'CREATE UNIQUE INDEX "idx__sqlite_migrations_migration_set_name"\n    ON "_sqlite_migrations" ("migration_set", "name")',
)
_RECORD = "INSERT INTO _sqlite_migrations (migration_set, name, applied_at) VALUES ('dockd', ?, ?)"

_0001_SPINE = """
CREATE TABLE custody (
    seq INTEGER PRIMARY KEY, at TEXT NOT NULL, action TEXT NOT NULL, camera TEXT, segment TEXT,
    body TEXT NOT NULL, hash TEXT NOT NULL
) STRICT;
CREATE INDEX custody_segment ON custody(segment) WHERE segment IS NOT NULL;
CREATE TRIGGER custody_no_update BEFORE UPDATE ON custody BEGIN SELECT RAISE(ABORT, 'custody is append-only'); END;
CREATE TRIGGER custody_no_delete BEFORE DELETE ON custody BEGIN SELECT RAISE(ABORT, 'custody is append-only'); END;

CREATE TABLE head (only_row INTEGER PRIMARY KEY CHECK (only_row = 1), seq INTEGER NOT NULL, hash TEXT NOT NULL,
    key TEXT NOT NULL, signature TEXT NOT NULL) STRICT;
CREATE TABLE dock_keys (thumbprint TEXT PRIMARY KEY, public TEXT NOT NULL, since TEXT NOT NULL) STRICT;

CREATE TABLE cameras (
    id TEXT PRIMARY KEY, profile TEXT NOT NULL, serial TEXT NOT NULL, card TEXT NOT NULL,
    first_seen REAL NOT NULL, last_seen REAL NOT NULL, last_bay INTEGER
) STRICT;
CREATE TABLE dockings (
    id INTEGER PRIMARY KEY, camera TEXT NOT NULL REFERENCES cameras(id), bay INTEGER, source TEXT NOT NULL,
    docked_at REAL NOT NULL, undocked_at REAL
) STRICT;
CREATE INDEX dockings_camera ON dockings(camera);
CREATE TABLE listings (
    id INTEGER PRIMARY KEY, docking INTEGER NOT NULL REFERENCES dockings(id), at REAL NOT NULL,
    files INTEGER NOT NULL, bytes INTEGER NOT NULL, skipped INTEGER NOT NULL
) STRICT;

CREATE TABLE segments (
    id TEXT PRIMARY KEY, camera TEXT NOT NULL REFERENCES cameras(id), path BLOB NOT NULL, size INTEGER NOT NULL,
    mtime_ns INTEGER NOT NULL, ctime_ns INTEGER NOT NULL, dev INTEGER NOT NULL, ino INTEGER NOT NULL,
    docking INTEGER, sha256 TEXT, xxh3_128 TEXT,
    on_camera INTEGER NOT NULL, in_spool INTEGER NOT NULL, in_store INTEGER NOT NULL,
    held TEXT, held_message TEXT, evidential INTEGER NOT NULL DEFAULT 0, priority INTEGER NOT NULL DEFAULT 0,
    attempts INTEGER NOT NULL DEFAULT 0, next_attempt REAL NOT NULL DEFAULT 0, trouble TEXT,
    upload TEXT, store TEXT, object TEXT, wipe_permit INTEGER,
    captured_at REAL NOT NULL, listed_at REAL NOT NULL, pulled_at REAL, verified_at REAL, confirmed_at REAL,
    wiped_at REAL, released_at REAL
) STRICT;
CREATE INDEX segments_place ON segments(camera, path);
CREATE INDEX segments_docking ON segments(docking);
CREATE INDEX segments_on_camera ON segments(camera) WHERE on_camera = 1;
CREATE INDEX segments_queue ON segments(evidential DESC, priority DESC, captured_at, id)
    WHERE in_spool = 1 AND in_store = 0 AND held IS NULL;
CREATE INDEX segments_unconfirmed ON segments(captured_at) WHERE in_store = 0 AND (on_camera = 1 OR in_spool = 1);
CREATE INDEX segments_spooled ON segments(confirmed_at) WHERE in_spool = 1 AND in_store = 1;
CREATE INDEX segments_held ON segments(held) WHERE held IS NOT NULL;

CREATE TABLE receipts (
    id INTEGER PRIMARY KEY, segment TEXT NOT NULL REFERENCES segments(id), store TEXT NOT NULL, object TEXT NOT NULL,
    method TEXT NOT NULL, size INTEGER NOT NULL, sha256 TEXT NOT NULL, durable INTEGER NOT NULL,
    stored_at TEXT NOT NULL, attested_at TEXT NOT NULL, nonce TEXT NOT NULL UNIQUE, seq INTEGER, head TEXT, raw TEXT NOT NULL,
    asked_boottime_ns INTEGER NOT NULL, boot_id TEXT NOT NULL, at REAL NOT NULL
) STRICT;
CREATE INDEX receipts_segment ON receipts(segment, id);

CREATE TABLE permits (
    id INTEGER PRIMARY KEY, camera TEXT NOT NULL, device TEXT NOT NULL, issued_at REAL NOT NULL,
    deadline_ns INTEGER NOT NULL, boot_id TEXT NOT NULL, closed_at REAL
) STRICT;

CREATE TABLE stores (
    id TEXT PRIMARY KEY, url TEXT NOT NULL, method TEXT NOT NULL, durable INTEGER NOT NULL, keys TEXT NOT NULL,
    pinned_at REAL NOT NULL, pinned INTEGER NOT NULL, honest_at REAL, dishonest TEXT
) STRICT;
CREATE UNIQUE INDEX stores_pinned ON stores(pinned) WHERE pinned = 1;
"""

# What a camera's profile says of a file (kind NULL: no profile, so it is a segment), and what its clock was off by when it was docked.
_0002_CAMERAS = """
ALTER TABLE segments ADD COLUMN kind TEXT;
ALTER TABLE segments ADD COLUMN recording TEXT;
ALTER TABLE segments ADD COLUMN part INTEGER;
ALTER TABLE segments ADD COLUMN clock_offset REAL;
ALTER TABLE dockings ADD COLUMN clock_offset REAL;
CREATE INDEX permits_open ON permits(camera) WHERE closed_at IS NULL;
"""

# The store's public keys: with them a receipt can be checked years later, without the store. The thumbprints are in the chain.
_0003_STORE_KEYS = """
CREATE TABLE store_keys (thumbprint TEXT PRIMARY KEY, public TEXT NOT NULL, since REAL NOT NULL) STRICT;
"""

# The few entries that say where one history of this dock ends and another begins.
_0004_TURNS = """
CREATE INDEX custody_restored ON custody(seq) WHERE action = 'custody.restored';
CREATE INDEX custody_rebuilt ON custody(seq) WHERE action = 'ledger.rebuilt';
"""

# The few entries that say what was known of the station's clock.
_0005_CLOCK = """
CREATE INDEX custody_clock ON custody(seq) WHERE action IN ('clock.trust', 'clock.jumped');
"""

# Which of this dock's receipts one is, as the store counts them; and the few entries that say that a store was put back from an older copy.
_0006_WENT_BACK = """
ALTER TABLE receipts ADD COLUMN number INTEGER;
CREATE INDEX custody_went_back ON custody(seq) WHERE action = 'store.went_back';
"""

# The few entries that say that the ledger itself went back.
_0007_LEDGER_WENT_BACK = """
CREATE INDEX custody_ledger_back ON custody(seq) WHERE action = 'ledger.went_back';
"""

# Digests of the parts in which a segment went to a store that proves it part by part; `sha256`: 32 bytes each, in order.
_0008_PARTS = """
CREATE TABLE parts (segment TEXT PRIMARY KEY REFERENCES segments(id), size INTEGER NOT NULL, sha256 BLOB NOT NULL) STRICT;
"""

# What may be uploaded now, by its rank (ingest.ledger.queue: the same expressions, to the letter), its camera and its age; and apart from it what
# waits for another try. The index keeps its name: by that an older dockd sees a ledger that is newer, and not one that is damaged.
_0009_QUEUE = """
DROP INDEX segments_queue;
CREATE INDEX segments_queue ON segments(evidential DESC, priority DESC,
    CAST((min(captured_at - coalesce(clock_offset, 0), listed_at) - 21600) / 86400 AS INTEGER), camera, captured_at, id)
    WHERE in_spool = 1 AND in_store = 0 AND held IS NULL AND next_attempt = 0;
CREATE INDEX segments_later ON segments(next_attempt) WHERE in_spool = 1 AND in_store = 0 AND held IS NULL AND next_attempt > 0;
"""

# What a person has set dockd's bandwidth to, for a time; `rate` NULL: no limit.
_0010_BANDWIDTH = """
CREATE TABLE bandwidth_override (only_row INTEGER PRIMARY KEY CHECK (only_row = 1), rate REAL, until REAL NOT NULL, lasts REAL NOT NULL,
    began REAL NOT NULL, boot TEXT NOT NULL) STRICT;
"""

# Whether a camera left with footage on it that was all safe on the dock, and room for more: it may be out for a while.
_0011_WENT_OUT = """
ALTER TABLE dockings ADD COLUMN went_out INTEGER;
"""

# What people change. `marks`: evidence of which the store of `object` is to be told, `told_at` NULL: it does not know yet, `cannot`: it has no marks.
# `undescribed`: whose description in the spool does not say yet what was marked here. `problems`: one row each as long as it is open, or closed by a
# person while its cause is still there. `issues`: out_since NULL: it has not been seen to leave its bay.
_0012_CHANGES = """
CREATE TABLE marks (segment TEXT PRIMARY KEY REFERENCES segments(id), told_at REAL, object TEXT, cannot TEXT, late INTEGER NOT NULL DEFAULT 0,
    attempts INTEGER NOT NULL DEFAULT 0, next_attempt REAL NOT NULL DEFAULT 0, trouble TEXT) STRICT;
CREATE INDEX marks_cannot ON marks(segment) WHERE cannot IS NOT NULL;
CREATE INDEX marks_to_tell ON marks(next_attempt) WHERE told_at IS NULL;
INSERT INTO marks (segment) SELECT id FROM segments WHERE evidential = 1 AND in_store = 1;
CREATE TABLE undescribed (segment TEXT PRIMARY KEY REFERENCES segments(id)) STRICT;
INSERT INTO undescribed (segment) SELECT id FROM segments WHERE in_spool = 1 AND (evidential = 1 OR priority > 0);
CREATE TABLE bays_out_of_use (bay INTEGER PRIMARY KEY, reason TEXT NOT NULL, by TEXT NOT NULL, since REAL NOT NULL) STRICT;
CREATE TABLE issues (id INTEGER PRIMARY KEY, camera TEXT NOT NULL, officer TEXT NOT NULL, by TEXT NOT NULL, since REAL NOT NULL, out_since REAL,
    returned_at REAL, returned_by TEXT) STRICT;
CREATE UNIQUE INDEX issues_open ON issues(camera) WHERE returned_at IS NULL;
CREATE INDEX issues_camera ON issues(camera, id);
CREATE TABLE problems (id TEXT PRIMARY KEY, kind TEXT NOT NULL, bay INTEGER, camera TEXT, since REAL NOT NULL, weight INTEGER NOT NULL, worse_at REAL,
    seen_by TEXT, seen_until REAL, closed_by TEXT, closed_reason TEXT, closed_at REAL) STRICT;
"""

# What the pages list, newest first: all footage by when it was recorded, one camera's, what is held, what is evidence, what is nowhere (few or none);
# what happened to one camera; where cameras were; what is worth telling beside each file's usual way; and what people said of problems.
_0013_PAGES = """
CREATE INDEX segments_when ON segments(captured_at);
CREATE INDEX segments_of_camera ON segments(camera, captured_at);
CREATE INDEX segments_missing_of ON segments(camera, captured_at) WHERE in_store = 0 AND (on_camera = 1 OR in_spool = 1);
CREATE INDEX segments_held_when ON segments(captured_at) WHERE held IS NOT NULL;
CREATE INDEX segments_evidence ON segments(captured_at) WHERE evidential = 1;
CREATE INDEX segments_nowhere ON segments(captured_at) WHERE in_store = 0 AND on_camera = 0 AND in_spool = 0;
CREATE INDEX custody_camera ON custody(camera) WHERE camera IS NOT NULL;
CREATE INDEX custody_rack ON custody(seq) WHERE (action >= 'bay.' AND action < 'bay/')
    OR action IN ('camera.docked', 'camera.undocked', 'camera.removed_early', 'camera.went_out');
CREATE INDEX custody_events ON custody(seq) WHERE segment IS NULL OR action IN ('segment.held', 'segment.unheld', 'segment.lost', 'segment.vanished',
    'segment.rotted', 'segment.store_lost', 'segment.evidential', 'segment.moved_up');
CREATE INDEX custody_problems ON custody(seq) WHERE action >= 'problem.' AND action < 'problem/';
"""

# Where each bay's number comes from that no map names: a port or folder keeps it over restarts. `last_place`: where a camera lay last, by that name.
_0014_PLACES = """
CREATE TABLE places (place TEXT PRIMARY KEY, bay INTEGER NOT NULL UNIQUE) STRICT;
ALTER TABLE cameras ADD COLUMN last_place TEXT;
"""

# Whose an address at the store is: asked before each upload begins.
_0015_ADDRESSES = """
CREATE INDEX segments_upload ON segments(upload) WHERE upload IS NOT NULL;
CREATE INDEX segments_object ON segments(object) WHERE object IS NOT NULL;
CREATE INDEX receipts_object ON receipts(object);
"""

# Indices that were written into migrations above after ledgers had already been made with them: such a ledger lacks them, and is whole.
_0016_LATE = """
CREATE INDEX IF NOT EXISTS permits_open ON permits(camera) WHERE closed_at IS NULL;
CREATE INDEX IF NOT EXISTS marks_cannot ON marks(segment) WHERE cannot IS NOT NULL;
CREATE INDEX IF NOT EXISTS segments_missing_of ON segments(camera, captured_at) WHERE in_store = 0 AND (on_camera = 1 OR in_spool = 1);
CREATE INDEX IF NOT EXISTS custody_events ON custody(seq) WHERE segment IS NULL OR action IN ('segment.held', 'segment.unheld', 'segment.lost',
    'segment.vanished', 'segment.rotted', 'segment.store_lost', 'segment.evidential', 'segment.moved_up');
CREATE INDEX IF NOT EXISTS custody_problems ON custody(seq) WHERE action >= 'problem.' AND action < 'problem/';
"""

# The few entries that say whether the site wants cameras emptied: asked for at each start.
_0017_WIPING = """
CREATE INDEX custody_wiping ON custody(seq) WHERE action IN ('settings.wiping_off', 'settings.wiping_on');
"""

MIGRATIONS: tuple[tuple[str, str], ...] = (
    ("0001_spine", _0001_SPINE),
    ("0002_cameras", _0002_CAMERAS),
    ("0003_store_keys", _0003_STORE_KEYS),
    ("0004_turns", _0004_TURNS),
    ("0005_clock", _0005_CLOCK),
    ("0006_went_back", _0006_WENT_BACK),
    ("0007_ledger_went_back", _0007_LEDGER_WENT_BACK),
    ("0008_parts", _0008_PARTS),
    ("0009_queue", _0009_QUEUE),
    ("0010_bandwidth", _0010_BANDWIDTH),
    ("0011_went_out", _0011_WENT_OUT),
    ("0012_changes", _0012_CHANGES),
    ("0013_pages", _0013_PAGES),
    ("0014_places", _0014_PLACES),
    ("0015_addresses", _0015_ADDRESSES),
    ("0016_late", _0016_LATE),
    ("0017_wiping", _0017_WIPING),
)


def known() -> frozenset[str]:
    """Names of the migrations that this dockd knows."""
    return frozenset(name for name, _ in MIGRATIONS)


def names(migrations: Collection[str]) -> frozenset[str]:
    """The tables and indices that a ledger with these migrations has."""
    late = frozenset() if "0016_late" in migrations else frozenset(_MADE.findall(_0016_LATE))
    made = frozenset(
        name for migration, script in MIGRATIONS if migration in migrations for name in _MADE.findall(script)
    )
    return made - late


def applied(connection: sqlite3.Connection) -> frozenset[str]:
    """Names of the migrations that this ledger has had; none where it is no ledger. Raises sqlite3.DatabaseError."""
    if not connection.execute("SELECT 1 FROM sqlite_master WHERE name = '_sqlite_migrations'").fetchone():
        return frozenset()
    rows = connection.execute("SELECT name FROM _sqlite_migrations WHERE migration_set = 'dockd'")
    return frozenset(row[0] for row in rows)


def pending(applied: Collection[str]) -> list[str]:
    """Names of the migrations that a ledger with these still needs, in order."""
    return [name for name, _ in MIGRATIONS if name not in applied]


def migrate(connection: sqlite3.Connection) -> None:
    """Bring the ledger to this dockd's schema: all migrations and their records are one transaction."""
    had = applied(connection)
    if known() <= had:
        return
    if had or connection.execute("SELECT 1 FROM sqlite_master").fetchone():
        upgrade(connection)
        return
    connection.execute("BEGIN")
    try:
        for statement in _RECORDS:
            connection.execute(statement)
        for name, script in MIGRATIONS:
            for statement in _statements(script):
                connection.execute(statement)
            connection.execute(_RECORD, (name, str(datetime.now(UTC))))
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise


def upgrade(connection: sqlite3.Connection) -> None:
    """The migrations that this ledger has not had, by sqlite-utils: it finds what is pending, and a savepoint holds each.

    An empty one needs nothing of that, and `migrate` makes it without: loading sqlite-utils takes longer than all the rest of making a ledger.
    """
    from sqlite_utils import Database, Migrations

    migrations = Migrations("dockd")

    def register(name: str, script: str) -> None:
        @migrations(name=name)
        def apply(db: Database) -> None:
            for statement in _statements(script):
                db.execute(statement)

    for name, script in MIGRATIONS:
        register(name, script)
    database = Database(connection, execute_plugins=False)
    with database.atomic():
        migrations.apply(database)


def _statements(script: str) -> list[str]:
    """Split on lines that end a statement (a trigger's body is on one line, so its inner `;` ends none)."""
    found, lines = [], []
    for line in script.strip().splitlines():
        lines.append(line)
        if line.rstrip().endswith(";"):
            found.append("\n".join(lines))
            lines = []
    return found
