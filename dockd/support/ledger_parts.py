"""What the ledger and the files beside it say in sums: never the ledger itself, and no segment by its name."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from dockd.access.book import Book
from dockd.doctor.machine import Machine, NotSeen
from dockd.profiles.reading import ProfilesWrong, load_profiles
from dockd.profiles.registry_checks import read_list
from dockd.settings import Settings
from dockd.shipped import shipped
from dockd.support.gathered import Gathered
from dockd.support.secrets import words_of
from ingest.errors import DockdError
from ingest.ledger import audit, named
from ingest.ledger.balance import accounts
from ingest.ledger.kept_head import kept_head
from ingest.ledger.pin_file import kept

_FAULTS = 50
_FOLDER = Path("/run/credentials")
_NAMES_A_SECRET = re.compile(r"(?:token|key|auth|secret|password)_file\s*=\s*[\"'](/[^\"'\n]{1,4000})[\"']")
_NO_SECRET = re.compile(r"head(\..*)?|store\.pin(\..*)?|dock\.id(\..*)?|.*\.csr|.*\.lock")


def sums(settings: Settings) -> Gathered:
    """Listed, copied, confirmed and wiped, and what is open, by reason. Raises LedgerUnusable, OSError."""
    with audit.moment(settings.ledger.path) as reader:
        found = accounts(reader)
    files, size = found.total()
    reasons: dict[str, int] = {}
    for one in found.open:
        reasons[f"{one.state} {one.reason}".strip()] = reasons.get(f"{one.state} {one.reason}".strip(), 0) + 1
    faults = [fault for one in found.cameras.values() for fault in one.faults]
    unseen = sum(len(one.unseen) for one in found.cameras.values())
    says: dict[str, Any] = {
        "balances": found.balances, "complete": found.complete, "cameras": len(found.cameras), "dockings": len(found.dockings),
        "segments": files.as_dict(), "bytes": size.as_dict(), "open_total": found.open_total, "open_by_reason_of_the_first_thousand": reasons,
        "not_looked_at": unseen, "faults_total": len(faults), "faults": faults[:_FAULTS],
    }  # fmt: skip
    return Gathered(text=json.dumps(says, indent=1) + "\n", names=[("file", _text(one.path)) for one in found.open])


def _text(path: bytes) -> str:
    return path.decode("utf-8", "backslashreplace")


def heads(settings: Settings) -> Gathered:
    """The record's end as the dock signed it, as it is kept beside the keys, and which store is pinned. Raises LedgerUnusable, OSError."""
    says: dict[str, Any] = {}
    try:
        with audit.moment(settings.ledger.path) as reader:
            signed = audit.signed_head(reader)
        says["signed"] = signed.as_dict() if signed is not None else None
    except DockdError as error:
        says["ledger"] = error.message
    kept_ = kept_head(settings.keys_path)
    says["kept"] = {"seq": kept_.seq, "hash": kept_.hash} if kept_ is not None else None
    pinned = kept(settings.keys_path)
    says["store"] = {"id": pinned.id, "method": pinned.method, "keys": list(pinned.keys), "dishonest": pinned.dishonest} if pinned is not None else None  # fmt: skip
    return Gathered(text=json.dumps(says, indent=1) + "\n")


def record(settings: Settings) -> Gathered:
    """Whether the whole record holds, as `dockd custody verify` finds. Raises LedgerUnusable, OSError."""
    with audit.moment(settings.ledger.path) as reader:
        found = audit.check(reader)
    says = {
        "entries": found.entries, "faults_total": len(found.faults), "faults": found.faults[:_FAULTS], "restored": found.restored[-_FAULTS:],
        "keys": found.keys, "receipts_signed": found.receipts_signed, "receipts_unchecked": found.receipts_unchecked,
    }  # fmt: skip
    return Gathered(text=json.dumps(says, indent=1) + "\n")


def ledger_names(settings: Settings) -> Gathered:
    """Cameras and officers. Raises LedgerUnusable, OSError."""
    if not settings.ledger.path.exists():
        return Gathered()
    with audit.moment(settings.ledger.path) as reader:
        found = Gathered(names=[("camera", one) for one in named.cameras(reader)])
        found.names += [("person", one) for one in named.people(reader)]
    return found


def registry_names(settings: Settings) -> Gathered:
    """Whom the site's list of cameras names. Raises NotSeen."""
    if settings.registry.file is None:
        return Gathered()
    try:
        listed = read_list(settings.registry.file)  # of a wrong list, too, everybody who stands in it is to be left out
    except OSError as error:
        raise NotSeen(f"registry.file {settings.registry.file} cannot be read: {error.strerror}") from error
    if listed.mistakes and not listed.entries:
        raise NotSeen(str(listed.mistakes[0]))
    found = Gathered(names=[("camera", one.camera) for one in listed.entries])
    found.names += [("person", one.assigned) for one in listed.entries if one.assigned]
    found.names += [("words", one.note) for one in listed.entries if one.note]
    return found


def users(settings: Settings) -> Gathered:
    """Names of users and tokens, and the hashes by which they are known. Raises Damaged, Unwritten."""
    path = settings.ledger.path.with_name("access.db")
    if not path.exists():
        return Gathered()
    book = Book(path)
    try:
        known = book.known()
    finally:
        book.close()
    found = Gathered(hashes=[*known.sessions, *known.tokens], secrets=[one.password for one in known.users.values()])
    found.names = [("person", one) for one in (*known.users, *(token.name for token in known.tokens.values()))]
    found.names += [("person", one.name) for one in known.sessions.values()]
    found.names += [("address", place) for _, place in known.places]
    return found


def secrets(machine: Machine, settings: Settings, *, shown: str, config: Path | None) -> Gathered:
    """Everything that is secret here, to be looked for in all the rest; `notes` names files that could not be read. `shown`: a token of whoever asks."""
    found = Gathered(secrets=[shown] if shown else [])
    for path in dict.fromkeys([*_files(machine, settings, found), *_written(machine, config)]):
        try:
            said = machine.text(path)
        except NotSeen as error:
            found.notes.append(str(error))
            continue
        found.secrets += sorted(words_of(said)) if said else []
    return found


def _written(machine: Machine, config: Path | None) -> list[Path]:
    """Files that a configuration names for secrets, also one that cannot be read as a whole."""
    try:
        text = machine.text(config, most=1 << 20) if config is not None else None
    except NotSeen:  # which is told of where the configuration itself is
        return []
    return [Path(found) for found in _NAMES_A_SECRET.findall(text or "")][:64]


def _files(machine: Machine, settings: Settings, found: Gathered) -> list[Path]:
    store, page, oidc = settings.store, settings.page, settings.oidc
    files = [store.token_file, store.client_key_file, store.proxy_auth_file, page.tls_key_file, oidc.client_secret_file]
    for folder in (
        settings.keys_path,
        *(_FOLDER / name for name in machine.names(_FOLDER) if name.startswith("dockd")),
    ):
        try:
            files += [folder / name for name in machine.names(folder)[:64] if _NO_SECRET.fullmatch(name) is None]
        except NotSeen as error:
            found.notes.append(str(error))
    try:
        profiles = load_profiles(settings.cameras.profiles, shipped=shipped("cameras"))
        files += [one.unlock.password_file for one in profiles if one.unlock is not None]
    except (ProfilesWrong, OSError):
        found.notes.append(
            "the site's camera profiles cannot be read: password files that they name were not looked at"
        )
    return [path for path in files if path is not None]
