"""Every part of a bundle, in the order in which they are listed: what it is, how it is gathered, and what that may take."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, fields, is_dataclass
from pathlib import Path
from typing import Any

from dockd.doctor.machine import Machine, NotSeen
from dockd.settings import Mistake, Settings, read_text
from dockd.settings.filesystem import read_file
from dockd.support import configuration, ledger_parts, logs, machine_parts
from dockd.support.gathered import Gathered, Part
from dockd.support.page import Page


@dataclass(frozen=True, kw_only=True)
class Asked:
    """What a bundle is made of. `config` None: a state without an agent. `since`: seconds since the epoch; `log_bytes`: of each log at most."""

    machine: Machine
    settings: Settings
    config: Path | None
    environ: dict[str, str]
    since: float
    log_bytes: int
    token: str
    mistakes: Callable[[], list[str]]


def learning(asked: Asked) -> list[Part]:
    """What is gathered only to be left out of all the rest."""
    machine, settings = asked.machine, asked.settings
    return [
        Part(file="", what="the dock's secrets", look=lambda: ledger_parts.secrets(machine, settings, shown=asked.token, config=asked.config)),
        Part(file="", what="the list of users (access.db)", look=lambda: ledger_parts.users(settings), as_agent=True),
        Part(file="", what="the list of cameras (registry.file)", look=lambda: ledger_parts.registry_names(settings), most=4 << 20),
        Part(file="", what="cameras and officers of the ledger", look=lambda: ledger_parts.ledger_names(settings), as_agent=True, most=4 << 20),
    ]  # fmt: skip


def parts(asked: Asked) -> list[Part]:
    """Everything that goes into a bundle, but doctor's report and the manifest."""
    return [*_machine(asked), *_configuration(asked), *_ledger(asked), *_page(asked), *_logs(asked)]


def _machine(asked: Asked) -> list[Part]:
    machine, settings = asked.machine, asked.settings
    return [
        Part(file="versions.txt", what="dockd, its libraries, Python, kernel and system", look=lambda: machine_parts.versions(machine)),
        Part(file="units.txt", what="how systemd has dockd's units, and units that have failed", look=machine_parts.units, within=20),
        Part(file="process.txt", what="the agent's process and its workers: limits, memory, open files by number", look=lambda: machine_parts.process(machine, settings)),
        Part(file="kernel.txt", what="what the kernel has said of USB, disks, filesystems and memory since its start", look=machine_parts.kernel, most=2 << 20),
        Part(file="usb.txt", what="USB devices by port, without serial numbers", look=lambda: machine_parts.usb(machine)),
        Part(file="mounts.txt", what="mounts, block devices, and room", look=lambda: machine_parts.mounts(machine, settings), within=20),
        Part(file="time.txt", what="clock, synchronisation, zone, locale", look=lambda: machine_parts.times(machine), within=30),
    ]  # fmt: skip


def _configuration(asked: Asked) -> list[Part]:
    config = asked.config
    if config is None:
        return []
    return [
        Part(file="config/dockd.toml", what="the configuration, line for line, without comments and without what is no key of dockd's", look=lambda: _text(config)),
        Part(file="config/effective.json", what="every setting as it holds, and where it comes from", look=lambda: _effective(config, asked.environ), document=True),
        Part(file="config/environment.txt", what="what the environment overrides, of whoever made this and of the agent", look=lambda: _environment(asked)),
        Part(file="config/check-config.txt", what="what check-config finds wrong", look=lambda: Gathered(text="\n".join([*asked.mistakes(), ""])), as_agent=True),
        Part(file="config/profiles.txt", what="names and sizes of the site's camera profiles", look=lambda: _profiles(asked)),
    ]  # fmt: skip


def _ledger(asked: Asked) -> list[Part]:
    machine, settings = asked.machine, asked.settings
    return [
        Part(file="state.txt", what="files of the state: kind, size, owner, mode; the spool in sums", look=lambda: machine_parts.state(machine, settings), within=20),
        Part(file="ledger/reconcile.json", what="listed, copied, confirmed, wiped and open in sums, and where the books disagree", look=lambda: ledger_parts.sums(settings), within=40, as_agent=True, most=4 << 20, document=True),
        Part(file="ledger/head.json", what="the record's signed end, and which store is pinned", look=lambda: ledger_parts.heads(settings), as_agent=True, document=True),
        Part(file="ledger/custody.json", what="whether the whole record holds (as dockd custody verify)", look=lambda: ledger_parts.record(settings), within=40, as_agent=True, document=True),
    ]  # fmt: skip


def _page(asked: Asked) -> list[Part]:
    if asked.config is None:
        return []
    page = Page(machine=asked.machine, settings=asked.settings, token=asked.token)
    return [
        Part(file="status.json", what="the page's summary", look=lambda: page.document("/api/v1/status"), document=True),
        Part(file="bays.json", what="every bay, as the page has it", look=lambda: page.document("/api/v1/bays?limit=1000&after="), most=4 << 20, document=True),
        Part(file="problems.json", what="problems that are open", look=lambda: page.document("/api/v1/problems"), most=4 << 20, document=True),
        Part(file="readyz.json", what="whether it can take cameras in, as it says itself", look=lambda: Gathered(text=page.text("/readyz"))),
        Part(file="metrics.txt", what="the agent's metrics, which name nobody", look=lambda: Gathered(text=page.text("/metrics")), most=2 << 20, anonymous=True),
    ]  # fmt: skip


def _logs(asked: Asked) -> list[Part]:
    found = []
    file, since, most = asked.settings.log.file, asked.since, asked.log_bytes
    if file is not None:
        found.append(Part(file="log/dockd.log", what=f"the newest of {file}", look=lambda: logs.of_file(file, since=since, most=most), most=most + 4096, within=20, lines=True))  # fmt: skip
    if asked.config is not None:
        found.append(Part(file="log/journal.jsonl", what="the journal's newest of dockd and dockd-mount", look=lambda: logs.of_journal(since=since, most=most), most=most + 4096, within=30, lines=True))  # fmt: skip
    return found


def _text(config: Path) -> Gathered:
    text = read_file(config, file=str(config))
    if isinstance(text, Mistake):
        raise NotSeen(str(text))
    shown, taken = configuration.shown(text)
    return Gathered(
        text=shown,
        notes=[f"{taken} lines without what stood there: comments, and what is no key of dockd's"] if taken else [],
    )


def _effective(config: Path, environ: dict[str, str]) -> Gathered:
    text = read_file(config, file=str(config))
    if isinstance(text, Mistake):
        raise NotSeen(str(text))
    reading = read_text(text, file=str(config), environ=environ)
    wrong = {mistake.key for mistake in reading.mistakes}
    found: dict[str, dict[str, Any]] = {}
    for section in fields(reading.settings):
        values = getattr(reading.settings, section.name)
        if not is_dataclass(values):
            continue
        for key in fields(values):
            origin = reading.origins.get((section.name, key.name))
            dotted = f"{section.name}.{key.name}"
            found[dotted] = {
                "value": None if dotted in wrong else _plain(getattr(values, key.name)),
                "from": "default" if origin is None else f"line {origin.line}" if origin.line is not None else origin.key,
                **({"wrong": True} if dotted in wrong else {}),
            }  # fmt: skip
    bays = [{"number": bay.number, "usb_path": bay.usb_path} for bay in reading.settings.bays]
    return Gathered(text=json.dumps({"settings": found, "bays": bays}, indent=1) + "\n")


def _plain(value: object) -> object:
    if isinstance(value, (bool, int, float, str)) or value is None:
        return value
    return [str(one) for one in value] if isinstance(value, tuple) else str(value)


def _environment(asked: Asked) -> Gathered:
    from dockd.doctor import agent

    lines = [
        "of whoever made this:",
        *configuration.overrides("\0".join(f"{key}={value}" for key, value in asked.environ.items())),
    ]
    try:
        number = agent.process(asked.machine, asked.settings)
        if number is not None:
            lines += ["of the agent:", *configuration.overrides(asked.machine.text(f"/proc/{number}/environ") or "")]
    except NotSeen as error:
        lines.append(f"of the agent: {error}")
    return Gathered(text="\n".join([*lines, ""]))


def _profiles(asked: Asked) -> Gathered:
    folder, lines = asked.settings.cameras.profiles, []
    for name in asked.machine.names(folder):
        status = asked.machine.status(folder / name)
        lines.append(f"{name}: {status.st_size if status else '?'} bytes")
    return Gathered(text="\n".join([str(folder), *lines, ""]))
