"""What an event is, and the registry.

One event, many readers: the ledger commits it, custody chains it, the log prints it, metrics count it, the page shows it.
None of these can disagree, because all of them read the same frozen value.

Rules: fields are str, int, bool or None and lists of str (no floats: the custody record must be canonical); `action` is
stable for ever; `text` is a plain sentence over the fields. `custody=False` marks what says nothing of footage and is only
logged and counted.

Every command reads the registry when it starts, so `@event` writes no methods for each of the hundred kinds, as a frozen dataclass would have:
that was a tenth of the start of a short command. All of them share those of `Event`.
"""

from __future__ import annotations

from dataclasses import MISSING, Field, FrozenInstanceError, dataclass, fields
from typing import Any, ClassVar, Literal, NoReturn, TypeVar, dataclass_transform

from ingest.model import whole_text

Level = Literal["debug", "info", "warning", "error"]
Outcome = Literal["success", "failure", "unknown"]
Value = str | int | bool | list[str] | None

REGISTRY: dict[str, type[Event]] = {}

E = TypeVar("E", bound="Event")


@dataclass_transform(frozen_default=True, kw_only_default=True)
def event(kind: type[E]) -> type[E]:
    """What `@dataclass(frozen=True, kw_only=True)` means, by the methods that `kind` has of `Event`."""
    made = dataclass(kw_only=True, init=False, repr=False, eq=False, match_args=False)(kind)
    made.fields = {field.name: field.default for field in fields(made)}
    return made


@event
class Event:
    """Something that happened. Subclasses say what; `camera`, `segment` and `bay` say to whom where that makes sense."""

    action: ClassVar[str]
    text: ClassVar[str]
    level: ClassVar[Level]
    outcome: ClassVar[Outcome]
    custody: ClassVar[bool]
    fields: ClassVar[dict[str, Any]]
    __dataclass_fields__: ClassVar[dict[str, Field[Any]]]

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

    def __init__(self, **given: Any) -> None:
        """Whatever words came in from outside, every reader can write them down: here, because no event gets past this.

        Raises TypeError when a field is missing, or unknown.
        """
        held = self.__dict__
        for name, default in self.fields.items():
            value = given.pop(name, default)
            if value is MISSING:
                raise TypeError(f"{type(self).__name__} without {name}")
            if isinstance(value, str):
                value = whole_text(value)
            elif isinstance(value, list):
                value = [whole_text(one) for one in value]
            held[name] = value
        if given:
            raise TypeError(f"{type(self).__name__} has no {', '.join(given)}")

    def __setattr__(self, name: str, value: object) -> NoReturn:
        raise FrozenInstanceError(f"cannot assign to field {name!r}")

    def __delattr__(self, name: str) -> NoReturn:
        raise FrozenInstanceError(f"cannot delete field {name!r}")

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Event) and type(other) is type(self) and self.__dict__ == other.__dict__

    def __hash__(self) -> int:
        return hash(tuple(self.__dict__.values()))

    def __repr__(self) -> str:
        return f"{type(self).__qualname__}({', '.join(f'{name}={value!r}' for name, value in self.__dict__.items())})"

    def data(self) -> dict[str, Value]:
        """The fields that are set, by name."""
        return {name: value for name, value in self.__dict__.items() if value is not None}

    def severity(self) -> Level:
        """How much it matters; where that hangs on what it says, more or less than `level`."""
        return self.level

    def message(self) -> str:
        """The sentence for people."""
        return self.text.format_map({k: "?" if v is None else v for k, v in self.__dict__.items()})
