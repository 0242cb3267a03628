"""Other names for people, cameras, files and addresses: the same one wherever the same is meant, in one bundle, and none that says who it was.

Rules kept here: what is to be hidden is learnt from the fields that hold it (of events, of the page's documents, of the registry and the list of users), and
then hidden in every part, also in the middle of a sentence; who is called by an ordinary word is hidden where they are meant (`ordinary`); keys of the configuration
stay; every field of every event is known to be one of these or to name nobody (a test holds that).
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from typing import Any, Literal

from dockd.support.ordinary import BY_NOBODY, DOTTED, KEY, ORDINARY, VARIABLES

Kind = Literal["person", "camera", "file", "address", "words"]

FIELDS: dict[str, Kind] = {
    "by": "person", "officer": "person", "name": "person", "assigned_to": "person", "note": "words",
    "camera": "camera", "serial": "camera", "card": "camera", "path": "file", "address": "address",
}  # fmt: skip
"""Fields of events, of custody and of the page's documents that name somebody, or what is somebody's."""
TYPED = frozenset({"problem.closed", "bay.out_of_use", "problem.seen"})
"""Events whose `reason` somebody has typed."""
_WHO = ("user:", "token:", "os:", "oidc:")
_CAME_BY = "(?:user|token|os|oidc):"
_MEANT = rf"""\\*"(?:(?:dockd\.|DOCKD_)?(?P<field>by|officer|assigned_to|note|camera|serial|card|path|address|id)|(?:dockd\.|DOCKD_)name)\\*":\s*\\*"(?:{_CAME_BY})?"""
"""Before a value that names somebody, in JSON, and in JSON within JSON."""
_PERSON_BEFORE = (
    r"""(?:(?<![^\W_])(?:user|by)[ \t]+|(?<![^\W_])user\.name[ \t]*=[ \t]*"?|/home/)(?:user:|token:|os:|oidc:)?"""
)
"""Before the name of a person in a plain sentence, of dockd or of the machine."""
_ACTION = re.compile(r"""\\*"(?:event\.action|DOCKD_EVENT_ACTION)\\*":\s*\\*"([a-z_.]+)\\*\"""", re.IGNORECASE)
_NOBODY = frozenset({"local", "docking", "unknown", "folder", "pool", "true", "false", "null", "none", "dockd"})
_SHORTEST = 3
_LONGEST = 200
_WORD = re.compile(r"[^\s\"'=:,;()/\\]++")
_MEDIA = (".mp4", ".mov", ".avi", ".mkv", ".mts", ".m2ts", ".m4v", ".3gp", ".wav", ".mp3", ".jpg", ".jpeg", ".png")


class Names:
    """Whoever and whatever is not to be named. `learn`, then `hidden`."""

    def __init__(self) -> None:
        self._known: dict[str, str] = {}
        self._counts: dict[str, int] = {}
        self._files: dict[str, str] = {}
        self._long: dict[str, str] = {}
        self._ordinary: dict[str, str] = {}
        self._exact: dict[str, str] = {}
        self._put = 0
        self._compiled: tuple[re.Pattern[str], re.Pattern[str]] | None = None

    def learn(self, kind: Kind, value: str) -> None:
        """One more; a prefix that says by what somebody came in stays."""
        value = value.strip()
        for prefix in _WHO:
            value = value.removeprefix(prefix)
        key = value.lower()
        if len(value) < _SHORTEST or key in _NOBODY or key in self._known or value in self._long:
            return
        if key in ORDINARY:
            self._learn_ordinary(kind, value)
            return
        self._counts[kind] = self._counts.get(kind, 0) + 1
        alias = f"{kind}-{self._counts[kind]}"
        if len(value) > _LONGEST:  # too long for a tree of characters; there are few
            self._long[value] = alias
            return
        for form in {key, json.dumps(value)[1:-1].lower()}:
            self._known.setdefault(form, alias)
        self._compiled = None

    def _learn_ordinary(self, kind: Kind, value: str) -> None:
        """Written as a name is, it is one wherever it stands so."""
        key = value.lower()
        if key not in self._ordinary:
            self._counts[kind] = self._counts.get(kind, 0) + 1
            self._ordinary[key] = f"{kind}-{self._counts[kind]}"
        if value != key:
            self._exact[value] = self._ordinary[key]
        self._compiled = None

    def learn_all(self, found: Iterable[tuple[Kind, str]]) -> None:
        """As many as there are."""
        for kind, value in found:
            self.learn(kind, value)

    def of_document(self, text: str, document: Any, *, prefix: str = "") -> str:
        """Learn whom a document names; its text, in which the names of files that stand in its fields are hidden: there are too many to look for everywhere."""
        for kind, value in named_in(document, prefix=prefix):
            if kind == "file":
                text = self.without_file(text, value)
            else:
                self.learn(kind, value)
                text = self._without_ordinary(text, document, value)
        return text

    def _without_ordinary(self, text: str, document: Any, value: str) -> str:
        """A sentence that says whom its own line names: there the word is a name. After what somebody came in by it is one anywhere."""
        alias = self._ordinary.get(value.strip().lower())
        said = next((document[one] for one in ("message", "MESSAGE") if isinstance(document.get(one), str)), None) if isinstance(document, dict) else None  # fmt: skip
        if alias is None or said is None:
            return text
        meant = re.compile(rf"(?<![^\W_]){re.escape(value.strip())}(?![^\W_])", re.IGNORECASE).sub(alias, said)
        for one, other in zip(_forms(said), _forms(meant), strict=True):
            text = text.replace(f'"{one}"', f'"{other}"')
        return text

    def without_file(self, text: str, path: str) -> str:
        """The text without this path, whole and by its last name."""
        if len(path) < _SHORTEST:
            return text
        alias = self._files.setdefault(path, f"file-{len(self._files) + 1}")
        for one in (path, path.rpartition("/")[2]):
            for form in (one, json.dumps(one)[1:-1], json.dumps(json.dumps(one)[1:-1])[1:-1]):
                if len(form) >= _SHORTEST and form in text:
                    text = text.replace(form, alias)
        return text

    def hidden(self, text: str) -> tuple[str, int]:
        """The text with other names, and how often one was put."""
        text, count = _without_media(text)
        self._put = 0
        for value, alias in self._long.items():
            for form in {value, json.dumps(value)[1:-1]}:
                count += text.count(form)
                text = text.replace(form, alias)
        if not (self._known or self._ordinary):
            return text, count
        if self._compiled is None:
            self._compiled = self._patterns()
        everywhere, meant = self._compiled
        before = text
        text = everywhere.sub(lambda found: self._alias(found, before), before)
        between = text
        text = meant.sub(lambda found: self._alias_of_meant(found, between), between)
        return text, count + self._put

    def _patterns(self) -> tuple[re.Pattern[str], re.Pattern[str]]:
        """Names wherever they stand; ordinary words where they are names."""
        # The first character alone says whether it is worth looking further: thousands of names cost little more than one.
        names = _tree([*self._known, *DOTTED, *VARIABLES])
        everywhere = re.compile(
            rf"(?P<key>{KEY.pattern})|(?<![^\W_])(?:{names})(?![^\W_])", re.IGNORECASE | re.MULTILINE
        )
        words = _tree(self._ordinary) or r"(?!)"
        exact = _tree(self._exact) or r"(?!)"
        people = _tree(one for one, alias in self._ordinary.items() if alias.startswith("person-")) or r"(?!)"
        meant = re.compile(
            rf'(?P<before>{_MEANT})(?P<word>{words})(?=\\*")|(?P<came>(?<![^\W_]){_CAME_BY})(?P<who>{words})(?![^\W_])|(?P<said>{_PERSON_BEFORE})(?P<person>{people})(?![^\W_])|(?<![^\W_])(?P<exact>(?-i:{exact}))(?![^\W_])',
            re.IGNORECASE,
        )
        return everywhere, meant

    def _alias_of_meant(self, found: re.Match[str], text: str) -> str:
        self._put += 1
        if found["exact"]:
            return self._exact[found["exact"]]
        if found["who"]:
            return found["came"] + self._ordinary[found["who"].lower()]
        if found["person"]:
            return found["said"] + self._ordinary[found["person"].lower()]
        alias, field = self._ordinary[found["word"].lower()], (found["field"] or "name").lower()
        line = text[text.rfind("\n", 0, found.start()) + 1 : text.find("\n", found.end()) % (len(text) + 1)]
        if (field == "id" and not alias.startswith("camera-")) or (
            field == "by" and not BY_NOBODY.isdisjoint(_ACTION.findall(line))
        ):
            self._put -= 1
            return found[0]
        return found["before"] + alias

    def _alias(self, found: re.Match[str], text: str) -> str:
        if found["key"] or found[0].lower() in DOTTED | VARIABLES:
            return found[0]
        self._put += 1
        if found[0].isdigit() and text[max(0, found.start() - 3) : found.start()].endswith(('": ', ".")):
            return found[0]  # a number of JSON's, or a part of a second
        return self._known.get(found[0].lower(), "somebody")


def _forms(text: str) -> tuple[str, str]:
    """As JSON has it, and as it has it without a need."""
    return json.dumps(text)[1:-1], json.dumps(text, ensure_ascii=False)[1:-1]


def _without_media(text: str) -> tuple[str, int]:
    """Without words that are names of footage, whoever has written them."""
    count, lines = 0, text.split("\n")
    for number, line in enumerate(lines):
        small = line.lower()
        if any(end in small for end in _MEDIA):
            lines[number] = _WORD.sub(lambda word: "[file]" if _is_media(word[0]) else word[0], line)
            count += lines[number] != line
    return "\n".join(lines), count


def _is_media(word: str) -> bool:
    return word.lower().rstrip(".!?]}").endswith(_MEDIA)


def named_in(document: Any, *, prefix: str = "") -> Iterator[tuple[Kind, str]]:
    """What a JSON document names, at any depth. `prefix`: of its fields that count ("dockd.", as log lines have it)."""
    if isinstance(document, list):
        for one in document:
            yield from named_in(one, prefix=prefix)
    if not isinstance(document, dict):
        return
    action = document.get("event.action", document.get("DOCKD_EVENT_ACTION"))
    action = action if isinstance(action, str) else ""
    for key, value in document.items():
        bare = key.removeprefix(prefix).lower() if key.startswith(prefix) else ""
        kind = FIELDS.get(bare) if bare != "name" or prefix else None  # stations have names, too
        if bare == "by" and action in BY_NOBODY:
            continue
        if kind is not None and isinstance(value, str):
            yield kind, value
        elif bare == "camera" and isinstance(value, dict):
            yield from (("camera", value[one]) for one in ("id", "serial") if isinstance(value.get(one), str))
            yield from named_in(value, prefix=prefix)
        elif bare == "reason" and isinstance(value, str) and action in TYPED:
            yield "words", value
        else:
            yield from named_in(value, prefix=prefix)


def _tree(words: Iterable[str]) -> str:
    """A pattern for any of the words, the longest first, that looks at each character once."""
    root: dict[str, Any] = {}
    for word in words:
        at = root
        for character in word:
            at = at.setdefault(character, {})
        at[""] = {}
    return _branches(root)


def _branches(node: dict[str, Any]) -> str:
    ends = "" in node
    below = [re.escape(one) + _branches(node[one]) for one in sorted(node) if one]
    if not below:
        return ""
    inside = below[0] if len(below) == 1 and not ends else f"(?:{'|'.join(below)})"
    return f"{inside}?" if ends else inside
