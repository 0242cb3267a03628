"""The staged rack's process as a test holds it: started, told what to do, ended."""

from __future__ import annotations

import contextlib
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from tests.program import REPOSITORY, environment, kill_group


@dataclass(kw_only=True)
class RunningStage:
    """`python -m tests.page.stage_process` with its state in `folder`."""

    folder: Path
    options: tuple[str, ...] = ()
    url: str = ""
    process: subprocess.Popen[str] = field(init=False, repr=False)

    def start(self) -> None:
        """Start it and wait until the rack stands. Raises AssertionError with what it said instead."""
        self.folder.mkdir(parents=True, exist_ok=True)
        command = [
            sys.executable,
            "-m",
            "tests.page.stage_process",
            "--folder",
            str(self.folder / "stage"),
            *self.options,
        ]
        with (self.folder / "stderr").open("w") as stderr:
            self.process = subprocess.Popen(
                command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=stderr, text=True, cwd=REPOSITORY, env=environment(TZ="UTC"),
                start_new_session=True,
            )  # fmt: skip
        assert self.process.stdout is not None
        self.url = self.process.stdout.readline().strip()
        if not self.url:
            self.kill()
            raise AssertionError((self.folder / "stderr").read_text()[-3000:])

    def do(self, command: str) -> None:
        """One line, and wait until it is done."""
        answer = self.ask(command)
        assert answer == "ok", f"{command}: {answer or (self.folder / 'stderr').read_text()[-3000:]}"

    def ask(self, command: str) -> str:
        """One line, and what is answered."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(f"{command}\n")
        self.process.stdin.flush()
        return self.process.stdout.readline().strip()

    def send(self, number: signal.Signals) -> None:
        self.process.send_signal(number)

    def kill(self) -> None:
        kill_group(self.process)
        self.process.wait(timeout=10)
        for stream in (self.process.stdin, self.process.stdout):
            if stream is not None:
                with contextlib.suppress(BrokenPipeError):
                    stream.close()


@contextlib.contextmanager
def running_stage(folder: Path, *options: str) -> Iterator[RunningStage]:
    """One that is ended afterwards."""
    stage = RunningStage(folder=folder, options=options)
    stage.start()
    try:
        yield stage
    finally:
        stage.kill()
