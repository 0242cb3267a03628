"""Write the manual pages: dockd(1), one for each of its commands, dockd.toml(5) and dockd-mount(8).

Why it exists: a manual page that somebody has to remember to change goes stale. Rules kept here: every word comes from what the
program itself says (the commands' help, the settings' own descriptions), at the time when the package is built.

    python packaging/make_manpages.py FOLDER
"""

from __future__ import annotations

import os
import re
import sys
import time
import tomllib
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path
from typing import Any

import click

from dockd import __version__
from dockd.cli import _COMMANDS, cli
from dockd.mounting.starting import options
from dockd.settings.schema import SECTIONS

WORDS = tomllib.loads(Path(__file__).with_name("reference.toml").read_text("utf-8"))
"""Exit codes, variables and files: what stands nowhere in the code, for these pages and for docs/reference.md."""


def main() -> int:
    """Write all pages."""
    folder = Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    pages = dict(commands(cli, words=("dockd",)))
    pages["dockd.toml.5"] = configuration()
    pages["dockd-mount.8"] = mount_helper()
    for name, page in pages.items():
        (folder / name).write_text(page, encoding="utf-8")
    return 0


def commands(command: click.Command, *, words: tuple[str, ...]) -> Iterator[tuple[str, str]]:
    """A page for `command`, and for each one below it."""
    context = click.Context(command, info_name=" ".join(words))
    below = {}
    if isinstance(command, click.Group):
        found = {name: command.get_command(context, name) for name in command.list_commands(context)}
        below = {name: one for name, one in found.items() if one is not None and not one.hidden}
    for name, one in below.items():
        yield from commands(one, words=(*words, name))
    yield f"{'-'.join(words)}.1", command_page(command, context=context, words=words, below=below)


def command_page(
    command: click.Command, *, context: click.Context, words: tuple[str, ...], below: dict[str, click.Command]
) -> str:
    """One command as a page."""
    name = "-".join(words)
    usage = " ".join(command.collect_usage_pieces(context))
    parts = [
        heading(name, section=1, about=about(command, words=words)),
        f".SH SYNOPSIS\n\\fB{escaped(' '.join(words))}\\fR\n{escaped(usage)}\n",
        ".SH DESCRIPTION\n" + paragraphs(command.help or ""),
    ]
    found = (one.get_help_record(context) for one in command.get_params(context))
    records = [record for record in found if record and record[1]]
    if records:
        parts.append(".SH OPTIONS\n" + "".join(item(*record) for record in records))
    if below:
        listed = (item(f"{name}-{word}(1)", about(one, words=(*words, word))) for word, one in below.items())
        parts.append(".SH COMMANDS\n" + "".join(listed))
    if len(words) == 1:
        parts.append(".SH FILES\n" + "".join(item(one["path"], plain(one["what"])) for one in WORDS["file"]))
        parts.append(".SH EXIT STATUS\n" + "".join(item(code, plain(what)) for code, what in WORDS["exit"].items()))
        parts.append(
            ".SH ENVIRONMENT\n" + "".join(item(one["name"], plain(one["what"])) for one in WORDS["environment"])
        )
        also = "dockd.toml(5), dockd-mount(8)"
    else:
        also = "-".join(words[:-1]) + "(1), dockd.toml(5)"
    parts.append(f".SH SEE ALSO\n{escaped(also)}\n.PP\nThe documentation in /usr/share/doc/dockd.\n")
    return "".join(parts)


def configuration() -> str:
    """dockd.toml(5), from the settings' own descriptions."""
    parts = [
        heading("dockd.toml", section=5, about="configuration of a docking rack's agent"),
        ".SH SYNOPSIS\n.I /etc/dockd/dockd.toml\n",
        ".SH DESCRIPTION\n"
        + paragraphs(
            "A TOML file. Only what differs from the defaults has to be written, and [store] url. An unknown key is a mistake; "
            "`dockd check-config` names every mistake with its line.\n\n"
            'Sizes are written as "5 GiB", "500 MB" or whole bytes, rates as "20 Mbit/s", durations as "24 h", "10 min" or "0 s"; '
            "paths are absolute. The environment overrides the file: DOCKD__UPLOAD__PARALLEL=4 is [upload] parallel. Secrets are "
            "never written here: the keys that end in _file name files that hold them.\n\n"
            "A file with every key and its default is /usr/share/dockd/dockd.toml."
        ),
    ]
    for section, kind in SECTIONS.items():
        title = "[[bays]]" if section == "bays" else f"[{section}]"
        said = re.sub(r"^(One )?`\[+\w+\]+`( entry)?: ", "", " ".join((kind.__doc__ or "").split()))
        parts.append(f".SH {escaped(title)}\n{paragraphs(capital(said))}")
        parts += [setting_item(key.name, key.metadata) for key in fields(kind)]
    parts.append(".SH SEE ALSO\ndockd(1), dockd\\-check\\-config(1)\n")
    return "".join(parts)


def setting_item(name: str, metadata: Any) -> str:
    """One key: what it is for, what is expected, and what holds without it."""
    default = metadata["default"]
    held = "no default" if default is None else f"default: {toml(default)}"
    return item(
        f"{name} ({held})", f"{metadata['doc'].replace('None:', 'Left out:')} Expected: {metadata['kind'].expected}."
    )


def toml(value: object) -> str:
    """A default as it stands in the file."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, tuple | list):
        return "[" + ", ".join(toml(one) for one in value) + "]"
    return f'"{value}"' if isinstance(value, str) else str(value)


def mount_helper() -> str:
    """dockd-mount(8), from its own options."""
    parser = options()
    shown = parser.formatter_class(prog=parser.prog)
    items = []
    for action in parser._actions:
        words = ", ".join(action.option_strings)
        value = "" if action.nargs == 0 else f" {action.metavar or action.dest.upper()}"
        items.append(item(words + value, shown._expand_help(action)))
    return "".join(
        [
            heading("dockd-mount", section=8, about="mounts cameras' volumes for dockd"),
            ".SH SYNOPSIS\n.B dockd\\-mount\n[OPTIONS]\n",
            ".SH DESCRIPTION\n" + paragraphs(parser.description or ""),
            ".SH OPTIONS\n" + "".join(items),
            ".SH EXIT STATUS\n" + paragraphs(parser.epilog or ""),
            ".SH SEE ALSO\ndockd(1), dockd\\-run(1)\n",
        ]
    )


# -- roff ----------------------------------------------------------------------------------------------------------------


def heading(name: str, *, section: int, about: str) -> str:
    """The page's title, its name, and the line that `whatis` shows."""
    day = time.strftime("%Y-%m-%d", time.gmtime(int(os.environ.get("SOURCE_DATE_EPOCH", time.time()))))
    title = f'.TH "{escaped(name.upper())}" {section} {day} "dockd {__version__}" "dockd"\n'
    return f"{title}.nh\n.SH NAME\n{escaped(name)} \\- {escaped(about.rstrip('.'))}\n"


def item(term: str, text: str) -> str:
    """A term, and below it what it is."""
    return f".TP\n\\fB{escaped(term)}\\fR\n{escaped(' '.join(text.split()))}\n"


def paragraphs(text: str) -> str:
    """Help text as paragraphs; one that begins with a backspace mark (click's) keeps its lines."""
    found = []
    for block in re.split(r"\n\s*\n", text.strip()):
        if block.lstrip().startswith("\b"):
            lines = [line for line in block.splitlines() if line.strip("\b ")]
            found.append(".PP\n.nf\n" + "".join(f"{escaped(line.strip())}\n" for line in lines) + ".fi\n")
        else:
            found.append(f".PP\n{escaped(' '.join(block.split()))}\n")
    return "".join(found)


def escaped(text: str) -> str:
    """Text that roff takes as it is.

    >>> escaped(".a-b")
    '\\\\&.a\\\\-b'
    """
    text = (
        text.replace("\\", "\\e")
        .replace("-", "\\-")
        .replace("'", "\\(aq")
        .replace("`", "\\(ga")
        .replace("^", "\\(ha")
        .replace("~", "\\(ti")
    )
    return "\\&" + text if text.startswith(".") else text


def about(command: click.Command, *, words: tuple[str, ...]) -> str:
    """What a list of commands, and `whatis`, say of one: the line that `dockd --help` has for it, else its first sentence."""
    if len(words) == 2:
        return _COMMANDS[words[1]][2]
    return re.split(r"\.(?:\s|$)", " ".join((command.help or "").split()), maxsplit=1)[0]


def plain(text: str) -> str:
    """Words of Markdown without its marks."""
    return re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", text).replace("`", "")


def capital(text: str) -> str:
    """A sentence's first letter."""
    return text[:1].upper() + text[1:]


if __name__ == "__main__":
    sys.exit(main())
