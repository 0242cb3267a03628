"""What an agent leaves beside its ledger is believed for its own configuration, and for this machine or a host that the configuration names."""

from __future__ import annotations

import asyncio
import json
import os
from pathlib import Path

import pytest

from dockd.ops.page_address import NAME, found, left, url_of
from dockd.settings import ListenAddress, PageSettings

CONFIG = Path("/etc/dockd/dockd.toml")


def say(folder: Path, url: object, config: object = str(CONFIG)) -> None:
    (folder / NAME).write_text(json.dumps({"config": config, "url": url}))


def test_it_is_there_while_the_page_is(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").write_text("theirs")
    (tmp_path / NAME).symlink_to(tmp_path / "elsewhere")

    async def served() -> str | None:
        async with left(tmp_path, config=CONFIG, url="http://127.0.0.1:8080"):
            return found(tmp_path, config=CONFIG)

    assert asyncio.run(served()) == "http://127.0.0.1:8080"
    assert not (tmp_path / NAME).exists()
    assert (tmp_path / "elsewhere").read_text() == "theirs"
    asyncio.run(_unwritable(tmp_path / "none"))


async def _unwritable(folder: Path) -> None:
    async with left(folder, config=CONFIG, url="http://127.0.0.1:8080"):
        assert found(folder, config=CONFIG) is None


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1:8080",
        "https://[::1]:8443",
        "http://localhost:1",
        "http://0.0.0.0:8080",
        "https://dock.example:8443",
    ],
)
def test_believed(tmp_path: Path, url: str) -> None:
    say(tmp_path, url)
    assert found(tmp_path, config=CONFIG, hosts=["dock.example"]) == url
    assert found(tmp_path, config=Path("/etc/other.toml"), hosts=["dock.example"]) is None


@pytest.mark.parametrize(
    "url",
    [
        "http://evil.example:80", "http://10.0.0.1:8080", "http://u@127.0.0.1:8080", "http://127.0.0.1:8080/x", "http://127.0.0.1:8080?x", "http://127.0.0.1",
        "ftp://127.0.0.1:21", "http://127.0.0.1:0", "http://127.0.0.1:99999", "http://127.0.0.1.evil.example:80", "http://[::1", "", None, 7, ["http://127.0.0.1:1"],
        "http://127.0.0.1:8080\n", "http://127.0.0.1#@evil.example:80", "http://evil.example\\@127.0.0.1:80",
    ],
)  # fmt: skip
def test_not_believed(tmp_path: Path, url: object) -> None:
    say(tmp_path, url)
    assert found(tmp_path, config=CONFIG, hosts=["dock.example"]) is None


def test_what_is_no_file_of_an_agent(tmp_path: Path) -> None:
    file = tmp_path / NAME
    for text in ("", "[]", "{", "[" * 5000, "x" * 100_000, '{"url": "http://127.0.0.1:1"}'):
        file.write_text(text)
        assert found(tmp_path, config=CONFIG) is None
    file.unlink()
    os.mkfifo(file)
    assert found(tmp_path, config=CONFIG) is None
    file.unlink()
    say(tmp_path, "http://127.0.0.1:8080")
    file.rename(tmp_path / "aside")
    file.symlink_to(tmp_path / "aside")
    assert found(tmp_path, config=CONFIG) is None


def test_the_name_that_is_in_a_certificate() -> None:
    page = PageSettings(
        listen=ListenAddress("0.0.0.0", 0),
        allowed_hosts=("dock.example",),
        tls_cert_file=Path("/c"),
        tls_key_file=Path("/k"),
    )
    assert url_of(page, port=8443) == "https://dock.example:8443"
