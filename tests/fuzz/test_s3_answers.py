"""What an S3 server may answer, damaged: XML, headers, addresses and secrets mean something or are an error of dockd's own, and soon."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import time

import pytest
from hypothesis import strategies as st

from ingest.errors import DockdError
from ingest.model import is_sha256
from ingest.store.line import Answer
from ingest.store.s3 import documents
from ingest.store.s3.addresses import Address, address_of
from ingest.store.s3.credentials import keys_of
from ingest.store.s3.meanings import meaning
from tests.fuzz.budget import Budget
from tests.fuzz.damage import damaged

pytestmark = [pytest.mark.soak, pytest.mark.soak_short, pytest.mark.timeout(0)]
SUM = base64.b64encode(hashlib.sha256(b"x").digest()).decode()
PART = f'<Part><PartNumber>1</PartNumber><Size>5</Size><ETag>"a"</ETag><ChecksumSHA256>{SUM}</ChecksumSHA256></Part>'
XML = [
    f"<ListPartsResult><IsTruncated>true</IsTruncated><NextPartNumberMarker>1</NextPartNumberMarker>{PART}</ListPartsResult>",
    "<InitiateMultipartUploadResult><UploadId>2~x</UploadId></InitiateMultipartUploadResult>",
    "<ListMultipartUploadsResult><Upload><Key>a</Key><UploadId>u</UploadId></Upload></ListMultipartUploadsResult>",
    f"<GetObjectAttributesResponse><Checksum><ChecksumSHA256>{SUM}</ChecksumSHA256></Checksum><ObjectSize>5</ObjectSize></GetObjectAttributesResponse>",
    "<CompleteMultipartUploadResult><ETag>x</ETag></CompleteMultipartUploadResult>",
    "<Error><Code>SlowDown</Code><Message>later</Message><Region>eu</Region></Error>",
]
ADDRESS = (
    Address(key="s/2026/11/20/c/080000_n_1", size=5 << 20, upload="u", part_size=5 << 20).at("https://h/b").encode()
)
SECRET = b"[default]\naws_access_key_id = A\naws_secret_access_key = hidden-secret\n"


def test_documents_that_are_none(budget: Budget) -> None:
    def hold(body: bytes) -> None:
        began = time.thread_time()
        for read in (documents.parts_listed, documents.upload_begun, documents.uploads_listed):
            with contextlib.suppress(DockdError):
                read(body)
        size, found = documents.attributes(body)
        assert size is None or size >= 0
        assert found is None or is_sha256(found.sha256)
        assert documents.completed(body) in (True, False)
        error = meaning(Answer(status=400, headers={"Date": "x", "Retry-After": "-1"}, body=body), doing="a test")
        assert isinstance(error, DockdError)
        assert error.message.isprintable()
        assert len(error.message) < 1000
        assert time.thread_time() - began < 2.0

    budget.spend(hold, st.sampled_from(XML).flatmap(lambda text: damaged(text.encode())))


def test_addresses_and_secrets_that_are_none(budget: Budget) -> None:
    def hold(text: bytes, secret: bytes, said: str) -> None:
        with contextlib.suppress(DockdError):
            address = address_of(text.decode("utf-8", "surrogateescape"))
            assert address_of(address.at("https://h/b")).key == address.key
            assert ".." not in address.key.split("/")
        refusal = ""
        try:
            keys_of(secret.decode("utf-8", "replace"))
        except DockdError as error:
            refusal = error.message
        assert "hidden-secret" not in refusal
        found = documents.checksum(said)
        assert found is None or is_sha256(found.sha256)

    budget.spend(hold, damaged(ADDRESS), damaged(SECRET), st.one_of(st.text(max_size=60), st.just(SUM + "-3")))
