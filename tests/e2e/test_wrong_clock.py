"""A station whose clock is wrong, or is set while cameras are docked: what waits waits as long, and evidence says which time to trust."""

from __future__ import annotations

import asyncio
import datetime
import ipaddress
import os
import ssl
from dataclasses import replace
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from dockd.app import agent
from dockd.settings import Settings, defaults
from ingest.central import CentralStore
from ingest.clock import Clock
from ingest.errors import StoreDown
from ingest.ledger import segments
from ingest.ledger.evidence_times import evidence_times
from ingest.model import folder_camera
from ingest.store.line import Patience
from ingest.store.tus import TusStore
from ingest.visit import Visit
from tests.program import filled
from tests.simulators.stores.honest import HonestStore
from tests.simulators.stores.running import Running

YEAR = 365.25 * 86400


class Jumping(Clock):
    """The machine's clocks, the wall clock some seconds off, and in step or not."""

    offset = 0.0
    in_step = True

    def now(self) -> float:
        return super().now() + self.offset

    def synchronised(self) -> bool | None:
        return self.in_step


def settings(folder: Path, url: str, *, grace: float) -> Settings:
    plain = defaults()
    return replace(
        plain,
        store=replace(plain.store, url=url),
        ledger=replace(plain.ledger, path=folder / "state" / "ledger.db"),
        spool=replace(plain.spool, path=folder / "state" / "spool", keep_free=0),
        upload=replace(plain.upload, retry_max=0.2),
        wipe=replace(plain.wipe, grace=grace),
    )


@pytest.mark.parametrize("jump", [-50 * YEAR, -600.0, 10 * YEAR])
async def test_the_time_between_confirmation_and_deletion_is_as_long_as_the_site_wants(
    tmp_path: Path, jump: float
) -> None:
    camera, clock = filled(tmp_path / "CAM01", {"a.mp4": os.urandom(30_000)}), Jumping()
    async with (
        CentralStore(tmp_path / "store") as central,
        agent(settings(tmp_path, central.url, grace=0.8), version="test", rest=0.05, clock=clock) as built,
    ):
        confirmed, wiped = asyncio.Event(), asyncio.Event()
        loop, at = asyncio.get_running_loop(), {"segment.confirmed": 0.0, "segment.wiped": 0.0}

        def hear(action: str) -> None:
            if action in at:
                at[action] = loop.time()
                (confirmed if action == "segment.confirmed" else wiped).set()

        built.ledger.subscribe(lambda event, _seq: hear(event.action))
        visit = Visit(camera=folder_camera(b"CAM01"), root=os.fsencode(camera))
        working = [
            asyncio.create_task(built.delivery.run()),
            asyncio.create_task(built.intake.session(visit, once=True)),
        ]
        async with asyncio.timeout(30):
            await confirmed.wait()
            clock.offset = jump
            await wiped.wait()
        assert at["segment.wiped"] - at["segment.confirmed"] >= 0.75
        (segment,) = await built.ledger.read(lambda db: segments.ids(db.execute, "1 = 1"))
        times = await built.ledger.read(lambda db: evidence_times(db.execute, segment))
        assert times.trusted == "station"
        for task in working:
            task.cancel()
        await asyncio.gather(*working, return_exceptions=True)
    assert list(camera.iterdir()) == []


async def test_a_certificate_that_is_not_good_yet_may_mean_that_the_clock_is_wrong(tmp_path: Path) -> None:
    key, day = ec.generate_private_key(ec.SECP256R1()), datetime.timedelta(days=1)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    begins = datetime.datetime.now(datetime.UTC) + day  # to this station it is still to come
    made = (
        x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
        .serial_number(1).not_valid_before(begins).not_valid_after(begins + day)
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False)
        .sign(key, hashes.SHA256())
    )  # fmt: skip
    path = tmp_path / "store.pem"
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    path.write_bytes(private + made.public_bytes(serialization.Encoding.PEM))
    far = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    far.load_cert_chain(path)
    with Running(HonestStore(), tls=far) as running:
        store = TusStore(
            running.url, tls=ssl.create_default_context(cafile=str(path)), patience=Patience(answer=5, stall=5)
        )
        with pytest.raises(StoreDown, match="not yet valid.* This station's clock says 20.*; set the clock"):
            await store.identify()
        await store.close()
