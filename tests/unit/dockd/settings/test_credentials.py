"""A file that systemd hands over: "credential:NAME" where a key names a file."""

from __future__ import annotations

from pathlib import Path

import pytest

from dockd.settings import check, load, read_text

TEXT = '[store]\nurl = "https://store.example"\ntoken_file = "credential:{name}"\n'


@pytest.mark.parametrize(
    ("environ", "folder"),
    [
        ({}, "/run/credentials/dockd.service"),
        ({"CREDENTIALS_DIRECTORY": "/given"}, "/given"),
        ({"CREDENTIALS_DIRECTORY": ""}, "/run/credentials/dockd.service"),
    ],
)
def test_it_is_a_file_in_the_folder_that_systemd_made(environ: dict[str, str], folder: str) -> None:
    reading = read_text(TEXT.format(name="store.token"), file="F", environ=environ)
    assert reading.mistakes == ()
    assert str(reading.settings.store.token_file) == f"{folder}/store.token"


def test_from_the_environment_too() -> None:
    environ = {"DOCKD__STORE__TOKEN_FILE": "credential:other", "CREDENTIALS_DIRECTORY": "/given"}
    reading = read_text(TEXT.format(name="one"), file="F", environ=environ)
    assert str(reading.settings.store.token_file) == "/given/other"


@pytest.mark.parametrize("name", ["", "..", "a/b", "../key", "a b", "x" * 201, "a\\nb"])
def test_a_name_that_leads_elsewhere_is_none(name: str) -> None:
    mistakes = read_text(TEXT.format(name=name), file="F", environ={}).mistakes
    assert [(one.line, one.key, one.message) for one in mistakes] == [
        (3, "store.token_file", "is not the name of a credential")
    ]


def test_only_where_a_file_is_named() -> None:
    text = '[store]\nurl = "https://store.example"\n[ledger]\npath = "credential:ledger"\n'
    (mistake,) = read_text(text, file="F", environ={}).mistakes
    assert mistake.key == "ledger.path"


def test_check_config_says_what_is_missing(tmp_path: Path) -> None:
    file = tmp_path / "dockd.toml"
    file.write_text(TEXT.format(name="store.token"))
    said = [str(one) for one in check(file, {}) if one.key == "store.token_file"]
    assert len(said) == 1
    assert 'the credential "store.token" was not handed over' in said[0]
    assert "LoadCredential=store.token:" in said[0]


def test_what_was_handed_over_is_used(tmp_path: Path) -> None:
    given = tmp_path / "given"
    given.mkdir()
    (given / "store.token").write_text("secret")
    (given / "store.token").chmod(0o440)  # as systemd leaves it, with an ACL for the service's user
    file = tmp_path / "dockd.toml"
    file.write_text(
        TEXT.format(name="store.token")
        + f'[spool]\npath = "{tmp_path}/spool"\n[ledger]\npath = "{tmp_path}/ledger.db"\n'
    )
    settings = load(file, environ={"CREDENTIALS_DIRECTORY": str(given)})
    assert settings.store.token_file == given / "store.token"
