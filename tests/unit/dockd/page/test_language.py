"""Messages: English as they stand, told in another language by their parts, and nothing of them a way into a page."""

from __future__ import annotations

import copy
import doctest
import json
import re
from dataclasses import replace
from typing import Any

import pytest

from dockd.page import language
from dockd.page.catalogue import read_catalogue
from dockd.page.language import English, Figure, Moment, counted, english, joined, marked, said, told
from dockd.page.problems import AwayFact, BayFact, FullFact, problems
from dockd.page.rendering import templates
from dockd.page.state import derive
from dockd.page.words import age_words, headline, kept_words, moment_words, size_words, span_words
from tests.unit.dockd.page.bare import Texts
from tests.unit.dockd.page.pseudo import pseudo_welsh
from tests.unit.dockd.page.test_state import ADVICE, DONE, TABLE

HOSTILE = '<img src=x onerror="alert(1)">{0}{__class__}%(x)s'


def test_examples() -> None:
    assert doctest.testmod(language).failed == 0


def test_a_message_is_its_english() -> None:
    one = said("Bay {bay}: {word}", bay=3, word=said("Take"))
    assert one == "Bay 3: Take"
    assert json.dumps({"word": one}) == '{"word": "Bay 3: Take"}'
    assert copy.deepcopy(one).in_language("cy") == one.in_language("cy") == "Bae 3: Cymerwch"


@pytest.mark.parametrize(
    ("text", "welsh"),
    [
        (size_words(3_400_000_000), "3.4 GB"), (size_words(2), "2 feit"), (size_words(None), "anhysbys"),
        (age_words(7_500), "2 awr 5 mun"), (age_words(2 * 86400), "2 ddiwrnod"), (span_words(600, 1200), "10 i 20 mun"),
        (headline(3, 1, 2), "3 yn barod, caiff 2 fynd allan, mae angen gweithredu ar 1"),
        (Moment(1_772_000_000.0, "MMMM"), "Chwefror"), (Figure(2.5, 1), "2.5"), (said("nobody has said this before"), "nobody has said this before"),
    ],
)  # fmt: skip
def test_welsh(text: str, welsh: str) -> None:
    assert told(text, "cy") == welsh
    assert told(text, "en") == str(text)


def test_a_moment_is_told_with_its_months_name() -> None:
    assert re.fullmatch(r"\d\d:\d\d on \d+ February", moment_words(1_772_000_000.0))
    assert re.fullmatch(r"\d\d:\d\d ar \d+ Chwefror", told(moment_words(1_772_000_000.0), "cy"))


def test_a_document_is_told_whole() -> None:
    document = {"word": said("Take"), "n": 3, "more": [said("Empty"), None, ("x", said("Held"))], "name": "Take"}
    assert told(document, "cy") == {
        "word": "Cymerwch",
        "n": 3,
        "more": ["Gwag", None, ["x", "Daliwyd yn ôl"]],
        "name": "Take",
    }
    assert told(document, "en") == json.loads(json.dumps(document))


def test_what_is_empty_is_left_out_of_what_is_joined() -> None:
    assert joined("", "") == ""
    assert told(joined("", said("Take it out.")), "cy") == "Tynnwch ef allan."
    assert told(joined(said("Take it out."), english("it hangs")), "cy") == "Tynnwch ef allan. it hangs"


def test_the_engines_own_words_are_marked_in_a_page_of_another_language() -> None:
    text = joined(said("Put it back into any bay."), english(f"it hangs: {HOSTILE}"))
    assert str(marked(text, "en")).startswith("Put it back into any bay. it hangs: &lt;img")
    welsh = str(marked(text, "cy"))
    assert welsh.startswith('Rhowch ef yn ôl mewn unrhyw fae. <span lang="en">it hangs: &lt;img')
    assert english(said("Take")) == "Take"
    assert not isinstance(english(said("Take")), English)


@pytest.mark.parametrize("spoken", ["en", "cy"])
def test_nothing_that_is_put_into_a_message_is_markup_or_a_message(spoken: Any) -> None:
    source = (
        "{{ one }}|{{ one|marked }}|{{ name|english }}|{% trans name=one %}rack {{ name }}{% endtrans %}|{{ _('Bay %(bay)s', bay=name) }}|{{ _(one) }}"
        "|{{ [one, name]|join(', ') }}|{% trans count=2, name=name %}{{ name }} x{% pluralize %}{{ name }} y {{ count }}{% endtrans %}"
    )
    text = templates(spoken).from_string(source).render(one=said("Camera {camera}", camera=HOSTILE), name=HOSTILE)
    assert "<img" not in text
    assert text.count("&lt;img") == 9
    assert text.count("{__class__}%(x)s") == 9


def test_a_template_says_what_python_says() -> None:
    source = "{{ word }} {{ _(word) }} {% trans %}Bays{% endtrans %} {% trans count=2, size='1 GB' %}{{ count }} segment, {{ size }}{% pluralize %}{{ count }} segments, {{ size }}{% endtrans %} {{ language }}"
    assert templates("cy").from_string(source).render(word=said("Take")) == "Cymerwch Cymerwch Baeau 2 segment, 1 GB cy"
    assert templates("en").from_string(source).render(word=said("Take")) == "Take Take Bays 2 segments, 1 GB en"


def bare(text: str) -> list[str]:
    """Words of `text` that are neither a message, nor marked as English, nor a name that the tests use."""
    found = Texts(names=frozenset({"CAM07", "PC Jones", "GB", "września", "października"}))
    found.feed(str(marked(text, "cy")))
    found.close()
    return found.found


def test_every_sentence_of_a_bay_is_made_of_messages() -> None:
    with pseudo_welsh():
        rows: list[tuple[str, dict[str, Any]]] = [(row[0], row[1]) for row in TABLE] + [
            (row[0], row[1]) for row in ADVICE
        ]
        for name, changes in rows:
            ours = {key: value for key, value in changes.items() if key != "out_of_use"}  # a person wrote that
            shown = derive(replace(DONE, **ours))
            assert bare(shown.word) + bare(shown.why) + bare(shown.detail) == [], name


def test_every_problem_is_made_of_messages() -> None:
    kept = kept_words(10, 1_790_000_000.0, 1_790_900_000.0, why=said("because this store gives no receipts"))
    with pseudo_welsh():
        found = [
            one
            for store in ("connected", "down", "wrong-store", "dishonest")
            for many in (1, 2)
            for one in problems(
                bays=[BayFact(number=1, state="copy_failed", what=said("x"), camera="CAM07", advice=said("y"))],
                away=[AwayFact(camera="CAM07", bay=3, segments=2, alone=many - 1, officer="PC Jones")],
                store=store, store_message="the store answers with 403", lost=many, doubt=many, spoilt=many,
                spool_full=FullFact(since=moment_words(1_790_000_000.0), cameras=many, waiting=size_words(14 * 10**9), kept=kept),
                troubles={"ledger_rebuilt": "damaged", "ledger_unusable": "the disk is full", "usb_trouble": "udev"},
            )
        ]  # fmt: skip
        assert {name: words for one in found for name, words in [(one.problem, bare(joined(one.text, one.advice, one.detail)))] if words} == {}  # fmt: skip


def test_a_counted_message_takes_the_form_of_its_number() -> None:
    assert [told(counted("{count} camera", "{count} cameras", count=n), "cy") for n in (1, 2, 3)] == ["1 camera", "2 gamera", "3 chamera"]  # fmt: skip


PO = """
msgid ""
msgstr ""
"Language: cy\\n"
"Plural-Forms: nplurals=6; plural=(n==0 ? 0 : n==1 ? 1 : n==2 ? 2 : n==3 ? 3 : n==6 ? 4 : 5);\\n"

msgid "Take"
msgstr "Cymerwch"

"""


@pytest.mark.parametrize(
    "slip",
    [
        'msgid "Bay {bay}"\nmsgstr "Bae {bae}"\n', 'msgid "Bay {bay}"\nmsgstr "Bae {bay"\n', 'msgid "Bay {bay}"\nmsgstr "Bae {bay} {}"\n',
        'msgid "Bay {bay}"\nmsgstr ""\n', '#, fuzzy\nmsgid "Bay {bay}"\nmsgstr "Bae {bay}!"\n',
        'msgid "Bay {bay}"\nmsgid_plural "Bays {bay}"\nmsgstr[0] "Bae {bay}"\nmsgstr[1] "Baeau {bay}"\n',
    ],
)  # fmt: skip
def test_a_slip_of_a_translators_is_told_in_english_and_stops_nothing(slip: str) -> None:
    catalogue = read_catalogue("cy", (PO + slip).encode(), where="a file")
    assert catalogue.message("Bay {bay}") == catalogue.counted("Bay {bay}", "Bay {bay}", 2) == "Bay {bay}"
    assert catalogue.message("Take") == "Cymerwch"


@pytest.mark.parametrize("slip", ['msgid "Bay %(bay)s"\nmsgstr "Bae %(bay)"\n', 'msgid "50 %% of %(bay)s"\nmsgstr "50 % o %(bay)s"\n'])  # fmt: skip
def test_a_slip_in_what_a_template_says(slip: str) -> None:
    catalogue = read_catalogue("cy", (PO + slip).encode(), where="a file")
    assert catalogue.message("Bay %(bay)s") == "Bay %(bay)s"
    assert catalogue.message("50 %% of %(bay)s") == "50 %% of %(bay)s"


@pytest.mark.parametrize("content", [b"\xff\xfe", b'msgid "a', b"<html>"])
def test_a_catalogue_that_is_none_is_said_in_the_log(content: bytes, caplog: pytest.LogCaptureFixture) -> None:
    assert read_catalogue("cy", PO.encode() + content, where="a file").message("Take") in ("Take", "Cymerwch")
    assert "a file cannot be read" in caplog.text
