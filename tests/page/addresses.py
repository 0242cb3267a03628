"""Every page that there is, on the staged rack: each address once, a bay in each kind of state, a segment and a camera with much to say."""

from __future__ import annotations

import json
import urllib.request
from collections.abc import Mapping
from typing import Any

PAGES = (
    "/", "/wall", "/bays", "/problems", "/footage", "/cameras", "/handover", "/activity", "/system", "/help", "/login",
)  # fmt: skip
OF_BAY = (
    "ready",
    "copying",
    "unconfirmed",
    "usable",
    "removed_early",
    "integrity_failed",
    "store_refused",
    "not_ours",
    "charging",
    "unknown",
    "empty",
)
NAMES = (*PAGES, *(f"/bays/{state}" for state in OF_BAY), "/footage/held", "/footage/stored", "/cameras/one")


def told(url: str, path: str) -> Any:
    """A document of the API."""
    with urllib.request.urlopen(f"{url}/api/v1{path}", timeout=10) as answer:
        return json.load(answer)


def addresses(url: str) -> Mapping[str, str]:
    """The address of each of NAMES."""
    bays = told(url, "/bays")["bays"]
    of_state = {bay["state"]: bay for bay in reversed(bays)}
    segments = told(url, "/segments?limit=1000")["segments"]
    held = next(one for one in segments if one["held"])
    stored = next(one for one in segments if one["receipt"] and not one["held"])
    found = {name: name for name in PAGES}
    found |= {f"/bays/{state}": f"/bays/{of_state[state]['number']}" for state in OF_BAY}
    return found | {
        "/footage/held": f"/footage/{held['id']}", "/footage/stored": f"/footage/{stored['id']}", "/cameras/one": f"/cameras/{held['camera']}",
    }  # fmt: skip
