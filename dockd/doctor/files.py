"""Who may read and change what dockd keeps: its state, its keys, and the files that hold secrets."""

from __future__ import annotations

import stat
from collections.abc import Iterable, Iterator
from pathlib import Path

from dockd.doctor.agent import name_of
from dockd.doctor.findings import Finding, failed, passed, skipped
from dockd.doctor.machine import Machine
from dockd.settings import Settings

_SPOOLED = 200  # files of the spool whose owners are looked at


def state(machine: Machine, settings: Settings, *, owner: int | None) -> Iterable[Finding]:
    """State is the agent's alone. `owner`: its user; None: not known."""
    wrong = list(_wrong_state(machine, settings, owner=owner))
    yield from wrong
    if not machine.there(settings.ledger.path):
        yield skipped("state", f"there is no ledger at {settings.ledger.path} yet: the first start makes it")
    elif not wrong:
        yield passed(
            "state", f"ledger, keys and spool belong to {name_of(owner) if owner is not None else 'one user'} alone"
        )


def _wrong_state(machine: Machine, settings: Settings, *, owner: int | None) -> Iterator[Finding]:
    ledger = settings.ledger.path
    for path in (
        ledger, *(Path(f"{ledger}{end}") for end in ("-wal", "-shm")), ledger.with_name("access.db"), ledger.with_name("lock"),
        settings.keys_path, *(settings.keys_path / name for name in machine.names(settings.keys_path)[:64]), settings.spool.path,
        *(settings.spool.path / name for name in machine.names(settings.spool.path)[:_SPOOLED]),
    ):  # fmt: skip
        status = machine.status(path)
        if status is None:
            continue
        if stat.S_ISLNK(status.st_mode):
            yield failed(
                "state", f"{path} is a link", "Put back what belongs there: dockd follows no links in its own state."
            )
        elif owner is not None and status.st_uid != owner:
            do = f"chown -R {name_of(owner)}: {ledger.parent} {settings.spool.path}, with dockd stopped"
            yield failed("state", f"{path} belongs to {name_of(status.st_uid)}, not to {name_of(owner)}", do)
            return
        elif status.st_mode & 0o077 and (
            path == settings.keys_path
            or settings.keys_path in path.parents
            or path in (ledger, ledger.with_name("access.db"))
        ):
            yield failed(
                "state",
                f"{path} may be read or changed by others (mode {status.st_mode & 0o7777:04o})",
                f"chmod go= {path}",
            )


def secrets(machine: Machine, settings: Settings, *, owner: int | None) -> Iterable[Finding]:
    """Files that hold a secret: readable by the agent, by nobody else, and changed by root or the agent alone."""
    named = {
        "store.token_file": settings.store.token_file, "store.client_key_file": settings.store.client_key_file,
        "store.proxy_auth_file": settings.store.proxy_auth_file, "page.tls_key_file": settings.page.tls_key_file,
        "oidc.client_secret_file": settings.oidc.client_secret_file,
    }  # fmt: skip
    given = {key: path for key, path in named.items() if path is not None}
    for key, path in given.items():
        yield _secret(machine, key, machine.real(path), owner=owner)
    if not given:
        yield skipped("secrets", "the configuration names no file with a secret")


def _secret(machine: Machine, key: str, path: Path, *, owner: int | None) -> Finding:
    status = machine.status(path)
    if status is None:
        return failed(key, f"{path} is not there", "Write it, readable by the agent alone (chmod 600).")
    if status.st_mode & 0o007:
        return failed(
            key,
            f"{path} is open to everybody on this machine (mode {status.st_mode & 0o7777:04o})",
            f"chmod o= {path}, and have a new secret made.",
        )
    if status.st_mode & 0o020:
        return failed(key, f"{path} may be changed by its group", f"chmod g-w {path}")
    if owner is not None and status.st_uid not in (0, owner):
        return failed(
            key,
            f"{path} belongs to {name_of(status.st_uid)}, who may read and change it",
            f"chown {name_of(owner)}: {path}",
        )
    return passed(key, f"{path} is closed to others")
