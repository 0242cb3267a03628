"""`dockd bandwidth` and the one call that changes something: by the real programs, and by those who may not."""

from __future__ import annotations

import http.client
import json
import socket
import subprocess
import urllib.parse
from collections.abc import Iterator
from typing import Any

import pytest
from click.testing import CliRunner

from dockd.cli.bandwidth import bandwidth
from tests.agent import Running, running
from tests.program import DOCKD, StoreProcess

PATH = "/api/v1/bandwidth/override"
JSON = {"Content-Type": "application/json"}
CONFIGURATION = '[bandwidth]\nlimit = "40 Mbit/s"\ntimetable = ["Mon-Sun 00:00-24:00 80 Mbit/s"]'


@pytest.fixture(scope="module")
def agent(store: StoreProcess, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with running(
        tmp_path_factory.mktemp("bandwidth"), store.url, more=CONFIGURATION, page='allowed_hosts = ["dock.example"]'
    ) as found:
        yield found


def dockd(agent: Running, *words: str) -> subprocess.CompletedProcess[str]:
    command = [*DOCKD, "bandwidth", *words, "--url", agent.url]
    return subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)


def post(agent: Running, body: bytes, *, headers: dict[str, str] | None = None, path: str = PATH) -> tuple[int, Any]:
    line = http.client.HTTPConnection(urllib.parse.urlsplit(agent.url).netloc, timeout=30)
    try:
        line.request("POST", path, body=body, headers=JSON if headers is None else headers)
        answer = line.getresponse()
        assert answer.status == 200 or answer.headers["Content-Type"] == "application/problem+json"
        return answer.status, json.loads(answer.read())
    finally:
        line.close()


def test_a_limit_for_a_time_outlives_a_restart_and_is_lifted(agent: Running) -> None:
    assert agent.api("/status")["bandwidth"] == {
        "limit_bytes_per_second": 10_000_000, "source": "timetable", "until": None
    }  # fmt: skip
    said = dockd(agent, "limit", "5 Mbit/s", "--for", "2 h")
    assert (said.returncode, said.stderr) == (0, "")
    assert said.stdout.startswith("now: 5 Mbit/s, set by hand until ")
    agent.stop()
    agent.start()
    found = json.loads(dockd(agent, "--json").stdout)
    assert (found["limit_bytes_per_second"], found["source"]) == (625_000, "override")
    assert found["next"] == [{"at": found["until"], "limit_bytes_per_second": 10_000_000, "source": "timetable"}]
    assert agent.api("/status")["bandwidth"]["until"] == found["until"]
    assert b"dockd_bandwidth_limit_bytes_per_second 625000.0" in agent.ask("/metrics").body
    assert dockd(agent, "lift").stdout.startswith("now: 80 Mbit/s, by the timetable\n")
    actions = [entry["action"] for entry in agent.api("/activity?limit=1000")["activity"]]
    assert [action for action in actions if action.startswith("bandwidth.")] == ["bandwidth.overridden", "bandwidth.lifted"]  # fmt: skip


@pytest.mark.parametrize(
    ("body", "status", "word"),
    [
        (b'{"rate": "5 Mbit/s"}', 400, "how long"),
        (b'{"rate": "5 Mbit/s", "for": "2 h", "until": "2090-01-01T00:00:00Z"}', 400, "how long"),
        (b'{"rate": "5 Mbit/s", "for": "8 d"}', 400, "7 days"), (b'{"rate": "5 Mbit/s", "for": "0 s"}', 400, "later than now"),
        (b'{"rate": "5 Mbit/s", "until": "2020-01-01T00:00:00Z"}', 400, "later than now"),
        (b'{"rate": "5 Mbit/s", "until": "2090-01-01T00:00:00"}', 400, "zone"), (b'{"rate": 5, "for": "1 h"}', 400, "rate"),
        (b'{"rate": "0 Mbit/s", "for": "1 h"}', 400, "stop everything"), (b'{"rate": null, "for": "1 h"}', 400, "no end"),
        (b'{"for": "1 h"}', 400, "rate is missing"), (b'{"rate": null, "wipe": true}', 400, "wipe"), (b"[]", 400, "object"),
        (b'{"rate": null, "rate": "unlimited"}', 400, "JSON"), (b"\xff", 400, "JSON"), (b"[" * 4000, 400, "JSON"),
        (b" " * 5000, 413, "4096"), (b"", 400, "JSON"),
    ],
)  # fmt: skip
def test_what_cannot_be_understood_changes_nothing(agent: Running, body: bytes, status: int, word: str) -> None:
    found, said = post(agent, body)
    assert found == status
    assert word in said["detail"]
    assert agent.api("/bandwidth")["source"] == "timetable"


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Content-Type": "text/plain"}, 415), ({"Content-Type": "application/x-www-form-urlencoded"}, 415),
        ({**JSON, "Origin": "http://evil.example"}, 403), ({**JSON, "Origin": "null"}, 403),
        ({**JSON, "Origin": "https://{host}"}, 403), ({**JSON, "Sec-Fetch-Site": "cross-site"}, 403),
        ({**JSON, "Sec-Fetch-Site": "same-site"}, 403), ({**JSON, "X-Forwarded-For": "127.0.0.1"}, 403),
        ({**JSON, "Forwarded": "for=127.0.0.1"}, 403), ({**JSON, "Host": "evil.example"}, 421), ({**JSON, "X-Forwarded-Proto": "http"}, 403),
        ({**JSON, "X-Forwarded": "1"}, 403), ({**JSON, "CF-Connecting-IP": "127.0.0.1"}, 403), ({**JSON, "via": "1.1 x"}, 403),
        ({**JSON, "Host": "dock.example"}, 403),
    ],
)  # fmt: skip
def test_who_may_not_changes_nothing(agent: Running, headers: dict[str, str], status: int) -> None:
    host = urllib.parse.urlsplit(agent.url).netloc
    sent = {name: value.replace("{host}", host) for name, value in headers.items()}
    assert post(agent, b'{"rate": "unlimited", "for": "1 h"}', headers=sent)[0] == status
    assert agent.api("/bandwidth")["source"] == "timetable"


def test_a_server_before_it_that_adds_no_header_is_known_by_its_version(agent: Running) -> None:
    where = urllib.parse.urlsplit(agent.url)
    body = b'{"rate": null}'
    with socket.create_connection((where.hostname, where.port), timeout=30) as line:
        line.sendall(  # as `proxy_pass` with nothing else beside it sends it
            b"POST %s HTTP/1.0\r\nHost: %s\r\nConnection: close\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s"
            % (PATH.encode(), where.netloc.encode(), len(body), body)
        )
        assert line.recv(1000).split(b" ")[1] == b"403"


def test_the_page_itself_may(agent: Running) -> None:
    sent = {**JSON, "Origin": agent.url, "Sec-Fetch-Site": "same-origin"}
    assert post(agent, b'{"rate": "unlimited", "for": "1 h"}', headers=sent)[0] == 200
    assert agent.api("/bandwidth")["limit_bytes_per_second"] is None
    assert post(agent, b'{"rate": null}')[1]["source"] == "timetable"


def test_the_command_says_what_is_wrong(agent: Running) -> None:
    for words, code, text in (  # in this process: what is tried is the command, not a program's start
        (("limit", "much", "--for", "2 h"), 2, "is not a rate"), (("limit", "5 Mbit/s"), 2, "--for"),
        (("limit", "5 Mbit/s", "--for", "9 d"), 1, "7 days"), (("limit", "5 Mbit/s", "--until", "soon"), 2, "--until"),
        (("limit", "5 Mbit/s", "--for", "2 h", "--until", "23:30"), 2, "give one of them"),
        (("limit", "5 Mbit/s", "--until", "2020-01-01 10:00"), 1, "over already"),
    ):  # fmt: skip
        said = CliRunner().invoke(bandwidth, [*words, "--url", agent.url])
        assert (said.exit_code, said.stdout) == (code, "")
        assert text in said.stderr
    lifted = CliRunner().invoke(bandwidth, ["lift", "--url", agent.url])
    assert (lifted.exit_code, lifted.stderr) == (0, "nothing was set by hand: there was nothing to lift\n")
    set_until = CliRunner().invoke(bandwidth, ["limit", "5 Mbit/s", "--until", "23:30", "--url", agent.url])
    assert "now: 5 Mbit/s, set by hand until " in set_until.stdout
    assert " 23:30\n" in set_until.stdout
    assert CliRunner().invoke(bandwidth, ["lift", "--url", agent.url]).stderr == ""
    nowhere = CliRunner().invoke(bandwidth, ["--url", "http://127.0.0.1:1"])
    assert nowhere.exit_code == 3
    assert "is not reachable" in nowhere.stderr


def test_it_is_asked_as_a_configuration_says_and_with_a_token(agent: Running) -> None:
    """Given before the command's name or behind it; what is behind goes first."""
    told = agent.folder / "elsewhere.toml"
    told.write_text(f'[page]\nlisten = "{urllib.parse.urlsplit(agent.url).netloc}"\n')
    token = agent.folder / "token"
    token.write_text("two words\n")
    lines = (["--config", str(told), "lift"], ["lift", "--config", str(told)], ["--url", "http://127.0.0.1:1", "lift", "--config", str(told)])  # fmt: skip
    for words in lines:
        said = CliRunner().invoke(bandwidth, words)
        assert (said.exit_code, said.stderr) == (0, "nothing was set by hand: there was nothing to lift\n")
    for words in (["--token-file", str(token), "lift"], ["lift", "--token-file", str(token)]):
        said = CliRunner().invoke(bandwidth, [*words, "--url", agent.url])
        assert (said.exit_code, said.stdout) == (2, "")
        assert "holds no token" in said.stderr
    both = CliRunner().invoke(bandwidth, ["lift", "--config", str(told), "--url", agent.url])
    assert both.exit_code == 2
