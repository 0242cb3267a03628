"""A small S3 server that does as the protocol says, over a `Vault`: what the lies in `s3_lies` are made from.

It verifies signatures, the SHA-256 of what comes in, and If-None-Match; it makes checksums of checksums; it keeps Object Lock where its bucket
has it. As Ceph does, it looks at `x-amz-checksum-sha256` only where `x-amz-sdk-checksum-algorithm` comes with it. `hashes=False`: it
verifies likewise, and gives no hash in any answer, as Swift does. Lists come in small pages, so that whoever reads one page only is seen.
"""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Awaitable, Callable, Iterable
from contextlib import suppress
from typing import ClassVar
from urllib.parse import unquote
from xml.sax.saxutils import escape

from aiohttp import web
from defusedxml import ElementTree

from tests.simulators.stores.s3_signed import wrong_signature
from tests.simulators.stores.s3_vault import Part, Upload, Vault, Version, b64, sha256_b64, stamp

STATUS = {
    "AccessDenied": 403, "InvalidAccessKeyId": 403, "SignatureDoesNotMatch": 403, "RequestTimeTooSkewed": 403, "NoSuchKey": 404,
    "NoSuchBucket": 404, "NoSuchUpload": 404, "PreconditionFailed": 412, "SlowDown": 503, "InternalError": 500, "MethodNotAllowed": 405,
    "ObjectLockConfigurationNotFoundError": 404, "NoSuchObjectLockConfiguration": 404, "NotImplemented": 501,
    "InvalidRange": 416,
}  # fmt: skip
SMALLEST_PART = 5 << 20


class S3Problem(Exception):
    """Answered as an <Error> document with this code."""


def xml(name: str, *inside: str) -> str:
    """An element of these elements."""
    return f"<{name}>{''.join(inside)}</{name}>"


def text(name: str, value: object) -> str:
    """An element with a text."""
    return f"<{name}>{escape(str(value))}</{name}>"


def document(name: str, *inside: str, **headers: str) -> web.Response:
    body = f'<?xml version="1.0" encoding="UTF-8"?>\n<{name} xmlns="http://s3.amazonaws.com/doc/2006-03-01/">{"".join(inside)}</{name}>'
    return web.Response(body=body.encode(), content_type="application/xml", headers=headers)


def problem(code: str, *, status: int | None = None, **headers: str) -> web.Response:
    """An <Error> document."""
    body = '<?xml version="1.0" encoding="UTF-8"?>\n' + xml(
        "Error", text("Code", code), text("Message", f"simulated: {code}")
    )
    known = STATUS.get(code, 400) if status is None else status
    return web.Response(
        status=known, body=body.encode(), content_type="application/xml",
        headers={name.replace("_", "-"): value for name, value in headers.items()},
    )  # fmt: skip


def headed(body: bytes, headers: dict[str, str]) -> web.Response:
    """The answer to a HEAD of this body."""
    return web.Response(headers={**headers, "Content-Length": str(len(body))})


async def body_of(request: web.BaseRequest) -> bytes:
    """The whole body, however long (it is a test's)."""
    found = bytearray()
    async for block in request.content.iter_any():
        found += block
    return bytes(found)


Handler = Callable[[web.BaseRequest, str], Awaitable[web.StreamResponse]]


class HonestS3:
    """Handlers of the protocol, named after its operations. A lie overrides those that it lies in."""

    kind: ClassVar[str] = "s3"
    page = 2
    smallest_part = SMALLEST_PART

    def __init__(self, vault: Vault | None = None, *, hashes: bool = True, host_style: bool = False) -> None:
        self.vault = vault if vault is not None else Vault()
        self.hashes = hashes
        self.host_style = host_style

    # -- which operation -----------------------------------------------------------------------------------------------

    async def answer(self, request: web.BaseRequest) -> web.StreamResponse:
        """Any request."""
        bucket, key = self.place(request)
        operation = operation_of(request, key)
        self.vault.asked.append(f"{operation} {key}".rstrip())
        try:
            return await self.do(operation, request, bucket, key)
        except S3Problem as error:
            return problem(str(error))
        except (ConnectionError, web.RequestPayloadError):
            return problem("IncompleteBody")  # nobody hears it, and nothing of it is kept

    def place(self, request: web.BaseRequest) -> tuple[str, str]:
        """Bucket and key of an address."""
        path = unquote(request.raw_path.partition("?")[0]).removeprefix("/")
        if self.host_style:
            return self.vault.bucket, path
        bucket, _, key = path.partition("/")
        return bucket, key

    async def do(self, operation: str, request: web.BaseRequest, bucket: str, key: str) -> web.StreamResponse:
        wrong = wrong_signature(request, self.vault)
        if wrong:
            await body_of(request)
            raise S3Problem(wrong)
        if bucket != self.vault.bucket:
            await body_of(request)
            raise S3Problem("NoSuchBucket")
        handler: Handler | None = getattr(self, operation, None)
        if handler is None:
            await body_of(request)
            raise S3Problem("NotImplemented")
        return await handler(request, key)

    async def checked(self, request: web.BaseRequest) -> bytes:
        """The body, if it is what its headers say. Raises S3Problem."""
        body = await body_of(request)
        if str(len(body)) != request.headers.get("Content-Length", str(len(body))):
            raise S3Problem("IncompleteBody")
        said = request.headers.get("X-Amz-Content-SHA256", "")
        if re.fullmatch(r"[0-9a-f]{64}", said) and hashlib.sha256(body).hexdigest() != said:
            raise S3Problem("XAmzContentSHA256Mismatch")
        md5 = request.headers.get("Content-MD5")
        if md5 is not None and md5 != b64(hashlib.md5(body, usedforsecurity=False).digest()):
            raise S3Problem("BadDigest")
        if self.heeds(request) and not self.matches(request, body):
            raise S3Problem("BadDigest")
        return body

    def heeds(self, request: web.BaseRequest) -> bool:
        """Whether it looks at the checksum that comes with this request."""
        return request.headers.get("X-Amz-Sdk-Checksum-Algorithm", "").upper() == "SHA256"

    def matches(self, request: web.BaseRequest, body: bytes) -> bool:
        return request.headers.get("X-Amz-Checksum-Sha256", sha256_b64(body)) == sha256_b64(body)

    def kept(self, _key: str, body: bytes) -> bytes:
        """What it keeps of what came in."""
        return body

    def checksum(self, _request: web.BaseRequest, body: bytes) -> str:
        """What it will call the checksum of what came in."""
        return sha256_b64(body)

    # -- the bucket ----------------------------------------------------------------------------------------------------

    async def HeadBucket(self, _request: web.BaseRequest, _key: str) -> web.StreamResponse:  # noqa: N802
        return web.Response()

    async def GetBucketLocation(self, _request: web.BaseRequest, _key: str) -> web.StreamResponse:  # noqa: N802
        return document("LocationConstraint")

    async def GetBucketVersioning(self, _request: web.BaseRequest, _key: str) -> web.StreamResponse:  # noqa: N802
        return document("VersioningConfiguration", text("Status", "Enabled") if self.vault.locks else "")

    async def GetObjectLockConfiguration(self, _request: web.BaseRequest, _key: str) -> web.StreamResponse:  # noqa: N802
        if not self.vault.locks:
            raise S3Problem("ObjectLockConfigurationNotFoundError")
        return document("ObjectLockConfiguration", text("ObjectLockEnabled", "Enabled"))

    async def ListObjectsV2(self, request: web.BaseRequest, _key: str) -> web.StreamResponse:  # noqa: N802
        prefix, after = request.query.get("prefix", ""), request.query.get("continuation-token", "")
        found = sorted(k for k in self.vault.objects if k.startswith(prefix) and self.vault.latest(k) and k > after)
        more, shown = len(found) > self.page, found[: self.page]
        entries = [xml("Contents", text("Key", k), text("Size", len(self.must(k).body))) for k in shown]
        return document(
            "ListBucketResult", text("IsTruncated", str(more).lower()), *entries, text("NextContinuationToken", shown[-1]) if more else ""
        )  # fmt: skip

    async def ListObjectVersions(self, request: web.BaseRequest, _key: str) -> web.StreamResponse:  # noqa: N802
        prefix = request.query.get("prefix", "")
        entries = [
            xml("DeleteMarker" if one.deleted else "Version", text("Key", key), text("VersionId", one.id), text("Size", len(one.body)))
            for key, versions in sorted(self.vault.objects.items()) if key.startswith(prefix) for one in reversed(versions)
        ]  # fmt: skip
        return document("ListVersionsResult", text("IsTruncated", "false"), *entries)

    async def ListMultipartUploads(self, request: web.BaseRequest, _key: str) -> web.StreamResponse:  # noqa: N802
        prefix = request.query.get("prefix", "")
        after = (request.query.get("key-marker", ""), request.query.get("upload-id-marker", ""))
        found = sorted((u.key, u.id) for u in self.vault.uploads.values() if u.key.startswith(prefix))
        found = [one for one in found if one > after]
        more, shown = len(found) > self.page, found[: self.page]
        entries = [
            xml("Upload", text("Key", key), text("UploadId", id_), text("Initiated", stamp(self.vault.uploads[id_].like.at)))
            for key, id_ in shown
        ]  # fmt: skip
        ends = [text("NextKeyMarker", shown[-1][0]), text("NextUploadIdMarker", shown[-1][1])] if more else []
        return document("ListMultipartUploadsResult", *ends, text("IsTruncated", str(more).lower()), *entries)

    # -- objects -------------------------------------------------------------------------------------------------------

    def must(self, key: str, request: web.BaseRequest | None = None) -> Version:
        """The version that is asked for. Raises S3Problem."""
        wanted = request.query.get("versionId") if request is not None else None
        if wanted is None:
            found = self.vault.latest(key)
        else:
            found = next((v for v in self.vault.objects.get(key, []) if v.id == wanted), None)
        if found is None or found.deleted:
            raise S3Problem("NoSuchKey")
        return found

    def unlike(self, request: web.BaseRequest, key: str) -> None:
        """If-None-Match. Raises S3Problem."""
        if request.headers.get("If-None-Match") == "*" and self.vault.latest(key) is not None:
            raise S3Problem("PreconditionFailed")

    def described(self, request: web.BaseRequest) -> Version:
        """What headers say of an object that is to be."""
        mode = request.headers.get("X-Amz-Object-Lock-Mode", "")
        if mode and not self.vault.locks:
            raise S3Problem("InvalidRequest")
        prefix = "x-amz-meta-"
        meta = {n.lower(): v for n, v in request.headers.items() if n.lower().startswith(prefix)}
        return Version(
            body=b"", meta=meta, tags=request.headers.get("X-Amz-Tagging", ""), mode=mode,
            until=request.headers.get("X-Amz-Object-Lock-Retain-Until-Date", ""),
        )  # fmt: skip

    async def PutObject(self, request: web.BaseRequest, key: str) -> web.StreamResponse:  # noqa: N802
        body = await self.checked(request)
        self.unlike(request, key)
        version = self.described(request)
        version.body = self.kept(key, body)
        version.etag = hashlib.md5(version.body, usedforsecurity=False).hexdigest()
        if "X-Amz-Checksum-Sha256" in request.headers and self.heeds(request):
            version.checksum = self.checksum(request, body)
        self.vault.put(key, version)
        return web.Response(headers=self.said_of(version, checksum=True))

    def said_of(self, version: Version, *, checksum: bool) -> dict[str, str]:
        """The headers that speak of a version."""
        said = {"ETag": f'"{version.etag}"'}
        if self.vault.locks:
            said["x-amz-version-id"] = version.id
        if version.mode and self.vault.locks:
            said |= {"x-amz-object-lock-mode": version.mode, "x-amz-object-lock-retain-until-date": version.until}
        if checksum and self.hashes and version.checksum:
            kind = "COMPOSITE" if "-" in version.checksum else "FULL_OBJECT"
            said |= {"x-amz-checksum-sha256": version.checksum, "x-amz-checksum-type": kind}
        return said

    async def HeadObject(self, request: web.BaseRequest, key: str) -> web.StreamResponse:  # noqa: N802
        version = self.must(key, request)
        return headed(version.body, self.found(request, version))

    def found(self, request: web.BaseRequest, version: Version) -> dict[str, str]:
        wanted = request.headers.get("X-Amz-Checksum-Mode", "").upper() == "ENABLED"
        moment = version.at.strftime("%a, %d %b %Y %H:%M:%S GMT")
        return {**self.said_of(version, checksum=wanted), **version.meta, "Last-Modified": moment, "Content-Type": "binary/octet-stream"}  # fmt: skip

    async def GetObject(self, request: web.BaseRequest, key: str) -> web.StreamResponse:  # noqa: N802
        version = self.must(key, request)
        return self.given(request, version, version.body)

    def given(self, request: web.BaseRequest, version: Version, body: bytes) -> web.StreamResponse:
        headers = self.found(request, version)
        asked = re.fullmatch(r"bytes=(\d+)-(\d+)", request.headers.get("Range", ""))
        if asked is None:
            return web.Response(body=body, headers=headers)
        first, last = int(asked[1]), min(int(asked[2]), len(body) - 1)
        if first > last:
            return problem("InvalidRange", Content_Range=f"bytes */{len(body)}")
        headers["Content-Range"] = f"bytes {first}-{last}/{len(body)}"
        return web.Response(status=206, body=body[first : last + 1], headers=headers)

    async def DeleteObject(self, request: web.BaseRequest, key: str) -> web.StreamResponse:  # noqa: N802
        wanted, versions = request.query.get("versionId"), self.vault.objects.get(key, [])
        if not self.vault.locks:
            self.vault.objects.pop(key, None)
        elif wanted is None:
            self.vault.put(key, Version(body=b"", deleted=True))
            return web.Response(status=204, headers={"x-amz-delete-marker": "true"})
        for version in [v for v in versions if v.id == wanted]:
            bypass = request.headers.get("X-Amz-Bypass-Governance-Retention", "").lower() == "true"
            if version.held and not (bypass and version.mode == "GOVERNANCE"):
                raise S3Problem("AccessDenied")
            versions.remove(version)
        return web.Response(status=204)

    async def GetObjectAttributes(self, request: web.BaseRequest, key: str) -> web.StreamResponse:  # noqa: N802
        version = self.must(key, request)
        if not self.hashes:
            return self.given(request, version, version.body)  # it knows no `?attributes`
        after = int(request.headers.get("X-Amz-Part-Number-Marker", "0") or "0")
        shown = version.parts[after : after + self.page]
        parts = [
            xml("Part", text("PartNumber", after + n), text("Size", one.size), text("ChecksumSHA256", one.checksum))
            for n, one in enumerate(shown, 1)
        ]
        more = after + len(shown) < len(version.parts)
        listed = xml(
            "ObjectParts", text("PartsCount", len(version.parts)), text("PartNumberMarker", after), text("NextPartNumberMarker", after + len(shown)),
            text("MaxParts", self.page), text("IsTruncated", str(more).lower()), *parts,
        )  # fmt: skip
        sums = xml("Checksum", text("ChecksumSHA256", version.checksum.partition("-")[0]))
        return document(
            "GetObjectAttributesResponse", text("ETag", version.etag), sums if version.checksum else "",
            listed if version.parts else "", text("ObjectSize", len(version.body)),
        )  # fmt: skip

    async def PutObjectTagging(self, request: web.BaseRequest, key: str) -> web.StreamResponse:  # noqa: N802
        version = self.must(key, request)
        pairs = [(tag.get("Key", ""), tag.get("Value", "")) for tag in elements(await body_of(request), "Tag")]
        version.tags = "&".join(f"{name}={value}" for name, value in pairs)
        return web.Response()

    async def GetObjectTagging(self, request: web.BaseRequest, key: str) -> web.StreamResponse:  # noqa: N802
        pairs = [pair.partition("=") for pair in self.must(key, request).tags.split("&") if pair]
        tags = [xml("Tag", text("Key", name), text("Value", value)) for name, _, value in pairs]
        return document("Tagging", xml("TagSet", *tags))

    async def PutObjectRetention(self, request: web.BaseRequest, key: str) -> web.StreamResponse:  # noqa: N802
        if not self.vault.locks:
            raise S3Problem("InvalidRequest")
        version, body = self.must(key, request), await body_of(request)
        for retention in elements(body, "Retention"):
            version.mode, version.until = named(retention, "Mode"), named(retention, "RetainUntilDate")
        return web.Response()

    async def GetObjectRetention(self, request: web.BaseRequest, key: str) -> web.StreamResponse:  # noqa: N802
        version = self.must(key, request)
        if not version.mode:
            raise S3Problem("NoSuchObjectLockConfiguration")
        return document("Retention", text("Mode", version.mode), text("RetainUntilDate", version.until))

    # -- parts ---------------------------------------------------------------------------------------------------------

    async def CreateMultipartUpload(self, request: web.BaseRequest, key: str) -> web.StreamResponse:  # noqa: N802
        await body_of(request)
        algorithm = request.headers.get("X-Amz-Checksum-Algorithm", "").upper()
        upload = Upload(key=key, like=self.described(request), algorithm=algorithm)
        self.vault.uploads[upload.id] = upload
        return document(
            "InitiateMultipartUploadResult", text("Bucket", self.vault.bucket), text("Key", key), text("UploadId", upload.id)
        )  # fmt: skip

    def upload(self, request: web.BaseRequest, key: str) -> Upload:
        found = self.vault.uploads.get(request.query.get("uploadId", ""))
        if found is None or found.key != key:
            raise S3Problem("NoSuchUpload")
        return found

    async def UploadPart(self, request: web.BaseRequest, key: str) -> web.StreamResponse:  # noqa: N802
        body = await self.checked(request)
        upload = self.upload(request, key)
        number = int(request.query["partNumber"])
        if not 1 <= number <= 10_000:
            raise S3Problem("InvalidArgument")
        part = Part(body=self.kept(key, body), size=len(body), checksum=self.checksum(request, body))
        upload.parts[number] = part
        said = {"ETag": f'"{part.etag}"'}
        if self.hashes and upload.algorithm:
            said["x-amz-checksum-sha256"] = part.checksum
        return web.Response(headers=said)

    async def ListParts(self, request: web.BaseRequest, key: str) -> web.StreamResponse:  # noqa: N802
        return self.listed(request, self.upload(request, key), self.upload(request, key).parts)

    def listed(self, request: web.BaseRequest, upload: Upload, parts: dict[int, Part]) -> web.Response:
        after = int(request.query.get("part-number-marker", "0"))
        wanted = min(self.page, int(request.query.get("max-parts", "1000")))
        found = sorted(number for number in parts if number > after)
        more, shown = len(found) > wanted, found[:wanted]
        entries = [
            xml(
                "Part", text("PartNumber", number), text("ETag", f'"{parts[number].etag}"'), text("Size", parts[number].size),
                text("ChecksumSHA256", parts[number].checksum) if self.hashes and upload.algorithm else "",
            ) for number in shown
        ]  # fmt: skip
        return document(
            "ListPartsResult", text("Bucket", self.vault.bucket), text("Key", upload.key), text("UploadId", upload.id), text("PartNumberMarker", after),
            text("NextPartNumberMarker", shown[-1] if shown else 0), text("MaxParts", wanted), text("IsTruncated", str(more).lower()), *entries,
        )  # fmt: skip

    async def CompleteMultipartUpload(self, request: web.BaseRequest, key: str) -> web.StreamResponse:  # noqa: N802
        body = await body_of(request)
        if self.vault.completed.get(request.query.get("uploadId", "")) == key and self.vault.latest(key) is not None:
            return self.completed(key, self.must(key))
        upload = self.upload(request, key)
        self.unlike(request, key)
        version = self.assembled(upload, self.chosen(upload, body))
        self.vault.put(key, version)
        del self.vault.uploads[upload.id]
        self.vault.completed[upload.id] = key
        return self.completed(key, version)

    def chosen(self, upload: Upload, body: bytes) -> list[Part]:
        """The parts that the request names. Raises S3Problem."""
        named_parts = [
            (int(named(p, "PartNumber")), named(p, "ETag"), named(p, "ChecksumSHA256")) for p in elements(body, "Part")
        ]
        numbers = [number for number, _, _ in named_parts]
        if not numbers or numbers != sorted(set(numbers)):
            raise S3Problem("InvalidPartOrder" if numbers else "MalformedXML")
        found = []
        for number, etag, checksum in named_parts:
            part = upload.parts.get(number)
            if part is None or etag.strip('"') != part.etag or (checksum and checksum != part.checksum):
                raise S3Problem("InvalidPart")
            found.append(part)
        if any(len(part.body) < self.smallest_part for part in found[:-1]):
            raise S3Problem("EntityTooSmall")
        return found

    def assembled(self, upload: Upload, parts: list[Part]) -> Version:
        version = upload.like
        version.body = b"".join(part.body for part in parts)
        version.parts = parts
        md5s = b"".join(bytes.fromhex(part.etag) for part in parts)
        version.etag = f"{hashlib.md5(md5s, usedforsecurity=False).hexdigest()}-{len(parts)}"
        if upload.algorithm:
            version.checksum = composite(part.checksum for part in parts)
        return version

    def completed(self, key: str, version: Version) -> web.Response:
        said = text("ChecksumSHA256", version.checksum) if self.hashes and version.checksum else ""
        more = {"x-amz-version-id": version.id} if self.vault.locks else {}
        return document(
            "CompleteMultipartUploadResult", text("Bucket", self.vault.bucket), text("Key", key), text("ETag", f'"{version.etag}"'), said, **more
        )  # fmt: skip

    async def AbortMultipartUpload(self, request: web.BaseRequest, key: str) -> web.StreamResponse:  # noqa: N802
        del self.vault.uploads[self.upload(request, key).id]
        return web.Response(status=204)


def composite(checksums: Iterable[str]) -> str:
    """A checksum of checksums, as S3 writes it."""
    found = [base64.b64decode(one) for one in checksums]
    return f"{sha256_b64(b''.join(found))}-{len(found)}"


_BUCKET: dict[tuple[str, str], str] = {
    ("GET", "uploads"): "ListMultipartUploads", ("GET", "object-lock"): "GetObjectLockConfiguration", ("GET", "versioning"): "GetBucketVersioning",
    ("GET", "location"): "GetBucketLocation", ("GET", "versions"): "ListObjectVersions", ("GET", ""): "ListObjectsV2", ("HEAD", ""): "HeadBucket",
}  # fmt: skip
_OBJECT: dict[tuple[str, str], str] = {
    ("PUT", "uploadId"): "UploadPart", ("PUT", "tagging"): "PutObjectTagging", ("PUT", "retention"): "PutObjectRetention", ("PUT", ""): "PutObject",
    ("POST", "uploads"): "CreateMultipartUpload", ("POST", "uploadId"): "CompleteMultipartUpload", ("DELETE", "uploadId"): "AbortMultipartUpload",
    ("DELETE", ""): "DeleteObject", ("GET", "uploadId"): "ListParts", ("GET", "attributes"): "GetObjectAttributes", ("GET", "tagging"): "GetObjectTagging",
    ("GET", "retention"): "GetObjectRetention", ("GET", ""): "GetObject", ("HEAD", ""): "HeadObject",
}  # fmt: skip


def operation_of(request: web.BaseRequest, key: str) -> str:
    """The name that S3's documentation gives to what is asked."""
    table = _OBJECT if key else _BUCKET
    for (method, word), operation in table.items():
        if method == request.method and (not word or word in request.query):
            return operation
    return f"{request.method}?{request.query_string}"


def elements(body: bytes, name: str) -> list[dict[str, str]]:
    """The elements of this name in a request's document, each with the texts in it."""
    with suppress(ElementTree.ParseError):
        root = ElementTree.fromstring(body.decode())
        return [
            {child.tag.rpartition("}")[2]: child.text or "" for child in one}
            for one in root.iter() if one.tag.rpartition("}")[2] == name
        ]  # fmt: skip
    raise S3Problem("MalformedXML")


def named(element: dict[str, str], name: str) -> str:
    return element.get(name, "").strip()
