"""The token that a command shows is read from a file, or the command ends and says what is wrong with the file."""

from __future__ import annotations

from pathlib import Path

import pytest

from dockd.cli.page_client import PageClient, token_of


def test_a_token_is_the_files_one_line(tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text("dk_abc\n")
    assert token_of(file) == "dk_abc"
    assert token_of(None) == ""
    assert "dk_abc" not in repr(PageClient(base="http://x", token="dk_abc"))


@pytest.mark.parametrize("content", [b"", b"\n", b"a b", b"a\nb", b"\xff", b"a" * 5000])
def test_what_is_no_token_is_said(content: bytes, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "token"
    file.write_bytes(content)
    with pytest.raises(SystemExit) as ended:
        token_of(file)
    assert ended.value.code == 2
    assert str(file) in capsys.readouterr().err


def test_a_file_that_is_not_there_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        token_of(tmp_path / "none")
    assert "cannot be read" in capsys.readouterr().err
