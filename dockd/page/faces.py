"""How the pages that change bay by bay are drawn for their script: by the very templates that drew them first, without what is the reader's own.

Rules kept here: of what the wall is told, a bay's part is made of the wall's own cell, and what stands above of the headline alone: no names, no
cameras, no footage, no problem's text.
"""

from __future__ import annotations

from dockd.page.channels import Face
from dockd.page.documents import Document
from dockd.page.language import Language
from dockd.page.pages.front import what_is_so
from dockd.page.pages.wall import cell
from dockd.page.rendering import Rendering, icon_of
from dockd.page.snapshot import Snapshot
from dockd.page.view import View
from dockd.page.words import headline_of


def faces(view: View, rendering: Rendering) -> dict[str, Face]:
    """By name: front, wall."""

    def draw(language: Language, template: str, **context: object) -> str:
        return rendering.draw(language, template, **context).decode()

    def front_tile(language: Language, bay: Document) -> str:
        return draw(language, "live_tile.html", bay=bay)

    def front_head(language: Language, snapshot: Snapshot) -> Document:
        status = view.status_now(snapshot)
        above = {**_above(status), **what_is_so(snapshot, status), "bays": ()}
        return {"html": draw(language, "parts.html", **above)}

    def wall_tile(language: Language, bay: Document) -> str:
        return draw(language, "wall_tile.html", cell=cell(bay))

    def wall_head(language: Language, snapshot: Snapshot) -> Document:
        return {"html": draw(language, "wall_head.html", **_above(view.status_now(snapshot)))}

    return {
        "front": Face(tile=front_tile, head=front_head, label=lambda bay: bay["word"]),
        "wall": Face(tile=wall_tile, head=wall_head, label=lambda bay: cell(bay).word),
    }


def _above(status: Document) -> Document:
    """What of the frame stands above the bays."""
    return {
        "said": status, "headline": headline_of(status), "counts": headline_of(status, whole=False), "icon": icon_of(status),
    }  # fmt: skip
