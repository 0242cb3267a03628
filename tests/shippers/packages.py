"""The shippers themselves, as Debian has them: fetched once from the package index, unpacked into a folder, and installed nowhere.

rsyslog and syslog-ng do not stand to be installed beside each other, and an installed one would begin to work on this machine. What is needed and
not installed comes along; the folder is named after the versions, so that a newer one is fetched anew.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import subprocess
import tempfile
from pathlib import Path

_TOGETHER = (
    ("rsyslog", "rsyslog-gnutls", "rsyslog-relp", "systemd", "systemd-journal-remote", "logrotate"),
    ("syslog-ng-core",),
)
TOOLS = ("apt-get", "apt-cache", "dpkg-deb", "tar", "unshare", "nsenter", "ip", "nft", "mount")


def missing() -> str | None:
    """Why shippers cannot be tried here; None where they can."""
    if os.geteuid() != 0:
        return "trying shippers needs root"
    absent = [tool for tool in TOOLS if shutil.which(tool) is None]
    return (
        f"trying shippers needs {', '.join(absent)}: apt-get install iproute2 nftables util-linux" if absent else None
    )


def unpacked() -> Path:
    """The folder with their /usr, fetched where it is not there yet. Raises CalledProcessError with what apt said."""
    names = [name for group in _TOGETHER for name in group]
    policy = _run("apt-cache", "policy", *names)
    if policy.count("Candidate: (none)") or policy.count("Candidate:") < len(names):
        _run("apt-get", "update", "--quiet", "--quiet")
        policy = _run("apt-cache", "policy", *names)
    candidates = "\n".join(line for line in policy.splitlines() if "Candidate" in line or not line.startswith(" "))
    cache = Path(os.environ.get("DOCKD_SHIPPERS_STATE") or Path.home() / ".cache/dockd-shippers")
    there = cache / hashlib.sha256(candidates.encode()).hexdigest()[:16]
    cache.mkdir(parents=True, exist_ok=True)
    with (cache / "lock").open("w") as lock, tempfile.TemporaryDirectory(dir=cache) as aside:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if there.exists():
            return there
        root = Path(aside) / "root"
        for number, group in enumerate(_TOGETHER):
            _unpack(group, archives=Path(aside) / f"archives{number}", root=root)
        root.rename(there)
    return there


def _unpack(group: tuple[str, ...], *, archives: Path, root: Path) -> None:
    (archives / "partial").mkdir(parents=True)
    fetch = ("apt-get", "install", "--yes", "--quiet", "--quiet", "--reinstall", "--download-only", "--no-install-recommends", "-o", f"Dir::Cache::archives={archives}", *group)  # fmt: skip
    try:
        _run(*fetch)
    except RuntimeError:  # this machine's lists are older than the archive: what they name is gone from it
        _run("apt-get", "update", "--quiet", "--quiet")
        _run(*fetch)
    for name in ("bin", "sbin", "lib", "lib64"):
        (root / "usr" / name).mkdir(parents=True, exist_ok=True)
        if not (root / name).is_symlink():
            (root / name).symlink_to(f"usr/{name}")
    for package in sorted(archives.glob("*.deb")):
        with subprocess.Popen(["dpkg-deb", "--fsys-tarfile", str(package)], stdout=subprocess.PIPE) as tar:
            subprocess.run(
                ["tar", "-x", "--keep-directory-symlink", "-C", str(root)], stdin=tar.stdout, check=True, timeout=120
            )
        if tar.returncode:
            raise subprocess.CalledProcessError(tar.returncode, f"dpkg-deb {package.name}")


def _run(*command: str) -> str:
    found = subprocess.run(
        command, capture_output=True, text=True, timeout=600, check=False, env=os.environ | {"DEBIAN_FRONTEND": "noninteractive", "LC_ALL": "C.UTF-8"},
    )  # fmt: skip
    if found.returncode:
        raise RuntimeError(f"{' '.join(command)}: {found.stderr[-2000:]}")
    return found.stdout
