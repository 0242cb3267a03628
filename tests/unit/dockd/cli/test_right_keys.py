"""Of a configuration with mistakes, what is right may be read; what is in doubt is named, and never guessed."""

from __future__ import annotations

from pathlib import Path

import pytest

from dockd.cli.right_keys import readable_keys

RIGHT = '[ledger]\npath = "/srv/ledger.db"\n'


@pytest.mark.parametrize(
    "text",
    [
        RIGHT + '[bandwidth]\nlimit = "80 Mbps"\n',
        RIGHT + '[page]\nlisten = 8\n[stor]\nurl = 1\n',
        RIGHT + 'sync = true\n',
        '[bandwidth]\nlimit = "80 Mbps"\n',
    ],
    ids=["elsewhere", "another section", "unknown beside it", "a default"],
)  # fmt: skip
def test_a_key_that_is_right_is_read(tmp_path: Path, text: str, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "dockd.toml"
    file.write_text(text)
    settings = readable_keys(file).rely_on("ledger.path", instead="x")
    assert settings.ledger.path == Path("/srv/ledger.db" if RIGHT in text else "/var/lib/dockd/ledger.db")
    assert capsys.readouterr().err.startswith(f"warning: {file}:")


@pytest.mark.parametrize(
    "text",
    ['[ledger]\npath = "relative"\n', '[ledger]\npth = "/srv/l.db"\n', '[ledger]\ndatabase = "/srv/l.db"\n', '[ledgr]\npath = "/srv/l.db"\n', "ledger = 1\n", "no toml", RIGHT + RIGHT],
)  # fmt: skip
def test_a_key_that_is_in_doubt_is_not(tmp_path: Path, text: str, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "dockd.toml"
    file.write_text(text)
    with pytest.raises(SystemExit) as ended:
        readable_keys(file).rely_on("ledger.path", instead="name it by --state")
    assert ended.value.code == 2
    said = capsys.readouterr().err
    assert said.startswith(f"{file}:")
    assert "without ledger.path this is not known: name it by --state" in said


def test_a_file_that_cannot_be_read(tmp_path: Path) -> None:
    assert readable_keys(tmp_path / "none").in_doubt("page.listen")
