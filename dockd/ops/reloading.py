"""What a reload finds changed, what of it can be applied to a running agent, and how that stands. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

from dockd.ops.happenings import listed
from dockd.settings import Settings
from ingest.leave import Wish


@dataclass(frozen=True, kw_only=True)
class Owed:
    """What the site wants of emptying cameras and the record does not say yet; `why`: as it stands among the mistakes, empty where it does not."""

    wish: Wish
    why: str = ""


@dataclass(kw_only=True)
class Applied:
    """The configuration of one run, as it is followed now: an agent that is opened anew in this run goes on with it.

    `wrong`: the mistakes that the last reload found; `restart`: keys that have changed in the file and want a restart; `owed`: what could not be put
    on record, and is tried again; `judged`: what it was started with has been looked at.
    """

    settings: Settings
    wrong: Sequence[str] = ()
    restart: Sequence[str] = ()
    owed: Owed | None = None
    judged: bool = False

    @property
    def in_a_line(self) -> str:
        """What of it somebody has to see to, for `systemctl status`; empty where all is followed.

        >>> Applied(settings=Settings(), wrong=["a", "b"], restart=["ledger.path"]).in_a_line
        'the configuration has 2 mistakes, and what is wrong is not followed; a restart is needed for ledger.path'
        """
        said = []
        if self.wrong:
            count = f"{len(self.wrong)} mistakes" if len(self.wrong) > 1 else "a mistake"
            said.append(f"the configuration has {count}, and what is wrong is not followed")
        if self.restart:
            said.append(f"a restart is needed for {listed(self.restart)}")
        return "; ".join(said)


def changes(old: Settings, new: Settings) -> list[str]:
    """The keys whose values differ, as `section.key`."""
    found: list[str] = []
    for section in fields(Settings):
        before, after = getattr(old, section.name), getattr(new, section.name)
        if isinstance(before, tuple):
            found += [section.name] if before != after else []
            continue
        found += [
            f"{section.name}.{key.name}"
            for key in fields(before)
            if getattr(before, key.name) != getattr(after, key.name)
        ]
    return found


def with_keys(old: Settings, new: Settings, keys: Sequence[str]) -> Settings:
    """`old` with these keys from `new`."""
    for key in keys:
        section, name = key.split(".")
        fresh: Any = replace(getattr(old, section), **{name: getattr(getattr(new, section), name)})
        whole: Mapping[str, Any] = {section: fresh}
        old = replace(old, **whole)
    return old
