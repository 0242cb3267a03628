"""The S3 adapter sits the exam before servers that nobody here wrote. What a liar fails is named, and has to fail."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from typing import ClassVar

import pytest

from ingest.model import ProofMethod
from ingest.store.s3 import S3Store
from tests.contract.store.exam import FarSide, PartsExam
from tests.stores.s3_far import RealS3, identified
from tests.stores.servers.base import S3Server, running
from tests.stores.servers.liars import Moto, Rclone
from tests.stores.servers.swift import Swift

pytestmark = pytest.mark.timeout(420)  # the first time they are installed


class Before(PartsExam):
    make: ClassVar[type[S3Server]]
    method: ClassVar[ProofMethod]
    marks: ClassVar[bool] = False

    @pytest.fixture(scope="class")
    @classmethod
    def server(cls, tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3Server]:
        with running(cls.make(folder=tmp_path_factory.mktemp(cls.make.name))) as server:
            yield server

    @pytest.fixture
    async def far(self, server: S3Server) -> FarSide:
        return RealS3(server, self.method, marks=self.marks)

    @pytest.fixture
    async def store(self, server: S3Server) -> AsyncIterator[S3Store]:
        async for store in identified(server):
            yield store


class TestS3BeforeSwift(Before):
    """s3 × OpenStack Swift 2.38."""

    make = Swift
    method = "read-back"


class TestS3BeforeMoto(Before):
    """s3 × moto 5.2.5 (a liar)."""

    make = Moto
    method = "read-back"
    marks = True
    FAILS: ClassVar[dict[str, str]] = {
        "test_a_part_under_a_wrong_digest_is_refused_and_changes_nothing": "it looks at no checksum",
        "test_an_upload_that_is_gone_is_announced_anew": "it answers 500 to a part of an upload that was aborted",
    }


class TestS3BeforeRclone(Before):
    """s3 × rclone serve s3 1.75.2 (a liar)."""

    make = Rclone
    method = "read-back"
    FAILS: ClassVar[dict[str, str]] = {
        "test_a_part_under_a_wrong_digest_is_refused_and_changes_nothing": "it looks at no checksum",
        "test_parts_of_it_come_back": "it answers 200 with a part of an object, and does not say that it is one",
    }
