"""Build the Debian package from the committed tree: dist/dockd_VERSION_amd64.deb, with its .changes and .buildinfo.

Why it exists: what is installed at a station has to be what was committed, with the libraries that were tested. Rules kept here: the
tree is staged from git, so nothing that lies about gets in; wheels come in by hash before the build begins, and the build
itself reaches for nothing; the same commit gives the same package (SOURCE_DATE_EPOCH is the commit's time).

    python packaging/build_deb.py [--out dist] [--revision REV] [--version V]

The version is pyproject.toml's where CHANGELOG.md begins with a section for it. Between releases it grows with the commits: before that release
0.1.0~git20260101093000.67f70b5, and after it 0.1.0+git...
"""

from __future__ import annotations

import argparse
import calendar
import fcntl
import hashlib
import os
import re
import shutil
import subprocess
import sys
import tarfile
import textwrap
import time
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from email.utils import formatdate
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
BUILD = ROOT / "build"
LOCK = "requirements-cameras.lock"
TOOLS = {"dpkg-buildpackage": "dpkg-dev", "dh": "debhelper", "/usr/bin/python3.11": "python3.11"}
# Debian 12 has glibc 2.36: wheels for these fit.
PLATFORMS = ("manylinux_2_34_x86_64", "manylinux_2_28_x86_64", "manylinux_2_17_x86_64", "manylinux2014_x86_64")
# The project has no address of its own: a name that RFC 2606 keeps from ever being somebody's, in debian/control, too.
MAINTAINER = "The dockd developers <maintainers@dockd.invalid>"


class PackageError(Exception):
    """Why there is no package, and what to do about it."""


@dataclass(frozen=True, kw_only=True)
class Commit:
    """What is packed: the commit's hash, its time in seconds, and the version of the package."""

    name: str
    time: int
    version: str


def main() -> int:
    """Build; 0 with the package's path on standard output, 3 when this machine cannot."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--out", type=Path, default=ROOT / "dist", help="where the package goes (default: dist)")
    parser.add_argument("--revision", default="HEAD", help="which commit (default: HEAD)")
    parser.add_argument("--version", help="another version than the one that follows from the commit")
    parser.add_argument("--say-version", action="store_true", help="print the version that would be built, and end")
    arguments = parser.parse_args()
    try:
        commit = the_commit(arguments.revision, version=arguments.version)
        if arguments.say_version:
            print(commit.version)
            return 0
        refuse_a_machine_without_tools()
        print(build(commit, out=arguments.out.absolute()))
    except PackageError as error:
        print(f"error: {error}", file=sys.stderr)
        return 3
    return 0


def refuse_a_machine_without_tools() -> None:
    """Raises PackageError with what to install."""
    missing = sorted(package for tool, package in TOOLS.items() if not shutil.which(tool))
    if missing:
        raise PackageError(
            "the Debian package cannot be built here, these are missing:\n"
            f"    apt-get install --no-install-recommends {' '.join(missing)}"
        )
    machine = run("dpkg", "--print-architecture").strip()
    if machine != "amd64":
        raise PackageError(
            f"the package's libraries are for amd64, and this machine is {machine}: build it on an amd64 machine"
        )


def the_commit(revision: str, *, version: str | None) -> Commit:
    """What `revision` is, and what its package is called. Raises PackageError."""
    name, stamp = run("git", "log", "-1", "--format=%H %ct", revision, "--").split()
    if revision == "HEAD" and run("git", "status", "--porcelain", "--untracked-files=no").strip():
        say("the working tree has changes that are not committed: they are not in the package")
    declared = tomllib.loads(run("git", "show", f"{name}:pyproject.toml"))["project"]["version"]
    found = sections(run("git", "show", f"{name}:CHANGELOG.md"))
    build = time.strftime("%Y%m%d%H%M%S", time.gmtime(int(stamp))) + f".{name[:7]}"
    return Commit(name=name, time=int(stamp), version=version or version_of(declared, found, build=build))


def version_of(declared: str, found: Sequence[Section], *, build: str) -> str:
    """The package's version: `declared` where that is what CHANGELOG.md tells of first; else before it, or after it, with `build`."""
    if found and found[0].version == declared:
        return declared
    return f"{declared}{'+' if any(section.version == declared for section in found) else '~'}git{build}"


@dataclass(frozen=True, kw_only=True)
class Section:
    """One section of CHANGELOG.md: its version (empty: not released), its day, and its entries, each one line."""

    version: str
    day: str
    entries: tuple[str, ...]


def sections(changelog: str) -> list[Section]:
    """The sections of CHANGELOG.md (Keep a Changelog), newest first.

    >>> [(s.version, s.day, s.entries) for s in sections("## [1.2.0] - 2026-03-01\\n### Added\\n* One\\n  more\\n* Two\\n")]
    [('1.2.0', '2026-03-01', ('One more', 'Two'))]
    """
    found = []
    for part in re.split(r"^## ", changelog, flags=re.MULTILINE)[1:]:
        heading, _, body = part.partition("\n")
        version = re.search(r"\d+\.\d+[^\s\]]*", heading)
        day = re.search(r"\d{4}-\d\d-\d\d", heading)
        entries = re.findall(r"^[*-] (.*(?:\n {2,}.*)*)", body, flags=re.MULTILINE)
        found.append(
            Section(
                version=version[0] if version else "",
                day=day[0] if day else "",
                entries=tuple(" ".join(entry.split()) for entry in entries),
            )
        )
    return [section for section in found if section.version or section.entries]


def debian_changelog(changelog: str, commit: Commit) -> str:
    """debian/changelog: the top section of CHANGELOG.md under this package's version, and the released ones below it."""
    wrap = textwrap.TextWrapper(
        78, initial_indent="  * ", subsequent_indent="    ", break_long_words=False, break_on_hyphens=False
    )
    blocks = []
    for number, section in enumerate(sections(changelog)):
        ours = number == 0
        stamp = commit.time if ours or not section.day else calendar.timegm(time.strptime(section.day, "%Y-%m-%d"))
        text = "\n".join(wrap.fill(entry) for entry in section.entries or ("See CHANGELOG.md.",))
        head = f"dockd ({commit.version if ours else section.version}) bookworm; urgency=medium"
        # formatdate writes -0000 for "no zone is meant".
        blocks.append(f"{head}\n\n{text}\n\n -- {MAINTAINER}  {formatdate(stamp).replace('-0000', '+0000')}\n")
    return "\n".join(blocks)


def build(commit: Commit, *, out: Path) -> Path:
    """The package in `out`. One build at a time in a checkout: another one waits. Raises PackageError."""
    BUILD.mkdir(exist_ok=True)
    with (BUILD / "deb.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        return build_alone(commit, out=out)


def build_alone(commit: Commit, *, out: Path) -> Path:
    """The package in `out`, where nobody else builds here. Raises PackageError."""
    started = time.monotonic()
    wheels = locked_wheels(run("git", "show", f"{commit.name}:{LOCK}"))
    staged = stage(commit)
    say(f"building dockd {commit.version}")
    environment = {
        "DOCKD_PIP": sys.executable,
        "DOCKD_WHEELS": str(wheels),
        "SOURCE_DATE_EPOCH": str(commit.time),
        "DEB_BUILD_OPTIONS": "noautodbgsym nocheck",
        "TZ": "UTC",
    }
    log = BUILD / "deb.log"
    command = ["dpkg-buildpackage", "--build=binary", "--no-sign", "--no-check-builddeps"]
    with log.open("wb") as file:
        ended = subprocess.run(
            command, cwd=staged, env={**os.environ, **environment}, stdin=subprocess.DEVNULL, stdout=file,
            stderr=subprocess.STDOUT, check=False,
        )  # fmt: skip
    if ended.returncode:
        raise PackageError(
            f"dpkg-buildpackage ended with {ended.returncode}; the end of {log}:\n{log.read_text()[-3000:]}"
        )
    out.mkdir(parents=True, exist_ok=True)
    package = out / f"dockd_{commit.version}_amd64.deb"
    for made in staged.parent.glob(f"dockd_{commit.version}_amd64.*"):
        shutil.move(made, out / made.name)
    say(f"{package.name}: {package.stat().st_size / 1e6:.1f} MB, built in {time.monotonic() - started:.0f} s")
    return package


def stage(commit: Commit) -> Path:
    """The tree of the commit in build/deb, with debian/ at its top."""
    folder = BUILD / "deb"
    shutil.rmtree(folder, ignore_errors=True)
    staged = folder / f"dockd-{commit.version}"
    staged.mkdir(parents=True)
    packed = folder / "tree.tar"
    run("git", "archive", f"--output={packed}", commit.name)
    with tarfile.open(packed) as archive:
        archive.extractall(staged, filter="data")
    packed.unlink()
    if not (staged / "packaging/debian").is_dir():
        raise PackageError(f"commit {commit.name[:7]} has no packaging/debian")
    shutil.copytree(staged / "packaging/debian", staged / "debian")
    (staged / "debian/changelog").write_text(debian_changelog((staged / "CHANGELOG.md").read_text(), commit))
    return staged


def locked_wheels(lock: str) -> Path:
    """A folder with every wheel that the lock names, each held against its SHA-256; kept between builds. Raises PackageError."""
    key = hashlib.sha256(("\n".join(PLATFORMS) + lock).encode()).hexdigest()[:16]
    folder = BUILD / "wheels" / key
    if folder.is_dir():
        return folder
    say(f"fetching the wheels that {LOCK} names")
    fresh = folder.with_suffix(".part")
    shutil.rmtree(fresh, ignore_errors=True)
    fresh.mkdir(parents=True)
    (fresh.parent / f"{key}.lock").write_text(lock)
    ended = subprocess.run(
        [
            *(sys.executable, "-m", "pip", "--disable-pip-version-check", "--no-input", "--quiet", "download"),
            *(
                "--no-deps",
                "--require-hashes",
                "--only-binary=:all:",
                "--implementation",
                "cp",
                "--python-version",
                "3.11",
            ),
            *(f"--platform={platform}" for platform in PLATFORMS),
            *("--dest", str(fresh), "--requirement", str(fresh.parent / f"{key}.lock")),
        ],
        stdin=subprocess.DEVNULL,
        check=False,
    )
    if ended.returncode:
        raise PackageError(
            "the wheels could not be fetched (pip's own words are above). https_proxy, PIP_INDEX_URL, PIP_CERT and\n"
            "PIP_FIND_LINKS are honoured. Run again to go on."
        )
    fresh.rename(folder)
    return folder


def run(*command: str) -> str:
    """What a program says. Raises PackageError with its own words."""
    ended = subprocess.run(command, cwd=ROOT, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    if ended.returncode:
        raise PackageError(f"{' '.join(command)}: {ended.stderr.strip()}")
    return ended.stdout


def say(line: str) -> None:
    """Progress, for whoever waits."""
    print(line, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
