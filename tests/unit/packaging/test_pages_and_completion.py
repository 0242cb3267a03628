"""Manual pages and Tab come from the commands themselves: whatever command there is, it has its page, and a shell offers it with its options."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator
from pathlib import Path

import click
from click.shell_completion import ShellComplete

from dockd.cli import cli

ROOT = Path(__file__).parents[3]
Words = tuple[str, ...]


def walked(command: click.Command, words: Words = ()) -> Iterator[tuple[Words, click.Command]]:
    """Every command that is shown, with the words by which it is called."""
    yield words, command
    if isinstance(command, click.Group):
        context = click.Context(command)
        for name in command.list_commands(context):
            below = command.get_command(context, name)
            assert below is not None
            if not below.hidden:
                yield from walked(below, (*words, name))


COMMANDS = dict(walked(cli))


def made() -> dict[str, str]:
    """The pages of commands that the package ships, by their names."""
    found = importlib.util.spec_from_file_location("make_manpages", ROOT / "packaging/make_manpages.py")
    assert found is not None
    assert found.loader is not None
    module = importlib.util.module_from_spec(found)
    found.loader.exec_module(module)
    return dict(module.commands(cli, words=("dockd",)))


def test_every_command_has_a_page_that_names_its_options() -> None:
    pages = made()
    assert set(pages) == {"-".join(("dockd", *words)) + ".1" for words in COMMANDS}
    for words, command in COMMANDS.items():
        page = pages["-".join(("dockd", *words)) + ".1"].replace("\\-", "-")
        options = [one for one in command.params if isinstance(one, click.Option) and not one.hidden]
        assert [name for one in options for name in one.opts if name not in page] == [], words
        if isinstance(command, click.Group):
            names = [path[-1] for path in COMMANDS if path[:-1] == words and path]
            assert [name for name in names if "-".join(("dockd", *words, name)) + "(1)" not in page] == []


def test_a_shell_offers_every_command_and_option() -> None:
    completion = ShellComplete(cli, {}, "dockd", "_DOCKD_COMPLETE")

    def offered(words: Words, typed: str) -> set[str]:
        return {str(one.value) for one in completion.get_completions(list(words), typed)}

    for words, command in COMMANDS.items():
        if isinstance(command, click.Group):
            assert {path[-1] for path in COMMANDS if path and path[:-1] == words} <= offered(words, ""), words
        options = {
            name
            for one in command.params
            if isinstance(one, click.Option) and not one.hidden
            for name in one.opts
            if name.startswith("--")
        }
        assert options <= offered(words, "--"), words
