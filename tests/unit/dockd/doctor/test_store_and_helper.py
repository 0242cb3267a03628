"""What doctor says of stores, honest and lying, and of what listens where the mount helper should: real sockets."""

from __future__ import annotations

import json
import os
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

import pytest

from dockd.doctor import devices, refusals, store
from dockd.doctor.findings import Finding
from dockd.mounting.wire import encode
from dockd.settings import Settings, defaults
from ingest.errors import Refused
from ingest.ledger.pin_file import Pinned, text_of
from tests.program import StoreProcess, store_at
from tests.simulators.authority import Authority
from tests.simulators.over_https import over_https
from tests.simulators.stores import lies
from tests.simulators.stores.honest import HonestStore
from tests.simulators.stores.running import Running


def of_store(url: str, folder: Path, *, pin: str | None = None) -> Settings:
    settings = defaults()
    return replace(
        settings, store=replace(settings.store, url=url, pin=pin), ledger=replace(settings.ledger, path=folder / "ledger.db")
    )  # fmt: skip


def told(found: list[Finding]) -> dict[str, str]:
    return {one.check: one.outcome for one in found}


@pytest.fixture(scope="module")
def embedded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StoreProcess]:
    with store_at(tmp_path_factory.mktemp("central") / "store") as running:
        yield running


def pinned(folder: Path, **other: object) -> None:
    (folder / "keys").mkdir()
    one = Pinned(id="another", url="u", method="receipt", durable=True, keys=("k",), honest_at=None, dishonest=None)
    (folder / "keys/store.pin").write_text(text_of(replace(one, **other)))  # type: ignore[arg-type]


def test_the_embedded_store_is_reached_and_has_refused_wrong_bytes(embedded: StoreProcess, tmp_path: Path) -> None:
    found = store.look(of_store(embedded.url, tmp_path), now=time.time())
    assert told(found) == {"store: reached": "pass", "store: pinned": "warn", "store: honest": "pass"}
    assert "1 MiB of wrong bytes" in found[2].says
    assert os.listdir(tmp_path) == []  # nothing was pinned, and nothing written down


@pytest.mark.parametrize(
    ("other", "outcome", "says"),
    [
        ({}, "fail", "is pinned"),
        ({"dishonest": "it vouched for wrong bytes"}, "fail", "was caught: it vouched for wrong bytes"),
        ({"id": ""}, "warn", "none of the keys that are pinned"),
    ],
    ids=["another store", "a caught one", "another key"],
)
def test_the_pin(embedded: StoreProcess, tmp_path: Path, other: dict[str, str], outcome: str, says: str) -> None:
    if other.get("id") == "":
        (reached, *_) = store.look(of_store(embedded.url, tmp_path), now=time.time())
        other = {"id": reached.says.partition(" answers as ")[2].partition(",")[0]}
    pinned(tmp_path, **other)
    found = store.look(of_store(embedded.url, tmp_path), now=time.time())
    assert found[1].outcome == outcome
    assert says in found[1].says
    assert found[1].do


def test_a_pin_of_the_configuration_that_does_not_fit(embedded: StoreProcess, tmp_path: Path) -> None:
    found = store.look(of_store(embedded.url, tmp_path, pin="no-such-key"), now=time.time())
    assert (found[1].outcome, "no-such-key" in found[1].says) == ("fail", True)


def test_a_store_that_vouches_for_wrong_bytes_is_caught(tmp_path: Path) -> None:
    with Running(lies.VouchesForWhatWasAnnounced()) as running:
        found = store.look(of_store(running.url, tmp_path), now=time.time())
    assert found[2].outcome == "fail", found
    assert "is caught" in found[2].says


def test_a_store_that_is_away(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    assert told(store.look(of_store(f"http://127.0.0.1:{port}", tmp_path), now=time.time())) == {
        "store: reached": "fail"
    }
    assert told(store.look(defaults(), now=time.time())) == {"store": "fail"}


def test_an_honest_simulated_one(tmp_path: Path) -> None:
    with Running(HonestStore()) as running:
        assert told(store.look(of_store(running.url, tmp_path), now=time.time()))["store: honest"] == "pass"


@contextmanager
def listening(folder: Path, answer: Callable[[socket.socket], None]) -> Iterator[Settings]:
    """Something at the mount helper's address, which does this with whoever connects."""
    where = folder / "mount.sock"
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(where))
        server.listen()

        def serve() -> None:
            line, _ = server.accept()
            with line:
                answer(line)
                line.recv(1)

        thread = threading.Thread(target=serve)
        thread.start()
        settings = defaults()
        try:
            yield replace(settings, docks=replace(settings.docks, mount_helper=where))
        finally:
            thread.join()


@pytest.mark.parametrize(
    ("said", "outcome", "says"),
    [
        (encode({"ok": {"protocol": 1}}), "pass", "it answers"),
        (encode({"ok": {"protocol": 99}}), "fail", "speaks another protocol"),
        (encode({"error": "refused", "message": "you are not dockd\x1b[2J"}), "fail", "you are not dockd\\x1b[2J"),
        (b"\xff" * 100, "fail", "no mount helper answers"),
    ],
    ids=["well", "another version", "refused", "garbage"],
)  # fmt: skip
def test_the_mount_helper(tmp_path: Path, said: bytes, outcome: str, says: str) -> None:
    with listening(tmp_path, lambda line: line.sendall(said)) as settings:
        (found,) = devices.helper(settings)
    assert (found.outcome, says in found.says) == (outcome, True), found


def test_a_mount_helper_that_hangs_up_is_down_or_not_wanted(tmp_path: Path) -> None:
    with listening(tmp_path, lambda line: line.shutdown(socket.SHUT_RDWR)) as settings:
        (found,) = devices.helper(settings)
    assert (found.outcome, "without a word" in found.says) == ("fail", True)
    (down,) = devices.helper(settings)  # the socket's file is there, and nobody behind it
    assert (down.outcome, "systemctl start dockd-mount" in down.do) == ("fail", True)
    (unwanted,) = devices.helper(replace(settings, docks=replace(settings.docks, usb=False)))
    assert unwanted.outcome == "skipped"


def test_the_document_is_as_it_was_promised(tmp_path: Path) -> None:
    """`dockd doctor --json`, as CONTRACT has it: what programs rest on."""
    from dockd.doctor.findings import OUTCOMES, document, failed

    said = json.loads(json.dumps(document([failed("a", "b", "c").clean(group="g")], config="/etc/dockd/dockd.toml")))
    assert said == {
        "ok": False, "counts": {"pass": 0, "warn": 0, "fail": 1, "skipped": 0}, "config": "/etc/dockd/dockd.toml",
        "checks": [{"check": "a", "outcome": "fail", "says": "b", "do": "c", "group": "g"}],
    }  # fmt: skip
    assert set(said["counts"]) == set(OUTCOMES)


def test_a_token_that_the_store_does_not_take_fails_with_the_step(tmp_path: Path) -> None:
    theirs, ours = tmp_path / "theirs", tmp_path / "ours"
    for file, token in ((theirs, "right" * 8), (ours, "wrong" * 8)):
        file.write_text(token + "\n")
        file.chmod(0o600)
    with store_at(tmp_path / "store", "--token-file", str(theirs)) as running:
        settings = of_store(running.url, tmp_path)
        wrong = store.look(replace(settings, store=replace(settings.store, token_file=ours)), now=time.time())
        none = store.look(settings, now=time.time())
        right = store.look(replace(settings, store=replace(settings.store, token_file=theirs)), now=time.time())
    assert told(wrong) == {"store: reached": "pass", "store: pinned": "warn", "store: credentials": "fail"}
    assert (f"The token in {ours} is not one that this store knows" in wrong[2].do, "401" in wrong[2].says) == (
        True,
        True,
    )
    assert f"dockd enroll {running.url} --write" in none[2].do
    assert told(right)["store: honest"] == "pass"


@pytest.mark.parametrize(
    ("files", "kind", "status", "step"),
    [
        ({"token_file": "keys/store.token"}, "tus", 401, "dockd enroll https://store.example --anew"),
        ({"token_file": "keys/store.token"}, "tus", 403, "It was revoked: ask its operator for an invitation"),
        ({"client_cert_file": "keys/store.pem", "client_key_file": "keys/store.pem"}, "tus", 403, "It was revoked: ask its operator for an invitation"),
        ({"client_cert_file": "dock.pem", "client_key_file": "dock.key"}, "tus", 403, "docs/enrolment.md, way 3"),
        ({"token_file": "store.token"}, "tus", 403, "is revoked, or has no right to bring footage"),
        ({"token_file": "s3.keys"}, "s3", 403, "with rights to read, write and list"),
    ],
)  # fmt: skip
def test_each_way_of_coming_in_has_its_step(
    tmp_path: Path, files: dict[str, str], kind: Literal["tus", "s3"], status: int, step: str
) -> None:
    settings = of_store("https://store.example", tmp_path)
    named: dict[str, Any] = {key: tmp_path / name for key, name in files.items()}
    settings = replace(settings, store=replace(settings.store, kind=kind, **named))
    found = refusals.not_let_in(settings, Refused(f"the store answered {status} to a new upload"))
    assert (found.outcome, step in found.do) == ("fail", True), found


def test_a_certificate_that_is_not_good_now_is_the_clocks_where_that_is_wrong(tmp_path: Path) -> None:
    authority = Authority(tmp_path / "ca")
    with over_https(authority.served("store", days=-1)) as url:
        settings = of_store(url, tmp_path)
        settings = replace(settings, store=replace(settings.store, ca_file=authority.certificate))
        (over,) = store.look(settings, now=time.time(), kernel=True)
        (unsure,) = store.look(settings, now=time.time(), kernel=False)
        ahead, by_the_store = store.look(settings, now=time.time() + 400 * 86400, kernel=True)
    assert (over.outcome, "Tell its operator" in over.do) == ("fail", True), over
    assert unsure.do.startswith("First the clock: this machine's says"), unsure
    assert ahead.do.startswith("First the clock: this machine's says"), ahead
    assert (by_the_store.check, by_the_store.outcome) == ("time: by the store", "fail")
    assert "and the store's " in by_the_store.says
