"""What is said in another language is what is said in English, and no way into a page."""

from __future__ import annotations

from tests.mutants.planting import Mutant

_SAID = ("tests/unit/dockd/page/test_language.py",)
_STATE = ("tests/unit/dockd/page/test_state.py",)

LANGUAGE = (
    Mutant(
        name="language: a name in a marked sentence is markup", promise="a camera's name runs a script in a sergeant's browser",
        file="dockd/page/language.py", old="return str(escape(super().part(value)))", new="return super().part(value)", tests=_SAID, short=True,
    ),
    Mutant(
        name="language: the engine's words are markup", promise="a file's name runs a script in a sergeant's browser",
        file="dockd/page/language.py", old="""return str(Markup('<span lang="en">{}</span>').format(str(value)))""", new="""return f'<span lang="en">{value}</span>'""", tests=_SAID,
    ),
    Mutant(
        name="language: a message in a template is markup", promise="a camera's name runs a script in a sergeant's browser",
        file="dockd/page/speaking.py", old="            return marked(text, language)\n", new="            return Markup(told(text, language))\n", tests=_SAID,
    ),
    Mutant(
        name="language: every number has the first form", promise="a sergeant reads of one segment where there are many",
        file="dockd/page/catalogue.py", old="found[self._form_of(count)]", new="found[self._form_of(1)]", tests=_SAID,
    ),
    Mutant(
        name="language: a translator's slip stops a page", promise="P5: the page cannot be read, in Welsh, where one text is wrong",
        file="dockd/page/catalogue.py", old=" and _fit(names, texts)", new="", tests=_SAID,
    ),
    Mutant(
        name="battery: one that does not charge", promise="P5: a camera whose battery is dead is waited for, shift after shift",
        file="dockd/page/state.py", old=" _waiting, _battery, _charge,", new=" _waiting, _charge,", tests=_STATE, short=True,
    ),
    Mutant(
        name="usable: though enough are ready", promise="full cameras go out while empty ones stand in the rack",
        file="dockd/page/state.py", old=" and facts.waited and facts.short and ", new=" and facts.waited and ", tests=_STATE,
    ),
    Mutant(
        name="unconfirmed: late is not seen", promise="an outage of hours looks like a minute's wait",
        file="dockd/page/state.py", old="late=facts.waited or facts.late", new="late=facts.waited and facts.late", tests=_STATE,
    ),
)  # fmt: skip
