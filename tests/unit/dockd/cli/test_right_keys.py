"""Of a configuration with mistakes, what is right may be read; what is in doubt is named, and never guessed."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from dockd.cli import cli
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
    ['[ledger]\npath = "relative"\n', '[ledger]\npth = "/srv/l.db"\n', '[ledger]\ndatabase = "/srv/l.db"\n', '[ledgr]\npath = "/srv/l.db"\n', "ledger = 1\n", "no toml", RIGHT + RIGHT,
     '[pull]\npath = "/srv/l.db"\n', '[database]\npath = "/srv/l.db"\n', 'ledger_file = "/srv/l.db"\n', '[[bays]]\npath = "/srv/l.db"\n'],
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


def test_a_variable_that_nobody_knows_puts_a_default_in_doubt(tmp_path: Path) -> None:
    file = tmp_path / "dockd.toml"
    file.write_text("")
    asked = ["custody", "verify", "--config", str(file)]
    said = CliRunner().invoke(cli, asked, env={"DOCKD__WEATHER__TODAY": "/srv/l.db"})
    assert said.exit_code == 2
    assert "environment: DOCKD__WEATHER__TODAY: unknown variable" in said.stderr
    assert "without ledger.path this is not known" in said.stderr


@pytest.mark.parametrize("command", [["reconcile"], ["custody", "verify"]])
@pytest.mark.parametrize(
    "text",
    ['[pull]\npath = "/srv/l.db"\n', '[database]\npath = "/srv/l.db"\n', 'ledger_file = "/srv/l.db"\n'],
    ids=["a lost header", "another section", "outside of any"],
)
def test_no_ledger_is_read_that_nobody_meant(tmp_path: Path, command: list[str], text: str) -> None:
    file = tmp_path / "dockd.toml"
    file.write_text(text)
    said = CliRunner().invoke(cli, [*command, "--config", str(file)])
    assert said.exit_code == 2, said.output
    assert "without ledger.path" in said.stderr
    assert said.stdout == ""


@pytest.mark.parametrize(
    "text", ['[web]\nlisten = "127.0.0.1:18443"\n', 'listen_on = "127.0.0.1:18443"\n', '[page]\nlisten = "127.0.0.1:1"\n[web]\ntls = "/x"\n']
)  # fmt: skip
def test_no_token_is_shown_to_a_default_while_anything_is_unknown(tmp_path: Path, text: str) -> None:
    file, token = tmp_path / "dockd.toml", tmp_path / "token"
    file.write_text(text)
    token.write_text("dk_secret\n")
    said = CliRunner().invoke(cli, ["status", "--config", str(file), "--token-file", str(token)])
    assert said.exit_code == 2, said.output  # 3: somebody was asked
    assert "the page's address may be named by --url" in said.stderr
