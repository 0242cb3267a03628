"""A line between a browser and the dock that counts what goes over it: bytes with all their headers, and requests, whoever in the browser makes them."""

from __future__ import annotations

import contextlib
import re
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

from tests.page.lines import laid

_REQUEST = re.compile(rb"(?:^|\r\n\r\n)(?:GET|POST|HEAD) (\S+) HTTP/1\.1\r\n")


@dataclass
class Counted:
    """`down` bytes to the browser; `paths` that were asked for."""

    url: str = ""
    down: int = 0
    up: int = 0
    paths: list[str] = field(default_factory=list)

    async def asked(self, data: bytes) -> None:
        """What goes to the dock."""
        self.up += len(data)
        self.paths += [path.decode("ascii", "replace") for path in _REQUEST.findall(data)]

    async def answered(self, data: bytes) -> None:
        """What comes from it."""
        self.down += len(data)


@contextlib.asynccontextmanager
async def counting(url: str) -> AsyncIterator[Counted]:
    """A line to `url`; `Counted.url` is this end of it."""
    counted = Counted()
    async with laid(url, up=counted.asked, down=counted.answered) as counted.url:
        yield counted
