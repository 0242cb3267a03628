"""The settings as ops read them: every key, where it comes from, and no secret."""

from __future__ import annotations

from pathlib import Path

from dockd.page.settings_words import Told, told, value_words
from dockd.settings.reading import read
from dockd.settings.schema import KEYS

TEXT = """
[store]
url = "https://store.example/files/"
token_file = "/etc/dockd/token"
[upload]
retry_max = "7 min"
[bandwidth]
limit = "20 Mbit/s"
"""


def keys(environ: dict[str, str]) -> dict[str, Told]:
    reading = read(TEXT, file="dockd.toml", environ=environ)
    assert not reading.mistakes
    return {one.key: one for _section, every in told(reading.settings, environ=environ) for one in every}


def test_every_key_is_told_with_where_it_comes_from() -> None:
    found = keys({"DOCKD__STATION__NAME": "Elm Street"})
    assert set(found) == {f"{section}.{key}" for section in KEYS if section != "bays" for key in KEYS[section]}
    sources = [
        (found[key].value, found[key].source)
        for key in ("station.name", "upload.retry_max", "bandwidth.limit", "wipe.enabled")
    ]
    assert sources == [
        ("Elm Street", "the environment"), ("7 min", "the configuration"), ("20 Mbit/s", "the configuration"), ("yes", "dockd's own")
    ]  # fmt: skip
    assert all(one.doc for one in found.values())


def test_of_a_secret_only_its_files_path_is_told(tmp_path: Path) -> None:
    secret = tmp_path / "token"
    secret.write_text("hunter2")
    assert keys({})["store.token_file"].value == "/etc/dockd/token"
    assert value_words(secret, expected="") == str(secret)
    assert value_words("https://user:hunter2@store/files", expected="") == "https://store/files"
    assert value_words("x" * 5000 + "\u202e", expected="") == "x" * 500
