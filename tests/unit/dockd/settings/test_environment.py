from __future__ import annotations

from pathlib import Path

import pytest

from dockd.settings import ListenAddress, SettingsError, load, read_text

URL = {"DOCKD__STORE__URL": "https://store.example.org"}
FILE = '[store]\nurl = "https://s"\n[upload]\nparallel = 3\n'


def said(environ: dict[str, str], text: str = FILE) -> list[str]:
    return [str(mistake) for mistake in read_text(text, file="F", environ=environ).mistakes]


def test_variables_alone_are_enough() -> None:
    settings = load(
        None,
        environ={
            **URL,
            "DOCKD__STATION__NAME": "12",
            "DOCKD__DOCKS__USB": "false",
            "DOCKD__UPLOAD__PARALLEL": "7",
            "DOCKD__UPLOAD__CHUNK": "1048576",
            "DOCKD__BANDWIDTH__LIMIT": "8 Mbit/s",
            "DOCKD__PAGE__LISTEN": "[::1]:0",
            "DOCKD__PAGE__ALLOWED_HOSTS": '["Dock3", "10.0.0.7"]',
            "DOCKD__SPOOL__PATH": "/srv/spool",
            "DOCKD__OIDC__ISSUER": "https://login.example.org/",
            "DOCKD__OIDC__CLIENT_ID": "dock-3",
            "DOCKD__OIDC__ROLES": '{ "bwc sergeants" = "sergeant", "it" = "ops" }',
            "HOME": "/root",
            "DOCKD_LEVEL": "not one of ours",
        },
    )
    assert settings.store.url == "https://store.example.org"
    assert settings.station.name == "12"
    assert settings.docks.usb is False
    assert (settings.upload.parallel, settings.upload.chunk) == (7, 1048576)
    assert settings.bandwidth.limit == 1e6
    assert settings.page.listen == ListenAddress("::1", 0)
    assert settings.page.allowed_hosts == ("dock3", "10.0.0.7")
    assert settings.spool.path == Path("/srv/spool")
    assert settings.oidc.roles == (("bwc sergeants", "sergeant"), ("it", "ops"))


def test_a_variable_overrides_the_file() -> None:
    reading = read_text(FILE, file="F", environ={"DOCKD__UPLOAD__PARALLEL": "5"})
    assert reading.settings.upload.parallel == 5


def test_a_mistake_in_the_file_stays_one() -> None:
    assert said({"DOCKD__PULL__PARALLEL": "5"}, FILE + "[pull]\nparallel = 0\n") == [
        "F:6: pull.parallel: 0 is out of range, expected a whole number of cameras at once from 1 to 64"
    ]


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        (
            "DOCKD__UPLOAD__PARALEL",
            "3",
            "unknown variable, expected DOCKD__SECTION__KEY of a known key (nearest known key: DOCKD__UPLOAD__PARALLEL)",
        ),
        (
            "DOCKD__Upload__Parallel",
            "3",
            "unknown variable, expected DOCKD__SECTION__KEY of a known key (nearest known key: DOCKD__UPLOAD__PARALLEL)",
        ),
        ("DOCKD__", "", "unknown variable, expected DOCKD__SECTION__KEY of a known key"),
        ("DOCKD__BAYS__NUMBER", "3", "bays cannot come from the environment, expected [[bays]] in the file"),
        (
            "DOCKD__STORE__TOKEN",
            "hunter2",
            "unknown key, and a secret is never written here: use token_file, expected [store] token_file with the path of a file that holds the secret (nearest known key: store.token_file)",
        ),
        (
            "DOCKD__UPLOAD__PARALLEL",
            "many",
            '"many" is not a whole number, expected a whole number of uploads at once from 1 to 64',
        ),
        ("DOCKD__UPLOAD__PARALLEL", "0", "0 is out of range, expected a whole number of uploads at once from 1 to 64"),
        ("DOCKD__WIPE__ENABLED", "True", '"True" is neither true nor false, expected true or false, without quotes'),
        (
            "DOCKD__WIPE__GRACE",
            "",
            '"" is not a duration, expected a duration such as "24 h", "10 min", "0 s" or "500 ms"',
        ),
        ("DOCKD__PAGE__ALLOWED_HOSTS", "dock3", 'is not a TOML value, expected a TOML list such as ["one", "two"]'),
        (
            "DOCKD__PAGE__ALLOWED_HOSTS",
            "[]\n[wipe]\nenabled = false",
            'is not a TOML value, expected a TOML list such as ["one", "two"]',
        ),
        (
            "DOCKD__PAGE__ALLOWED_HOSTS",
            '["a:1"]',
            '"a:1" is not a host name, expected a host name or address without port, such as "dock-3.example.org"',
        ),
        (
            "DOCKD__STORE__TOKEN_FILE",
            "hunter2",
            "what is written there is not an absolute path, expected the absolute path of a file that holds the token",
        ),
        (
            "DOCKD__STORE__URL",
            "http://dock:hunter2@store",
            'has a user or password in it, expected a URL such as "https://store.example.org", and the secret in token_file',
        ),
        (
            "DOCKD__PAGE__LISTEN",
            "0.0.0.0:80",
            '0.0.0.0:80 can be reached from other machines, and what people type would go over the line in clear, expected tls_cert_file and tls_key_file (or plain_http = true, if in clear is what you want), and a user where there is none yet (`dockd user add NAME --role ops`); or an address of this machine alone, such as "127.0.0.1:8080"',
        ),
    ],
)
def test_wrong_variables_are_named(name: str, value: str, message: str) -> None:
    assert said({name: value}) == [f"environment: {name}: {message}"]
    assert "hunter2" not in "".join(said({name: value}))


def test_several_wrong_variables_come_after_the_files_mistakes() -> None:
    lines = said({"DOCKD__B": "", "DOCKD__A": ""}, "[wipe]\nx = 1\n" + FILE)
    assert [line.split(":")[0] for line in lines] == ["F", "environment", "environment"]


def test_names_that_are_no_text_are_escaped() -> None:
    (line,) = said({"DOCKD__\udcff\n": "x"})
    assert line.startswith("environment: DOCKD__\\udcff\\n: unknown variable")
    assert line.isprintable()


def test_without_a_file_the_missing_url_is_no_line() -> None:
    with pytest.raises(SettingsError) as raised:
        load(None, environ={})
    (mistake,) = raised.value.mistakes
    assert (mistake.file, mistake.line, mistake.key) == ("environment", None, "store.url")
    assert str(mistake) == 'environment: store.url: is missing, expected url = "https://store.example.org" in [store]'
