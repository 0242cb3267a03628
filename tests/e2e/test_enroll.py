"""From an invitation to footage in the store, with real programs; and the same with an authority of the force's own."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from click.testing import CliRunner

from dockd.cli.enroll import enroll
from dockd.cli.store_docks import invite
from dockd.enrolling.owner import as_owner_of
from ingest.central.enrolment import Enrolment
from ingest.central.enrolment_file import EnrolmentFile
from ingest.clock import Clock
from tests.agent import Running
from tests.program import DOCKD, REPOSITORY, Ended, environment, filled
from tests.simulators.authority import Authority


def here(*words: str | Path, typed: str = "") -> Ended:
    """The command in this process, which has loaded everything already."""
    done = CliRunner().invoke(enroll, [str(word) for word in words[1:]], input=typed)
    if done.exception is not None and not isinstance(done.exception, SystemExit):
        raise done.exception
    return Ended(code=done.exit_code, out=done.stdout, err=done.stderr)


def dockd(*words: str | Path, typed: str = "", timeout: float = 40) -> Ended:
    """Run a command to its end."""
    done = subprocess.run(
        [*DOCKD, *map(str, words)], input=typed, capture_output=True, text=True, env=environment(), cwd=REPOSITORY, timeout=timeout, check=False
    )  # fmt: skip
    return Ended(code=done.returncode, out=done.stdout, err=done.stderr)


@contextmanager
def store_over_tls(root: Path, authority: Authority, *options: str | Path) -> Iterator[str]:
    """`dockd store serve` with a certificate of that authority; gives its address."""
    server = authority.issue("server", days=900)
    with (root.parent / "store.log").open("a") as log:
        process = subprocess.Popen(
            [*DOCKD, "store", "serve", "--root", str(root), "--listen", "127.0.0.1:0", "--tls-cert-file", str(server), "--tls-key-file", str(server), *map(str, options)],
            stdout=subprocess.PIPE, stderr=log, text=True, env=environment(), cwd=REPOSITORY, start_new_session=True,
        )  # fmt: skip
    try:
        assert process.stdout is not None
        found = re.search(r"https://127\.0\.0\.1:\d+", process.stdout.readline())
        assert found is not None, (root.parent / "store.log").read_text()
        yield found.group()
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        process.stdout.close() if process.stdout is not None else None


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path / "authority", days=900)


def as_lines(config: dict[str, str | None]) -> str:
    return "\n".join(
        f"{key} = {json.dumps(value)}" for key, value in config.items() if value is not None and key != "url"
    )


def test_from_an_invitation_to_footage_in_the_store(tmp_path: Path, authority: Authority) -> None:
    root = tmp_path / "root"
    root.mkdir()
    invited = CliRunner().invoke(invite, ["rack-1", "--root", str(root)])
    assert invited.exit_code == 0, invited.output
    operator = Enrolment(EnrolmentFile(root / "docks.db"), clock=Clock())
    agent = Running(folder=tmp_path / "agent", store="https://127.0.0.1:9")
    agent.folder.mkdir()
    agent.configure()
    with store_over_tls(root, authority) as url:
        words = ("enroll", url, "--ca-file", authority.certificate, "--config", agent.config)
        # Without anybody to ask and without an invitation nothing is told, and nothing is made.
        nobody = here(*words)
        assert (nobody.code, nobody.out) == (1, ""), nobody.said
        assert "--invitation-file" in nobody.err
        # It is killed when it has drawn its key; the next run goes on with that one.
        key = killed_when(
            [*DOCKD, *map(str, words), "--invitation-file", "-"],
            invited.stdout,
            until=agent.folder / "state/keys/store-client.next.key",
        )
        done = dockd(*words, "--invitation-file", "-", "--write", "--json", typed=invited.stdout)
        assert done.code == 0, done.said
        said = done.document
        assert (said["dock"], said["way"], said["written"], said["store"]["pinned"]) == (
            "rack-1",
            "certificate",
            True,
            True,
        )
        mine = agent.folder / "state/keys/store-client.pem"
        assert mine.read_text().startswith(key)
        assert f'url = "{url}"' in agent.config.read_text()
        # The agent brings footage by it, and is not let in any more once it is revoked.
        agent.store, agent.store_more = url, as_lines(said["config"])
        agent.start()
        try:
            filled(agent.docks / "CAM1", {"DCIM/A.MP4": os.urandom(100_000)})
            agent.until_logged("segment.confirmed")
            kinds = [
                f'dockd_certificate_expiry_timestamp_seconds{{certificate="{one}"}}'
                for one in ("client", "store", "store_ca")
            ]
            agent.until(
                lambda: all(one in agent.ask("/metrics").body.decode() for one in kinds),
                "the certificates' ends are told",
            )
            operator.revoke("rack-1", who="os:ann", reason="")
            filled(agent.docks / "CAM2", {"DCIM/B.MP4": os.urandom(1000)})
            agent.until(lambda: "rack-1 shows was taken back" in agent.said, "the store says that it was revoked")
        finally:
            agent.stop()
    actions = [line.action for line in operator.log() if line.action != "dock.renewed"]
    assert actions == ["dock.invited", "dock.asked", "dock.enrolled", "dock.revoked"]


def killed_when(command: list[str], typed: str, *, until: Path) -> str:
    """SIGKILL when a file is there; what is in it."""
    process = subprocess.Popen(
        command, stdin=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, env=environment(), cwd=REPOSITORY
    )
    assert process.stdin is not None
    with process.stdin as stdin:
        stdin.write(typed)
    deadline = time.monotonic() + 30
    while not until.exists() and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.001)
    process.kill()
    process.wait()
    done = until.with_name("store-client.pem")
    text = (until if until.exists() else done).read_text()
    return text.partition("-----BEGIN CERTIFICATE")[0]


def test_an_authority_of_the_forces_own_in_two_steps(tmp_path: Path, authority: Authority) -> None:
    state, request = tmp_path / "state", tmp_path / "dock.csr"
    asked = here("enroll", "--request-only", "--request-file", request, "--state", state)
    assert asked.code == 0, asked.said
    signed = tmp_path / "dock.pem"
    sign(authority, request, signed)
    with store_over_tls(tmp_path / "root", authority, "--client-ca-file", authority.certificate) as url:
        words = ("enroll", url, "--ca-file", authority.certificate, "--state", state, "--certificate", signed)
        nobody = here(*words)
        assert nobody.code == 1, nobody.said
        pin = re.findall(r"^key (\S+)$", nobody.err, re.M)
        done = here(*words, "--pin", pin[0], "--json")
        assert done.code == 0, done.said
        assert done.document["config"]["client_cert_file"] == str(state / "keys/store-client.pem")
        assert done.document["store"]["keys"] == pin
        again = here(*words, "--pin", pin[0])
        assert again.code == 1, again.said
        assert "make the request first" in again.err


def sign(authority: Authority, request: Path, signed: Path) -> None:
    folder = authority.certificate.parent
    words = [
        "openssl",
        "x509",
        "-req",
        "-in",
        str(request),
        "-CA",
        "ca.pem",
        "-CAkey",
        "ca.key",
        "-CAcreateserial",
        "-days",
        "90",
        "-out",
        str(signed),
    ]
    done = subprocess.run(words, cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can be somebody else")
def test_what_root_does_in_the_agents_folder_is_the_agents() -> None:
    with tempfile.TemporaryDirectory() as above:  # not below pytest's own, which are root's alone
        Path(above).chmod(0o755)
        folder = Path(above) / "state"
        folder.mkdir()
        os.chown(folder, 65534, 65534)
        with as_owner_of(folder / "keys" / "not there yet"):
            assert os.geteuid() == 65534
            (folder / "made").write_text("")
        assert (os.geteuid(), os.getegid()) == (0, 0)
        found = (folder / "made").stat()
        assert (found.st_uid, found.st_gid) == (65534, 65534)


def test_no_secret_is_ever_an_argument() -> None:
    """A command line is for everybody on the machine to see."""
    names = {name for option in enroll.params for name in option.opts}
    assert not {"--invitation", "--token", "--password", "--secret"} & names
