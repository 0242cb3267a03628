"""Every address that the page answers, as its own router has them, with the right that each demands."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from dockd.access import Right
from dockd.page.faces import faces
from dockd.page.live import Live
from dockd.page.pages import Parts
from dockd.page.rendering import Rendering
from dockd.page.rights import needed
from dockd.page.server import access_of, application
from dockd.page.view import View
from ingest.ledger import Ledger
from tests.program import REPOSITORY
from tests.unit.dockd.page.test_view import sources

_HOLE = re.compile(r"\{(\w+)(?::[^{}]*(?:\{[^{}]*\}[^{}]*)*)?\}")
_ASKED = re.compile(r'(?:query\.get(?:all)?\(|query\[|(?:_text|text_of|number_of|limit_of)\(request, )"(\w+)"')


@dataclass(frozen=True, kw_only=True, order=True)
class Address:
    """One. `path` has its parameters as {name}; `said`: whether the handler itself says what it demands."""

    path: str
    method: str
    right: Right
    said: bool

    @property
    def parameters(self) -> tuple[str, ...]:
        """Their names."""
        return tuple(_HOLE.findall(self.path))

    def at(self, values: Mapping[str, str]) -> str:
        """With its parameters filled in."""
        return _HOLE.sub(lambda hole: values[hole[1]], self.path)

    @property
    def goes_on(self) -> bool:
        """Whether the answer has no end."""
        return self.path.endswith(("/events", "/live"))


async def addresses(folder: Path) -> list[Address]:
    """All of them, of a page that is made as `dockd run` makes it."""

    async def no_metrics() -> tuple[bytes, str]:
        return b"", "text/plain"

    ledger = await Ledger.open(folder / "ledger.db", keys=folder / "keys")
    try:
        told = sources(folder, ledger)
        view = View(told)
        rendering, access = Rendering(view=view), access_of(told)
        live = Live(view, faces(view, rendering))
        parts = Parts(sources=told, view=view, rendering=rendering, access=access)
        router = application(parts, live=live, metrics=no_metrics).router
        found = {
            Address(
                path=route.resource.canonical,
                method=route.method,
                right=needed(route.handler),
                said=hasattr(route.handler, "dockd_needs"),
            )
            for route in router.routes()
            if route.resource is not None and route.method != "HEAD"
        }
        await access.close()
    finally:
        await ledger.close()
    return sorted(found)


def asked_for() -> set[str]:
    """The names of all parameters that some page looks for behind the question mark."""
    return {
        name
        for file in (REPOSITORY / "dockd" / "page").rglob("*.py")
        for name in _ASKED.findall(file.read_text(encoding="utf-8"))
    }
