"""What systemd is told of the agent: one datagram a word (sd_notify(3)), where systemd started it and wants to know.

Rules kept here: nothing waits for systemd and nothing fails by it; no library for what is one `send`; words for people are one line.
"""

from __future__ import annotations

import contextlib
import os
import socket
import time
from collections.abc import Mapping

_LONGEST = 300  # characters that `systemctl status` shows of a status


class Notify:
    """Words to the socket at `address` (a path, or @ and an abstract name); None: nobody wants to know.

    `watchdog`: seconds within which a word that it gets on is expected; None where none is.
    """

    def __init__(self, address: str | None, *, watchdog: float | None = None) -> None:
        self._address = None if not address else address.replace("@", "\0", 1) if address[0] == "@" else address
        self.watchdog = watchdog

    @classmethod
    def of(cls, environ: Mapping[str, str]) -> Notify:
        """As systemd says it: NOTIFY_SOCKET, WATCHDOG_USEC, and WATCHDOG_PID, which may name another process."""
        watchdog = None
        with contextlib.suppress(ValueError):
            if int(environ.get("WATCHDOG_PID", os.getpid())) == os.getpid():
                watchdog = int(environ.get("WATCHDOG_USEC", "0")) / 1e6 or None
        return cls(environ.get("NOTIFY_SOCKET"), watchdog=watchdog)

    def ready(self, status: str) -> None:
        """The agent serves, or does so again after a reload."""
        self._say("READY=1", _status(status))

    def status(self, text: str) -> None:
        """How things are, for `systemctl status`."""
        self._say(_status(text))

    def reloading(self) -> None:
        """The configuration is being read again; `ready` ends that. systemd from 253 on wants to know when it began."""
        now = time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000
        self._say("RELOADING=1", f"MONOTONIC_USEC={now}", _status("The configuration is read again"))

    def stopping(self) -> None:
        """It ends."""
        self._say("STOPPING=1", _status("It ends; what is under way is gone on with at the next start"))

    def extend(self, seconds: float) -> None:
        """It starts still, and gets on with it: so much more time, please. Counts as a word for the watchdog, too."""
        self._say(f"EXTEND_TIMEOUT_USEC={int(seconds * 1e6)}", "WATCHDOG=1")

    def alive(self) -> None:
        """It gets on."""
        self._say("WATCHDOG=1")

    def _say(self, *words: str) -> None:
        if self._address is None:
            return
        with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as to:
            to.setblocking(False)
            to.sendto("\n".join(words).encode(), self._address)


def _status(text: str) -> str:
    return "STATUS=" + " ".join(text.split())[:_LONGEST]
