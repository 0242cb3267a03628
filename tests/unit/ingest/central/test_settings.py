from __future__ import annotations

from pathlib import Path

import pytest

from ingest.central.settings import SettingsError, StoreSettings, is_loopback, parse_listen, read_settings


def test_every_key_can_be_set(tmp_path: Path) -> None:
    path = tmp_path / "store.toml"
    path.write_text(
        """
        [store]
        listen = "[::1]:1080"
        token_file = "/etc/dockd/tokens"
        max_size = "5 GiB"
        keep_free = "500 MB"
        retention = "62 d"
        unfinished = "12 h"
        sweep_every = "10 min"
        look_again = "30 s"
        idle_timeout = "1.5 s"
        max_unfinished = 5
        max_receiving = 6
        max_connections = 7
        clock = "as-is"
        """
    )
    assert read_settings(path) == StoreSettings(
        listen=("::1", 1080),
        token_file=Path("/etc/dockd/tokens"),
        max_size=5 << 30,
        keep_free=500_000_000,
        retention=62 * 86400.0,
        unfinished=43200.0,
        sweep_every=600.0,
        look_again=30.0,
        idle_timeout=1.5,
        max_unfinished=5,
        max_receiving=6,
        max_connections=7,
        clock="as-is",
    )


def test_nothing_needs_to_be_set(tmp_path: Path) -> None:
    path = tmp_path / "store.toml"
    path.write_text("")
    assert read_settings(path) == StoreSettings()


@pytest.mark.parametrize(
    "line",
    [
        'retention = "31"',
        "retention = 31",
        'retention = "0 d"',
        'retention = "-1 d"',
        'max_size = "5 Gib"',
        "max_size = 5",
        "max_receiving = true",
        "max_receiving = 0",
        'clock = "maybe"',
        'listen = "here:1"',
        'token_file = ""',
        "sync_window = 5",
        "buffer = 5",
        "unknown = 1",
    ],
)
def test_mistakes_name_file_line_and_key(tmp_path: Path, line: str) -> None:
    path = tmp_path / "store.toml"
    path.write_text(f"[store]\n\n{line}\n")
    with pytest.raises(SettingsError) as wrong:
        read_settings(path)
    (mistake,) = wrong.value.mistakes
    assert mistake.startswith(f"{path}:3: store.{line.split(' ')[0]}: ")


@pytest.mark.parametrize("content", [b"[store", b"\xff\xfe", b"store = 5", b"x" * ((1 << 20) + 1)])
def test_files_that_are_no_configuration(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "store.toml"
    path.write_bytes(content)
    with pytest.raises(SettingsError, match=r"store\.toml"):
        read_settings(path)


def test_where_to_listen() -> None:
    assert parse_listen("localhost:0") == ("127.0.0.1", 0)
    assert [is_loopback(host) for host in ("127.0.0.1", "127.9.9.9", "::1", "0.0.0.0", "::", "10.0.0.1")] == [
        True,
        True,
        True,
        False,
        False,
        False,
    ]
    for wrong in ("", "1080", ":1080", "127.0.0.1:", "127.0.0.1:x", "127.0.0.1:٣", "host:80", None, 80):
        with pytest.raises(ValueError, match="ADDRESS:PORT"):
            parse_listen(wrong)
