"""Templates that speak a language: their own texts come from its catalogue, and what they are given is told in it.

Rules kept here: {% trans %} and _("…") are looked up as Python's messages are (dockd.page.catalogue), their parts told in the same language and
escaped; `{{ value }}` is told as plain text, `{{ value|marked }}` too, with what there is in English alone marked as that for whoever
reads aloud; `{{ value|english }}` is for what the engine says in its own words, and never in another language.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import jinja2
from jinja2.filters import do_join, make_attrgetter
from jinja2.nodes import EvalContext
from jinja2.runtime import Context
from markupsafe import Markup

from dockd.page.catalogue import catalogue_of
from dockd.page.language import Language, Said, Spoken, english, marked, told


def speak_in(environment: jinja2.Environment, language: Language) -> None:
    """Make an environment with Jinja's i18n extension speak `language`."""
    catalogue = catalogue_of(language)

    def filled(text: str, parts: dict[str, Any]) -> Markup:
        return Markup(text) % {name: told(value, language) for name, value in parts.items()}

    @jinja2.pass_context
    def gettext(_context: Context, text: str, /, **parts: Any) -> Markup:
        if isinstance(text, Spoken):  # a message of Python's, which brings its own parts
            return marked(text, language)
        return filled(catalogue.message(text), parts)

    @jinja2.pass_context
    def ngettext(_context: Context, one: str, many: str, count: int, /, **parts: Any) -> Markup:
        return filled(catalogue.counted(one, many, count), {"num": count, **parts})

    @jinja2.pass_eval_context
    def join(context: EvalContext, values: Iterable[Any], by: str = "", attribute: str | int | None = None) -> str:
        if attribute is not None:
            values = map(make_attrgetter(environment, attribute), values)
        found: str = do_join(context, [told(one, language) for one in values], told(by, language))
        return found

    environment.newstyle_gettext = True  # type: ignore[attr-defined]
    environment.globals.update(gettext=gettext, ngettext=ngettext, language=language)
    environment.filters["join"] = join
    environment.filters["sentence"] = lambda value: _sentence(value, language)
    environment.filters["marked"] = lambda value: marked(value, language)
    environment.filters["english"] = lambda value: marked(english(value), language) if value else ""
    environment.finalize = lambda value: told(value, language)


def _sentence(value: Any, language: Language) -> Markup:
    """As `marked`, with a capital at its front and a stop at its end: why something was refused, which a program gets in small letters. A name at the
    front stays as it is written."""
    text = marked(value, language)
    form = catalogue_of(language).message(value.text) if isinstance(value, Said) else str(value)
    if form[:1].isalpha() and text[:1] == form[:1]:
        text = Markup(text[:1].upper() + text[1:])
    return text if not text or str(told(value, language)).endswith((".", "!", "?", ":")) else text + Markup(".")
