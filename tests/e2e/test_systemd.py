"""What systemd hears of a real `dockd run`, on a socket as systemd opens one."""

from __future__ import annotations

import signal
import socket
import subprocess
from pathlib import Path

from tests.agent import Running
from tests.program import DOCKD, REPOSITORY, environment, kill_group


class Heard:
    """The words of each datagram, as they come."""

    def __init__(self, heard: socket.socket) -> None:
        self._heard = heard
        heard.settimeout(30)

    def until(self, word: str) -> dict[str, str]:
        while True:
            words = dict(line.split("=", 1) for line in self._heard.recv(4096).decode().split("\n"))
            if word in words:
                return words


def test_ready_alive_reloaded_and_ended(tmp_path: Path) -> None:
    address = tmp_path / "notify"
    with socket.socket() as refusing, socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as opened:
        refusing.bind(("127.0.0.1", 0))  # nobody listens there: a store that is away keeps no agent from serving
        agent = Running(folder=tmp_path, store=f"http://127.0.0.1:{refusing.getsockname()[1]}")
        agent.configure()
        opened.bind(str(address))
        heard = Heard(opened)
        process = subprocess.Popen(
            [*DOCKD, "run", "--config", str(agent.config)], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, cwd=REPOSITORY,
            env=environment(NOTIFY_SOCKET=str(address), WATCHDOG_USEC="400000"), start_new_session=True, stdin=subprocess.DEVNULL,
        )  # fmt: skip
        try:
            assert heard.until("READY")["STATUS"].startswith("Serving http://127.0.0.1:")
            for _ in range(3):
                heard.until("WATCHDOG")
            process.send_signal(signal.SIGHUP)
            assert int(heard.until("RELOADING")["MONOTONIC_USEC"]) > 0
            assert "all of it is followed" in heard.until("READY")["STATUS"]
            agent.configure(more='[wipe]\ngrace = "soon"\n[log]\nlevel = "loud"')
            process.send_signal(signal.SIGHUP)
            heard.until("RELOADING")
            assert "has 2 mistakes" in heard.until("READY")["STATUS"], "systemctl status says it"
            process.terminate()
            heard.until("STOPPING")
            assert process.wait(timeout=20) == 0
        finally:
            kill_group(process)
            assert process.stdout is not None
            process.stdout.close()
            process.wait()
