"""What a dock comes in with is erased at its end; and what lies elsewhere is named, for a person to erase.

Rules: of the keys only what is no secret stays (the dock's name, its store, its record's end). What the site has put into files of its own is the
site's, and may serve other docks: it is named and never removed.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from dockd.settings import Settings
from dockd.settings.credentials import FOLDER
from dockd.state_places import Places
from ingest.ledger.pin_file import sync_folder

_STAYS = ("dock.id", "store.pin", "head")


def forget_keys(places: Places) -> None:
    """The dock's private key, what it comes in with to its store, and who may come in to it, with every list before. Raises OSError."""
    names = sorted(os.listdir(places.keys)) if places.keys.is_dir() else []
    lists = sorted(one.name for one in places.folder.glob(f"{places.access.name}*"))
    for path in [
        *(places.keys / name for name in names if name not in _STAYS),
        *(places.folder / name for name in lists),
    ]:
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)
    for folder in (places.keys, places.folder):
        if folder.is_dir():
            sync_folder(folder)


def secrets_elsewhere(settings: Settings, keys: Path) -> list[Path]:
    """The files with secrets that the configuration names and that are not among the dock's keys: they stay."""
    named = (
        settings.store.token_file, settings.store.client_key_file, settings.store.proxy_auth_file, settings.page.tls_key_file,
        settings.oidc.client_secret_file,
    )  # fmt: skip
    return [
        one for one in named
        if one is not None and not one.is_relative_to(keys) and (one.is_relative_to(FOLDER) or os.path.lexists(one))
    ]  # fmt: skip
