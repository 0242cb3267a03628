"""Files that people and crashes leave: profiles, dockd.toml, the registry, descriptions in the spool. Only named mistakes, in bounded time."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import json
import os
import tempfile
import time
from pathlib import Path

import pytest
from hypothesis import strategies as st

from dockd.page.registry import read_registry
from dockd.profiles.reading import ProfilesWrong, load_profiles
from dockd.settings import SettingsError, check, load
from ingest.ledger import Ledger
from ingest.model import Digest
from ingest.recovery import bring_together
from ingest.spool import Description, Spool
from tests.fuzz.budget import Budget
from tests.fuzz.damage import damaged, spoiled

pytestmark = [pytest.mark.soak, pytest.mark.soak_short, pytest.mark.timeout(0)]
CONFIG = Path(__file__).parents[2] / "config"
PROFILES = [path.read_bytes() for path in sorted((CONFIG / "cameras").glob("*.toml"))]
CONFIGURATION = (CONFIG / "dockd.toml").read_bytes()
REGISTRY = 'camera,assigned_to,note\nCAM-A,PC 4711 Öz,\n000000,,pool\n"a,""b",x,y\n'.encode()
PATHS = (b"DCIM/100MEDIA/MOV_0001.MP4", b"", b"\xff/\n", b"a" * 5000, b"a/" * 2000, "é\u202e.mp4".encode())
BYTES = b"footage" * 100
SEGMENT = "0123456789abcdef" * 2
SECONDS = 5.0  # on a machine that does other things too


@pytest.fixture(scope="module")
def folder() -> Path:
    return Path(tempfile.mkdtemp(prefix="fuzz-"))


def test_profiles(budget: Budget, folder: Path) -> None:
    site, shipped = folder / "site", CONFIG / "cameras"
    site.mkdir()

    def hold(text: bytes) -> None:
        began = time.monotonic()
        (site / "one.toml").write_bytes(text)
        try:
            found = load_profiles(site, shipped=shipped)
        except ProfilesWrong:
            pass
        else:
            for path in PATHS:
                found[0].rules.kind(path)
                found[0].rules.place(path)
        assert time.monotonic() - began < SECONDS

    budget.spend(hold, st.sampled_from(PROFILES).flatmap(lambda text: damaged(text)))


def test_configurations(budget: Budget, folder: Path) -> None:
    file = folder / "dockd.toml"

    def hold(text: bytes, value: str) -> None:
        began = time.monotonic()
        file.write_bytes(text)
        environ = {"DOCKD__STORE__URL": value} if value else {}
        wrong = check(file, environ)
        with contextlib.nullcontext() if wrong == [] else pytest.raises(SettingsError):
            load(file, environ=environ)
        assert all(mistake.file and mistake.message for mistake in wrong)
        assert time.monotonic() - began < SECONDS

    values = st.sampled_from(("", "https://store.example.org", "x")) | st.text(
        st.characters(exclude_characters="\0"), max_size=40
    )
    budget.spend(hold, damaged(CONFIGURATION), values)


def test_registries(budget: Budget, folder: Path) -> None:
    file = folder / "cameras.csv"

    def hold(text: bytes) -> None:
        file.write_bytes(text)
        found = read_registry(file)
        assert {type(word) for pair in found.assigned.items() for word in pair} <= {str}
        assert len(found.trouble) < 500

    budget.spend(hold, damaged(REGISTRY), shares=0.5)


DESCRIPTION = Description(
    segment=SEGMENT, camera={"profile": "folder", "serial": "CAM", "card": ""}, path=b"DCIM/a.mp4",
    digest=Digest(size=len(BYTES), sha256=hashlib.sha256(BYTES).hexdigest(), xxh3_128="0" * 32), mtime_ns=1, captured_at=1.0,
)  # fmt: skip


def test_a_description_says_what_it_said(budget: Budget) -> None:
    def hold(document: object) -> None:
        try:
            found = Description.of_text(json.dumps(document))
        except ValueError:
            return
        assert Description.of_text(found.text()) == found

    budget.spend(hold, spoiled(json.loads(DESCRIPTION.text())), shares=0.5)


def test_a_start_with_descriptions_that_nobody_wrote(budget: Budget, folder: Path) -> None:
    """Whatever lies beside a spool file, dockd starts, and the file stays."""

    async def start(text: bytes, state: Path) -> None:
        spool = Spool(state / "spool", keep_free=0)
        spool.prepare()
        spool.file(SEGMENT).write_bytes(BYTES)
        spool.description_file(SEGMENT).write_bytes(text)
        ledger = await Ledger.open(state / "ledger.db", keys=folder / "keys")
        try:
            found = await bring_together(ledger, spool)
            assert found.recovered + found.unexplained == 1
            assert spool.file(SEGMENT).read_bytes() == BYTES
        finally:
            await ledger.close()

    def hold(text: bytes) -> None:
        with tempfile.TemporaryDirectory(dir=folder) as state:
            asyncio.run(start(text, Path(state)))

    whole = DESCRIPTION.text().encode()
    documents = spoiled(json.loads(whole)).map(lambda document: json.dumps(document).encode())
    budget.spend(hold, damaged(whole) | documents, shares=2)


def test_temporary_names(budget: Budget, folder: Path) -> None:
    """Only names that dockd itself makes are swept out of a spool."""
    spool = Spool(folder / "spool-names", keep_free=0)

    def hold(name: bytes) -> None:
        if b"/" in name or b"\0" in name or name in (b"", b".", b"..") or len(name) > 255:
            return
        spool.folder.mkdir(exist_ok=True)
        path = os.path.join(os.fsencode(spool.folder), name)
        with open(path, "wb") as file:
            file.write(b"x")
        spool.prepare()
        if os.path.exists(path):
            os.unlink(path)
        else:
            assert name.endswith(b".part")
            assert set(name[:32]) <= set(b"0123456789abcdef")
            assert name[32:33] == b"."

    budget.spend(hold, damaged(f"{SEGMENT}.123.0a1b2c3d.part".encode(), most=2), shares=0.5)
