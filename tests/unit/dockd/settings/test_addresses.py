from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dockd.settings.addresses import ListenAddress, is_loopback, parse_host, parse_listen, parse_url, url_host
from dockd.settings.mistakes import WrongValue


@pytest.mark.parametrize(
    ("text", "host", "port", "loopback"),
    [
        ("127.0.0.1:8080", "127.0.0.1", 8080, True),
        ("127.8.8.8:0", "127.8.8.8", 0, True),
        ("localhost:65535", "localhost", 65535, True),
        ("[::1]:8080", "::1", 8080, True),
        ("[::ffff:127.0.0.1]:1", "::ffff:127.0.0.1", 1, True),
        ("0.0.0.0:80", "0.0.0.0", 80, False),
        ("[::]:80", "::", 80, False),
        ("[fe80::1%eth0]:80", "fe80::1%eth0", 80, False),
        ("[::ffff:10.0.0.1]:1", "::ffff:10.0.0.1", 1, False),
        ("192.168.1.4:80", "192.168.1.4", 80, False),
    ],
)
def test_addresses_to_listen_on(text: str, host: str, port: int, loopback: bool) -> None:
    address = parse_listen(text)
    assert address == ListenAddress(host, port)
    assert address.loopback is loopback
    assert str(address) == text


@pytest.mark.parametrize(
    "text",
    ["", ":8080", "8080", "127.0.0.1", "127.0.0.1:", "127.0.0.1:-1", "127.0.0.1:65536", "127.0.0.1:80x", "127.1:80",
     "dock3:80", "::1:80", "[127.0.0.1]:80", "[::1]", "[]:80", "http://127.0.0.1:80", "127.0.0.1:８０", "999.0.0.1:80"],
)  # fmt: skip
def test_what_is_no_address(text: str) -> None:
    with pytest.raises(WrongValue):
        parse_listen(text)


@pytest.mark.parametrize(
    ("url", "host"),
    [
        ("https://store.example.org", "store.example.org"),
        ("http://127.0.0.1:9000/files/", "127.0.0.1"),
        ("https://[fd00::7]:9000", "fd00::7"),
        ("HTTPS://Store/", "store"),
    ],
)
def test_urls(url: str, host: str) -> None:
    assert parse_url(url) == url
    assert url_host(url) == host


@pytest.mark.parametrize(
    "url",
    ["", "store", "//store", "ftp://store", "https:/store", "https:store", "https://", "https://:80", "https://[::1",
     "https://s:0", "https://s:99999", "https://s:x", "https://u@s", "https://u:hunter2@s", "https://s?t=hunter2",
     "https://s?", "https://s#x", "https://s /", "https://s\n", "https://ſ", " https://s", "file:///srv"],
)  # fmt: skip
def test_what_is_no_url(url: str) -> None:
    with pytest.raises(WrongValue) as raised:
        parse_url(url)
    assert "hunter2" not in str(raised.value)


@pytest.mark.parametrize("name", ["localhost", "LOCALHOST", "127.0.0.1", "127.1.2.3", "::1"])
def test_loopback(name: str) -> None:
    assert is_loopback(name)


@pytest.mark.parametrize("name", ["localhost.example.org", "0.0.0.0", "::", "10.0.0.1", "128.0.0.1", ""])
def test_not_loopback(name: str) -> None:
    assert not is_loopback(name)


def test_hosts() -> None:
    assert [parse_host(text) for text in ("Dock-3.Example.org", "10.0.0.7", "[fd00::7]", "fd00::7", "dock_3")] == [
        "dock-3.example.org",
        "10.0.0.7",
        "fd00::7",
        "fd00::7",
        "dock_3",
    ]


@pytest.mark.parametrize(
    "text", ["", "*", "a:80", "[a]", "a b", "a/", "-a", "a..b", "a.", ".a", "ä", "x" * 254, "[::1"]
)
def test_what_is_no_host(text: str) -> None:
    with pytest.raises(WrongValue):
        parse_host(text)


@given(st.text())
def test_any_text_is_taken_or_refused_in_one_way(text: str) -> None:
    parsers: tuple[Callable[[str], object], ...] = (parse_listen, parse_url, parse_host)
    for parse in parsers:
        try:
            said = str(parse(text))
        except WrongValue as wrong:
            said = str(wrong)
        assert said.isprintable()
