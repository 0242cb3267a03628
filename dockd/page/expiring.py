"""What is said of certificates that end, to people. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from dockd.expiry import Certificate, Unread, Which
from dockd.page.language import Moment, counted, joined, said

_NAMES: Mapping[Which, str] = {
    "client": said("The certificate by which the central store knows this dock"),
    "page": said("The certificate of these pages"),
    "store": said("The central store's own certificate"),
    "store_ca": said("The certificate of the authority that vouches for the central store"),
}


def told(found: Sequence[Certificate | Unread], *, now: float) -> dict[str, str]:
    """The problems that certificates are, by name: certificate_ends, certificate_ended."""
    near = [one for one in found if isinstance(one, Certificate) and 0 < one.stage(now) < 4]
    over = [one for one in found if isinstance(one, Unread) or one.stage(now) == 4]
    problems: dict[str, str] = {}
    if near:
        problems["certificate_ends"] = joined(*(_ends(one, now=now) for one in near))
    if over:
        problems["certificate_ended"] = joined(*(_over(one, now=now) for one in over))
    return problems


def _ends(one: Certificate, *, now: float) -> str:
    return counted(
        "{which} ends in {count} day, on {day}.", "{which} ends in {count} days, on {day}.", count=max(one.days(now), 0), which=_NAMES[one.which],
        day=Moment(one.ends, "d MMMM"),
    )  # fmt: skip


def _over(one: Certificate | Unread, *, now: float) -> str:
    if isinstance(one, Unread):
        return said("{which} cannot be read.", which=_NAMES[one.which])
    if now < one.starts:
        return said("{which} is not good yet: it, or the dock's clock, is wrong.", which=_NAMES[one.which])
    return said("{which} ended on {day}.", which=_NAMES[one.which], day=Moment(one.ends, "d MMMM"))
