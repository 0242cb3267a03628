"""S3 servers of other makes, as processes that can be killed and started again at the same address.

They are installed on first use from their own registries into the cache folder of `tests.stores.tus_servers.servers`, listen on loopback alone, and
write a log each into the folder that they are given.
"""

from __future__ import annotations

import contextlib
import functools
import os
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.request
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

import botocore.session
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

_START = 60.0


def free_ports(count: int) -> list[int]:
    """So many that nobody uses now."""
    held = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [one.getsockname()[1] for one in held]
    for one in held:
        one.close()
    return ports


@dataclass(kw_only=True)
class Process:
    """One daemon in a session of its own."""

    name: str
    command: Sequence[str]
    log: Path
    more: dict[str, str] = field(default_factory=dict)
    _running: subprocess.Popen[bytes] | None = field(default=None, repr=False)

    def start(self) -> None:
        with self.log.open("ab") as log:
            self._running = subprocess.Popen(
                self.command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env={**os.environ, **self.more}, start_new_session=True,
                cwd=self.log.parent,
            )  # fmt: skip

    @property
    def alive(self) -> bool:
        return self._running is not None and self._running.poll() is None

    def end(self, number: int = signal.SIGKILL, *, patience: float = 30.0) -> None:
        """Signal it and what it has started, and wait; SIGKILL for what stays."""
        if self._running is None:
            return
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._running.pid, number)
        try:
            self._running.wait(patience)
        except subprocess.TimeoutExpired:
            os.killpg(self._running.pid, signal.SIGKILL)
            self._running.wait(30)
        self._running = None


@dataclass(kw_only=True)
class S3Server(ABC):
    """`folder`: where it keeps its data and its logs. `bucket`: made when it is started for the first time."""

    name: ClassVar[str]
    folder: Path
    bucket: str = "footage"
    locks: bool = False
    key: str = "testkey"
    secret: str = "testsecret"
    region: str = "us-east-1"
    port: int = 0
    processes: list[Process] = field(default_factory=list)

    @abstractmethod
    def prepare(self) -> None:
        """Install it, write its configuration, name its `processes`. Done once, with `port` chosen."""

    def start(self) -> None:
        """Start it and wait until it answers; the bucket is there then."""
        if not self.processes:
            self.folder.mkdir(parents=True, exist_ok=True)
            (self.port,) = free_ports(1)
            self.prepare()
        for process in self.processes:
            if not process.alive:
                process.start()
        self._answers()
        self.make_bucket()

    def kill(self) -> None:
        """SIGKILL, all of it."""
        for process in self.processes:
            process.end()

    stop = kill

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def bucket_url(self) -> str:
        """What `store.url` names."""
        return f"{self.endpoint}/{self.bucket}"

    @property
    def store_url(self) -> str:
        """What `dockd ingest --store` takes."""
        return f"s3+{self.bucket_url}"

    def credentials(self) -> str:
        """The text of the secret's file."""
        return f"{self.key}\n{self.secret}\n"

    def _answers(self) -> None:
        end = time.monotonic() + _START
        while time.monotonic() < end:
            dead = [process for process in self.processes if not process.alive]
            assert not dead, f"{dead[0].name} ended: {dead[0].log.read_text(errors='replace')[-2000:]}"
            try:
                with urllib.request.urlopen(f"{self.endpoint}/", timeout=2):
                    return
            except urllib.error.HTTPError as error:
                error.close()
                if error.code < 500:
                    return
            except OSError:
                pass
            time.sleep(0.05)
        raise AssertionError(f"{self.name} gave no answer at {self.endpoint} in {_START:.0f} s")

    # -- as somebody else sees it --------------------------------------------------------------------------------------

    @functools.cached_property
    def client(self) -> Any:
        """Another make's client (botocore)."""
        return botocore.session.Session().create_client(
            "s3", region_name=self.region, endpoint_url=self.endpoint, aws_access_key_id=self.key, aws_secret_access_key=self.secret,
            config=Config(
                s3={"addressing_style": "path"}, retries={"max_attempts": 2}, request_checksum_calculation="when_required",
                response_checksum_validation="when_required", connect_timeout=5, read_timeout=30,
            ),
        )  # fmt: skip

    def make_bucket(self) -> None:
        """Made if it is not there. A server that answers before all its parts work is asked again."""
        end = time.monotonic() + _START
        while True:
            try:
                if self.bucket not in [one["Name"] for one in self.client.list_buckets()["Buckets"]]:
                    locks = {"ObjectLockEnabledForBucket": True} if self.locks else {}
                    self.client.create_bucket(Bucket=self.bucket, **locks)
                return
            except (BotoCoreError, ClientError):
                if time.monotonic() > end:
                    raise
                time.sleep(0.1)

    def listing(self) -> list[str]:
        """Every key in the bucket."""
        found: list[str] = []
        for page in self.client.get_paginator("list_objects_v2").paginate(Bucket=self.bucket):
            found += [one["Key"] for one in page.get("Contents", [])]
        return found

    def get(self, key: str) -> bytes | None:
        """The bytes that it gives for a key now; None where it gives none."""
        try:
            with contextlib.closing(self.client.get_object(Bucket=self.bucket, Key=key)["Body"]) as body:
                found = body.read()
        except (BotoCoreError, ClientError):
            return None
        assert isinstance(found, bytes)
        return found

    def holds(self, key: str) -> bytes | None:
        """The bytes that lie there: on its disk where that can be seen, else as it gives them."""
        return self.get(key)

    def lose(self, key: str) -> None:
        """Let an object be gone."""
        self.client.delete_object(Bucket=self.bucket, Key=key)


@contextlib.contextmanager
def running(server: S3Server) -> Iterator[S3Server]:
    """Started, and ended afterwards."""
    try:
        server.start()
        yield server
    finally:
        server.stop()
        server.client.close()
