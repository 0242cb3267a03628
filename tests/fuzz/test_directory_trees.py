"""Trees on a card that no camera makes, through the real worker and the whole way: names of any bytes, depth, links, pipes, sockets, odd times and modes.

P1 to P3 by the oracle; what a link leads to is not touched; the run ends, and says no more than its errors.
"""

from __future__ import annotations

import contextlib
import os
import socket
import stat
from pathlib import Path

import pytest
from hypothesis import strategies as st

from tests.fuzz.budget import Budget
from tests.recovery.any_order.scene import Scene

pytestmark = [pytest.mark.soak, pytest.mark.soak_short, pytest.mark.timeout(0)]

_ANGRY = (
    b"a.mp4", b"A.MP4", b"-rf", b"~", b" ", b"\xff\xfe", b"\n", b"a\tb", b"...", b"CON", b"a" * 255, "\u202egpj.mp4".encode(), "e\u0301".encode(),
    "\u00e9".encode(), b".hidden", b"*", b"%n%s", b"lost+found", b"ledger.db", b"x.part", b"0" * 32, b"a\\b", b"'; --", b"<script>",
)  # fmt: skip
_names = st.sampled_from(_ANGRY) | st.binary(min_size=1, max_size=40).filter(
    lambda name: not {0, 47} & set(name) and name not in (b".", b"..")
)
_paths = st.lists(_names, min_size=1, max_size=5).map(b"/".join) | st.just(b"/".join([b"d"] * 60 + [b"deep.mp4"]))
_kinds = st.sampled_from(
    (
        "file",
        "file",
        "file",
        "empty",
        "folder",
        "link",
        "link out",
        "loop",
        "pipe",
        "socket",
        "hard link",
        "closed",
        "odd mode",
    )
)
_times = st.sampled_from((0, 1, -1, 2**31, 2**33, 13_569_465_600, 1_700_000_000)) | st.integers(-(2**31), 2**34)
_things = st.lists(st.tuples(_kinds, _paths, _times), min_size=1, max_size=8)


def _made(root: bytes, kind: str, path: bytes, moment: int, outside: bytes) -> None:
    """One thing on the card, where that is possible."""
    whole = os.path.join(root, path)
    os.makedirs(os.path.dirname(whole), exist_ok=True)
    match kind:
        case "folder" | "closed":
            os.makedirs(whole, exist_ok=True)
            os.chmod(whole, 0o755 if kind == "folder" else 0o000)
        case "link":
            os.symlink(b"a.mp4", whole)
        case "link out":
            os.symlink(outside, whole)
        case "loop":
            os.symlink(os.path.basename(whole), whole)
        case "pipe":
            os.mkfifo(whole)
        case "socket":
            with socket.socket(socket.AF_UNIX) as made, contextlib.chdir(os.path.dirname(whole)):
                made.bind(os.path.basename(whole))
        case "hard link":
            os.link(os.path.join(root, b"first"), whole)
        case _:
            with open(whole, "xb") as file:
                file.write(b"" if kind == "empty" else b"footage of " + path)
                os.fchmod(file.fileno(), 0o6755 if kind == "odd mode" else 0o644)
    if kind not in ("link", "link out", "loop"):
        os.utime(whole, (moment, moment))


def test_trees(budget: Budget, tmp_path: Path) -> None:
    secret = tmp_path / "outside"
    secret.write_bytes(b"not on the card")

    def hold(things: list[tuple[str, bytes, int]], wipe: bool) -> None:
        scene = Scene()
        try:
            scene.begin(simulated=None, site_pins=False, keep_confirmed=0.0)
            root = os.fsencode(scene.cards.root(0))
            (scene.cards.root(0) / "first").write_bytes(b"first")
            for kind, path, moment in things:
                with contextlib.suppress(OSError, ValueError):  # the filesystem has a say in it too
                    _made(root, kind, path, moment, os.fsencode(secret))
            scene.watching.remember(scene.cards.root(0))
            outcome = scene.run(scene.work([0], wipe=wipe))
            assert outcome is not None
            assert outcome.unreachable is None
            assert scene.watching.faults() == []
            assert scene.watching.delivered() == [] or outcome.notes or outcome.held or outcome.failures
            assert stat.S_ISREG(secret.stat().st_mode)
            assert secret.read_bytes() == b"not on the card"
        finally:
            scene.close()

    budget.spend(hold, _things, st.booleans(), shares=3)
