"""The demo judged from outside: what the store gives over HTTP, and what lies in the cameras' folders, against the list of what was recorded.

Rules: nothing is asked of the agent or its ledger; every byte is read back and hashed anew; equal content of two segments counts twice.
"""

from __future__ import annotations

import contextlib
import hashlib
import http.client
import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from dockd.demo.shift import Made

_BLOCK = 1 << 20
_NAMED_MOST = 5
_WAIT = 30.0


@dataclass(frozen=True, kw_only=True)
class Seen:
    """`files` and `bytes` that the store gave back as they were recorded; `faults` says of everything else what is wrong."""

    files: int
    bytes: int
    faults: tuple[str, ...]


def look(url: str, made: Sequence[Made], *, cameras: Mapping[str, Path]) -> Seen:
    """Hold the store at `url` and the camera folders (by serial) against what those cameras `made`. Blocks.

    Raises OSError where the store cannot be asked.
    """
    wanted = Counter((one.camera, Path(one.path).name, one.size, one.sha256) for one in made if one.camera in cameras)
    given: Counter[tuple[str, str, int, str]] = Counter()
    with contextlib.closing(_connect(url)) as line:
        for said in _listing(line):
            if said["camera"] not in cameras:
                continue
            size, digest = _read_back(line, str(said["id"]))
            given[str(said["camera"]), str(said["filename"]), size, digest] += 1
    faults = [f"not in the store as it was recorded: {name} of {camera}" for camera, name, _, _ in wanted - given]
    faults += [
        f"in the store, but never recorded like this: {name} of {camera}" for camera, name, _, _ in given - wanted
    ]
    for folder in cameras.values():
        faults += [f"still on the camera: {path}" for path in folder.rglob("*") if not path.is_dir()]
    true = wanted & given
    return Seen(
        files=true.total(), bytes=sum(one[2] * count for one, count in true.items()), faults=tuple(_few(faults))
    )


def _few(faults: list[str]) -> list[str]:
    more = len(faults) - _NAMED_MOST
    return faults if more <= 0 else [*faults[:_NAMED_MOST], f"and {more} faults more"]


def _connect(url: str) -> http.client.HTTPConnection:
    where = urlsplit(url)
    return http.client.HTTPConnection(where.hostname or "127.0.0.1", where.port, timeout=_WAIT)


def _listing(line: http.client.HTTPConnection) -> Iterator[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    after = ""
    while True:
        page = json.loads(_get(line, f"/api/v1/segments?after={after}&limit=1000").read())
        found += page["segments"]
        if page["next"] is None:
            return iter(found)
        after = page["next"]


def _get(line: http.client.HTTPConnection, path: str) -> http.client.HTTPResponse:
    try:
        line.request("GET", path)
        answer = line.getresponse()
    except http.client.HTTPException as error:
        raise OSError(f"the store's answer to {path} is none: {error!r}") from error
    if answer.status != 200:
        answer.read()
        raise OSError(f"the store answered {answer.status} to {path}")
    return answer


def _read_back(line: http.client.HTTPConnection, name: str) -> tuple[int, str]:
    answer = _get(line, f"/files/{name}")
    digest, size = hashlib.sha256(), 0
    while block := answer.read(_BLOCK):
        digest.update(block)
        size += len(block)
    return size, digest.hexdigest()
