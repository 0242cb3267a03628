"""The force's side: another machine (a namespace of its own) with the central store, the log's receiver and Prometheus, and a cable to the appliance.

Rules kept here: everything is what a force would run (`dockd store serve` over TLS, Debian's rsyslog and Prometheus), with the files of config/ as they are shipped: names are
filled in, the job of a dock that is not there is left out, and nothing else is changed, no duration either.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from tests.program import DOCKD, REPOSITORY, environment
from tests.shippers.authority import certificates
from tests.shippers.machine import Machine, Program
from tests.shippers.packages import unpacked

DOCK, STORE, LOGHOST = "dock1.north.example.org", "store.example.org", "loghost.example.org"
PAGE = f"https://{DOCK}:8443"
PROMETHEUS = "http://127.0.0.1:9090"
CABLE = "dock0"
CA = "/etc/dockd/tls/ca.pem"
CONFIG = REPOSITORY / "config"
SLOW = 300.0  # seconds that a program may take to start on a machine that has other work beside it
_ARRIVED = "/var/log/dockd-far/dock1.json"


@dataclass(kw_only=True)
class Centre:
    """Another machine, and what runs on it."""

    far: Machine
    folder: Path
    store: Program = field(init=False)
    token: str = ""

    def __post_init__(self) -> None:
        self.store = self.a_store("footage")

    @property
    def tls(self) -> Path:
        """Certificates and keys, as the force's authority has given them out."""
        return self.folder / "tls"

    @property
    def footage(self) -> Path:
        """The folder of the central store."""
        return self.folder / "footage"

    # -- the store -----------------------------------------------------------------------------------------------------

    def a_store(self, name: str) -> Program:
        """`dockd store serve` on the folder of that name, at the store's address; not started yet."""
        pair = ("--tls-cert-file", str(self.tls / f"{STORE}.pem"), "--tls-key-file", str(self.tls / f"{STORE}.key"))
        words = ("store", "serve", "--root", str(self.folder / name), "--listen", "10.78.0.1:443", *pair)
        return self.runs(*DOCKD, *words, port=443)

    def another_store(self) -> Sequence[Program]:
        """One that is not the dock's, behind a front end with the right name and certificate, at the store's address; not started yet.

        Behind a front end, for a store that does TLS itself asks for certificates of its own docks, and this dock would not get as far as to hear who it is.
        """
        both, store = self.folder / "tls/front.pem", (*DOCKD, "store", "serve", "--root", str(self.folder / "another"))
        both.write_text("".join((self.tls / f"{STORE}.{end}").read_text(encoding="utf-8") for end in ("key", "pem")))
        door = (sys.executable, "-m", "tests.netlab.tls_door", "127.0.0.1", "1080", str(both), "10.78.0.1", "443")
        return (self.runs(*store, port=1080), self.runs(*door, port=443))

    def invitation(self, dock: str) -> str:
        """What `dockd store invite` prints. A store that has invited nobody serves nobody on another machine."""
        self.footage.mkdir(mode=0o700)
        words = ("store", "invite", dock, "--root", str(self.footage))
        return self.far.run("env", f"PYTHONPATH={REPOSITORY}", *DOCKD, *words).strip()

    def runs(self, *command: str, port: int) -> Program:
        """A program of this machine that listens there once it is ready; not started yet."""
        made = self.far.program(*command, ready=lambda: self.far.listens(port), environment=environment())
        made.starts_within = SLOW
        return made

    # -- its logs ------------------------------------------------------------------------------------------------------

    def receive_logs(self) -> None:
        """The receiver of config/shippers, listening."""
        conf = (CONFIG / "shippers/rsyslog-relp-far.conf").read_text(encoding="utf-8")
        self.far.write("/var/local/rsyslog-far.conf", conf.replace("LOGHOST", LOGHOST).replace("DOCKNAME", DOCK))
        self.far.path("/var/spool/rsyslog").mkdir(parents=True, exist_ok=True)
        self.far.run("install", "-d", "/etc/dockd/tls", "/var/log/dockd-far")
        for name, ours in {"ca.pem": "ca.pem", f"{LOGHOST}.pem": "far.pem", f"{LOGHOST}.key": "far.key"}.items():
            self.far.run("install", "-m", "0600", str(self.tls / name), f"/etc/dockd/tls/{ours}")
        words = ("/usr/sbin/rsyslogd", "-n", "-f", "/usr/local/rsyslog-far.conf", "-i", "/run/rsyslog-far.pid")
        self.runs(*words, port=20514).start()

    def logs(self, *words: str) -> dict[str, Any]:
        """What `dockd logs verify` says of what has arrived here."""
        arrived = self.far.path(_ARRIVED)
        if not arrived.exists():
            return {"lines": 0, "missing": 0, "twice": 0, "runs": []}
        command = (*DOCKD, "logs", "verify", "--json", *words, _ARRIVED)
        said = self.far.run("env", f"PYTHONPATH={REPOSITORY}", *command, check=False, timeout=300)
        document = json.loads(said)
        assert isinstance(document, dict)
        return document

    # -- its monitoring ------------------------------------------------------------------------------------------------

    def watch(self) -> None:
        """Prometheus with the shipped rules and the shipped example's job of this dock."""
        shown = yaml.safe_load((CONFIG / "monitoring/prometheus.example.yml").read_text(encoding="utf-8"))
        shown["scrape_configs"] = [job for job in shown["scrape_configs"] if f"{DOCK}:8443" in str(job)]
        assert len(shown["scrape_configs"]) == 1, shown
        self.far.write("/var/local/prometheus.yml", json.dumps(shown))
        self.far.write("/var/local/north-1.token", self.token, mode=0o600)
        home = "/etc/prometheus/dockd"
        self.far.run("install", "-d", home)
        for name in ("dockd.rules.yml", "dockd.alerts.yml"):
            self.far.run("install", "-m", "0644", str(CONFIG / "monitoring" / name), home)
        self.far.run("install", "-m", "0600", "/usr/local/north-1.token", str(self.tls / "ca.pem"), home)
        words = (
            "--config.file=/usr/local/prometheus.yml",
            "--storage.tsdb.path=/var/lib/prometheus",
            "--web.listen-address=127.0.0.1:9090",
        )
        self.runs("/usr/bin/prometheus", *words, port=9090).start()

    def query(self, expression: str) -> list[float]:
        """What Prometheus makes of an expression now."""
        said = self.curl("--get", "--data-urlencode", f"query={expression}", f"{PROMETHEUS}/api/v1/query")
        return [float(one["value"][1]) for one in json.loads(said)["data"]["result"]]

    def alerts(self) -> dict[str, str]:
        """Each alert that is there, and whether it is pending or firing."""
        said = json.loads(self.curl(f"{PROMETHEUS}/api/v1/alerts"))
        return {one["labels"]["alertname"]: one["state"] for one in said["data"]["alerts"]}

    # -- the page, from here -------------------------------------------------------------------------------------------

    def api(self, path: str) -> dict[str, Any]:
        """A document of the dock's API, over the line, with this side's token. Raises AssertionError."""
        document = json.loads(self.page("--header", f"Authorization: Bearer {self.token}", f"{PAGE}/api/v1{path}"))
        assert isinstance(document, dict)
        return document

    def page(self, *words: str) -> str:
        """What the dock's page answers to curl, which knows the force's authority. Raises AssertionError."""
        return self.curl("--cacert", str(self.tls / "ca.pem"), *words)

    def curl(self, *words: str) -> str:
        return self.far.run("curl", "--silent", "--show-error", "--fail", "--max-time", "60", *words, timeout=90)

    def until(self, is_so: Callable[[], object], what: str, *, within: float = 300.0) -> float:
        """Ask until it is so, once a second; the seconds that took. Raises AssertionError with the last refusal."""
        began, refused = time.monotonic(), ""
        while True:
            try:
                if is_so():
                    return time.monotonic() - began
            except AssertionError as error:  # nobody answers yet
                refused = str(error)
            assert time.monotonic() < began + within, f"not so within {within:.0f} s: {what} {refused}"
            time.sleep(1.0)


@contextmanager
def centre(folder: Path) -> Iterator[Centre]:
    """It, with a cable for the appliance. Nothing runs on it yet."""
    certificates(folder / "tls", DOCK, STORE, LOGHOST)
    with Machine("far", folder / "far", unpacked()) as far:
        far.run("sh", "-c", f"echo '10.78.0.1 {STORE} {LOGHOST}\n10.78.0.2 {DOCK}' >> /etc/hosts")
        for words in (
            ("tuntap", "add", "dev", CABLE, "mode", "tap"),
            ("address", "add", "10.78.0.1/24", "dev", CABLE),
            ("link", "set", CABLE, "up"),
        ):
            far.run("ip", *words)
        yield Centre(far=far, folder=folder)
