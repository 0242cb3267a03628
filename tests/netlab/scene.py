"""A station at one end of the lab's line and its store at the other: real programs, real bytes, and what is true of them afterwards."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import re
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tests.netlab.lab import HOST, MSS, Carried, Lab
from tests.program import DOCKD, REPOSITORY, Dock, Ended, ended, environment, kill_group

TOKEN = "a-token-of-the-net-lab"
_ADDRESS = re.compile(r"http://[\d.]+:(\d+)")
_BLOCK = 1 << 20


@dataclass(kw_only=True)
class Scene:
    """One station (folder `station`) with one camera, and one store (folder `store`) across `lab`."""

    lab: Lab
    folder: Path
    address: str
    port: int
    files: dict[str, str] = field(default_factory=dict)
    sizes: dict[str, int] = field(default_factory=dict)

    @property
    def url(self) -> str:
        return f"http://{self.address}:{self.port}"

    @property
    def camera(self) -> Path:
        return self.folder / "camera"

    @property
    def token_file(self) -> Path:
        return self.folder / "tokens"

    @property
    def size(self) -> int:
        """Bytes of footage that were put on the camera."""
        return sum(self.sizes.values())

    def record(self, name: str, size: int) -> None:
        """Put a file of random bytes on the camera."""
        self.camera.mkdir(exist_ok=True)
        hasher = hashlib.sha256()
        with (self.camera / name).open("wb") as file:
            for start in range(0, size, _BLOCK):
                block = os.urandom(min(_BLOCK, size - start))
                hasher.update(block)
                file.write(block)
        self.files[name], self.sizes[name] = hasher.hexdigest(), size

    def ingest(self, *options: str) -> subprocess.Popen[str]:
        """`dockd ingest --wipe` at the station's end of the line, started."""
        dock = Dock(state=self.folder / "state", url=self.url, prefix=self.lab.on("agent"))
        given = ("--wipe", "--token-file", str(self.token_file), "--wait", "10 min", "--json", *options)
        return dock.start(self.camera, options=given)

    def unproven(self) -> list[str]:
        """Files that neither the camera nor the store has whole: there must be none at any moment."""
        stored = self.stored()
        return [
            name for name, sha256 in self.files.items() if not (self.camera / name).exists() and sha256 not in stored
        ]

    def stored(self) -> set[str]:
        """SHA-256 of everything that lies in the store as an object."""
        lying = (self.folder / "store" / "objects").rglob("*")
        return {_sha256(path) for path in lying if path.is_file() and path.stat().st_size in self.sizes.values()}

    def not_delivered(self) -> list[str]:
        """What the store does not have byte for byte."""
        stored = self.stored()
        return [name for name, sha256 in self.files.items() if sha256 not in stored]

    def left(self) -> list[str]:
        """What is still on the camera."""
        return sorted(path.name for path in self.camera.iterdir())


@dataclass(frozen=True, kw_only=True)
class Sent:
    """What went over the line for a scene's footage. `check`: bytes of the honesty check, which goes once a process and is nobody's footage;
    `repeated`: bytes that TCP by itself sent again."""

    size: int
    repeated: int
    check: int
    sent: Carried
    arrived: Carried
    seconds: float

    @property
    def waste_sent(self) -> float:
        """Payload that the station sent above the footage's size, TCP's own repetitions and all headers of HTTP among it, as a share."""
        return (self.sent.payload - self.check) / self.size - 1

    @property
    def waste_resumed(self) -> float:
        """Of that, what dockd handed to TCP a second time, and the heads of its requests."""
        return self.waste_sent - self.repeated / self.size

    @property
    def waste_arrived(self) -> float:
        """Payload above the footage's size that came through to the store's end, as a share."""
        return (self.arrived.payload - self.check) / self.size - 1

    @property
    def mbit(self) -> float:
        return self.size * 8 / 1e6 / self.seconds

    def __str__(self) -> str:
        shares = f"sent {self.waste_sent:+.2%} (by dockd {self.waste_resumed:+.2%}, by TCP {self.repeated / self.size:+.2%}), arrived {self.waste_arrived:+.2%}, and a check of {self.check} bytes"
        return f"{self.size / 1e6:.1f} MB in {self.seconds:.1f} s ({self.mbit:.2f} Mbit/s), {shares}"


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@contextlib.contextmanager
def scene(lab: Lab, folder: Path, *, address: str = HOST) -> Iterator[Scene]:
    """A store that runs at the host's end, on that `address` of it, and everything that is needed at the agent's."""
    folder.mkdir(parents=True, exist_ok=True)
    tokens = folder / "tokens"
    tokens.write_text(f"{TOKEN} # station\n")
    tokens.chmod(0o600)
    config = folder / "store.toml"
    config.write_text('[store]\nkeep_free = "1 MB"\n')
    command = [
        *lab.on("host"), *DOCKD, "store", "serve", "--root", str(folder / "store"), "--listen", f"{address}:0",
        "--token-file", str(tokens), "--config", str(config),
    ]  # fmt: skip
    with started(command, log=folder / "store.log", until=_ADDRESS) as found:
        yield Scene(lab=lab, folder=folder, address=address, port=int(found[1]))


@contextlib.contextmanager
def started(command: Sequence[str], *, log: Path, until: re.Pattern[str]) -> Iterator[re.Match[str]]:
    """A process that says on its first line that it is ready; ended afterwards. Raises AssertionError with what it said instead."""
    with log.open("w") as stderr:
        process = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=stderr, text=True, env=environment(), cwd=REPOSITORY,
            start_new_session=True, stdin=subprocess.DEVNULL,
        )  # fmt: skip
    try:
        assert process.stdout is not None
        line = process.stdout.readline()
        found = until.search(line)
        assert found is not None, f"{' '.join(command)}: {line}{log.read_text()[-2000:]}"
        yield found
    finally:
        kill_group(process)
        process.wait(30)
        if process.stdout is not None:
            process.stdout.close()


def delivered(
    found: Scene, *options: str, meanwhile: Callable[[], None] = lambda: None, timeout: float = 300
) -> tuple[Sent, Ended]:
    """Ingest the camera, `meanwhile` something happens to the line; everything has to come, and to be wiped only then."""
    checks = _Checks(found)
    before, arrived, repeated, began = found.lab.sent(), found.lab.arrived(), found.lab.repeated(), time.monotonic()
    process = found.ingest(*options)
    try:
        meanwhile()
        assert found.unproven() == []
    except BaseException:
        kill_group(process)
        print(process.communicate()[1][-5000:], file=sys.stderr)
        raise
    end = ended(process, timeout=timeout)
    seconds = time.monotonic() - began
    check = checks.close()
    assert end.code == 0, end.said
    assert found.not_delivered() == [], end.said
    assert found.left() == [], end.said
    counted = end.document
    assert counted["bytes"]["confirmed"] == counted["bytes"]["wiped"] == found.size
    sent = Sent(
        size=found.size, check=check, sent=found.lab.sent() - before, arrived=found.lab.arrived() - arrived, seconds=seconds,
        repeated=(found.lab.repeated() - repeated) * MSS,
    )  # fmt: skip
    print(json.dumps({"over the line": str(sent)}), file=sys.stderr)
    return sent, end


class _Checks:
    """Watches the store's folder for uploads that are none of the camera's: the honesty check, which a station sends once a run."""

    def __init__(self, found: Scene) -> None:
        self._folder = found.folder / "store" / "uploads"
        self._ours = set(found.sizes.values())
        self._seen: dict[str, int] = {}
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()

    def _watch(self) -> None:
        while not self._over.wait(0.02):
            for path in self._folder.glob("*.json"):
                with contextlib.suppress(OSError, ValueError):
                    size = json.loads(path.read_text())["size"]
                    if size not in self._ours:
                        self._seen[path.name] = size

    def close(self) -> int:
        """Bytes of them all."""
        self._over.set()
        self._thread.join()
        return sum(self._seen.values())


def until_arrived(lab: Lab, payload: int, *, timeout: float = 60) -> None:
    """Wait until so many bytes more than now have come through."""
    begin, deadline = lab.arrived().payload, time.monotonic() + timeout
    while lab.arrived().payload - begin < payload:
        assert time.monotonic() < deadline, f"{payload} bytes did not come through in {timeout} s"
        time.sleep(0.02)
