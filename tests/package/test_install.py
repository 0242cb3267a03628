"""A bare Debian 12, and the package: every command, page and completion works, and nothing starts that is not configured."""

from __future__ import annotations

import base64
import csv
import hashlib
import io
import json
import os
import re
import subprocess
import tarfile

from tests.package.conftest import Installed
from tests.package.dock import CONFIGURATION, Dock
from tests.package.packages import Packages
from tests.package.system import System
from tests.program import REPOSITORY

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
    assert {"dockd-mount.service", "dockd.service"} <= set(os.listdir(wanted))
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


def test_the_page_is_whole(system: System) -> None:
    """Templates, styles and messages in both languages; and the clips of `dockd demo`."""
    dock = Dock(system)
    dock.folders()
    system.path("/etc/dockd/dockd.toml").write_text(CONFIGURATION)
    with dock.agent():
        english, welsh = (fetched(system, "/", language=language) for language in ("en", "cy"))
        style = re.search(r'href="(/static/[^"]+\.css[^"]*)"', english)
        assert style is not None
        assert len(fetched(system, style[1])) > 10_000
    assert "North" in english
    assert '<html lang="cy"' in welsh
    assert len(list(system.path(f"{SITE}/dockd/demo/clips").glob("*.mp4"))) > 3


def fetched(system: System, path: str, *, language: str = "en") -> str:
    """A page of the agent, asked by the package's own Python."""
    asked = (
        "import sys, urllib.request as r; "
        "q = r.Request('http://127.0.0.1:8099' + sys.argv[1], headers={'Accept-Language': sys.argv[2]}); "
        "sys.stdout.write(r.urlopen(q, timeout=60).read().decode())"
    )
    return system.run("/usr/lib/dockd/bin/python3", "-I", "-c", asked, path, language).out


def test_nothing_of_the_machine_that_built_it_is_in_it(packages: Packages) -> None:
    """No path, no owner, and no time but the commit's: the same commit gives the same package."""
    listed = subprocess.run(["dpkg-deb", "--fsys-tarfile", str(packages.deb)], capture_output=True, check=True).stdout
    epoch = re.search(r'^ SOURCE_DATE_EPOCH="(\d+)"', packages.deb.with_suffix(".buildinfo").read_text(), re.MULTILINE)
    assert epoch is not None
    here = str(REPOSITORY).encode()
    with tarfile.open(fileobj=io.BytesIO(listed)) as archive:
        for member in archive:
            assert (member.uid, member.gid) == (0, 0), member.name
            assert member.mtime <= int(epoch[1]), member.name
            if member.isfile():
                file = archive.extractfile(member)
                assert file is not None
                content = file.read()
                assert here not in content, member.name
                assert b"/build/deb" not in content, member.name
