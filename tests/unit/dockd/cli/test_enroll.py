"""What `dockd enroll` asks of whoever types, in the words of what was typed."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from dockd.cli import cli
from tests.simulators.authority import Authority
from tests.simulators.over_https import over_https


@pytest.mark.parametrize(
    ("named", "asked"), [(False, "No authority was named: --ca-file FILE"), (True, "Is --ca-file (")], ids=["none", "another"]
)  # fmt: skip
def test_an_authority_that_nobody_knows_is_asked_for_by_the_option(tmp_path: Path, named: bool, asked: str) -> None:
    (tmp_path / "state").mkdir()
    (tmp_path / "invitation").write_text("x")
    (tmp_path / "invitation").chmod(0o600)
    other = ["--ca-file", str(Authority(tmp_path / "other").certificate)] if named else []
    with over_https(Authority(tmp_path / "ca").served("store")) as url:
        words = [
            "enroll",
            url,
            "--state",
            str(tmp_path / "state"),
            "--invitation-file",
            str(tmp_path / "invitation"),
            *other,
        ]
        done = CliRunner().invoke(cli, words)
    assert (done.exit_code, asked in done.stderr, "store.ca_file" in done.stderr) == (3, True, False), done.output
