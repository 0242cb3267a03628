"""`dockd check-config`, typed by root: what the agent's user may not read is a mistake, though root reads it."""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path

from tests.foreign_owner import NOBODY, by_root, python


def test_root_judges_as_the_one_who_owns_the_state() -> None:
    program = python()
    folder = Path(tempfile.mkdtemp(dir="/tmp"))
    try:
        folder.chmod(0o755)
        (folder / "state").mkdir(mode=0o700)
        os.chown(folder / "state", NOBODY, NOBODY)
        token = folder / "store.token"
        token.write_text("x" * 40 + "\n")
        token.chmod(0o600)
        config = folder / "dockd.toml"
        config.write_text(
            f'[docks]\nusb = false\nfolders = "{folder}"\n[store]\nurl = "https://store.example"\ntoken_file = "{token}"\n'
            f'[ledger]\npath = "{folder}/state/ledger.db"\n[spool]\npath = "{folder}/state/spool"\n'
        )
        config.chmod(0o644)
        (folder / "docks").mkdir(mode=0o755)
        config.write_text(config.read_text().replace(f'folders = "{folder}"', f'folders = "{folder}/docks"'))
        told = by_root(program, "check-config", config)
        assert (told.code, f"{token} may not be read by this user" in told.out) == (2, True), told
        os.chown(token, NOBODY, NOBODY)
        told = by_root(program, "check-config", config)
        assert (told.code, told.out.splitlines()[-1]) == (0, f"{config}: fine"), told
    finally:
        shutil.rmtree(folder)
