"""The agent in a guest, as its users have it: the API, the log, the commands; and what may befall its processes.

What dockd says here is what people would be told. What is true is read elsewhere: from the images (evidence.py).
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Collection
from dataclasses import dataclass, field

from tests.hil.rig.agent_log import AgentLog, Document, NeverCame
from tests.hil.rig.cards import Card
from tests.hil.rig.guest_channel import Ended, GuestJob, NoAnswer
from tests.hil.rig.machine import Machine
from tests.hil.rig.product import dockd
from tests.hil.rig.usb import FULL_SPEED, Camera, Line, plug
from tests.hil.rig.vm import Vm

AGENT, HELPER, STORE = "dockd.service", "dockd-mount.service", "dockd-store.service"
UNITS = (STORE, HELPER, AGENT)
PAGE_PORT, STORE_PORT = 8080, 1080
CONFIG = "/etc/dockd/dockd.toml"
POLL = 0.15


@dataclass(kw_only=True)
class Agent:
    """The agent of one guest; used from one thread."""

    vm: Vm
    machine: Machine
    _log: AgentLog = field(init=False)

    def __post_init__(self) -> None:
        self._log = AgentLog(self.vm)

    # -- the rack ------------------------------------------------------------------------------------------------------

    def plug(
        self,
        card: Card,
        *,
        bay: int,
        serial: str,
        line: Line = FULL_SPEED,
        read_only: bool = False,
        bad_sectors: Collection[int] = (),
    ) -> Camera:
        """Put a card into a bay of the rack. Returns at once: it is the agent that finds it."""
        bus, port = self.machine.bus(bay)
        return plug(
            self.vm, card, serial=serial, port=port, bus=bus, line=line, read_only=read_only, bad_sectors=bad_sectors, wait=False
        )  # fmt: skip

    # -- what it says --------------------------------------------------------------------------------------------------

    def get(self, path: str) -> Document:
        """The document at a path below /api/v1. Raises NoAnswer, AssertionError where it is no 200."""
        answer = self.vm.ask(PAGE_PORT, f"/api/v1{path}")
        assert answer.status == 200, f"GET {path}: {answer.status} {answer.body[:2000]}"
        document: Document = json.loads(answer.body)
        return document

    def all(self, path: str, name: str) -> list[Document]:
        """All pages of a list."""
        found: list[Document] = []
        after: object = ""
        while after is not None:
            page = self.get(f"{path}{'&' if '?' in path else '?'}limit=1000&after={after}")
            found += page[name]
            after = page["next"]
        return found

    def status(self) -> Document:
        return self.get("/status")

    def bays(self) -> dict[int, Document]:
        """All bays by number."""
        return {bay["number"]: bay for bay in self.all("/bays", "bays")}

    def bay(self, number: int) -> Document:
        """One bay; a port that no bay was named for becomes one when something is put into it, and is empty until then."""
        answer = self.vm.ask(PAGE_PORT, f"/api/v1/bays/{number}")
        if answer.status == 404:
            return {"number": number, "state": "empty", "why": "there is no such bay yet", "camera": None}
        assert answer.status == 200, f"bay {number}: {answer.status} {answer.body[:2000]}"
        document: Document = json.loads(answer.body)
        return document

    def cameras(self) -> list[Document]:
        return self.all("/cameras", "cameras")

    def problems(self) -> list[Document]:
        """What is wrong now, the worst first."""
        found: list[Document] = self.get("/problems?limit=1000")["problems"]
        return found

    def segments(self, camera: str = "") -> list[Document]:
        """All segments, or those of the camera with this id."""
        return self.all(f"/segments?camera={camera}" if camera else "/segments", "segments")

    def metrics(self) -> dict[str, float]:
        """Samples by name, with labels as Prometheus writes them."""
        answer = self.vm.ask(PAGE_PORT, "/metrics")
        lines = [line.rpartition(" ") for line in answer.body.splitlines() if line and not line.startswith("#")]
        return {name: float(value) for name, _, value in lines}

    # -- waiting -------------------------------------------------------------------------------------------------------

    def await_bay(self, number: int, *states: str, timeout: float = 60, never: Collection[str] = ()) -> Document:
        """The bay's document once its state is one of `states`. Raises NeverCame, also where it is one of `never`."""
        last: Document = {}

        def there() -> bool:
            last.update(self.bay(number))
            if last["state"] in never:
                raise NeverCame(f"bay {number} is {last['state']}: {last['why']}\n{self.log_end()}")
            return last["state"] in states

        self.wait_until(there, what=lambda: f"bay {number} is none of {states}: {brief(last)}", timeout=timeout)
        return last

    def await_bays(self, numbers: Collection[int], *states: str, timeout: float = 120) -> dict[int, Document]:
        """All these bays' documents once each is in one of `states`. Raises NeverCame."""
        last: dict[int, Document] = {}

        def there() -> bool:
            last.update(self.bays())
            return all(number in last and last[number]["state"] in states for number in numbers)

        def what() -> str:
            missing = [brief(last.get(n, {"number": n})) for n in numbers if last.get(n, {}).get("state") not in states]
            return f"{len(missing)} bays are none of {states}:\n" + "\n".join(missing)

        self.wait_until(there, what=what, timeout=timeout)
        return {number: last[number] for number in numbers}

    def await_problem(self, name: str, *, timeout: float = 60) -> Document:
        """The first problem of this kind. Raises NeverCame."""
        last: list[Document] = []

        def there() -> bool:
            last[:] = self.problems()
            return any(one["problem"] == name for one in last)

        self.wait_until(there, what=lambda: f"no problem {name} among {last}", timeout=timeout)
        return next(one for one in last if one["problem"] == name)

    def wait_until(self, there: Callable[[], bool], *, what: Callable[[], str], timeout: float) -> None:
        """Ask until `there`. Raises NeverCame with `what` and the log."""
        deadline = time.monotonic() + timeout
        while not there():
            if time.monotonic() > deadline:
                raise NeverCame(f"after {timeout:.0f} s: {what()}\n{self.log_end()}")
            time.sleep(POLL)

    def await_answer(self, *, timeout: float = 120) -> None:
        """Wait until the page answers. Raises NeverCame."""

        def answers() -> bool:
            try:
                return self.vm.ask(PAGE_PORT, "/api/v1/healthz").status == 200
            except NoAnswer:
                return False

        self.wait_until(answers, what=lambda: "the agent does not answer", timeout=timeout)

    def await_store(self, *, timeout: float = 120) -> None:
        """Wait until the agent is connected to the store. Raises NeverCame."""
        last: Document = {}

        def connected() -> bool:
            last.update(self.status())
            return bool(last["store"]["state"] == "connected")

        self.wait_until(connected, what=lambda: f"the store is {last['store']}", timeout=timeout)

    # -- the log -------------------------------------------------------------------------------------------------------

    def follow_log(self) -> None:
        """From here on `events` and `await_event` know what the agent logs, what it logged before included."""
        self._log.follow()

    def events(self, *actions: str) -> list[Document]:
        """What was logged up to now; only these actions where any is named."""
        return self._log.events(*actions)

    def await_event(
        self,
        action: str,
        *,
        where: Callable[[Document], bool] = lambda _event: True,
        after: int = 0,
        timeout: float = 60,
    ) -> Document:
        """The first event of this action that fits, but for the first `after` of them. Raises NeverCame."""
        return self._log.await_event(action, where=where, after=after, timeout=timeout)

    def log_end(self, lines: int = 40) -> str:
        """The last lines of each unit's log, for a failure's message."""
        return self._log.end(lines)

    # -- its processes -------------------------------------------------------------------------------------------------

    def start(self, *units: str) -> None:
        """Start units; `await_answer` says when the agent can be asked."""
        self.vm.check(f"systemctl start {' '.join(units)}")

    def stop(self, *units: str) -> None:
        """End them as a site would. Raises GuestCommandFailed."""
        self.vm.check(f"systemctl stop {' '.join(units)}")

    def kill(self, *units: str) -> None:
        """SIGKILL to the units' main processes, and to nothing that they started. Returns once they are gone."""
        for unit in units:
            number = self.process(unit)
            self.vm.check(f"kill -KILL {number}; while [ -e /proc/{number} ]; do sleep 0.02; done")
            self.vm.check(f"systemctl reset-failed {unit}")

    def process(self, unit: str) -> int:
        """The main process of a unit; 0 where it does not run."""
        return int(self.vm.check(f"systemctl show --value -p MainPID {unit}"))

    def restart(self) -> None:
        """The agent, cleanly ended and started again, and asked until it answers."""
        self.stop(AGENT)
        self.start(AGENT)
        self.await_answer()

    def workers(self) -> list[int]:
        """Processes of dockd that are no unit's main process."""
        mains = {self.process(unit) for unit in UNITS}
        said = self.vm.run("pgrep -f 'ingest|dockd' -u dockd")
        return [number for number in map(int, said.stdout.split()) if number not in mains]

    def mounts(self) -> list[str]:
        """Where cameras are mounted in the guest: anything of a filesystem that cards have, by /proc/mounts."""
        return [words[1] for words in self._mounted()]

    def writable_mounts(self) -> list[str]:
        """Those of them that may be written to."""
        return [words[1] for words in self._mounted() if "rw" in words[3].split(",")]

    def _mounted(self) -> list[list[str]]:
        said = [line.split() for line in self.vm.check("cat /proc/mounts").splitlines()]
        return [words for words in said if words[2] in ("vfat", "exfat") or words[1].startswith("/run/dockd/")]

    # -- its commands --------------------------------------------------------------------------------------------------

    def start_command(self, *words: str) -> GuestJob:
        """Start a command of dockd, as its own user, on the agent's configuration."""
        line = dockd(*words, "--config", CONFIG).removeprefix("exec ")
        return self.vm.start(f"exec setpriv --reuid=dockd --regid=dockd --init-groups {line}")

    def command(self, *words: str, timeout: float = 120) -> Ended:
        """Run a command of dockd to its end."""
        return self.start_command(*words).wait(timeout=timeout)

    def custody(self) -> list[Document]:
        """The entries of the custody chain, oldest first. Raises AssertionError where there are none."""
        export = self.command("custody", "export", "--format", "jsonl")
        lines = [json.loads(line) for line in export.stdout.splitlines()] if export.status == 0 else []
        entries = [line for line in lines if line.get("type") == "entry"]
        assert entries, f"no custody chain\n{export.said}"
        return entries

    def check_books(self) -> None:
        """`custody verify` and `reconcile`, both at once. Raises AssertionError with what they said where one finds anything."""
        jobs = [self.start_command("custody", "verify"), self.start_command("reconcile", "--json")]
        for ended in [job.wait(timeout=120) for job in jobs]:
            assert ended.status == 0, ended.said

    def shut_down(self) -> None:
        """End everything cleanly and the guest with it: what lies on the disks then is final."""
        self.stop(*reversed(UNITS))
        self.vm.check("sync")
        self.vm.power_cut()


def brief(bay: Document) -> str:
    """One line about a bay, for a failure's message."""
    camera = (bay.get("camera") or {}).get("id", "no camera")
    return f"bay {bay.get('number')}: {bay.get('state')} ({bay.get('why')}), {camera}, {bay.get('segments')}"
