"""What the documents tell people to type is there: commands with their options, and targets of the Makefile."""

from __future__ import annotations

import re
from pathlib import Path

import click
import pytest

from dockd.cli import cli

ROOT = Path(__file__).parents[2]
# Decisions say what was, too; the fault model names tests alone.
DOCUMENTS = sorted(
    {
        *ROOT.glob("*.md"), ROOT / "config" / "dockd.toml", ROOT / "packaging" / "events.toml", ROOT / "packaging" / "bundle" / "README.txt",
        *(ROOT / "docs").glob("*.md"), *(ROOT / "docs" / "runbooks").glob("*.md"), *(ROOT / "tests").glob("*/README.md"),
    }
    - {ROOT / "docs" / "reliability.md", ROOT / "CHANGELOG.md"}
)  # fmt: skip
_INLINE = re.compile(r"`((?:dockd|make)\s[^`]+)`")
_LINE = re.compile(r"(?m)^ {4,}(?:[^\n`]*(?:runuser -u dockd -- |sudo |\| |&& |; ))?((?:dockd|make) .*)$")
_FENCED = re.compile(r"(?ms)^```(?:sh|bash|console|text)?[^\n]*\n(.*?)^```$")
TARGETS = frozenset(re.findall(r"(?m)^([a-z][a-z-]*):", (ROOT / "Makefile").read_text(encoding="utf-8")))


def typed_in(text: str) -> list[str]:
    """What begins with a command of ours, a line or a piece of code each; what comes behind a mark of a comment is none of it."""
    text = re.sub(r"\\\n\s*", "", _FENCED.sub(lambda block: re.sub("(?m)^", "    ", block[1]), text))
    found = [*_LINE.findall(text), *(" ".join(one.split()) for one in _INLINE.findall(text))]
    return [re.split(r" #| && | \|\s|; |\)", one)[0].strip() for one in found]


def wrong_with(typed: str) -> list[str]:
    """Names in it that there are not."""
    program, *words = re.split(r"\s+", typed)
    if program == "make":
        return [word for word in words[:1] if re.fullmatch(r"[a-z-]+", word) and word not in TARGETS]
    command: click.Command = cli
    while isinstance(command, click.Group) and words and re.fullmatch(r"[a-z][a-z-]*", words[0]):
        there = command.get_command(click.Context(command), words[0])
        if there is None:
            return [words[0]]
        command, words = there, words[1:]
    options = {"--help", "--version"} | {name for one in command.params for name in (*one.opts, *one.secondary_opts)}
    wrong = [word for word in re.findall(r"(?<![\w-])--[a-z][a-z-]*", " ".join(words)) if word not in options]
    return wrong + [value for one in command.params for value in _unknown_values(one, typed)]


def _unknown_values(option: click.Parameter, typed: str) -> list[str]:
    """Words given to an option that takes a few words alone; `a|b` and what stands for a word are none."""
    if not isinstance(option.type, click.Choice) or not isinstance(option, click.Option):
        return []
    given = [one for name in option.opts for one in re.findall(rf"{name}[ =]([a-z][a-z0-9-]*)(?![\w|-])", typed)]
    return [one for one in given if one not in option.type.choices]


@pytest.mark.parametrize("document", DOCUMENTS, ids=[one.name for one in DOCUMENTS])
def test_what_is_to_be_typed_is_there(document: Path) -> None:
    found = typed_in(document.read_text(encoding="utf-8"))
    assert [(typed, wrong) for typed in found if (wrong := wrong_with(typed))] == []


def test_the_checks_of_doctor_that_a_symptom_is_sent_to_are_there() -> None:
    text = (ROOT / "docs" / "troubleshooting.md").read_text(encoding="utf-8")
    named = {
        one
        for part in re.findall(r"doctor: ((?:\*[^*|]+\*(?:, )?)+)", text)
        for one in re.findall(r"\*([^*]+)\*", part)
    }
    said = "".join(one.read_text(encoding="utf-8") for one in (ROOT / "dockd" / "doctor").glob("*.py"))
    assert len(named) > 10
    assert sorted(one for one in named if f'"{one}"' not in said and f'}}: {one.partition(": ")[2]}"' not in said) == []


def here_documents_that_never_end(text: str) -> list[str]:
    """Lines that begin one whose end, as it is pasted, is not a line of its own: what is shown indented is pasted so."""
    lines, found = text.split("\n"), []
    for number, line in enumerate(lines):
        for word in re.findall(r"<<-?\s*['\"]?([A-Z]+)['\"]?", line):
            block = lines[number + 1 :]
            end = block.index("```") if "```" in block else 0
            if line.startswith("    ") or word not in block[:end]:
                found.append(line)
    return found


@pytest.mark.parametrize("document", DOCUMENTS, ids=[one.name for one in DOCUMENTS])
def test_a_here_document_ends_where_it_is_pasted(document: Path) -> None:
    assert here_documents_that_never_end(document.read_text(encoding="utf-8")) == []


def test_a_here_document_that_never_ends_is_found() -> None:
    assert here_documents_that_never_end("```sh\ncat > x <<'END'\na\nEND\n```\n") == []
    for wrong in (
        "    cat > x <<'END'\n    a\n    END\n",
        "```sh\ncat > x <<'END'\na\n END\n```\n",
        "```sh\ncat <<END\na\n```\nEND\n",
    ):
        assert len(here_documents_that_never_end(wrong)) == 1


def test_what_is_not_there_is_found() -> None:
    assert sum(len(typed_in(one.read_text(encoding="utf-8"))) for one in DOCUMENTS) > 200
    assert typed_in("    a.sh | dockd logs verify -  # b\n    x && dockd status --json\n```sh\ndockd \\\n  plan\n```\n`dockd\n  run`\n") == [
        "dockd logs verify -", "dockd status --json", "dockd plan", "dockd run",
    ]  # fmt: skip
    assert wrong_with("dockd custody export --format xml --out x") == ["xml"]
    assert [
        wrong_with(one) for one in ("dockd usr add x", "dockd user add x --rule ops", "make tset", "dockd --verson")
    ] == [["usr"], ["--rule"], ["tset"], ["--verson"]]
    assert [wrong_with(one) for one in ("dockd user add NAME --role ops --json", "make demo ARGS=x", "dockd …")] == [
        [],
        [],
        [],
    ]
