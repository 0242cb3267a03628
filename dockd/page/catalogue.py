"""The message catalogues: what each message is called in another language than English. Read from the .po files themselves, once.

Rules kept here: a message that a catalogue does not have is told in English; English needs none. Which forms a language has for numbers is the
Unicode project's word (CLDR), and they stand in its order: zero, one, two, few, many, other.
"""

from __future__ import annotations

import contextlib
import functools
import importlib.resources
import io
import logging
import re
from collections.abc import Callable, Iterator, Mapping

DOMAIN = "dockd"
_ORDER = ("zero", "one", "two", "few", "many", "other")
_LOCALES = {"en": "en_GB"}
_BRACES = re.compile(r"\{[^}]*\}?|\}")
_PERCENT = re.compile(r"%(?:\(\w+\)s|.)?", re.DOTALL)
_log = logging.getLogger(__name__)


class Catalogue:
    """One language. `locale`: its name at Babel's, for dates and figures; `form_of`: which of a message's forms is for this number."""

    def __init__(self, *, locale: str, messages: Mapping[str, tuple[str, ...]], form_of: Callable[[int], int]) -> None:
        self.locale = locale
        self._messages = messages
        self._form_of = form_of

    def message(self, text: str) -> str:
        """The text of a message."""
        found = self._messages.get(text)
        return text if found is None else found[0] if len(found) == 1 else found[self._form_of(1)]

    def counted(self, one: str, many: str, count: int) -> str:
        """The text of a message for this number."""
        found = self._messages.get(one)
        if found is None:
            return one if count == 1 else many
        return found[0] if len(found) == 1 else found[self._form_of(count)]


_OTHERS: dict[str, Catalogue] = {}


@contextlib.contextmanager
def speak(language: str, catalogue: Catalogue) -> Iterator[None]:
    """While this lasts, `language` is told from this catalogue."""
    _OTHERS[language] = catalogue
    try:
        yield
    finally:
        del _OTHERS[language]


def catalogue_of(language: str) -> Catalogue:
    """The catalogue of a language: one that was given, else the one that is shipped."""
    return _OTHERS.get(language) or _shipped(language)


@functools.cache
def _shipped(language: str) -> Catalogue:
    file = importlib.resources.files("dockd.page") / "locale" / language / "LC_MESSAGES" / f"{DOMAIN}.po"
    return read_catalogue(language, b"" if language == "en" else file.read_bytes(), where=str(file))


def read_catalogue(language: str, content: bytes, *, where: str) -> Catalogue:
    """The catalogue of a .po file's content. What of it cannot be used is told in English: a slip of a translator's stops no page."""
    from babel import Locale  # the commands that tell English alone start without it
    from babel.messages.pofile import PoFileError, read_po

    locale = _LOCALES.get(language, language)
    plural_form = Locale.parse(locale).plural_form
    forms = [tag for tag in _ORDER if tag == "other" or tag in plural_form.tags]
    messages: dict[str, tuple[str, ...]] = {}
    try:
        found = list(read_po(io.BytesIO(content), locale=locale, abort_invalid=True)) if content else []
    except (PoFileError, ValueError) as error:
        _log.warning("%s cannot be read, so that language is told in English: %s", where, error)
        found = []
    for one in found:
        names = (one.id,) if isinstance(one.id, str) else tuple(one.id)
        texts = (one.string,) if isinstance(one.string, str) else tuple(one.string or ())
        if names[0] and not one.fuzzy and len(texts) == (1 if len(names) == 1 else len(forms)) and _fit(names, texts):
            messages[names[0]] = texts
    return Catalogue(locale=locale, messages=messages, form_of=lambda count: forms.index(plural_form(count)))


def _fit(names: tuple[str, ...], texts: tuple[str, ...]) -> bool:
    """Whether these texts can stand for that message: none is empty, and none has a part that is not given."""
    part = _PERCENT if any("%(" in name or "%%" in name for name in names) else _BRACES  # of a template, or of Python
    given = {one for name in names for one in part.findall(name)}
    return all(text and set(part.findall(text)) <= given for text in texts)
