"""Make the environment that `make demo`, `make test` and `make bench` run in, from a bare Python.

Why it exists: Debian's python3.11 package has neither pip nor ensurepip, and a station's appliance gets
nothing more than it needs. Rules kept here: only the standard library; every file from the index is held
against a SHA-256 in the lock files; the environment is touched only when what it is made from has changed;
two runs at once wait for each other.

    python3.11 packaging/bootstrap.py [run | dev | bench]

The package index is reached as pip would reach it: PIP_INDEX_URL, PIP_CERT, PIP_FIND_LINKS, pip.conf,
https_proxy and SSL_CERT_FILE are honoured. A file already in a folder of PIP_FIND_LINKS needs no network.
"""

import sys

# Everything down to here must be understood by the older Python that is told to go.
if sys.version_info < (3, 11):  # noqa: UP036
    sys.exit(
        "dockd needs Python 3.11 or newer; "
        + sys.executable
        + " is "
        + sys.version.split()[0]
        + ".\nInstall python3.11 (Debian 12: apt-get install python3.11), or name another:"
        + " make PYTHON=/path/to/python3.11"
    )

import argparse
import base64
import configparser
import fcntl
import hashlib
import html.parser
import importlib.util
import os
import re
import shutil
import ssl
import subprocess
import tempfile
import urllib.error
import urllib.parse
import urllib.request
import venv
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
LOCKS = {"run": "requirements.lock", "dev": "requirements-dev.lock", "bench": "requirements-bench.lock"}
BUILD_LOCK = "requirements-build.lock"
PIP_CONFIGS = ("~/.config/pip/pip.conf", "~/.pip/pip.conf", "/etc/pip.conf")
LARGEST_PAGE = 16 << 20
LARGEST_WHEEL = 16 << 20
SECONDS_OF_SILENCE = 60


class BootstrapError(Exception):
    """Why the environment cannot be made, and what to do about it."""


def main() -> int:
    """Make or refresh the environment named on the command line; 0 when it is ready, 3 when it cannot be."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("level", nargs="?", choices=sorted(LOCKS), default="run")
    parser.add_argument("--venv", type=Path, default=ROOT / ".venv")
    arguments = parser.parse_args()
    with open(__file__, "rb") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        try:
            ensure(arguments.venv.absolute(), level=arguments.level)
        except BootstrapError as error:
            print(f"error: {error}", file=sys.stderr)
            return 3
    return 0


def ensure(target: Path, *, level: str) -> None:
    """Bring the environment at `target` up to the locks of `level`; does nothing when it is there already."""
    stamp = target / f"dockd-{level}.stamp"
    wanted = fingerprint(target, level=level)
    if stamp.is_file() and stamp.read_text() == wanted:
        return
    if not usable(target):
        create(target)
    say(f"installing what {LOCKS[level]} names into {target}")
    pip(target, "install", "--require-hashes", "--only-binary=:all:", "-r", LOCKS[level], "-r", BUILD_LOCK)
    pip(target, "install", "--no-deps", "--no-build-isolation", "--editable", ".")
    stamp.write_text(wanted)


def fingerprint(target: Path, *, level: str) -> str:
    """What the environment is made from, as one hex string."""
    digest = hashlib.sha256(f"{sys.version}\0{os.path.realpath(sys.executable)}\0{target}\0{ROOT}".encode())
    for name in (LOCKS[level], BUILD_LOCK, "pyproject.toml", "packaging/bootstrap.py"):
        digest.update(hashlib.sha256((ROOT / name).read_bytes()).digest())
    return digest.hexdigest()


def usable(target: Path) -> bool:
    """Whether `target` is an environment of this Python in which pip runs."""
    try:
        settings = (target / "pyvenv.cfg").read_text()
    except OSError:
        return False
    version = re.search(r"^version\s*=\s*(\d+)\.(\d+)", settings, re.M)
    if version is None or (int(version[1]), int(version[2])) != sys.version_info[:2]:
        return False
    probe = [str(target / "bin/python"), "-c", "import pip"]
    try:
        return subprocess.run(probe, stdin=subprocess.DEVNULL, capture_output=True, check=False).returncode == 0
    except OSError:
        return False


def create(target: Path) -> None:
    """A fresh environment with pip in it, in place of whatever environment was there."""
    if target.exists() and not (target / "pyvenv.cfg").is_file():
        raise BootstrapError(f"{target} is in the way and is no Python environment: move it away and run again")
    shutil.rmtree(target, ignore_errors=True)
    say(f"making a Python {sys.version_info[0]}.{sys.version_info[1]} environment in {target}")
    with_pip = importlib.util.find_spec("ensurepip") is not None
    try:
        venv.create(target, with_pip=with_pip, symlinks=True)
    except (OSError, subprocess.CalledProcessError) as error:
        raise BootstrapError(f"cannot make {target}: {error}") from error
    if not with_pip:
        install_pip(target)


def install_pip(target: Path) -> None:
    """Put the locked pip into `target`: the wheel is run from its own zip to install itself."""
    version, hashes = locked_pip()
    name = f"pip-{version}-py3-none-any.whl"
    with tempfile.TemporaryDirectory(prefix="dockd-bootstrap-") as folder:
        wheel = Path(folder) / name
        wheel.write_bytes(checked(find_wheel(name), hashes=hashes, name=name))
        pip(target, "install", "--no-index", "--no-deps", str(wheel), path=wheel)


def locked_pip() -> tuple[str, frozenset[str]]:
    """The version of pip in the lock, and the SHA-256 values that are right for it."""
    entry = re.search(
        r"^pip==(\S+)((?:\s*\\\n\s+--hash=sha256:[0-9a-f]{64})+)", (ROOT / LOCKS["run"]).read_text(), re.M
    )
    if entry is None:
        raise BootstrapError(f"{LOCKS['run']} names no pip: run `make lock`")
    return entry[1], frozenset(re.findall(r"[0-9a-f]{64}", entry[2]))


def checked(content: bytes, *, hashes: frozenset[str], name: str) -> bytes:
    """`content`, once it is seen to be what the lock names."""
    found = hashlib.sha256(content).hexdigest()
    if found not in hashes:
        raise BootstrapError(
            f"{name} has SHA-256 {found}, which {LOCKS['run']} does not name: it is not the locked file"
        )
    return content


def find_wheel(name: str) -> bytes:
    """The bytes of the wheel `name`, from a local folder if one has it, else from the package index."""
    for folder in pip_setting("find-links").split():
        local = Path(folder.removeprefix("file://")) / name
        if "://" not in folder.removeprefix("file://") and local.is_file():
            return local.read_bytes()
    index = (pip_setting("index-url") or "https://pypi.org/simple").rstrip("/")
    if pip_setting("no-index").lower() in {"1", "true", "yes", "on"}:
        raise BootstrapError(f"{name} is in no folder of PIP_FIND_LINKS, and PIP_NO_INDEX forbids to ask an index")
    page = Links(fetch(f"{index}/pip/", limit=LARGEST_PAGE).decode("utf-8", "replace"))
    for link in page.links:
        if urllib.parse.urlsplit(link).path.endswith(f"/{name}"):
            return fetch(urllib.parse.urljoin(f"{index}/pip/", link), limit=LARGEST_WHEEL)
    raise BootstrapError(f"the package index has no {name}: another index can be named in PIP_INDEX_URL")


class Links(html.parser.HTMLParser):
    """The targets of all links of one page of a package index."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.links: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Remember each `<a href>`."""
        self.links += [value for key, value in attrs if tag == "a" and key == "href" and value]


def fetch(url: str, *, limit: int) -> bytes:
    """At most `limit` bytes from `url`."""
    parts = urllib.parse.urlsplit(url)
    host = parts.netloc.rpartition("@")[2]
    request = urllib.request.Request(parts._replace(netloc=host).geturl(), headers={"Accept": "text/html, */*;q=0.1"})
    if parts.username:
        pair = f"{urllib.parse.unquote(parts.username)}:{urllib.parse.unquote(parts.password or '')}"
        request.add_header("Authorization", "Basic " + base64.b64encode(pair.encode()).decode())
    try:
        with urllib.request.urlopen(request, timeout=SECONDS_OF_SILENCE, context=trust()) as answer:
            content: bytes = answer.read(limit + 1)
    except (OSError, ValueError) as error:
        raise BootstrapError(
            f"cannot reach the package index at {host}: {getattr(error, 'reason', error)}.\n"
            "The first run needs the network (or a folder of wheels in PIP_FIND_LINKS); later ones do not.\n"
            "Behind a proxy set https_proxy; with a certificate authority of your own set PIP_CERT;\n"
            "without any trusted certificates install ca-certificates."
        ) from error
    if len(content) > limit:
        raise BootstrapError(f"{host} answered with more than {limit} bytes for {parts.path}: not what was asked for")
    return content


def trust() -> ssl.SSLContext:
    """The certificates to trust: those that pip was told of, else the system's."""
    bundle = pip_setting("cert")
    try:
        return ssl.create_default_context(cafile=bundle or None)
    except OSError as error:
        raise BootstrapError(f"cannot read the certificates in {bundle}: {error}") from error


def pip_setting(name: str) -> str:
    """A setting as pip sees it: the environment, then the first configuration file with it; else empty."""
    from_environment = os.environ.get("PIP_" + name.upper().replace("-", "_"))
    if from_environment is not None:
        return from_environment
    named = os.environ.get("PIP_CONFIG_FILE")
    for path in (named, *PIP_CONFIGS) if named != os.devnull else ():
        settings = configparser.RawConfigParser()
        try:
            settings.read(os.path.expanduser(path or ""))
        except (configparser.Error, UnicodeDecodeError) as error:
            raise BootstrapError(f"cannot read {path}: {error}") from error
        if settings.has_option("global", name):
            return settings.get("global", name)
    return ""


def pip(target: Path, *arguments: str, path: Path | None = None) -> None:
    """Run pip in the environment `target`, from the wheel `path` where the environment has none yet."""
    command = [
        str(target / "bin/python"),
        "-m",
        "pip",
        "--disable-pip-version-check",
        "--no-input",
        "--quiet",
        *arguments,
    ]
    environment = {**os.environ, "PIP_ROOT_USER_ACTION": "ignore"}
    environment.pop("PYTHONPATH", None)
    if path is not None:
        environment["PYTHONPATH"] = str(path)
    result = subprocess.run(command, cwd=ROOT, env=environment, stdin=subprocess.DEVNULL, check=False)
    if result.returncode:
        raise BootstrapError(
            f"pip {arguments[0]} failed (its own words are above). If they speak of a connection, the\n"
            "package index was not reached: https_proxy, PIP_INDEX_URL, PIP_CERT and PIP_FIND_LINKS are honoured.\n"
            "Run again to go on."
        )


def say(line: str) -> None:
    """Progress, for whoever waits."""
    print(line, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
