"""`dockd store` as its users meet it: first line, signals, exit codes, mistakes."""

from __future__ import annotations

import errno
import signal
from pathlib import Path

import aiohttp
import pytest

from ingest.central.app import why_not_listening
from tests.contract.central.store_process import StoreProcess, store_command
from tests.contract.central.test_receipts import thumbprint, verified
from tests.contract.central.tus_client import TusClient


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_serves_until_told_to_end_and_keeps_its_id(
    tmp_path: Path, session: aiohttp.ClientSession, number: signal.Signals
) -> None:
    arguments = ("--root", str(tmp_path / "root"), "--listen", "127.0.0.1:0")
    store = await StoreProcess(*arguments).start()
    path = await TusClient(store.url, session).stored(b"footage")
    code, err = await store.end(number)
    assert (code, "Traceback" in err) == (0, False)
    again = await StoreProcess(*arguments).start()
    assert again.store_id == store.store_id
    assert (await TusClient(again.url, session).ask("GET", path)).body == b"footage"
    assert (await again.end())[0] == 0


async def test_a_second_one_on_the_same_root_says_so(tmp_path: Path) -> None:
    arguments = ("--root", str(tmp_path / "root"), "--listen", "127.0.0.1:0")
    store = await StoreProcess(*arguments).start()
    code, out, err = await store_command("serve", *arguments)
    assert (code, out) == (3, "")
    assert "another process serves the store in" in err
    code, _, err = await store_command("rotate-key", "--root", str(tmp_path / "root"))
    assert (code, "another process" in err) == (3, True)
    await store.end()


async def test_an_address_in_use_says_so(tmp_path: Path) -> None:
    store = await StoreProcess("--root", str(tmp_path / "a"), "--listen", "127.0.0.1:0").start()
    taken = store.url.removeprefix("http://")
    code, _, err = await store_command("serve", "--root", str(tmp_path / "b"), "--listen", taken)
    assert code == 3
    assert "choose another --listen" in err
    await store.end()


def test_a_port_that_is_roots_says_so() -> None:
    refused = PermissionError(errno.EACCES, "Permission denied")
    said = why_not_listening(("0.0.0.0", 443), refused)
    assert all(
        word in said
        for word in ("port 443: Permission denied", "0.0.0.0:8443", "AmbientCapabilities=CAP_NET_BIND_SERVICE")
    )
    for listen, failed in (
        (("0.0.0.0", 8443), refused),
        (("0.0.0.0", 443), OSError(errno.EADDRINUSE, "Address already in use")),
    ):
        assert why_not_listening(listen, failed).endswith("; choose another --listen")


async def test_listening_beyond_this_machine_wants_tokens(tmp_path: Path) -> None:
    arguments = ("serve", "--root", str(tmp_path / "root"), "--listen", "0.0.0.0:0")
    code, _, err = await store_command(*arguments)
    assert code == 2
    assert "--token-file" in err
    code, _, err = await store_command(*arguments, "--token-file", str(tmp_path / "missing"))
    assert code == 3
    assert "missing" in err
    for listen in ("nowhere", "127.0.0.1", "127.0.0.1:70000", "example.org:80", "1.2.3:4"):
        assert (await store_command("serve", "--root", str(tmp_path), "--listen", listen))[0] == 2


async def test_every_mistake_in_the_configuration_at_once(tmp_path: Path) -> None:
    config = tmp_path / "store.toml"
    config.write_text('[store]\nretention = "31"\nmax_size = "5 GiB"\nretenton = "31 d"\nmax_unfinished = 0\n[other]\n')
    code, out, err = await store_command("serve", "--root", str(tmp_path / "root"), "--config", str(config))
    assert (code, out) == (2, "")
    lines = err.strip().splitlines()
    assert len(lines) == 4
    assert any(line.startswith(f"{config}:2: store.retention: ") for line in lines)
    assert any(line.startswith(f"{config}:4: store.retenton: unknown key") for line in lines)
    assert not (tmp_path / "root").exists()
    code, _, err = await store_command("serve", "--root", str(tmp_path), "--config", str(tmp_path / "none.toml"))
    assert (code, "none.toml" in err) == (2, True)


async def test_the_configuration_is_used(tmp_path: Path, session: aiohttp.ClientSession) -> None:
    config, tokens = tmp_path / "store.toml", tmp_path / "tokens"
    tokens.write_text("a-token-of-some-length\n")
    config.write_text(f'[store]\nlisten = "0.0.0.0:0"\ntoken_file = "{tokens}"\nmax_size = "1 MiB"\n')
    store = await StoreProcess("--root", str(tmp_path / "root"), "--config", str(config)).start()
    url = store.url.replace("0.0.0.0", "127.0.0.1")
    assert (await TusClient(url, session).create(5)).status == 401
    client = TusClient(url, session, token="a-token-of-some-length")
    assert (await client.create((1 << 20) + 1)).status == 413
    assert (await client.create(1 << 20)).status == 201
    await store.end()


async def test_a_new_key_is_signed_for_by_the_old_one(tmp_path: Path, session: aiohttp.ClientSession) -> None:
    arguments = ("--root", str(tmp_path / "root"), "--listen", "127.0.0.1:0")
    store = await StoreProcess(*arguments).start()
    client = TusClient(store.url, session)
    (first,) = (await client.ask("GET", "/.well-known/dockd-store")).json()["jwks"]["keys"]
    path = await client.stored(b"footage")
    await store.end()
    rotate = ("rotate-key", "--root", str(tmp_path / "root"))
    said_by = [await store_command(*rotate) for _ in range(2)]
    assert [code for code, _, _ in said_by] == [0, 0]
    store = await StoreProcess(*arguments).start()
    client = TusClient(store.url, session)
    said = (await client.ask("GET", "/.well-known/dockd-store")).json()
    keys = said["jwks"]["keys"]
    trusted = [first]
    for statement in said["key_history"]:
        header, claims = verified(statement, trusted)
        assert (header["typ"], claims["iss"]) == ("dockd-key+jwt", store.store_id)
        assert claims["new_key"] == thumbprint(claims["jwk"])
        trusted = [claims["jwk"]]
    assert said_by[-1][1] == f"new key {thumbprint(trusted[0])}\n"
    assert thumbprint(keys[0]) == thumbprint(trusted[0])
    assert len(keys) == 3
    assert keys[2]["x"] == first["x"]
    assert verified((await client.receipt(path)).body.decode(), trusted)[1]["iss"] == store.store_id
    await store.end()


async def test_help_says_what_matters() -> None:
    code, out, _ = await store_command("serve", "--help")
    assert code == 0
    for word in ("--root", "--listen", "--token-file", "--config", "31 days", "Exit codes"):
        assert word in out
