"""The auditor's script, as an auditor runs it, on a true export and on every way to tamper with one that we could think of."""

from __future__ import annotations

import asyncio
import json
import re
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from dockd.cli.custody import custody
from ingest.ledger import Ledger
from ingest.ledger.custody import canonical, entry_hash
from ingest.ledger.keys import DockKey, KeyFolder, base64url, thumbprint
from ingest.ledger.proven import sha256_of, unsigned
from ingest.model import Head
from tests.unit.ingest.ledger.day import a_day, signed

SCRIPT = Path(__file__).parents[2] / "docs" / "verify_export.py"
FORGER = DockKey(Ed25519PrivateKey.from_private_bytes(b"forger" * 5 + b"!!"))
FORGER_STORE = Ed25519PrivateKey.from_private_bytes(b"others" * 5 + b"!!")


async def a_rotated_day(folder: Path) -> None:
    await a_day(folder)
    shutil.copytree(folder / "keys", folder / "first-keys")
    ledger = await Ledger.open(folder / "ledger.db", keys=folder / "keys")
    await ledger.rotate_key()
    await ledger.close()


@pytest.fixture(scope="module")
def state(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("rotated")
    asyncio.run(a_rotated_day(folder))
    return folder


def exported(state: Path, *words: str) -> list[dict[str, Any]]:
    done = CliRunner().invoke(custody, ["export", "--state", str(state), *words])
    assert done.exit_code == 0, done.output
    return [json.loads(line) for line in done.stdout.splitlines()]


def run(content: bytes, *known: str) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(
        [sys.executable, "-I", SCRIPT, *known], input=content, capture_output=True, check=False, timeout=30
    )
    return subprocess.CompletedProcess(done.args, done.returncode, done.stdout.decode(), done.stderr.decode())


class Tampered:
    """An export that somebody works on, who knows how hashes and signatures are made."""

    def __init__(self, lines: list[dict[str, Any]], state: Path) -> None:
        self.lines, self.state, self.twice = lines, state, ""

    def of(self, kind: str) -> list[dict[str, Any]]:
        return [one for one in self.lines if one["type"] == kind]

    def entry(self, seq: int) -> dict[str, Any]:
        return next(one for one in self.of("entry") if one["seq"] == seq)

    def first(self, action: str) -> dict[str, Any]:
        return next(one for one in self.of("entry") if one["action"] == action)

    @property
    def end(self) -> int:
        return int(self.of("entry")[-1]["seq"])

    def confirmed(self, number: int) -> int:
        return [int(one["seq"]) for one in self.of("entry") if one["action"] == "segment.confirmed"][number]

    def receipt(self, number: int) -> dict[str, Any]:
        return self.of("receipt")[number]

    def rehash(self, entry: dict[str, Any]) -> None:
        entry["text"] = canonical({name: entry[name] for name in ("seq", "at", "action", "prev", "data")})
        entry["hash"] = entry_hash(entry["text"])

    def relink(self, *, start: int = 1) -> None:
        """Every hash from entry `start` on is made anew."""
        prev = "0" * 64
        for number, entry in enumerate(self.of("entry"), 1):
            if number >= start:
                entry |= {"seq": number, "prev": prev}
                self.rehash(entry)
            prev = entry["hash"]

    def sign(self, key: DockKey | None = None) -> None:
        """The head and the end fit what is there now; signed by the dock's own key unless another is given."""
        key = key or KeyFolder(self.state / "keys").load(announced=None)
        last = self.of("entry")[-1]
        head = Head(seq=last["seq"], hash=last["hash"])
        said = {
            "seq": head.seq,
            "hash": head.hash,
            "key": key.thumbprint,
            "public": key.public,
            "signature": key.sign(head),
        }
        self.lines[0] |= {"head": said, "signed": f"dockd-head-v1\n{head.seq}\n{head.hash}"}
        self.count()

    def count(self) -> None:
        self.lines[-1] |= {"entries": len(self.of("entry")), "receipts": len(self.of("receipt"))}

    def cut(self, after: int) -> None:
        """Entries after that number are gone, with their receipts."""
        at = next(n for n, one in enumerate(self.lines) if one["type"] == "entry" and one["seq"] == after + 1)
        self.lines[at:-1] = []

    def text(self) -> bytes:
        text = "".join(json.dumps(one) + "\n" for one in self.lines)
        action = text.find('"action": "segment.confirmed"')
        return (text[:action] + self.twice + text[action:]).encode()


@pytest.fixture
def tampered(state: Path) -> Tampered:
    return Tampered(exported(state), state)


def test_a_true_export_is_whole_and_what_cannot_be_known_is_said(tampered: Tampered) -> None:
    told = run(tampered.text())
    assert (told.returncode, told.stderr) == (0, "")
    assert told.stdout.startswith(f"whole: {tampered.end} entries; cannot know whether entries were cut off at the end")
    assert (
        f"signed by the dock's key {tampered.lines[0]['head']['key']}; 0 receipts could not be checked" in told.stdout
    )
    head = unsigned(tampered.receipt(-1)["raw"])["head"]
    told = run(tampered.text(), head)
    assert (told.returncode, told.stdout.splitlines()[0]) == (0, f"whole: {tampered.end} entries")
    told = run(tampered.text(), "0" * 64)
    assert (told.returncode, "a head that you know is not in it" in told.stdout) == (1, True)


def edited(it: Tampered) -> int:
    it.entry(5)["text"] = it.entry(5)["text"].replace("2026", "2025", 1)
    return 5


def edited_with_its_hash(it: Tampered) -> int:
    it.entry(5)["data"]["camera"] = "CAM02"
    it.rehash(it.entry(5))
    return 6


def deleted(it: Tampered) -> int:
    it.lines.remove(it.entry(7))
    it.count()
    return 8


def inserted(it: Tampered) -> int:
    new = {
        "type": "entry",
        "seq": 8,
        "at": "2026-11-20T10:00:00.000Z",
        "action": "agent.stopped",
        "prev": it.entry(7)["hash"],
        "data": {},
    }
    it.lines.insert(it.lines.index(it.entry(8)), new)
    it.rehash(new)
    it.count()
    return 8


def reordered(it: Tampered) -> int:
    one, other = it.lines.index(it.entry(6)), it.lines.index(it.entry(7))
    it.lines[one], it.lines[other] = it.lines[other], it.lines[one]
    return 7


def duplicated(it: Tampered) -> int:
    it.lines.insert(it.lines.index(it.entry(9)), dict(it.entry(8)))
    it.count()
    return 8


def a_time_beside_its_text(it: Tampered) -> int:
    it.entry(9)["at"] = "2026-11-20T10:00:00.000Z"
    return 9


def cut_with_the_count_made_to_fit(it: Tampered) -> int:
    it.cut(20)
    it.count()
    return 20


def cut_in_the_file(it: Tampered) -> int:
    it.lines[-3:] = []
    return 0


def a_receipt_changed(it: Tampered) -> int:
    it.receipt(2)["raw"] = it.receipt(2)["raw"][:-4] + "AAAA"
    return it.confirmed(1)


def a_receipts_columns_changed(it: Tampered) -> int:
    it.receipt(2)["size"] = 11
    return it.confirmed(1)


def receipts_swapped(it: Tampered) -> int:
    one, other = it.receipt(0), it.receipt(2)
    for name in one.keys() - {"type"}:
        one[name], other[name] = other[name], one[name]
    return it.confirmed(0)


def a_receipt_removed(it: Tampered) -> int:
    it.lines.remove(it.receipt(1))
    it.count()
    return 0


def a_receipt_signed_by_another(it: Tampered) -> int:
    entry, receipt = it.first("segment.confirmed"), it.receipt(0)
    receipt["raw"] = signed(unsigned(receipt["raw"]), key=FORGER_STORE)
    entry["data"]["receipt_sha256"] = sha256_of(receipt["raw"])
    it.relink(start=entry["seq"])
    it.sign()
    return it.confirmed(0)


def a_receipt_by_a_store_key_of_ones_own(it: Tampered) -> int:
    public = base64url(FORGER_STORE.public_key().public_bytes_raw())
    entry, receipt = it.first("segment.confirmed"), it.receipt(0)
    receipt["raw"] = signed(unsigned(receipt["raw"]), key=FORGER_STORE, kid=thumbprint(public))
    entry["data"]["receipt_sha256"] = sha256_of(receipt["raw"])
    it.lines[0]["store_keys"].append(public)
    it.relink(start=entry["seq"])
    it.sign()
    return it.confirmed(0)


def another_segments_bytes(it: Tampered) -> int:
    entry = it.first("segment.confirmed")
    entry["data"]["sha256"] = "0" * 64
    it.relink(start=entry["seq"])
    it.sign()
    return it.confirmed(0)


def the_head_changed(it: Tampered) -> int:
    it.lines[0]["head"]["hash"] = "0" * 64
    return it.end


def the_head_signed_with_a_key_of_ones_own(it: Tampered) -> int:
    it.cut(it.end - 1)
    it.sign(FORGER)
    return 0


def a_rotation_to_a_key_of_ones_own(it: Tampered) -> int:
    entry = it.first("custody.key_rotated")
    entry["data"] |= {"key": FORGER.thumbprint, "public": FORGER.public}
    it.rehash(entry)
    it.sign(FORGER)
    return it.end


def rewritten_and_signed_with_the_new_key_alone(it: Tampered) -> int:
    it.entry(it.end - 1)["at"] = "2026-11-20T10:00:00.000Z"
    it.relink(start=it.end - 1)
    it.sign()
    return it.end


def made_anew_with_a_key_of_ones_own(it: Tampered) -> int:
    it.cut(it.end - 1)
    it.entry(1)["data"] |= {"key": FORGER.thumbprint, "public": FORGER.public}
    it.relink()
    it.sign(FORGER)
    return it.confirmed(0) + 1


def gone_on_with_a_key_of_ones_own(it: Tampered) -> int:
    new = {"type": "entry", "at": "2026-11-20T10:00:00.000Z", "action": "custody.opened"}
    it.lines.insert(-1, new | {"data": {"key": FORGER.thumbprint, "public": FORGER.public}})
    it.relink(start=len(it.of("entry")))
    it.sign(FORGER)
    return it.end


def a_key_twice(it: Tampered) -> int:
    it.twice = '"data": {"camera": "CAM02"}, '
    return it.confirmed(0)


def words_of_ones_own(it: Tampered) -> int:
    it.entry(5)["words"] = "somebody deleted the file"
    return 5


def a_filter_in_a_whole_record(it: Tampered) -> int:
    it.lines[0]["filter"] = {"camera": "CAM02"}
    return 1


def words_beside_the_head(it: Tampered) -> int:
    it.lines[0]["head"]["words"] = "checked by the court"
    return 1


def a_receipts_object_changed(it: Tampered) -> int:
    it.receipt(1)["object"] = "elsewhere"
    return it.confirmed(0) + 1


def a_receipts_method_changed(it: Tampered) -> int:
    it.receipt(0)["method"] = "read-back"
    return it.confirmed(0)


def without(it: Tampered, *actions: str) -> None:
    """Written anew, without these entries and their receipts, by whoever has the dock's first key alone."""
    it.cut(it.end - 1)
    kept: list[dict[str, Any]] = []
    for one in it.lines:
        goes = one["action"] in actions if one["type"] == "entry" else one["type"] == "receipt"
        kept += [] if goes else [one]
    it.lines[:] = kept
    it.relink()
    it.sign(KeyFolder(it.state / "first-keys").load(announced=None))


def deleted_without_any_proof(it: Tampered) -> int:
    without(it, "segment.confirmed", "segment.attested")
    return int(it.first("permit.issued")["seq"])


def deleted_without_proof_or_leave(it: Tampered) -> int:
    without(it, "segment.confirmed", "segment.attested", "permit.issued")
    return int(it.first("segment.wiped")["seq"])


def a_proof_that_names_no_receipt(it: Tampered) -> int:
    entry = it.first("segment.attested")
    del entry["data"]["receipt_sha256"], it.lines[it.lines.index(entry) + 1]
    it.relink(start=entry["seq"])
    it.sign()
    return it.lines.index(entry) + 1


def deleted_under_leave_for_another(it: Tampered) -> int:
    entry = it.first("permit.issued")
    entry["data"]["segments"].pop(0)
    it.relink(start=entry["seq"])
    it.sign()
    return int(it.first("segment.wiped")["seq"])


TAMPERED: dict[Callable[[Tampered], int], str] = {
    edited: "entry {} (line {line}): it was changed",
    edited_with_its_hash: "entry {} (line {line}): one before it was removed, inserted, changed or moved",
    deleted: "entry {} (line 8): one before it was removed, inserted, changed or moved",
    inserted: "entry {} (line 10): one before it was removed, inserted, changed or moved",
    reordered: "entry {} (line 7): one before it was removed, inserted, changed or moved",
    duplicated: "entry {} (line 10): one before it was removed, inserted, changed or moved",
    a_time_beside_its_text: "entry {} (line {line}): it was changed",
    cut_with_the_count_made_to_fit: "the head (line 1): the record ends with entry {}",
    cut_in_the_file: "the end: it was cut off",
    a_receipt_changed: "the receipt of entry {}: it is not the one that the entry names",
    a_receipts_columns_changed: "the receipt of entry {}: it was changed",
    receipts_swapped: "the receipt of entry {}: it is not the one that the entry names",
    a_receipt_removed: "the receipt that the entry before names is missing",
    a_receipt_signed_by_another: "the receipt of entry {}: it is not signed by a key of the pinned store",
    a_receipt_by_a_store_key_of_ones_own: "the receipt of entry {}: it is not signed by a key of the pinned store",
    another_segments_bytes: "entry {}: it was of other bytes before",
    the_head_changed: "the head (line 1): the record ends with entry {}",
    the_head_signed_with_a_key_of_ones_own: "the head (line 1): it is signed with another key than the dock's last",
    a_rotation_to_a_key_of_ones_own: "entry {}: the dock's key changed without the old key's signature",
    rewritten_and_signed_with_the_new_key_alone: "entry {}: the dock's key changed without the old key's signature",
    made_anew_with_a_key_of_ones_own: "the receipt of entry {}: the store was shown another record than this one",
    gone_on_with_a_key_of_ones_own: "entry {}: the dock's key changed without the old key's signature",
    a_key_twice: "line {line}: it cannot be read, or does not belong here",
    words_of_ones_own: "line {line}: fields were added or taken out",
    a_filter_in_a_whole_record: "line {}: it is a part of a record",
    words_beside_the_head: "line {}: fields were added or taken out",
    a_receipts_object_changed: "the receipt of entry {}: it was changed",
    a_receipts_method_changed: "the receipt of entry {}: the entry says something else",
    deleted_without_any_proof: "entry {}: leave to delete what the store had not proven to have",
    deleted_without_proof_or_leave: "entry {}: the store had not proven to have it",
    a_proof_that_names_no_receipt: "line {line}: the receipt that the entry before names is missing",
    deleted_under_leave_for_another: "entry {}: it was deleted without leave",
}


@pytest.mark.parametrize("change", TAMPERED, ids=lambda change: change.__name__)
def test_every_tampered_export_is_found_and_the_place_is_said(
    tampered: Tampered, change: Callable[[Tampered], int]
) -> None:
    place = change(tampered)
    told = run(tampered.text())
    assert (told.returncode, told.stderr) == (1, "")
    wanted = TAMPERED[change].format(place, line=place + 1)
    assert wanted in re.sub(r"(entry \d+) \(line \d+\)", r"\1", told.stdout) + told.stdout, told.stdout
    assert "\nNOT whole: " in told.stdout


def test_a_receipt_that_does_not_say_its_segment_is_one(tampered: Tampered) -> None:
    """As dockd takes it: the object, the bytes and the nonce are named all the same."""
    tampered.cut(tampered.end - 1)
    receipt, entry = (
        tampered.receipt(-1),
        [one for one in tampered.of("entry") if one["action"] == "segment.attested"][-1],
    )
    said = unsigned(receipt["raw"])
    del said["segment"], said["camera"]
    receipt["raw"] = signed(said)
    entry["data"]["receipt_sha256"] = sha256_of(receipt["raw"])
    tampered.relink(start=entry["seq"])
    tampered.sign(KeyFolder(tampered.state / "first-keys").load(announced=None))
    told = run(tampered.text())
    assert (told.returncode, told.stdout.startswith("whole: ")) == (0, True), told.stdout


def test_an_end_cut_by_the_keys_owner_is_found_with_a_head_from_outside_alone(tampered: Tampered) -> None:
    known = unsigned(tampered.receipt(-1)["raw"])["head"]
    tampered.cut(13)
    tampered.sign(KeyFolder(tampered.state / "first-keys").load(announced=None))
    told = run(tampered.text())
    assert (told.returncode, told.stderr) == (0, "")
    assert told.stdout.startswith("whole: 13 entries; cannot know whether entries were cut off at the end")
    told = run(tampered.text(), known)
    assert told.returncode == 1
    assert "fault: the end: a head that you know is not in it: entries were cut off" in told.stdout


def test_a_lost_key_may_be_vouched_for(tampered: Tampered) -> None:
    gone_on_with_a_key_of_ones_own(tampered)
    assert run(tampered.text(), FORGER.thumbprint).returncode == 0


def test_a_part_is_called_a_part(state: Path) -> None:
    told = run(Tampered(exported(state, "--since", "2026-01-01"), state).text())
    assert told.returncode == 1
    assert told.stdout.startswith("fault: line 1: it is a part of a record, and only a whole one can be checked")


def test_without_the_stores_keys_or_its_receipts_not_everything_was_checked(tampered: Tampered, state: Path) -> None:
    tampered.lines[0]["store_keys"] = []
    told = run(tampered.text())
    assert told.returncode == 2
    assert "6 receipts could not be checked by their signature" in told.stdout
    told = run(Tampered(exported(state, "--no-receipts"), state).text())
    assert (told.returncode, told.stdout.count("the receipt that the entry before names is missing")) == (1, 6)


HOSTILE = (
    b"{", b"[" * 200_000, b"7", b"\xff\xfe\x00", b"{}", b'{"type":"entry","seq":' + b"9" * 10_000 + b"}",
    b'{"type":"entry","seq":NaN,"data":Infinity}', b'{"type":["x"]}', b'{"type":"receipt","raw":3}', b'{"type":"end"}',
    b'{"type":"entry","seq":[],"at":1,"action":{},"prev":null,"data":[],"text":3,"hash":4}',
    b'{"type":"entry","seq":"\\u001b[2J\\ud800","action":1,"data":2}',
)  # fmt: skip


def test_a_hostile_line_is_a_fault_and_no_traceback(tampered: Tampered) -> None:
    lines = tampered.text().splitlines()
    for content in (b"", b"\n".join(HOSTILE), b"\n".join([lines[0], *HOSTILE, *lines[1:]])):
        told = run(content)
        assert (told.returncode, told.stderr) == (1, "")
        assert told.stdout.startswith("fault: ")
        assert told.stdout.isascii()
        if content:
            assert {int(number) for number in re.findall(r"line (\d+)", told.stdout)} >= set(range(3, len(HOSTILE)))


class Server(ThreadingHTTPServer):
    """Gives bytes, sends who asks for `/away` to `elsewhere`, and keeps what it was asked with."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Answer)
        self.asked: list[tuple[str, str | None]] = []
        self.elsewhere = ""
        self.url = f"http://127.0.0.1:{self.server_port}/"
        threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()

    def __exit__(self, *_error: object) -> None:
        self.shutdown()
        self.server_close()


class Answer(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        assert isinstance(self.server, Server)
        self.server.asked.append((self.path, self.headers["Authorization"]))
        if self.path == "/away":
            self.send_response(302)
            self.send_header("Location", self.server.elsewhere)
        else:
            self.send_response(200)
            self.send_header("Content-Length", "5")
        self.end_headers()
        self.wfile.write(b"" if self.path == "/away" else b"bytes")

    def log_message(self, *_words: object) -> None:
        pass


def fetch(folder: Path, store: str, *rows: tuple[str, str]) -> subprocess.CompletedProcess[str]:
    """What docs/verify.md gives an auditor to fetch footage with, word for word; `rows` are places and objects."""
    text = (SCRIPT.parent / "verify.md").read_text()
    snippet = text.split("\npython3 - https://store.example/ <<'END'\n")[1].split("\nEND\n")[0]
    (folder / "ascmhl").mkdir(exist_ok=True)
    (folder / "token").write_text("secret\n")
    lines = ["segment,place,object", *(f"s,{place},{object}" for place, object in rows)]
    (folder / "ascmhl" / "footage.csv").write_text("\n".join(lines), encoding="utf-8-sig")
    command = [sys.executable, "-", store]
    return subprocess.run(command, input=snippet, cwd=folder, capture_output=True, text=True, timeout=30, check=False)


def test_the_token_goes_to_the_store_that_the_auditor_named_and_nowhere_else(tmp_path: Path) -> None:
    with Server() as store, Server() as evil:
        store.elsewhere = f"{evil.url}files/1"
        done = fetch(tmp_path, store.url, ("''01/s/a.mp4", f"{store.url}files/1"))
        assert (done.returncode, done.stderr) == (0, "")
        assert (tmp_path / "'01/s/a.mp4").read_bytes() == b"bytes"
        assert store.asked == [("/files/1", "Bearer secret")]
        for row in (
            ("b", f"{evil.url}files/1"),
            ("c", f"{store.url.rstrip('/')}@{evil.url.removeprefix('http://')}files/1"),
            ("d", f"{store.url}away"),
            ("../e", f"{store.url}files/1"),
        ):
            assert fetch(tmp_path, store.url, row).returncode == 1
        assert evil.asked == []
        assert not (tmp_path.parent / "e").exists()


def test_it_is_short_and_needs_nothing_of_dockd() -> None:
    code = [
        line for line in SCRIPT.read_text().split('"""', 2)[2].splitlines() if line.strip() and not line.startswith("#")
    ]
    assert len(code) <= 110
    checks = code[next(n for n, line in enumerate(code) if line.startswith("for number")) :]
    assert len(checks) <= 79
    assert {line.split()[1].split(".")[0] for line in code if line.startswith(("import ", "from "))} == {
        "hashlib", "json", "sys", "base64", "cryptography",
    }  # fmt: skip


@pytest.mark.parametrize("word", ["hello", "a" * 63, "sha256:" + "a" * 64, "a" * 42])
def test_a_word_that_is_neither_a_head_nor_a_key_is_refused(word: str, tampered: Tampered) -> None:
    """A slip of the pen must not pass for a check."""
    found = run(tampered.text(), word)
    assert (found.returncode, "nothing was checked" in found.stdout) == (2, True)


def test_a_head_is_known_however_it_is_written(tampered: Tampered) -> None:
    head = str(tampered.lines[0]["head"]["hash"])
    found = run(tampered.text(), f" {head.upper()} ")
    assert "cannot know" not in found.stdout
    assert found.returncode == run(tampered.text(), head).returncode == 0, found.stdout
