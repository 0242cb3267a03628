"""`dockd demo`: a rack at work on this machine, with no hardware, no root and no network."""

from __future__ import annotations

import asyncio
import signal
import sys
from pathlib import Path

import click

from dockd.cli.common_options import fail, plain, root_cause


@click.command("demo")
@click.option("--bays", default=8, type=click.IntRange(1, 64), show_default=True, help="Bays of the rack.")
@click.option("--cameras", type=click.IntRange(1, 256), help="Cameras that come (default: one less than bays).")
@click.option(
    "--port", type=click.IntRange(0, 65535), help="Port of the page; 0 is any free one (default: 8080 if free)."
)
@click.option(
    "--dir", "folder", type=click.Path(path_type=Path, file_okay=False),
    help="Keep everything in this folder (default: a temporary one that goes at the end).",
)  # fmt: skip
@click.option("--exit-when-done", is_flag=True, help="End when every camera is ready.")
@click.option(
    "--quick", is_flag=True, help="The same story with little footage, in seconds: for a look, and for tests."
)
def demo(
    *, bays: int, cameras: int | None, port: int | None, folder: Path | None, exit_when_done: bool, quick: bool
) -> None:
    """Show a rack at work: cameras with playable footage dock, are pulled, proven in the store, wiped, and become ready.

    One is taken out too early and put back, one has a wrong clock, one a flat battery, and the store goes away for some seconds.
    Exit code 0: every story ended well; 1: one did not (which, is printed); 3: no room, or the port is taken; 130: Ctrl-C.
    """
    from dockd.demo.place import NotOurs, place
    from dockd.demo.station import Asked

    asked = Asked(bays=bays, cameras=cameras or max(1, bays - 1), port=port, exit_when_done=exit_when_done, quick=quick)
    try:
        with place(folder) as where:
            code = asyncio.run(_run(asked, where))
    except NotOurs as error:
        fail(str(error), code=2)
    except OSError as error:
        fail(plain(error), code=3)
    if code == 130:
        kept = f"everything is in {folder}" if folder is not None else "everything was removed"
        click.echo(f"demo: ended by Ctrl-C; {kept}", err=True)
    sys.exit(code)


async def _run(asked: object, where: object) -> int:
    from dockd.demo.far_end import FarEndError
    from dockd.demo.place import Place
    from dockd.demo.station import Asked, NoRoom
    from dockd.demo.station import demo as run
    from ingest.errors import DockdError

    if not isinstance(asked, Asked) or not isinstance(where, Place):
        raise TypeError("the demo is asked for with Asked and Place")
    loop, this = asyncio.get_running_loop(), asyncio.current_task()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, lambda: this.cancel() if this is not None else None)
    try:
        return 0 if await run(asked, where, tell=_tell) else 1
    except asyncio.CancelledError:
        return 130
    except (NoRoom, FarEndError) as error:
        fail(str(error), code=3)
    except (DockdError, OSError, ExceptionGroup) as error:
        known = root_cause(error)
        if known is None:
            raise
        fail(plain(known), code=3)


def _tell(line: str) -> None:
    click.echo(line)
    sys.stdout.flush()
