"""What an event is, and the registry.

One event, many readers: the ledger commits it, custody chains it, the log prints it, metrics count it, the page shows it.
None of these can disagree, because all of them read the same frozen value.

Rules: fields are str, int, bool or None and lists of str (no floats: the custody record must be canonical); `action` is
stable for ever; `text` is a plain sentence over the fields. `custody=False` marks what says nothing of footage and is only
logged and counted.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any, ClassVar, Literal

from ingest.model import whole_text

Level = Literal["debug", "info", "warning", "error"]
Outcome = Literal["success", "failure", "unknown"]
Value = str | int | bool | list[str] | None

REGISTRY: dict[str, type[Event]] = {}


@dataclass(frozen=True, kw_only=True)
class Event:
    """Something that happened. Subclasses say what; `camera`, `segment` and `bay` say to whom where that makes sense."""

    action: ClassVar[str]
    text: ClassVar[str]
    level: ClassVar[Level]
    outcome: ClassVar[Outcome]
    custody: ClassVar[bool]

    camera: str | None = None
    segment: str | None = None
    bay: int | None = None

    def __init_subclass__(
        cls,
        *,
        action: str,
        text: str,
        level: Level = "info",
        outcome: Outcome = "success",
        custody: bool = True,
    ) -> None:
        super().__init_subclass__()
        if action in REGISTRY:
            raise ValueError(f"two events are called {action}")
        cls.action, cls.text, cls.level, cls.outcome, cls.custody = action, text, level, outcome, custody
        REGISTRY[action] = cls

    def __post_init__(self) -> None:
        """Whatever words came in from outside, every reader can write them down: here, because no event gets past this."""
        for f in fields(self):
            value = getattr(self, f.name)
            if isinstance(value, str):
                object.__setattr__(self, f.name, whole_text(value))
            elif isinstance(value, list):
                object.__setattr__(self, f.name, [whole_text(one) for one in value])

    def data(self) -> dict[str, Value]:
        """The fields that are set, by name."""
        return {f.name: v for f in fields(self) if (v := getattr(self, f.name)) is not None}

    def severity(self) -> Level:
        """How much it matters; where that hangs on what it says, more or less than `level`."""
        return self.level

    def message(self) -> str:
        """The sentence for people."""
        values: dict[str, Any] = {f.name: getattr(self, f.name) for f in fields(self)}
        return self.text.format_map({k: "?" if v is None else v for k, v in values.items()})
