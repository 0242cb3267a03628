"""One address at the store is one segment's: another one's is never taken, for what goes there takes the place of what lies there.

Why: there are servers that name an upload, or its file, by what a client calls it. What another segment has, or ever had proven there, as upload,
object or in a receipt, is its own for good; the same segment may get the same address again (the embedded store's answer to the same announced twice).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ingest.errors import AddressTaken
from ingest.model import legible

Execute = Callable[..., Any]

_OTHERS = (
    "SELECT id FROM segments WHERE object = ?1 AND id <> ?2 UNION SELECT id FROM segments WHERE upload = ?1 AND id <> ?2"
    " UNION SELECT segment FROM receipts WHERE object = ?1 AND segment <> ?2 LIMIT 8"
)


def must_be_free(execute: Execute, address: str, *, segment: str | None = None) -> None:
    """Raises AddressTaken where it is another one's than `segment`'s; None: of the honesty check, which has none."""
    others = tuple(str(row[0]) for row in execute(_OTHERS, (address, segment or "")).fetchall())
    if not others:
        return
    camera, path = execute("SELECT camera, path FROM segments WHERE id = ?", (others[0],)).fetchone()
    whose = "another segment" if segment is not None else "the honesty check"
    raise AddressTaken(
        f"it gave the address of segment {others[0]} ({legible(path)} of camera {camera}) to {whose} too: what is sent there takes the place of that "
        f"footage, so nothing was. Have the store give each upload a name of its own ({address})",
        others=others,
    )
