"""The environment is made from locked files only, wherever they come from."""

from __future__ import annotations

import hashlib
import http.server
import importlib.util
import os
import re
import subprocess
import sys
import threading
import tomllib
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
SCRIPT = ROOT / "packaging/bootstrap.py"
_spec = importlib.util.spec_from_file_location("dockd_bootstrap", SCRIPT)
assert _spec is not None
assert _spec.loader is not None
bootstrap = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(bootstrap)

NAME = "pip-99.0-py3-none-any.whl"


class QuietFiles(http.server.SimpleHTTPRequestHandler):
    """A folder over HTTP, without a line for each request."""

    def log_message(self, format: str, *words: object) -> None:
        """Say nothing."""


@pytest.fixture
def index(tmp_path: Path) -> Iterator[str]:
    """The address of a small package index whose files lie in tmp_path/index."""
    page = tmp_path / "index/simple/pip/index.html"
    page.parent.mkdir(parents=True)
    links = f'<a href="../../files/pip-98.0-py3-none-any.whl">old</a> <a href="../../files/{NAME}#sha256=0">new</a>'
    page.write_text(links)
    (tmp_path / "index/files").mkdir()
    (tmp_path / "index/files" / NAME).write_bytes(b"the wheel")
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), partial(QuietFiles, directory=tmp_path / "index")) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/simple"
        server.shutdown()
        thread.join()


def find_wheel(**settings: str) -> subprocess.CompletedProcess[str]:
    """What the script finds for NAME in an environment with only these settings."""
    code = f"import runpy; print(runpy.run_path({str(SCRIPT)!r})['find_wheel']({NAME!r}))"
    environment = {"PATH": os.environ["PATH"], "PIP_CONFIG_FILE": os.devnull, "HOME": "/nonexistent", **settings}
    return subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=False)


def test_lock_names_the_pip_to_fetch_with_its_hashes() -> None:
    version, hashes = bootstrap.locked_pip()
    assert re.fullmatch(r"[0-9]+(\.[0-9]+)+", version)
    assert hashes
    assert all(re.fullmatch(r"[0-9a-f]{64}", one) for one in hashes)


def test_file_that_the_lock_does_not_name_is_refused() -> None:
    good = frozenset([hashlib.sha256(b"wheel").hexdigest()])
    assert bootstrap.checked(b"wheel", hashes=good, name=NAME) == b"wheel"
    with pytest.raises(bootstrap.BootstrapError, match="pip-99.0.* is not the locked file"):
        bootstrap.checked(b"wheeL", hashes=good, name=NAME)


def test_wheel_comes_from_the_index_that_is_named(index: str) -> None:
    found = find_wheel(PIP_INDEX_URL=index)
    assert (found.stdout, found.stderr) == ("b'the wheel'\n", "")


def test_index_may_be_named_in_the_configuration_file(index: str, tmp_path: Path) -> None:
    (tmp_path / "pip.conf").write_text(f"[global]\nindex-url = {index}/\n")
    assert find_wheel(PIP_CONFIG_FILE=str(tmp_path / "pip.conf")).stdout == "b'the wheel'\n"


def test_local_folder_needs_no_network(tmp_path: Path) -> None:
    (tmp_path / NAME).write_bytes(b"from the stick")
    for folder in (str(tmp_path), f"/nonexistent file://{tmp_path}"):
        assert find_wheel(PIP_FIND_LINKS=folder, PIP_NO_INDEX="1").stdout == "b'from the stick'\n"
    forbidden = find_wheel(PIP_FIND_LINKS="/nonexistent", PIP_NO_INDEX="1")
    assert "PIP_NO_INDEX forbids to ask an index" in forbidden.stderr


def test_index_that_is_away_is_said_with_what_to_do_and_without_its_password() -> None:
    away = find_wheel(PIP_INDEX_URL="http://someone:hush@127.0.0.1:9/simple")
    assert "cannot reach the package index at 127.0.0.1:9: " in away.stderr
    assert "https_proxy" in away.stderr
    assert "hush" not in away.stderr.partition("BootstrapError")[2]


def test_answer_without_end_is_cut_off(index: str) -> None:
    with pytest.raises(bootstrap.BootstrapError, match="more than 20 bytes for /simple/pip/"):
        bootstrap.fetch(f"{index}/pip/", limit=20)


def test_folder_that_is_no_environment_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "evidence").write_text("x")
    with pytest.raises(bootstrap.BootstrapError, match="is in the way and is no Python environment"):
        bootstrap.create(tmp_path)
    assert (tmp_path / "evidence").read_text() == "x"


@pytest.mark.parametrize("name", sorted({*bootstrap.LOCKS.values(), bootstrap.BUILD_LOCK}))
def test_each_locked_file_has_a_hash_and_no_address(name: str) -> None:
    text = (ROOT / name).read_text()
    assert "://" not in text
    entries = re.findall(r"^([a-z0-9][a-z0-9-]*)==\S+(?: ; [^\n\\]+)? \\\n    --hash=sha256:[0-9a-f]{64}", text, re.M)
    assert len(entries) == len(re.findall(r"^[a-z0-9]", text, re.M)) > 0


def test_locks_hold_everything_that_the_project_asks_for_and_agree() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    asked = {
        "requirements.lock": project["project"]["dependencies"],
        "requirements-dev.lock": project["project"]["optional-dependencies"]["dev"],
        "requirements-bench.lock": project["project"]["optional-dependencies"]["bench"],
        "requirements-build.lock": project["build-system"]["requires"],
    }
    pins: dict[str, set[str]] = {}
    for name, requirements in asked.items():
        found = dict(re.findall(r"^([a-z0-9][a-z0-9-]*)==([^\s;]+)", (ROOT / name).read_text(), re.M))
        assert {re.split(r"[^A-Za-z0-9-]", one)[0].lower() for one in requirements} <= set(found)
        if name != "requirements-bench.lock":  # there, one Python has another version than the next
            for package, version in found.items():
                pins.setdefault(package, set()).add(version)
    assert {package: versions for package, versions in pins.items() if len(versions) > 1} == {}
