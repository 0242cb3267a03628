"""The message catalogues: what each message is called in another language than English. Read from the .po files themselves, once.

Rules kept here: a message that a catalogue does not have is told in English; English needs none. Which forms a language has for numbers is the
Unicode project's word (CLDR), and they stand in its order: zero, one, two, few, many, other.
"""

from __future__ import annotations

import contextlib
import functools
import importlib.resources
from collections.abc import Callable, Iterator, Mapping

DOMAIN = "dockd"
_ORDER = ("zero", "one", "two", "few", "many", "other")
_LOCALES = {"en": "en_GB"}


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
    from babel import Locale  # the commands that tell English alone start without it
    from babel.messages.pofile import read_po

    locale = _LOCALES.get(language, language)
    plural_form = Locale.parse(locale).plural_form
    forms = [tag for tag in _ORDER if tag == "other" or tag in plural_form.tags]
    messages: dict[str, tuple[str, ...]] = {}
    file = importlib.resources.files("dockd.page") / "locale" / language / "LC_MESSAGES" / f"{DOMAIN}.po"
    if language != "en":
        with file.open("rb") as source:
            for one in read_po(source, locale=locale):
                if not one.id or one.fuzzy:
                    continue
                name = one.id if isinstance(one.id, str) else one.id[0]
                texts = (one.string,) if isinstance(one.string, str) else tuple(one.string or ())
                if texts and all(texts):
                    messages[name] = texts
    return Catalogue(locale=locale, messages=messages, form_of=lambda count: forms.index(plural_form(count)))
