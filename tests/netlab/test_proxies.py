"""Through a real proxy (tinyproxy), with and without TLS and an authority of the force's own, over the lab's line."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from tests.agent import Running
from tests.netlab.lab import HOST, MBIT, Lab
from tests.netlab.scene import Scene, scene, started, until_arrived
from tests.program import DOCKD, REPOSITORY, environment
from tests.simulators.authority import Authority

pytestmark = [pytest.mark.netlab, pytest.mark.netlab_short, pytest.mark.timeout(120)]
PROXY = 8888
USER, PASSWORD = "station", "s3cret-of-the-proxy"
SIZE = 6_000_000


class Across(Running):
    """`dockd run` at the station's end of the line."""

    lab: Lab

    def launch(self) -> subprocess.Popen[str]:
        self.configure()
        with self._stderr.open("w") as stderr:
            return subprocess.Popen(
                [*self.lab.on("agent"), *DOCKD, "run", "--config", str(self.config)], stdout=subprocess.PIPE, stderr=stderr,
                text=True, env=environment(), cwd=REPOSITORY, start_new_session=True, stdin=subprocess.DEVNULL,
            )  # fmt: skip


@contextmanager
def tinyproxy(found: Scene, *, auth: bool) -> Iterator[Path]:
    """At the host's end; gives its log."""
    if shutil.which("tinyproxy") is None:
        reason = "no tinyproxy: apt-get install tinyproxy"
        pytest.fail(reason) if os.environ.get("CI") else pytest.skip(reason)
    log, config = found.folder / "tinyproxy.log", found.folder / "tinyproxy.conf"
    config.write_text(
        f'Port {PROXY}\nListen {HOST}\nTimeout 600\nLogFile "{log}"\nLogLevel Connect\nMaxClients 50\n'
        + (f"BasicAuth {USER} {PASSWORD}\n" if auth else "")
    )
    command = [*found.lab.on("host"), "tinyproxy", "-d", "-c", str(config)]
    with (found.folder / "tinyproxy.out").open("w") as out:
        process = subprocess.Popen(command, stdout=out, stderr=out, stdin=subprocess.DEVNULL)
    try:
        listens = f"until (exec 3<>/dev/tcp/{HOST}/{PROXY}) 2>/dev/null; do sleep 0.05; done"
        subprocess.run([*found.lab.on("host"), "timeout", "20", "bash", "-c", listens], check=True)
        yield log
    finally:
        process.kill()
        process.wait()


@pytest.mark.parametrize("tls", [False, True], ids=["http", "https, own authority"])
def test_footage_through_a_proxy_that_is_reset_on_the_way(lab: Lab, tmp_path: Path, tls: bool) -> None:
    with ExitStack() as stack:
        # In clear a token goes to a loopback address alone: here it is the proxy's, and the proxy is used for that, too.
        found = stack.enter_context(scene(lab, tmp_path / "far", address=HOST if tls else "127.0.0.1"))
        proxied = stack.enter_context(tinyproxy(found, auth=True))
        url, more = found.url, f'token_file = "{found.token_file}"\n'
        if tls:
            authority = Authority(tmp_path / "authority")
            pem = authority.issue("store", for_=f"IP:{HOST}")
            door = [*lab.on("host"), sys.executable, "-m", "tests.netlab.tls_door", HOST, str(found.port), str(pem)]
            url = stack.enter_context(started(door, log=tmp_path / "door.log", until=re.compile("https://.*")))[0]
            more += f'ca_file = "{authority.certificate}"\n'
        secret = tmp_path / "proxy.auth"
        secret.write_text(f"{USER}:{PASSWORD}\n")
        secret.chmod(0o600)
        agent = Across(
            folder=tmp_path, store=url,
            store_more=f'proxy = "http://{HOST}:{PROXY}"\nproxy_auth_file = "{secret}"\n{more}',
        )  # fmt: skip
        agent.lab = lab
        found.record("clip.mp4", SIZE)
        agent.docks.mkdir(parents=True)
        agent.start()
        try:
            os.rename(found.camera, agent.docks / "C0001")
            until_arrived(lab, SIZE // 2)
            lab.reset(PROXY)
            agent.until_logged("segment.wiped", timeout=60)
        finally:
            said = agent.said
            agent.stop()
        assert found.not_delivered() == []
        assert list((agent.docks / "C0001").iterdir()) == []
        seen = proxied.read_text()
        assert (f"CONNECT {HOST}:" in seen) is tls
        assert PASSWORD not in said


def test_a_proxy_that_wants_a_password(lab: Lab, tmp_path: Path) -> None:
    with scene(lab, tmp_path / "far") as found, tinyproxy(found, auth=True):
        agent = Across(folder=tmp_path, store=f"https://{HOST}:1", store_more=f'proxy = "http://{HOST}:{PROXY}"\n')
        agent.lab = lab
        agent.start()
        try:
            line = agent.until_logged("store.state", timeout=20)
            assert f"the proxy {HOST}:{PROXY} answered 407" in line["message"]
            assert "store.proxy_auth_file" in line["message"]
        finally:
            agent.stop()


def test_no_traffic_goes_past_the_proxy(lab: Lab, tmp_path: Path) -> None:
    """Where the proxy is not there, nothing is tried without it."""
    lab.rate(20 * MBIT)
    with scene(lab, tmp_path / "far") as found:
        agent = Across(
            folder=tmp_path, store=f"https://{HOST}:{found.port}", store_more=f'proxy = "http://{HOST}:{PROXY}"\n'
        )
        agent.lab = lab
        agent.start()
        try:
            line = agent.until_logged("store.state", timeout=20)
            assert f"the proxy {HOST}:{PROXY} cannot be reached" in line["message"]
            time.sleep(1)
            sent = lab.sent()
            assert sent.payload == 8 * sent.packets  # SYNs that nobody takes, and no more
        finally:
            agent.stop()
