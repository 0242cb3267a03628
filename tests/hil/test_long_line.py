"""A line of 20 Mbit/s with 150 ms there and back, by netem in the guest: dockd keeps it as full as a plain socket does."""

from __future__ import annotations

import json
import shlex
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import pytest

from tests.hil.rig.product import dockd
from tests.hil.rig.vm import Vm

pytestmark = [pytest.mark.hil, pytest.mark.timeout(900)]

STORE, STATION = "10.78.0.1", "10.78.0.2"
PORT, SINK = 8700, 8701
SIZE, CLIPS = 40_000_000, 5  # one request's answer is waited for while another clip's bytes go
MBIT = 20
HELD_BY_LINE = MBIT * 1_000_000 / 8
"""Bytes a second."""
SHAPE = f"netem delay 75ms rate {MBIT}mbit limit 2000"  # 75 ms each way; room for 3 MB, so that nothing is lost
LINE = f"""
set -e
for end in store station; do ip netns add $end; ip -n $end link set lo up; done
ip link add line netns store type veth peer name line netns station
ip -n store addr add {STORE}/24 dev line
ip -n station addr add {STATION}/24 dev line
for end in store station; do
    ip -n $end link set line gso_max_segs 1 up
    # What TCP learned of the line from the first sender is nothing that the next begins with.
    ip netns exec $end sh -c 'echo 1 > /proc/sys/net/ipv4/tcp_no_metrics_save'
    tc -n $end qdisc add dev line root {SHAPE}
done
"""
# Sends SIZE bytes, or runs a command that does, and tells what left the station every tenth of a second.
WATCH = """
import json, pathlib, socket, subprocess, sys, threading, time
sent = pathlib.Path("/sys/class/net/line/statistics/tx_bytes")
samples, over = [], threading.Event()
def watch():
    while not over.wait(0.1):
        samples.append((time.monotonic(), int(sent.read_text())))
threading.Thread(target=watch, daemon=True).start()
said = ""
if sys.argv[1] == "socket":
    with socket.create_connection((sys.argv[2], int(sys.argv[3]))) as line:
        block, left = bytes(1 << 16), int(sys.argv[4])
        while left:
            left -= line.send(block[:left])
        line.shutdown(socket.SHUT_WR)
        assert line.recv(1) == b"."
else:
    done = subprocess.run(sys.argv[2:], stdout=subprocess.PIPE, text=True)
    assert done.returncode == 0, done.stdout
    said = done.stdout.splitlines()[-1]
over.set()
print(said)
print(json.dumps(samples))
"""
TAKES = f"""
import socket
listening = socket.create_server(("{STORE}", {SINK}))
while True:
    line, _ = listening.accept()
    with line:
        while line.recv(1 << 20): pass
        line.sendall(b".")
"""


def test_a_line_of_20_mbit_and_150_ms_is_full(vm: Vm, record_property: Callable[[str, object], None]) -> None:
    vm.check(LINE)
    folder = "/root/long-line"
    vm.check(
        f"mkdir -p {folder}/camera && cd {folder}/camera && for clip in $(seq {CLIPS}); do "
        f"head -c {SIZE // CLIPS} /dev/urandom > $clip.mp4; done && "
        f"echo a-token-of-the-rig > {folder}/tokens && chmod 600 {folder}/tokens && "
        f"printf '[store]\\nkeep_free = \"1 MB\"\\n' > {folder}/store.toml && "
        f"printf %s {shlex.quote(WATCH)} > {folder}/watch.py && sha256sum *.mp4 | cut -c1-64 | sort > {folder}/sums"
    )
    sink = vm.start(f"exec ip netns exec store python3 -c {shlex.quote(TAKES)}")
    serve = dockd(
        "store", "serve", "--root", f"{folder}/store", "--listen", f"{STORE}:{PORT}", "--token-file", f"{folder}/tokens",
        "--config", f"{folder}/store.toml",
    )  # fmt: skip
    store = vm.start(f"exec ip netns exec store {serve.removeprefix('exec ')}")
    for port in (SINK, PORT):
        listens = f"until (exec 3<>/dev/tcp/{STORE}/{port}) 2>/dev/null; do sleep 0.1; done"
        vm.check(f"ip netns exec station timeout 60 bash -c {shlex.quote(listens)}")
    ingest = dockd(
        "ingest", f"{folder}/camera", "--store", f"http://{STORE}:{PORT}", "--state", f"{folder}/state", "--token-file",
        f"{folder}/tokens", "--keep-free", "0 B", "--wipe", "--json",
    ).removeprefix("exec ")  # fmt: skip
    watched = f"ip netns exec station python3 {folder}/watch.py"
    plain = full(vm.check(f"{watched} socket {STORE} {SINK} {SIZE}", timeout=120))
    ended = vm.run(f"{watched} command {ingest}", timeout=240)
    assert ended.status == 0, ended.said
    ours = full(ended.stdout)
    said: dict[str, Any] = json.loads(ended.stdout.splitlines()[-2])
    assert said["bytes"]["confirmed"] == said["bytes"]["wiped"] == SIZE
    kept = f"find {folder}/store/objects -type f -size +1M -exec sha256sum {{}} + | cut -c1-64 | sort"
    assert vm.check(kept) == vm.check(f"cat {folder}/sums")
    assert vm.check(f"ls -A {folder}/camera") == ""
    record_property("dockd, of the line", round(ours, 3))
    record_property("a socket, of the line", round(plain, 3))
    assert ours >= 0.95 * plain, course(ended.stdout)
    assert ours >= 0.9, course(ended.stdout)
    for job in (sink, store):
        job.signal(9)


def course(said: str) -> str:
    """What left the station, by the second, in Mbit/s."""
    samples = json.loads(said.splitlines()[-1])[::10]
    return " ".join(f"{(b[1] - a[1]) / (b[0] - a[0]) * 8e-6:.0f}" for a, b in pairwise(samples))


def full(said: str) -> float:
    """How much of the line was used from a quarter of the file to nineteen twentieths of it: past the start, before the end."""
    samples = json.loads(said.splitlines()[-1])
    last = samples[-1][1]
    (began, first), (over, end) = (
        next(each for each in samples if last - each[1] <= share * SIZE) for share in (0.75, 0.05)
    )
    return float((end - first) / (over - began) / HELD_BY_LINE)
