"""What is said to people, kept as a message with its parts until it is known in which language it is read.

Rules kept here: the English text is the message's own name in the catalogues (`locale/*.po`); a part that is itself a message is told in the same
language; what a camera, a file or a person is called is a part, never the message.

>>> str(said("Bay {bay}: {word}", bay=3, word=said("Take")))
'Bay 3: Take'
>>> str(counted("{count} segment", "{count} segments", count=2))
'2 segments'
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

Language = Literal["en", "cy"]
LANGUAGES: Mapping[Language, str] = {"en": "English", "cy": "Cymraeg"}


@dataclass(frozen=True, slots=True)
class Said:
    """A message: its English text with {named} parts, and the parts. `plural`: the text for more than one; `parts["count"]` says how many."""

    text: str
    parts: Mapping[str, Any] = field(default_factory=dict)
    plural: str = ""

    def __str__(self) -> str:
        return self.in_language("en")

    def __hash__(self) -> int:
        return hash((self.text, self.plural))

    def in_language(self, language: Language) -> str:
        """The text as it is read in `language`; English where the catalogue has none."""
        parts = {
            name: part.in_language(language) if isinstance(part, Said) else part for name, part in self.parts.items()
        }
        text = self.text if not self.plural or parts["count"] == 1 else self.plural
        return text.format_map(parts) if parts else text


def said(text: str, /, **parts: Any) -> Said:
    """A message."""
    return Said(text, parts)


def counted(one: str, many: str, /, *, count: int, **parts: Any) -> Said:
    """A message that has another form for each number; `count` is one of its parts."""
    return Said(one, {"count": count, **parts}, many)


def told(value: Any, language: Language) -> Any:
    """A document with every message in it told in `language`."""
    if isinstance(value, Said):
        return value.in_language(language)
    if isinstance(value, Mapping):
        return {key: told(one, language) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [told(one, language) for one in value]
    return value
