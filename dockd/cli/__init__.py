"""The command line: one file a command, loaded only when it is called, so that `--help` is quick. No logic lives here."""

from __future__ import annotations

import importlib
import os
import signal
import sys

import click
from click.shell_completion import CompletionItem

from dockd import __version__

_COMMANDS = {
    "run": ("dockd.cli.run", "run", "The agent, until it is told to stop."),
    "demo": ("dockd.cli.demo", "demo", "A rack at work on this machine: no hardware, no root."),
    "ingest": (
        "dockd.cli.ingest",
        "ingest",
        "One shot: pull, prove in the store and, with --wipe, delete what is proven.",
    ),
    "status": ("dockd.cli.status", "status", "The sergeant's page as text."),
    "bandwidth": (
        "dockd.cli.bandwidth",
        "bandwidth",
        "What may be sent to the store, now and next; or set it for a time.",
    ),
    "check-config": ("dockd.cli.check_config", "check_config", "Every mistake in a configuration at once."),
    "doctor": ("dockd.cli.doctor", "doctor", "What of this machine keeps a dock from its work, and what to do."),
    "support-bundle": (
        "dockd.cli.support_bundle",
        "support_bundle",
        "One redacted archive for whoever helps from afar.",
    ),
    "custody": ("dockd.cli.custody", "custody", "Check, show and export the record of what happened."),
    "reconcile": ("dockd.cli.reconcile", "reconcile", "Listed, copied, confirmed and wiped, to the file and the byte."),
    "store": ("dockd.cli.store", "store", "The store that a dock believes, and the embedded central store."),
    "enroll": ("dockd.cli.enroll", "enroll", "What this dock comes in with to its store: got, proven, renewed."),
    "backup": ("dockd.cli.backup", "backup", "Keep a dock's record elsewhere, while it works; check such a backup."),
    "restore": ("dockd.cli.backup", "restore", "Put a backup into an empty state."),
    "rollback": ("dockd.cli.decommission", "rollback", "The ledger as it was before the last upgrade."),
    "decommission": (
        "dockd.cli.decommission",
        "decommission",
        "Take a dock out of service, once all of it is proven elsewhere.",
    ),
    "bays": ("dockd.cli.bays", "bays", "Which USB port is which bay."),
    "profile": ("dockd.cli.profile", "profile", "Camera profiles: what a device is taken for, and why."),
    "user": ("dockd.cli.user", "user", "Who may come in to the page and the API."),
    "token": ("dockd.cli.token", "token", "What programs and wall screens show instead of a password."),
    "logs": ("dockd.cli.logs", "logs", "Prove that a log arrived whole, or say which lines did not."),
    "plan": ("dockd.cli.plan", "plan", "Will the line carry a shift's footage before the next one ends?"),
}


class _Lazy(click.Group):
    """Names and one line of help are known; a command's module is imported when it is called."""

    def list_commands(self, _ctx: click.Context) -> list[str]:
        return list(_COMMANDS)

    def get_command(self, _ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in _COMMANDS:
            return None
        module, name, _help = _COMMANDS[cmd_name]
        command = getattr(importlib.import_module(module), name)
        if not isinstance(command, click.Command):
            raise TypeError(f"{module}.{name} is no command")
        return command

    def format_commands(self, _ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_module, _name, text) in _COMMANDS.items()])

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        """The commands by what is known of them: a shell that waits for a Tab is not made to wait for every module."""
        found = [
            CompletionItem(name, help=text)
            for name, (_module, _name, text) in _COMMANDS.items()
            if name.startswith(incomplete)
        ]
        return [*found, *click.Command.shell_complete(self, ctx, incomplete)]


@click.command(cls=_Lazy, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="dockd")
def cli() -> None:
    """The agent on a docking rack for body-worn cameras.

    It pulls and verifies footage, brings it to the central store, and deletes it from a camera only after the store has proven that it has it.
    """


def _open_streams() -> None:
    """A stream that was closed by the caller would give its number to the next file that is opened, and prints would land in it."""
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)
    nowhere = [name for name in ("stdin", "stdout", "stderr") if getattr(sys, name) is None]
    for name in nowhere:
        setattr(sys, name, open(os.devnull, "r" if name == "stdin" else "w", encoding="utf-8"))  # noqa: SIM115


def main() -> None:
    """Entry point. Exit codes: 0 done, 1 something is not so, 2 usage or configuration, 3 the environment, 130 interrupted."""
    _open_streams()
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # until a command has its own way to end
    try:
        cli.main(prog_name="dockd", standalone_mode=False)
    except click.exceptions.Exit as end:
        sys.exit(end.exit_code)
    except (click.exceptions.Abort, KeyboardInterrupt):
        print("interrupted: nothing is lost, run it again to go on", file=sys.stderr)  # noqa: T201
        sys.exit(130)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except BrokenPipeError:
        sys.stderr.close()
        sys.exit(1)
