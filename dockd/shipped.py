"""Where the files of config/ are: camera profiles, the example configuration, alerts and dashboards.

In a working tree they lie in config/ at the top, as data only; in an installed package the same files travel inside
it, as dockd/_config. Whoever needs one asks here and hands the path on; nothing else knows of the two places.
"""

from __future__ import annotations

from pathlib import Path

_PACKAGE = Path(__file__).resolve().parent
_PLACES = (_PACKAGE / "_config", _PACKAGE.parent / "config")


def shipped(*parts: str) -> Path:
    """The file or folder of config/ named by `parts`, for example `shipped("cameras")`.

    Raises FileNotFoundError where this installation does not carry it.
    """
    for place in _PLACES:
        path = place.joinpath(*parts)
        if path.exists():
            return path
    raise FileNotFoundError(f"config/{'/'.join(parts)} did not come with this installation of dockd: install it again")
