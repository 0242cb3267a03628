"""Who root is while it works in a folder of somebody else's: that one, and nothing more."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

_WITHIN = """
import os, sys
from pathlib import Path
from dockd.enrolling.owner import as_owner_of
with as_owner_of(Path(sys.argv[1])):
    print(os.geteuid(), os.getegid(), os.getgroups())
print(os.geteuid(), os.getegid(), os.getgroups())
"""


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can be somebody else")
def test_an_owner_without_a_name_here_has_no_group_of_roots(tmp_path: Path) -> None:
    """A disk of another machine: its user has a number, and nobody knows it."""
    os.chown(tmp_path, 54321, 54322)
    done = subprocess.run(
        [sys.executable, "-c", _WITHIN, str(tmp_path)], capture_output=True, text=True, check=False, extra_groups=[0, 4]
    )
    assert done.stdout.splitlines() == ["54321 54322 [54322]", "0 0 [0, 4]"], done.stderr
