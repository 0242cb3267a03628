"""What is said to people: English as it stands, and with it what is needed to say it in another language.

Rules kept here: a message is text, and reads as its English wherever text is wanted (JSON, logs, a terminal); who tells people something on a page
tells it by `told` or `marked` in the reader's language. The English text is the message's own name in the catalogues (dockd.page.catalogue); a
part that is itself a message is told in the same language; what a camera, a file or a person is called is a part, never the message. What is cut,
put together by `+` or an f-string, or changed otherwise is English from then on: put messages together by parts, or by `joined`.

>>> said("Bay {bay}: {word}", bay=3, word=said("Take"))
'Bay 3: Take'
>>> counted("{count} segment", "{count} segments", count=2)
'2 segments'
>>> joined(said("Leave it in."), "", said("Tell ops."))
'Leave it in. Tell ops.'
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Any, Literal

from markupsafe import Markup, escape

from dockd.page.catalogue import Catalogue, catalogue_of

Language = Literal["en", "cy"]
LANGUAGES: Mapping[Language, str] = {"en": "English", "cy": "Cymraeg"}
_NONE: Mapping[str, Any] = MappingProxyType({})


class Spoken(str):
    """Text in English that can be told in another language."""

    __slots__ = ()

    def in_language(self, language: Language) -> str:
        """The text as it is read in `language`."""
        return str(self) if language == "en" else self.tell(Telling(catalogue_of(language)))

    def tell(self, _telling: Telling) -> str:
        """The same for a telling that goes on."""
        return str(self)


class Said(Spoken):
    """A message: its English text with {named} parts, and the parts. `plural`: the text for more than one; `parts["count"]` says how many."""

    __slots__ = ("parts", "plural", "text")
    text: str
    parts: Mapping[str, Any]
    plural: str

    def __new__(cls, text: str, parts: Mapping[str, Any] = _NONE, plural: str = "") -> Said:
        form = text if not plural or parts["count"] == 1 else plural
        made = super().__new__(cls, form.format_map(parts) if parts else form)
        made.text, made.parts, made.plural = text, parts, plural
        return made

    def tell(self, telling: Telling) -> str:
        """Its text in the catalogue, and each part told in the same language."""
        catalogue = telling.catalogue
        form = telling.own(
            catalogue.counted(self.text, self.plural, self.parts["count"])
            if self.plural
            else catalogue.message(self.text)
        )
        return form.format_map({name: telling.part(one) for name, one in self.parts.items()}) if self.parts else form


class Moment(Spoken):
    """A moment (seconds since the epoch) on the station's own clock, by a pattern of CLDR's such as "HH:mm" or "d MMMM"."""

    __slots__ = ("pattern", "seconds")
    seconds: float
    pattern: str

    def __new__(cls, seconds: float, pattern: str) -> Moment:
        made = super().__new__(cls, _dated(seconds, pattern, "en_GB"))
        made.seconds, made.pattern = seconds, pattern
        return made

    def tell(self, telling: Telling) -> str:
        """With the months' and days' names of the language."""
        return _dated(self.seconds, self.pattern, telling.catalogue.locale)


class Figure(Spoken):
    """A number with so many digits behind its point."""

    __slots__ = ("digits", "value")
    value: float
    digits: int

    def __new__(cls, value: float, digits: int = 0) -> Figure:
        made = super().__new__(cls, f"{value:.{digits}f}")
        made.value, made.digits = value, digits
        return made

    def tell(self, telling: Telling) -> str:
        """With the point of the language."""
        from babel.numbers import format_decimal

        pattern = f"0.{'0' * self.digits}" if self.digits else "0"
        return format_decimal(round(self.value, self.digits), pattern, locale=telling.catalogue.locale)


class English(str):
    """What there is in English alone, such as the engine's own words: a page of another language says so of it (`marked`)."""

    __slots__ = ()


def said(text: str, /, **parts: Any) -> Said:
    """A message. `text` is written out where it is said, so that it gets into the catalogues."""
    return Said(text, parts)


def counted(one: str, many: str, /, *, count: int, **parts: Any) -> Said:
    """A message that has another form for each number; `count` is one of its parts."""
    return Said(one, {"count": count, **parts}, many)


def joined(*texts: str, by: str = " ") -> str:
    """Messages and other texts one after the other, without those that are empty; `by` is nothing but spaces and stops."""
    there = [text for text in texts if text]
    if len(there) < 2:
        return there[0] if there else ""
    return Said(by.join(f"{{p{n}}}" for n in range(len(there))), {f"p{n}": text for n, text in enumerate(there)})


def english(text: str) -> str:
    """Words that there are in English alone; a message stays one."""
    return text if not text or isinstance(text, Spoken | English) else English(text)


def told(value: Any, language: Language) -> Any:
    """A document with every message in it told in `language`."""
    if isinstance(value, Spoken):
        return value.in_language(language)
    if isinstance(value, str | int | float | None):
        return value
    if isinstance(value, Mapping):
        return {key: told(one, language) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [told(one, language) for one in value]
    return value


def marked(value: Any, language: Language) -> Markup:
    """Text for a page: told in `language`, escaped, and in a page of another language all that is `English` marked as that."""
    if language == "en":
        return escape(str(value))
    return Markup(  # every part of it is escaped
        Marking(catalogue_of(language)).part(value)
    )


class Telling:
    """How a message is told: from which catalogue, as plain text."""

    def __init__(self, catalogue: Catalogue) -> None:
        self.catalogue = catalogue

    def own(self, text: str) -> str:
        """A text of the catalogue."""
        return text

    def part(self, value: Any) -> str:
        """What stands in a text."""
        return value.tell(self) if isinstance(value, Spoken) else str(value)


class Marking(Telling):
    """The same for a page: escaped, and what there is in English alone marked as that."""

    def own(self, text: str) -> str:
        """A text of the catalogue."""
        return str(escape(text))

    def part(self, value: Any) -> str:
        """What stands in a text."""
        if isinstance(value, English):
            return str(Markup('<span lang="en">{}</span>').format(str(value)))
        if isinstance(value, Said):
            return value.tell(self)
        return str(escape(super().part(value)))


def _dated(seconds: float, pattern: str, locale: str) -> str:
    from babel.dates import format_datetime  # not needed by the commands that tell no day

    local = datetime.fromtimestamp(seconds, tz=UTC).astimezone().replace(tzinfo=None)
    return format_datetime(local, pattern, locale=locale)
