"""The page's address, and the certificates that this dock hangs on."""

from __future__ import annotations

import errno
import os
import socket
import time
from collections.abc import Iterable
from pathlib import Path

from dockd import expiry
from dockd.doctor import timesync
from dockd.doctor.agent import name_of
from dockd.doctor.findings import Finding, failed, passed, skipped, warned
from dockd.doctor.machine import Machine, NotSeen
from dockd.doctor.sockets import listening, ports
from dockd.settings import Settings
from dockd.settings.filesystem import enrols

_ANOTHER = "Which: ss -ltnp. End it, or choose another page.listen, then: systemctl restart dockd"
_ELSEWHERE = "Was page.listen changed since it started? systemctl restart dockd; journalctl -u dockd -e"
_NAMES = {
    "client": "this dock's certificate for the store",
    "page": "the page's certificate",
    "store": "the store's certificate",
    "store_ca": "the store's authority",
}


def port(machine: Machine, settings: Settings, *, agent: int | None) -> Iterable[Finding]:
    """Whether the page's address is the agent's, or free for it. Takes it for a moment where it is free, and hears nobody. Blocks."""
    listen = settings.page.listen
    if listen.port == 0:
        yield _any_port(machine, str(listen), agent)
        return
    try:
        family, kind, number, _, address = socket.getaddrinfo(
            listen.host, listen.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        with socket.socket(family, kind, number) as taken:
            taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            taken.bind(address)
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            yield _taken(machine, settings, agent)
        else:
            yield _not_taken(error, str(listen))
    else:
        if agent is None:
            yield passed("page", f"{listen} is free")
        else:
            yield failed("page", f"the agent runs, and nothing listens at {listen}", _ELSEWHERE)


def _any_port(machine: Machine, listen: str, agent: int | None) -> Finding:
    try:
        found = ports(machine, agent) if agent is not None else []
    except NotSeen:
        found = []
    now = f"; now it is {', '.join(map(str, found))}" if found else ""
    return passed("page", f"page.listen = {listen}: any free port{now}")


def _taken(machine: Machine, settings: Settings, agent: int | None) -> Finding:
    """By the agent, or by whom else: what can be seen of it is said, and no more."""
    listen = settings.page.listen
    users = {one.uid for one in listening(machine) if one.port == listen.port}
    whose = f" of {', '.join(sorted(map(name_of, users)))}" if users else ""
    if agent is None:
        return failed("page", f"{listen} is taken by another program{whose}", _ANOTHER)
    try:
        ours = listen.port in ports(machine, agent)
    except NotSeen as why:
        return warned(
            "page", f"{listen} is taken{whose}, and the agent runs; whether it is the agent's cannot be seen: {why}", "Ask as root, or as the agent's user: dockd doctor",
        )  # fmt: skip
    if ours:
        return passed("page", f"the agent listens at {listen}")
    return failed("page", f"{listen} is taken by another program{whose}, and the agent does not listen there", _ANOTHER)


def _not_taken(error: OSError, listen: str) -> Finding:
    if error.errno == errno.EACCES:
        return failed(
            "page",
            f"{listen} may not be taken by the agent's user: ports below 1024 are root's",
            "Choose another port, such as 8443.",
        )
    return failed(
        "page",
        f"{listen} cannot be taken ({error.strerror or error})",
        "Is that an address of this machine? ip -brief address",
    )


def certificates(
    settings: Settings, *, shown: bytes | None = None, now: float | None = None, doubt: str = ""
) -> Iterable[Finding]:
    """When each ends. `shown`: the store's own, where it has been seen; `doubt`: what speaks against this machine's clock."""
    found = expiry.of(settings, shown=shown)
    now = time.time() if now is None else now
    for one in found:
        name = _NAMES[one.which]
        if isinstance(one, expiry.Unread):
            do = "Put a PEM certificate there that the agent may read."
            if (
                one.which == "client"
                and Path(one.where).is_relative_to(settings.keys_path)
                and not os.path.lexists(one.where)
            ):
                do = f"Enrol this dock: `{enrols(settings)}`."
            yield failed(name, f"{one.where}: {one.error}", do)
            continue
        ends, stage = time.strftime("%Y-%m-%d", time.gmtime(max(0.0, min(one.ends, 253e9)))), one.stage(now)
        says = f"{one.where} ({one.subject}) ends on {ends}"
        do = (
            "Renew it: `dockd enroll`, or ask whoever has issued it."
            if one.which == "client"
            else "Have it renewed by whoever has issued it."
        )
        if stage == 4:
            over = "is over" if now >= one.ends else "is not good yet"
            first = f"First the clock: {doubt}. {timesync.SET} Only where it is right: " if doubt else ""
            yield failed(name, f"{says}: it {over}", f"{first}{do}")
        elif stage >= 1:
            yield (failed if stage == 3 else warned)(name, f"{says}, in {one.days(now)} days", do)
        else:
            yield passed(name, says)
    if not found:
        yield skipped("certificates", "the configuration names none")
