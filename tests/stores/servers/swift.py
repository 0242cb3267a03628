"""OpenStack Swift 2.38 with its S3 face: a real distributed object store, here on one node. It needs no root.

It refuses a wrong SHA-256, knows If-None-Match, and keeps what it has acknowledged when it is killed. It gives no hash in any answer, and says
200 to calls of Object Lock that do nothing.
"""

from __future__ import annotations

import getpass
import os
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from tests.stores.servers.base import Process, S3Server, free_ports
from tests.stores.tus_servers.servers import installed

_HASH = "[swift-hash]\nswift_hash_path_suffix = tests\nswift_hash_path_prefix = tests\n[storage-policy:0]\nname = gold\ndefault = yes\n"
_SERVER = """[DEFAULT]
bind_ip = 127.0.0.1
bind_port = {port}
workers = 0
user = {user}
swift_dir = {conf}
devices = {devices}
mount_check = false
disable_fallocate = true
log_level = WARNING
[pipeline:main]
pipeline = {name}-server
[app:{name}-server]
use = egg:swift#{name}
"""
_FILTERS = ("catch_errors", "gatekeeper", "healthcheck", "listing_formats", "s3api", "tempauth", "copy", "bulk", "slo", "dlo", "versioned_writes", "symlink")  # fmt: skip
_PROXY = """[DEFAULT]
bind_ip = 127.0.0.1
bind_port = {port}
workers = 0
user = {user}
swift_dir = {conf}
log_level = WARNING
[pipeline:main]
pipeline = {filters} proxy-server
[app:proxy-server]
use = egg:swift#proxy
account_autocreate = true
allow_account_management = true
"""
_OPTIONS = {
    "s3api": "s3_acl = false\ncheck_bucket_owner = false\nlocation = us-east-1\nallow_multipart_uploads = true\n",
    "tempauth": "user_test_tester = testing .admin\n",
    "versioned_writes": "allow_object_versioning = true\n",
}


@dataclass(kw_only=True)
class Swift(S3Server):
    name: ClassVar[str] = "swift"
    key: str = "test:tester"
    secret: str = "testing"

    def prepare(self) -> None:
        programs = installed("swift") / "env/bin"
        conf, devices = self.folder / "conf", self.folder / "devices"
        for folder in (conf, devices / "d1"):
            folder.mkdir(parents=True, exist_ok=True)
        ports = dict(zip(("account", "container", "object"), free_ports(3), strict=True))
        words = [f"{name}:{port}" for name, port in ports.items()]
        subprocess.run(
            [str(programs / "python"), "-P", str(Path(__file__).with_name("swift_rings.py")), str(conf), *words],
            check=True,
            timeout=60,
        )
        (conf / "swift.conf").write_text(_HASH)
        said = {"conf": conf, "devices": devices, "user": getpass.getuser()}
        for name, port in ports.items():
            (conf / f"{name}.conf").write_text(_SERVER.format(name=name, port=port, **said))
        proxy = _PROXY.format(port=self.port, filters=" ".join(_FILTERS), **said)
        proxy += "".join(f"[filter:{name}]\nuse = egg:swift#{name}\n{_OPTIONS.get(name, '')}" for name in _FILTERS)
        (conf / "proxy.conf").write_text(proxy)
        self.processes = [
            Process(
                name=f"swift-{name}", command=[str(programs / f"swift-{name}-server"), str(conf / f"{name}.conf")],
                log=self.folder / f"{name}.log", more={"PATH": f"{programs}:{os.environ['PATH']}"},
            ) for name in (*ports, "proxy")
        ]  # fmt: skip
