"""Whether a dashboard is what Grafana's own model says: run with the Python that has it, `grafana_schema.py FILE`; prints each complaint, exits 1 with any.

What the model does not know it drops: each key must come back. And each value must be of the kind that the model declares.
"""

from __future__ import annotations

import enum
import json
import sys
import types
import typing
from pathlib import Path
from typing import Any


def lost(sent: Any, back: Any, path: str) -> list[str]:
    """What of `sent` did not come back."""
    if isinstance(sent, dict) and isinstance(back, dict):
        gone = [f"{path}.{key}: Grafana knows no such thing" for key in sent if key not in back]
        return gone + [one for key in sent if key in back for one in lost(sent[key], back[key], f"{path}.{key}")]
    if isinstance(sent, list) and isinstance(back, list) and len(sent) == len(back):
        pairs = zip(sent, back, strict=True)
        return [one for at, (mine, its) in enumerate(pairs) for one in lost(mine, its, f"{path}[{at}]")]
    return [] if sent == back else [f"{path}: {sent!r} came back as {back!r}"]


def misfits(value: Any, kind: Any, path: str) -> list[str]:
    """Values in `value` that are not of the declared kind."""
    origin = typing.get_origin(kind)
    if origin in (typing.Union, types.UnionType):
        return _of_one_of(value, kind, path)
    if origin is typing.Literal:
        return [] if value in typing.get_args(kind) else [f"{path}: {value!r} is none of {typing.get_args(kind)}"]
    if origin is list:
        if not isinstance(value, list):
            return [f"{path}: {value!r} is no list"]
        return [bad for at, one in enumerate(value) for bad in misfits(one, typing.get_args(kind)[0], f"{path}[{at}]")]
    if origin is dict:
        if not isinstance(value, dict):
            return [f"{path}: {value!r} is no mapping"]
        return [bad for key, one in value.items() for bad in misfits(one, typing.get_args(kind)[1], f"{path}.{key}")]
    if isinstance(kind, type) and kind is not object:
        return _of_type(value, kind, path)
    return _of_class(value, path) if hasattr(value, "from_json") else []  # a panel's own options


def _of_one_of(value: Any, kind: Any, path: str) -> list[str]:
    kinds = [one for one in typing.get_args(kind) if (one is type(None)) == (value is None)]
    named = [one for one in kinds if one is type(value)] or kinds
    return min((misfits(value, one, path) for one in named), key=len, default=[f"{path}: {value!r} is none of {kind}"])


def _of_type(value: Any, kind: type, path: str) -> list[str]:
    if issubclass(kind, enum.Enum):
        known = [one.value for one in kind]
        return [] if value in known else [f"{path}: {value!r} is none of {known}"]
    if kind in (bool, int, float, str, type(None)):
        return _plain(value, kind, path)
    if isinstance(value, dict) and hasattr(kind, "from_json"):  # the model left it as it came
        return _of_class(kind.from_json(value), path)
    return _of_class(value, path) if hasattr(value, "from_json") else [f"{path}: {value!r} is no {kind.__name__}"]


def _plain(value: Any, kind: type, path: str) -> list[str]:
    if isinstance(value, bool):
        fits = kind is bool
    else:
        fits = isinstance(value, (int, float) if kind is float else kind)
    return [] if fits else [f"{path}: {value!r} is no {kind.__name__}"]


def _of_class(value: Any, path: str) -> list[str]:
    hints = typing.get_type_hints(type(value))
    return [bad for name, kind in hints.items() if hasattr(value, name) for bad in misfits(getattr(value, name), kind, f"{path}.{name}")]  # fmt: skip


def complaints(dashboard: dict[str, Any]) -> list[str]:
    """All that is wrong with it."""
    from grafana_foundation_sdk.cog import encoder, plugins  # type: ignore[import-not-found]
    from grafana_foundation_sdk.cog.runtime import Runtime  # type: ignore[import-not-found]
    from grafana_foundation_sdk.models.dashboard import Dashboard  # type: ignore[import-not-found]

    plugins.register_default_plugins()
    model = Dashboard.from_json(dashboard)
    back = json.loads(encoder.JSONEncoder(sort_keys=True).encode(model))
    found = lost(dashboard, back, "") + misfits(model, Dashboard, "")
    for panel in dashboard.get("panels", []):
        if panel["type"] not in {"row", *Runtime().panelcfg_variants}:
            found.append(f".panels: {panel['type']!r} is no kind of panel")
    return found


if __name__ == "__main__":
    wrong = complaints(json.loads(Path(sys.argv[1]).read_text(encoding="utf-8")))
    print("\n".join(wrong))
    sys.exit(bool(wrong))
