"""What was done, one stage after the other, with the seconds that each took; told while it goes on, and as a table at the end."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field


@dataclass(frozen=True, kw_only=True)
class Stage:
    """One that ended well. `notes`: what was seen in it."""

    name: str
    seconds: float
    notes: tuple[str, ...]


@dataclass(kw_only=True)
class Stages:
    """All of them. `tell` shows a line to whoever waits."""

    tell: Callable[[str], None]
    done: list[Stage] = field(default_factory=list)
    reached: list[str] = field(default_factory=list)
    _zero: float | None = None
    _notes: list[str] = field(default_factory=list)

    @contextlib.contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """One stage; what fails in it is told with its name."""
        began = time.monotonic()
        self._notes = []
        self.tell(f"{name} …")
        try:
            yield
        except BaseException as error:
            self.tell(f"{name}: not done after {time.monotonic() - began:.0f} s ({type(error).__name__})")
            raise
        seconds = time.monotonic() - began
        self.done.append(Stage(name=name, seconds=seconds, notes=tuple(self._notes)))
        self.tell(f"{name}: {seconds:.1f} s")

    def note(self, text: str) -> None:
        """Something that was seen in the stage that goes on."""
        self._notes.append(text)
        self.tell(f"    {text}")

    def clock_starts(self) -> None:
        """From here on it counts: the operator sits down before the machine."""
        self._zero = time.monotonic()

    def milestone(self, name: str) -> None:
        """What has been reached by now, counted from `clock_starts`."""
        assert self._zero is not None
        minutes, seconds = divmod(round(time.monotonic() - self._zero), 60)
        self.reached.append(f"{name}: {minutes} min {seconds} s")
        self.tell(self.reached[-1])

    def table(self) -> list[str]:
        """A line for each stage, and what was seen in it."""
        lines = []
        for one in self.done:
            lines.append(f"{one.seconds:8.1f} s  {one.name}")
            lines += [f"            {note}" for note in one.notes]
        return [*lines, "", *self.reached]
