"""`dockd check-config`: every mistake in a configuration at once, before it is run."""

from __future__ import annotations

import json
import os
import sys
from dataclasses import asdict
from pathlib import Path

import click

from dockd.settings import DEFAULT_FILE, check
from dockd.settings.mistakes import printable


@click.command("check-config")
@click.argument("file", type=click.Path(path_type=Path), default=DEFAULT_FILE)
@click.option("--json", "as_json", is_flag=True, help="One JSON document on one line.")
def check_config(*, file: Path, as_json: bool) -> None:
    """Check FILE (default /etc/dockd/dockd.toml), the environment and the files they name.

    Prints every mistake as FILE:LINE: section.key: what is wrong, what was expected. Exit code 0: fine, 2: not.
    """
    mistakes = check(file, os.environ)
    name = printable(str(file))
    if as_json:
        document = {"file": name, "ok": not mistakes, "mistakes": [asdict(mistake) for mistake in mistakes]}
        click.echo(json.dumps(document))
    elif mistakes:
        click.echo("\n".join(str(mistake) for mistake in mistakes))
    else:
        click.echo(f"{name}: fine")
    sys.exit(2 if mistakes else 0)
