"""`dockd custody` as auditors run it: on a real ledger that `dockd ingest` wrote, beside a running agent, on copies."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import json
import os
import shutil
import sqlite3
import subprocess
import sys
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from dockd.app import agent
from dockd.cli.custody import custody
from dockd.demo.footage import build_tree
from dockd.settings import Settings, defaults
from ingest.central.app import CentralStore


def settings_for(state: Path, url: str) -> Settings:
    settings = defaults()
    return replace(
        settings,
        store=replace(settings.store, url=url),
        ledger=replace(settings.ledger, path=state / "ledger.db"),
        spool=replace(settings.spool, path=state / "spool", keep_free=0),
        wipe=replace(settings.wipe, enabled=True),
    )


def dockd(*words: str | Path, before: tuple[str, ...] = ()) -> subprocess.CompletedProcess[str]:
    command = [*before, sys.executable, "-m", "dockd", *map(str, words)]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=50)


def told(*words: str | Path) -> Result:
    """The same command without a process of its own, where many are asked in one test."""
    return CliRunner().invoke(custody, [str(word) for word in words])


async def one_run(folder: Path) -> None:
    build_tree(folder / "CAM01", files=4, total_bytes=6 << 20, seed=1)
    words: list[str | Path] = ["--camera", "CAM01", "--wipe", "--keep-free", "1 B", "--state", folder / "state"]
    async with CentralStore(folder / "store") as store:
        done = await asyncio.to_thread(dockd, "ingest", folder / "CAM01", "--store", store.url, *words)
    assert done.returncode == 0, done.stderr


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("done")
    asyncio.run(one_run(folder))
    return folder / "state"


def run(*words: str | Path, before: tuple[str, ...] = ()) -> subprocess.CompletedProcess[str]:
    return dockd("custody", *words, before=before)


def test_verify_in_one_line_and_as_json(done: Path) -> None:
    told = run("verify", "--state", done)
    assert (told.returncode, told.stderr, told.stdout.count("\n")) == (0, "", 1)
    assert told.stdout.startswith("whole: ")
    assert "cannot know whether entries were cut off at the end without a head known from outside" in told.stdout
    document = json.loads(run("verify", "--state", done, "--json").stdout)
    assert (document["ok"], document["faults"], document["outside_head"]) == (True, [], "unknown")
    head = document["head"]["hash"]
    told = run("verify", "--state", done, "--head", head.upper())
    assert told.returncode == 0
    assert "the given head is in it" in told.stdout
    assert head in told.stdout
    told = run("verify", "--state", done, "--head", "0" * 64)
    assert told.returncode == 1
    assert "known from outside is not in the chain" in told.stdout


def test_verify_says_every_fault_and_where(done: Path, tmp_path: Path) -> None:
    state = Path(shutil.copytree(done, tmp_path / "state"))
    with closing(sqlite3.connect(state / "ledger.db", isolation_level=None)) as forger:
        forger.execute("DROP TRIGGER custody_no_update")
        found = forger.execute("SELECT seq FROM custody WHERE camera = 'CAM01' ORDER BY seq").fetchall()
        edited = [found[0][0], found[7][0]]
        forger.execute("UPDATE custody SET body = replace(body, 'CAM01', 'CAM02') WHERE seq IN (?, ?)", edited)
    told = run("verify", "--state", state)
    assert told.returncode == 1
    assert told.stdout.splitlines()[:2] == [f"fault: entry {seq}: its text was changed" for seq in edited]
    assert told.stdout.splitlines()[-1].startswith("NOT whole: ")
    document = json.loads(run("verify", "--state", state, "--json").stdout)
    assert document["ok"] is False
    assert len(document["faults"]) == 2


@pytest.mark.parametrize("words", [("verify",), ("show", "x"), ("export", "--format", "jsonl")])
def test_no_ledger_is_the_environment(tmp_path: Path, words: tuple[str, ...]) -> None:
    told = run(*words, "--state", tmp_path / "nothing")
    assert (told.returncode, told.stdout) == (3, "")
    assert "there is no ledger at" in told.stderr
    assert not (tmp_path / "nothing").exists()
    (tmp_path / "ledger.db").write_bytes(b"no database at all, but of a certain length" * 100)
    told = run(*words, "--state", tmp_path)
    assert told.returncode == 3
    assert "Traceback" not in told.stderr


@pytest.mark.parametrize(
    "words",
    [
        ("verify", "--head", "abc"),
        ("verify", "--head", "a.b.c"),
        ("verify", "--head", "/"),
        ("export", "--format", "mhl"),
        ("export", "--since", "soon"),
    ],
)
def test_usage(done: Path, words: tuple[str, ...]) -> None:
    assert run(*words, "--state", done).returncode == 2


def some_segment(state: Path) -> tuple[str, str, str]:
    with closing(sqlite3.connect(state / "ledger.db")) as reader:
        name, path, sha256 = reader.execute("SELECT id, path, sha256 FROM segments ORDER BY id LIMIT 1").fetchone()
        return name, path.decode(), sha256


def test_show_by_id_path_and_hash(done: Path) -> None:
    name, path, sha256 = some_segment(done)
    told = run("show", name, "--state", done)
    assert told.returncode == 0
    lines = told.stdout.splitlines()
    assert lines[0] == f"segment {name}"
    said = [line.split(": ", 1)[1] for line in lines if ": " in line and "entry" in line.split(": ")[0]]
    assert said[0].startswith(f"{path} was found on camera CAM01: ")
    assert said[1] == f"{path} was pulled from camera CAM01 and verified by a second read"
    assert said[2] == f"the store has proven that it holds {path} of camera CAM01"
    assert "leave was given to delete 4 segments from camera CAM01" in said
    assert said[-1] == f"{path} was deleted from camera CAM01 and seen gone"
    assert sum(line.startswith("receipt (receipt): store ") for line in lines) == 2
    assert run("show", path, "--state", done).stdout == told.stdout
    assert run("show", sha256, "--state", done).stdout == told.stdout
    document = json.loads(run("show", name, "--state", done, "--json").stdout)
    assert document["segment"]["copies"] == ["store"]
    assert [one["action"] for one in document["entries"]][:3] == [
        "segment.listed",
        "segment.copied",
        "segment.confirmed",
    ]
    assert {one["sha256"] for one in document["receipts"]} == {sha256}


def test_show_what_is_not_one_segment(done: Path) -> None:
    told = run("show", "DCIM/none.MP4", "--state", done)
    assert (told.returncode, told.stdout) == (1, "")
    assert "no segment has the id, SHA-256 or path 'DCIM/none.MP4'" in told.stderr
    told = run("show", some_segment(done)[0][:6], "--state", done)
    assert told.returncode == 1
    assert len(told.stderr.splitlines()) == 5


def lines_of(text: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in text.splitlines()]


def b64(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def test_an_auditor_without_dockd_can_check_the_export(done: Path) -> None:
    told = run("export", "--format", "jsonl", "--receipts", "--state", done)
    assert (told.returncode, told.stderr) == (0, "")
    head, *rest, end = lines_of(told.stdout)
    entries = [one for one in rest if one["type"] == "entry"]
    assert head["type"] == "head"
    assert head["whole"] is True
    before = "0" * 64
    for number, entry in enumerate(entries, 1):
        assert hashlib.sha256(entry["text"].encode()).hexdigest() == entry["hash"]
        body = json.loads(entry["text"])
        assert body == {name: entry[name] for name in ("seq", "at", "action", "prev", "data")}
        assert (entry["seq"], entry["prev"]) == (number, before)
        before = entry["hash"]
    assert (head["head"]["seq"], head["head"]["hash"]) == (len(entries), before)
    assert head["signed"] == f"dockd-head-v1\n{len(entries)}\n{before}"
    key = Ed25519PublicKey.from_public_bytes(b64(head["head"]["public"]))
    key.verify(b64(head["head"]["signature"]), head["signed"].encode())
    receipts = [one for one in rest if one["type"] == "receipt"]
    assert end == {"type": "end", "entries": len(entries), "receipts": len(receipts)}
    named = {entry["data"]["receipt_sha256"] for entry in entries if "receipt_sha256" in entry["data"]}
    assert {hashlib.sha256(one["raw"].encode()).hexdigest() for one in receipts} == named
    assert len(receipts) == 8


def test_export_of_a_part(done: Path) -> None:
    name, _path, _sha256 = some_segment(done)
    head, *entries, end = lines_of(told("export", "--no-receipts", "--segment", name, "--state", done).stdout)
    assert head["whole"] is False
    assert head["filter"] == {"segment": name}
    assert all(name in entry["text"] for entry in entries)
    assert "permit.issued" in {entry["action"] for entry in entries}
    assert end["entries"] == len(entries)
    whole = lines_of(told("export", "--no-receipts", "--state", done).stdout)[1:-1]
    mine = lines_of(told("export", "--no-receipts", "--camera", "CAM01", "--state", done).stdout)[1:-1]
    assert mine == [entry for entry in whole if entry["data"].get("camera") == "CAM01"]
    middle = whole[len(whole) // 2]["at"]
    late = lines_of(told("export", "--no-receipts", "--since", middle, "--state", done).stdout)[1:-1]
    early = lines_of(told("export", "--no-receipts", "--until", middle, "--state", done).stdout)[1:-1]
    assert late == [entry for entry in whole if entry["at"] >= middle]
    assert early == [entry for entry in whole if entry["at"] <= middle]
    answer = told("export", "--until", "2001-01-01", "--state", done)
    assert (answer.exit_code, answer.stderr) == (1, "dockd: no entry matches\n")


def test_export_to_a_folder_overwrites_nothing(done: Path, tmp_path: Path) -> None:
    told = run("export", "--out", tmp_path / "hand-over", "--state", done)
    file = tmp_path / "hand-over" / "dockd-custody.jsonl"
    assert told.returncode == 0
    assert file.read_text() == run("export", "--state", done).stdout
    before = file.read_bytes()
    told = run("export", "--out", tmp_path / "hand-over", "--state", done)
    assert told.returncode == 2
    assert "is there already and is not overwritten" in told.stderr
    assert file.read_bytes() == before


def without_privilege() -> tuple[str, ...]:
    """So that root, too, cannot write where the mode says that nobody can."""
    if os.geteuid() != 0:
        return ()
    if shutil.which("setpriv") is None:
        pytest.skip("root writes everywhere, and setpriv is not here to take that away")
    return ("setpriv", "--bounding-set=-dac_override", "--inh-caps=-dac_override")


@pytest.mark.parametrize("torn", [False, True], ids=["closed", "with its log"])
async def test_a_copy_on_a_disk_that_cannot_be_written(done: Path, tmp_path: Path, *, torn: bool) -> None:
    copy = tmp_path / "copy"
    copy.mkdir()
    if torn:  # as it is copied from under a running agent: the last entries are in the log alone
        state = Path(shutil.copytree(done, tmp_path / "state"))
        async with agent(settings_for(state, "http://127.0.0.1:9"), version="test"):
            for name in ("ledger.db", "ledger.db-wal"):
                shutil.copyfile(state / name, copy / name)
        assert (copy / "ledger.db-wal").stat().st_size > 0
    else:
        shutil.copyfile(done / "ledger.db", copy / "ledger.db")
    copy.chmod(0o500)
    try:
        names = sorted(os.listdir(copy))
        told = await asyncio.to_thread(run, "verify", "--state", copy, "--json", before=without_privilege())
        assert told.returncode == 0, told.stderr
        count = json.loads(run("verify", "--state", done, "--json").stdout)["entries"]
        assert json.loads(told.stdout)["entries"] == count + (1 if torn else 0)
        told = await asyncio.to_thread(run, "export", "--no-receipts", "--state", copy, before=without_privilege())
        assert len(told.stdout.splitlines()) == count + (3 if torn else 2)
        assert sorted(os.listdir(copy)) == names
    finally:
        copy.chmod(0o700)


async def test_beside_a_running_agent(done: Path, tmp_path: Path) -> None:
    state = Path(shutil.copytree(done, tmp_path / "state"))
    async with agent(settings_for(state, "http://127.0.0.1:9"), version="test") as built:
        told = await asyncio.to_thread(run, "verify", "--state", state, "--json")
        assert told.returncode == 0
        assert json.loads(told.stdout)["head"]["seq"] == built.ledger.head.seq


def test_export_as_a_table_and_as_asc_mhl(done: Path, tmp_path: Path) -> None:
    table = told("export", "--format", "csv", "--state", done)
    assert table.exit_code == 0
    assert table.stdout.startswith("segment,camera,path,")
    assert len(table.stdout.splitlines()) == 5
    answer = told("export", "--format", "csv", "--out", tmp_path / "csv", "--state", done)
    file = tmp_path / "csv" / "dockd-segments.csv"
    assert (answer.exit_code, answer.stdout) == (0, f"4 segments in {file}\n")
    assert file.read_bytes() == b"\xef\xbb\xbf" + table.stdout_bytes
    answer = told("export", "--format", "mhl", "--out", tmp_path / "mhl", "--state", done)
    assert answer.exit_code == 0
    names = sorted(path.name for path in (tmp_path / "mhl" / "ascmhl").iterdir())
    assert names[0].startswith("0001_dockd_")
    assert names[1:] == ["SHA256SUMS", "ascmhl_chain.xml", "footage.csv"]
    assert [path.name for path in (tmp_path / "mhl").iterdir()] == ["ascmhl"]
    answer = told("export", "--format", "mhl", "--out", tmp_path / "mhl", "--state", done)
    assert (answer.exit_code, "is not overwritten" in answer.stderr) == (2, True)
    answer = told("export", "--format", "mhl", "--camera", "CAM09", "--out", tmp_path / "none", "--state", done)
    assert (answer.exit_code, answer.stderr, (tmp_path / "none").exists()) == (1, "dockd: no segment matches\n", False)


def test_a_certificate_as_page_and_text(done: Path, tmp_path: Path) -> None:
    name, path, sha256 = some_segment(done)
    answer = told("certificate", path, "--format", "text", "--state", done)
    assert answer.exit_code == 0
    assert sha256 in answer.stdout
    page = tmp_path / "page.html"
    answer = told("certificate", name, "--out", page, "--state", done)
    assert (answer.exit_code, answer.stdout) == (0, f"html certificate of segment {name} in {page}\n")
    assert page.read_text().count(sha256) >= 1
    assert told("certificate", name, "--out", page, "--state", done).exit_code == 2
    assert told("certificate", "none", "--state", done).exit_code == 1
