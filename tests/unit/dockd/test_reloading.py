"""A reload of an agent that was really built: each live setting is followed where it is used, and what goes wrong on the way is the stricter of both."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from dockd.app import Agent, agent
from dockd.cli.check_config import mistakes_of
from dockd.ops.ending import Wishes
from dockd.ops.happenings import SettingsRefused, SettingsReloaded
from dockd.ops.notify import Notify
from dockd.ops.reloading import Applied
from dockd.page.facts import Sources
from dockd.page.opening import CertificateUnusable, certificate
from dockd.page.server import Names
from dockd.page.view import View
from dockd.reloading import Reloading
from dockd.service import Ops, refuse_an_open_page
from dockd.settings import RegistrySettings, SettingsError, load
from dockd.settings.live import LIVE
from dockd.store_kinds import Misconfigured, client_tls
from ingest.events import Event, WipingOff, WipingOn
from ingest.leave import Wish


@dataclass(kw_only=True)
class Scene:
    """An agent and its reload; `heard` what was said, `profiles` the folders from which profiles were read."""

    folder: Path
    agent: Agent
    sources: Sources
    reloading: Reloading
    heard: list[Event]
    profiles: list[Path]
    meanwhile: Callable[[], None] = lambda: None

    @property
    def config(self) -> Path:
        return self.folder / "dockd.toml"

    def configure(self, more: str = "", *, store: bool = True) -> None:
        self.config.write_text(
            f'[docks]\nusb = false\nfolders = "{self.folder}/docks"\n'
            + ('[store]\nurl = "http://127.0.0.1:9"\n' if store else "")
            + f'[ledger]\npath = "{self.folder}/state/ledger.db"\n'
            + (more or f'[spool]\npath = "{self.folder}/state/spool"\nkeep_free = "0 B"\n')
        )

    async def reload(self, more: str = "") -> SettingsReloaded | SettingsRefused:
        """Its last word."""
        self.configure(more)
        said = len(self.heard)
        await self.reloading._one()
        return [e for e in self.heard[said:] if isinstance(e, SettingsReloaded | SettingsRefused)][-1]


@contextlib.asynccontextmanager
async def scene(folder: Path, *, notify: Notify | None = None) -> AsyncIterator[Scene]:
    (folder / "docks").mkdir()
    heard: list[Event] = []
    profiles: list[Path] = []
    made = Scene.__new__(Scene)
    made.folder = folder
    made.configure()
    settings = load(made.config, environ={})
    ops = Ops.begin(settings, version="test")
    try:
        async with agent(settings, version="test") as built:
            sources = Sources(
                settings=settings, version="test", clock=built.clock, ledger=built.ledger, spool=built.spool, activity=built.activity, rack=built.rack,
                store_state=lambda: built.delivery.state, bandwidth=built.bandwidth,
            )  # fmt: skip

            async def again(fresh: Any) -> list[str]:
                profiles.append(fresh.cameras.profiles)
                here.meanwhile()
                return []

            reloading = Reloading(
                agent=built, applied=Applied(settings=settings), config=made.config, wishes=Wishes(), sources=sources, view=View(sources), logs=ops.logs,
                metrics=ops.metrics, notify=notify or Notify(None), reloaded=again,
            )  # fmt: skip
            built.ledger.subscribe(lambda event, _seq: heard.append(event))
            here = Scene(
                folder=folder, agent=built, sources=sources, reloading=reloading, heard=heard, profiles=profiles
            )
            yield here
    finally:
        ops.close()


def limits(here: Scene) -> Any:
    return here.agent.bandwidth.rules


SEEN: Mapping[str, Callable[[Scene], object]] = {
    "cameras.profiles": lambda here: here.profiles[-1:],
    "pull.parallel": lambda here: here.agent.pool._slots._most,
    "pull.per_controller": lambda here: here.agent.pool._per_controller,
    "spool.keep_free": lambda here: here.agent.spool.keep_free,
    "spool.keep_confirmed": lambda here: here.agent.delivery._releasing._keep,
    "upload.parallel": lambda here: here.agent.delivery._lanes.most,
    "upload.chunk": lambda here: here.agent.delivery._uploading._piece._most,
    "bandwidth.limit": lambda here: limits(here).limit,
    "bandwidth.timetable": lambda here: limits(here).lines,
    "bandwidth.evidential": lambda here: limits(here).bypass,
    "wipe.enabled": lambda here: here.agent.intake.wish.wipe,
    "wipe.grace": lambda here: here.agent.intake.wish.grace,
    "ready.min_battery": lambda here: here.sources.settings.ready.min_battery,
    "ready.max_clock_offset": lambda here: (here.agent.intake._telling.max_clock_offset, here.agent.rack._max_clock_offset),
    "ready.min_room": lambda here: here.agent.intake._settings.min_room,
    "ready.usable_after": lambda here: here.sources.settings.ready.usable_after,
    "page.allowed_hosts": lambda here: "dock.example" in Names(here.sources),
    "page.idle": lambda here: here.sources.settings.page.idle,
    "log.level": lambda here: here.reloading.logs.level,
    "registry.file": lambda here: len(here.reloading.view.registry.assigned),
}  # fmt: skip
"""Where each live setting is used, and what is seen there."""


async def test_each_live_setting_is_followed_where_it_is_used(tmp_path: Path) -> None:
    assert SEEN.keys() == LIVE.keys()
    (tmp_path / "cameras.csv").write_text("camera,assigned_to\nCAM,PC 1\n")
    (tmp_path / "ours").mkdir()
    async with scene(tmp_path) as here:
        before = {key: look(here) for key, look in SEEN.items()}
        said = await here.reload(
            f'[cameras]\nprofiles = "{tmp_path}/ours"\n[pull]\nparallel = 3\nper_controller = 1\n[spool]\npath = "{tmp_path}/state/spool"\nkeep_free = "1 MB"\n'
            'keep_confirmed = "1 h"\n[upload]\nparallel = 3\nchunk = "1 MiB"\n[bandwidth]\nlimit = "5 Mbit/s"\ntimetable = ["Mon-Fri 07:00-19:00 20 Mbit/s"]\n'
            'evidential = "unlimited"\n[wipe]\nenabled = false\ngrace = "1 h"\n[ready]\nmin_battery = 5\nmax_clock_offset = "5 s"\nmin_room = "1 GiB"\n'
            'usable_after = "1 min"\n[page]\nallowed_hosts = ["Dock.example"]\nidle = "1 min"\n[log]\nlevel = "debug"\n'
            f'[registry]\nfile = "{tmp_path}/cameras.csv"\n'
        )
        assert isinstance(said, SettingsReloaded)
        assert sorted(said.applied) == sorted(LIVE)
        assert said.restart == []
        assert [key for key, look in SEEN.items() if look(here) == before[key]] == []
        assert here.reloading.applied.settings == here.sources.settings == load(here.config, environ={})
        assert [event for event in here.heard if isinstance(event, WipingOff | WipingOn)] == [WipingOff()]
        back = await here.reload()
        assert isinstance(back, SettingsReloaded)
        assert sorted(back.applied) == sorted(LIVE)
        assert [event for event in here.heard if isinstance(event, WipingOff | WipingOn)] == [WipingOff(), WipingOn(seconds=0)]  # fmt: skip


async def test_with_one_mistake_nothing_is_followed(tmp_path: Path) -> None:
    async with scene(tmp_path) as here:
        said = await here.reload('[wipe]\nenabled = false\n[upload]\nparallel = 3\nchunk = "much"\n')
        assert isinstance(said, SettingsRefused)
        assert (said.what, len(said.mistakes)) == ("file", 1)
        assert here.agent.intake.wish == Wish()
        assert "config_wrong" in here.sources.troubles.now


async def test_what_cannot_be_put_on_record_is_the_stricter_of_both(tmp_path: Path) -> None:
    async with scene(tmp_path) as here:
        spool = f'[spool]\npath = "{tmp_path}/state/spool"\nkeep_free = "0 B"\n'
        await here.reload(f'{spool}[wipe]\ngrace = "1 h"\n')
        assert here.agent.intake.wish == Wish(grace=3600.0)
        await here.agent.ledger.close()
        said = await here.reload(f'{spool}[wipe]\ngrace = "0 s"\n[ready]\nmin_battery = 5\n')
        assert isinstance(said, SettingsReloaded)
        assert said.applied == ["ready.min_battery"]
        assert here.agent.intake.wish == Wish(grace=3600.0)
        assert "wipe.grace: cannot be written into the record" in here.sources.troubles.now["config_wrong"]
        await here.reload(f"{spool}[wipe]\nenabled = false\n")
        assert here.agent.intake.wish == Wish(wipe=False, grace=3600.0)


async def test_a_reload_that_is_cut_off_is_wished_for_still(tmp_path: Path) -> None:
    """By a ledger that is opened anew in this run: the next agent begins with it, and with what was said of the one before."""
    address = tmp_path / "notify"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as told:
        told.bind(os.fspath(address))
        told.setblocking(False)
        async with scene(tmp_path, notify=Notify(os.fspath(address))) as here:
            here.reloading.applied.restart = ["ledger.path"]
            here.reloading.wishes.reload()
            running = asyncio.create_task(here.reloading.run())
            async with asyncio.timeout(30):
                word = await asyncio.get_running_loop().sock_recv(told, 4096)
            assert word.startswith(b"RELOADING=1\nMONOTONIC_USEC=")
            running.cancel()
            await asyncio.wait({running})
            assert here.reloading.wishes.reloading.is_set()
            assert "ledger.path" in here.sources.troubles.now["restart_needed"]
            assert not [event for event in here.heard if isinstance(event, SettingsReloaded)]


async def test_a_wish_in_the_middle_of_a_reload_is_another_one(tmp_path: Path) -> None:
    async with scene(tmp_path) as here:
        again = asyncio.Event()

        def meanwhile() -> None:
            here.meanwhile = again.set
            here.reloading.wishes.reload()

        here.meanwhile = meanwhile
        here.reloading.wishes.reload()
        running = asyncio.create_task(here.reloading.run())
        async with asyncio.timeout(30):
            await again.wait()
        running.cancel()
        await asyncio.wait({running})


def test_a_sighup_before_anybody_listens_is_kept() -> None:
    before = signal.getsignal(signal.SIGHUP)
    try:
        wishes = Wishes()
        wishes.keep_reloads()
        signal.raise_signal(signal.SIGHUP)
        assert wishes.reloading.is_set()
    finally:
        signal.signal(signal.SIGHUP, before)


@pytest.mark.parametrize("wish", [Wish(wipe=False), Wish(grace=2.5)])
async def test_a_start_that_does_not_empty_at_once_is_on_record(tmp_path: Path, wish: Wish) -> None:
    async with scene(tmp_path) as here:
        await here.reloading.say_at_the_start()
        assert not [event for event in here.heard if isinstance(event, WipingOff | WipingOn)]
        here.agent.intake.wishes(wish)
        await here.reloading.say_at_the_start()
        (said,) = [event for event in here.heard if isinstance(event, WipingOff | WipingOn)]
        assert said == (WipingOn(seconds=3) if wish.wipe else WipingOff())


async def test_a_start_that_empties_is_on_record_where_the_record_says_otherwise(tmp_path: Path) -> None:
    """The record's last word is what an auditor reads beside the permits that follow: it is said again where it is not so any more, and only there."""
    async with scene(tmp_path) as here:
        for wish in (Wish(wipe=False), Wish(wipe=False), Wish(grace=2.5), Wish(grace=2.5), Wish(), Wish()):
            here.agent.intake.wishes(wish)
            await here.reloading.say_at_the_start()
        said = [event for event in here.heard if isinstance(event, WipingOff | WipingOn)]
        assert said == [WipingOff(), WipingOn(seconds=3), WipingOn(seconds=0)]


async def test_a_start_that_cannot_be_put_on_record_empties_nothing_until_a_reload_did(tmp_path: Path) -> None:
    async with scene(tmp_path) as here:
        here.agent.intake.wishes(Wish(grace=2.5))
        await here.agent.ledger.close()
        await here.reloading.say_at_the_start()
        assert here.agent.intake.wish == Wish(wipe=False, grace=2.5)
        assert not here.sources.settings.wipe.enabled, "the reload sees what has changed"
        assert here.reloading.wishes.reloading.is_set()


@contextlib.contextmanager
def unwritten(here: Scene) -> Iterator[None]:
    """Its ledger can be read, and not be written: a disk that is full, for a while."""
    connection = here.agent.ledger._connection
    connection.execute("PRAGMA query_only = ON")
    try:
        yield
    finally:
        connection.execute("PRAGMA query_only = OFF")


async def test_what_could_not_be_put_on_record_is_tried_again_by_itself(tmp_path: Path) -> None:
    """One reload comes by itself, when the disk is as full as before: nobody may have to come and make another one."""
    async with scene(tmp_path) as here:
        here.reloading.again = 0.02
        here.configure(f'[spool]\npath = "{tmp_path}/state/spool"\nkeep_free = "0 B"\n[wipe]\ngrace = "2 s"\n')
        here.agent.intake.wishes(Wish(grace=2.0))
        with unwritten(here):
            await here.reloading.say_at_the_start()
            running = asyncio.create_task(here.reloading.run())
            await until(lambda: "config_wrong" in here.sources.troubles.now)
            assert "tried again by itself" in here.sources.troubles.now["config_wrong"]
            assert here.agent.intake.wish == Wish(wipe=False, grace=2.0)
        await until(lambda: here.agent.intake.wish == Wish(grace=2.0))
        assert "config_wrong" not in here.sources.troubles.now
        assert here.sources.settings.wipe.enabled
        assert [event for event in here.heard if isinstance(event, WipingOff | WipingOn)] == [WipingOn(seconds=2)]
        assert len([event for event in here.heard if isinstance(event, SettingsReloaded)]) == 1, "the file is not read again"  # fmt: skip
        running.cancel()
        await asyncio.wait({running})


async def test_an_agent_that_is_opened_anew_knows_what_was_wanted(tmp_path: Path) -> None:
    """In the same run, with the settings as they were followed: nothing was emptied, and that is not what the site wants."""
    async with scene(tmp_path) as here:
        with unwritten(here):
            here.agent.intake.wishes(Wish(grace=2.0))
            await here.reloading.say_at_the_start()
        await here.reloading.say_at_the_start()
        assert here.agent.intake.wish == Wish(grace=2.0)
        assert [event for event in here.heard if isinstance(event, WipingOff | WipingOn)] == [WipingOn(seconds=2)]


async def test_a_file_that_wants_something_else_by_now_goes_before_what_is_owed(tmp_path: Path) -> None:
    async with scene(tmp_path) as here:
        here.agent.intake.wishes(Wish(grace=2.0))
        with unwritten(here):
            await here.reloading.say_at_the_start()
        await here.reload(
            f'[spool]\npath = "{tmp_path}/state/spool"\nkeep_free = "0 B"\n[wipe]\nenabled = false\ngrace = "2 s"\n'
        )
        await here.reloading._pay()
        assert here.agent.intake.wish == Wish(wipe=False, grace=2.0)
        assert [event for event in here.heard if isinstance(event, WipingOff | WipingOn)] == [WipingOff()]


async def until(so: Callable[[], bool]) -> None:
    async with asyncio.timeout(30):
        while not so():  # noqa: ASYNC110 - a clock makes it so, and nobody says so
            await asyncio.sleep(0.005)


STARTS, DOWN = True, False
NAMES = "camera,assigned_to\nC3441,PC 1204\n"
WRONG: dict[str, tuple[str, Mapping[str, str], bool, str]] = {
    # what of it is wrong: what stands in the configuration, the files that it names, whether dockd starts with it, what a reload calls it
    "a key": ('[wipe]\ngrace = "soon"\n', {}, DOWN, "file"),
    "a bay twice": ('[[bays]]\nnumber = 1\nusb_path = "pci-0000:00:14.0-usb-0:1.1"\n' * 2, {}, DOWN, "file"),
    "a file that is not there": ('[store]\nurl = "http://127.0.0.1:9"\ntoken_file = "HERE/none"\n', {}, DOWN, "file"),
    "a page for everybody": ('[page]\nlisten = "0.0.0.0:0"\nplain_http = true\n', {}, DOWN, "page"),
    "a page's certificate": ('[page]\ntls_cert_file = "HERE/page.pem"\ntls_key_file = "HERE/page.key"\n', {"page.pem": "x", "page.key": "x"}, DOWN, "certificate"),
    "an authority": ('[store]\nurl = "https://127.0.0.1:9"\nca_file = "HERE/ca.pem"\n', {"ca.pem": "x"}, DOWN, "credentials"),
    "a client certificate": ('[store]\nurl = "https://127.0.0.1:9"\nclient_cert_file = "HERE/c.pem"\nclient_key_file = "HERE/c.pem"\n', {"c.pem": "x"}, DOWN, "credentials"),
    "a provider's authority": ('[oidc]\nissuer = "https://127.0.0.1:9"\nclient_id = "d"\nroles = { "s" = "ops" }\nca_file = "HERE/ca.pem"\n', {"ca.pem": "x"}, STARTS, "credentials"),
    "a provider's authority that is not there": ('[oidc]\nissuer = "https://127.0.0.1:9"\nclient_id = "d"\nroles = { "s" = "ops" }\nca_file = "HERE/none"\n', {}, STARTS, "credentials"),
    "a provider's authority that is empty": ('[oidc]\nissuer = "https://127.0.0.1:9"\nclient_id = "d"\nroles = { "s" = "ops" }\nca_file = "HERE/empty"\n', {"empty": ""}, STARTS, "credentials"),
    "a provider's secret that is not there": ('[oidc]\nissuer = "https://127.0.0.1:9"\nclient_id = "d"\nroles = { "s" = "ops" }\nclient_secret_file = "HERE/none"\n', {}, STARTS, "credentials"),
    "a provider's secret that is a folder": ('[oidc]\nissuer = "https://127.0.0.1:9"\nclient_id = "d"\nroles = { "s" = "ops" }\nclient_secret_file = "HERE/docks"\n', {}, STARTS, "credentials"),
    "a provider's secret that is a FIFO": ('[oidc]\nissuer = "https://127.0.0.1:9"\nclient_id = "d"\nroles = { "s" = "ops" }\nclient_secret_file = "HERE/fifo"\n', {}, STARTS, "credentials"),
    "a provider's secret for everybody": ('[oidc]\nissuer = "https://127.0.0.1:9"\nclient_id = "d"\nroles = { "s" = "ops" }\nclient_secret_file = "HERE/docks/open"\n', {}, DOWN, "file"),
    "a token": ('[store]\nurl = "http://127.0.0.1:9"\ntoken_file = "HERE/token"\n', {"token": "it is in the safe"}, STARTS, "credentials"),
    "a pin": ('[store]\nurl = "http://127.0.0.1:9"\npin = "abc"\n', {}, STARTS, "file"),
    "a pin that is a character short": (f'[store]\nurl = "http://127.0.0.1:9"\npin = "{"x" * 42}"\n', {}, STARTS, "file"),
    "a bay by the kernel's number": ('[[bays]]\nnumber = 1\nusb_path = "pci-0000:00:14.0-usb-0:1.1-3:1.0"\n', {}, STARTS, "file"),
    "a list that is not there": ('[registry]\nfile = "HERE/none.csv"\n', {}, STARTS, "list"),
    "a list that was cut to nothing": ('[registry]\nfile = "HERE/cameras.csv"\n', {"cameras.csv": ""}, STARTS, "list"),
    "a folder for a list": ('[registry]\nfile = "HERE/docks"\n', {}, STARTS, "list"),
    "a FIFO for a list": ('[registry]\nfile = "HERE/fifo"\n', {}, STARTS, "list"),
    "a list that leads in a circle": ('[registry]\nfile = "HERE/circle"\n', {}, STARTS, "list"),
    "a list whose name is too long": (f'[registry]\nfile = "HERE/{"n" * 300}"\n', {}, STARTS, "list"),
    "a camera twice": ('[registry]\nfile = "HERE/cameras.csv"\n', {"cameras.csv": NAMES + "C3441,PC 7\n"}, STARTS, "list"),
    "a row for nobody": ('[registry]\nfile = "HERE/cameras.csv"\n', {"cameras.csv": NAMES + ",PC 7\n"}, STARTS, "list"),
    "a comma too many": ('[registry]\nfile = "HERE/cameras.csv"\n', {"cameras.csv": NAMES + "C1,Fry, Philip\n"}, STARTS, "list"),
    "a factory's serial": ('[registry]\nfile = "HERE/cameras.csv"\n', {"cameras.csv": NAMES + "000000,PC 7\n"}, STARTS, "list"),
    "an open quote": ('[registry]\nfile = "HERE/cameras.csv"\n', {"cameras.csv": NAMES + '"C1,PC 7\n'}, STARTS, "list"),
    "no header": ('[registry]\nfile = "HERE/cameras.csv"\n', {"cameras.csv": "C3441,PC 1204\n"}, STARTS, "list"),
    "no UTF-8": ('[registry]\nfile = "HERE/cameras.csv"\n', {"cameras.csv": NAMES + "C1,\udce9\n"}, STARTS, "list"),
}  # fmt: skip


async def test_check_config_a_reload_and_a_start_judge_alike(tmp_path: Path) -> None:
    async with scene(tmp_path) as here:
        os.mkfifo(tmp_path / "fifo")
        (tmp_path / "circle").symlink_to("circle")
        (tmp_path / "docks" / "open").write_text("hunter2")
        (tmp_path / "docks" / "open").chmod(0o644)
        for what, (text, files, starts, called) in WRONG.items():
            for name, content in files.items():
                (tmp_path / name).write_bytes(content.encode("utf-8", "surrogateescape"))
                (tmp_path / name).chmod(0o600)
            more = (
                text.replace("HERE", str(tmp_path)) + f'[spool]\npath = "{tmp_path}/state/spool"\nkeep_free = "0 B"\n'
            )
            here.configure(more, store="[store]" not in text)
            named = mistakes_of(here.config)
            assert named, what
            assert (what, could_start(here.config)) == (what, starts)
            heard = len(here.heard)
            await here.reloading._one()
            (refused,) = [event for event in here.heard[heard:] if isinstance(event, SettingsRefused)]
            assert (what, refused.what) == (what, called)
            told = {one.partition(": ")[2] for one in refused.mistakes}
            assert (called in ("page", "certificate")) or told == {one.partition(": ")[2] for one in named}, what
            if starts:
                here.reloading.applied = Applied(settings=load(here.config, environ={}))
                here.sources.settings = here.reloading.applied.settings
                await here.reloading.judge_the_start()
                assert sorted(here.reloading.applied.wrong) == sorted(named), what
                assert here.reloading.view.registry.assigned == {}
                here.reloading._say_problems()
                assert ("config_wrong" in here.sources.troubles.now) is (called != "list"), (
                    "one problem for one mistake"
                )
        here.reloading.applied = Applied(settings=here.sources.settings)
        here.sources.settings = replace(here.sources.settings, registry=RegistrySettings())


def could_start(config: Path) -> bool:
    """Whether `dockd run` comes so far as to serve."""
    try:
        settings = load(config, environ={})
        refuse_an_open_page(settings)
        certificate(settings)
        client_tls(settings.store)
    except (SettingsError, Misconfigured, CertificateUnusable):
        return False
    return True


async def test_a_list_that_is_wrong_leaves_everybody_as_they_were(tmp_path: Path) -> None:
    listed = tmp_path / "cameras.csv"
    listed.write_text(NAMES)
    async with scene(tmp_path) as here:
        more = f'[spool]\npath = "{tmp_path}/state/spool"\nkeep_free = "0 B"\n[registry]\nfile = "{listed}"\n'
        assert isinstance(await here.reload(more), SettingsReloaded)
        listed.write_text(NAMES + "C3441,PC 7\n")
        await here.reload(more)
        assert here.reloading.view.registry.assigned == {"C3441": "PC 1204"}
        assert here.reloading.view.registry.trouble == "", "the list of before holds: nobody is without it"
        wrong = f'{listed}:3: "C3441" is already in line 2, expected each camera once'
        assert here.reloading.applied.wrong == [wrong]
        assert wrong in here.sources.troubles.now["config_wrong"]
        for spoil in (lambda: listed.write_text(""), listed.unlink, lambda: os.mkfifo(listed)):
            spoil()
            await here.reload(more)
            assert here.reloading.view.registry.assigned == {"C3441": "PC 1204"}
            (wrong,) = here.reloading.applied.wrong
            assert wrong.startswith(f"{listed}: ")
            assert wrong in here.sources.troubles.now["config_wrong"]
        listed.unlink()
        listed.write_text(NAMES)
        await here.reload(more)
        assert "config_wrong" not in here.sources.troubles.now
