"""`dockd check-config`: every mistake in a configuration and its camera profiles at once, before it is run."""

from __future__ import annotations

import json
import os
import sys
from dataclasses import asdict
from pathlib import Path

import click

from dockd.profiles.reading import ProfilesWrong, load_profiles
from dockd.settings import DEFAULT_FILE, Mistake, check, read_text
from dockd.settings.filesystem import read_file
from dockd.settings.mistakes import printable
from dockd.shipped import shipped

_FOLDER_KEYS = ("cameras", "cameras.profiles", "DOCKD__CAMERAS__PROFILES")


@click.command("check-config")
@click.argument("file", type=click.Path(path_type=Path), default=DEFAULT_FILE)
@click.option("--json", "as_json", is_flag=True, help="One JSON document on one line.")
def check_config(*, file: Path, as_json: bool) -> None:
    """Check FILE (default /etc/dockd/dockd.toml), the environment, the files they name, and the camera profiles.

    Prints every mistake as FILE:LINE: section.key: what is wrong, what was expected. Exit code 0: fine, 2: not.
    """
    mistakes = check(file, os.environ)
    mistakes += _in_profiles(file, mistakes)
    name = printable(str(file))
    if as_json:
        document = {"file": name, "ok": not mistakes, "mistakes": [asdict(mistake) for mistake in mistakes]}
        click.echo(json.dumps(document))
    elif mistakes:
        click.echo("\n".join(str(mistake) for mistake in mistakes))
    else:
        click.echo(f"{name}: fine")
    sys.exit(2 if mistakes else 0)


def _in_profiles(file: Path, mistakes: list[Mistake]) -> list[Mistake]:
    """What is wrong in the camera profiles: the shipped ones, and the site's where the configuration says which folder that is."""
    try:
        load_profiles(_site_profiles(file, mistakes), shipped=shipped("cameras"))
    except ProfilesWrong as wrong:
        return list(wrong.mistakes)
    return []


def _site_profiles(file: Path, mistakes: list[Mistake]) -> Path | None:
    """The site's folder; None where the configuration does not say, or says it wrongly, which is told already."""
    if any(mistake.key in _FOLDER_KEYS for mistake in mistakes):
        return None
    text = read_file(file, file=str(file))
    if isinstance(text, Mistake):
        return None
    reading = read_text(text, file=str(file), environ=os.environ)
    return reading.settings.cameras.profiles if reading.parsed else None
