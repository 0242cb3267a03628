"""Every check there is, in the order in which they are shown, and what each may take."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable, Iterable
from pathlib import Path

from dockd.doctor import (
    agent,
    blocks,
    devices,
    disks,
    files,
    kernel_log,
    ledger,
    page,
    said,
    secrecy,
    store,
    timesync,
    usb,
)
from dockd.doctor.apart import User
from dockd.doctor.findings import Finding, failed, passed
from dockd.doctor.machine import Machine, NotSeen
from dockd.doctor.running import Check
from dockd.settings import Settings
from ingest.clock import Clock

_SHOWN = 5


def all_checks(
    machine: Machine, settings: Settings, *, config: Path, mistakes: Callable[[], list[str]], owner: int | None
) -> list[Check]:
    """`config`: the agent's file; `mistakes`: what check-config says is wrong with it; `owner`: the agent's user."""
    try:
        process = agent.process(machine, settings)
    except NotSeen:
        process = None
    now = time.time()
    m, s = machine, settings
    return [
        Check(group="configuration", name="configuration", look=lambda: _configuration(mistakes()), as_agent=True),
        Check(
            group="configuration",
            name="configuration: read",
            look=lambda: said.read_again(m, s, config=config, agent=process, reloaded=said.last_reload()),
        ),
        Check(group="agent", name="log", look=lambda: said.log(s), as_agent=True),
        Check(group="agent", name="agent", look=lambda: agent.running(m, s)),
        Check(group="agent", name="versions", look=lambda: agent.versions(m, systemd=_systemd())),
        Check(group="cameras", name="udev", look=lambda: devices.udev(m, s)),
        Check(group="cameras", name="mount helper", look=lambda: devices.helper(s), as_agent=True),
        *(
            Check(group="cameras", name="USB", look=_on(one, m))
            for one in (usb.authorised, usb.asleep, usb.over_current)
        ),
        Check(group="disks", name="places", look=lambda: disks.places(m, s)),
        Check(group="disks", name="room", look=lambda: disks.room(s)),
        Check(group="disks", name="encryption", look=lambda: disks.encryption(m, s)),
        Check(group="disks", name="health", look=lambda: disks.health(m, s)),
        Check(
            group="kernel",
            name="kernel's messages",
            look=lambda: kernel_log.trouble(kernel_log.messages(), own=_own(m, s)),
        ),
        Check(group="memory", name="swap", look=lambda: secrecy.swap(m)),
        Check(
            group="memory",
            name="core dumps",
            look=lambda: (*secrecy.core_dumps(m, agent=process), *secrecy.dumpable(m)),
        ),
        Check(group="time", name="time", look=lambda: timesync.synchronised(Clock().synchronised(), now=now)),
        Check(
            group="store",
            name="store",
            look=lambda: store.look(s, now=now, kernel=Clock().synchronised()),
            within=45.0,
            as_agent=True,
        ),
        Check(group="page", name="page", look=lambda: page.port(m, s, agent=process), as_agent=True),
        Check(
            group="page", name="certificates", look=lambda: page.certificates(s, doubt=_doubt(s, now)), as_agent=True
        ),
        Check(group="files", name="state", look=lambda: files.state(m, s, owner=owner)),
        Check(group="files", name="ledger", look=lambda: ledger.whole(m, s), within=40.0, as_agent=True),
        Check(group="files", name="secrets", look=lambda: files.secrets(m, s, owner=owner)),
    ]


def agents_user(machine: Machine, settings: Settings, *, asker: int) -> tuple[int | None, User | None]:
    """The agent's user, and whom root speaks for it as; None where it is not known, or whoever asks is not root."""
    found = agent.user_of(machine, settings)
    if found is None:
        return None, None
    if asker or not found.pw_uid:
        return found.pw_uid, None
    groups = devices.groups_of(found.pw_name, found.pw_gid)
    return found.pw_uid, User(uid=found.pw_uid, gid=found.pw_gid, groups=groups)


def _on(look: Callable[[Machine], Iterable[Finding]], machine: Machine) -> Callable[[], Iterable[Finding]]:
    return lambda: look(machine)


def _configuration(mistakes: list[str]) -> Iterable[Finding]:
    for one in mistakes[:_SHOWN]:
        yield failed("configuration", one, "dockd check-config")
    if len(mistakes) > _SHOWN:
        yield failed("configuration", f"and {len(mistakes) - _SHOWN} more mistakes", "dockd check-config")
    if not mistakes:
        yield passed("configuration", "check-config finds nothing wrong")


def _doubt(settings: Settings, now: float) -> str:
    return timesync.doubt(Clock().synchronised(), now=now, newest=timesync.newest(settings))


def _own(machine: Machine, settings: Settings) -> frozenset[str]:
    """The disks that spool and ledger lie on."""
    mounts = [machine.mount_of(path) for path in (settings.spool.path, settings.ledger.path)]
    return frozenset(disk.name for mount in mounts if mount is not None for disk in blocks.disks(machine, mount.number))


def _systemd() -> str | None:
    try:
        done = subprocess.run(["systemctl", "--version"], capture_output=True, text=True, check=False, timeout=5)
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.splitlines()[0] if done.stdout else None
