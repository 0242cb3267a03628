"""The XML that an S3 server answers with, read as what it is: text from somewhere else.

Rules: bounded by who asks (`Line.ask`), no DTD, no entity, no external thing; what is no such document is Garbled; of an error only its code, its
message and the region that it names are looked at, made harmless for a log line (some servers echo what was signed, and with which key).
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from xml.etree.ElementTree import Element, ParseError
from xml.sax.saxutils import escape

from defusedxml import ElementTree

from ingest.errors import Garbled
from ingest.store.s3.addresses import plain_upload

LARGEST_LIST = 2 << 20
_AT_ONCE = 64 << 10  # bytes: while they are read, no other thread runs
_CHECKSUM = re.compile(r"([A-Za-z0-9+/]{43}=)(?:-([1-9][0-9]{0,4}))?")
_ETAG = re.compile(r'["\w./+=-]{1,256}', re.ASCII)
_CODE = re.compile(r"[A-Za-z0-9._-]{1,64}")
_SPACE = ' xmlns="http://s3.amazonaws.com/doc/2006-03-01/"'
_CUT_ERROR = re.compile(
    rb"(?:<\?xml[^>]{0,100}>\s{0,100})?<Error[^>]{0,100}>\s{0,100}<Code>([A-Za-z0-9._-]{1,64})</Code>"
)
_ENDING = re.compile(r"(?:Result|Response|Output)$")
_DIGITS = re.compile(r"[0-9]{1,18}")


@dataclass(frozen=True, kw_only=True)
class Problem:
    """What an <Error> document says."""

    code: str
    message: str = ""
    region: str = ""


@dataclass(frozen=True, kw_only=True)
class Part:
    """A part as ListParts has it. `sha256`: hex, None where it is not listed."""

    number: int
    size: int
    etag: str
    sha256: str | None = None


@dataclass(frozen=True, kw_only=True)
class PartsPage:
    """`next`: where the next page begins; None: there is none."""

    parts: tuple[Part, ...]
    next: int | None


@dataclass(frozen=True, kw_only=True)
class UploadsPage:
    """(key, UploadId) of uploads under way; `next`: the two markers of the next page."""

    uploads: tuple[tuple[str, str], ...]
    next: tuple[str, str] | None


@dataclass(frozen=True, kw_only=True)
class Checksum:
    """A SHA-256, hex: of the whole object, or (`parts` of them) of its parts' SHA-256."""

    sha256: str
    parts: int | None = None

    @property
    def composite(self) -> str:
        """In the form of `model.Parts.composite`; empty for one of the whole."""
        return "" if self.parts is None else f"{self.sha256}-{self.parts}"


def problem_in(body: bytes) -> Problem | None:
    """The <Error> that a body is; None where it is something else."""
    try:
        root = _read(body, doing="anything")
    except Garbled:  # of long ones only the beginning was read, and the code stands there
        cut = _CUT_ERROR.match(body.lstrip())
        return None if cut is None else Problem(code=cut[1].decode("ascii"))
    if _name(root) != "Error":
        return None
    code = _text(root, "Code")
    return Problem(
        code=code if _CODE.fullmatch(code) else "", message=_harmless(_text(root, "Message")), region=_harmless(_text(root, "Region"), most=40)
    )  # fmt: skip


def upload_begun(body: bytes) -> str:
    """The UploadId of a new multipart upload. Raises Garbled."""
    upload = _text(_rooted(body, "InitiateMultipartUpload", doing="a new upload"), "UploadId")
    if not plain_upload(upload):
        raise Garbled("the store began an upload and gave it no usable name")
    return upload


def parts_listed(body: bytes) -> PartsPage:
    """One page of ListParts. Raises Garbled."""
    doing = "a look at an upload's parts"
    root = _rooted(body, "ListParts", "ListMultipartUploadParts", doing=doing)
    parts = tuple(_part(one) for one in root if _name(one) == "Part")
    return PartsPage(parts=parts, next=_count(_text(root, "NextPartNumberMarker"), doing) if _more(root) else None)


def uploads_listed(body: bytes) -> UploadsPage:
    """One page of ListMultipartUploads. Raises Garbled."""
    root = _rooted(body, "ListMultipartUploads", doing="a look at uploads under way")
    found = tuple((_text(one, "Key"), _text(one, "UploadId")) for one in root if _name(one) == "Upload")
    markers = (_text(root, "NextKeyMarker"), _text(root, "NextUploadIdMarker"))
    return UploadsPage(uploads=tuple(one for one in found if plain_upload(one[1])), next=markers if _more(root) else None)  # fmt: skip


def attributes(body: bytes) -> tuple[int | None, Checksum | None]:
    """Size and checksum that GetObjectAttributes gives. A server that knows no such question may answer with the object: then neither."""
    try:
        root = _read(body, doing="a look at an object's attributes")
    except Garbled:
        return None, None
    if _ENDING.sub("", _name(root)) != "GetObjectAttributes":
        return None, None
    size = _text(root, "ObjectSize")
    sums = next((one for one in root if _name(one) == "Checksum"), None)
    parts = next((one for one in root if _name(one) in ("ObjectParts", "Parts")), None)
    count = "" if parts is None else _text(parts, "PartsCount") or _text(parts, "TotalPartsCount")
    said, kind = ("", "") if sums is None else (_text(sums, "ChecksumSHA256"), _text(sums, "ChecksumType"))
    if said and "-" not in said and _DIGITS.fullmatch(count) and int(count) > 0:
        said = f"{said}-{int(count)}"
    return int(size) if _DIGITS.fullmatch(size) else None, checksum(said, kind=kind)


def completed(body: bytes) -> bool:
    """Whether a body says that an upload has become an object."""
    try:
        root = _read(body, doing="the end of an upload")
    except Garbled:
        return False
    return _ENDING.sub("", _name(root)) == "CompleteMultipartUpload"


def checksum(text: str | None, *, kind: str = "") -> Checksum | None:
    """x-amz-checksum-sha256 in S3's form (base64, `-N` behind it where it is of N parts); None where it is none.

    `kind`: S3's word for it, where it is said. Of parts of which nobody says how many they are it is none.
    """
    match = _CHECKSUM.fullmatch((text or "").strip())
    if match is None:
        return None
    try:
        raw = base64.b64decode(match[1], validate=True)
    except (binascii.Error, ValueError):
        return None
    if not match[2] and kind.strip().upper() == "COMPOSITE":
        return None
    return Checksum(sha256=raw.hex(), parts=int(match[2]) if match[2] else None)


def said_as_checksum(sha256: str) -> str:
    """A hex SHA-256 as S3 wants it."""
    return base64.b64encode(bytes.fromhex(sha256)).decode("ascii")


def completing(parts: list[Part]) -> bytes:
    """The document that ends an upload."""
    listed = "".join(
        f"<Part><PartNumber>{one.number}</PartNumber><ETag>{one.etag.replace(chr(34), '&quot;')}</ETag>"
        + (f"<ChecksumSHA256>{said_as_checksum(one.sha256)}</ChecksumSHA256>" if one.sha256 else "")
        + "</Part>"
        for one in parts
    )
    return f"<CompleteMultipartUpload{_SPACE}>{listed}</CompleteMultipartUpload>".encode()


def tagging(pairs: Mapping[str, str]) -> bytes:
    """The document that gives an object these tags, and no others."""
    tags = "".join(f"<Tag><Key>{escape(key)}</Key><Value>{escape(value)}</Value></Tag>" for key, value in pairs.items())
    return f"<Tagging{_SPACE}><TagSet>{tags}</TagSet></Tagging>".encode()


def tags_in(body: bytes) -> dict[str, str]:
    """The tags of an object. Raises Garbled."""
    sets = _children(_rooted(body, "Tagging", "GetObjectTagging", doing="a look at an object's tags"), "TagSet")
    return {_said(tag, "Key"): _said(tag, "Value") for one in sets for tag in _children(one, "Tag")}


def retaining(mode: str, until: str) -> bytes:
    """The document that locks an object."""
    return f"<Retention{_SPACE}><Mode>{mode}</Mode><RetainUntilDate>{until}</RetainUntilDate></Retention>".encode()


def retention_in(body: bytes) -> tuple[str, str]:
    """Mode and end of an object's lock, as the store says them. Raises Garbled."""
    root = _rooted(body, "Retention", "GetObjectRetention", "ObjectLockRetention", doing="a look at an object's lock")
    return _text(root, "Mode"), _text(root, "RetainUntilDate")


def _part(element: Element) -> Part:
    doing = "a look at an upload's parts"
    number, size, etag = _text(element, "PartNumber"), _text(element, "Size"), _text(element, "ETag")
    if _ETAG.fullmatch(etag) is None:
        raise Garbled("the store lists a part without a usable ETag")
    found = checksum(_text(element, "ChecksumSHA256"))
    return Part(number=_count(number, doing), size=_count(size, doing), etag=etag, sha256=found.sha256 if found else None)  # fmt: skip


def _read(body: bytes, *, doing: str) -> Element:
    try:
        parser = ElementTree.DefusedXMLParser(forbid_dtd=True)
        text = body.lstrip()  # blanks keep a line open
        for offset in range(0, len(text), _AT_ONCE):
            parser.feed(text[offset : offset + _AT_ONCE])
        root: Element = parser.close()
    except (ParseError, ValueError, LookupError) as error:
        raise Garbled(f"the store answered {doing} with something that is no XML document") from error
    return root


def _rooted(body: bytes, *names: str, doing: str) -> Element:
    """The document, of one of these names; servers differ in what stands behind those."""
    root = _read(body, doing=doing)
    if _ENDING.sub("", _name(root)) not in names:
        raise Garbled(f"the store answered {doing} with another document than {names[0]}Result")
    return root


def _name(element: Element) -> str:
    """Without its namespace: servers differ in that."""
    return element.tag.rpartition("}")[2]


def _children(element: Element, name: str) -> Iterator[Element]:
    return (one for one in element if _name(one) == name)


def _text(element: Element, name: str) -> str:
    return next(((one.text or "").strip() for one in _children(element, name)), "")


def _said(element: Element, name: str) -> str:
    """To the letter: it is somebody's, and is given back."""
    return next((one.text or "" for one in _children(element, name)), "")


def _more(root: Element) -> bool:
    return _text(root, "IsTruncated").lower() == "true"


def _count(text: str, doing: str) -> int:
    if _DIGITS.fullmatch(text) is None:
        raise Garbled(f"the store answered {doing} with a number that is none")
    return int(text)


def _harmless(text: str, *, most: int = 160) -> str:
    return "".join(c if c.isprintable() else " " for c in text)[:most].strip()
