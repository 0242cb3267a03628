"""What a shell offers after Tab."""

from __future__ import annotations

import subprocess
import sys

import click

from dockd.cli import cli

LOOK = """
import sys
import click
from dockd.cli import cli
offered = [item.value for item in cli.shell_complete(click.Context(cli), "c")]
print(*offered, *(name for name in sys.modules if name.startswith("dockd.cli.")))
"""


def test_every_command_is_offered_with_what_it_is_for() -> None:
    offered = {item.value: item.help for item in cli.shell_complete(click.Context(cli), "")}
    assert list(offered) == cli.list_commands(click.Context(cli))
    assert all(offered.values())
    assert [item.value for item in cli.shell_complete(click.Context(cli), "--v")] == ["--version"]


def test_nothing_is_loaded_for_it() -> None:
    said = subprocess.run([sys.executable, "-c", LOOK], capture_output=True, text=True, check=True, timeout=30)
    assert said.stdout.split() == ["check-config", "custody"]
