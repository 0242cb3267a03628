"""The lines that enrolment comes to are written into dockd.toml without touching anything else in it, or not at all."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from dockd.enrolling.configuration import as_toml, changed, write
from dockd.enrolling.files import NotTaken
from dockd.settings import read_text
from tests.program import REPOSITORY

EXAMPLE = (REPOSITORY / "config/dockd.toml").read_text()
LINES = {
    "url": "https://store.test",
    "pin": "abc",
    "client_cert_file": "/k/c.pem",
    "client_key_file": "/k/c.pem",
    "token_file": None,
}


def fine(_file: Path) -> list[str]:
    return []


def test_comments_and_everything_else_stay() -> None:
    text = changed(EXAMPLE, LINES)
    gone = [line for line in EXAMPLE.splitlines() if line not in text.splitlines()]
    assert gone == ['url = "https://store.example.org"']
    store = read_text(text, file="x", environ={}).settings.store
    assert (store.url, store.pin, str(store.client_cert_file), store.token_file) == (
        "https://store.test",
        "abc",
        "/k/c.pem",
        None,
    )


def test_what_is_to_go_goes_and_a_table_that_is_not_there_is_made() -> None:
    assert "token_file" not in changed('[store]\nurl = "https://a"\ntoken_file = "/t" # old\n', LINES)
    assert read_text(changed("# nothing yet\n", LINES), file="x", environ={}).settings.store.pin == "abc"
    assert read_text(as_toml(LINES), file="x", environ={}).settings.store.pin == "abc"


@pytest.mark.parametrize("text", ["[store\n", "store = 5\n", "[[store]]\nurl = 1\n"])
def test_what_a_program_cannot_change(text: str) -> None:
    with pytest.raises(NotTaken, match="cannot be changed"):
        changed(text, LINES)


def test_it_is_tried_beside_itself_and_replaced_as_a_whole(tmp_path: Path) -> None:
    file = tmp_path / "dockd.toml"
    file.write_text(EXAMPLE)
    file.chmod(0o640)
    tried: list[str] = []

    def check(trial: Path) -> list[str]:
        assert trial.parent == file.parent
        assert file.read_text() == EXAMPLE
        tried.append(trial.read_text())
        return []

    backup = write(file, LINES, check=check)
    assert backup is not None
    assert backup.read_text() == EXAMPLE
    assert [file.read_text()] == tried
    assert file.stat().st_mode & 0o777 == 0o640
    assert len(list(tmp_path.iterdir())) == 2


def test_where_it_would_be_refused_nothing_is_written(tmp_path: Path) -> None:
    file = tmp_path / "dockd.toml"
    file.write_text(EXAMPLE)
    with pytest.raises(NotTaken, match=f"(?s)left as it is:\n{file}:3: wrong"):
        write(file, LINES, check=lambda trial: [f"{trial}:3: wrong"])
    assert file.read_text() == EXAMPLE
    assert list(tmp_path.iterdir()) == [file]


def test_a_new_one_is_not_for_everybody(tmp_path: Path) -> None:
    file = tmp_path / "dockd.toml"
    assert write(file, LINES, check=fine, group=os.getgid()) is None
    assert read_text(file.read_text(), file="x", environ={}).settings.store.pin == "abc"
    assert file.stat().st_mode & 0o007 == 0
