"""What the disk says: the configuration's own file, and what it names."""

from __future__ import annotations

import os
import socket
import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest

from dockd.settings import SettingsError, check, defaults, load

URL = '[store]\nurl = "https://s"\n'
Say = Callable[[str], list[str]]


@pytest.fixture
def said(tmp_path: Path) -> Say:
    """check() of a text that is written to a file named F, `@` standing for the folder around it."""

    def say(text: str) -> list[str]:
        file = tmp_path / "F"
        file.write_text(text.replace("@", str(tmp_path)))
        return [str(mistake).replace(str(tmp_path), "@") for mistake in check(file, {})]

    return say


def test_a_file_that_is_right(said: Say) -> None:
    assert said(URL) == []


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", ": is empty, expected at least [store] with a url in it"),
        (b" \n\t\n", ": is empty, expected at least [store] with a url in it"),
        (b"[wipe]\n# caf\xe9\n", ":2: is not UTF-8 text, expected a TOML file in UTF-8"),
        (b"[\x00]", ":1: this is not TOML: invalid initial character for a key part, expected valid TOML"),
        (b"\xff\xfe[\x00", ":1: is UTF-16 text, as some editors on Windows save it, expected a TOML file in UTF-8"),
        (b"#" * (1024 * 1024 + 1), ": is larger than 1 MiB, expected a readable TOML file of at most 1 MiB"),
    ],
)
def test_files_that_hold_no_configuration(tmp_path: Path, content: bytes, message: str) -> None:
    file = tmp_path / "F"
    file.write_bytes(content)
    assert [str(mistake) for mistake in check(file, {})] == [f"{file}{message}"]


def test_a_byte_order_mark_and_windows_line_ends_are_taken(tmp_path: Path) -> None:
    file = tmp_path / "F"
    file.write_bytes(b"\xef\xbb\xbf" + URL.replace("\n", "\r\n").encode())
    assert check(file, {}) == []


def test_no_file_a_directory_a_fifo_a_socket_a_loop(tmp_path: Path) -> None:
    (tmp_path / "dir").mkdir()
    os.mkfifo(tmp_path / "fifo")
    (tmp_path / "loop").symlink_to("loop")
    expected = ", expected a readable TOML file"
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(tmp_path / "sock"))
        for name, message in (
            ("none", "there is no such file"),
            ("none/none", "there is no such file"),
            ("dir", "is a directory"),
            ("fifo", "is not a regular file"),
            ("sock", "cannot be read: No such device or address"),
            ("loop", "cannot be read: Too many levels of symbolic links"),
            ("n" * 300, "cannot be read: File name too long"),
        ):
            assert [str(m) for m in check(tmp_path / name, {})] == [f"{tmp_path / name}: {message}{expected}"]
    assert [str(m) for m in check(Path("a\0b"), {})] == [f"a\\x00b: cannot be read: embedded null byte{expected}"]


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_what_may_not_be_read(tmp_path: Path, said: Say) -> None:
    file = tmp_path / "closed"
    file.write_text(URL)
    file.chmod(0)
    assert [str(m) for m in check(file, {})] == [f"{file}: may not be read by this user, expected a readable TOML file"]
    assert said(URL + 'token_file = "@/closed"\n') == [
        "@/F:3: store.token_file: @/closed may not be read by this user, expected the path of a file that dockd can read"
    ]


def test_an_unreadable_file_does_not_hide_wrong_variables(tmp_path: Path) -> None:
    mistakes = check(tmp_path / "none", {"DOCKD__PULL__PARALLEL": "0"})
    assert [mistake.key for mistake in mistakes] == ["", "DOCKD__PULL__PARALLEL"]


def test_files_that_are_named_have_to_be_there(tmp_path: Path, said: Say) -> None:
    (tmp_path / "dir").mkdir()
    (tmp_path / "empty").touch(mode=0o600)
    text = (
        URL
        + 'token_file = "@/none"\nca_file = "@/dir"\nclient_cert_file = "@/none"\nclient_key_file = "@/empty"\n'
        + '[page]\ntls_cert_file = "@/none/none"\ntls_key_file = "@/none/none"\n'
    )
    expected = "expected the path of a file that dockd can read"
    assert said(text) == [
        f"@/F:3: store.token_file: @/none does not exist, {expected}",
        f"@/F:4: store.ca_file: @/dir is a directory, {expected}",
        f"@/F:5: store.client_cert_file: @/none does not exist, {expected}",
        f"@/F:6: store.client_key_file: @/empty is empty, {expected}",
        f"@/F:8: page.tls_cert_file: @/none/none does not exist, {expected}",
        f"@/F:9: page.tls_key_file: @/none/none does not exist, {expected}",
    ]


@pytest.mark.parametrize("mode", [0o604, 0o644, 0o602, 0o666])
def test_secrets_that_others_can_read(tmp_path: Path, said: Say, mode: int) -> None:
    for name in ("token", "key", "cert", "proxy"):
        (tmp_path / name).write_text("hunter2")
        (tmp_path / name).chmod(mode)
    named = 'token_file = "@/token"\nproxy_auth_file = "@/proxy"\nproxy = "http://p:3128"\n'
    text = URL + named + '[page]\ntls_cert_file = "@/cert"\ntls_key_file = "@/key"\n'
    assert said(text) == [
        (
            "@/F:3: store.token_file: @/token can be read by everybody on this machine, expected a file of dockd's own: "
            "chmod 600 @/token"
        ),
        (
            "@/F:4: store.proxy_auth_file: @/proxy can be read by everybody on this machine, expected a file of dockd's own: "
            "chmod 600 @/proxy"
        ),
        (
            "@/F:8: page.tls_key_file: @/key can be read by everybody on this machine, expected a file of dockd's own: "
            "chmod 600 @/key"
        ),
    ]
    for name in ("token", "key", "proxy"):
        (tmp_path / name).chmod(0o640)
    assert said(text) == []


def test_folders_that_are_named_have_to_be_there(tmp_path: Path, said: Say) -> None:
    text = '[docks]\nfolders = "@/docks"\n[cameras]\nprofiles = "@/F"\n[store]\nkind = "directory"\nurl = "@/share"\n'
    assert said(text) == [
        "@/F:2: docks.folders: @/docks does not exist, expected a folder that is there: mkdir -p @/docks",
        "@/F:4: cameras.profiles: @/F is not a folder, expected a folder that is there: mkdir -p @/F",
        "@/F:7: store.url: @/share does not exist, expected a folder that is there: mkdir -p @/share",
    ]
    (tmp_path / "docks").mkdir()
    (tmp_path / "share").mkdir()
    assert said(text.replace('"@/F"', '"@/docks"')) == []


def test_files_where_folders_belong_and_the_other_way_round(tmp_path: Path, said: Say) -> None:
    (tmp_path / "dir").mkdir()
    text = URL + '[spool]\npath = "@/F"\n[ledger]\npath = "@/dir"\n[log]\nfile = "@/none/log"\n'
    assert said(text) == [
        "@/F:4: spool.path: @/F is not a folder, expected the path of a folder",
        "@/F:6: ledger.path: @/dir is a directory, expected the path of a file",
        "@/F:8: log.file: @/none does not exist, expected a folder that is there: mkdir -p @/none",
    ]


def test_a_symlink_does_not_hide_that_state_lies_in_a_docks_folder(tmp_path: Path, said: Say) -> None:
    (tmp_path / "docks").mkdir()
    (tmp_path / "state").symlink_to("docks/CAM1")
    text = URL + '[docks]\nfolders = "@/docks"\n[spool]\npath = "@/state/spool"\n'
    assert said(text) == [
        "@/F:6: spool.path: lies inside docks.folders (@/docks), expected a place apart from it",
    ]


def test_what_text_alone_has_shown_is_not_said_twice(tmp_path: Path, said: Say) -> None:
    (tmp_path / "docks").mkdir()
    text = URL + '[docks]\nfolders = "@/docks"\n[spool]\npath = "@/docks/spool"\n'
    assert len(said(text)) == 1


def test_load_raises_all_of_it(tmp_path: Path) -> None:
    file = tmp_path / "F"
    file.write_text("[wipe]\ngrace = 1\n[pull]\nparallel = 0\n" + URL)
    with pytest.raises(SettingsError) as raised:
        load(file, environ={})
    assert [(m.line, m.key) for m in raised.value.mistakes] == [(2, "wipe.grace"), (4, "pull.parallel")]
    assert str(raised.value) == "\n".join(str(mistake) for mistake in raised.value.mistakes)


def test_load_for_a_look_needs_neither_store_nor_files(tmp_path: Path) -> None:
    file = tmp_path / "F"
    file.write_text('[store]\nca_file = "/none/none"\n[wipe]\nenabled = true\n')
    assert load(file, environ={}, for_run=False).store.ca_file == Path("/none/none")
    with pytest.raises(SettingsError) as raised:
        load(file, environ={})
    assert [mistake.key for mistake in raised.value.mistakes] == ["store.url", "store.ca_file"]
    file.write_text("[wipe]\nenabled = 1\n")
    with pytest.raises(SettingsError):
        load(file, environ={}, for_run=False)


def test_loading_looks_and_changes_nothing(tmp_path: Path) -> None:
    file = tmp_path / "F"
    file.write_text(URL + f'[spool]\npath = "{tmp_path}/spool"\n[ledger]\npath = "{tmp_path}/ledger.db"\n')
    settings = load(file, environ={})
    assert settings.spool.path == tmp_path / "spool"
    assert settings.pull == defaults().pull
    assert os.listdir(tmp_path) == ["F"]


PLACES = """[docks]
folders = "@{0}/docks"
[cameras]
profiles = "@{0}/cameras"
[store]
kind = "directory"
url = "@{0}/share"
[spool]
path = "@{0}/spool"
[ledger]
path = "@{0}/ledger.db"
[log]
file = "@{0}/log/dockd.log"
[page]
tls_key_file = "@{0}/page.key"
tls_cert_file = "@/F"
"""
KEYS = ["docks.folders", "cameras.profiles", "store.url", "spool.path", "ledger.path", "log.file", "page.tls_key_file"]


@pytest.mark.parametrize("way", ["/loop", "/file", "/" + "n" * 300])
def test_paths_that_cannot_be_followed_are_told_each_with_its_line(tmp_path: Path, said: Say, way: str) -> None:
    (tmp_path / "loop").symlink_to("loop")
    (tmp_path / "file").touch()
    told = said(PLACES.format(way))
    assert [line.split(": ")[1] for line in told] == KEYS
    assert [line.split(": ")[0] for line in told] == [f"@/F:{number}" for number in (2, 4, 7, 9, 11, 13, 15)]
    assert all("is this the user that dockd runs as?" in line for line in told)


def test_a_state_folder_that_the_user_may_not_enter_is_one_line_a_key() -> None:
    """As an unprivileged user, in a process of its own: root may enter everything."""
    with tempfile.TemporaryDirectory() as name:
        folder, file = Path(name), Path(name, "F")
        folder.chmod(0o755)
        (folder / "closed").mkdir(mode=0)
        file.write_text(PLACES.format("/closed").replace("@", name))
        told = as_nobody(lambda: "\n".join(str(mistake) for mistake in check(file, {})))
    lines = told.replace(name, "@").splitlines()
    assert [line.split(": ")[1] for line in lines] == KEYS
    assert lines[3] == (
        "@/F:9: spool.path: @/closed/spool may not be looked at by this user: a folder on the way is closed to it, "
        "expected a place that dockd's user may enter (is this the user that dockd runs as?)"
    )


def as_nobody(work: Callable[[], str]) -> str:
    """What `work` says where nothing is allowed by being root; what it raised, else."""
    ends, says = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            if os.geteuid() == 0:
                os.setgroups([])
                os.setgid(65534)
                os.setuid(65534)
            os.write(says, work().encode()[:60_000])
        except BaseException as error:  # noqa: BLE001 (the parent is told)
            os.write(says, repr(error).encode())
        finally:
            os._exit(0)
    os.close(says)
    with open(ends) as heard:
        told = heard.read()
    os.waitpid(child, 0)
    return told
