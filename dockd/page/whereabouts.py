"""Where the footage is that the store does not have yet: each segment is counted in one place, and none is left out. Pure."""

from __future__ import annotations

from collections.abc import Container, Iterable
from dataclasses import dataclass

from ingest.ledger.views import Unproven


@dataclass(frozen=True, kw_only=True)
class Amount:
    """Segments and their bytes."""

    segments: int = 0
    bytes: int = 0


@dataclass(frozen=True, kw_only=True)
class Whereabouts:
    """`coming`: on the dock or on a camera in it, on its way by itself, and `uncopied` what of it is on a camera alone; `held`: here, and it waits for somebody; `away`: on cameras that are
    not here, and nowhere else, `cameras` how many of those.
    """

    coming: Amount = Amount()
    uncopied: Amount = Amount()
    held: Amount = Amount()
    away: Amount = Amount()
    cameras: int = 0


def whereabouts(unproven: Iterable[Unproven], here: Container[str]) -> Whereabouts:
    """All of `unproven`, sorted by where it is. `here`: the cameras that are in a bay."""
    found: dict[str, list[Unproven]] = {"coming": [], "held": [], "away": []}
    for one in unproven:
        place = "away" if not one.in_spool and one.camera not in here else "held" if one.held else "coming"
        found[place].append(one)
    return Whereabouts(
        coming=_amount(found["coming"]), uncopied=_amount(one for one in found["coming"] if not one.in_spool),
        held=_amount(found["held"]), away=_amount(found["away"]),
        cameras=len({one.camera for one in found["away"]}),
    )  # fmt: skip


def _amount(some: Iterable[Unproven]) -> Amount:
    all_of_it = list(some)
    return Amount(segments=sum(one.segments for one in all_of_it), bytes=sum(one.bytes for one in all_of_it))
