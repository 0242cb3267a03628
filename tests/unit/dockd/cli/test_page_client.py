"""The token that a command shows is read from a file, or the command ends and says what is wrong with the file; what is answered instead of the page is told."""

from __future__ import annotations

import contextlib
import json
import ssl
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest
from click.testing import CliRunner

from dockd.cli import cli
from dockd.cli.page_client import NotReachable, PageClient, Refused, base_of, token_of
from tests.simulators.authority import Authority


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


@contextlib.contextmanager
def answering(status: int, document: object, *, tls: ssl.SSLContext | None = None) -> Iterator[str]:
    """The address of something that gives everybody the same answer."""
    body = json.dumps(document).encode()

    class Answer(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            return

    class Server(HTTPServer):
        def handle_error(self, *_: object) -> None:
            return  # who does not trust it hangs up

    with Server(("127.0.0.1", 0), Answer) as server:
        if tls is not None:
            server.socket = tls.wrap_socket(server.socket, server_side=True)
        serving = threading.Thread(target=lambda: server.serve_forever(poll_interval=0.01))
        serving.start()
        try:
            yield f"{'http' if tls is None else 'https'}://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            serving.join()


def test_why_the_agent_cannot_tell_is_told_in_its_own_words() -> None:
    detail = "The list of those who may come in (access.db) cannot be read.\x1b[2J"
    with answering(503, {"detail": detail}) as base, pytest.raises(Refused) as refused:
        PageClient(base=base).get("/api/v1/status")
    assert "it answers 503: The list of those who may come in (access.db) cannot be read." in str(refused.value)
    assert "\x1b" not in str(refused.value)
    with answering(503, {"detail": detail}) as base:
        ended = CliRunner().invoke(cli, ["status", "--url", base])
    assert (ended.exit_code, "access.db" in ended.stderr, "Is `dockd run` running" in ended.stderr) == (3, True, False)


def test_where_the_page_is_may_be_read_from_a_configuration(tmp_path: Path) -> None:
    config = tmp_path / "dockd.toml"
    with answering(503, {"detail": "Not now."}) as base:
        config.write_text(f'[page]\nlisten = "{base.removeprefix("http://")}"\n')
        ended = CliRunner().invoke(cli, ["status", "--config", str(config)])
        assert (ended.exit_code, f"{base}: it answers 503: Not now." in ended.stderr) == (3, True)
        both = CliRunner().invoke(cli, ["status", "--config", str(config), "--url", base])
        assert (both.exit_code, "not both" in both.stderr) == (2, True)
    config.write_text("[page]\nlisten = 5\n")
    wrong = CliRunner().invoke(cli, ["status", "--config", str(config)])
    assert (wrong.exit_code, "page.listen" in wrong.stderr) == (2, True)


@pytest.mark.parametrize("document", [[], {"detail": 5}, "x"])
def test_what_is_not_the_page_is_told_as_that(document: object) -> None:
    with answering(500, document) as base, pytest.raises(Refused, match="it answers 500, and not as dockd's page does"):
        PageClient(base=base).get("/api/v1/status")


def test_a_certificate_that_nobody_here_knows_wants_ca_file(tmp_path: Path) -> None:
    authority, another = Authority(tmp_path / "one"), Authority(tmp_path / "other")
    with answering(200, {}, tls=authority.served("page")) as base:
        assert PageClient(base=base, ca_file=authority.certificate).get("/") == {}
        with pytest.raises(Refused, match="Name a file .* by --ca-file"):
            PageClient(base=base).get("/")
        with pytest.raises(Refused, match=f"not vouched for by {another.certificate} either"):
            PageClient(base=base, ca_file=another.certificate).get("/")
    with (
        answering(200, {}, tls=authority.served("page")) as base,
        pytest.raises(NotReachable, match="ask for https://"),
    ):
        PageClient(base=base.replace("https://", "http://")).get("/")
    with answering(200, {}) as base, pytest.raises(NotReachable, match="ask for http://"):
        PageClient(base=base.replace("http://", "https://")).get("/")
    elsewhere = answering(200, {}, tls=authority.served("named", for_="DNS:dock.example"))
    with elsewhere as base, pytest.raises(Refused, match="does not hold: .*Ask by a name that is in it"):
        PageClient(base=base, ca_file=authority.certificate).get("/")


@pytest.mark.parametrize(
    ("page", "asked"),
    [
        ('listen = "127.0.0.1:8081"', "http://127.0.0.1:8081"),
        ('listen = "0.0.0.0:8443"\ntls_cert_file = "/c"\ntls_key_file = "/k"\nallowed_hosts = ["dock.example", "b"]', "https://dock.example:8443"),
        ('listen = "[::]:8443"\ntls_cert_file = "/c"\ntls_key_file = "/k"\nallowed_hosts = ["10.0.0.3"]', "https://10.0.0.3:8443"),
        ('listen = "[::1]:8443"\ntls_cert_file = "/c"\ntls_key_file = "/k"\nallowed_hosts = ["dock.example"]', "https://[::1]:8443"),
        ('listen = "0.0.0.0:8443"\ntls_cert_file = "/c"\ntls_key_file = "/k"', "https://0.0.0.0:8443"),
        ('listen = "0.0.0.0:8080"\nplain_http = true\nallowed_hosts = ["dock.example"]', "http://0.0.0.0:8080"),
    ],
)  # fmt: skip
def test_a_page_with_a_certificate_is_asked_by_a_name_that_may_be_in_it(tmp_path: Path, page: str, asked: str) -> None:
    file = tmp_path / "dockd.toml"
    file.write_text(f"[page]\n{page}\n")
    assert base_of(None, config=file) == asked
