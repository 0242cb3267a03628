"""What every page is made of."""

from __future__ import annotations

from dataclasses import dataclass

from dockd.access.desk import Access
from dockd.page.facts import Sources
from dockd.page.rendering import Rendering
from dockd.page.view import View


@dataclass(frozen=True, kw_only=True)
class Parts:
    """What a page may ask and use."""

    sources: Sources
    view: View
    rendering: Rendering
    access: Access
