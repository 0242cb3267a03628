"""The agent's end, against a far end that does whatever it likes."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from dockd.mounting.base import HelperGone, MountRefused
from dockd.mounting.client import MountHelper
from dockd.mounting.wire import Inbox, Message, encode
from ingest.errors import CameraGone, Unreadable

GREETING: Message = {"id": 0, "ok": {"protocol": 1}}
MOUNTED = Path("/run/dockd/mnt/bay-3")


@pytest.fixture
def path() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="dockd-") as folder:
        yield Path(folder) / "mount.sock"


class FarEnd:
    """Answers with what `answers` says for a request; None leaves it open."""

    def __init__(self, answers: Callable[[Message], Message | bytes | None], greeting: Message) -> None:
        self._greeting = greeting
        self.asked: asyncio.Queue[Message] = asyncio.Queue()
        self._answers = answers
        self._writers: list[asyncio.StreamWriter] = []

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.append(writer)
        writer.write(encode(self._greeting))
        inbox = Inbox()
        while data := await reader.read(4096):
            for message in inbox.feed(data):
                self.asked.put_nowait(message)
                answer = self._answers(message)
                if answer is not None:
                    writer.write(answer if isinstance(answer, bytes) else encode({"id": message["id"], **answer}))
        writer.close()

    def say(self, message: Message) -> None:
        self._writers[-1].write(encode(message))

    def hang_up(self) -> None:
        for writer in self._writers:
            writer.close()


@asynccontextmanager
async def far_end(
    path: Path, answers: Callable[[Message], Message | bytes | None], *, greeting: Message = GREETING
) -> AsyncIterator[tuple[FarEnd, MountHelper, asyncio.Event]]:
    end = FarEnd(answers, greeting)
    gone = asyncio.Event()
    client = MountHelper(path, timeout=5, on_gone=gone.set)
    server = await asyncio.start_unix_server(end.serve, path)
    async with server:
        yield end, client, gone
        await client.close()
        end.hang_up()


def mount(client: MountHelper) -> Awaitable[Path]:
    return client.mount("/dev/sdb1", diskseq=7, filesystem="vfat", folder="bay-3")


async def test_nobody_there(path: Path) -> None:
    with pytest.raises(HelperGone, match=r"dockd-mount\.service"):
        await MountHelper(path).fresh(MOUNTED)


async def test_what_is_asked_and_answered(path: Path) -> None:
    async with far_end(path, lambda _: {"ok": {"mount": str(MOUNTED)}}) as (end, client, gone):
        assert await mount(client) == MOUNTED
        await client.writable(MOUNTED)
        asked = [end.asked.get_nowait(), end.asked.get_nowait()]
        assert asked == [
            {"id": 1, "op": "mount", "device": "/dev/sdb1", "diskseq": 7, "filesystem": "vfat", "folder": "bay-3"},
            {"id": 2, "op": "writable", "mount": str(MOUNTED)},
        ]
        await client.close()
        assert not gone.is_set()


@pytest.mark.parametrize("kind", [MountRefused, CameraGone, Unreadable])
async def test_errors_are_what_they_are_called(path: Path, kind: type[Exception]) -> None:
    async with far_end(path, lambda _: {"error": kind.__name__, "message": "in plain words"}) as (_, client, _gone):
        with pytest.raises(kind, match="in plain words"):
            await client.fresh(MOUNTED)


async def test_an_error_that_nobody_knows_is_a_refusal(path: Path) -> None:
    async with far_end(path, lambda _: {"error": "SystemExit", "message": "bye"}) as (_, client, _gone):
        with pytest.raises(MountRefused, match="bye"):
            await client.fresh(MOUNTED)


async def test_answers_come_in_any_order(path: Path) -> None:
    async with far_end(path, lambda _: None) as (end, client, _):
        tasks = [asyncio.create_task(client.fresh(MOUNTED / str(number))) for number in range(3)]
        asked = [await end.asked.get() for _ in tasks]
        end.say({"id": asked[2]["id"], "ok": {}})
        await tasks[2]
        end.say({"id": asked[0]["id"], "error": "CameraGone", "message": "out"})
        with pytest.raises(CameraGone):
            await tasks[0]
        assert not tasks[1].done()
        end.say({"id": asked[1]["id"], "ok": {}})
        await tasks[1]


@pytest.mark.parametrize("noise", [b"\xff\xff\xff\xff", b"\0\0\0\2[]", b""], ids=["oversized", "no-object", "end"])
async def test_a_connection_that_breaks_fails_what_is_under_way_and_is_made_anew(path: Path, noise: bytes) -> None:
    broken = False

    def answers(_: Message) -> Message | bytes | None:
        return None if not broken else {"ok": {}}

    async with far_end(path, answers) as (end, client, gone):
        tasks = [asyncio.create_task(client.fresh(MOUNTED)) for _ in range(2)]
        for _ in tasks:
            await end.asked.get()
        end._writers[-1].write(noise)
        end.hang_up()
        for task in tasks:
            with pytest.raises(HelperGone):
                await task
        await asyncio.wait_for(gone.wait(), 15)
        broken = True
        await client.fresh(MOUNTED)


async def test_that_the_helper_is_back_is_told_when_it_is_reached_again(path: Path) -> None:
    back: list[int] = []
    early = MountHelper(path)
    early.on_back = lambda: back.append(1)
    with pytest.raises(HelperGone):
        await early.fresh(MOUNTED)
    async with far_end(path, lambda _: {"ok": {}}) as (end, _, _gone):
        await early.fresh(MOUNTED)
        await early.fresh(MOUNTED)
        assert back == [1]
        gone = asyncio.Event()
        early.on_gone = gone.set
        end.hang_up()
        await asyncio.wait_for(gone.wait(), 15)
        assert back == [1]
        await early.fresh(MOUNTED)
        assert back == [1, 1]
        await early.close()


async def test_a_helper_that_was_never_away_is_not_back(path: Path) -> None:
    async with far_end(path, lambda _: {"ok": {}}) as (_, client, _gone):
        back: list[int] = []
        client.on_back = lambda: back.append(1)
        await client.fresh(MOUNTED)
        assert not back


@pytest.mark.parametrize(
    ("greeting", "why"),
    [
        ({"id": 0, "error": "MountRefused", "message": "the user 5 may not speak"}, "the user 5 may not speak"),
        ({"id": 0, "ok": {"protocol": 2}}, "one version"),
    ],
)
async def test_a_helper_that_greets_otherwise_is_asked_nothing(path: Path, greeting: Message, why: str) -> None:
    async with far_end(path, lambda _: {"ok": {}}, greeting=greeting) as (end, client, gone):
        with pytest.raises(HelperGone, match=why):
            await client.fresh(MOUNTED)
        assert end.asked.empty()
        assert not gone.is_set(), "nothing was mounted over it"


async def test_a_helper_that_does_not_answer(path: Path) -> None:
    async with far_end(path, lambda _: None) as (end, _, _gone):
        hasty = MountHelper(path, timeout=0.05)
        with pytest.raises(CameraGone, match="does not answer"):
            await mount(hasty)
        # The answer comes after all: nobody knows of that mount.
        asked = await end.asked.get()
        end.say({"id": asked["id"], "ok": {"mount": str(MOUNTED)}})
        assert (await end.asked.get())["op"] == "unmount"
        await hasty.close()


async def test_a_mount_that_nobody_waits_for_any_more_is_unmounted(path: Path) -> None:
    async with far_end(path, lambda _: None) as (end, client, _):
        task = asyncio.ensure_future(mount(client))
        asked = await end.asked.get()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        end.say({"id": asked["id"], "ok": {"mount": str(MOUNTED)}})
        undone = await end.asked.get()
        assert (undone["op"], undone["mount"]) == ("unmount", str(MOUNTED))


async def test_a_mount_whose_place_is_not_told_is_no_mount(path: Path) -> None:
    async with far_end(path, lambda _: {"ok": {}}) as (_, client, _gone):
        with pytest.raises(HelperGone, match="one version"):
            await mount(client)
