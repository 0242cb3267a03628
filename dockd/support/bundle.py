"""Putting a bundle together: everything is gathered first, what must not be in it is taken out of every part alike, and the manifest says so.

Rules kept here: no part is written that has not gone through the same door (`Door`); names of its own text alone stand in the manifest, which goes through it, too; the
archive is made in memory, for its size is bounded, and laid down whole under its name or not at all, readable by its owner alone.
"""

from __future__ import annotations

import gzip
import io
import json
import os
import secrets
import tarfile
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from dockd import __version__
from dockd.doctor.apart import User, apart
from dockd.doctor.findings import document
from dockd.doctor.running import Check
from dockd.support.gathered import Gathered, Part
from dockd.support.names import Names
from dockd.support.patterns import without_secrets
from dockd.support.secrets import Secrets
from ingest.clock import rfc3339

_POLICY = (
    "Never in it: the ledger, footage, pictures, keys, tokens, passwords and their hashes, cookies, the list of cameras, the list of users, camera profiles.",
    "The contents of the dock's own secret files were looked for in every part, also in the forms that URLs, JSON, HTML, hexadecimal digits and base64 give them; what looks like a secret was taken out, too.",
)
_WITHOUT_NAMES = "People, cameras, their serial numbers, names of files, addresses of those who signed in, and reasons that people typed stand as person-1, camera-1, file-1 and so on: the same one for the same in all of this bundle, another in the next. Bays, ports, ids of segments, the station's and the machine's name are as they are. Log lines may hold a name that no list here knows."
_WITH_NAMES = "--with-names was given: people, cameras and names of files stand as they are. It is personal data: pass it on only to whoever may have it, and delete it when it has served."


@dataclass(kw_only=True)
class Entry:
    """One file of a bundle, as the manifest has it. `why`: it is not there, because."""

    file: str
    what: str
    bytes: int = 0
    secrets_taken_out: int = 0
    names_replaced: int = 0
    notes: list[str] = field(default_factory=list)
    why: str = ""


@dataclass(frozen=True, kw_only=True)
class Made:
    """An archive, and what is in it."""

    archive: bytes
    entries: list[Entry]
    notes: list[str]

    @property
    def missing(self) -> list[Entry]:
        """What could not be had."""
        return [one for one in self.entries if one.why]


class Door:
    """What each text goes through before it leaves. `names` None: they stay."""

    def __init__(self, *, known: Secrets, names: Names | None) -> None:
        self._known = known
        self._names = names

    def learn(self, part: Part, text: str) -> str:
        """Whom the part's own fields name, to be hidden everywhere; the text, with files' names hidden in it already."""
        if self._names is None or part.anonymous:
            return text
        if part.document:
            return self._names.of_document(text, _loaded(text))
        if part.lines:
            return "\n".join(_line(self._names, line) for line in text.split("\n"))
        return text

    def through(self, part: Part, text: str) -> tuple[str, int, int]:
        """What may be seen of it; how many secrets were taken out, and how many names replaced."""
        text, known = self._known.taken_out(text)
        text, alike = without_secrets(text)
        hidden = 0
        if self._names is not None and not part.anonymous:
            text, hidden = self._names.hidden(text)
        return text, known + alike, hidden


def made(
    *, parts: Sequence[Part], learning: Sequence[Part], checks: Sequence[Check], agent: User | None, with_names: bool
) -> Made:
    """Gather, take out, pack. Raises OSError (no process), KeyboardInterrupt."""
    jobs = [*(part.job(agent) for part in (*learning, *parts)), *(check.job(agent) for check in checks)]
    said = apart(jobs)
    learnt = [part.result(one) for part, one in zip(learning, said, strict=False)]
    found = [part.result(one) for part, one in zip(parts, said[len(learning) :], strict=False)]
    findings = [
        one
        for check, each in zip(checks, said[len(learning) + len(parts) :], strict=True)
        for one in check.findings(each)
    ]
    doctors = Part(file="doctor.json", what="what dockd doctor finds on this machine", look=Gathered, document=False)
    report = Gathered(text=json.dumps(document(findings), indent=1) + "\n")
    door = _door([*learnt, *found], with_names=with_names)
    notes = _unlearnt(learning, learnt)
    return _packed([(doctors, report), *zip(parts, found, strict=True)], door=door, notes=notes, with_names=with_names)


def _door(found: Sequence[Gathered], *, with_names: bool) -> Door:
    known = Secrets(
        [one for each in found for one in each.secrets], as_they_are=[one for each in found for one in each.hashes]
    )
    names = None if with_names else Names()
    if names is not None:
        for each in found:
            names.learn_all(each.names)
    return Door(known=known, names=names)


def _unlearnt(learning: Sequence[Part], found: Sequence[Gathered]) -> list[str]:
    """What could not be looked for, because it could not be read."""
    return [
        f"{part.what} could not be read, and so not be looked for in the other parts: {why}"
        for part, one in zip(learning, found, strict=True)
        for why in (*([one.failed] if one.failed else []), *one.notes)
    ]


def _packed(found: Sequence[tuple[Part, Gathered]], *, door: Door, notes: list[str], with_names: bool) -> Made:
    texts = [door.learn(part, one.text) for part, one in found]  # all are known before any is hidden
    entries, files = [], []
    for (part, one), text in zip(found, texts, strict=True):
        entry = Entry(file=part.file, what=part.what, notes=one.notes, why=one.failed)
        if not one.failed:
            text, entry.secrets_taken_out, entry.names_replaced = door.through(part, text)
            raw = text.encode("utf-8", "backslashreplace")
            entry.bytes = len(raw)
            files.append((part.file, raw))
        entry.why, entry.notes = _clean(door, entry.why), [_clean(door, note) for note in entry.notes]
        entries.append(entry)
    notes = [_clean(door, note) for note in notes]
    manifest = _manifest(entries, notes, with_names=with_names)
    return Made(archive=_archive([*manifest, *files]), entries=entries, notes=notes)


def _line(names: Names, line: str) -> str:
    """A line of the log: as it is, as the journal's own fields, or as what the journal took from standard error."""
    record = _loaded(line)
    if not isinstance(record, dict):
        return line
    line = names.of_document(line, record, prefix="dockd.")
    line = names.of_document(line, record, prefix="DOCKD_")
    message = record.get("MESSAGE")
    inner = _loaded(message) if isinstance(message, str) and message.startswith("{") else None
    return names.of_document(line, inner, prefix="dockd.")


def _clean(door: Door, text: str) -> str:
    return door.through(Part(file="MANIFEST", what="", look=Gathered), text)[0]


def _loaded(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def _manifest(entries: list[Entry], notes: list[str], *, with_names: bool) -> list[tuple[str, bytes]]:
    now = rfc3339(time.time())
    who = "root" if os.geteuid() == 0 else f"user {os.geteuid()}"
    policy = [*_POLICY, _WITH_NAMES if with_names else _WITHOUT_NAMES]
    lines = [f"dockd support-bundle, made by dockd {__version__} at {now}, as {who}", "", *policy, ""]
    for one in entries:
        if one.why:
            lines.append(f"{one.file}: {one.what}\n    NOT THERE: {one.why}")
            continue
        taken = f"{one.bytes} bytes, {one.secrets_taken_out} secrets taken out, {one.names_replaced} names replaced"
        lines.append("\n    ".join([f"{one.file}: {one.what}", taken, *one.notes]))
    lines += ["", *notes, ""] if notes else [""]
    said = {"dockd_support_bundle": 1, "dockd": __version__, "made_at": now, "by": who, "with_names": with_names, "policy": policy,
            "files": [asdict(one) for one in entries], "notes": notes}  # fmt: skip
    return [("MANIFEST", "\n".join(lines).encode()), ("manifest.json", (json.dumps(said, indent=1) + "\n").encode())]


def _archive(files: Sequence[tuple[str, bytes]]) -> bytes:
    out = io.BytesIO()
    with (
        gzip.GzipFile(fileobj=out, mode="wb", compresslevel=6, filename="") as packed,
        tarfile.open(fileobj=packed, mode="w", format=tarfile.PAX_FORMAT) as tar,
    ):
        for name, raw in files:
            entry = tarfile.TarInfo(f"dockd-support/{name}")
            entry.size, entry.mode, entry.mtime = len(raw), 0o600, int(time.time())
            tar.addfile(entry, io.BytesIO(raw))
    return out.getvalue()


def put(archive: bytes, target: Path) -> None:
    """Lay it down under its name: whole and durable, or not at all. Raises FileExistsError, OSError, KeyboardInterrupt."""
    aside = target.with_name(f".{target.name}.{secrets.token_hex(4)}.part")
    if os.path.lexists(target):
        raise FileExistsError(f"{target} is there already")
    try:
        descriptor = os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        with open(descriptor, "wb") as opened:
            opened.write(archive)
            opened.flush()
            os.fsync(descriptor)
        os.rename(aside, target)
    finally:
        with suppress(OSError):
            aside.unlink()
