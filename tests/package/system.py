"""A clean Debian 12 to install into: a root of its own, processes, mounts and network of its own, gone when the test is.

Layers: a system stands on read-only layers (overlayfs; a copy where the disk cannot carry that), so that what was
installed once is there for every test, and none of them sees what another has done.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from tests.hil.rig.places import built_once, key_of, state_folder
from tests.hil.rig.shell import host

SUITE = "bookworm"
# Mounts are made in a namespace of their own: nothing that deletes the root from outside can reach into them.
_ENTER = r"""
set -eu
layers=$1 upper=$2 work=$3 root=$4
mount --make-rprivate /
if ! mount -t overlay overlay -o "lowerdir=$layers,upperdir=$upper,workdir=$work" "$root" 2>/dev/null; then
    old=$IFS; IFS=:; set -f; for layer in $layers; do reversed="$layer ${reversed:-}"; done; IFS=$old
    [ -n "$(ls -A "$upper")" ] || for layer in $reversed; do cp -a "$layer/." "$upper"; done
    mount --bind "$upper" "$root"
fi
mount -t proc proc "$root/proc"
mount -t tmpfs -o mode=755 tmpfs "$root/dev"
for device in null zero full random urandom tty; do
    : > "$root/dev/$device"
    mount --bind "/dev/$device" "$root/dev/$device"
done
ln -s /proc/self/fd "$root/dev/fd"
mkdir "$root/dev/shm"
mount -t tmpfs -o mode=1777 tmpfs "$root/dev/shm"
ip link set lo up
echo ready
exec sleep infinity
"""
_ENVIRONMENT = {
    "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
    "LC_ALL": "C.UTF-8",
    "HOME": "/root",
    "DEBIAN_FRONTEND": "noninteractive",
    "NO_COLOR": "1",
}
# What dpkg writes need not outlive a power cut of this machine: each file would wait for the disk.
_OPTIONS = ("--aptopt=APT::Install-Recommends false", "--dpkgopt=force-unsafe-io")
_PROXIES = {name: os.environ[name] for name in ("http_proxy", "https_proxy") if name in os.environ}


@dataclass(frozen=True, kw_only=True)
class Image:
    """A system that nobody changes any more: its layers, the uppermost first."""

    layers: tuple[Path, ...]


@dataclass(frozen=True, kw_only=True)
class Ended:
    """What a command in a system said."""

    code: int
    out: str
    err: str

    @property
    def said(self) -> str:
        return f"{self.out}\n{self.err}"


def bare_debian() -> Image:
    """Debian 12 as mmdebstrap's minbase has it; made on first use, with the network. Raises HostCommandFailed."""
    mirror = [os.environ["DOCKD_HIL_MIRROR"]] if "DOCKD_HIL_MIRROR" in os.environ else []
    folder = state_folder() / f"package-base-{key_of([SUITE.encode(), *map(str.encode, [*_OPTIONS, *mirror])])}"
    with built_once(folder) as building:
        if building is not None:
            host(
                "mmdebstrap", "--variant=minbase", *_OPTIONS, SUITE, building / "root", *mirror,
                environment=_PROXIES, timeout=900,
            )  # fmt: skip
    return Image(layers=(folder / "root",))


@dataclass(kw_only=True)
class System:
    """A running root. `folder` holds what it writes."""

    image: Image
    folder: Path
    _holder: subprocess.Popen[str] | None = field(default=None, repr=False)

    @property
    def _upper(self) -> Path:
        return self.folder / "upper"

    def begin(self) -> None:
        """Mount it. Raises AssertionError with what was said instead."""
        for name in ("upper", "work", "root"):
            (self.folder / name).mkdir(parents=True, exist_ok=True)
        layers = ":".join(map(str, self.image.layers))
        command = ["unshare", "--mount", "--pid", "--net", "--ipc", "--fork", "--kill-child", "sh", "-c", _ENTER, "sh"]
        self._holder = subprocess.Popen(
            [*command, layers, str(self._upper), str(self.folder / "work"), str(self.folder / "root")],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True,
        )  # fmt: skip
        assert self._holder.stdout is not None
        if self._holder.stdout.readline() != "ready\n":
            _, said = self._holder.communicate(timeout=20)
            raise AssertionError(f"the system cannot be entered: {said}")

    def end(self) -> None:
        """Its processes end with it, and its mounts with them."""
        if self._holder is not None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._holder.pid, signal.SIGKILL)
            self._holder.communicate(timeout=30)
            self._holder = None

    def freeze(self) -> Image:
        """End it, and let others stand on what it has become."""
        self.end()
        return Image(layers=(self._upper, *self.image.layers))

    def path(self, inside: str) -> Path:
        """A path of the system as this machine sees it."""
        return Path(f"/proc/{self._inner}/root{self.folder}/root{inside}")

    @property
    def _inner(self) -> int:
        assert self._holder is not None
        children = Path(f"/proc/{self._holder.pid}/task/{self._holder.pid}/children")
        return int(children.read_text().split()[0])

    def run(
        self, *command: str, user: str = "root", online: bool = False, accept: Sequence[int] = (0,), stdin: str | None = None,
        environment: dict[str, str] | None = None, timeout: float = 300,
    ) -> Ended:  # fmt: skip
        """Run a command in it. `online`: with this machine's network. Raises AssertionError where the exit code is not in `accept`."""
        done = subprocess.run(
            self._entering(command, user=user, online=online, environment=environment), input=stdin,
            stdin=subprocess.DEVNULL if stdin is None else None, capture_output=True, text=True, timeout=timeout, check=False,
        )  # fmt: skip
        ended = Ended(code=done.returncode, out=done.stdout, err=done.stderr)
        assert ended.code in accept, f"{' '.join(command)} ended with {ended.code}:\n{ended.said[-4000:]}"
        return ended

    def start(self, *command: str, user: str = "root", log: IO[str]) -> subprocess.Popen[str]:
        """Start a program in it; what it says goes to `log`."""
        return subprocess.Popen(
            self._entering(command, user=user),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )

    def _entering(
        self, command: Sequence[str], *, user: str, online: bool = False, environment: dict[str, str] | None = None
    ) -> list[str]:
        names = ["--mount", "--pid", "--ipc", *([] if online else ["--net"])]
        settings = {**_ENVIRONMENT, **(_PROXIES if online else {}), **(environment or {})}
        words = [
            "nsenter",
            f"--target={self._inner}",
            *names,
            "chroot",
            str(self.folder / "root"),
            "env",
            "--ignore-environment",
        ]
        words += [f"{name}={value}" for name, value in settings.items()]
        # Not runuser: it stands between, and gives what it starts two seconds to end.
        become = ["setpriv", f"--reuid={user}", f"--regid={user}", "--init-groups"]
        return [*words, *([] if user == "root" else become), *command]

    def online(self) -> None:
        """Let `run(online=True)` find names."""
        shutil.copyfile("/etc/resolv.conf", self.path("/etc/resolv.conf"))


@contextlib.contextmanager
def system_on(image: Image) -> Iterator[System]:
    """A running system on `image`, and nothing left of it afterwards."""
    runs = state_folder() / "runs"
    runs.mkdir(exist_ok=True)
    system = System(image=image, folder=Path(tempfile.mkdtemp(prefix="package-", dir=runs)))
    try:
        system.begin()
        yield system
    finally:
        system.end()
        remove(system.folder)


def remove(folder: Path) -> None:
    """Delete what a system has written; never across into another file system."""
    host("rm", "-rf", "--one-file-system", folder)


def await_that(question: str, answer: Callable[[], bool], *, within: float = 60) -> None:
    """Ask until `answer()` is true. Raises AssertionError with the question."""
    until = time.monotonic() + within
    while not answer():
        assert time.monotonic() < until, f"not within {within:.0f} s: {question}"
        time.sleep(0.1)
