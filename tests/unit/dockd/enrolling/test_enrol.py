"""Enrolment as a whole, before the real store: who is told what, and what an interrupted run leaves to go on with."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from dockd.app import agent, locked
from dockd.doctor.store import look as looked_at
from dockd.enrolling.enrol import Enrolled, Enrolling
from dockd.enrolling.files import Files, NotTaken, text_of
from dockd.enrolling.getting import invitation
from dockd.settings import Settings, defaults
from dockd.settings.schema import StoreSettings as DockStore
from ingest.central import CentralStore, StoreSettings
from ingest.central.app import thumbprint
from ingest.central.enrolment import WAYS, Enrolment
from ingest.central.enrolment_file import EnrolmentFile
from ingest.clock import Clock
from ingest.errors import StoreDishonest, WrongStore
from ingest.ledger.pin_file import NAME, kept
from ingest.ledger.pin_file import text_of as pin_text
from ingest.store.enrolling import NotEnrolled
from tests.simulators.authority import Authority


@dataclass
class Typist:
    """Whoever types. `says`: whether that is the store; `invitation_`: None where nobody is there."""

    says: bool | None = None
    line: str | None = None
    shown: list[str] = field(default_factory=list)
    asked: int = 0

    def say(self, text: str) -> None:
        self.shown.append(text)

    def agrees(self, lines: list[str]) -> bool:
        self.shown += lines
        if self.says is None:
            raise NotTaken("nobody is there")
        return self.says

    def invitation(self) -> str:
        self.asked += 1
        if self.line is None:
            raise NotTaken("nobody is there")
        return self.line


class Scene:
    def __init__(self, folder: Path, store: CentralStore, authority: Authority) -> None:
        self.folder, self.store, self.authority = folder, store, authority
        self.root = folder / "root"
        self.operator = Enrolment(EnrolmentFile(self.root / "docks.db"), clock=Clock())
        self.typist = Typist()
        self.current = DockStore()
        self.url = store.url
        self.files = Files(folder=folder / "state" / "keys")

    @property
    def pin(self) -> str:
        return thumbprint(self.root)

    @property
    def settings(self) -> Settings:
        found, state = defaults(), self.folder / "state"
        return replace(
            found, ledger=replace(found.ledger, path=state / "ledger.db"), spool=replace(found.spool, path=state / "spool"),
            store=replace(found.store, url=self.url, ca_file=self.authority.certificate),
        )  # fmt: skip

    def invite(self, dock: str = "rack-1", *, approval: bool = False, again: bool = False) -> str:
        made = self.operator.invite(dock, who="os:ann", lasts=3600, ways=WAYS, approval=approval, again=again)
        return f"dockd1.{self.pin}.{made.id}.{made.secret}"

    async def enroll(self, **more: Any) -> Enrolled:
        enrolling = Enrolling(
            settings=self.settings, current=self.current, person=self.typist, version="0", clock=Clock(), **more
        )
        done = await enrolling.run()
        wanted: dict[str, Any] = {
            key: None if value is None else Path(value) for key, value in done.lines.items() if key.endswith("_file")
        }
        if done.lines:
            self.current = replace(self.current, url=done.lines["url"], pin=done.lines["pin"], **wanted)
        return done

    @property
    def actions(self) -> list[str]:
        return [line.action for line in self.operator.log()]


@pytest.fixture
async def scene(tmp_path: Path) -> AsyncIterator[Scene]:
    authority = Authority(tmp_path / "authority")
    server = authority.issue("server")
    async with CentralStore(
        tmp_path / "root", settings=StoreSettings(keep_free=0, tls_cert_file=server, tls_key_file=server)
    ) as store:
        yield Scene(tmp_path, store, authority)


async def test_enrolled_renewed_and_turned_into_a_token(scene: Scene) -> None:
    done = await scene.enroll(invited=scene.invite())
    assert (done.dock, done.way, done.pinned, done.file) == ("rack-1", "certificate", True, scene.files.certificate)
    assert done.lines["pin"] == scene.pin
    first = text_of(scene.files.certificate)
    again = await scene.enroll()
    assert (again.way, again.pinned) == ("certificate", False)
    assert text_of(scene.files.certificate) != first
    token = await scene.enroll(way="token")
    assert (token.file, token.lines["client_cert_file"], token.lines["token_file"]) == (
        scene.files.token,
        None,
        str(scene.files.token),
    )
    before = text_of(scene.files.token)
    assert (await scene.enroll()).way == "token"
    assert text_of(scene.files.token) != before
    assert scene.actions == [
        "dock.invited",
        "dock.asked",
        "dock.enrolled",
        "dock.renewed",
        "dock.renewed",
        "dock.renewed",
    ]
    assert scene.typist.asked == 0
    assert sorted(file.name for file in scene.files.folder.glob("store*")) == [
        "store-client.pem",
        "store.pin",
        "store.token",
    ]


@pytest.mark.parametrize("how", ["pin", "invitation", "configuration", "nobody", "no"])
async def test_who_is_not_known_by_the_key_that_was_named_is_told_nothing(scene: Scene, how: str) -> None:
    line = scene.invite()
    other = "x" * 43
    more: dict[str, Any] = {"invited": line}
    error: type[Exception] = WrongStore
    if how == "pin":
        more["pin"] = other
    elif how == "invitation":
        more["invited"] = line.replace(scene.pin, other)
    elif how == "configuration":
        more = {}
        scene.current = replace(scene.current, pin=other)
        scene.typist.line = line.replace(scene.pin, other)
    else:
        more, error = {}, NotTaken
        scene.files.make_folder()
        scene.files.token.write_text("what it has\n")
        scene.files.token.chmod(0o600)
        scene.typist.says = None if how == "nobody" else False
    with pytest.raises(error):
        await scene.enroll(**more)
    assert scene.actions == ["dock.invited"]
    assert kept(scene.files.folder) is None
    assert not scene.files.certificate.exists()


async def test_what_the_dock_has_is_not_shown_to_another_store(scene: Scene, tmp_path: Path) -> None:
    await scene.enroll(invited=scene.invite(), way="token")
    async with CentralStore(
        tmp_path / "other" / "root",
        settings=StoreSettings(
            keep_free=0, tls_cert_file=scene.authority.issue("server"), tls_key_file=scene.authority.issue("server")
        ),
    ) as other:
        theirs = Scene(tmp_path / "other", other, scene.authority)
        scene.url = other.url
        heard: list[str] = []
        async with relayed(other, scene.authority, heard, same=True) as url:
            scene.url = url
            had = text_of(scene.files.token).strip()
            done = await scene.enroll(invited=theirs.invite("rack-9"), way="token")
        assert (done.dock, done.pinned, done.lines["pin"]) == ("rack-9", True, theirs.pin)
        assert any("pinned so far was the store" in one for one in scene.typist.shown)
        assert heard
        assert not any(had in one for one in heard)


async def test_who_sits_between_is_seen_before_the_invitation_is_told(scene: Scene) -> None:
    """It has a certificate that the dock believes, passes everything on, and would have the invitation."""
    line, heard = scene.invite(), list[str]()
    async with relayed(scene.store, scene.authority, heard, same=False) as url:
        scene.url = url
        with pytest.raises(WrongStore, match="begins another"):
            await scene.enroll(invited=line)
    assert heard
    assert not any(line.rpartition(".")[2] in one for one in heard)
    assert scene.actions == ["dock.invited"]


@contextlib.asynccontextmanager
async def relayed(store: CentralStore, authority: Authority, heard: list[str], *, same: bool) -> AsyncIterator[str]:
    """Somebody who ends the line, reads it, and passes it on; with the store's own certificate or another."""

    async def client(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, back = await asyncio.open_connection(
            "127.0.0.1", int(store.url.rsplit(":", 1)[1]), ssl=authority.trusted()
        )
        await asyncio.gather(pour(reader, back, heard), pour(there, writer, []), return_exceptions=True)

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(authority.issue("server" if same else "between"))
    server = await asyncio.start_server(client, "127.0.0.1", 0, ssl=context)
    try:
        yield f"https://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    finally:
        server.close()


async def pour(source: asyncio.StreamReader, target: asyncio.StreamWriter, heard: list[str]) -> None:
    with contextlib.suppress(OSError):
        while block := await source.read(64 << 10):
            heard.append(block.decode("latin-1"))
            target.write(block)
            await target.drain()
    target.close()


async def test_what_was_given_and_not_proven_is_gone_on_with(scene: Scene) -> None:
    """The power went between the answer and the proof: the next run asks nobody for anything."""
    await scene.enroll(invited=scene.invite())
    line = scene.invite("rack-2")
    scene.files.certificate.rename(scene.files.next_certificate)
    scene.current = DockStore()
    done = await scene.enroll()
    assert (done.dock, done.file) == ("rack-1", scene.files.certificate)
    assert scene.typist.asked == 0
    assert line


@pytest.mark.parametrize("configured", [None, "x" * 43])
async def test_the_same_of_the_very_first_enrolment(scene: Scene, configured: str | None) -> None:
    """Nothing is pinned yet, or another store: this one is known by the invitation that was kept."""
    scene.current = replace(scene.current, pin=configured)
    line = scene.invite()
    first = Enrolling(settings=scene.settings, current=scene.current, person=scene.typist, version="0", clock=Clock())
    async with first._desk(scene.settings.store) as desk:
        await first._by_invitation(desk, invitation(line), "certificate")
    assert scene.files.next_certificate.exists()
    done = await scene.enroll()
    assert (done.dock, done.pinned, scene.typist.asked) == ("rack-1", True, 0)


async def test_an_invitation_is_kept_while_it_is_of_use_and_no_longer(scene: Scene) -> None:
    line = scene.typist.line = scene.invite(approval=True)
    waits = await scene.enroll(wait=False)
    assert waits.waits
    assert any("store approve rack-1" in one for one in scene.typist.shown)
    assert text_of(scene.files.invitation).strip() == line
    assert (await scene.enroll(wait=False)).waits
    assert scene.typist.asked == 1  # the second run had it
    scene.operator.approve("rack-1", key=scene.operator.waiting("rack-1"), who="os:ann")
    assert (await scene.enroll(wait=False)).dock == "rack-1"
    assert not scene.files.invitation.exists()
    with pytest.raises(NotEnrolled, match="used before|not taken"):
        await scene.enroll(invited=line, anew=True)
    assert not scene.files.invitation.exists()


async def test_a_key_that_was_revoked_is_drawn_anew(scene: Scene) -> None:
    await scene.enroll(invited=scene.invite())
    key = text_of(scene.files.certificate).partition("-----BEGIN CERT")[0]
    scene.operator.revoke("rack-1", who="os:ann", reason="")
    scene.files.next_key.write_text(key)
    scene.files.next_key.chmod(0o600)
    done = await scene.enroll(invited=scene.invite(), anew=True)
    assert done.dock == "rack-1"
    assert not text_of(scene.files.certificate).startswith(key)


async def test_another_store_in_its_place_is_called_by_its_name_though_it_takes_no_certificate(scene: Scene) -> None:
    await scene.enroll(invited=scene.invite())
    server = scene.authority.issue("server")
    served = StoreSettings(keep_free=0, tls_cert_file=server, tls_key_file=server)
    async with CentralStore(scene.folder / "another", settings=served) as other:
        mine = scene.files.certificate
        store = replace(scene.settings.store, url=other.url, client_cert_file=mine, client_key_file=mine)
        settings = replace(scene.settings, store=store)
        async with agent(settings, version="0") as built:
            with pytest.raises(WrongStore, match=other.store_id):
                await built.delivery.trusted()
            assert built.delivery.state.word == "wrong-store"
        reached = await asyncio.to_thread(looked_at, settings, now=Clock().now())
        assert [one.check for one in reached] == ["store: reached"]
        assert "is not the pinned one" in reached[0].says


async def test_beside_an_agent_at_work_its_pin_is_held_against_what_answers(scene: Scene) -> None:
    await scene.enroll(invited=scene.invite())
    with locked(scene.folder / "state" / "lock"):
        done = await scene.enroll()
        assert (done.by_agent, done.pinned) == (True, False)
        pinned = kept(scene.files.folder)
        assert pinned is not None
        (scene.files.folder / NAME).write_text(pin_text(replace(pinned, id="another store")))
        with pytest.raises(WrongStore, match="stop the agent"):
            await scene.enroll()


async def test_a_store_that_was_caught_is_not_believed_again_by_it(scene: Scene) -> None:
    await scene.enroll(invited=scene.invite())
    pinned = kept(scene.files.folder)
    assert pinned is not None
    for changed in (
        replace(pinned, dishonest="it lied"),
        replace(pinned, dishonest="it lied", id="it, by its other name"),
    ):
        (scene.files.folder / NAME).write_text(pin_text(changed))
        with pytest.raises(StoreDishonest, match="dockd store pin"):
            await scene.enroll()


async def test_a_store_that_invites_nobody_is_told_apart(scene: Scene) -> None:
    with pytest.raises(NotEnrolled, match="dockd store invite"):
        await scene.enroll(pin=scene.pin)
