"""Stores that lie, cut or change: the real program against them, judged from outside. Every lie in every kind: test_every_lie.py.

After every one of them: the camera is as it was, to the byte; dockd has said what is wrong and what to do; it has ended with 1 or 3.
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.program import Dock, Ended, filled
from tests.simulators.stores import lies
from tests.simulators.stores.honest import HonestStore, Shelf
from tests.simulators.stores.lies_of_bytes import OneBit
from tests.simulators.stores.running import Running

FILES = {"DCIM/A.MP4": os.urandom(300_000), "DCIM/B.MP4": os.urandom(200_001), "DCIM/empty.mp4": b""}
OPTIONS = ("--wipe", "--wait", "1 s", "--json")
ANEW = "Nothing is deleted until a person pins it anew (dockd store pin)"


def contents(folder: Path) -> dict[str, str]:
    """SHA-256 of every file in a tree."""
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*")) if path.is_file()
    }  # fmt: skip


@dataclass(kw_only=True)
class Scene:
    """A camera, a dock, and a store that may be replaced at its address."""

    camera: Path
    dock: Dock
    running: Running
    before: dict[str, str] = field(default_factory=dict)

    def lie(self, store: HonestStore, *options: str) -> Ended:
        """Ingest against this store; the camera must be as it was, and the exit code say that something is not so."""
        self.running.store = store
        found = self.dock.ingest(self.camera, options=options or OPTIONS)
        assert contents(self.camera) == self.before, found.said
        assert found.code in (1, 3), found.said
        assert found.document["segments"]["wiped"] == 0
        assert "Traceback" not in found.said
        return found

    def honest(self, store: HonestStore) -> Ended:
        self.running.store = store
        return self.dock.ingest(self.camera, options=("--wipe", "--wait", "30 s", "--json"))

    def pin(self) -> Ended:
        return self.dock.command("store", "pin", "--yes", "--store", self.running.url)

    def wiped(self, found: Ended, shelf: Shelf) -> None:
        """Everything is in the store, to the byte, and gone from the camera."""
        assert found.code == 0, found.said
        assert contents(self.camera) == {}
        assert shelf.whole() == {Path(name).name: digest for name, digest in self.before.items()}


@pytest.fixture
def scene(tmp_path: Path) -> Iterator[Scene]:
    with Running(HonestStore()) as running:
        camera = filled(tmp_path / "CAM01", FILES)
        dock = Dock(state=tmp_path / "state", url=running.url)
        yield Scene(camera=camera, dock=dock, running=running, before=contents(camera))


CAUGHT: dict[str, tuple[Callable[[Shelf], HonestStore], str]] = {
    "a receipt for another file": (lies.ReceiptForAnotherFile, "its receipt is for another object"),
    "200 and half the bytes, signed for": (lies.SaysItHasAll, "its proof is for (150000|100000) bytes with SHA-256"),
    "other bytes than it signs for": (OneBit, "it has proven bytes by receipt that it does not give back"),
    "the hash of what was announced": (
        lies.VouchesForWhatWasAnnounced,
        "it took bytes under a digest that is not theirs, and signed for them: its receipts prove nothing",
    ),
}


@pytest.mark.parametrize("lie", CAUGHT)
def test_a_store_that_signs_what_is_not_so_is_caught_and_stays_caught(scene: Scene, lie: str) -> None:
    make, said = CAUGHT[lie]
    shelf = Shelf()
    found = scene.lie(make(shelf))
    assert f"the store {shelf.store_id} was caught: " in found.err
    assert re.search(said, found.err), found.said
    assert ANEW in found.err

    later = scene.lie(HonestStore(shelf))  # an honest face, later: too late
    assert re.search(f"the store {shelf.store_id} was caught: {said}", later.err), later.said
    assert later.document["store"]["honest"] is False
    with Running(HonestStore(shelf)) as moved:  # and under another address, it is the same store
        scene.dock.url = moved.url
        found = scene.dock.ingest(scene.camera, options=OPTIONS)
        assert found.code in (1, 3), found.said
        assert contents(scene.camera) == scene.before, found.said
        assert f"the store {shelf.store_id} was caught" in found.err


def test_a_person_pins_a_caught_store_anew_and_it_goes_on(scene: Scene) -> None:
    shelf = Shelf()
    scene.lie(lies.ReceiptForAnotherFile(shelf))
    scene.running.store = HonestStore(shelf)
    asked = scene.dock.command("store", "pin", "--store", scene.running.url)
    assert asked.code == 1
    assert "give --yes to pin it" in asked.err
    assert "CAUGHT: its receipt is for another object" in asked.out
    scene.lie(HonestStore(shelf))

    pinned = scene.pin()
    assert pinned.code == 0, pinned.said
    assert f"pinned {shelf.store_id}" in pinned.out
    scene.wiped(scene.honest(HonestStore(shelf)), shelf)
    assert scene.dock.custody_faults() == ""
    out = scene.dock.state.with_name("handed-over")
    assert scene.dock.command("custody", "export", "--format", "jsonl", "--out", str(out)).code == 0
    said = "".join(path.read_text() for path in out.rglob("*.jsonl"))
    assert said.count('"store.pinned"') == 2  # the first store, and the person's act
    assert said.count('"store.dishonest"') == 1


def test_pinning_a_store_anew_that_still_lies_catches_it_at_once(scene: Scene) -> None:
    shelf = Shelf()
    scene.lie(lies.VouchesForWhatWasAnnounced(shelf))
    found = scene.pin()
    assert found.code == 1, found.said
    assert "it took bytes under a digest that is not theirs" in found.err
    scene.lie(HonestStore(shelf))


UNPROVEN: dict[str, tuple[Callable[[], HonestStore], str]] = {
    "200 to everything": (
        lies.YesToEverything,
        "does not speak tus 1.0: is store.url the address of its upload folder?",
    ),
    "half the bytes, and said so": (lies.LosesTheSecondHalf, "the store took a part of the honesty check only"),
    "409 for ever": (lies.SaysHistoryWentBack, "the store knows a later custody history of this dock"),
    "bad credentials": (
        lambda: lies.Answers(Shelf(), "POST", 401),
        "the store answered 401 to a new upload: it does not take this dock's credentials; check store.token_file",
    ),
}


@pytest.mark.parametrize("lie", UNPROVEN)
def test_what_is_no_proof_wipes_nothing(scene: Scene, lie: str) -> None:
    make, said = UNPROVEN[lie]
    found = scene.lie(make())
    assert said in found.err, found.said
    assert "Everything is kept; run it again to go on" in found.err


def test_a_gigabyte_where_a_receipt_belongs_is_not_read(scene: Scene) -> None:
    store = lies.EndlessReceipt()
    lies.EndlessReceipt.sent = 0
    found = scene.lie(store)
    assert "the store's answer to a receipt does not end: more than 65536 bytes of it were not read" in found.err
    tries = sum(asked.endswith("/receipt") for asked in store.shelf.asked)
    assert lies.EndlessReceipt.sent < tries * (8 << 20)  # what the sockets hold, and no more
    scene.wiped(scene.honest(HonestStore(store.shelf)), store.shelf)  # it was no proof: the next run goes on by itself


def test_a_digest_store_that_echoes_the_announced_hash_is_caught(scene: Scene) -> None:
    scene.dock.url = f"{scene.running.url}/files/"
    found = scene.lie(lies.VouchesForWhatWasAnnounced(kind="digests"))
    assert "was caught: it gave the digest that was announced for bytes that have another one" in found.err
    assert ANEW in found.err


def test_what_a_store_lost_once_is_queued_again_and_wiped_when_proven_anew(scene: Scene) -> None:
    shelf = Shelf()
    found = scene.honest(lies.ForgetsEachOnce(shelf))
    assert found.err.count("the store no longer has segment") == len(FILES)
    scene.wiped(found, shelf)


@pytest.mark.parametrize("what", ["PATCH", "receipt"])
def test_redirects_are_not_followed(scene: Scene, what: str) -> None:
    with Running(HonestStore()) as elsewhere:
        found = scene.lie(lies.Redirects(Shelf(), elsewhere=elsewhere.url, what=what))
        assert elsewhere.store.shelf.asked == []
    assert "the store answered 307 to" in found.err
    assert "redirects are not followed; name the store's own address in store.url" in found.err


def test_an_upload_address_at_another_server_is_not_followed(scene: Scene) -> None:
    with Running(HonestStore()) as elsewhere:
        found = scene.lie(lies.AnnouncesElsewhere(Shelf(), elsewhere=elsewhere.url))
        assert elsewhere.store.shelf.asked == []
    assert "the store wants the upload sent to another server: that is not followed; name it in store.url" in found.err


# -- between two runs --------------------------------------------------------------------------------------------------


def pinned_first(scene: Scene, shelf: Shelf) -> None:
    """One honest run that pins the store; then there is new footage."""
    scene.wiped(scene.honest(HonestStore(shelf)), shelf)
    for number, name in enumerate(FILES):  # new footage
        path = scene.camera / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(b"%d" % number + os.urandom(50_000))
    scene.before = contents(scene.camera)
    shelf.things.clear()


def test_a_key_that_nobody_has_signed_is_another_store(scene: Scene) -> None:
    shelf = Shelf()
    pinned_first(scene, shelf)
    shelf.new_key(signed=False)
    found = scene.lie(HonestStore(shelf))
    assert (
        f"the store {shelf.store_id} shows a key that no pinned key has signed ({shelf.keys[-1].thumbprint()})"
        in found.err
    )
    assert "Nothing is sent to it and nothing is deleted" in found.err
    assert not shelf.things
    assert scene.pin().code == 0
    scene.wiped(scene.honest(HonestStore(shelf)), shelf)


def test_keys_signed_in_a_line_by_the_pinned_one_are_followed(scene: Scene) -> None:
    shelf = Shelf()
    pinned_first(scene, shelf)
    shelf.new_key(signed=True)
    shelf.new_key(signed=True)
    scene.wiped(scene.honest(HonestStore(shelf)), shelf)


def test_a_store_that_stops_giving_receipts_is_another_store(scene: Scene) -> None:
    shelf = Shelf()
    pinned_first(scene, shelf)
    scene.dock.url = f"{scene.running.url}/files/"
    found = scene.lie(HonestStore(shelf, kind="plain"))
    assert f"{shelf.store_id} (proof by receipt) is pinned" in found.err
    assert "Nothing is sent to it and nothing is deleted" in found.err
    assert not shelf.things


def test_another_store_at_the_same_address_is_not_believed(scene: Scene) -> None:
    shelf = Shelf()
    pinned_first(scene, shelf)
    found = scene.lie(HonestStore(Shelf()))
    assert f"but {shelf.store_id} (proof by receipt) is pinned" in found.err
