"""Every text that people read is a message, and every message is in every catalogue: `make messages` gathers them, people translate them."""

from __future__ import annotations

import importlib.util
import io
import re
from collections.abc import Iterable
from pathlib import Path

import pytest
from babel.messages.catalog import Message
from babel.messages.pofile import read_po
from babel.plural import to_gettext

from dockd.page.catalogue import catalogue_of
from dockd.page.language import LANGUAGES
from tests.unit.dockd.page.bare import bare_words

ROOT = Path(__file__).resolve().parents[4]
_spec = importlib.util.spec_from_file_location("dockd_messages", ROOT / "packaging/messages.py")
assert _spec is not None
assert _spec.loader is not None
gathering = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(gathering)

OTHERS = [language for language in LANGUAGES if language != "en"]
TEMPLATES = sorted((ROOT / "dockd/page/templates").rglob("*.html"))
PART = re.compile(r"\{(\w+)\}|%\((\w+)\)s")


def catalogue(language: str) -> tuple[str, list[Message]]:
    path = ROOT / f"dockd/page/locale/{language}/LC_MESSAGES/dockd.po"
    text = path.read_text("utf-8")
    return text, [one for one in read_po(io.StringIO(text), locale=language) if one.id]


def texts(value: str | Iterable[str] | None) -> list[str]:
    return [value] if isinstance(value, str) else list(value or [])


def parts(text: str) -> set[str]:
    return {one or other for one, other in PART.findall(text)}


@pytest.mark.parametrize("language", OTHERS)
def test_every_message_is_there_and_no_other(language: str) -> None:
    text, found = catalogue(language)
    wanted = set(gathering.messages())
    known = {one.id if isinstance(one.id, str) else (one.id[0], one.id[1]) for one in found}
    assert not wanted - known, "run `make messages`, and translate what is new"
    assert not known - wanted, "run `make messages`: nobody says these any more"
    assert "\n#~" not in text
    assert not [one.id for one in found if one.fuzzy]


@pytest.mark.parametrize("language", OTHERS)
def test_every_message_is_translated_with_its_parts(language: str) -> None:
    _text, found = catalogue(language)
    for one in found:
        english, told = texts(one.id), texts(one.string)
        assert all(told), f"not translated: {english[0]}"
        wanted = parts(english[-1])
        for form in told:
            left_out = wanted - parts(form) - (wanted - parts(english[0]))
            assert not parts(form) - wanted, f"a part that is not given: {form}"
            assert left_out <= ({"count"} if len(told) > 1 else set()), f"{left_out} left out: {form}"
            assert form.count("%") - 2 * form.count("%%") == len(re.findall(r"%\(", form)) or "%(" not in english[-1]
        tags = re.compile(r"</?[a-z]+")
        assert all(sorted(tags.findall(form)) == sorted(tags.findall(english[-1])) for form in told), told


@pytest.mark.parametrize("language", OTHERS)
def test_its_forms_for_numbers_are_those_of_the_language(language: str) -> None:
    from babel import Locale

    text, found = catalogue(language)
    forms = Locale.parse(language).plural_form
    order = [tag for tag in ("zero", "one", "two", "few", "many", "other") if tag == "other" or tag in forms.tags]
    assert f"nplurals={len(order)};" in text, to_gettext(forms)
    assert all(len(texts(one.string)) == len(order) for one in found if not isinstance(one.id, str))


@pytest.mark.parametrize("language", OTHERS)
def test_everything_in_the_file_is_what_is_told(language: str) -> None:
    _text, found = catalogue(language)
    for one in found:
        name, many = (one.id, "") if isinstance(one.id, str) else (one.id[0], one.id[1])
        told = catalogue_of(language).counted(name, many, 11) if many else catalogue_of(language).message(name)
        assert told == texts(one.string)[-1]


def test_welsh_has_its_own_forms() -> None:
    welsh = catalogue_of("cy")
    told = [welsh.counted("{count} camera", "{count} cameras", n).format(count=n) for n in (0, 1, 2, 3, 4, 6, 11)]
    assert told == ["0 camera", "1 camera", "2 gamera", "3 chamera", "4 camera", "6 chamera", "11 camera"]


def test_a_message_that_is_not_written_out_is_refused() -> None:
    assert list(gathering.of_python('said("a {b}", b=said("c"))\ncounted("d", "e", count=1)', where="x")) == [
        "a {b}",
        "c",
        ("d", "e"),
    ]
    for wrong in ('said(f"{a}")', "said(name)", 'said("a" + b)', 'counted("a", count=1)'):
        with pytest.raises(gathering.NotWrittenOut):
            list(gathering.of_python(wrong, where="x"))


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: path.name)
def test_no_template_says_anything_outside_of_a_message(path: Path) -> None:
    assert bare_words(path.read_text("utf-8")) == []


@pytest.mark.parametrize(
    ("template", "found"),
    [
        ("<p>Hello {{ name }}</p>", ["Hello"]),
        ('<p title="Hello">{% trans %}a{% endtrans %}</p>', ["Hello"]),
        ('<p class="bad" id="x">{{ x }} · 3 {{ _("b") }}</p><a href="/">dockd</a>', []),
        ("{% if x %}Yes{% endif %}", ["Yes"]),
        ('{{ "Yes" if x else "No" }}', ["Yes", "No"]),
    ],
)
def test_bare_words_are_found(template: str, found: list[str]) -> None:
    assert bare_words(template) == found
