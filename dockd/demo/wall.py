"""What the page says, read over HTTP like any other program reads it: the story believes nothing else of what dockd says of itself."""

from __future__ import annotations

import asyncio
import contextlib
import http.client
import json
from typing import Any
from urllib.parse import urlsplit

_EVERY = 0.2
_WAIT = 10.0


class Wall:
    """Reads the API five times a second while `run()` runs; `looked` is set after each look. `problem`: why there was none, last."""

    def __init__(self, url: str) -> None:
        where = urlsplit(url)
        self._line = http.client.HTTPConnection(where.hostname or "127.0.0.1", where.port, timeout=_WAIT)
        self._bays: dict[int, dict[str, Any]] = {}
        self._store = "unknown"
        self.looked = asyncio.Event()
        self.problem = ""

    async def run(self) -> None:
        """Until cancelled."""
        try:
            while True:
                try:
                    bays, status = await asyncio.to_thread(self._look)
                except (OSError, ValueError, http.client.HTTPException) as error:
                    self.problem = f"the page does not answer: {error!r}"
                else:
                    self._bays = {int(bay["number"]): bay for bay in bays["bays"]}
                    self._store, self.problem = str(status["store"]["state"]), ""
                self.looked.set()
                await asyncio.sleep(_EVERY)
        finally:
            self._line.close()

    def _look(self) -> tuple[dict[str, Any], dict[str, Any]]:
        return self._get("/api/v1/bays?limit=1000"), self._get("/api/v1/status")

    def _get(self, path: str) -> dict[str, Any]:
        try:
            self._line.request("GET", path)
            answer = self._line.getresponse()
            content = answer.read()
        except BaseException:
            with contextlib.suppress(OSError):
                self._line.close()
            raise
        if answer.status != 200:
            raise ValueError(f"{answer.status} to {path}")
        document: dict[str, Any] = json.loads(content)
        return document

    @property
    def store(self) -> str:
        """The store's state."""
        return self._store

    def state(self, bay: int) -> str:
        """The bay's state; empty before the first look."""
        return str(self._bays.get(bay, {}).get("state", ""))

    def why(self, bay: int) -> str:
        """What the page says of it in plain words."""
        return str(self._bays.get(bay, {}).get("why", ""))

    def is_ready(self, camera: str, bay: int) -> bool:
        """Whether the page says that this camera, in this bay, is ready."""
        who = self._bays.get(bay, {}).get("camera") or {}
        return who.get("id") == camera and self.state(bay) == "ready"
