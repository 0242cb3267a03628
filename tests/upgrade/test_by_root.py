"""Commands of root's on a dock that is its agent's: each is done as the agent's user, and the agent can go on with what it finds."""

from __future__ import annotations

import asyncio
import os
import sqlite3
from contextlib import closing
from pathlib import Path

from ingest.central.app import thumbprint
from ingest.events import AgentStopped
from ingest.ledger import Ledger
from ingest.ledger.upgrading import kept_copies
from tests.foreign_owner import by_root, folder_for_all, give_away, python, roots_own


async def _live(folder: Path) -> None:
    ledger = await Ledger.open(folder / "ledger.db", keys=folder / "keys")
    await ledger.commit(lambda tx: tx.record(AgentStopped()))
    await ledger.close()


def _brought_up(state: Path) -> Path:
    """A ledger that was brought up, and has gone on since."""
    asyncio.run(_live(state))
    with closing(sqlite3.connect(state / "ledger.db", isolation_level=None)) as db:
        db.execute("DELETE FROM _sqlite_migrations WHERE name = '0016_late'")  # as the version before had it
    asyncio.run(_live(state))
    return state / "ledger.db"


def test_what_root_changes_stays_the_agents() -> None:
    found = python()
    with folder_for_all() as above:
        state, far, password = above / "state", above / "far", above / "password"
        state.mkdir()
        asyncio.run(_live(state))
        far.mkdir()
        password.write_text("a long enough one of root's\n")
        password.chmod(0o600)
        for folder in (state, far):
            give_away(folder)
        for words in (
            ("custody", "rotate-key"),
            ("user", "add", "anna", "--role", "ops", "--password-file", password),
            ("user", "passwd", "anna", "--role", "viewer"),
            ("token", "create", "--role", "wall", "--name", "east"),
            ("token", "revoke", "east"),
            ("store", "pin", "--store", far, "--yes"),
        ):
            done = by_root(found, *words, "--state", state)
            assert done.code == 0, done.said
            assert roots_own(state) == [], words
        assert roots_own(far) == []


def test_a_link_to_a_folder_of_roots_gives_no_rights_there() -> None:
    """The state's folder is the agent's to replace where the one above it is."""
    found = python()
    with folder_for_all() as above:
        roots = above / "roots"
        roots.mkdir()
        site = above / "site"
        site.mkdir()
        (site / "state").symlink_to(roots)
        give_away(site)
        password = above / "password"
        password.write_text("a long enough one of root's\n")
        words = ("user", "add", "anna", "--role", "ops", "--password-file", password)
        done = by_root(found, *words, "--state", site / "state")
        assert done.code != 0
        assert list(roots.iterdir()) == []


def test_root_leaves_a_dock_that_its_owner_can_use() -> None:
    found = python()
    with folder_for_all() as above:
        state = above / "state"
        (state / "spool").mkdir(parents=True)
        asyncio.run(_live(state))
        (state / "spool" / "odd").touch()
        give_away(state)
        done = by_root(found, "decommission", "--state", state, "--out", above / "out", "--yes")
        assert done.code == 1, done.said
        assert "on the disk of this dock's state" in done.err
        assert roots_own(state) == []
        (state / "spool" / "odd").unlink()
        done = by_root(found, "decommission", "--state", state, "--out", above / "out", "--yes")
        assert done.code == 3, done.said
        assert "cannot be written by nobody, who owns the dock's state" in done.err
        (above / "out").mkdir()
        give_away(above / "out")
        done = by_root(found, "decommission", "--state", state, "--out", above / "out", "--yes", "--json")
        assert done.code == 0, done.said
        assert Path(done.document["record"]).exists()
        assert roots_own(state) == []


def test_root_gives_the_owner_nothing_of_its_own() -> None:
    found = python()
    with folder_for_all() as above:
        (above / "state").mkdir()
        ledger = _brought_up(above / "state")
        theirs = above / "secret"
        theirs.write_text("root:$6$hash\n")
        theirs.chmod(0o600)
        copy = kept_copies(ledger)[0]
        whole = copy.read_bytes()
        copy.unlink()
        copy.symlink_to(theirs)
        victim = above / "victim"
        victim.write_text("root's")
        (ledger.parent / "ledger.db.back.part").symlink_to(victim)
        give_away(ledger.parent)
        done = by_root(found, "rollback", "--state", ledger.parent, "--yes")
        assert done.code == 3, done.said
        assert victim.read_text() == "root's"
        assert b"root:" not in ledger.read_bytes()
        copy.unlink()
        copy.write_bytes(whole)
        give_away(ledger.parent)
        unasked = by_root(found, "rollback", "--state", ledger.parent)
        assert unasked.code == 1
        assert "nothing was changed" in unasked.err
        assert "entry 3, of 20" in unasked.err
        assert "seconds ago" in unasked.err
        assert "The 2 entries since then" in unasked.err
        done = by_root(found, "rollback", "--state", ledger.parent, "--yes")
        assert done.code == 0, done.said
        assert ledger.read_bytes() == whole
        assert roots_own(ledger.parent) == []


def test_root_is_no_agent_on_the_state_of_another() -> None:
    """Not even where it would have to be made in a folder of theirs; and nothing is touched, not the log's file either."""
    found = python()
    with folder_for_all() as above:
        state, camera, central, log = above / "state", above / "CAM", above / "central", above / "dockd.log"
        state.mkdir()
        asyncio.run(_live(state))
        central.mkdir()
        camera.mkdir()
        (camera / "a.mp4").write_bytes(b"footage")
        give_away(state)
        before = _seen(state)
        for own in (state, state / "another"):
            config = above / "dockd.toml"
            config.write_text(
                f'[docks]\nusb = false\n[ledger]\npath = "{own}/ledger.db"\n[spool]\npath = "{above}/spool"\n'
                f'[store]\nkind = "directory"\nurl = "{central}"\n[log]\nfile = "{log}"\n[page]\nlisten = "127.0.0.1:0"\n'
            )
            for words in (
                ("ingest", camera, "--store", central, "--state", own, "--keep-free", "0 B", "--wipe"),
                ("run", "--config", config),
            ):
                done = by_root(found, *words)
                assert (done.code, "runuser -u nobody -- dockd" in done.err) == (3, True), done.said
                assert "Nothing was changed" in done.err
                assert _seen(state) == before, words
        assert (log.exists(), (above / "spool").exists(), list(central.iterdir())) == (False, False, [])
        assert (camera / "a.mp4").exists()


def test_root_is_no_store_on_the_folder_of_another() -> None:
    """Nor where it would be made in a folder of theirs, nor where root's folder holds theirs."""
    found = python()
    with folder_for_all() as above:
        theirs, mixed = above / "footage", above / "mixed"
        for folder in (theirs, mixed):
            folder.mkdir()
            thumbprint(folder)
            give_away(folder)
        os.chown(mixed, 0, 0)
        before = _seen(above)
        for root in (theirs, theirs / "another", mixed):
            done = by_root(found, "store", "serve", "--root", root, "--listen", "127.0.0.1:0", timeout=20)
            assert (done.code, "runuser -u nobody -- dockd store serve" in done.err) == (3, True), done.said
            assert "Nothing was changed" in done.err
            assert _seen(above) == before, root


def test_what_root_changes_of_a_store_stays_its_owners() -> None:
    found = python()
    with folder_for_all() as above:
        root = above / "footage"
        root.mkdir()
        give_away(root)
        for words in (
            ("store", "invite", "north-1", "--root", root, "--approve"),
            ("store", "docks", "--root", root),
            ("store", "rotate-key", "--root", root),
            ("store", "revoke", "north-1", "--yes", "--root", root),
        ):
            done = by_root(found, *words)
            assert done.code == 0, done.said
            assert roots_own(root) == [], words


def test_root_who_only_reads_leaves_nothing_behind() -> None:
    """Whether the agent is at work or not: what SQLite lays beside a database that is read is its owner's, too."""
    found = python()
    with folder_for_all() as above:
        state = above / "state"
        (state / "spool").mkdir(parents=True)
        asyncio.run(_live(state))
        give_away(state)
        for words in (
            ("custody", "verify"),
            ("custody", "export", "--format", "jsonl"),
            ("reconcile",),
            ("backup", "--to", above / "kept", "--with-keys", "--with-spool"),
            ("support-bundle", "--out", above / "bundle.tar.gz"),
        ):
            done = by_root(found, *words, "--state", state)
            assert done.code == 0, done.said
            assert roots_own(state) == [], words


def _seen(folder: Path) -> dict[str, tuple[int, int, int]]:
    """Of each file who owns it, its size, and when it was last written."""
    every = [folder, *folder.rglob("*")]
    return {str(path): (seen.st_uid, seen.st_size, seen.st_mtime_ns) for path in every for seen in [path.lstat()]}
