"""Gathers every message of the page into the catalogues (`make messages`): what is new stands there without a translation, what is gone is gone.

Messages are the texts that are written out in said("…") and counted("…", "…") in Python, and in {% trans %} and _("…") in templates. Nothing is
guessed: a text that was changed is a new one, and wants to be translated anew. tests/unit/dockd/page/test_catalogues.py fails until it is.
"""

from __future__ import annotations

import ast
import io
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from babel.messages.catalog import Catalog, Message  # noqa: E402
from babel.messages.pofile import read_po, write_po  # noqa: E402

from dockd.page.catalogue import DOMAIN  # noqa: E402
from dockd.page.rendering import templates  # noqa: E402

LOCALE = ROOT / "dockd/page/locale"
_TEMPLATES = ROOT / "dockd/page/templates"
_NOT_KEPT = ("Report-Msgid-Bugs-To", "Generated-By")
_NOT_WRITTEN = tuple(f'"{name}:' for name in _NOT_KEPT)
_FUNCTIONS = {"said": 1, "counted": 2}
Name = str | tuple[str, str]


class NotWrittenOut(Exception):
    """A message that is not written where it is said, and so can be in no catalogue; the text says where."""


def messages() -> dict[Name, list[str]]:
    """Every message, and the files that say it, in a steady order."""
    found: dict[Name, list[str]] = {}
    for file in sorted((ROOT / "dockd").rglob("*.py")):
        where = str(file.relative_to(ROOT))
        for name in of_python(file.read_text("utf-8"), where=where):
            _put(found, name, where)
    environment = templates("en")
    for file in sorted(_TEMPLATES.rglob("*.html")):
        where = str(file.relative_to(ROOT))
        for _line, function, message in environment.extract_translations(file.read_text("utf-8")):  # type: ignore[attr-defined]
            if function == "ngettext":
                _put(found, (message[0], message[1]), where)
            elif message is not None:
                _put(found, message if isinstance(message, str) else message[0], where)
    return found


def _put(found: dict[Name, list[str]], name: Name, where: str) -> None:
    """One text has one name: what is said of one and of many is told by its many, wherever it is said of one alone."""
    one = name if isinstance(name, str) else name[0]
    known = next((other for other in (one, *(() if isinstance(name, str) else (name,))) if other in found), None)
    if known is None:
        known = next((other for other in found if not isinstance(other, str) and other[0] == one), name)
    if isinstance(known, str) and not isinstance(name, str):
        found[name] = found.pop(known)
        known = name
    places = found.setdefault(known, [])
    if where not in places:
        places.append(where)


def of_python(source: str, *, where: str) -> Iterator[Name]:
    """The messages of one module. Raises NotWrittenOut."""
    calls = [node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Call) and _called(node) in _FUNCTIONS]
    for node in sorted(calls, key=lambda one: (one.lineno, one.col_offset)):
        texts = [one.value for one in node.args if isinstance(one, ast.Constant) and isinstance(one.value, str)]
        wanted = _FUNCTIONS[_called(node)]
        if len(texts) != wanted or len(node.args) != wanted:
            raise NotWrittenOut(f"{where}:{node.lineno}: {_called(node)}() wants its text written out here")
        if texts[0]:
            yield texts[0] if wanted == 1 else (texts[0], texts[1])


def _called(node: ast.Call) -> str:
    return node.func.id if isinstance(node.func, ast.Name) else ""


def renewed(old: Catalog, *, head: str, found: dict[Name, list[str]]) -> str:
    """The catalogue's file with these messages, translated as far as they were. `head`: the comment at its top."""
    new = Catalog(locale=old.locale, domain=DOMAIN, fuzzy=False)
    new.mime_headers = [(name, value) for name, value in old.mime_headers if name not in _NOT_KEPT]
    for name, places in found.items():
        known = old.get(name if isinstance(name, str) else name[0])
        string = known.string if known is not None and not known.fuzzy else None
        if string is not None and isinstance(string, str) != isinstance(name, str):
            string = None
        new.add(name, string, locations=[(place, 0) for place in places])
    file = io.BytesIO()
    write_po(file, new, width=0, include_lineno=False)
    body = file.getvalue().decode("utf-8")
    lines = [line for line in body[body.index('msgid ""') :].split("\n") if not line.startswith(_NOT_WRITTEN)]
    return head + "\n".join(lines)


def renew(path: Path) -> int:
    """Bring one catalogue up to date. Returns how many of its messages want to be translated."""
    before = path.read_text("utf-8")
    old = read_po(io.StringIO(before), locale=path.parents[1].name)
    after = renewed(old, head=before[: before.index('msgid ""')], found=messages())
    if after != before:
        path.write_text(after, "utf-8")
    return sum(not translated(one) for one in read_po(io.StringIO(after)) if one.id)


def translated(message: Message) -> bool:
    """Whether it has all of its forms."""
    return all([message.string] if isinstance(message.string, str) else message.string or [""])


def main() -> None:
    """All catalogues."""
    for path in sorted(LOCALE.glob(f"*/LC_MESSAGES/{DOMAIN}.po")):
        left = renew(path)
        print(f"{path.relative_to(ROOT)}: {left} to translate" if left else f"{path.relative_to(ROOT)}: all translated")


if __name__ == "__main__":
    main()
