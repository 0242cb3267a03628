"""Ceph as it is in production, on this machine: the exam, real footage, locks that hold, and an object server that dies in the middle.

Needs root and mmdebstrap: `make test-ceph`.
"""

from __future__ import annotations

import json
import os
import re
import signal
import time
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from ingest.store.s3 import S3Store
from tests.contract.store.exam import FarSide, PartsExam, claimed, delivered, proves
from tests.stores.s3_far import RealS3, adapter, identified
from tests.stores.servers.base import running
from tests.stores.servers.ceph import Ceph
from tests.stores.watching import Watch, dock_for, footage

pytestmark = pytest.mark.timeout(1200)  # the first time it is installed
DOCS = Path(__file__).parents[3] / "docs/stores.md"
OPTIONS = ("--wipe", "--wait", "60 s", "--json")


@pytest.fixture(scope="module")
def ceph(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ceph]:
    server = Ceph(folder=tmp_path_factory.mktemp("ceph"), locks=True)
    with running(server):
        yield server


class TestExamBeforeCeph(PartsExam):
    """s3 × Ceph 20.2 RGW."""

    @pytest.fixture
    async def far(self, ceph: Ceph) -> FarSide:
        return RealS3(ceph, "digest")

    @pytest.fixture
    async def store(self, ceph: Ceph) -> AsyncIterator[S3Store]:
        async for store in identified(ceph):
            yield store


async def test_what_is_evidential_cannot_be_deleted(ceph: Ceph, record_property: Callable[[str, Any], None]) -> None:
    """By asking for its deletion, as whoever has the dock's own key might, and as one who may go round a governance lock but does not say so."""
    store, far = adapter(ceph, lock="governance", retain=3600.0 * 24 * 365), RealS3(ceph, "digest")
    try:
        await store.identify()
        kept = [await delivered(store, os.urandom(size), evidential=True) for size in (70_001, (5 << 20) * 2 + 1)]
        free, _ = await delivered(store, os.urandom(70_001))
        for upload, segment in kept:
            key = far.key(upload)
            version = ceph.client.head_object(Bucket=ceph.bucket, Key=key)["VersionId"]
            with pytest.raises(ClientError, match="AccessDenied"):
                ceph.client.delete_object(Bucket=ceph.bucket, Key=key, VersionId=version)
            assert ceph.client.get_object_retention(Bucket=ceph.bucket, Key=key)["Retention"]["Mode"] == "GOVERNANCE"
            assert proves(await claimed(store, upload, segment), segment)
        version = ceph.client.head_object(Bucket=ceph.bucket, Key=far.key(free))["VersionId"]
        ceph.client.delete_object(Bucket=ceph.bucket, Key=far.key(free), VersionId=version)
        assert far.holds(free) is None
        assert not any("lock" in note.lower() for note in store.notes), store.notes
    finally:
        await store.close()
    record_property(
        "table", "ceph: Object Lock holds: 2 evidential segments could not be deleted, one that is not could"
    )


def test_the_rules_in_the_documentation_are_taken(ceph: Ceph) -> None:
    found = re.search(r"^    (\{\"Rules\".*?\]\})\n\n", DOCS.read_text(), re.MULTILINE | re.DOTALL)
    assert found is not None
    rules = json.loads(found[1])
    ceph.client.put_bucket_lifecycle_configuration(Bucket=ceph.bucket, LifecycleConfiguration=rules)
    kept = ceph.client.get_bucket_lifecycle_configuration(Bucket=ceph.bucket)["Rules"]
    assert {rule["ID"]: rule["Status"] for rule in kept} == {rule["ID"]: "Enabled" for rule in rules["Rules"]}
    (tagged,) = [rule for rule in kept if "Expiration" in rule]
    assert tagged["Filter"]["Tag"] == {"Key": "dockd-evidential", "Value": "false"}


def test_a_camera_is_wiped(ceph: Ceph, tmp_path: Path, record_property: Callable[[str, Any], None]) -> None:
    watch = Watch(camera=tmp_path / "CAM01", server=ceph)
    watch.docked(footage((140_000_000, 3_000_000, 70_001, 1, 0)))
    dock, options = dock_for(ceph, tmp_path)
    found = dock.ingest(watch.camera, options=(*OPTIONS, *options), timeout=180)
    assert found.code == 0, found.said
    watch.look()
    assert watch.left == {}
    assert watch.faults() == []
    assert dock.custody_faults() == ""
    record_property("table", "ceph: 5 files wiped, each given back to the byte; proof by digest")


def test_one_of_three_object_servers_dies_in_the_middle(
    tmp_path: Path, record_property: Callable[[str, Any], None]
) -> None:
    server = Ceph(folder=tmp_path / "ceph3", osds=3, copies=2)
    with running(server):
        watch = Watch(camera=tmp_path / "CAM01", server=server)
        watch.docked(footage((150_000_000, *[6_000_000] * 6, 70_001)))
        dock, options = dock_for(server, tmp_path)
        process = dock.start(
            watch.camera, options=("--wipe", "--wait", "120 s", "--json", "--limit", "200 Mbit/s", *options)
        )
        begun = time.monotonic()
        while time.monotonic() - begun < 60 and not in_the_middle(server):
            time.sleep(0.1)
        server.process("osd.1").end(signal.SIGKILL)
        out, err = process.communicate(timeout=240)
        assert process.returncode == 0, f"{out}\n{err}"
        watch.look()
        assert watch.left == {}
        assert watch.faults() == []
        assert server.status()["num_up_osds"] == 2
        assert dock.custody_faults() == ""
    record_property(
        "table",
        "ceph, 3 object servers, 2 copies: one killed mid-upload: 8 of 8 files wiped, each given back to the byte",
    )


def in_the_middle(server: Ceph) -> bool:
    """Whether an upload in parts is under way, and has some of them."""
    for upload in server.client.list_multipart_uploads(Bucket=server.bucket).get("Uploads", []):
        if upload["Key"].startswith("dockd-checks/"):
            continue
        said = server.client.list_parts(Bucket=server.bucket, Key=upload["Key"], UploadId=upload["UploadId"])
        if said.get("Parts"):
            return True
    return False
