"""Faults that are real: each scene is one dock with its own store, what is done to it, and which alerts that brings and ends.

A scene is run in a thread of its own; all are watched by one Prometheus. `Scene.fires` and `Scene.over` wait, and keep how long it took.
"""

from __future__ import annotations

import ipaddress
import json
import os
import shutil
import signal
import time
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from tests.agent import Running
from tests.browsing import add_user, dockd, token
from tests.e2e.test_changes import done
from tests.monitoring.scene import LONG, Scene
from tests.program import store_at
from tests.recovery.disks import SmallDisk
from tests.simulators.authority import Authority
from tests.simulators.stores import lies
from tests.simulators.stores.honest import HonestStore, Shelf
from tests.simulators.stores.running import Running as Far


def _agent(scene: Scene, store: str, stack: ExitStack, **options: Any) -> Running:
    agent = Running(folder=scene.folder, store=store, **options)
    stack.callback(agent.kill)
    agent.start()
    agent.listen = agent.url.split("//")[1]  # the same when it is started again
    return agent


def _dock(agent: Running, name: str, files: dict[str, bytes], *, age: float = 0.0) -> Path:
    """A camera appears whole, its footage `age` seconds old."""
    aside = agent.folder / f"aside-{name}"
    then = time.time() - age
    for path, content in files.items():
        (aside / path).parent.mkdir(parents=True, exist_ok=True)
        (aside / path).write_bytes(content)
        os.utime(aside / path, (then, then))
    return aside.rename(agent.docks / name)


def _copies(agent: Running, content: bytes) -> list[Path]:
    """Spool files with these bytes."""
    spool = (agent.state or agent.folder / "state") / "spool"
    return [file for file in spool.rglob("*") if file.is_file() and file.stat().st_size == len(content) and file.read_bytes() == content]  # fmt: skip


def _spoil(file: Path) -> None:
    """One bit."""
    with file.open("r+b") as opened:
        first = opened.read(1)
        opened.seek(0)
        opened.write(bytes([first[0] ^ 1]))


def _closed(scene: Scene, agent: Running, problem: str) -> None:
    """Somebody closes it on the page."""
    (one,) = [one for one in agent.api("/problems")["problems"] if one["problem"] == problem]
    done(agent, f"/problems/{one['id']}/close", {"reason": f"written down ({scene.name})"})


# -- the scenes --------------------------------------------------------------------------------------------------------


def store_and_agent_die(scene: Scene) -> None:
    """A real store is killed while footage waits; then the agent, and its record book goes; all come back."""
    with ExitStack() as stack:
        store = stack.enter_context(store_at(scene.folder / "central"))
        agent = _agent(scene, store.url, stack)
        scene.watched(agent)
        store.kill()
        _dock(agent, "CAM", {"old.mp4": os.urandom(50_000)}, age=7200)
        scene.fires("the store is killed, with footage of two hours ago", "DockdStoreDown", "DockdOldestUnconfirmedTooOld")  # fmt: skip
        agent.until(lambda: agent.api("/segments")["segments"][0]["copies"] == ["camera", "spool"], "it is copied")
        agent.kill()
        scene.fires("the agent is killed", "DockdAgentNotLive")
        for file in (agent.folder / "state").glob("ledger.db*"):
            file.unlink()
        agent.start()
        scene.over("DockdAgentNotLive")
        scene.fires("the ledger was removed", "DockdLedgerReplaced")
        scene.fires("that run was killed", "DockdEndedUncleanly")
        store.start()
        scene.over("DockdLedgerReplaced", "DockdStoreDown", "DockdOldestUnconfirmedTooOld")
        agent.until_state("CAM", "ready", timeout=LONG)
        agent.stop()
        agent.start()
        scene.over("DockdEndedUncleanly")


def store_lies(scene: Scene) -> None:
    """A store signs for another file, is pinned anew by a person, and another one answers at its address."""
    shelf = Shelf()
    with Far(HonestStore(shelf)) as far, ExitStack() as stack:
        agent = _agent(scene, far.url, stack)
        _dock(agent, "FIRST", {"a.mp4": os.urandom(20_000)})
        agent.until_state("FIRST", "ready", timeout=LONG)
        scene.watched(agent)
        far.store = lies.ReceiptForAnotherFile(shelf)
        _dock(agent, "SECOND", {"b.mp4": os.urandom(20_000)})
        scene.fires("the store signs for another file", "DockdIntegrityFailure", "DockdStoreDishonest")
        assert "DockdStoreDown" not in scene.firing()
        agent.stop()
        far.store = HonestStore(shelf)
        pinned = dockd(agent, "store", "pin", "--yes")
        assert pinned.code == 0, pinned.said
        far.store = HonestStore(Shelf())
        agent.start()
        scene.over("DockdStoreDishonest", "DockdIntegrityFailure")
        scene.fires("another store answers", "DockdWrongStore")
        far.store = HonestStore(shelf)
        scene.over("DockdWrongStore")
        agent.until_state("SECOND", "ready", timeout=LONG)


def disk_is_full(scene: Scene, disk: SmallDisk) -> None:
    """The dock's disk fills: first its room goes, then nothing can be written at all; then there is room again."""
    with Far(HonestStore()) as far, ExitStack() as stack:
        agent = _agent(scene, far.url, stack, state=disk.at / "state")
        scene.watched(agent)
        disk.fill(leave=4 << 20)
        _dock(agent, "LARGE", {"large.mp4": os.urandom(6 << 20)})
        scene.fires("the dock's disk is filled but for 4 MB", "DockdSpoolFilling", "DockdSpoolFull")
        disk.fill(leave=0)
        _dock(agent, "MANY", {f"{n:03d}-{'x' * 200}.mp4": os.urandom(100) for n in range(300)})
        scene.fires("the dock's disk is filled to the last byte", "DockdLedgerUnusable")
        disk.make_room()
        scene.over("DockdLedgerUnusable", "DockdSpoolFull", "DockdSpoolFilling")
        agent.until_state("LARGE", "ready", timeout=LONG)


def camera_leaves_and_copy_rots(scene: Scene) -> None:
    """A camera is taken out before the store has its footage, and the dock's copy of that goes bad meanwhile."""
    shelf, content = Shelf(), os.urandom(30_000)
    with Far(HonestStore(shelf)) as far, ExitStack() as stack:
        agent = _agent(scene, far.url, stack)
        scene.watched(agent)
        far.store = lies.Answers(shelf, "POST", 507)
        there = _dock(agent, "CAM", {"a.mp4": content})
        agent.until(lambda: _copies(agent, content), "it is copied", timeout=LONG)
        agent.until_state("CAM", "unconfirmed", timeout=LONG)
        there.rename(agent.folder / "gone")
        scene.fires("a camera is taken out early", "DockdCameraOverdue")
        (copy,) = _copies(agent, content)
        _spoil(copy)
        (agent.folder / "gone").rename(there)
        scene.fires("a bit of the dock's copy flips", "DockdIntegrityFailure")
        far.store = HonestStore(shelf)
        scene.over("DockdCameraOverdue", "DockdIntegrityFailure")
        agent.until_state("CAM", "ready", timeout=LONG)


def evidence_and_held(scene: Scene) -> None:
    """A store that has no marks cannot be told what is evidence; one that refuses a file for good has it held."""
    shelf = Shelf()
    with Far(HonestStore(shelf, kind="digests")) as far, ExitStack() as stack:
        agent = _agent(scene, f"{far.url}/files/", stack)
        _dock(agent, "ONE", {"a.mp4": os.urandom(10_000)})
        agent.until(lambda: [one for one in agent.api("/segments")["segments"] if "store" in one["copies"]], "it is there", timeout=LONG)  # fmt: skip
        scene.watched(agent)
        far.store = lies.Answers(shelf, "POST", 413, kind="digests")
        _dock(agent, "TWO", {"b.mp4": os.urandom(10_000)})
        agent.until(lambda: [one for one in agent.api("/segments")["segments"] if one["held"]], "it is held", timeout=LONG)  # fmt: skip
        first = next(one for one in agent.api("/segments")["segments"] if "store" in one["copies"])
        done(agent, f"/segments/{first['id']}/evidential")
        scene.fires("evidence at a store that has no marks", "DockdEvidenceNotMarked")
        _closed(scene, agent, "evidence_not_marked")
        scene.over("DockdEvidenceNotMarked")
        scene.fires("the store refuses a file for good", "DockdSegmentsHeld")
        far.store = HonestStore(shelf, kind="digests")
        for one in agent.api("/segments")["segments"]:
            if one["held"]:
                done(agent, f"/segments/{one['id']}/retry")
        scene.over("DockdSegmentsHeld")


def last_copy_goes(scene: Scene) -> None:
    """A file is deleted on its camera by somebody else, and the dock's copy goes bad before the store has it."""
    shelf, content = Shelf(), os.urandom(40_000)
    with Far(HonestStore(shelf)) as far, ExitStack() as stack:
        agent = _agent(scene, far.url, stack)
        scene.watched(agent)
        far.store = lies.Answers(shelf, "POST", 507)
        there = _dock(agent, "CAM", {"a.mp4": content, "b.mp4": os.urandom(30_000)})
        agent.until_state("CAM", "unconfirmed", timeout=LONG)
        there.rename(agent.folder / "gone")
        agent.until(lambda: "CAM" not in agent.bays(), "it is out", timeout=LONG)
        (agent.folder / "gone" / "a.mp4").unlink()
        (agent.folder / "gone").rename(there)
        agent.until(lambda: [one for one in agent.api("/segments")["segments"] if one["copies"] == ["spool"]], "it is seen gone", timeout=LONG)  # fmt: skip
        (copy,) = _copies(agent, content)
        _spoil(copy)
        far.store = HonestStore(shelf)
        scene.fires("the last copy of a segment goes bad", "DockdFootageLost")
        _closed(scene, agent, "footage_lost")
        scene.over("DockdFootageLost")


def store_is_put_back(scene: Scene) -> None:
    """A real store is put back from a backup: it has forgotten what came since."""
    with ExitStack() as stack:
        store = stack.enter_context(store_at(scene.folder / "central"))
        agent = _agent(scene, store.url, stack)
        scene.watched(agent)
        for name in ("BEFORE", "SINCE"):
            _dock(agent, name, {f"{name}.mp4": os.urandom(20_000)})
            agent.until_state(name, "ready", timeout=LONG)
            store.stop()
            if name == "BEFORE":
                shutil.copytree(store.root, scene.folder / "backup")
            else:
                shutil.rmtree(store.root)
                shutil.copytree(scene.folder / "backup", store.root)
            store.start()
        _dock(agent, "AFTER", {"after.mp4": os.urandom(20_000)})
        scene.fires("the store is put back from a backup", "DockdStoreWentBack")
        agent.stop()
        pinned = dockd(agent, "store", "pin", "--yes")
        assert pinned.code == 0, pinned.said
        agent.start()
        scene.over("DockdStoreWentBack")


def store_stands_still(scene: Scene) -> None:
    """A real store stands still, its lines open, for less than dockd's patience; then the list of users is damaged. Both are mended."""
    with ExitStack() as stack:
        store = stack.enter_context(store_at(scene.folder / "central"))
        agent = _agent(scene, store.url, stack)
        scene.watched(agent)
        store.send(signal.SIGSTOP)
        _dock(agent, "CAM", {"a.mp4": os.urandom(300_000)})
        scene.fires("the store's process is stopped, its lines stay open", "DockdPipelineStalled")
        store.send(signal.SIGCONT)
        scene.over("DockdPipelineStalled")
        agent.until_state("CAM", "ready", timeout=LONG)
        people = scene.folder / "state" / "access.db"
        whole = people.read_bytes() if people.exists() else None
        people.write_bytes(b"nothing of a list" * 600)
        agent.ask("/api/v1/status")
        scene.fires("the list of users is damaged", "DockdAccessUnreadable")
        people.unlink()
        if whole is not None:
            people.write_bytes(whole)
        agent.ask("/api/v1/status")
        scene.over("DockdAccessUnreadable")


def certificate_ends(scene: Scene, authority: Authority, shown: Path) -> None:
    """The page's certificate is near its end, the log's disk is full; both are mended. Scraped over TLS, with a token."""
    cert = scene.folder / "page.pem"
    cert.write_bytes(_short_lived(authority, ends=timedelta(minutes=5)))
    cert.chmod(0o600)
    page = f'tls_cert_file = "{cert}"\ntls_key_file = "{cert}"\n'
    with Far(HonestStore()) as far, ExitStack() as stack:
        agent = Running(folder=scene.folder, store=far.url, page=page)
        agent.configure()
        (scene.folder / "state").mkdir(mode=0o700)
        add_user(agent, "ann", "ops")
        shown.write_text(token(agent, "viewer", name="prometheus"))
        log = scene.folder / "dockd.log"
        agent = _agent(scene, far.url, stack, page=page, more=f'[log]\nfile = "{log}"\n')
        target = [{"targets": [agent.url.split("//")[1]], "labels": {"job": "dockd", "instance": scene.name}}]
        (scene.targets / f"{scene.name}.tls.json").write_text(json.dumps(target))
        scene.until(lambda: scene.watching.value(f'up{{instance="{scene.name}"}}') == [1.0], "it is scraped")
        scene.fires("the page's certificate ends in five minutes", "DockdCertificateExpiring")
        log.rename(scene.folder / "dockd.log.1")
        log.symlink_to("/dev/full")
        agent.send(signal.SIGHUP)
        scene.fires("the log's disk is full", "DockdLogLinesLost")
        log.unlink()
        cert.write_bytes(authority.issue("renewed", days=900).read_bytes())
        agent.send(signal.SIGHUP)
        scene.over("DockdLogLinesLost", "DockdCertificateExpiring")


def _short_lived(authority: Authority, *, ends: timedelta) -> bytes:
    """A certificate for 127.0.0.1 of an age at which it should long have been renewed, and its key."""
    vouched = x509.load_pem_x509_certificate(authority.certificate.read_bytes())
    signing = serialization.load_pem_private_key(authority.certificate.with_name("ca.key").read_bytes(), None)
    assert isinstance(signing, ec.EllipticCurvePrivateKey)
    key, now = ec.generate_private_key(ec.SECP256R1()), datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "page")]))
        .issuer_name(vouched.subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=90))
        .not_valid_after(now + ends)
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False)
        .sign(signing, hashes.SHA256())
    )
    private = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())  # fmt: skip
    return private + made.public_bytes(serialization.Encoding.PEM)
