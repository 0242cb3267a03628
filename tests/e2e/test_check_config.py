"""`dockd check-config` as users and programs run it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

EXAMPLE = Path(__file__).parents[2] / "config" / "dockd.toml"


def run(*arguments: str | Path, **variables: str) -> subprocess.CompletedProcess[str]:
    environ = {name: value for name, value in os.environ.items() if not name.startswith("DOCKD__")} | variables
    command = [sys.executable, "-m", "dockd", "check-config", *map(str, arguments)]
    return subprocess.run(
        command, capture_output=True, text=True, env=environ, check=False, timeout=30, cwd=EXAMPLE.parents[1]
    )


def test_the_shipped_example_is_fine() -> None:
    done = run(EXAMPLE)
    assert (done.returncode, done.stdout, done.stderr) == (0, f"{EXAMPLE}: fine\n", "")


def test_every_mistake_at_once(tmp_path: Path) -> None:
    file = tmp_path / "dockd.toml"
    file.write_text('[store]\nulr = "https://s"\n\n[bandwidth]\nlimit = "0 Mbit/s"\n')
    done = run(file, DOCKD__WIPE__GRACE="soon")
    assert done.returncode == 2
    assert done.stderr == ""
    assert done.stdout.splitlines() == [
        f'{file}:1: store.url: is missing, expected url = "https://store.example.org" in [store]',
        (
            f"{file}:2: store.ulr: unknown key, expected one of kind, url, token_file, ca_file, client_cert_file, "
            "client_key_file, pin (nearest known key: store.url)"
        ),
        (
            f'{file}:5: bandwidth.limit: "0 Mbit/s" would stop everything, expected a rate such as "20 Mbit/s", "1 Gbit/s" '
            'or "2 MB/s" (above 0; leave the key out for no limit)'
        ),
        (
            'environment: DOCKD__WIPE__GRACE: "soon" is not a duration, expected a duration such as "24 h", "10 min", "0 s" '
            'or "500 ms"'
        ),
    ]


def test_json_is_one_document_on_one_line(tmp_path: Path) -> None:
    file = tmp_path / "dockd.toml"
    file.write_text('[store]\nurl = "https://s"\n[uplaod]\n')
    done = run(file, "--json")
    assert done.returncode == 2
    assert done.stdout.count("\n") == 1
    document = json.loads(done.stdout)
    (mistake,) = document.pop("mistakes")
    assert document == {"file": str(file), "ok": False}
    assert mistake.pop("expected").startswith("one of [station], [docks]")
    assert mistake == {
        "file": str(file),
        "line": 3,
        "key": "uplaod",
        "message": "unknown section",
        "nearest": "upload",
    }
    done = run(EXAMPLE, "--json")
    assert done.returncode == 0
    assert json.loads(done.stdout) == {"file": str(EXAMPLE), "ok": True, "mistakes": []}


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    done = run(tmp_path / "none.toml")
    assert done.returncode == 2
    assert done.stdout == f"{tmp_path}/none.toml: there is no such file, expected a readable TOML file\n"
    assert done.stderr == ""


def test_a_name_that_is_no_utf8(tmp_path: Path) -> None:
    file = os.fsdecode(os.fsencode(tmp_path) + b"/\xff.toml")
    done = run(file)
    assert done.returncode == 2
    assert "\\udcff.toml: there is no such file" in done.stdout
    assert "Traceback" not in done.stderr


def test_more_than_one_file_is_a_usage_mistake() -> None:
    assert run(EXAMPLE, EXAMPLE).returncode == 2


def test_camera_profiles_are_looked_at_too(tmp_path: Path) -> None:
    cameras = tmp_path / "cameras"
    cameras.mkdir()
    file = tmp_path / "dockd.toml"
    file.write_text(f'[store]\nurl = "https://s"\n[cameras]\nprofiles = "{cameras}"\n')
    assert run(file).stdout == f"{file}: fine\n"
    (cameras / "patrol.toml").write_text('name = "patrol"\ntitel = "x"\n[files]\nsegments = ["*.MP4"]\n')
    done = run(file)
    assert (done.returncode, done.stderr) == (2, "")
    assert done.stdout.splitlines() == [
        f"{cameras}/patrol.toml:1: title: is missing, expected a name in quotes",
        (
            f"{cameras}/patrol.toml:2: titel: unknown key, expected one of name, title, kind, generic, wipe, time_zone "
            "(nearest known key: title)"
        ),
    ]
    file.write_text(f'[store]\nulr = "https://s"\n[cameras]\nprofiles = "{cameras}"\n')
    done = run(file, "--json")
    mistakes = json.loads(done.stdout)["mistakes"]
    assert [(one["file"], one["key"]) for one in mistakes] == [
        (str(file), "store.url"), (str(file), "store.ulr"), (f"{cameras}/patrol.toml", "title"), (f"{cameras}/patrol.toml", "titel"),
    ]  # fmt: skip


def test_a_folder_of_profiles_that_is_not_there_is_said_once(tmp_path: Path) -> None:
    file = tmp_path / "dockd.toml"
    file.write_text(f'[store]\nurl = "https://s"\n[cameras]\nprofiles = "{tmp_path}/none"\n')
    assert run(file).stdout == (
        f"{file}:4: cameras.profiles: {tmp_path}/none does not exist, expected a folder that is there: mkdir -p {tmp_path}/none\n"
    )
