"""`dockd support-bundle`: one redacted archive for whoever helps from afar."""

from __future__ import annotations

import hashlib
import json
import os
import platform
import re
import signal
import sys
import time
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from dockd.cli.common_options import fail, in_state, plain, state_options

if TYPE_CHECKING:
    from dockd.settings import Settings
    from dockd.support.bundle import Made
    from dockd.support.parts import Asked

_LOG_MOST = 8 << 20
_WITHOUT_AGENT = frozenset({"configuration", "store", "page", "cameras"})


@click.command("support-bundle")
@state_options
@click.option(
    "--out",
    metavar="FILE",
    help="Where to write it; - is standard output (default: dockd-support-HOST-TIME.tar.gz here).",
)
@click.option("--since", metavar="D", default="24 h", show_default=True, help="How far back the logs go: a duration.")
@click.option(
    "--with-names", is_flag=True, help="Leave people, cameras and files' names as they are: personal data, then."
)
@click.option(
    "--token-file",
    type=click.Path(dir_okay=False, path_type=Path),
    help="A token of `dockd token create`, where the agent has users: for status and metrics.",
)
@click.option("--json", "as_json", is_flag=True, help="What was made, as one JSON document on one line.")
def support_bundle(
    *,
    config: Path | None,
    state: Path | None,
    out: str | None,
    since: str,
    with_names: bool,
    token_file: Path | None,
    as_json: bool,
) -> None:
    """Gather what somebody who helps from afar needs to see, in one archive (tar.gz, mode 0600), and nothing that they must not.

    Versions, doctor's report, the configuration, the newest of the logs, status, metrics, sums of the ledger, what the kernel said of USB and disks, units, mounts,
    time. Secrets are taken out; people, cameras and files have other names. MANIFEST in it tells each file, and what was taken out. It works with the agent dead, the
    ledger damaged or the disk full (--out elsewhere, or -); what cannot be had is told, and holds up nobody. Run it as root, which sees most, or as the user dockd.

    Exit code 0: it is made (what is not in it is told); 2: usage; 3: it cannot be written; 130: interrupted, and nothing is left.
    """
    if out == "-" and as_json:
        raise click.UsageError(
            "--json says what was made on standard output, where --out - writes the archive: give one of them"
        )
    if out == "-" and sys.stdout.isatty():
        raise click.UsageError(
            "the archive is no text for a terminal: give --out FILE, or send it on (dockd support-bundle --out - | ssh ...)"
        )
    if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:
        signal.signal(signal.SIGHUP, signal.default_int_handler)  # a line that is cut leaves nothing behind, either
    target = None if out == "-" else Path(out or _name())
    if target is not None and os.path.lexists(target):
        raise click.UsageError(f"--out {target}: it is there already; name another file")
    made = _made(_asked(config=config, state=state, since=since, token_file=token_file), with_names=with_names)
    try:
        _write(made, target)
    except OSError as error:
        fail(
            f"the archive cannot be written: {plain(error)}. Name a place with room: --out FILE, or - for standard output",
            code=3,
        )
    _tell(made, target, as_json=as_json)


def _name() -> str:
    host = re.sub(r"[^A-Za-z0-9.-]", "-", platform.node())[:60] or "dock"
    return f"dockd-support-{host}-{time.strftime('%Y%m%dT%H%M%SZ', time.gmtime())}.tar.gz"


def _asked(*, config: Path | None, state: Path | None, since: str, token_file: Path | None) -> Asked:
    from dockd.cli.check_config import mistakes_of
    from dockd.cli.doctor import settings_of
    from dockd.cli.page_client import token_of
    from dockd.doctor.machine import Machine
    from dockd.settings import DEFAULT_FILE, WrongValue
    from dockd.settings.units import parse_duration
    from dockd.support.parts import Asked

    if state is not None and config is not None:
        raise click.UsageError("give --state or --config, not both")
    if config is not None and not config.exists():
        raise click.UsageError(f"--config {config}: there is no such file")
    try:
        back = parse_duration(since)
    except WrongValue as error:
        raise click.UsageError(f"--since: {error}") from error
    file = config or DEFAULT_FILE
    return Asked(
        machine=Machine(), settings=settings_of(file) if state is None else _of_state(state), config=file if state is None else None,
        environ=dict(os.environ), since=time.time() - back, log_bytes=_LOG_MOST, token=token_of(token_file), mistakes=lambda: mistakes_of(file),
    )  # fmt: skip


def _of_state(folder: Path) -> Settings:
    """A state without an agent: where things lie is all that is known of it."""
    from dockd.settings import defaults

    settings, there = defaults(), in_state(folder)
    return replace(
        settings, ledger=replace(settings.ledger, path=there.ledger), spool=replace(settings.spool, path=there.spool)
    )


def _made(asked: Asked, *, with_names: bool) -> Made:
    from dockd.doctor.checks import agents_user, all_checks
    from dockd.support.bundle import made
    from dockd.support.parts import learning, parts

    owner, user = agents_user(asked.machine, asked.settings, asker=os.geteuid())
    checks = all_checks(
        asked.machine, asked.settings, config=asked.config or Path(), mistakes=asked.mistakes, owner=owner
    )
    if asked.config is None:
        checks = [check for check in checks if check.group not in _WITHOUT_AGENT]
    wanted = parts(asked)
    click.echo(
        f"gathering {len(wanted) + 1} parts; what hangs is given up after {max(*(each.within for each in wanted), *(each.within for each in checks)):.0f} s at most",
        err=True,
    )
    try:
        return made(parts=wanted, learning=learning(asked), checks=checks, agent=user, with_names=with_names)
    except OSError as error:
        fail(f"nothing can be gathered: {plain(error)}", code=3)


def _write(made: Made, target: Path | None) -> None:
    if target is not None:
        from dockd.support.bundle import put

        put(made.archive, target)
        return
    sys.stdout.buffer.write(made.archive)
    sys.stdout.buffer.flush()


def _tell(made: Made, target: Path | None, *, as_json: bool) -> None:
    for one in made.missing:
        click.echo(f"not in it: {one.file}: {one.why}", err=True)
    for note in made.notes:
        click.echo(note, err=True)
    if as_json:
        click.echo(json.dumps({
            "file": str(target), "bytes": len(made.archive), "sha256": hashlib.sha256(made.archive).hexdigest(),
            "files": [asdict(one) for one in made.entries], "notes": made.notes,
        }))  # fmt: skip
    elif target is not None:
        click.echo(
            f"{target}: {len(made.archive)} bytes, {len(made.entries) - len(made.missing)} of {len(made.entries)} parts; MANIFEST in it says what was taken out"
        )
