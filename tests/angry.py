"""Names that would act if a page let them: what a camera, a file, an officer, a list or a sergeant may be made to say; and a dock that is full of them."""

from __future__ import annotations

import csv
import json
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from urllib.parse import quote

from tests.agent import Running
from tests.guarded import Caller, Guarded, guard
from tests.program import StoreProcess

# A folder's name has no slash in it, so the end tag is left out there; `zz` is in no page of dockd's own.
FOLDER = "zz\"'><zz-evil zz-attr=1 onmouseover=zz()><script>zz(1)<!--<img src=x onerror=zz(2)>{{ 7777 * 7 }}"
ANGRY = FOLDER.replace("<!--", "</script></title></textarea>--><svg onload=zz(3)>")
OTHER = "CAM-OF-THE-POOL"


class Seen(HTMLParser):
    """What a browser makes of a page: `wrong` is what came out of a name, `text` what can be read (also where it is a value or a title)."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.wrong: list[str] = []
        self.text = ""
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = dict(attrs)
        if tag.startswith("zz") or (tag == "script" and not (found.get("src") or "").startswith("/static/")):
            self.wrong.append(f"<{tag}>")
        for name, value in found.items():
            said = (value or "").strip().lower()
            if name.startswith(("zz", "on")) or name in ("style", "srcdoc", "formaction"):
                self.wrong.append(f"<{tag} {name}>")
            if name in ("href", "src", "action") and not said.startswith(("/", "#", "?")) and said:
                self.wrong.append(f"<{tag} {name}={value!r}>")
            self.text += f" {value} "

    def handle_comment(self, data: str) -> None:
        if "zz" in data:
            self.wrong.append(f"<!--{data}")

    def handle_data(self, data: str) -> None:
        self.text += data


@dataclass(kw_only=True)
class Angry:
    """A dock with users whose cameras, files, list, station and people all bear such names. `ops` has signed in; `pages`: every page that shows some of them."""

    dock: Guarded
    ops: Caller
    pages: list[str] = field(default_factory=list)


class AngryStation(Running):
    """Its station, too."""

    def configure(self, *, more: str | None = None) -> None:
        super().configure(more=more)
        text = self.config.read_text(encoding="utf-8")
        self.config.write_text(text.replace('"Test Street"', json.dumps(FOLDER[:64])), encoding="utf-8")


def configured(folder: Path, store: str) -> Running:
    """Not started: its list of cameras and its station's name are angry."""
    agent = AngryStation(folder=folder, store=store, more=f'[registry]\nfile = "{folder}/cameras.csv"')
    agent.configure()
    with (folder / "cameras.csv").open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows(
            [["camera", "assigned_to", "note"], [FOLDER, ANGRY, ANGRY], [OTHER, "", ANGRY], ["zz-LONG-AWAY", ANGRY, ""]]
        )
    return agent


def bear_it(agent: Running, store: StoreProcess) -> Angry:
    """Start it, dock its cameras, have people write down all that they can; then the store goes away, and a camera goes out before its time."""
    dock = guard(agent)
    files = {f"{FOLDER}/{FOLDER}.mp4": b"a" * 1000, "b.mp4": b"b" * 1000}
    agent.dock(FOLDER, files)
    agent.dock(OTHER, {f"{FOLDER}.mp4": b"c" * 1000})
    agent.start()
    ops = dock.signed_in("ops")
    bays = _ready(ops, count=2)
    number = {bay["camera"]["serial"]: bay["number"] for bay in bays}
    cameras = {bay["camera"]["serial"]: bay["camera"]["id"] for bay in bays}
    segments = json.loads(ops.ask("/api/v1/segments").text)["segments"]
    angry = next(one for one in segments if "zz" in one["path"] and one["camera"] == cameras[FOLDER])
    camera = f"/cameras/{quote(cameras[FOLDER], safe='')}"
    for path, document in (
        (f"/segments/{angry['id']}/evidential", {}),
        (f"/cameras/{quote(cameras[OTHER], safe='')}/issue", {"officer": ANGRY[:100]}),
        (f"/bays/{number[OTHER]}/out-of-use", {"reason": ANGRY}),
    ):
        answer = ops.post_json(f"/api/v1{path}", document)
        assert answer.status == 200, (path, answer.text)
    store.stop()
    late = agent.dock(f"2{FOLDER}", {f"{FOLDER}.mp4": b"d" * 1000})
    _ready(ops, count=1, state="unconfirmed")
    late.rename(agent.folder / "taken")
    _until(lambda: "removed_early" in ops.ask("/api/v1/problems").text)
    pages = [
        "/",
        "/parts",
        "/bays",
        f"/bays/{number[FOLDER]}",
        f"/bays/{number[OTHER]}",
        "/cameras",
        "/cameras?show=all",
        camera,
    ]
    pages += [f"/cameras/{quote(cameras[OTHER], safe='')}", "/footage", "/footage?what=all", f"/footage/{angry['id']}"]
    pages += [
        f"/footage/{angry['id']}/certificate",
        "/handover",
        "/activity",
        "/problems",
        "/system",
        "/help",
        "/wall",
        f"/cameras?q={quote(ANGRY)}",
    ]
    return Angry(dock=dock, ops=ops, pages=pages)


def _ready(ops: Caller, *, count: int, state: str = "ready") -> list[dict[str, Any]]:
    """The bays, once so many are in this state."""

    def found() -> list[dict[str, Any]]:
        bays = json.loads(ops.ask("/api/v1/bays").text)["bays"]
        right = [bay for bay in bays if bay["state"] == state]
        return right if len(right) == count else []

    _until(lambda: bool(found()))
    return found()


def _until(is_so: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 30
    while not is_so():
        assert time.monotonic() < deadline
        time.sleep(0.05)
