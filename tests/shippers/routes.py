"""The ways that lines take, each with exactly the files of config/shippers: a shipper on the dock, a receiver at the far end, and what arrived there."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from tests.program import REPOSITORY
from tests.shippers.authority import certificates
from tests.shippers.machine import Machine, Program

CONFIG = REPOSITORY / "config/shippers"
LOG = "/var/log/dockd/dockd.log"
_FAR = "/var/log/dockd-far"


@dataclass(kw_only=True)
class Route:
    """`talk_to`: journal or a file; `arrived`: a file with all that is there."""

    talk_to: str
    shipper: Program
    receiver: Program
    arrived: Callable[[], Path]


Build = Callable[[Machine, Machine], Route]


def _filled(name: str) -> str:
    """A file of config/shippers with its placeholders replaced."""
    return (CONFIG / name).read_text().replace("LOGHOST", "far").replace("DOCKNAME", "dock")


def _prepare(dock: Machine, far: Machine) -> None:
    certificates(dock.folder / "tls", "dock", "far")
    for machine in (dock, far):
        for name in ("ca.pem", f"{machine.name}.pem", f"{machine.name}.key"):
            machine.write(f"/etc/dockd/tls/{name}", (dock.folder / "tls" / name).read_text(), mode=0o600)
    for machine, folder in ((far, "/var/spool/rsyslog"), (far, _FAR), (dock, "/var/lib/syslog-ng"), (far, "/var/lib/syslog-ng"), (far, "/var/log/journal/remote")):  # fmt: skip
        machine.path(folder).mkdir(parents=True, exist_ok=True)


def _one_file(far: Machine) -> Callable[[], Path]:
    def arrived() -> Path:
        file = far.path(f"{_FAR}/dock.json")
        file.touch()
        return file

    return arrived


def _rsyslog(dock_conf: str, far_conf: str, *, port: int, talk_to: str) -> Build:
    def build(dock: Machine, far: Machine) -> Route:
        _prepare(dock, far)
        dock.write("/etc/dockd/rsyslog.conf", _filled(dock_conf))
        far.write("/etc/rsyslog-far.conf", _filled(far_conf))
        script = (CONFIG / "rsyslog-relp-rewind").read_text()
        dock.write("/var/local/lib/dockd/rsyslog-relp-rewind", script, mode=0o755)  # this machine's /usr/local
        shipper = _service(dock, "dockd-rsyslog.service")
        receiver = far.program("/usr/sbin/rsyslogd", "-n", "-f", "/etc/rsyslog-far.conf", "-i", "/run/rsyslog-far.pid", ready=lambda: far.listens(port))  # fmt: skip
        return Route(talk_to=talk_to, shipper=shipper, receiver=receiver, arrived=_one_file(far))

    return build


def _service(dock: Machine, unit: str) -> Program:
    """What a unit of config/shippers runs, before, at and after its time."""
    said = dict(line.split("=", 1) for line in (CONFIG / unit).read_text().splitlines() if "=" in line and line[0] != "#")  # fmt: skip
    dock.path(f"/var/lib/{said['StateDirectory']}").mkdir(parents=True, exist_ok=True)
    made = dock.program(*said["ExecStart"].split())
    made.before, made.after = tuple(said["ExecStartPre"].split()), tuple(said["ExecStopPost"].split())
    made.patience = float(said["TimeoutStopSec"])
    return made


def _syslog_ng(dock_conf: str, *, talk_to: str) -> Build:
    def build(dock: Machine, far: Machine) -> Route:
        _prepare(dock, far)
        dock.write("/etc/syslog-ng-dock.conf", _filled(dock_conf))
        far.write("/etc/syslog-ng-far.conf", _filled("syslog-ng-far.conf"))
        shipper = dock.program(*_syslog_ng_command("dock"))
        receiver = far.program(*_syslog_ng_command("far"), ready=lambda: far.listens(6514))
        return Route(talk_to=talk_to, shipper=shipper, receiver=receiver, arrived=_one_file(far))

    return build


def _syslog_ng_command(name: str) -> tuple[str, ...]:
    state = "/var/lib/syslog-ng/persist"
    return ("/usr/sbin/syslog-ng", "-F", "--no-caps", "-f", f"/etc/syslog-ng-{name}.conf", "-R", state, "-c", f"/run/{name}.ctl", "-p", f"/run/{name}.pid")  # fmt: skip


def _journal_upload(dock: Machine, far: Machine) -> Route:
    _prepare(dock, far)
    dock.write("/etc/systemd/journal-upload.conf", _filled("journal-upload.conf"))
    far.write("/etc/systemd/journal-remote.conf", _filled("journal-remote.conf"))
    dock.path("/var/lib/systemd/journal-upload").mkdir(parents=True, exist_ok=True)
    shipper = dock.program("/lib/systemd/systemd-journal-upload", "--save-state=/var/lib/systemd/journal-upload/state", keep_up=True)  # fmt: skip
    receiver = far.program(
        "/lib/systemd/systemd-journal-remote", "--listen-https=0.0.0.0:19532", "--output=/var/log/journal/remote", "--split-mode=host",
        ready=lambda: far.listens(19532), keep_up=True,
    )  # fmt: skip

    def arrived() -> Path:
        made = far.folder / "arrived.json"
        with made.open("wb") as out:
            found = far.popen("journalctl", "--directory=/var/log/journal/remote", "-o", "json", "--all", "SYSLOG_IDENTIFIER=dockd", log=out)  # fmt: skip
            found.wait(timeout=120)
        return made

    return Route(talk_to="journal", shipper=shipper, receiver=receiver, arrived=arrived)


ROUTES: Mapping[str, Build] = {
    "journal-relp": _rsyslog("rsyslog-relp-dock-journal.conf", "rsyslog-relp-far.conf", port=20514, talk_to="journal"),
    "file-relp": _rsyslog("rsyslog-relp-dock-file.conf", "rsyslog-relp-far.conf", port=20514, talk_to=LOG),
    "journal-tls": _rsyslog("rsyslog-tls-dock-journal.conf", "rsyslog-tls-far.conf", port=6514, talk_to="journal"),
    "journal-upload": _journal_upload,
    "file-syslog-ng": _syslog_ng("syslog-ng-dock-file.conf", talk_to=LOG),
    "journal-syslog-ng": _syslog_ng("syslog-ng-dock-journal.conf", talk_to="journal"),
}
