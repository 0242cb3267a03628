"""The agent renews its own certificate, takes up what others renewed, cuts no line for it, and says in time what ends."""

from __future__ import annotations

import asyncio
import base64
import hashlib
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from pathlib import Path
from urllib.parse import urljoin

import aiohttp
import pytest

from dockd.enrolling import keys
from dockd.enrolling.files import Files, text_of, whole
from dockd.enrolling.getting import Getting
from dockd.expiry import certificates_in
from dockd.ops.happenings import (
    CertificateEnded,
    CertificateEnds,
    CertificateNotRenewed,
    CertificateRenewed,
    CertificateUnread,
)
from dockd.page.facts import Troubles
from dockd.renewing import Certificates
from dockd.settings import Settings, defaults
from dockd.store_kinds import client_tls
from ingest.central import CentralStore, StoreSettings
from ingest.central.app import thumbprint
from ingest.central.enrolment import WAYS, Enrolment
from ingest.central.enrolment_file import EnrolmentFile
from ingest.clock import Clock
from ingest.events import Event
from ingest.ledger.pin_file import NAME, Pinned
from ingest.ledger.pin_file import text_of as pin_text
from ingest.store.enrolling import Desk
from tests.simulators.authority import Authority
from tests.simulators.stores.honest import HonestStore
from tests.simulators.stores.running import Running
from tests.simulators.stores.s3 import HonestS3
from tests.simulators.stores.s3_running import RunningS3

DAY = 86400.0


class SetClock(Clock):
    """The machine's, so many seconds on."""

    def __init__(self) -> None:
        super().__init__()
        self.ahead = 0.0

    def now(self) -> float:
        return super().now() + self.ahead


class Scene:
    """A dock that has enrolled, and its store."""

    def __init__(self, folder: Path, store: CentralStore, authority: Authority) -> None:
        self.folder, self.store, self.authority = folder, store, authority
        self.files = Files(folder=folder / "state" / "keys")
        self.clock = SetClock()
        self.said: list[Event] = []
        self.troubles = Troubles()
        self.operator = Enrolment(EnrolmentFile(folder / "root" / "docks.db"), clock=Clock())

    @property
    def settings(self) -> Settings:
        found = defaults()
        mine = self.files.certificate
        store = replace(
            found.store,
            url=self.store.url,
            ca_file=self.authority.certificate,
            client_cert_file=mine,
            client_key_file=mine,
        )
        return replace(found, store=store, ledger=replace(found.ledger, path=self.folder / "state" / "ledger.db"))

    async def enrolled(self, *, again: bool = False) -> None:
        self.files.make_folder()
        pin = thumbprint(self.folder / "root")
        pinned = Pinned(
            id=self.store.store_id,
            url=self.store.url,
            method="receipt",
            durable=True,
            keys=(pin,),
            honest_at=None,
            dishonest=None,
        )
        (self.files.folder / NAME).write_text(pin_text(pinned))
        invited = self.operator.invite("rack-1", who="os:ann", lasts=3600, ways=WAYS, approval=False, again=again)
        getting = Getting(files=self.files, name="x", clock=self.clock, say=self.fail)
        bare = replace(self.settings.store, client_cert_file=None, client_key_file=None)
        desk = Desk(self.store.url, tls=client_tls(bare))
        await getting.asked("certificate", lambda half: desk.enroll(f"{invited.id}.{invited.secret}", half), wait=False)
        await desk.close()
        getting.settle("certificate")

    def fail(self, text: str) -> None:
        raise AssertionError(text)

    def certificates(self, settings: Callable[[], Settings] | None = None) -> Certificates:
        return Certificates(
            settings=settings or (lambda: self.settings), tls=client_tls(self.settings.store), clock=self.clock, troubles=self.troubles,
            publish=self.said.append, chance=lambda: 1.0,
        )  # fmt: skip

    @property
    def ends(self) -> float:
        return certificates_in(self.files.certificate)[0].ends


@pytest.fixture
async def scene(tmp_path: Path) -> AsyncIterator[Scene]:
    authority = Authority(tmp_path / "authority", days=3650)
    server = authority.issue("server", days=3000)
    settings = StoreSettings(keep_free=0, tls_cert_file=server, tls_key_file=server)
    async with CentralStore(tmp_path / "root", settings=settings) as store:
        made = Scene(tmp_path, store, authority)
        await made.enrolled()
        yield made


async def test_it_is_renewed_from_half_of_its_life_on_with_a_fresh_key(scene: Scene) -> None:
    working, before, key = (
        scene.certificates(),
        scene.files.certificate.read_bytes(),
        keys.key_in(text_of(scene.files.certificate)),
    )
    await working.look()
    assert scene.files.certificate.read_bytes() == before
    scene.clock.ahead = 46 * DAY
    await working.look()
    assert keys.key_in(text_of(scene.files.certificate)) != key
    assert [(type(one), getattr(one, "by", None)) for one in scene.said] == [(CertificateRenewed, "dockd")]
    assert [line.action for line in scene.operator.log()][-1] == "dock.renewed"
    assert scene.files.certificate.stat().st_mode & 0o777 == 0o600
    assert not list(scene.files.folder.glob("*renewal*"))


async def test_no_line_is_cut_for_it(scene: Scene) -> None:
    """A body that is half sent when the certificate changes arrives whole, over the connection that it began with; the next one is made with the new."""
    working = scene.certificates()
    assert working.tls is not None
    content = b"x" * (4 << 20)
    half_way, renewed = asyncio.Event(), asyncio.Event()

    async def body() -> AsyncIterator[bytes]:
        yield content[: 2 << 20]
        half_way.set()
        await renewed.wait()
        yield content[2 << 20 :]

    headers = {
        "Tus-Resumable": "1.0.0",
        "Upload-Length": str(len(content)),
        "Upload-Metadata": f"sha256 {_b64(hashlib.sha256(content).hexdigest())}",
    }
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(ssl=working.tls.context)) as session:
        async with session.post(f"{scene.store.url}/files/", headers=headers) as made:
            upload = urljoin(scene.store.url, made.headers["Location"])

        async def send() -> int:
            sent = {
                "Tus-Resumable": "1.0.0",
                "Upload-Offset": "0",
                "Content-Type": "application/offset+octet-stream",
                "Content-Length": str(len(content)),
            }
            async with session.patch(upload, headers=sent, data=body()) as done:
                return done.status

        sending = asyncio.create_task(send())
        await half_way.wait()
        shown = hashlib.sha256(working.tls.shown or b"").hexdigest()
        before = scene.ends
        scene.clock.ahead = 46 * DAY
        await working.look()
        renewed.set()
        assert await sending == 204
        assert scene.ends >= before
        assert hashlib.sha256(working.tls.shown or b"").hexdigest() == shown
    desk = Desk(scene.store.url, tls=working.tls)
    desk.agreed()
    assert await desk.whoami() == "rack-1"
    await desk.close()


def _b64(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


async def test_what_is_refused_is_tried_later_each_time_and_said_once(scene: Scene) -> None:
    working, before = scene.certificates(), scene.files.certificate.read_bytes()
    scene.operator.revoke("rack-1", who="os:ann", reason="")
    await asyncio.sleep(0.25)  # the store looks at its book so often
    scene.clock.ahead = 46 * DAY
    waits = []
    for _ in range(4):
        await working.look()
        waits.append(round(working._not_before - scene.clock.now()))
        await working.look()  # not yet
        scene.clock.ahead += waits[-1] + 1
    assert waits == [pytest.approx(60 * 2**n, abs=2) for n in range(4)]
    refused = [one for one in scene.said if isinstance(one, CertificateNotRenewed)]
    assert len(refused) == 1
    assert "taken back" in refused[0].error
    assert scene.files.certificate.read_bytes() == before


@pytest.mark.parametrize("when", ["before it was settled", "in the middle of that"])
async def test_a_key_that_was_taken_back_while_it_waited_here_is_drawn_anew(scene: Scene, when: str) -> None:
    """The power went in the middle of a renewal, and the dock was invited again before the next one: its key stands in the store's book as taken back."""
    waits = Getting(files=Files(folder=scene.files.folder, turn="renewal"), name="x", clock=scene.clock, say=scene.fail)
    half = waits.half("certificate")
    desk = Desk(scene.store.url, tls=client_tls(scene.settings.store))
    desk.agreed()
    await desk.renew(half)  # and its answer was never read
    await desk.close()
    key = text_of(waits.files.next_key)
    await scene.enrolled(again=True)
    assert not list(scene.files.folder.glob("*renewal*"))
    if when == "in the middle of that":
        whole(waits.files.next_key, key)
    whole(scene.files.invitation, "what a person has begun")
    before = scene.files.certificate.read_bytes()
    scene.clock.ahead = 46 * DAY
    await scene.certificates().look()
    assert [type(one) for one in scene.said] == [CertificateRenewed]
    assert scene.files.certificate.read_bytes() != before
    assert keys.key_in(text_of(scene.files.certificate)) != key
    assert text_of(scene.files.invitation) == "what a person has begun"


async def test_another_store_is_not_asked_for_one(scene: Scene) -> None:
    (scene.files.folder / NAME).write_text(
        pin_text(
            Pinned(id="other", url="", method="receipt", durable=True, keys=("k" * 43,), honest_at=None, dishonest=None)
        )
    )
    scene.clock.ahead = 46 * DAY
    await scene.certificates().look()
    (refused,) = (one for one in scene.said if isinstance(one, CertificateNotRenewed))
    assert "not the pinned one" in refused.error
    assert [line.action for line in scene.operator.log()][-1] == "dock.enrolled"


async def test_a_key_in_a_file_of_its_own_is_somebody_elses_to_renew(scene: Scene) -> None:
    settings = replace(scene.settings, store=replace(scene.settings.store, client_key_file=scene.folder / "key"))
    before = scene.files.certificate.read_bytes()
    scene.clock.ahead = 46 * DAY
    await scene.certificates(lambda: settings).look()
    assert scene.files.certificate.read_bytes() == before


async def test_what_somebody_else_has_renewed_is_taken_up_and_half_a_file_is_not(scene: Scene) -> None:
    working = scene.certificates()
    await working.look()
    before = scene.files.certificate.read_bytes()
    scene.files.certificate.write_bytes(before[:400])
    await working.look()
    await working.look()
    assert [type(one) for one in scene.said] == [CertificateNotRenewed, CertificateUnread]
    scene.files.certificate.write_bytes(scene.authority.issue("another").read_bytes())
    scene.said.clear()
    await working.look()
    assert next((type(one), getattr(one, "by", None)) for one in scene.said) == (CertificateRenewed, "file")


async def test_each_stage_is_said_once_and_is_a_problem_until_it_is_over(scene: Scene) -> None:
    scene.operator.revoke("rack-1", who="os:ann", reason="")
    await asyncio.sleep(0.25)
    working = scene.certificates()
    for left in (40, 29, 28, 13, 2, -1):
        scene.clock.ahead = 90 * DAY - left * DAY - 3600
        await working.look()
        await working.look()
        wanted = set() if left > 30 else {"certificate_ends"} if left > 0 else {"certificate_ended"}
        assert set(scene.troubles.now) == wanted, left
    ends = [one for one in scene.said if isinstance(one, CertificateEnds)]
    assert [(one.days, one.severity()) for one in ends] == [(29, "warning"), (13, "warning"), (2, "error")]
    assert len([one for one in scene.said if isinstance(one, CertificateEnded)]) == 1
    assert working.ends["client"] == scene.ends
    assert set(working.ends) == {"client", "store_ca"} | ({"store"} if working.tls and working.tls.shown else set())


@pytest.mark.parametrize("kind", ["tus", "s3"])
async def test_a_store_that_gives_no_certificates_is_asked_once_a_day_and_nobody_is_told(
    scene: Scene, kind: str
) -> None:
    with (
        Running(HonestStore(), tls=scene.authority.served("plain", days=3000)) as tus,
        RunningS3(HonestS3(), tls=scene.authority.served("plain", days=3000)) as s3,
    ):
        url = tus.url if kind == "tus" else s3.bucket_url
        settings = replace(scene.settings, store=replace(scene.settings.store, url=url))
        scene.clock.ahead = 46 * DAY
        working = scene.certificates(lambda: settings)
        await working.look()
        assert [one for one in scene.said if isinstance(one, CertificateNotRenewed)] == []
        assert working._not_before >= scene.clock.now() + DAY - 60
