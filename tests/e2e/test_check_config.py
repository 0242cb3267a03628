"""`dockd check-config` as users and programs run it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from click.testing import CliRunner

from dockd.cli import cli

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
            "client_key_file, proxy, proxy_auth_file, region, object_lock, retain_evidential, pin (nearest known key: store.url)"
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
    assert document == {"file": str(file), "ok": False, "warnings": [], "profiles": []}
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
    assert json.loads(done.stdout) == {"file": str(EXAMPLE), "ok": True, "mistakes": [], "warnings": [], "profiles": []}


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
        f"{cameras}/patrol.toml:1: title: is missing, expected a name of 1 to 64 printable characters, in quotes",
        (
            f"{cameras}/patrol.toml:2: titel: unknown key, expected one of name, title, kind, generic, wipe, time_zone "
            "(nearest known key: title)"
        ),
        f"camera profile read: {cameras}/patrol.toml",
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


def test_the_list_of_cameras_is_read_with_each_mistake_s_line(tmp_path: Path) -> None:
    listed, file = tmp_path / "cameras.csv", tmp_path / "dockd.toml"
    listed.write_text("camera,assigned_to\nCAM1,A\nCAM1,B\n")
    file.write_text(f'[store]\nurl = "https://s"\n[registry]\nfile = "{listed}"\n')
    done = run(file)
    assert (done.returncode, done.stderr) == (2, "")
    assert done.stdout == f'{listed}:3: "CAM1" is already in line 2, expected each camera once\n'


def test_bays_that_are_no_ports(tmp_path: Path) -> None:
    file = tmp_path / "dockd.toml"
    paths = [
        "1-1.4",
        "pci-0000:00:14.0",
        "pci-0000:00:14.0-usb-0:1.4:1.0-scsi-0:0:0:0",
        "sdb",
        "CAM01",
        "pci-0000:00:14.0-usb-0:1.4",
    ]
    bays = "".join(f'[[bays]]\nnumber = {number}\nusb_path = "{path}"\n' for number, path in enumerate(paths, 1))
    file.write_text(f'[store]\nurl = "https://s"\n{bays}')
    learn = 'the port\'s path such as "pci-0000:00:14.0-usb-0:1.4": run `dockd bays learn`'
    kernel = "is the kernel's number, which may be another port after the next start"
    done = run(file)
    assert (done.returncode, done.stderr) == (2, "")
    assert done.stdout.splitlines() == [
        f"{file}:5: bays.usb_path: 1-1.4 {kernel}, expected {learn}",
        f"{file}:8: bays.usb_path: pci-0000:00:14.0 names no port, expected {learn}",
        f'{file}:11: bays.usb_path: {paths[2]} goes on after the chain of ports, expected "pci-0000:00:14.0-usb-0:1.4"',
        f"{file}:14: bays.usb_path: sdb {kernel}, expected {learn}",
        (
            f"warning: {file}:17: bays.usb_path: CAM01 is no USB port, and without docks.folders no folder can be that bay, "
            f"expected {learn}"
        ),
    ]
    docks = tmp_path / "docks"
    docks.mkdir()
    bays = bays.replace(paths[2], "CAM02")
    file.write_text(f'[store]\nurl = "https://s"\n[docks]\nfolders = "{docks}"\n{bays}')
    done = run(file)
    assert done.returncode == 0
    assert [line.split(": ")[:2] for line in done.stdout.splitlines()[:-1]] == [
        ["warning", f"{file}:{line}"] for line in (7, 10, 16)
    ]


def test_what_lies_in_the_folder_of_profiles_and_what_they_ask_for(tmp_path: Path) -> None:
    cameras, file = tmp_path / "cameras", tmp_path / "dockd.toml"
    cameras.mkdir()
    text = 'name = "a"\ntitle = "A"\nwipe = false\n[match.usb]\nID_VENDER_ID = "1d6b"\nID_MODEL_ID = "0x0104"\n[files]\nsegments = ["*.MP4"]\n'
    (cameras / "a.toml").write_text(text)
    (cameras / "b.tml").write_text(text)
    (cameras / ".c.toml.swp").write_text(text)
    file.write_text(f'[store]\nurl = "https://s"\n[cameras]\nprofiles = "{cameras}"\n')
    done = run(file)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines() == [
        f"warning: {cameras}/b.tml: is not read as a camera profile, expected a name that ends in .toml",
        (
            f"warning: {cameras}/a.toml:5: match.usb.ID_VENDER_ID: is no property that udev gives by itself: without a rule of yours "
            "the profile fits nothing, expected a name that `udevadm info` shows (nearest known key: ID_VENDOR_ID)"
        ),
        f'warning: {cameras}/a.toml:6: match.usb.ID_MODEL_ID: "0x0104" fits nothing: udev writes no 0x, expected four digits such as "1d6b"',
        f"camera profile read: {cameras}/a.toml",
        f"{file}: fine",
    ]
    document = json.loads(run(file, "--json").stdout)
    assert (document["ok"], len(document["warnings"]), document["profiles"]) == (True, 3, [f"{cameras}/a.toml"])


def test_the_file_may_be_named_as_for_other_commands(tmp_path: Path) -> None:
    wrong = tmp_path / "dockd.toml"
    wrong.write_text("[wipe]\ngrace = 1\n")
    runner = CliRunner()
    by_option = runner.invoke(cli, ["check-config", "--config", str(wrong)])
    assert (by_option.exit_code, by_option.stdout) == (2, runner.invoke(cli, ["check-config", str(wrong)]).stdout)
    both = runner.invoke(cli, ["check-config", str(wrong), "--config", str(wrong)])
    assert (both.exit_code, "give one of them" in both.stderr) == (2, True)


def test_a_file_that_may_not_be_read_is_said_to_be_that() -> None:
    asked, root = [], os.geteuid() == 0
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "dockd.toml"
        file.write_text("[station]\n")
        file.chmod(0)
        Path(folder).chmod(0o755)
        CliRunner().invoke(cli, ["check-config", str(file)])  # root's modules are loaded by root
        if root:
            os.seteuid(65534)
        try:
            asked = [CliRunner().invoke(cli, ["check-config", *option, str(file)]) for option in ([], ["--config"])]
        finally:
            if root:
                os.seteuid(0)
    for done in asked:
        assert (done.exit_code, done.stderr) == (2, "")
        assert f"{file}: may not be read by this user" in done.stdout
