"""What the S3 adapter reads and writes, piece by piece: keys and addresses, secrets, signatures, XML, what refusals mean."""

from __future__ import annotations

import base64
import hashlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest.errors import (
    DockdError,
    Garbled,
    NeverStorable,
    ObjectGone,
    Refused,
    StoreBusy,
    StoreDown,
    StoreFull,
    Unproven,
    UploadBlocked,
    WrongStore,
)  # fmt: skip
from ingest.model import Parts
from ingest.store.line import Answer
from ingest.store.s3 import documents, uploads
from ingest.store.s3.addresses import MOST_PARTS, SMALLEST_PART, Address, address_of, key_of, part_size_of
from ingest.store.s3.credentials import keys_of
from ingest.store.s3.documents import Part
from ingest.store.s3.meanings import BadRequest, NotKnown, Taken, meaning
from ingest.store.s3.requests import address
from ingest.store.s3.signing import EMPTY, signed
from tests.contract.store.exam import described

URL = "https://s3.example.org/footage"
SUM = hashlib.sha256(b"x").hexdigest()
B64 = base64.b64encode(bytes.fromhex(SUM)).decode()
MIB = 1 << 20


# -- keys and addresses ------------------------------------------------------------------------------------------------


@settings(max_examples=40)
@given(
    camera=st.text(min_size=1, max_size=80), station=st.text(min_size=1, max_size=80), path=st.binary(min_size=1, max_size=300),
    captured=st.sampled_from(["2026-11-20T08:00:00.000Z", "", "nonsense", "../../../../etc", "1980-01-01T00:00:00Z"]),
)  # fmt: skip
def test_a_key_is_plain_and_its_address_is_read_again(camera: str, station: str, path: bytes, captured: str) -> None:
    segment = described(b"x", camera=camera, station=station, path=path, captured_at=captured)
    key = key_of(segment)
    assert key == key_of(segment)
    assert key.count("/") == 5
    assert len(key.encode("ascii")) <= 1024
    assert not {"", ".", ".."} & set(key.split("/"))
    made = Address(key=key, size=7, sha256=SUM, evidential=True)
    assert address_of(made.at(URL)) == made
    assert made.segment == segment.id
    in_parts = Address(key=key, size=7 * MIB, part_size=5 * MIB, upload="2~a/b+c=&d#e?f g")
    assert address_of(in_parts.at("http://127.0.0.1:9/other/bucket")) == in_parts
    assert address_of(f"{URL}/{key}") == Address(key=key)


def test_keys_sort_by_station_day_and_camera_and_say_when() -> None:
    segment = described(b"x", station="central", camera="CAM01")
    key = key_of(segment)
    assert key == f"central/2026/11/20/CAM01/080000_MOV_0001.MP4_{segment.id}"
    found = Address(key=key)
    assert (found.day, found.captured) == ("2026-11-20", 1795161600.0)
    assert Address(key=key_of(described(b"x", captured_at="nonsense"))).captured is None
    assert key_of(segment, attempt=3) == key + "-3"


@pytest.mark.parametrize(
    "text",
    ["", "https://h/b/k", "https://h/b/a/b/c/d/e/../f", "https://h/" + "a/" * 5 + "%2e", "/".join("x" * 900 for _ in range(6)), "https://h/a/b/c/d/e/f\u00e9"],
)  # fmt: skip
def test_what_is_no_address_is_gone(text: str) -> None:
    with pytest.raises(ObjectGone):
        address_of(text)


def test_an_id_that_is_none_is_held() -> None:
    segment = described(b"x")
    object.__setattr__(segment, "id", "../../x")
    with pytest.raises(NeverStorable):
        key_of(segment)


@settings(max_examples=60)
@given(size=st.integers(0, 40 << 40), wanted=st.integers(1, 4 << 30))
def test_parts_are_as_s3_allows(size: int, wanted: int) -> None:
    part = part_size_of(size, wanted=wanted)
    assert SMALLEST_PART <= part <= 5 << 30
    assert -(-size // part) <= MOST_PARTS
    assert part == max(wanted, SMALLEST_PART) or size > MOST_PARTS * wanted


def test_a_bucket_at_a_host_of_its_own_is_a_path_of_one_slash() -> None:
    assert address("https://footage.s3.example.org", "", {"uploads": "", "prefix": "a/b"}) == "https://footage.s3.example.org/?prefix=a%2Fb&uploads="  # fmt: skip
    assert address(URL, "", {"uploads": ""}) == URL + "?uploads="
    assert address(URL, "a/b", None) == URL + "/a/b"


# -- secrets and signatures ----------------------------------------------------------------------------------------------

SECRET = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"


@pytest.mark.parametrize(
    "text",
    [
        f"AKID\n{SECRET}\n", f"AKID {SECRET}", f"# the dock's key\n\nAKID   # id\n{SECRET} # secret\n", f"AKID:{SECRET}\n", f"\ufeffAKID\r\n{SECRET}\r\n",
        f"[default]\naws_access_key_id = AKID\naws_secret_access_key = {SECRET}\n", f"aws_access_key_id=AKID\naws_secret_access_key={SECRET}",
        f"[other]\naws_access_key_id = X\naws_secret_access_key = Y\n[default]\n  aws_access_key_id = AKID # id\n  aws_secret_access_key = {SECRET}\nregion = x\n",
        f"[dock]\naws_access_key_id = AKID\naws_secret_access_key = {SECRET}\n",
    ],
)  # fmt: skip
def test_a_secret_is_read_in_each_of_its_forms(text: str) -> None:
    found = keys_of(text)
    assert (found.access, found.secret, found.token) == ("AKID", SECRET, None)
    assert SECRET not in repr(found)


def test_a_session_token_and_a_key_with_a_colon() -> None:
    text = f"[default]\naws_access_key_id=A\naws_secret_access_key={SECRET}\naws_session_token=TT=="
    assert keys_of(text).token == "TT=="
    assert keys_of("test:tester testing") == keys_of("test:tester:testing")
    assert keys_of("test:tester\ntesting").access == "test:tester"


@pytest.mark.parametrize(
    "text",
    [None, "", "# nothing", "oneword", f"a b {SECRET}", f"AKID {SECRET}\x00", f":{SECRET}", f"AKID é{SECRET}", "[default]\naws_access_key_id = AKID", f"[a]\nx={SECRET}\n[b]\n", f"{SECRET}\n[default", "x" * 70000],
)  # fmt: skip
def test_another_text_is_refused_without_being_repeated(text: str | None) -> None:
    with pytest.raises(Refused, match=r"store\.token_file.*aws_access_key_id") as refused:
        keys_of(text)
    assert SECRET not in str(refused.value)
    assert "AKID" not in str(refused.value)


def test_a_request_is_signed_whole() -> None:
    keys = keys_of(f"AKID {SECRET}")
    url = URL + "/a/b?partNumber=1&uploadId=2~x"
    found = signed("PUT", url, {"x-amz-tagging": "a=b"}, body_sha256=SUM, keys=keys, region="eu-west-1")
    assert found["X-Amz-Content-SHA256"] == SUM
    assert "SignedHeaders=host;x-amz-content-sha256;x-amz-date;x-amz-tagging" in found["Authorization"]
    assert "/eu-west-1/s3/aws4_request" in found["Authorization"]
    other = signed("PUT", url, {"x-amz-tagging": "a=b"}, body_sha256=EMPTY, keys=keys, region="eu-west-1")
    assert found["Authorization"].rsplit("=")[-1] != other["Authorization"].rsplit("=")[-1]


# -- documents ------------------------------------------------------------------------------------------------------------


def listed(*inside: str, name: str = "ListPartsResult", space: str = ' xmlns="http://s3.amazonaws.com/doc/2006-03-01/"') -> bytes:  # fmt: skip
    return f'<?xml version="1.0"?><{name}{space}>{"".join(inside)}</{name}>'.encode()


def part(number: object, *, size: object = 5, etag: str = '"abc"', sha256: str = B64) -> str:
    return f"<Part><PartNumber>{number}</PartNumber><Size>{size}</Size><ETag>{etag}</ETag><ChecksumSHA256>{sha256}</ChecksumSHA256></Part>"


def test_parts_are_read() -> None:
    page = documents.parts_listed(listed(part(1), part(2, sha256=""), "<IsTruncated>true</IsTruncated><NextPartNumberMarker>2</NextPartNumberMarker>"))  # fmt: skip
    assert page.parts == (Part(number=1, size=5, etag='"abc"', sha256=SUM), Part(number=2, size=5, etag='"abc"'))
    assert page.next == 2
    assert documents.parts_listed(listed(part(1), space="", name="ListPartsResponse")).next is None


@pytest.mark.parametrize(
    "body",
    [b"", b"not xml", b"<a>" * 50_000, listed(part("-1")), listed(part(1, size="x")), listed(part(1, etag="a\nb")), listed(part(1), name="Other"),
     listed("<IsTruncated>true</IsTruncated>"), b'<!DOCTYPE a [<!ENTITY x "y">]><ListPartsResult>&x;</ListPartsResult>', b'<?xml version="1.0" encoding="nonsense"?><a/>'],
)  # fmt: skip
def test_what_is_no_list_is_garbled(body: bytes) -> None:
    with pytest.raises(Garbled):
        documents.parts_listed(body)
    assert documents.attributes(body) == (None, None)
    assert not documents.completed(body)


def test_an_object_is_not_taken_for_its_attributes() -> None:
    assert documents.attributes(b"\x00footage" * 100) == (None, None)
    sums = f"<Checksum><ChecksumSHA256>{B64}</ChecksumSHA256></Checksum>"
    whole = listed(sums, "<ObjectSize>9</ObjectSize>", name="GetObjectAttributesResponse")
    size, found = documents.attributes(whole)
    assert (size, found) == (9, documents.Checksum(sha256=SUM))
    of_parts = listed(sums, "<ObjectSize>9</ObjectSize><ObjectParts><TotalPartsCount>3</TotalPartsCount></ObjectParts>", name="GetObjectAttributesOutput")  # fmt: skip
    _size, found = documents.attributes(of_parts)
    assert found is not None
    assert found.composite == f"{SUM}-3"


def test_a_checksum_has_the_form_of_our_own() -> None:
    parts = Parts(size=5, sha256=(SUM, SUM))
    raw = bytes.fromhex(parts.composite.partition("-")[0])
    found = documents.checksum(base64.b64encode(raw).decode() + "-2")
    assert found is not None
    assert found.composite == parts.composite
    for text in (None, "", B64[:-1], B64 + "-0", B64 + "-", B64 + "-123456", "é" * 44, B64 + "\n-2"):
        assert documents.checksum(text) is None


def test_an_error_says_its_code_and_nothing_that_was_signed() -> None:
    body = b"<Error><Code>SignatureDoesNotMatch</Code><Message>no\x0amatch</Message><AWSAccessKeyId>AKID</AWSAccessKeyId><StringToSign>s</StringToSign></Error>"
    error = meaning(Answer(status=403, headers={}, body=body), doing="x")
    assert isinstance(error, Refused)
    assert "no match" in error.message
    assert "AKID" not in error.message


def test_an_error_that_was_read_to_its_middle_has_its_code() -> None:
    whole = (
        b'<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>SlowDown</Code><Message>'
        + b"x" * 3000
        + b"</Message></Error>"
    )
    for body in (whole, whole[:2048], b"\n \n" + whole):
        found = documents.problem_in(body)
        assert found is not None
        assert found.code == "SlowDown"
    assert documents.problem_in(b"<html><Code>SlowDown</Code>") is None


def test_the_end_of_an_upload_names_its_parts() -> None:
    body = documents.completing([Part(number=1, size=5, etag='"a"', sha256=SUM), Part(number=2, size=5, etag="b")])
    assert body.count(b"<Part>") == 2
    assert B64.encode() in body
    assert b"<ETag>&quot;a&quot;</ETag>" in body
    assert body.count(b"ChecksumSHA256") == 2


# -- what counts as there ---------------------------------------------------------------------------------------------------


def test_only_parts_that_are_what_they_should_be_count() -> None:
    ours = Parts(size=5, sha256=(SUM, SUM, SUM))
    good = Part(number=1, size=5, etag="a", sha256=SUM)
    of_others = Part(number=2, size=5, etag="b", sha256=EMPTY)
    short = Part(number=3, size=1, etag="c", sha256=SUM)
    beyond = Part(number=4, size=5, etag="d")
    all_of_them = [good, of_others, short, beyond]
    assert set(uploads.whole_parts(all_of_them, size=12, part_size=5, ours=ours)) == {1}
    have = uploads.whole_parts(all_of_them, size=12, part_size=5, ours=None)
    assert set(have) == {1, 2}
    assert [(span.offset, span.length) for span in uploads.missing(have, size=12, part_size=5)] == [(10, 2)]
    with pytest.raises(UploadBlocked):
        uploads.all_there(have, size=12, part_size=5)


# -- refusals ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "code", "kind"),
    [
        (503, "SlowDown", StoreBusy), (503, "", StoreBusy), (429, "", StoreBusy), (403, "InvalidAccessKeyId", Refused), (403, "SignatureDoesNotMatch", Refused),
        (403, "AccessDenied", Refused), (400, "ExpiredToken", Refused), (403, "", Refused), (404, "NoSuchBucket", WrongStore), (404, "NoSuchUpload", ObjectGone),
        (404, "NoSuchKey", ObjectGone), (404, "", ObjectGone), (400, "BadDigest", Unproven), (400, "XAmzContentSHA256Mismatch", Unproven), (400, "InvalidDigest", Unproven),
        (400, "EntityTooLarge", NeverStorable), (400, "InvalidRequest", BadRequest), (400, "", BadRequest), (400, "InvalidArgument", BadRequest), (413, "", StoreDown),
        (403, "QuotaExceeded", StoreFull), (507, "", StoreFull), (400, "RequestTimeout", StoreDown), (500, "InternalError", StoreDown), (412, "PreconditionFailed", Taken),
        (409, "OperationAborted", UploadBlocked), (301, "PermanentRedirect", StoreDown), (307, "", StoreDown), (400, "AuthorizationHeaderMalformed", StoreDown),
        (501, "NotImplemented", NotKnown), (200, "SlowDown", StoreBusy), (200, "InternalError", StoreDown), (200, "", Garbled),
    ],
)  # fmt: skip
def test_a_refusal_means_what_its_code_says(status: int, code: str, kind: type[DockdError]) -> None:
    body = f"<Error><Code>{code}</Code><Message>m</Message></Error>".encode() if code else b""
    found = meaning(Answer(status=status, headers={"Retry-After": "7"}, body=body), doing="a test")
    assert type(found) is kind
    assert "a test" in found.message
    if isinstance(found, StoreBusy):
        assert found.after == 7.0


def test_a_wrong_clock_is_called_that_and_no_key_is_blamed() -> None:
    answer = Answer(status=403, headers={"Date": "Fri, 20 Nov 2026 10:00:00 GMT"}, body=b"<Error><Code>RequestTimeTooSkewed</Code></Error>")  # fmt: skip
    found = meaning(answer, doing="a test")
    assert not isinstance(found, Refused)
    assert "clock is wrong" in found.message
    assert "Fri, 20 Nov 2026 10:00:00 GMT" in found.message


def test_a_redirect_names_the_region() -> None:
    for answer in (
        Answer(status=301, headers={"x-amz-bucket-region": "eu-north-1"}),
        Answer(status=400, headers={}, body=b"<Error><Code>AuthorizationHeaderMalformed</Code><Region>eu-north-1</Region></Error>"),
    ):  # fmt: skip
        found = meaning(answer, doing="a test")
        assert type(found) is StoreDown
        assert "eu-north-1" in found.message
        assert "store.region" in found.message


def test_a_page_that_is_not_there_is_no_object_that_is_gone() -> None:
    found = meaning(Answer(status=404, headers={}, body=b"<html>Not Found</html>"), doing="a test")
    assert type(found) is StoreDown
    assert "store.url" in found.message
