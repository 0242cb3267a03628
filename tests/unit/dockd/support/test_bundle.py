"""A bundle is made whatever its parts do, says what is not in it, and is there whole or not at all."""

from __future__ import annotations

import errno
import io
import json
import os
import stat
import subprocess
import tarfile
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from dockd.doctor.findings import Finding, passed
from dockd.doctor.machine import NotSeen
from dockd.doctor.running import Check
from dockd.support.bundle import Made, made, put
from dockd.support.gathered import Gathered, Part
from dockd.support.logs import of_file


def files_of(archive: bytes) -> dict[str, str]:
    with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
        return {one.name.removeprefix("dockd-support/"): tar.extractfile(one).read().decode() for one in tar}  # type: ignore[union-attr]


def bundle(*parts: Part, learning: tuple[Part, ...] = (), with_names: bool = False) -> Made:
    def well() -> list[Finding]:
        return [passed("well", "camera C3441 is not named here")]

    return made(
        parts=parts,
        learning=learning,
        checks=[Check(group="g", name="well", look=well)],
        agent=None,
        with_names=with_names,
    )


def saying(text: str) -> Callable[[], Gathered]:
    return lambda: Gathered(text=text)


def test_what_hangs_breaks_or_is_too_large_costs_itself_alone() -> None:
    def hangs() -> Gathered:
        subprocess.run(["sleep", "60"], check=False)
        return Gathered()

    def broken() -> Gathered:
        raise OSError(errno.EIO, "Input/output error tok-PLANTED1")

    def closed() -> Gathered:
        raise NotSeen("may not be looked at: tok-PLANTED1")

    began = time.monotonic()
    one = bundle(
        Part(file="hangs.txt", what="h", look=hangs, within=0.3), Part(file="broken.txt", what="b", look=broken), Part(file="closed.txt", what="c", look=closed),
        Part(file="large.txt", what="l", look=saying("old\n" + "new\n" * 1000), most=400), Part(file="well.txt", what="w", look=saying("tok-PLANTED1\n")),
        learning=(Part(file="", what="secrets", look=lambda: Gathered(secrets=["tok-PLANTED1"])),),
    )  # fmt: skip
    assert time.monotonic() - began < 20
    files = files_of(one.archive)
    assert {name: files.get(name) for name in ("hangs.txt", "broken.txt", "closed.txt", "well.txt")} == {
        "hangs.txt": None, "broken.txt": None, "closed.txt": None, "well.txt": "[secret taken out]\n",
    }  # fmt: skip
    assert set(files["large.txt"].split()) == {"new"}
    assert len(files["large.txt"]) <= 400
    why = {each["file"]: each["why"] for each in json.loads(files["manifest.json"])["files"]}
    assert "within 0.3 s" in why["hangs.txt"]
    assert "Input/output error" in why["broken.txt"]
    assert why["well.txt"] == ""
    assert "NOT THERE: may not be looked at" in files["MANIFEST"]
    assert "its last 400 bytes: it was 4004" in files["MANIFEST"]
    assert "PLANTED" not in "".join(files.values())


def test_who_is_named_in_one_part_is_hidden_in_all() -> None:
    log = json.dumps({"message": "camera C3441 came back", "dockd.camera": "C3441"}) + "\n"
    journal = (
        json.dumps(
            {"MESSAGE": json.dumps({"message": "user:Ann took K-77", "dockd.by": "user:Ann", "dockd.camera": "K-77"})}
        )
        + "\n"
    )
    parts = (
        Part(file="log", what="", look=saying(log), lines=True), Part(file="journal", what="", look=saying(journal), lines=True),
        Part(file="kernel", what="", look=saying("usb 1-1: C3441 k-77 Ann\n")),
    )  # fmt: skip
    files = files_of(bundle(*parts).archive)
    assert not [name for name, text in files.items() for who in ("C3441", "K-77", "Ann") if who.lower() in text.lower()]
    assert files["kernel"] == "usb 1-1: camera-1 camera-2 person-1\n"
    assert json.loads(json.loads(files["journal"])["MESSAGE"])["message"] == "user:person-1 took camera-2"
    assert files_of(bundle(*parts, with_names=True).archive)["kernel"] == "usb 1-1: C3441 k-77 Ann\n"


def test_it_is_there_whole_or_not_at_all(tmp_path: Path) -> None:
    target = tmp_path / "one.tar.gz"
    put(b"archive", target)
    assert (target.read_bytes(), stat.S_IMODE(target.stat().st_mode)) == (b"archive", 0o600)
    with pytest.raises(FileExistsError):
        put(b"another", target)
    assert target.read_bytes() == b"archive"
    with pytest.raises(FileNotFoundError):
        put(b"archive", tmp_path / "no such folder" / "one")
    assert os.listdir(tmp_path) == ["one.tar.gz"]


def test_a_disk_that_is_full_keeps_nothing_of_it(tmp_path: Path) -> None:
    import resource

    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, before[1]))
    try:
        with pytest.raises(OSError, match="File too large"):
            put(b"x" * 100_000, tmp_path / "one.tar.gz")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert os.listdir(tmp_path) == []


def test_the_newest_of_the_log_and_of_the_one_before(tmp_path: Path) -> None:
    lines = [json.dumps({"@timestamp": f"2026-11-20T10:00:{n:02d}.000Z", "n": n}) + "\n" for n in range(60)]
    (tmp_path / "dockd.log.1").write_text("".join(lines[:40]))
    (tmp_path / "dockd.log").write_text("".join(lines[40:]) + "no JSON at all\n")
    found = of_file(tmp_path / "dockd.log", since=1795168820.0, most=1 << 20)  # 10:00:20
    assert [json.loads(line)["n"] for line in found.text.splitlines()[:-1]] == list(range(20, 60))
    assert found.text.endswith("no JSON at all\n")
    few = of_file(tmp_path / "dockd.log", since=0, most=500)
    assert len(few.text) <= 500
    assert json.loads(few.text.splitlines()[0])["n"] > 40
    os.mkfifo(tmp_path / "fifo")
    with pytest.raises(NotSeen):
        of_file(tmp_path / "fifo", since=0, most=500)
