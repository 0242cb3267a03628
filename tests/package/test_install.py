"""A bare Debian 12, and the package: every command, page and completion works, and nothing starts that is not configured."""

from __future__ import annotations

import base64
import csv
import hashlib
import json
import os
import subprocess
from pathlib import Path

from tests.package.conftest import Installed
from tests.package.dock import CONFIGURATION, Dock
from tests.package.packages import Packages
from tests.package.system import System

SITE = "/usr/lib/dockd/lib/python3.11/site-packages"


def test_lintian_has_nothing_to_say(packages: Packages) -> None:
    """Over the package and its .changes. What is overridden stands with its reason in packaging/debian/dockd.lintian-overrides."""
    command = [
        "lintian",
        "--allow-root",
        "--tag-display-limit",
        "0",
        "--fail-on",
        "error,warning",
        str(packages.changes),
    ]
    done = subprocess.run(command, capture_output=True, text=True, timeout=900, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_it_is_installed_and_waits_for_its_configuration(installed: Installed, system: System) -> None:
    assert "the agent is not started: it is not configured yet" in installed.said.err
    assert system.run("dockd", "--version").out.startswith("dockd")
    asked = system.run("dockd", "check-config", user="dockd", accept=(2,))
    assert asked.out.count("\n") == 1, asked.said
    assert "store.url" in asked.out
    wanted = system.path("/etc/systemd/system/multi-user.target.wants")
    assert sorted(os.listdir(wanted)) == ["dockd-mount.service", "dockd.service"]
    stat = system.run(
        "stat",
        "--format=%U:%G %a %n",
        "/var/lib/dockd",
        "/etc/dockd/dockd.toml",
        "/var/log/dockd/dockd.log",
        "/var/log/dockd",
    )
    assert stat.out.splitlines() == [
        "dockd:dockd 700 /var/lib/dockd",
        "root:root 644 /etc/dockd/dockd.toml",
        "dockd:adm 640 /var/log/dockd/dockd.log",
        "root:root 755 /var/log/dockd",
    ]
    assert system.run("dpkg", "--verify", "dockd").out == ""
    assert system.run("dpkg", "--audit").out == ""


def test_what_stands_around_it_is_not_taken_for_its_libraries(system: System) -> None:
    """Neither the caller's folder, nor PYTHONPATH, nor root's own packages."""
    for folder in ("/tmp/here", "/root/.local/lib/python3.11/site-packages"):
        system.path(folder).mkdir(parents=True)
        (system.path(folder) / "click.py").write_text("raise SystemExit('the wrong click')\n")
    for command in ("dockd", "dockd-mount"):
        around = {"PYTHONPATH": "/tmp/here", "PYTHONHOME": "/tmp/here"}
        asked = system.run("sh", "-c", f"cd /tmp/here && {command} --help", environment=around)
        assert asked.out.lower().startswith("usage")


def test_the_libraries_are_what_the_lock_vouched_for(system: System) -> None:
    """Each file as its RECORD has it, none more, and compiled for the Python that runs them."""
    site = system.path(SITE)
    recorded = set()
    for record in site.glob("*.dist-info/RECORD"):
        for name, digest, _size in csv.reader(record.read_text().splitlines()):
            recorded.add(name)
            if digest:
                found = base64.urlsafe_b64encode(hashlib.sha256((site / name).read_bytes()).digest()).rstrip(b"=")
                assert digest == f"sha256={found.decode()}", name
    there = {str(path.relative_to(site)) for path in site.rglob("*") if path.is_file() and path.suffix != ".pyc"}
    assert {name for name in recorded ^ there if not name.startswith("dockd/_config/")} == set()
    assert os.readlink(site / "dockd/_config") == "../../../../../../share/dockd"
    assert (site / "dockd/cli/__pycache__/run.cpython-311.pyc").is_file()
    # botocore's descriptions of services are left out; what signs for an S3 store is not.
    system.run(
        "/usr/lib/dockd/bin/python3", "-I", "-c", "import ingest.store.s3.signing, ingest.camera.mtp, dockd.docks.udev"
    )


def test_logrotate_takes_its_piece(system: System) -> None:
    text = system.path("/etc/logrotate.d/dockd").read_text()
    assert "/var/log/dockd/dockd.log {" in text
    configured = CONFIGURATION + '\n[log]\nfile = "/var/log/dockd/dockd.log"\n'
    system.path("/etc/dockd/dockd.toml").write_text(configured)
    dock = Dock(system)
    dock.folders()
    dock.command("check-config")
    with dock.agent():
        pass
    assert '"service.name":"dockd"' in system.path("/var/log/dockd/dockd.log").read_text()


def test_pages_and_completion(system: System) -> None:
    """Every command has its page, and Tab offers them."""
    system.online()
    system.run(
        "apt-get", "install", "--yes", "--no-install-recommends", "man-db", "bash-completion", "logrotate", online=True
    )
    offered = complete(system, "dockd ")
    assert {"run", "ingest", "custody", "check-config"} <= set(offered)
    assert complete(system, "dockd custody ver") == ["verify"]
    assert system.path("/usr/share/zsh/vendor-completions/_dockd").read_text().startswith("#compdef dockd")
    assert "complete" in system.path("/usr/share/fish/vendor_completions.d/dockd.fish").read_text()
    pages = ["dockd", "dockd.toml", "dockd-mount", "dockd-custody-verify", *(f"dockd-{command}" for command in offered)]
    for page in pages:
        shown = system.run("sh", "-c", f"man --warnings {page} 2>&1")
        assert shown.out.strip().count("\n") > 8, shown.said
        assert "warning" not in shown.out.splitlines()[0], shown.out
    assert "store" in system.run("man", "dockd.toml").out
    system.run("logrotate", "--debug", "/etc/logrotate.d/dockd")


def complete(system: System, line: str) -> list[str]:
    """What bash offers at the end of `line`, with the package's completion loaded as a login shell loads it."""
    words = [*line.split(), *([""] if line.endswith(" ") else [])]
    script = (
        ". /usr/share/bash-completion/bash_completion; _completion_loader dockd;"
        f" COMP_WORDS=({' '.join(map(repr, words))}); COMP_CWORD={len(words) - 1};"
        " function=$(complete -p dockd | sed 's/.*-F \\([^ ]*\\).*/\\1/');"
        ' $function dockd "${COMP_WORDS[$COMP_CWORD]}" ""; printf "%s\\n" "${COMPREPLY[@]}"'
    )
    return system.run("bash", "-c", script, accept=(0, 1)).out.split()


def test_a_folder_is_brought_to_a_store(system: System) -> None:
    """`dockd ingest --wipe` as the user dockd, into `dockd store serve`, both from the package."""
    dock = Dock(system)
    dock.folders()
    with dock.store():
        dock.camera("CAM01", sizes=(4_000_000, 70_001, 0))
        words = ("--store", "http://127.0.0.1:1080", "--state", "/var/lib/dockd/one-shot", "--wipe", "--json")
        said = json.loads(dock.command("ingest", "/srv/docks/CAM01", *words))
    assert said["segments"] == {"listed": 3, "copied": 3, "confirmed": 3, "wiped": 3, "held": 0}
    assert dock.files("CAM01") == []
    dock.command("custody", "verify", "--state", "/var/lib/dockd/one-shot")


def test_the_demonstration_needs_nothing_else(system: System) -> None:
    """Footage, pages, styles and messages are all in the package."""
    shown = system.run(
        "dockd",
        "demo",
        "--bays",
        "2",
        "--cameras",
        "2",
        "--port",
        "0",
        "--exit-when-done",
        user="dockd",
        environment={"HOME": "/tmp"},
    )
    assert "http://127.0.0.1" in shown.out


def test_the_same_commit_gives_the_same_package(packages: Packages, tmp_path: Path) -> None:
    """But for the times of files, there is nothing of the machine in it: no path of the build, no name."""
    tree = tmp_path / "tree"
    subprocess.run(["dpkg-deb", "--raw-extract", str(packages.deb), str(tree)], check=True)
    here = str(Path(__file__).parents[2]).encode()
    for path in (path for path in tree.rglob("*") if path.is_file() and not path.is_symlink()):
        content = path.read_bytes()
        assert here not in content, path
        assert b"/build/deb" not in content, path
    newest = max(path.lstat().st_mtime for path in tree.rglob("*"))
    when = subprocess.run(
        ["git", "log", "-1", "--format=%ct"], capture_output=True, text=True, check=True, cwd=Path(__file__).parent
    )
    assert newest <= int(when.stdout)
