"""Two that answer 200 and keep other bytes: neither looks at the checksum that comes with what it takes, and both give the client's own back as theirs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from tests.stores.servers.base import Process, S3Server
from tests.stores.tus_servers.servers import installed


@dataclass(kw_only=True)
class Moto(S3Server):
    """moto 5.2: a mock of S3, all in memory. Killed, it has forgotten everything."""

    name: ClassVar[str] = "moto"

    def prepare(self) -> None:
        program = installed("moto") / "env/bin/moto_server"
        command = [str(program), "-H", "127.0.0.1", "-p", str(self.port)]
        self.processes = [Process(name="moto", command=command, log=self.folder / "moto.log")]


@dataclass(kw_only=True)
class Rclone(S3Server):
    """`rclone serve s3` 1.75 on a folder."""

    name: ClassVar[str] = "rclone"

    def prepare(self) -> None:
        program, data = installed("rclone") / "env/bin/rclone", self.folder / "data"
        data.mkdir(exist_ok=True)
        command = [
            str(program), "serve", "s3", "--addr", f"127.0.0.1:{self.port}", "--auth-key", f"{self.key},{self.secret}", "--vfs-cache-mode", "off",
            "--config", "/dev/null", str(data),
        ]  # fmt: skip
        self.processes = [Process(name="rclone", command=command, log=self.folder / "rclone.log")]

    def holds(self, key: str) -> bytes | None:
        """From its own disk."""
        path = self.folder / "data" / self.bucket / key
        return path.read_bytes() if path.is_file() else None
