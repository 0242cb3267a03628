"""Makes docs/reference.md from the code (`make reference`): every command, setting, address and metric by what the code itself says of it.

Why it exists: a reference that somebody has to remember to change is wrong within a week. What stands nowhere in the code (exit codes, whose a file
is) stands in packaging/reference.toml; a key or an address without words, or words for what is gone, is an error that names it.

    python packaging/reference.py            writes it
    python packaging/reference.py --check    says whether it is what this would write; exit code 1 where it is not
"""

from __future__ import annotations

import re
import sys
import tomllib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any, get_args

import click

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from prometheus_client.parser import text_string_to_metric_families  # noqa: E402

from dockd.cli import _COMMANDS, cli  # noqa: E402
from dockd.mounting.starting import options  # noqa: E402
from dockd.ops.metrics import CERTIFICATES, Gauges, Metrics  # noqa: E402
from dockd.page.looks import BayState  # noqa: E402
from dockd.page.openapi import CHANGES, READS  # noqa: E402
from dockd.page.problems import PROBLEMS  # noqa: E402
from dockd.settings.live import words as at_a_reload  # noqa: E402
from dockd.settings.schema import SECTIONS  # noqa: E402
from dockd.settings.units import format_bytes, format_duration  # noqa: E402
from ingest.central.settings import _KEYS as STORE_KEYS  # noqa: E402
from ingest.central.settings import StoreSettings  # noqa: E402

WORDS = ROOT / "packaging/reference.toml"
DOCUMENT = ROOT / "docs/reference.md"
_RIGHTS = {"open": "everybody", "read": "viewer", "change": "sergeant", "operate": "ops"}
_OF_PROMETHEUS = "process_"
_HEAD = """\
# Reference

Commands, settings, addresses, metrics and files, as the code has them: this page is made from it (`make reference`), and `make test` fails where the
two differ. What to do with it all: [configure.md](configure.md), [operate.md](operate.md). Names stay; more may be added.

[Commands](#commands) · [Exit codes](#exit-codes) · [Environment](#environment) · [Configuration](#configuration) · [Pages](#pages) · [API](#api) ·
[Metrics](#metrics) · [Log](#log) · [The embedded store](#the-embedded-store) · [Files](#files)
"""
_CONFIGURATION = """\
## Configuration

TOML, by default `/etc/dockd/dockd.toml`. Only what differs from the defaults has to be written, and `store.url`. Unknown keys are mistakes; `dockd check-config` names every
mistake at once, with its line. Sizes are written as `"5 GiB"`, `"500 MB"` or whole bytes, rates as `"20 Mbit/s"`, durations as `"24 h"`, `"1 h 30 min"` or `"0 s"`; paths are
absolute. Secrets are never written here: keys that end in `_file` name a file, or `"credential:NAME"`, which systemd hands over.

The environment goes before the file: `DOCKD__UPLOAD__PARALLEL=4` is `[upload] parallel`; lists and tables are written as in TOML. What stands behind each key in
*italics* is what `systemctl reload dockd` (SIGHUP) makes of a changed value, once the whole file was found right: live, and from when on; or it needs a restart, is named in the log, and holds from
the next start on. What stands in the files that keys name (certificates, tokens, the list of cameras, camera profiles) is read again without a restart.
"""


class Unexplained(Exception):
    """Something without words, or words for what is not there; the text names it."""


def document() -> str:
    """docs/reference.md."""
    words = tomllib.loads(WORDS.read_text("utf-8"))
    parts = (
        _HEAD, *_commands(), *_ends(words), _CONFIGURATION, *_settings(), *_addresses(words), *_metrics(),
        *_log(), *_store(words), *_files(words),
    )  # fmt: skip
    return "\n".join(part.rstrip("\n") + "\n" for part in parts)


# -- Markdown ------------------------------------------------------------------------------------------------------------


def table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table; a bar in a cell is no border, a line's end no row's."""
    lines = [heads, ["---"] * len(heads), *rows]
    return "".join(f"| {' | '.join(_cell(one) for one in line)} |\n" for line in lines)


def _cell(text: str) -> str:
    return " ".join(text.replace("|", "\\|").split())


def code(text: str) -> str:
    """As it is typed."""
    return f"`{text}`"


# -- commands ------------------------------------------------------------------------------------------------------------


def _commands() -> Iterator[str]:
    yield (
        "## Commands\n\nHuman text goes to standard output, progress and warnings to standard error; `--json` is one JSON document on one line, or one a line where it streams. Each command has `--help` "
        "(`-h`), and a manual page. `python -m dockd` is the same program.\n"
    )
    rows = [(f"[`dockd {name}`](#dockd-{name})", about) for name, (_module, _name, about) in _COMMANDS.items()]
    yield table(("command", "what it does"), [*rows, ("[`dockd-mount`](#dockd-mount)", options().description or "")])
    for name in _COMMANDS:
        command = cli.get_command(click.Context(cli), name)
        if command is None:
            raise Unexplained(f"dockd {name} is listed and is no command")
        yield from _command(command, words=("dockd", name))
    yield _mounting()


def _command(command: click.Command, *, words: tuple[str, ...]) -> Iterator[str]:
    """A command, and those below it."""
    context = click.Context(command, info_name=" ".join(words))
    usage = " ".join((*words, *command.collect_usage_pieces(context)))
    found = (one.get_help_record(context) for one in command.get_params(context))
    rows = [(code(" ".join(name.split())), text) for name, text in filter(None, found) if text and "--help" not in name]
    below = [] if not isinstance(command, click.Group) else command.list_commands(context)
    parts = [f"### `{' '.join(words)}`\n"]
    if not below:
        parts += [f"    {usage}\n"]
    parts += [*_help(command.help or "")]
    if rows:
        parts.append(table(("option", ""), rows))
    yield "\n".join(parts)
    for name in below:
        one = command.get_command(context, name) if isinstance(command, click.Group) else None
        if one is not None and not one.hidden:
            yield from _command(one, words=(*words, name))


def _help(text: str) -> Iterator[str]:
    """Help text as paragraphs; one that begins with a backspace mark (click's) keeps its lines."""
    for block in re.split(r"\n\s*\n", text.strip()):
        if block.lstrip().startswith("\b"):
            lines = [line for line in block.splitlines() if line.strip("\b ")]
            yield "".join(f"    {line.strip()}\n" for line in lines)
        else:
            yield f"{' '.join(block.split())}\n"


def _mounting() -> str:
    parser = options()
    shown = parser.formatter_class(prog=parser.prog)
    rows = [
        (code(", ".join(one.option_strings) + ("" if one.nargs == 0 else f" {one.metavar or one.dest.upper()}")), shown._expand_help(one))
        for one in parser._actions if "--help" not in one.option_strings
    ]  # fmt: skip
    return (
        f"### `dockd-mount`\n\n{parser.description} {parser.epilog} It is a service of its own: `dockd-mount.service`.\n\n"
        + table(("option", ""), rows)
    )


def _ends(words: Mapping[str, Any]) -> Iterator[str]:
    yield "## Exit codes\n\n" + table(("code", "meaning"), words["exit"].items())
    yield "## Environment\n\n" + table(
        ("variable", "what"), ((", ".join(map(code, one["name"].split(", "))), one["what"]) for one in words["environment"])
    )  # fmt: skip


# -- settings ------------------------------------------------------------------------------------------------------------


def _settings() -> Iterator[str]:
    for section, kind in SECTIONS.items():
        title = "[[bays]]" if section == "bays" else f"[{section}]"
        said = re.sub(r"^(One )?`\[+\w+\]+`( entry)?: ", "", " ".join((kind.__doc__ or "").split()))
        keys = "".join(_setting(section, key.name, key.metadata) for key in fields(kind))
        yield f"### `{title}`\n\n{capital(said)}\n\n{keys}"


def _setting(section: str, name: str, metadata: Mapping[str, Any]) -> str:
    """One key: what may be written, what holds without it, its variable; what it is for; what a reload makes of it."""
    default = metadata["default"]
    first = [metadata["kind"].expected, "no default" if default is None else f"default {code(toml(default))}"]
    if section != "bays":
        first.append(code(f"DOCKD__{section}__{name}".upper()))
    doc = metadata["doc"].replace("None:", "Left out:")
    return f"* **`{name}`**: {'; '.join(first)}.\n  {doc} *{capital(at_a_reload(section, name))}.*\n"


def capital(text: str) -> str:
    """A sentence's first letter."""
    return text[:1].upper() + text[1:]


def toml(value: object) -> str:
    """A default as it stands in the file."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, tuple | list):
        return "[" + ", ".join(toml(one) for one in value) + "]"
    return f'"{value}"' if isinstance(value, str) else str(value)


# -- addresses -----------------------------------------------------------------------------------------------------------


def _addresses(words: Mapping[str, Any]) -> Iterator[str]:
    yield (
        "## Pages\n\nAt `page.listen`, for people who have signed in ([access.md](access.md)); pictures of them in [page.md](page.md).\n\n"
        + table(("page", ""), ((code(one["path"]), one["what"]) for one in words["page"]))
    )
    calls = [("GET", path, call) for path, call in READS.items()] + [("POST", path, call) for path, call in CHANGES.items()]  # fmt: skip
    yield (
        "## API\n\nBelow `/api/v1`; `/healthz`, `/readyz` and `/metrics` also at the root. `GET /api/v1/openapi.json` has every field, [api.md](api.md) what a description cannot say. Each role may do what those "
        "before it may: viewer, sergeant, ops.\n\n"
        + table(
            ("call", "what", "who"),
            ((code(f"{method} {path}"), call.summary, _RIGHTS[call.right]) for method, path, call in calls),
        )
    )


# -- metrics -------------------------------------------------------------------------------------------------------------


def _metrics() -> Iterator[str]:
    everything = Gauges(
        clock_synchronised=True, certificates=dict.fromkeys(CERTIFICATES, 1.0), problems=dict.fromkeys(PROBLEMS, 1),
        problems_since=dict.fromkeys(PROBLEMS, 1.0), bays=dict.fromkeys(get_args(BayState), 1),
    )  # fmt: skip
    text = Metrics(version="1").render(everything)[0].decode()
    rows = []
    for family in sorted(text_string_to_metric_families(text), key=lambda one: one.name):
        if family.name.startswith(_OF_PROMETHEUS) or family.name.endswith("_created"):
            continue
        labels: dict[str, dict[str, None]] = {}
        for sample in family.samples:
            for label, value in sample.labels.items():
                labels.setdefault(label, {})[value] = None
        rows.append(
            (_named(family.name, family.type, labels), family.type, family.documentation, _values(family.name, labels))
        )
    yield (
        "## Metrics\n\nAt `/metrics`, for Prometheus. What they mean, the alerts and the dashboard: [monitoring.md](monitoring.md). `process_*` are Prometheus' own.\n\n"
        + table(("name", "type", "what", "labels' values"), rows)
        + f"\nProblems' names: {', '.join(sorted(map(code, PROBLEMS)))}.\n"
    )


def _named(name: str, kind: str, labels: Mapping[str, object]) -> str:
    shown = sorted(labels.keys() - {"le"})
    return code(f"{name}{'_total' if kind == 'counter' else ''}{'{' + ', '.join(shown) + '}' if shown else ''}")


def _values(name: str, labels: Mapping[str, Iterable[str]]) -> str:
    """What a label may be, where that is a closed set."""
    other = {"dockd_build_info": "versions", "dockd_store_request_duration_seconds": "the request's method, or other"}
    if name in other:
        return other[name]
    return "; ".join("a problem's name" if label == "problem" else ", ".join(values) for label, values in labels.items() if label != "le")  # fmt: skip


def _log() -> Iterator[str]:
    yield (
        "## Log\n\nOne JSON object a line with ECS names (`log.format = \"json\"`), native fields of the journal (`\"journald\"`), or text for people (`\"console\"`). Each event with its fields, meaning and advice: "
        "[events.md](events.md); what it takes to get every line to another machine, and to prove it: [logs.md](logs.md).\n"
    )  # fmt: skip


# -- the embedded store, files -------------------------------------------------------------------------------------------


def _store(words: Mapping[str, Any]) -> Iterator[str]:
    said = {one["key"]: one for one in words["store"]}
    if said.keys() != set(STORE_KEYS):
        raise Unexplained(
            f"{WORDS.relative_to(ROOT)}: [[store]] and ingest/central/settings.py differ in {', '.join(sorted(said.keys() ^ set(STORE_KEYS)))}"
        )
    rows = ((code(key), said[key]["expected"], _of_store(key), said[key]["what"]) for key in STORE_KEYS)
    yield (
        "## The embedded store\n\n`dockd store serve --config FILE`, with one table `[store]`; it is another file than the dock's. Unknown keys are mistakes. Relative paths are the folder's in which it was started.\n\n"
        + table(("key", "expected", "default", "what it is for"), rows)
    )
    calls = ((", ".join(map(code, one["call"].split(", "))), one["what"]) for one in words["address"])
    yield (
        table(("call", ""), calls)
        + "\nAnswers: 401, 403 credentials; 404, 410 unknown or expired upload; 409 wrong offset; 413 too large; 423 locked; 460 checksum; 503 with Retry-After busy; 507 full.\n"
    )


def _of_store(key: str) -> str:
    """A default of the store's, as it would be written."""
    value = getattr(StoreSettings(), key)
    if value is None:
        return code('"127.0.0.1:1080"') if key == "listen" else "none"
    if isinstance(value, str):
        return code(f'"{value}"')
    if isinstance(value, float):
        return code(f'"{format_duration(value)}"')
    return code(f'"{format_bytes(value)}"' if key in ("max_size", "keep_free") else str(value))


def _files(words: Mapping[str, Any]) -> Iterator[str]:
    rows = ((", ".join(map(code, one["path"].split(", "))), one["mode"], one["owner"], one["what"]) for one in words["file"])  # fmt: skip
    yield (
        "## Files\n\nAs the package and its units make them. Elsewhere than below `/var/lib/dockd` where `ledger.path`, `spool.path` or `log.file` say so: the keys, `access.db` and the locks lie beside the ledger. With "
        "`dockd ingest` all of the state is under `--state` (by default `$XDG_STATE_HOME/dockd`), and whoever runs it owns it.\n\n"
        + table(("path", "mode", "owner", "what"), rows)
    )


def main() -> None:
    """Write it, or check it."""
    made = document()
    stale = not DOCUMENT.exists() or DOCUMENT.read_text("utf-8") != made
    if "--check" in sys.argv[1:]:
        if stale:
            print(f"{DOCUMENT.relative_to(ROOT)} is not what the code says: run `make reference`", file=sys.stderr)
        sys.exit(1 if stale else 0)
    if stale:
        DOCUMENT.write_text(made, "utf-8")
        print(f"wrote {DOCUMENT.relative_to(ROOT)}")


if __name__ == "__main__":
    try:
        main()
    except Unexplained as error:
        sys.exit(f"reference: {error}")
