"""A rack that the first commit's dockd has begun to deliver, and that today's takes over: same folders, same configuration, same store.

Nothing that is judged here is dockd's word: footage is held against SHA-256 taken before it was docked, what was sent against a counter on the line.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import random
import re
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from tests.oracle import Contents, Stored, stored_in
from tests.program import DOCKD, REPOSITORY, Ended, environment, kill_group
from tests.upgrade.counting import Counter, Sent

TODAY = DOCKD
_ADDRESS = re.compile(r"http://127\.0\.0\.1:\d+")


@dataclass(kw_only=True)
class Rack:
    """Folders of one dock and one store. `configure()` writes the configuration, once."""

    folder: Path
    counter: Counter
    limit: str = "24 Mbit/s"
    digests: dict[tuple[str, str], str] = field(default_factory=dict)
    sizes: dict[str, int] = field(default_factory=dict)

    @property
    def docks(self) -> Path:
        return self.folder / "docks"

    @property
    def state(self) -> Path:
        return self.folder / "state"

    @property
    def root(self) -> Path:
        """The store's."""
        return self.folder / "store"

    @property
    def config(self) -> Path:
        return self.folder / "dockd.toml"

    @property
    def said(self) -> str:
        """What agents and stores said on standard error."""
        return "\n".join(path.read_text(errors="replace")[-6000:] for path in sorted(self.folder.glob("*.err")))

    def configure(self) -> None:
        self.docks.mkdir()
        self.config.write_text(
            f'[station]\nname = "Test Street"\nrack = "7"\n[docks]\nfolders = "{self.docks}"\nusb = false\n'
            f'[spool]\npath = "{self.state}/spool"\nkeep_free = "1 MB"\n[ledger]\npath = "{self.state}/ledger.db"\n'
            f'[store]\nurl = "{self.counter.url}"\n[upload]\nretry_max = "1 s"\nchunk = "1 MiB"\n'
            f'[bandwidth]\nlimit = "{self.limit}"\n[page]\nlisten = "127.0.0.1:0"\n'
        )

    def dock(self, name: str, sizes: Sequence[int], *, chance: random.Random) -> None:
        """A camera appears whole, as one that is pushed in does."""
        aside = self.folder / f"aside-{name}"
        for number, size in enumerate(sizes):
            path = aside / "DCIM" / f"MOV_{number:04d}.MP4"
            path.parent.mkdir(parents=True, exist_ok=True)
            content = chance.randbytes(size)
            path.write_bytes(content)
            digest = hashlib.sha256(content).hexdigest()
            self.digests[name, f"DCIM/{path.name}"] = digest
            self.sizes[digest] = size
        aside.rename(self.docks / name)

    def take_out(self, name: str) -> None:
        """Somebody takes a camera out, with all that is on it."""
        (self.docks / name).rename(self.folder / f"out-{name}")

    def put_in(self, name: str) -> None:
        """And brings it back."""
        (self.folder / f"out-{name}").rename(self.docks / name)

    def spooled(self) -> set[str]:
        """SHA-256 of all whole copies in the spool."""
        found = set()
        for one in (self.state / "spool").glob("*.json"):
            with contextlib.suppress(FileNotFoundError):
                if (copy := one.with_suffix("")).exists():
                    found.add(hashlib.sha256(copy.read_bytes()).hexdigest())
        return found

    def on_cameras(self) -> list[Path]:
        """Files that lie on cameras now."""
        return sorted(path for path in self.docks.rglob("*") if path.is_file())

    def stored(self) -> list[Stored]:
        """What is whole in the store."""
        return stored_in(self.root, Contents())

    # -- programs ------------------------------------------------------------------------------------------------------

    @contextmanager
    def store(self, program: Sequence[str]) -> Iterator[subprocess.Popen[str]]:
        """The store, by this version of dockd, on its one root."""
        words = ("store", "serve", "--root", str(self.root), "--listen", "127.0.0.1:0")
        with self._running("store", program, words) as (process, address):
            self.counter.far = address
            yield process

    @contextmanager
    def agent(self, program: Sequence[str]) -> Iterator[subprocess.Popen[str]]:
        """`dockd run` by this version; what is left of it is killed at the end."""
        with self._running("agent", program, ("run", "--config", str(self.config))) as (process, _address):
            yield process

    @contextmanager
    def _running(
        self, name: str, program: Sequence[str], words: Sequence[str]
    ) -> Iterator[tuple[subprocess.Popen[str], str]]:
        number = len(list(self.folder.glob("*.err")))
        said = self.folder / f"{number:02d}-{name}.err"
        with said.open("w") as err:
            process = subprocess.Popen(
                [*program, *words], stdout=subprocess.PIPE, stderr=err, text=True, env=environment(), cwd=REPOSITORY,
                start_new_session=True, stdin=subprocess.DEVNULL,
            )  # fmt: skip
        try:
            assert process.stdout is not None
            found = _ADDRESS.search(process.stdout.readline())
            assert found is not None, f"{name} did not start:\n{said.read_text()[-3000:]}"
            yield process, found.group()
        finally:
            kill_group(process)
            process.wait(30)
            if process.stdout is not None:
                process.stdout.close()

    def command(self, *words: str, program: Sequence[str] = TODAY) -> Ended:
        """A command on the dock's state."""
        done = subprocess.run(
            [*program, *words, "--config", str(self.config)], capture_output=True, text=True, env=environment(), cwd=REPOSITORY,
            timeout=60, check=False,
        )  # fmt: skip
        return Ended(code=done.returncode, out=done.stdout, err=done.stderr)

    def entries(self, program: Sequence[str] = TODAY) -> list[str]:
        """The record, entry by entry: their hashes."""
        done = self.command("custody", "export", "--format", "jsonl", program=program)
        assert done.code == 0, done.said
        return [json.loads(line)["hash"] for line in done.out.splitlines() if json.loads(line)["type"] == "entry"]

    def until(self, is_so: Callable[[], object], what: str, *, timeout: float = 60) -> None:
        """Wait until it is so. Raises AssertionError with what was said instead."""
        deadline = time.monotonic() + timeout
        while not is_so():
            assert time.monotonic() < deadline, f"not so within {timeout} s: {what}\n{self.said}"
            time.sleep(0.02)

    # -- judging -------------------------------------------------------------------------------------------------------

    def nothing_lost(self) -> list[str]:
        """Files of which the store does not hold the very bytes under their own name, once; and objects of which nobody knows."""
        held = sorted((os.fsdecode(one.path), one.content[1]) for one in self.stored())
        wanted = sorted((path, digest) for (_camera, path), digest in self.digests.items())
        found = [f"{path}: the store lacks {digest[:8]}" for path, digest in wanted if (path, digest) not in held]
        return found + ([f"it holds {held}, wanted is {wanted}"] if held != wanted else [])

    def footage_sent(self) -> dict[str, list[Sent]]:
        """The requests that carried each segment's bytes, by its SHA-256; not what was sent to try the store's honesty."""
        of = {one.path: one.metadata.get("sha256", b"").decode() for one in list(self.counter.made)}
        sent: dict[str, list[Sent]] = {digest: [] for digest in self.sizes}
        for one in list(self.counter.sent):
            if of.get(one.path) in sent:
                sent[of[one.path]].append(one)
        return sent

    def share(self) -> float:
        """How much of all footage went over the line so far."""
        return sum(one.passed for sent in self.footage_sent().values() for one in sent) / sum(self.sizes.values())

    def sent_twice(self) -> list[str]:
        """Segments of which more was sent than its size and what was under way in requests that never were answered; or under two names."""
        found = []
        for digest, sent in self.footage_sent().items():
            passed, cut = sum(one.passed for one in sent), sum(one.passed for one in sent if one.status == 0)
            names = {one.path for one in self.counter.made if one.metadata.get("sha256", b"").decode() == digest}
            if not self.sizes[digest] <= passed <= self.sizes[digest] + cut or len(names) != 1:
                found.append(f"of {digest[:8]} {passed} bytes were sent ({cut} of them cut) where it has {self.sizes[digest]}, as {names}")  # fmt: skip
        return found

    def resent(self) -> int:
        """Bytes that went more than once: what was under way when something was killed."""
        sent = self.footage_sent()
        return sum(one.passed for every in sent.values() for one in every) - sum(self.sizes.values())


@contextmanager
def rack_with(folder: Path, cameras: Mapping[str, Sequence[int]], *, chance: random.Random) -> Iterator[Rack]:
    """A rack with these cameras in it (their files' sizes), in front of a counter; nothing runs yet."""
    with Counter("") as counter:
        rack = Rack(folder=folder, counter=counter)
        rack.configure()
        for name, sizes in cameras.items():
            rack.dock(name, sizes, chance=chance)
        yield rack
