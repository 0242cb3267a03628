"""Makes docs/wrong-configurations.md from packaging/wrong_configurations.toml, by running `dockd check-config` on each (`make wrong-configurations`).

python packaging/wrong_configurations.py            writes it
python packaging/wrong_configurations.py --check    says whether it is what this would write; exit code 1 where it is not
"""

from __future__ import annotations

import os
import sys
import tempfile
import tomllib
from pathlib import Path
from typing import Any

from click.testing import CliRunner

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from dockd.cli.check_config import check_config  # noqa: E402

CASES = ROOT / "packaging/wrong_configurations.toml"
DOCUMENT = ROOT / "docs/wrong-configurations.md"
_THERE = "/etc/dockd"
_LONGEST = 300
_HEAD = """\
# Wrong configurations

{count} configurations that somebody might write, and what `dockd check-config` says of each. Each line names file, line, key, what is wrong and what was
expected, and the nearest known key where the key itself is not known; what may be meant is a warning. All mistakes are told at once; the exit code is 2,
and 0 where there are warnings alone. A reload says the same and goes on as before; `dockd run` says the same and does not start, but where it can do without what is wrong
([which](reload.md#the-same-mistakes-at-a-start)). No secret is repeated.

This page is made by running the command (`make wrong-configurations`, from `packaging/wrong_configurations.toml`); `make test` fails where it says
something else by now.

| | what | written | said |
|---|---|---|---|
"""


def cases() -> list[dict[str, Any]]:
    """Each as the file has it."""
    found: list[dict[str, Any]] = tomllib.loads(CASES.read_text(encoding="utf-8"))["case"]
    return found


def said(case: dict[str, Any], folder: Path) -> tuple[int, list[str]]:
    """What the command says of it: exit code and lines. `folder` is empty, and holds its files afterwards."""
    config = folder / "dockd.toml"
    if not case.get("missing"):
        config.write_bytes(_bytes(case).replace(b"HERE", str(folder).encode()))
    for name, text in case.get("files", {}).items():
        path = folder / name
        if text == "/":
            path.mkdir()
        else:
            path.write_text(text, encoding="utf-8")
            path.chmod(case.get("mode", 0o600))
    kept = {name: None for name in os.environ if name.startswith(("DOCKD__", "CREDENTIALS_DIRECTORY"))}
    done = CliRunner(env={**kept, **case.get("environ", {})}).invoke(check_config, [str(config)])
    lines = done.output.replace(str(folder), _THERE).splitlines()
    return done.exit_code, [line for line in lines if not line.endswith("dockd.toml: fine")]


def _bytes(case: dict[str, Any]) -> bytes:
    if "bytes" in case:
        return bytes.fromhex(case["bytes"])
    text: str = case.get("text", "")
    return text.encode() * int(case.get("times", 1))


def document() -> str:
    """The whole page."""
    rows = []
    found = cases()
    for number, case in enumerate(found, 1):
        with tempfile.TemporaryDirectory(prefix="dockd-wrong-") as folder:
            _, lines = said(case, Path(folder))
        rows.append(f"| {number} | {case['what']} | {_written(case)} | {'<br>'.join(map(_code, lines))} |\n")
    return _HEAD.format(count=len(found)) + "".join(rows)


def _written(case: dict[str, Any]) -> str:
    if case.get("missing"):
        return "nothing"
    if "bytes" in case:
        return "bytes that are no such text" if case["bytes"][:6] != "efbbbf" else "as Windows' Notepad writes it"
    lines = [line for line in case["text"].replace("HERE", _THERE).splitlines() if line]
    if case["text"].endswith('[store]\nurl = "https://store.example.org"\n') and len(lines) > 2:
        lines = lines[:-2]
    shown = [*map(_code, lines), *(_code(f"{name}={value}") for name, value in case.get("environ", {}).items())]
    more = f" {case['times']} times" if "times" in case else ""
    return "<br>".join(shown) + more or "nothing"


def _code(line: str) -> str:
    """In a cell of a table."""
    line = line if len(line) <= _LONGEST * 3 else line[: _LONGEST * 3] + "…"
    ticks = "``" if "`" in line else "`"
    return f"{ticks}{' ' if ticks == '``' else ''}{line}{' ' if ticks == '``' else ''}{ticks}".replace("|", "\\|")


def main() -> int:
    """Exit code."""
    text = document()
    if "--check" in sys.argv[1:]:
        return 0 if DOCUMENT.read_text(encoding="utf-8") == text else 1
    DOCUMENT.write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
