"""One lie of an S3 server and the whole pipeline against it, judged by bytes.

The judge knows nothing of dockd's records: a file that is gone from the camera has to lie whole in the vault under a key of its own name, and
the server has to give just these bytes to somebody else who asks for them.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import urllib.error
import urllib.request
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

from botocore.auth import S3SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from dockd.app import Agent, agent
from dockd.oneshot import Outcome, ingest
from dockd.settings import Settings, defaults
from ingest.ledger import stores
from ingest.model import folder_camera
from ingest.store.line import Patience
from ingest.visit import Visit
from tests.program import filled
from tests.simulators.stores.s3 import HonestS3
from tests.simulators.stores.s3_every_lie import EVERY, Kind
from tests.simulators.stores.s3_running import RunningS3
from tests.simulators.stores.s3_vault import Vault

FILES = {"DCIM/A.MP4": 30_000, "DCIM/B.MP4": 20_001, "DCIM/C.MP4": 999}
LARGE = {"DCIM/LARGE.MP4": (5 << 20) + 300_001}
PATIENT = Patience(stall=5, answer=5, settle=5)
AT_ONCE = 4


@dataclass(kw_only=True)
class Scene:
    """A camera, a dock's state, and a bucket behind one address."""

    folder: Path
    running: RunningS3
    before: dict[str, bytes] = field(default_factory=dict)

    @property
    def camera(self) -> Path:
        return self.folder / "CAM01"

    @property
    def vault(self) -> Vault:
        return self.running.far.vault

    def docked(self, sizes: dict[str, int]) -> None:
        """New footage on the camera."""
        self.before = {name: os.urandom(size) for name, size in sizes.items()}
        filled(self.camera, self.before)

    def secret(self) -> Path:
        path = self.folder / "secret"
        path.write_text(self.vault.credentials())
        path.chmod(0o600)
        return path

    def _settings(self) -> Settings:
        plain, state = defaults(), self.folder / "state"
        return replace(
            plain,
            store=replace(plain.store, kind="s3", url=self.running.bucket_url, token_file=self.secret()),
            ledger=replace(plain.ledger, path=state / "ledger.db"),
            spool=replace(plain.spool, path=state / "spool", keep_free=0),
            upload=replace(plain.upload, parallel=4, retry_max=0.01, chunk=5 << 20),
        )

    @contextlib.asynccontextmanager
    async def agent(self) -> AsyncIterator[Agent]:
        async with agent(self._settings(), version="test", rest=0.05, patience=PATIENT) as built:
            yield built

    async def ingest(self, *, wait: float) -> Outcome:
        """One run of the whole pipeline that wants to wipe."""
        async with self.agent() as built:
            visit = Visit(camera=folder_camera(b"CAM01"), root=os.fsencode(self.camera))
            async with asyncio.timeout(90):
                return await ingest(built, [visit], wait=wait)

    async def caught(self) -> str | None:
        """What the pinned store was caught at."""
        async with self.agent() as built:
            pinned = await built.ledger.read(lambda db: stores.pinned(db.execute))
            return None if pinned is None else pinned.dishonest

    def taken(self) -> list[str]:
        """What dockd has deleted."""
        return sorted(name for name in self.before if not (self.camera / name).exists())

    def changed(self) -> list[str]:
        """What is on the camera, and is not what it was."""
        return [
            name for name, content in self.before.items()
            if (self.camera / name).exists() and (self.camera / name).read_bytes() != content
        ]  # fmt: skip

    def faults(self) -> list[str]:
        """Files that are gone from the camera, and are not whole in the vault, or are not given back by the server."""
        return [name for name in self.taken() if not self._whole(Path(name).name, self.before[name])]

    def _whole(self, name: str, content: bytes) -> bool:
        keys = [key for key, one in self.vault.segments().items() if f"_{name}_" in key and one.body == content]
        return any(given_by(self.running, key) == content for key in keys)


def given_by(running: RunningS3, key: str) -> bytes | None:
    """What the server gives to anybody else who asks for it, signed by botocore."""
    vault = running.far.vault
    request = AWSRequest(method="GET", url=f"{running.bucket_url}/{key}")
    S3SigV4Auth(Credentials(vault.key_id, vault.secret), "s3", vault.region).add_auth(request)
    asked = urllib.request.Request(request.url, headers=dict(request.headers))
    try:
        with urllib.request.urlopen(asked, timeout=5) as answer:
            found = answer.read()
    except (urllib.error.URLError, OSError):
        return None
    assert isinstance(found, bytes)
    return found


@contextlib.contextmanager
def scene_at(folder: Path, far: HonestS3) -> Iterator[Scene]:
    with RunningS3(far) as running:
        yield Scene(folder=folder, running=running)


async def tried(folder: Path, name: str, kind: Kind) -> list[str]:
    """One liar and the whole pipeline; what is wrong with what came of it."""
    lie = EVERY[name]
    with scene_at(folder, lie.make(Vault(), kind)) as scene:
        scene.docked({**FILES, **(LARGE if lie.parts else {})})
        outcome = await scene.ingest(wait=10 if lie.well else 0.25)
        if kind in lie.caught and await scene.caught() is None:  # a busy machine gets nowhere in a quarter of a second
            outcome = await scene.ingest(wait=10)
        said = "\n".join([outcome.unreachable or "", *outcome.notes, *(one.held_message or "" for one in outcome.held)])
        caught = await scene.caught()
        wrong = [f"WIPED, and not whole in the store: {one}" for one in scene.faults()]
        wrong += [f"changed on the camera: {one}" for one in scene.changed()]
        if lie.well:
            wrong += [] if scene.taken() == sorted(scene.before) else [f"only {scene.taken()} was wiped: {said}"]
        else:
            wrong += [] if lie.partly else [f"wiped: {one}" for one in scene.taken()]
            wrong += ["it says that all is well"] if outcome.complete else []
            told = said.strip() and re.search(lie.says, said)
            wrong += [] if told else [f"it says {said!r} where {lie.says!r} belongs"]
        wrong += ["the store was not caught"] if kind in lie.caught and caught is None else []
        wrong += [f"the store was caught: {caught}"] if kind not in lie.caught and caught is not None and (kind == "plain" or lie.well) else []  # fmt: skip
        return wrong


async def all_tried(folder: Path, kind: Kind, *, quick: bool = False) -> tuple[int, list[str]]:
    """How many lies of this kind of server were tried, and what is wrong with what came of them; `quick`: these alone."""
    limit = asyncio.Semaphore(AT_ONCE)
    names = [name for name, lie in EVERY.items() if kind in (lie.quick if quick else lie.kinds)]

    async def one(number: int, name: str) -> list[str]:
        async with limit:
            return [f"{name} ({kind}): {wrong}" for wrong in await tried(folder / str(number), name, kind)]

    found = await asyncio.gather(*(one(number, name) for number, name in enumerate(names)))
    return len(names), [line for lines in found for line in lines]
