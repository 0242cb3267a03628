"""The marker: a small object with a random id that says which store a bucket is.

Rules: it is looked at before anything is announced, before bytes go on, and before anything is claimed; one that has gone or is another stops everything
(WrongStore), for the bucket may be another one under the same address. It is made only where the caller says that a store may be founded there,
never over one that is there, and read back: whoever was first is the store. On a server that overwrites whatever it is asked not to, the last of those
who found it at once is: there it is read once more after a moment.
"""

from __future__ import annotations

import asyncio
import json
import re
import secrets
import time
from collections.abc import Awaitable, Callable

from ingest.clock import rfc3339
from ingest.errors import WrongStore
from ingest.store.s3.meanings import Taken, meaning
from ingest.store.s3.objects import said_as_checksum_headers
from ingest.store.s3.requests import Requests

KEY = ".dockd-store"
_LARGEST = 16 << 10
_ID = re.compile(r"[0-9a-f]{32}")
_DOING = "a look at its marker"
_MAKING = "making its marker"


class Marker:
    """The marker of one bucket. `founds()`: whether one may be made; `moment`: seconds that others who found it may take longer."""

    def __init__(self, requests: Requests, *, founds: Callable[[], Awaitable[bool]], moment: float = 2.0) -> None:
        self._requests = requests
        self._founds = founds
        self._moment = moment
        self._known: str | None = None

    async def store(self) -> str:
        """The id of the store, of which the marker says so now; made where there is none yet. Raises WrongStore, Retry."""
        found = await self._read()
        if found is None:
            if not await self._founds():
                raise WrongStore(
                    f"the bucket at {self._requests.url} has no marker ({KEY}): is this the right bucket? Nothing is sent to it and nothing is deleted. "
                    "If it is to be a new store, pin it (dockd store pin)"
                )
            found = await self._founded()
        if found is None:
            raise WrongStore(f"the bucket at {self._requests.url} does not keep its marker ({KEY})")
        self._known = found
        return f"s3:{found}"

    async def see(self) -> str:
        """The id of the store, which is still the one that was identified. Raises WrongStore, Retry."""
        if self._known is None:
            return await self.store()
        found = await self._read()
        if found != self._known:
            text = "has no marker any more" if found is None else f"is another store now ({found})"
            raise WrongStore(
                f"the bucket at {self._requests.url} {text}, where {self._known} was known: nothing is sent to it and nothing is deleted"
            )
        return f"s3:{found}"

    async def _founded(self) -> str | None:
        """The id of the one that stays."""
        kept = await self._make(secrets.token_hex(16))
        found = await self._read()
        if found is not None and not kept:  # the same once more: a server that heeds the condition does not take it
            kept = await self._make(found)
        if not kept:
            await asyncio.sleep(self._moment)
            found = await self._read()
        return found

    async def _read(self) -> str | None:
        answer = await self._requests.ask("GET", KEY, doing=_DOING, largest=_LARGEST)
        if answer.status == 404:
            error = meaning(answer, doing=_DOING)
            if isinstance(error, WrongStore) or not _is_missing(answer.body):
                raise error
            return None
        if answer.status != 200:
            raise meaning(answer, doing=_DOING)
        try:
            said = json.loads(answer.body)
            found = said.get("store") if isinstance(said, dict) else None
        except (ValueError, RecursionError):
            found = None
        if not isinstance(found, str) or _ID.fullmatch(found) is None:
            raise WrongStore(f"what lies at {KEY} in the bucket at {self._requests.url} is no marker of dockd")
        return found

    async def _make(self, name: str) -> bool:
        """Put it where there is none; whether the server was seen to keep one that was there. Raises Retry."""
        said = {
            "store": name, "made_at": rfc3339(time.time()),
            "what": "dockd knows this bucket by this object: while it is missing or changed, nothing is stored here and nothing is deleted from cameras",
        }  # fmt: skip
        body = json.dumps(said, sort_keys=True).encode() + b"\n"
        headers = {**said_as_checksum_headers(body), "Content-Type": "application/json"}
        answer = await self._requests.ask(
            "PUT", KEY, doing=_MAKING, body=body, headers={**headers, "If-None-Match": "*"}, again=False
        )
        if answer.status == 501:  # a server that does not know the condition: there was none a moment ago
            answer = await self._requests.ask("PUT", KEY, doing=_MAKING, body=body, headers=headers, again=False)
        if answer.status in (200, 201, 204):
            return False
        error = meaning(answer, doing=_MAKING)
        if not isinstance(error, Taken):
            raise error
        return True


def _is_missing(body: bytes) -> bool:
    return b"NoSuchKey" in body or not body
