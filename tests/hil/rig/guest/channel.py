#!/usr/bin/python3
"""The guest's end of the rig's channel: runs what the host asks for and sends back what it prints.

JSON lines on the virtio-serial port "dockd-hil":

    host to guest   {"ping": 1} · {"job": 1, "command": "shell text"} · {"job": 1, "signal": 9} ·
                    {"ask": 1, "port": 8080, "path": "/api/v1/bays"}
    guest to host   {"pong": 1} · {"job": 1, "stdout": "…"} · {"job": 1, "stderr": "…"} · {"job": 1, "exit": 0} ·
                    {"answer": 1, "status": 200, "body": "…"} · {"answer": 1, "error": "Connection refused"}

A job is a session of its own, so that a signal reaches everything it started. "exit" comes after the last output.
To ask is a GET on loopback: a page that is asked ten times a second must not cost ten new processes.
"""

from __future__ import annotations

import codecs
import http.client
import json
import os
import signal
import subprocess
import threading
import time
from typing import IO, Any

PORT = "/dev/virtio-ports/dockd-hil"


class Channel:
    """The port, and the jobs that run."""

    def __init__(self) -> None:
        self._port = os.open(PORT, os.O_RDWR)
        self._writing = threading.Lock()
        self._running: dict[int, subprocess.Popen[bytes]] = {}

    def serve(self) -> None:
        """Answer for ever."""
        received = b""
        while True:
            chunk = os.read(self._port, 65536)
            if not chunk:  # no host is connected: the port reads as ended until one is
                time.sleep(0.05)
                continue
            *lines, received = (received + chunk).split(b"\n")
            for line in lines:
                self._answer(json.loads(line))

    def _answer(self, message: dict[str, Any]) -> None:
        if "ping" in message:
            self._send({"pong": message["ping"]})
        elif "ask" in message:
            threading.Thread(target=self._ask, args=(message,), daemon=True).start()
        elif "command" in message:
            self._start(message["job"], message["command"])
        elif (process := self._running.get(message["job"])) is not None:
            os.killpg(process.pid, signal.Signals(message["signal"]))

    def _ask(self, message: dict[str, Any]) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", message["port"], timeout=30)
        try:
            connection.request("GET", message["path"])
            answer = connection.getresponse()
            body = answer.read().decode("utf-8", errors="replace")
            self._send({"answer": message["ask"], "status": answer.status, "body": body})
        except (OSError, http.client.HTTPException) as error:
            self._send({"answer": message["ask"], "error": f"{type(error).__name__}: {error}"})
        finally:
            connection.close()

    def _start(self, job: int, command: str) -> None:
        process = subprocess.Popen(
            ["/bin/bash", "-c", command],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )
        self._running[job] = process
        threading.Thread(target=self._follow, args=(job, process), daemon=True).start()

    def _follow(self, job: int, process: subprocess.Popen[bytes]) -> None:
        streams = {"stdout": process.stdout, "stderr": process.stderr}
        pumps = [threading.Thread(target=self._pump, args=(job, *stream)) for stream in streams.items()]
        for pump in pumps:
            pump.start()
        for pump in pumps:
            pump.join()
        status = process.wait()
        del self._running[job]
        self._send({"job": job, "exit": status})

    def _pump(self, job: int, name: str, stream: IO[bytes]) -> None:
        text = codecs.getincrementaldecoder("utf-8")(errors="surrogateescape")
        with stream:
            while chunk := os.read(stream.fileno(), 16384):
                self._send({"job": job, name: text.decode(chunk)})

    def _send(self, message: dict[str, Any]) -> None:
        data = json.dumps(message).encode() + b"\n"
        with self._writing:
            while data:
                data = data[os.write(self._port, data) :]


if __name__ == "__main__":
    Channel().serve()
