"""Ceph 20.2 on one node: a monitor, a manager, object servers and the S3 gateway, from Debian sid in a chroot. Root alone can do that.

Each daemon runs in the foreground of a mount namespace of its own, so that nothing stays mounted when it is killed, and keeps its data in
the test's own folder. `osds=3, copies=2`: one of the object servers may be killed and nothing is lost.
"""

from __future__ import annotations

import fcntl
import json
import signal
import subprocess
import time
import uuid
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from tests.stores.servers.base import Process, S3Server, free_ports
from tests.stores.tus_servers.servers import cache

_PACKAGES = ("ceph-mon", "ceph-mgr", "ceph-osd", "radosgw", "ceph-common")
_KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg"
_DATA = "/srv/ceph"
_ENTER = (
    'root=$1 data=$2; shift 2; mount -t proc proc "$root/proc" && mount --rbind /dev "$root/dev" && mount --rbind /sys "$root/sys" '
    f'&& mount --bind "$data" "$root{_DATA}" && exec chroot "$root" "$@"'
)
_CONF = """[global]
fsid = {fsid}
mon host = [v2:127.0.0.1:{port}]
public addr = 127.0.0.1
cluster addr = 127.0.0.1
ms bind ipv6 = false
ms bind msgr1 = false
ms bind port min = 18100
ms bind port max = 18400
ms mon client mode = crc
ms mon service mode = crc
auth cluster required = none
auth service required = none
auth client required = none
mon allow pool size one = true
mon warn on pool no redundancy = false
mon max pg per osd = 1000
mon data avail warn = 1
mon data avail crit = 1
mon osd min down reporters = 1
osd pool default size = {copies}
osd pool default min size = 1
osd pool default pg num = 4
osd pool default pgp num = 4
osd pool default pg autoscale mode = off
osd crush chooseleaf type = 0
osd crush update on start = true
osd heartbeat grace = 6
osd memory target = 1073741824
osd objectstore = bluestore
bluestore block create = true
bluestore block size = 21474836480
run dir = {data}/run
admin socket = {data}/run/$cluster-$name.asok
pid file = {data}/run/$name.pid
log file = {data}/log/$name.log
crash dir = {data}/run
keyring = {data}/keyring
mon data = {data}/mon
mgr data = {data}/mgr
osd data = {data}/osd/$id
rgw data = {data}/rgw
[client]
rgw dns name = localhost
rgw enable usage log = false
"""


def chroot() -> Path:
    """The system that Ceph runs in, made on first use (some 700 MB)."""
    folder = cache() / "ceph"
    folder.mkdir(parents=True, exist_ok=True)
    root = folder / "root"
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (root / "usr/bin/radosgw").exists():
            command = [
                "mmdebstrap", "--variant=minbase", f"--include={','.join(_PACKAGES)}", "--aptopt=APT::Install-Recommends \"false\"",
                "--aptopt=Acquire::Check-Valid-Until \"false\"", f"--keyring={_KEYRING}", "sid", str(root),
            ]  # fmt: skip
            done = subprocess.run(command, capture_output=True, text=True, timeout=900, check=False)
            assert done.returncode == 0, f"{' '.join(command)}\n{done.stderr[-3000:]}"
    (root / _DATA.removeprefix("/")).mkdir(parents=True, exist_ok=True)
    return root


@dataclass(kw_only=True)
class Ceph(S3Server):
    name: ClassVar[str] = "ceph"
    osds: int = 1
    copies: int = 1

    def prepare(self) -> None:
        self._root = chroot()
        (port,) = free_ports(1)
        for name in ("mon", "mgr", "osd", "rgw", "run", "log"):
            (self.folder / name).mkdir(exist_ok=True)
        fsid = str(uuid.uuid4())
        conf = _CONF.format(fsid=fsid, port=port, copies=self.copies, data=_DATA)
        (self.folder / "ceph.conf").write_text(conf)
        (self.folder / "keyring").touch()
        address = f"[v2:127.0.0.1:{port}]"
        self._inside("monmaptool", "--create", "--addv", "a", address, "--fsid", fsid, f"{_DATA}/monmap")
        self._inside("ceph-mon", "--mkfs", "-i", "a", "--monmap", f"{_DATA}/monmap", *self._conf)
        self.processes = [self._daemon("mon.a", "ceph-mon", "-i", "a"), self._daemon("mgr.a", "ceph-mgr", "-i", "a")]
        for process in self.processes:
            process.start()
        self._inside("ceph", *self._conf, "config", "set", "mon", "auth_allow_insecure_global_id_reclaim", "false")
        self._add_osds()
        self._inside(
            "radosgw-admin", *self._conf, "-n", "client.rgw.a", "user", "create", "--uid=test", "--display-name=test", f"--access-key={self.key}",
            f"--secret-key={self.secret}",
        )  # fmt: skip
        self.processes.append(
            self._daemon(
                "rgw", "radosgw", "-n", "client.rgw.a", f"--rgw-frontends=beast endpoint=127.0.0.1:{self.port}", "--rgw-run-sync-thread=false"
            )
        )  # fmt: skip

    @property
    def _conf(self) -> tuple[str, str]:
        return ("-c", f"{_DATA}/ceph.conf")

    def _entering(self, *command: str) -> list[str]:
        return ["unshare", "--mount", "sh", "-c", _ENTER, "sh", str(self._root), str(self.folder), *command]

    def _inside(self, *command: str, timeout: float = 120) -> str:
        done = subprocess.run(self._entering(*command), capture_output=True, text=True, timeout=timeout, check=False)
        assert done.returncode == 0, f"{' '.join(command)}\n{done.stdout[-1000:]}{done.stderr[-2000:]}"
        return done.stdout

    def _daemon(self, name: str, *command: str) -> Process:
        return Process(name=name, command=self._entering(*command, "-f", *self._conf), log=self.folder / f"{name}.out")

    def _add_osds(self) -> None:
        for number in range(self.osds):
            name = str(uuid.uuid4())
            (self.folder / f"osd/{number}").mkdir()
            self._inside("ceph", *self._conf, "osd", "new", name)
            self._inside("ceph-osd", "-i", str(number), *self._conf, "--mkfs", "--osd-uuid", name)
            process = self._daemon(f"osd.{number}", "ceph-osd", "-i", str(number))
            process.start()
            self.processes.append(process)
        self.until_up(self.osds)

    def until_up(self, count: int) -> None:
        """Wait until the monitor counts so many object servers."""
        end = time.monotonic() + 120
        while self.status()["num_up_osds"] != count:
            assert time.monotonic() < end, f"not {count} object servers are up: {self.status()}"
            time.sleep(0.3)

    def status(self) -> dict[str, Any]:
        """What the monitor says of the object servers."""
        found = json.loads(self._inside("ceph", *self._conf, "osd", "stat", "--format", "json"))
        assert isinstance(found, dict)
        return found

    def process(self, name: str) -> Process:
        """One of its daemons."""
        return next(one for one in self.processes if one.name == name)

    def kill(self) -> None:
        """SIGKILL of the gateway."""
        self.process("rgw").end()

    def stop(self) -> None:
        """All of it: the gateway first, the monitor last."""
        for process in reversed(self.processes):
            process.end(signal.SIGTERM if process.name != "rgw" else signal.SIGKILL, patience=10)
