"""Finds words that a template or a page says outside of messages."""

from __future__ import annotations

import re
from html.parser import HTMLParser

from jinja2 import nodes

from dockd.page.rendering import templates

_SPOKEN = ("title", "alt", "aria-label", "aria-description", "placeholder", "data-title", "label", "summary")
_SILENT = ("script", "style", "symbol", "svg")
_EMPTY = ("meta", "link", "input", "br", "hr", "img", "use", "path", "rect", "circle")
_WORD = re.compile(r"[^\W\d_]{2,}")
_NAMES = {"dockd", "English", "Cymraeg"}
_ATTRIBUTE = re.compile(r'[\w-]+="[^"]*"')  # a template may set some aside
# Addresses, paths and what a computer has worked out are no words.
_FIGURES = re.compile(r"\[[a-z_]+\]|https?://\S+|(?<!\w)/[\w./~-]+|\b[0-9a-f]{8,}\b|\b[\w-]{40,}\b")
_HOLE = "\0"


class Texts(HTMLParser):
    """What a page says: its text, and what assistive technology reads of its attributes. Parts in a language of their own are left out."""

    def __init__(self, *, names: frozenset[str] = frozenset()) -> None:
        super().__init__(convert_charrefs=True)
        self.found: list[str] = []
        known = names | _NAMES
        self._phrases = sorted((name for name in known if " " in name), key=len, reverse=True)
        self._words = frozenset(word for name in known if " " not in name for word in _WORD.findall(name))
        self._open: list[tuple[str, bool]] = []

    @property
    def _silent(self) -> bool:
        return any(silent for _tag, silent in self._open)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        said = dict(attrs)
        silent = tag in _SILENT or (tag != "html" and "lang" in said) or said.get("translate") == "no"
        if not silent and not self._silent:
            for name in _SPOKEN:
                self._see(said.get(name) or "")
            if tag == "input" and said.get("type") in ("submit", "button"):
                self._see(said.get("value") or "")
        if tag not in _EMPTY:
            self._open.append((tag, silent))

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if not self._silent:
            self._see(dict(attrs).get("title") or "")

    def handle_endtag(self, tag: str) -> None:
        while any(one == tag for one, _ in self._open):
            if self._open.pop()[0] == tag:
                return

    def handle_data(self, data: str) -> None:
        if not self._silent:
            self._see(_ATTRIBUTE.sub(" ", data))

    def _see(self, text: str) -> None:
        text = _FIGURES.sub(" ", text)
        text = re.sub(r"⟦[^⟦⟧]*⟧", " ", text)
        for phrase in self._phrases:
            text = text.replace(phrase, " ")
        self.found += [word for word in _WORD.findall(text.replace(_HOLE, " ")) if word not in self._words]


def bare_words(template: str) -> list[str]:
    """Words that a template says outside of {% trans %} and _()."""
    tree = templates("en").parse(template)
    texts = Texts()
    texts.feed("".join(_pieces(tree)))
    texts.close()
    return texts.found


def _pieces(tree: nodes.Node) -> list[str]:
    """The template's own text, and a hole for what is put in, but for words that are written out there."""
    classes = {
        id(one) for block in tree.find_all(nodes.Block) if block.name == "kind" for one in block.find_all(nodes.Output)
    }
    spoken = [
        one for one in tree.find_all(nodes.Output) if id(one) not in classes
    ]  # base.html puts that block into class=""
    return [piece for one in spoken for child in one.nodes for piece in _of(child)]


def _of(child: nodes.Expr) -> list[str]:
    if isinstance(child, nodes.TemplateData):
        return [child.data]
    if isinstance(child, nodes.CondExpr):
        return [_HOLE, *_of(child.expr1), _HOLE, *(_of(child.expr2) if child.expr2 is not None else [])]
    if isinstance(child, nodes.Const) and isinstance(child.value, str):
        return [child.value]
    return [_HOLE]


__all__ = ["Texts", "bare_words"]
