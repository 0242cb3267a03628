"""A bay's tile as it is rendered: what people call the camera comes first, and the id is on the bay's own page."""

from __future__ import annotations

import re
from typing import Any

import jinja2
import pytest

from dockd.access import Who
from dockd.page.documents import bay_document, camera_part
from dockd.page.rendering import templates
from dockd.page.state import Facts, derive
from ingest.model import Balance, CameraId

# What every page has (Rendering.frame).
FRAME: dict[str, Any] = {
    "said": {"station": "S", "rack": "1", "time": "2026-03-01T06:00:00Z", "needs_action": 0}, "headline": "1 ready", "typed": None, "icon": "icon-ready.svg", "language": "en",
    "languages": {"en": "English", "cy": "Cymraeg"}, "rights": {"read": True, "change": False, "operate": False}, "ways": [("/", "Now")], "here": "/bays/4",
    "me": Who(name="", role="viewer", how="nobody"), "csrf": "", "in_clear": False, "still": False, "since": "", "idle_seconds": None,
}  # fmt: skip

EMPTY: dict[str, Any] = {
    "segments": [], "start": 0, "more": "", "history": [], "mistakes": {}, "done": "", "until": "", "neighbours": (None, None), "reason": "",
    "camera_address": "/cameras/x", "out_by": "", "last": None, "wrong": [], "longest": 300,
}  # fmt: skip


@pytest.fixture(scope="module")
def rendered() -> jinja2.Environment:
    return templates()


def bay(camera: CameraId, *, officer: str | None = None) -> dict[str, Any]:
    return bay_document(
        number=4, said=derive(Facts(camera=camera.id)), since=0.0, camera=camera_part(camera, assigned_to=officer), balance=Balance(),
        battery=None, clock_offset=None,
    )  # fmt: skip


def tile(environment: jinja2.Environment, document: dict[str, Any]) -> str:
    return str(environment.get_template("tile.html").module.tile(document))  # type: ignore[attr-defined]


def test_the_serial_leads_and_the_profile_is_small(rendered: jinja2.Environment) -> None:
    text = tile(rendered, bay(CameraId(profile="dcim", serial="C0009", card="899D-8A04"), officer="PC Jones"))
    assert re.search(r'<span class="camera">C0009</span> <small>dcim</small>', text)
    assert "dcim:C0009" not in text
    assert "PC Jones" in text


def test_a_camera_without_a_serial_has_its_id(rendered: jinja2.Environment) -> None:
    camera = CameraId(profile="dcim", serial="", card="899D-8A04")
    assert f'<span class="camera">{camera.id}</span>' in tile(rendered, bay(camera))


def test_the_id_is_on_the_bays_page(rendered: jinja2.Environment) -> None:
    document = bay(CameraId(profile="dcim", serial="C0009", card="899D-8A04"))
    text = rendered.get_template("bay.html").render(**FRAME, bay=document, **EMPTY)
    assert "dcim:C0009~899D-8A04" in text
    empty = bay_document(
        number=4, said=derive(Facts(docked=False)), since=0.0, camera=None, balance=Balance(), battery=None, clock_offset=None
    )  # fmt: skip
    assert "Camera id" not in rendered.get_template("bay.html").render(**FRAME, bay=empty, **EMPTY)
