"""Commands of root's on a dock that is its agent's: each is done as the agent's user, and the agent can go on with what it finds."""

from __future__ import annotations

import asyncio
from pathlib import Path

from ingest.events import AgentStopped
from ingest.ledger import Ledger
from tests.foreign_owner import by_root, folder_for_all, give_away, python, roots_own


async def _live(folder: Path) -> None:
    ledger = await Ledger.open(folder / "ledger.db", keys=folder / "keys")
    await ledger.commit(lambda tx: tx.record(AgentStopped()))
    await ledger.close()


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
