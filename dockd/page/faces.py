"""How the pages that change bay by bay are drawn for their script: by the very templates that drew them first, without what is the reader's own.

Rules kept here: the wall is told nothing that names a person, a camera or footage, whatever its template would show of it.
"""

from __future__ import annotations

from dockd.page.channels import Face
from dockd.page.documents import Document
from dockd.page.language import Language
from dockd.page.pages.front import what_is_so
from dockd.page.rendering import Rendering, icon_of
from dockd.page.snapshot import Snapshot
from dockd.page.view import View
from dockd.page.words import headline


def faces(view: View, rendering: Rendering) -> dict[str, Face]:
    """By name: front, wall."""

    def front_tile(language: Language, bay: Document) -> str:
        return rendering.draw(language, "live_tile.html", bay=bay).decode()

    def front_head(language: Language, snapshot: Snapshot) -> Document:
        status = view.status_now(snapshot)
        context = {**_above(status), **what_is_so(snapshot, status), "bays": ()}
        return {"html": rendering.draw(language, "parts.html", **context).decode()}

    return {"front": Face(tile=front_tile, head=front_head)}


def _above(status: Document) -> Document:
    """What of the frame a head needs."""
    return {
        "said": status, "headline": headline(status["ready"], status["needs_action"], status["usable"]), "icon": icon_of(status),
    }  # fmt: skip
