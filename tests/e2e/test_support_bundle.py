"""`dockd support-bundle` as a command: no secret and nobody's name in it, with the agent alive and dead, and nothing left where it is interrupted."""

from __future__ import annotations

import base64
import io
import json
import os
import signal
import socket
import stat
import subprocess
import tarfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote

from dockd.access.book import Book
from tests.agent import Running, running
from tests.program import DOCKD, Ended, Lines, environment, kill_group

TOKEN = "tok/PLANTED+01=abc"
PROXY = "pa55/PLANTED+02&x"
CLIENT = "oidc PLANTED 03 \u00fc%"
SHOWN = "dockd_" + "PLANTED04" * 5
SESSION = "PLANTED05-cookie-of-a-browser"
HASH = "$argon2id$v=19$m=65536,t=3,p=1$UExBTlRFRDA2$UExBTlRFRDA2aGFzaA"
KEY = "MC4CAQAwBQYDK2VwBCIEIPLANTED07abcdefghijklmnopqrstuvwxyz"
S3 = "wJalrXUtnFEMI/PLANTED08/bPxRfiCYEXAMPLEKEY"
INLINE = "PLANTED09-in-the-wrong-place"
SECRETS = (TOKEN, PROXY, CLIENT, SHOWN, SESSION, HASH, KEY, S3, INLINE)
ORDINARY = ("file", "ops", "retry")
PEOPLE = ("Smith", "b.jones", "C3441", "Interview")


NAMED = (
    {"message": "user:b.jones changed who may come in: user added file", "event.action": "access.changed", "dockd.by": "user:b.jones", "dockd.name": "file"},
    {"message": "user:retry signed in (ops)", "event.action": "user.signed_in", "dockd.by": "user:retry", "dockd.role": "ops"},
    {"message": "client was renewed: no such file", "event.action": "certificate.renewed", "dockd.by": "file"},
)  # fmt: skip


def written(secret: str) -> list[str]:
    """As programs write it."""
    raw = secret.encode()
    return [
        secret, quote(secret, safe=""), json.dumps(secret)[1:-1], raw.hex(), base64.b64encode(raw).decode(), base64.b64encode(b"u:" + raw).decode(),
        base64.urlsafe_b64encode(b"x" + raw).decode(),
    ]  # fmt: skip


def leaked(archive: bytes) -> list[str]:
    """Which of the planted secrets are anywhere in it, in any form: what base64 mixes with its neighbours is left out."""
    text = "\n".join(files_of(archive).values())
    found = []
    for secret in SECRETS:
        raw = secret.encode()
        cores = [
            code(b"x" * n + raw).decode()[4:-4]
            for n in range(3)
            for code in (base64.b64encode, base64.urlsafe_b64encode)
        ]
        found += [form for form in (*written(secret)[:4], *cores) if form in text]
    return found


def files_of(archive: bytes) -> dict[str, str]:
    with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
        return {one.name.removeprefix("dockd-support/"): tar.extractfile(one).read().decode() for one in tar}  # type: ignore[union-attr]


def bundle(*words: str, cwd: Path, **more: str) -> Ended:
    done = subprocess.run(
        [*DOCKD, "support-bundle", *words], capture_output=True, text=True, env=environment(**more), cwd=cwd, timeout=120, check=False
    )  # fmt: skip
    return Ended(code=done.returncode, out=done.stdout, err=done.stderr)


def secret_file(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(0o600)
    return path


def plant(folder: Path) -> str:
    """Secrets in every file that holds one, and all of them in the log in every form; what the configuration says of it."""
    secret_file(
        folder / "state/keys/store-client.pem", f"-----BEGIN PRIVATE KEY-----\n{KEY}\n-----END PRIVATE KEY-----\n"
    )
    (folder / "state").chmod(0o700)
    (folder / "state/keys").chmod(0o700)
    book = Book(folder / "state/access.db")
    book.make()
    book.add_user("b.jones", role="ops", password=HASH, by="local")
    for ordinary in ORDINARY:
        book.add_user(ordinary, role="viewer", password=HASH, by="user:b.jones")
    book.add_token(SHOWN, name="prometheus", role="viewer", lasts=3600, by="user:b.jones")
    book.close()
    (folder / "cameras.csv").write_text("camera,assigned_to,note\nC3441,PC Smith,is Smith's\n")
    said = [one for secret in SECRETS[:-2] for one in written(secret)]
    lines = [json.dumps({"message": f"{one} in {one!r} of PC Smith", "event.action": "library.line"}) for one in said]
    lines += [json.dumps(one) for one in NAMED]
    lines.append(f"raw: Cookie: __Host-dockd={SESSION}; https://dock:{INLINE}@store/x?sig={S3}")
    lines.append(
        json.dumps(
            {
                "message": "x",
                "error.stack_trace": f"{{'Authorization': 'Bearer {TOKEN}', 'X-Amz-Security-Token': '{S3}'}}",
            }
        )
    )
    (folder / "dockd.log").write_text("\n".join(lines) + "\n")
    return (
        f'token_file = "{secret_file(folder / "store.token", TOKEN)}"\nproxy = "http://127.0.0.1:9"\n'
        f'proxy_auth_file = "{secret_file(folder / "proxy.auth", f"dock:{PROXY}")}"\n'
    )


def more(folder: Path) -> str:
    return (
        f'[log]\nfile = "{folder / "dockd.log"}"\n[registry]\nfile = "{folder / "cameras.csv"}"\n[oidc]\nissuer = "http://127.0.0.1:9"\nclient_id = "d"\n'
        f'client_secret_file = "{secret_file(folder / "oidc.secret", CLIENT)}"\nroles = {{ "s" = "sergeant" }}\n'
    )


def hidden(files: dict[str, str]) -> bool:
    return not [who for who in PEOPLE for text in files.values() if who.lower() in text.lower()]


def test_with_the_agent_at_work_nothing_secret_and_nobodys_name(tmp_path: Path) -> None:
    folder = tmp_path / "x"
    folder.mkdir()
    with running(folder, "http://127.0.0.1:9", store_more=plant(folder), more=more(folder)) as agent:
        agent.dock("C3441", {"DCIM/Interview of Ann 1.mp4": b"x" * 5000})
        token = secret_file(folder / "shown.token", SHOWN)
        waited = time.monotonic() + 30
        while "segment.copied" not in (folder / "dockd.log").read_text():
            assert time.monotonic() < waited
            time.sleep(0.05)
        done = bundle(
            "--config",
            str(agent.config),
            "--token-file",
            str(token),
            "--json",
            "--out",
            str(tmp_path / "b.tgz"),
            cwd=tmp_path,
        )
    assert done.code == 0, done.said
    archive = (tmp_path / "b.tgz").read_bytes()
    assert stat.S_IMODE((tmp_path / "b.tgz").stat().st_mode) == 0o600
    files = files_of(archive)
    assert not leaked(archive), leaked(archive)
    assert hidden(files), files
    told = {one["file"]: one for one in done.document["files"]}
    assert told == {one["file"]: one for one in json.loads(files["manifest.json"])["files"]}
    for name in ("status.json", "bays.json", "metrics.txt", "ledger/reconcile.json", "ledger/head.json", "ledger/custody.json", "config/dockd.toml", "process.txt", "doctor.json"):  # fmt: skip
        assert name in files, (name, done.said)
    assert json.loads(files["ledger/reconcile.json"])["segments"]["copied"] == 1
    assert "dockd_build_info" in files["metrics.txt"]
    assert [bay["camera"]["id"] for bay in json.loads(files["bays.json"])["bays"] if bay["camera"]] == ["camera-1"]
    copied = [json.loads(line) for line in files["log/dockd.log"].splitlines() if '"segment.copied"' in line]
    assert copied[0]["dockd.camera"] == "camera-1"
    assert copied[0]["dockd.path"] == "file-1"
    assert "person-" not in files["config/dockd.toml"], "keys and paths stay what they are"
    assert all(f'{key} = "' in files["config/dockd.toml"] for key in ("file", "client_secret_file", "retry_max"))
    added, signed, renewed = [
        json.loads(line)
        for action in ("access.changed", "user.signed_in", "certificate.renewed")
        for line in files["log/dockd.log"].splitlines()
        if f'"{action}"' in line and "dockd.by" in line and "sequence" not in line
    ]
    assert added["message"].rpartition(" ")[2] == added["dockd.name"]
    assert added["dockd.name"].startswith("person-")
    assert signed["message"] == f"{signed['dockd.by']} signed in (ops)"
    assert signed["dockd.by"].startswith("user:person-")
    assert (renewed["message"], renewed["dockd.by"]) == ("client was renewed: no such file", "file")
    assert told["log/dockd.log"]["secrets_taken_out"] > 20


def test_with_the_agent_dead_its_ledger_damaged_and_its_configuration_wrong(tmp_path: Path) -> None:
    keys = secret_file(tmp_path / "s3", f"AKIDEXAMPLE:{S3}")
    agent = Running(
        folder=tmp_path,
        store="https://127.0.0.1:9/footage",
        store_more=f'kind = "s3"\ntoken = "{INLINE}"\ntoken_file = "{keys}"\n',
    )
    agent.configure(more=f'# {INLINE}\n[log]\nfile = "{tmp_path / "dockd.log"}"\n[pull]\npassword = [\n"{INLINE}"\n]\n')
    secret_file(tmp_path / "state/ledger.db", "no ledger at all" * 1000)
    (tmp_path / "dockd.log").write_text("\n".join(written(S3)) + f"\nstore.token: {INLINE}\n")
    done = subprocess.run(
        [*DOCKD, "support-bundle", "--config", str(agent.config), "--out", "-"], capture_output=True, env=environment(DOCKD__STORE__TOKEN=INLINE),
        cwd=tmp_path, timeout=120, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    files = files_of(done.stdout)
    assert not leaked(done.stdout), leaked(done.stdout)
    why = {one["file"]: one["why"] for one in json.loads(files["manifest.json"])["files"]}
    assert "damaged" in why["ledger/reconcile.json"]
    assert "no agent works" in why["process.txt"]
    assert why["status.json"]
    assert "store.token: unknown key" in files["config/check-config.txt"]
    assert "token = # [taken out: not a key that dockd knows]" in files["config/dockd.toml"]
    assert "DOCKD__STORE__TOKEN=[taken out]" in files["config/environment.txt"]
    assert os.listdir(tmp_path / "state") == ["ledger.db"]  # nothing was made beside it


@contextmanager
def silent() -> Iterator[str]:
    """A store that takes connections, and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield f"http://127.0.0.1:{server.getsockname()[1]}"


def test_interrupted_it_leaves_nothing(tmp_path: Path) -> None:
    with silent() as store:
        agent = Running(folder=tmp_path / "x", store=store)
        (tmp_path / "x").mkdir()
        agent.configure()
        (tmp_path / "here").mkdir()
        process = subprocess.Popen(
            [*DOCKD, "support-bundle", "--config", str(agent.config)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
            env=environment(), cwd=tmp_path / "here", start_new_session=True,
        )  # fmt: skip
        said = Lines(process)
        said.wait_for("gathering")
        process.send_signal(signal.SIGINT)
        try:
            assert process.wait(timeout=30) == 130
        finally:
            kill_group(process)
            if process.stdout is not None:
                process.stdout.close()
    assert os.listdir(tmp_path / "here") == []
    until = time.monotonic() + 20  # what was killed takes a moment to be gone
    while (left := _of_session(process.pid)) and time.monotonic() < until:
        time.sleep(0.05)
    assert not left


def _of_session(number: int) -> list[str]:
    found = []
    for one in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = one.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if fields[3] == str(number) and fields[0] != "Z":
            found.append(one.parent.name)
    return found
