"""`dockd doctor`: what of this machine keeps a dock from its work."""

from __future__ import annotations

import json
import os
import sys
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING

import click

from dockd.cli.common_options import fail

if TYPE_CHECKING:
    from collections.abc import Iterable

    from dockd.doctor.findings import Finding
    from dockd.settings import Settings

_WORDS = {"pass": "pass", "warn": "WARN", "fail": "FAIL", "skipped": "skip"}


@click.command("doctor")
@click.option(
    "--config",
    type=click.Path(path_type=Path, dir_okay=False),
    help="The configuration (default /etc/dockd/dockd.toml).",
)
@click.option("--json", "as_json", is_flag=True, help="One JSON document on one line.")
def doctor(*, config: Path | None, as_json: bool) -> None:
    """Check this machine: configuration, agent, udev, mount helper, USB, disks, swap, time, store, page, certificates, and who may read what.

    Each check is pass, warn, fail or skipped, with one sentence and what to do. Nothing is changed. Run it as root, which sees most, or as the user
    dockd, which is told what it could not see.

    Exit code 0: nothing fails; 1: something does; 2: usage, or there is no such configuration; 3: the checks cannot be run.
    """
    from dockd.cli.check_config import mistakes_of
    from dockd.doctor.checks import agents_user, all_checks
    from dockd.doctor.findings import document
    from dockd.doctor.machine import Machine
    from dockd.doctor.running import run
    from dockd.settings import DEFAULT_FILE

    if config is not None and not config.exists():
        raise click.UsageError(f"--config {config}: there is no such file")
    file, machine = config or DEFAULT_FILE, Machine()
    settings = settings_of(file)
    owner, user = agents_user(machine, settings, asker=os.geteuid())
    try:
        found = run(
            all_checks(machine, settings, config=file, mistakes=lambda: mistakes_of(file), owner=owner), agent=user
        )
    except OSError as error:
        fail(f"the checks cannot be run: {error.strerror or error}", code=3)
    if as_json:
        click.echo(json.dumps(document(found, config=str(file))))
    else:
        click.echo("\n".join(_lines(found)))
    sys.exit(1 if any(one.outcome == "fail" for one in found) else 0)


def settings_of(file: Path) -> Settings:
    """As far as the configuration can be read; what cannot be stands at its default, and is told as a mistake."""
    from dockd.settings import Mistake, defaults, read_text
    from dockd.settings.filesystem import read_file

    text = read_file(file, file=str(file))
    return defaults() if isinstance(text, Mistake) else read_text(text, file=str(file), environ=os.environ).settings


def _lines(found: Iterable[Finding]) -> Iterable[str]:
    found = list(found)
    for group, members in groupby(found, key=lambda one: one.group):
        yield group
        for one in members:
            yield f"  {_WORDS[one.outcome]}  {one.check}: {one.says}"
            if one.do:
                yield f"        -> {one.do}"
    counts = {word: sum(one.outcome == word for one in found) for word in _WORDS}
    yield f"{counts['pass']} pass, {counts['warn']} warn, {counts['fail']} fail, {counts['skipped']} skipped"
