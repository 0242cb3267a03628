"""Makes docs/events.md and the journal's catalogue (packaging/dockd.catalog) from the one registry of events (`make events`).

What an event is called, how much it matters, its sentence and its fields are read from the code; what it means and what to do about it stands in
packaging/events.toml. Nothing is left out silently: an event or a field without words, or words without an event, is an error that names it.

    python packaging/events.py            writes both
    python packaging/events.py --check    says whether they are what this would write; exit code 1 where they are not
"""

from __future__ import annotations

import sys
import textwrap
import tomllib
from collections.abc import Iterator
from dataclasses import Field, fields
from pathlib import Path
from typing import Any, get_args, get_type_hints

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

import dockd.ops.happenings  # noqa: E402, F401  - its events are in the registry once it is imported
from dockd.ops.journald import message_id  # noqa: E402
from ingest.events import REGISTRY, Event  # noqa: E402

WORDS = ROOT / "packaging/events.toml"
DOCUMENT = ROOT / "docs/events.md"
CATALOGUE = ROOT / "packaging/dockd.catalog"
_COMMON = ("camera", "segment", "bay")
_WHOSE = {
    "access": "Who may come in", "agent": "The agent", "bandwidth": "Bandwidth", "bay": "Bays", "camera": "Cameras", "certificate": "Certificates", "clock": "The station's clock",
    "custody": "The record", "dock": "The dock as a whole", "docks": "USB", "file": "Files that are no footage", "ledger": "The ledger", "log": "The log itself",
    "page": "The page", "permit": "Leave to delete", "problem": "Problems", "program": "Libraries", "segment": "Segments", "settings": "The configuration",
    "spool": "The dock's own room", "store": "The store", "user": "Signing in", "worker": "Workers",
}  # fmt: skip
_HEAD = """\
# Events

Everything that happens in dockd is one typed event from one registry: the ledger commits it, custody chains it, the log prints it, metrics count
it, the page shows it. This page is made from the code (`make events`), and `make test` fails where it is not what the code says.

Every line of the log has these fields, beside the event's own:

| field | type | meaning |
|---|---|---|
| `@timestamp` | text | when, RFC 3339, UTC, milliseconds |
| `log.level` | text | debug, info, warning or error |
| `message` | text | the sentence |
| `event.action` | text | which event: the headings below |
| `event.outcome` | text | success, failure or unknown |
| `event.sequence` | integer | 1, 2, 3 … without a gap in each run: what is not there was lost |
| `service.ephemeral_id` | text | the run of dockd, 32 hex digits: another one at each start |
| `service.name`, `service.version` | text | `dockd` and its version |
| `host.name` | text | of the dock |
| `dockd.camera`, `dockd.segment`, `dockd.bay` | text, text, integer | whom it concerns, where that makes sense |
| `dockd.custody` | integer | number of the entry in custody, for those that are in it |

An event's own fields are `dockd.NAME`; `error` is `error.message` and `url` is `url.full`. Those that are marked "may be left out" are not there
where they are not known. In the journal they are `DOCKD_NAME`, the common ones `DOCKD_EVENT_ACTION`, `DOCKD_EVENT_SEQUENCE`,
`DOCKD_SERVICE_EPHEMERAL_ID` and so on; `journalctl -x` shows meaning and advice, and `journalctl MESSAGE_ID=…` finds all of one kind. No secret is ever in a line, and no officer's name (who has a camera is in custody and on the page).
"""


class Unexplained(Exception):
    """An event or a field without words, or words without an event; the text names it."""


def _words() -> dict[str, Any]:
    words = tomllib.loads(WORDS.read_text("utf-8"))
    lacking = sorted(REGISTRY.keys() - words["events"].keys())
    if lacking:
        raise Unexplained(f"{WORDS.relative_to(ROOT)}: write `means` and `do` for {', '.join(lacking)}")
    if gone := sorted(words["events"].keys() - REGISTRY.keys()):
        raise Unexplained(f"{WORDS.relative_to(ROOT)}: there is no event {', '.join(gone)}")
    used = {f.name for event in REGISTRY.values() for f in fields(event)}
    if gone := sorted(words["fields"].keys() - used):
        raise Unexplained(f"{WORDS.relative_to(ROOT)}: no event has a field {', '.join(gone)}")
    return words


def _type(event: type[Event], of: Field[Any]) -> str:
    kind = get_type_hints(event)[of.name]
    some = [one for one in get_args(kind) if one is not type(None)]
    optional = len(some) < len(get_args(kind))
    names = {str: "text", int: "integer", bool: "true or false", list[str]: "list of texts"}
    base = some[0] if optional else kind
    said = names.get(base) or "text"  # a Literal of texts
    return f"{said}, may be left out" if optional else said


def _own(event: type[Event], words: dict[str, Any]) -> Iterator[tuple[str, str, str]]:
    """Each field of its own: name, type, meaning."""
    special = words["events"][event.action].get("fields", {})
    if gone := sorted(special.keys() - {f.name for f in fields(event)}):
        raise Unexplained(f"{WORDS.relative_to(ROOT)}: {event.action} has no field {', '.join(gone)}")
    for f in fields(event):
        if f.name in _COMMON:
            continue
        meaning = special.get(f.name) or words["fields"].get(f.name)
        if meaning is None:
            raise Unexplained(f"{WORDS.relative_to(ROOT)}: [fields] has nothing for {f.name} (of {event.action})")
        yield f.name, _type(event, f), meaning


def document() -> str:
    """docs/events.md."""
    words = _words()
    parts = [_HEAD]
    section = ""
    for action in sorted(REGISTRY):
        event = REGISTRY[action]
        subject = action.partition(".")[0]
        if subject != section:
            if subject not in _WHOSE:
                raise Unexplained(f"packaging/events.py: _WHOSE has no heading for events that begin with {subject}.")
            parts.append(f"## {_WHOSE[subject]}\n")
            section = subject
        parts.append(_chapter(event, words))
    return "\n".join(parts)


def _chapter(event: type[Event], words: dict[str, Any]) -> str:
    said = words["events"][event.action]
    varies = " (or as it says)" if event.severity is not Event.severity else ""
    kept = "in custody" if event.custody else "not in custody"
    lines = [
        f"### `{event.action}`\n", f"{event.level}{varies}, {event.outcome}, {kept}. `MESSAGE_ID={message_id(event.action)}`\n", f"> {event.text}\n",
        f"{said['means']} **To do:** {said['do']}\n",
    ]  # fmt: skip
    if rows := list(_own(event, words)):
        lines.append("| field | type | meaning |\n|---|---|---|")
        lines += [f"| `{name}` | {kind} | {meaning} |" for name, kind, meaning in rows]
        lines.append("")
    return "\n".join(lines)


def catalogue() -> str:
    """packaging/dockd.catalog: the format is systemd's (https://www.freedesktop.org/wiki/Software/systemd/catalog/)."""
    words = _words()
    parts = ["# Made by packaging/events.py from the registry of events (make events): what is changed here is lost.\n"]
    for action in sorted(REGISTRY):
        event, said = REGISTRY[action], words["events"][action]
        body = "\n\n".join(textwrap.fill(text, 78) for text in (said["means"], f"To do: {said['do']}"))
        parts.append(
            f"-- {message_id(action)}\nSubject: {action}: {_subject(event)}\nDefined-By: dockd\nDocumentation: man:dockd(1)\n\n{body}\n"
        )
    return "\n".join(parts)


def _subject(event: type[Event]) -> str:
    """The sentence, with the journal's own way to put a field into it."""
    values = {f.name: f"@DOCKD_{_journal_name(f.name)}@" for f in fields(event)}
    return event.text.format_map(values)


def _journal_name(name: str) -> str:
    return {"error": "ERROR_MESSAGE", "url": "URL_FULL"}.get(name, name.upper())


def main() -> None:
    """Write both, or check them."""
    made = {DOCUMENT: document(), CATALOGUE: catalogue()}
    stale = [path for path, text in made.items() if not path.exists() or path.read_text("utf-8") != text]
    if "--check" in sys.argv[1:]:
        for path in stale:
            print(f"{path.relative_to(ROOT)} is not what the code says: run `make events`", file=sys.stderr)
        sys.exit(1 if stale else 0)
    for path in stale:
        path.write_text(made[path], "utf-8")
        print(f"wrote {path.relative_to(ROOT)}")


if __name__ == "__main__":
    try:
        main()
    except Unexplained as error:
        sys.exit(f"events: {error}")
