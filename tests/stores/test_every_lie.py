"""Every lie that a store can tell, in each kind of store in which it makes sense: the whole pipeline against it, judged by bytes.

The judge knows nothing of dockd's records. It looks at what lies on the camera, at what lies on the store's own shelf, and at what the store
gives to somebody else who asks for the bytes: a file that is gone from the camera has to be whole in both.
"""

from __future__ import annotations

import asyncio
import contextlib
import datetime
import hashlib
import ipaddress
import os
import re
import ssl
import urllib.error
import urllib.request
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest
from aiohttp import web
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from dockd.app import Agent, agent
from dockd.oneshot import Outcome, ingest
from dockd.settings import Settings, defaults
from ingest.ledger import stores
from ingest.model import folder_camera
from ingest.store.line import Patience
from ingest.visit import Visit
from tests.program import filled
from tests.simulators.stores.every_lie import EVERY, NAMED_IN_THE_PROMISE
from tests.simulators.stores.honest import HonestStore, Kind, Shelf, Thing
from tests.simulators.stores.lies_of_bytes import LiesAfterThePin
from tests.simulators.stores.lies_on_the_way import RedirectElsewhere
from tests.simulators.stores.running import Running

FILES = {"DCIM/A.MP4": 30_000, "DCIM/B.MP4": 20_001, "DCIM/C.MP4": 999}
LARGE = {"DCIM/LARGE.MP4": (2 << 20) + 300_000}
PATIENT = Patience(stall=10, answer=10, settle=10)
IMPATIENT = Patience(stall=0.2, answer=0.2, settle=0.2)
SHARES = 3  # tests for each kind of store, and how many liars are at work at once in each
AT_ONCE = 4


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate for this machine alone, and its key, in one file."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.datetime.now(datetime.UTC)
    made = (
        x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
        .serial_number(x509.random_serial_number()).not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=2))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )  # fmt: skip
    path = tmp_path_factory.mktemp("tls") / "store.pem"
    path.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        + made.public_bytes(serialization.Encoding.PEM)
    )
    return path


@dataclass(kw_only=True)
class Scene:
    """A camera, a dock's state, and a store behind one address."""

    folder: Path
    running: Running
    certificate: Path | None = None
    patience: Patience = PATIENT
    before: dict[str, bytes] = field(default_factory=dict)

    @property
    def camera(self) -> Path:
        return self.folder / "CAM01"

    def docked(self, sizes: dict[str, int]) -> None:
        """New footage on the camera."""
        self.before = {name: os.urandom(size) for name, size in sizes.items()}
        filled(self.camera, self.before)

    def _settings(self) -> Settings:
        plain, state = defaults(), self.folder / "state"
        url = self.running.url + ("" if self.running.store.kind == "receipts" else "/files/")
        return replace(
            plain,
            store=replace(plain.store, url=url, ca_file=self.certificate),
            ledger=replace(plain.ledger, path=state / "ledger.db"),
            spool=replace(plain.spool, path=state / "spool", keep_free=0),
            upload=replace(plain.upload, parallel=4, retry_max=0.01),
        )

    @contextlib.asynccontextmanager
    async def agent(self) -> AsyncIterator[Agent]:
        async with agent(self._settings(), version="test", rest=0.05, patience=self.patience) as built:
            yield built

    async def ingest(self, *, wait: float = 0.25) -> Outcome:
        """One run of the whole pipeline that wants to wipe."""
        async with self.agent() as built:
            visit = Visit(camera=folder_camera(b"CAM01"), root=os.fsencode(self.camera))
            async with asyncio.timeout(20):
                return await ingest(built, [visit], wait=wait)

    async def caught(self) -> str | None:
        """What the pinned store was caught at."""
        async with self.agent() as built:
            pinned = await built.ledger.read(lambda db: stores.pinned(db.execute))
            return None if pinned is None else pinned.dishonest

    def left(self) -> list[str]:
        """What lies on the camera still."""
        return sorted(str(path.relative_to(self.camera)) for path in self.camera.rglob("*") if path.is_file())

    def taken(self) -> list[str]:
        """What dockd has deleted."""
        return sorted(set(self.before) - set(self.left()))

    def faults(self) -> list[str]:
        """Files that are gone from the camera, and are not whole on the shelf, or are not given back by the store."""
        return [name for name in self.taken() if not self.whole(Path(name).name, self.before[name])]

    def whole(self, name: str, content: bytes) -> bool:
        wanted = hashlib.sha256(content).hexdigest()
        return any(
            thing.name == name and bytes(thing.bytes) == content
            and self._given(f"{self.running.url}/files/{address}") == wanted
            for address, thing in self.running.store.shelf.things.items()
        )  # fmt: skip

    def _given(self, url: str) -> str | None:
        """The SHA-256 of what the store gives to anybody else."""
        context = ssl.create_default_context(cafile=str(self.certificate)) if self.certificate else None
        try:
            with urllib.request.urlopen(url, timeout=0.5, context=context) as answer:
                return hashlib.sha256(answer.read(8 << 20)).hexdigest()
        except (urllib.error.URLError, OSError):
            return None


@contextlib.contextmanager
def scene_at(folder: Path, *, certificate: Path | None = None) -> Iterator[Scene]:
    tls = None
    if certificate is not None:
        tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        tls.load_cert_chain(certificate)
    with Running(HonestStore(), tls=tls) as running:
        yield Scene(folder=folder, running=running, certificate=certificate)


async def tried(folder: Path, certificate: Path, name: str, kind: Kind) -> list[str]:
    """One liar and the whole pipeline; what is wrong with what came of it."""
    lie = EVERY[name]
    with scene_at(folder, certificate=certificate if lie.tls else None) as scene, Running(HonestStore()) as elsewhere:
        liar = lie.make(Shelf(), kind)
        if isinstance(liar, RedirectElsewhere):
            liar.elsewhere = elsewhere.url
        scene.running.store = liar
        scene.patience = IMPATIENT if lie.slow else PATIENT
        if isinstance(liar, LiesAfterThePin):
            scene.docked({"DCIM/0.MP4": 5000})
            if not (await scene.ingest(wait=5)).complete or scene.left():
                return ["it was not yet lying, and not everything was wiped"]
            liar.failed = True
        scene.docked({**FILES, **(LARGE if lie.partly else {})})
        if lie.one_name:
            return await apart(scene)
        outcome = await scene.ingest()
        said = "\n".join([outcome.unreachable or "", *outcome.notes, *(one.held_message or "" for one in outcome.held)])
        caught = await scene.caught() if lie.caught else None
        wrong = [f"WIPED, and not whole in the store: {one}" for one in scene.faults()]
        wrong += [] if lie.partly else [f"wiped: {one}" for one in scene.taken()]
        wrong += ["it says that all is well"] if outcome.complete else []
        wrong += [] if re.search(lie.says, said) and said.strip() else [f"it says {said!r} where {lie.says!r} belongs"]
        wrong += ["the store was not caught"] if kind in lie.caught and caught is None else []
        wrong += ["something was asked of another server"] if elsewhere.store.shelf.asked else []
        return wrong


async def apart(scene: Scene) -> list[str]:
    """The camera of the scene, and then another one with the same names; what is wrong with what came of it."""
    wrong, contents = [], []
    for _camera in range(2):
        scene.docked({"DCIM/A.MP4": 30_000, "DCIM/B.MP4": 20_001})
        contents += list(scene.before.items())
        outcome = await scene.ingest(wait=5)
        wrong += [] if outcome.complete and not scene.left() else ["not everything was brought and wiped"]
    return wrong + [f"overwritten: {name}" for name, content in contents if not scene.whole(Path(name).name, content)]


@pytest.mark.parametrize("kind", ["receipts", "digests", "plain"])
@pytest.mark.parametrize("share", range(SHARES))
async def test_no_lie_gets_a_file_deleted(
    tmp_path: Path, certificate: Path, kind: Kind, share: int, record_property: Callable[[str, object], None]
) -> None:
    limit = asyncio.Semaphore(AT_ONCE)
    names = [name for name, lie in EVERY.items() if kind in lie.kinds][share::SHARES]

    async def one(number: int, name: str) -> list[str]:
        async with limit:
            return [
                f"{name} ({kind}): {wrong}" for wrong in await tried(tmp_path / str(number), certificate, name, kind)
            ]

    found = await asyncio.gather(*(one(number, name) for number, name in enumerate(names)))
    wrong = [line for lines in found for line in lines]
    record_property("lies tried", len(names))
    record_property("wipes that followed", sum("WIPED" in line for line in wrong))
    assert not wrong, "\n".join(wrong)


class PageOnce(HonestStore):
    """A proxy on the way answers the first question for bytes."""

    pages = 1

    async def read(self, request: web.Request, name: str, thing: Thing) -> web.StreamResponse:
        self.pages -= 1
        if self.pages >= 0:
            return web.Response(text="<html>log in to the station's network</html>", content_type="text/html")
        return await super().read(request, name, thing)


@pytest.mark.parametrize("kind", ["receipts", "digests"])
async def test_one_page_of_a_proxy_condemns_no_store(tmp_path: Path, kind: Kind) -> None:
    with scene_at(tmp_path) as scene:
        scene.running.store = PageOnce(kind=kind)
        scene.docked(FILES)
        assert (await scene.ingest(wait=5)).complete
        assert scene.taken() == sorted(FILES)
        assert scene.faults() == []
        assert await scene.caught() is None


def test_every_lie_that_is_named_is_tried() -> None:
    assert set(EVERY) >= NAMED_IN_THE_PROMISE
    assert sum(len(lie.kinds) for lie in EVERY.values()) >= 130
