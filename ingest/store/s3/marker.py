"""The marker: a small object with a random id that says which store a bucket is.

Rules: it is looked at before anything is announced and before anything is claimed; one that has gone or is another stops everything
(WrongStore), for the bucket may be another one under the same address. It is made only where the caller says that a store may be founded there,
never over one that is there, and read back: whoever was first is the store.
"""

from __future__ import annotations

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
    """The marker of one bucket. `founds()`: whether one may be made."""

    def __init__(self, requests: Requests, *, founds: Callable[[], Awaitable[bool]]) -> None:
        self._requests = requests
        self._founds = founds
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
            await self._make()
            found = await self._read()
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

    async def _make(self) -> None:
        said = {
            "store": secrets.token_hex(16), "made_at": rfc3339(time.time()),
            "what": "dockd knows this bucket by this object: while it is missing or changed, nothing is stored here and nothing is deleted from cameras",
        }  # fmt: skip
        body = json.dumps(said, sort_keys=True).encode() + b"\n"
        headers = {**said_as_checksum_headers(body), "Content-Type": "application/json"}
        answer = await self._requests.ask(
            "PUT", KEY, doing=_MAKING, body=body, headers={**headers, "If-None-Match": "*"}, again=False
        )
        if answer.status == 501:  # a server that does not know the condition: there was none a moment ago
            answer = await self._requests.ask("PUT", KEY, doing=_MAKING, body=body, headers=headers, again=False)
        if answer.status not in (200, 201, 204) and not isinstance(error := meaning(answer, doing=_MAKING), Taken):
            raise error


def _is_missing(body: bytes) -> bool:
    return b"NoSuchKey" in body or not body
