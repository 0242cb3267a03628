"""A configuration with mistakes in it, for commands that only read or ask: the keys that they need, where those are right themselves.

Rules kept here: nothing is guessed. A key that is wrong, or may be meant by one that is, is not read: the command ends and names it. A default stands for
nothing while any key, section or variable is unknown, wherever that stands: a header that was lost puts a key anywhere. All other mistakes are warnings on standard error. What sends, deletes or writes does not come here: it wants a whole configuration.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from pathlib import Path

import click

from dockd.cli.common_options import fail
from dockd.settings import DEFAULT_FILE, Mistake, Settings, read_text
from dockd.settings.filesystem import read_file
from dockd.settings.mistakes import printable
from dockd.settings.reading import PREFIX, Reading, read
from dockd.settings.schema import KEYS

_DOTTED = [f"{section}.{key}" for section, keys in KEYS.items() for key in keys]
_KNOWN = frozenset({"", *KEYS, *_DOTTED, *(f"{PREFIX}{one.replace('.', '__')}".upper() for one in _DOTTED)})
"""What a mistake may be about without that somebody may have meant another key by it: a known section, key or variable, or the file as a whole."""


@dataclass(frozen=True, kw_only=True)
class Readable:
    """What a configuration says as far as it can be read; `settings` hold defaults where it cannot."""

    file: Path
    reading: Reading
    mistakes: tuple[Mistake, ...]

    @property
    def settings(self) -> Settings:
        return self.reading.settings

    def in_doubt(self, *keys: str) -> list[Mistake]:
        """The mistakes for which one of these keys (`section.key`) is not to be read; empty where all are right."""
        if not self.reading.parsed:
            return list(self.mistakes)
        return [one for one in self.mistakes if any(self._concerns(one, key) for key in keys)]

    def _concerns(self, mistake: Mistake, key: str) -> bool:
        section, _, name = key.partition(".")
        variable = f"{PREFIX}{section}__{name}".upper()
        if {mistake.key, mistake.nearest} & {key, section, variable}:
            return True
        stands_in = (section, name) not in self.reading.origins
        return stands_in and mistake.key not in _KNOWN

    def warn(self) -> None:
        """Every mistake, on standard error."""
        for one in self.mistakes:
            click.echo(f"warning: {one}", err=True)

    def rely_on(self, *keys: str, instead: str) -> Settings:
        """The settings, in which these keys are right; the rest of what is wrong is told. Ends the program with 2 where they are not; `instead`: what
        somebody can do then."""
        if doubted := self.in_doubt(*keys):
            fail("\n".join([*map(str, doubted), f"without {' and '.join(keys)} this is not known: {instead}"]), code=2)
        self.warn()
        return self.settings


def readable_keys(file: Path | None = None) -> Readable:
    """Of this file, or of the agent's own. Raises nothing."""
    path = file or DEFAULT_FILE
    named = printable(str(path))
    text = read_file(path, file=named)
    if isinstance(text, Mistake):
        unread = read(None, file=named, environ=os.environ)
        return Readable(file=path, reading=_unparsed(unread), mistakes=(text, *unread.mistakes))
    reading = read_text(text, file=named, environ=os.environ, need_store=False)
    return Readable(file=path, reading=reading, mistakes=reading.mistakes)


def _unparsed(reading: Reading) -> Reading:
    return replace(reading, parsed=False)
