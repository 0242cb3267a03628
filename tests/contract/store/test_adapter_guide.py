"""docs/writing-a-store-adapter.md: its example sits the exam, is delivered to, and stands in the page as it was run."""

from __future__ import annotations

import ast
import inspect
import re
import subprocess
from collections.abc import AsyncIterator
from pathlib import Path
from typing import get_args, get_type_hints

import pytest

from dockd.cli.plan_question import _PROOFS
from dockd.settings.addresses import StoreKind
from dockd.settings.schema import StoreSettings
from dockd.store_kinds import KINDS
from docs.examples import manifest_store
from docs.examples.manifest_store import ManifestStore
from ingest.activity import Activity
from ingest.delivery import Delivery, DeliverySettings
from ingest.errors import StoreDown, WrongStore
from ingest.store.base import Store
from ingest.store.throttle import Bucket
from tests.contract.store.exam import FarSide, StoreExam, claimed, delivered
from tests.unit.ingest.station import station

ROOT = Path(__file__).parents[3]
PAGE = (ROOT / "docs" / "writing-a-store-adapter.md").read_text(encoding="utf-8")


async def always() -> bool:
    return True


async def never() -> bool:
    return False


class Folder(FarSide):
    def __init__(self, root: Path) -> None:
        self.url, self.root, self.method = str(root), root, "read-back"

    def holds(self, upload: str) -> bytes | None:
        whole, part = self.root / upload, self.root / ".incoming" / f"{upload.rpartition('_')[2]}.part"
        return whole.read_bytes() if whole.exists() else part.read_bytes() if part.exists() else None

    def lose(self, upload: str) -> None:
        (self.root / upload).unlink()


class TestTheExample(StoreExam):
    @pytest.fixture
    def far(self, tmp_path: Path) -> FarSide:
        return Folder(tmp_path)

    @pytest.fixture
    async def store(self, tmp_path: Path) -> AsyncIterator[Store]:
        store = ManifestStore(tmp_path, founds=always)
        await store.identify()
        yield store
        await store.close()

    async def test_its_manifest_is_checked_without_dockd(self, store: Store, far: FarSide) -> None:
        uploads = [(await delivered(store, bytes([n]) * 5000, path=b"%d.mp4" % n))[0] for n in range(3)]
        ask = ["sha256sum", "--check", "--quiet", "SHA256SUMS"]
        assert subprocess.run(ask, cwd=far.url, check=False).returncode == 0
        (Path(far.url) / uploads[1]).write_bytes(b"\0" * 5000)
        ended = subprocess.run(ask, cwd=far.url, capture_output=True, text=True, check=False)
        assert ended.returncode == 1
        assert uploads[1] in ended.stdout

    async def test_a_line_that_was_cut_off_takes_no_other_with_it(self, store: Store, far: FarSide) -> None:
        """The power went in the middle of a line: what comes after it is checked, and the cut line is told."""
        manifest = Path(far.url) / "SHA256SUMS"
        first = (await delivered(store, b"one", path=b"1.mp4"))[0]
        whole = manifest.read_bytes()
        manifest.write_bytes(whole + b"0123abcd")
        second = (await delivered(store, b"two", path=b"2.mp4"))[0]
        lines = manifest.read_text().splitlines()
        assert [line.partition("  ")[2] for line in lines] == [first, "", second]
        (Path(far.url) / second).write_bytes(b"TWO")
        ask = ["sha256sum", "--check", "--quiet", "SHA256SUMS"]
        ended = subprocess.run(ask, cwd=far.url, capture_output=True, text=True, check=False)
        assert second in ended.stdout
        assert "improperly formatted" in ended.stderr

    async def test_an_unmounted_disk_is_no_store(self, store: Store, far: FarSide) -> None:
        upload, segment = await delivered(store, b"footage")
        marker = Path(far.url) / ".manifest-store"
        was = marker.read_text()
        marker.write_text("another")
        with pytest.raises(WrongStore):
            await claimed(store, upload, segment)
        marker.unlink()
        with pytest.raises(StoreDown, match="still mounted"):
            await claimed(store, upload, segment)
        with pytest.raises(WrongStore, match="is the disk mounted"):
            await ManifestStore(Path(far.url), founds=never).identify()
        marker.write_text(was)
        assert (await claimed(store, upload, segment)).size == 7


async def test_it_is_delivered_to(tmp_path: Path) -> None:
    """By the agent's own delivery. What is read back is not durable: the spool's copies stay."""
    folder = tmp_path / "store"
    folder.mkdir()
    async with station(tmp_path / "dock") as found:
        found.delivery = Delivery(
            ledger=found.ledger, spool=found.spool, store=ManifestStore(folder, founds=always), bucket=Bucket(None), activity=Activity(),
            settings=DeliverySettings(parallel=2, retry_max=0.2),
        )  # fmt: skip
        segments = await found.spooled(b"footage", b"x" * 300_000, b"")
        async with found.at_work():
            await found.until(lambda: found.confirmed(*segments))
        for segment in segments:
            assert "segment.confirmed" in await found.actions(segment)
            assert (await found.row(segment)).in_spool
    assert subprocess.run(["sha256sum", "--check", "--quiet", "SHA256SUMS"], cwd=folder, check=False).returncode == 0
    assert len((folder / "SHA256SUMS").read_text().splitlines()) == 3


def test_a_kind_is_known_wherever_one_is_named() -> None:
    asked = get_args(get_type_hints(StoreSettings)["kind"])
    assert set(asked) == set(KINDS) == set(get_args(StoreKind)) == set(_PROOFS)


def parts_of_the_example() -> dict[str, str]:
    """The source of each method and function, by name."""
    text = inspect.getsource(manifest_store)
    tree = ast.parse(text)
    found = (node for node in ast.walk(tree) if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)))
    return {node.name: ast.get_source_segment(text, node) or "" for node in found}


def test_what_the_page_shows_is_what_was_run() -> None:
    """Each block of Python is, word for word, in the example."""
    blocks = re.findall(r"(?ms)^```python\n(.*?)^```$", PAGE)
    whole = re.sub(r"\s+", " ", inspect.getsource(manifest_store))
    assert len(blocks) >= 4
    assert [block for block in blocks if re.sub(r"\s+", " ", block).strip() not in whole] == []


def test_the_page_names_every_method_of_the_interface() -> None:
    methods = {name for name, value in vars(Store).items() if inspect.isfunction(value) and not name.startswith("_")}
    rows = set(re.findall(r"(?m)^\| `(\w+)` \|", PAGE))
    assert methods <= rows
    assert methods <= parts_of_the_example().keys()
