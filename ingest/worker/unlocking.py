"""Talk a camera into becoming a disk, in a process of its own: its line may hang like any other, and must cost nobody else anything."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path

from ingest.camera.unlock import Conversation, Unlocked
from ingest.errors import Unreadable
from ingest.worker.pool import WorkerDied, WorkerPool

_LONGEST_PASSWORD = 200


async def converse_in_worker(
    pool: WorkerPool,
    spec: Conversation,
    *,
    bus: int,
    device: int,
    password_file: Path | None = None,
    timeout: float = 30.0,
) -> Unlocked:
    """Hold the conversation with the camera at this USB address; it takes no slot of a camera that is read.

    The password is read when it is about to be said. After `timeout` seconds the process is killed, and left behind. Raises CameraGone (the
    camera left, or does not answer), WorkerDied (it hangs), Unreadable (it is not let in, talks nonsense; no pyusb; no password).
    """
    async with pool.apart(b"unlock:usb:%03d,%03d" % (bus, device)) as worker:
        try:
            async with asyncio.timeout(timeout):
                if password_file is not None:
                    spec = replace(spec, password=await asyncio.to_thread(read_password, password_file))
                return await worker.unlock(spec, bus=bus, device=device)
        except TimeoutError as error:
            raise WorkerDied(
                f"the camera did not end its conversation within {timeout:.0f} s; it was left alone"
            ) from error


def read_password(file: Path) -> str:
    """The password in a file, without the end of its line. Raises Unreadable, which names the file and nothing of what is in it."""
    try:
        with file.open("rb") as opened:
            words = opened.read(_LONGEST_PASSWORD + 1)
    except OSError as error:
        raise Unreadable(f"the camera's password cannot be read: {file}: {error.strerror}") from error
    text = words.decode("ascii", "replace").removesuffix("\n").removesuffix("\r")
    if not text or len(words) > _LONGEST_PASSWORD or not text.isascii() or not text.isprintable():
        raise Unreadable(f"{file} holds no password: one line of printable ASCII characters is expected")
    return text
