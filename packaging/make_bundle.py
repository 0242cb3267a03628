"""Make the bundle: one file with the Debian package, every Debian package that it needs beyond a bare Debian 12, and an installer.

Why it exists: a dock stands in a network that reaches its store and nothing else. Rules kept here: what is needed is found out by
asking apt in a bare system (mmdebstrap's minbase), not from a list that goes stale; every file is in SHA256SUMS; the
order of files, their owner and their times do not depend on this machine.

    python packaging/make_bundle.py dist/dockd_VERSION_amd64.deb [--out dist] [--mirror URL]
"""

from __future__ import annotations

import argparse
import fcntl
import gzip
import hashlib
import os
import shutil
import subprocess
import sys
import tarfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PARTS = ROOT / "packaging/bundle"
WORK = ROOT / "build/bundle"
SUITE = "bookworm"
TOOLS = {"mmdebstrap": "mmdebstrap", "dpkg-scanpackages": "dpkg-dev"}


class BundleError(Exception):
    """Why there is no bundle, and what to do about it."""


def main() -> int:
    """Make it; 0 with its path on standard output, 3 when this machine cannot."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("package", type=Path)
    parser.add_argument("--out", type=Path, default=ROOT / "dist")
    parser.add_argument(
        "--mirror", default=os.environ.get("DOCKD_MIRROR"), help="a Debian mirror (default: Debian's own)"
    )
    arguments = parser.parse_args()
    try:
        missing = sorted(package for tool, package in TOOLS.items() if not shutil.which(tool))
        if missing:
            raise BundleError(
                "the bundle cannot be made here, these are missing:\n"
                f"    apt-get install --no-install-recommends {' '.join(missing)}"
            )
        print(make(arguments.package.resolve(), out=arguments.out.absolute(), mirror=arguments.mirror))
    except BundleError as error:
        print(f"error: {error}", file=sys.stderr)
        return 3
    return 0


def make(package: Path, *, out: Path, mirror: str | None) -> Path:
    """The bundle of `package` in `out`. One at a time in a checkout: another one waits. Raises BundleError."""
    WORK.parent.mkdir(exist_ok=True)
    with WORK.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        return make_alone(package, out=out, mirror=mirror)


def make_alone(package: Path, *, out: Path, mirror: str | None) -> Path:
    """The bundle, where nobody else makes one here. Raises BundleError."""
    started = time.monotonic()
    version = field(package, "Version")
    name = f"dockd-{version}-{SUITE}-amd64"
    shutil.rmtree(WORK, ignore_errors=True)
    folder = WORK / name
    packages = folder / "packages"
    packages.mkdir(parents=True)
    fetch_dependencies(package, into=packages, mirror=mirror)
    shutil.copyfile(package, packages / package.name)
    index = run("dpkg-scanpackages", "--multiversion", ".", cwd=packages)
    (packages / "Packages").write_text(index)
    (packages / "Packages.gz").write_bytes(gzip.compress(index.encode(), mtime=0))
    shutil.copyfile(PARTS / "install.sh", folder / "install.sh")
    readme = (PARTS / "README.txt").read_text().replace("@VERSION@", version).replace("@NAME@", name)
    (folder / "README.txt").write_text(readme)
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    sums = [f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.relative_to(folder)}\n" for path in files]
    (folder / "SHA256SUMS").write_text("".join(sums))
    out.mkdir(parents=True, exist_ok=True)
    bundle = out / f"{name}.tar"
    pack(folder, bundle, at=int(run("git", "log", "-1", "--format=%ct")))
    count = sum(path.suffix == ".deb" for path in files)
    size = bundle.stat().st_size / 1e6
    print(
        f"{bundle.name}: {count} packages, {size:.1f} MB, made in {time.monotonic() - started:.0f} s", file=sys.stderr
    )
    return bundle


def fetch_dependencies(package: Path, *, into: Path, mirror: str | None) -> None:
    """Every package that apt would install for `package` in a bare system. Raises BundleError."""
    asked = "apt-get --quiet --yes --no-install-recommends --download-only install"
    run(
        *("mmdebstrap", "--variant=minbase", "--format=null", "--quiet"),
        f"--customize-hook=copy-in '{package}' /tmp",
        # mmdebstrap empties the folder of its own downloads before this.
        f"--customize-hook=chroot \"$1\" sh -c 'rm -f /var/cache/apt/archives/*.deb && {asked} /tmp/{package.name}'",
        f"--customize-hook=sync-out /var/cache/apt/archives '{into}'",
        *(SUITE, "/dev/null"),
        *([mirror] if mirror else []),
    )
    for path in into.iterdir():
        if path.suffix != ".deb":
            shutil.rmtree(path) if path.is_dir() else path.unlink()
    if not any(into.iterdir()):
        raise BundleError("apt fetched nothing for the package: is the mirror whole?")


def pack(folder: Path, bundle: Path, *, at: int) -> None:
    """`folder` as a tar, the same bytes on every machine."""

    def plain(member: tarfile.TarInfo) -> tarfile.TarInfo:
        member.uid = member.gid = 0
        member.uname = member.gname = "root"
        member.mtime = at
        member.mode = 0o755 if member.isdir() or member.name.endswith(".sh") else 0o644
        return member

    with tarfile.open(bundle, "w", format=tarfile.GNU_FORMAT) as archive:
        archive.add(folder, arcname=folder.name, filter=plain)


def field(package: Path, name: str) -> str:
    """A field of a Debian package. Raises BundleError."""
    return run("dpkg-deb", "--field", str(package), name).strip()


def run(*command: str, cwd: Path = ROOT) -> str:
    """What a program says. Raises BundleError with its own words."""
    ended = subprocess.run(command, cwd=cwd, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    if ended.returncode:
        raise BundleError(f"{command[0]} ended with {ended.returncode}:\n{(ended.stdout + ended.stderr)[-3000:]}")
    return ended.stdout


if __name__ == "__main__":
    sys.exit(main())
