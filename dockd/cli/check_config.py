"""`dockd check-config`: every mistake in a configuration, its camera profiles and its list of cameras at once, before it is run."""

from __future__ import annotations

import json
import os
import sys
from dataclasses import asdict, dataclass, field
from pathlib import Path

import click

from dockd.cli.config_findings import lines_that_never_hold, never_room, page_refused, profile_files
from dockd.profiles.reading import ProfilesWrong, load_profiles
from dockd.profiles.registry_checks import registry_mistakes
from dockd.settings import DEFAULT_FILE, Mistake, read_whole
from dockd.settings.bay_paths import wrong_bays
from dockd.settings.mistakes import printable
from dockd.settings.startable import startable
from dockd.shipped import shipped
from dockd.store_kinds import wrong_certificates

_FOLDER_KEYS = ("cameras", "cameras.profiles", "DOCKD__CAMERAS__PROFILES")
_PAGE_KEYS = (
    "page",
    "page.listen",
    "page.tls_cert_file",
    "page.tls_key_file",
    "ledger",
    "ledger.path",
    "DOCKD__PAGE__LISTEN",
    "DOCKD__LEDGER__PATH",
)
_STORE_KEYS = ("store.", "DOCKD__STORE__")
_ANY = click.Path(path_type=Path, readable=False)  # what cannot be read is a mistake like others, and said as one
_LIST_KEYS = ("registry", "registry.file", "DOCKD__REGISTRY__FILE")


@dataclass(kw_only=True)
class _Found:
    mistakes: list[Mistake]
    warnings: list[Mistake] = field(default_factory=list)
    profiles: list[Path] = field(default_factory=list)

    def wrong(self, keys: tuple[str, ...]) -> bool:
        return any(mistake.key in keys for mistake in self.mistakes)


@click.command("check-config")
@click.argument("file", type=_ANY, required=False)
@click.option("--config", type=_ANY, metavar="FILE", help="FILE, as other commands are told it.")
@click.option("--json", "as_json", is_flag=True, help="One JSON document on one line.")
def check_config(*, file: Path | None, config: Path | None, as_json: bool) -> None:
    """Check FILE (default /etc/dockd/dockd.toml), the environment, the files they name, the camera profiles, and the list of cameras.

    Prints every mistake as FILE:LINE: section.key: what is wrong, what was expected; what may be meant is a warning. Root judges as the user who
    owns the agent's state, anybody else for themselves: what that user may not read is a mistake. Exit code 0: fine (there may be warnings), 2: not.
    """
    if file is not None and config is not None:
        raise click.UsageError("FILE and --config are the same: give one of them")
    file = file or config or DEFAULT_FILE
    found = _for_the_agent(file)
    name = printable(str(file))
    if as_json:
        document = {
            "file": name,
            "ok": not found.mistakes,
            "mistakes": [asdict(mistake) for mistake in found.mistakes],
            "warnings": [asdict(warning) for warning in found.warnings],
            "profiles": [printable(str(path)) for path in found.profiles],
        }
        click.echo(json.dumps(document))
    else:
        lines = [str(mistake) for mistake in found.mistakes]
        lines += [f"warning: {warning}" for warning in found.warnings]
        lines += [f"camera profile read: {printable(str(path))}" for path in found.profiles]
        click.echo("\n".join([*lines, *([] if found.mistakes else [f"{name}: fine"])]))
    sys.exit(2 if found.mistakes else 0)


def _for_the_agent(file: Path) -> _Found:
    """Root may read everything, and the agent may not: where root asks, look as the one who owns the ledger's folder."""
    from dockd.enrolling.owner import as_owner_of, see_python

    reading = read_whole(file, os.environ) if os.geteuid() == 0 else None
    if reading is None or not reading.parsed:
        return _look(file)
    folder = reading.settings.ledger.path.parent
    try:
        with as_owner_of(folder):
            see_python(folder)
            return _look(file)
    except OSError as error:
        click.echo(f"judged as root, not as the owner of {folder}: {error.strerror or error}", err=True)
        return _look(file)


def mistakes_of(file: Path) -> list[str]:
    """What `dockd check-config FILE` would say is wrong with it, a line each."""
    return [str(mistake) for mistake in _look(file).mistakes]


def _look(file: Path) -> _Found:
    whole = read_whole(file, os.environ)
    found = _Found(mistakes=list(whole.mistakes))
    reading = whole if whole.parsed else None
    if reading is not None:
        found.warnings += [*wrong_bays(reading)[1], *lines_that_never_hold(reading), *never_room(reading)]
        if not found.wrong(_PAGE_KEYS):
            found.mistakes += page_refused(reading)
        if not any(mistake.key.startswith(_STORE_KEYS) for mistake in whole.mistakes):
            found.mistakes += wrong_certificates(reading)
        found.mistakes += startable(reading).mistakes
        if reading.settings.registry.file is not None and not found.wrong(_LIST_KEYS):
            found.mistakes += registry_mistakes(reading.settings.registry.file)
    site = reading.settings.cameras.profiles if reading is not None and not found.wrong(_FOLDER_KEYS) else None
    if site is not None:
        found.profiles, warnings = profile_files(site)
        found.warnings += warnings
    try:
        load_profiles(site, shipped=shipped("cameras"))
    except ProfilesWrong as wrong:
        found.mistakes += wrong.mistakes
    return found
