"""A language that shows what is no message: every text of a catalogue stands in ⟦brackets⟧, what is put into it outside of them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager

from dockd.page.catalogue import Catalogue, speak

_NOT_TEXT = re.compile(r"(\{\w+\}|%\(\w+\)s|%%|<[^>]*>|&\w+;)")
_LETTER = re.compile(r"[^\W\d_]")


def bracketed(text: str) -> str:
    """
    >>> bracketed("Bay {bay}: <b>{word}</b>, now")
    '⟦Bay ⟧{bay}: <b>{word}</b>⟦, now⟧'
    """
    pieces = _NOT_TEXT.split(text)
    return "".join(f"⟦{one}⟧" if n % 2 == 0 and _LETTER.search(one) else one for n, one in enumerate(pieces))


class Pseudo(Catalogue):
    """The catalogue of that language; dates are Polish, so that a month in English is seen."""

    def __init__(self) -> None:
        super().__init__(locale="pl", messages={}, form_of=lambda _count: 0)

    def message(self, text: str) -> str:
        return bracketed(text)

    def counted(self, one: str, many: str, count: int) -> str:
        return bracketed(one if count == 1 else many)


@contextmanager
def pseudo_welsh() -> Iterator[None]:
    """While this lasts, what is told in Welsh is told in brackets."""
    with speak("cy", Pseudo()):
        yield
