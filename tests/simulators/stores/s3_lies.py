"""S3 servers that lie, forget, or answer nonsense. Each is honest but for the one thing that it is named after."""

from __future__ import annotations

import hashlib
from dataclasses import replace

from aiohttp import web

from tests.simulators.stores.s3 import HonestS3, S3Problem, body_of, document, headed, problem, text, xml
from tests.simulators.stores.s3_vault import Part, Upload, Vault, Version, b64, sha256_b64

MARKER = ".dockd-store"
BOMB = (
    '<?xml version="1.0"?><!DOCTYPE l [<!ENTITY a "lollollollollollollollollollollollol">'
    + "".join(f'<!ENTITY {chr(98 + n)} "{f"&{chr(97 + n)};" * 12}">' for n in range(9))
    + "]><ListPartsResult><UploadId>&j;</UploadId></ListPartsResult>"
)
OUTSIDE = '<?xml version="1.0"?><!DOCTYPE l [<!ENTITY x SYSTEM "file:///etc/hostname">]><ListPartsResult><UploadId>&x;</UploadId></ListPartsResult>'
GARBAGE = ("", "<", "{}", "<html>log in</html>", "<a>" * 50_000, "<ListPartsResult>\udcff", "x" * (1 << 20))


def is_footage(key: str) -> bool:
    """Neither the store's own nor a description."""
    return bool(key) and not key.endswith(".json") and "dockd" not in key


# -- hashes that prove nothing -----------------------------------------------------------------------------------------


class EchoesTheHash(HonestS3):
    """Looks at no checksum, and gives the client's own back as its own."""

    def matches(self, request: web.BaseRequest, body: bytes) -> bool:
        return True

    def checksum(self, request: web.BaseRequest, body: bytes) -> str:
        return request.headers.get("X-Amz-Checksum-Sha256") or sha256_b64(body)


class EchoesTheHashOfParts(EchoesTheHash):
    """Checks whole objects, and echoes the hashes of parts; what it keeps of parts is zeros."""

    def matches(self, request: web.BaseRequest, body: bytes) -> bool:
        return "partNumber" in request.query or super(EchoesTheHash, self).matches(request, body)

    def kept(self, key: str, body: bytes) -> bytes:
        return bytes(len(body)) if is_footage(key) and len(body) >= 5 << 20 else body


class EchoesAndKeepsOtherBytes(EchoesTheHash):
    """The same, and a hole in what it keeps."""

    def kept(self, key: str, body: bytes) -> bytes:
        third = len(body) // 3
        return body[:third] + bytes(third) + body[2 * third :] if is_footage(key) else body


class KeepsOneBitOther(HonestS3):
    """Checks what comes in, says so truly, and keeps something else."""

    def kept(self, key: str, body: bytes) -> bytes:
        if not is_footage(key) or not body:
            return body
        middle = len(body) // 2
        return body[:middle] + bytes([body[middle] ^ 1]) + body[middle + 1 :]


class KeepsHalf(HonestS3):
    """Says that it has all, and keeps the first half."""

    def kept(self, key: str, body: bytes) -> bytes:
        return body[: len(body) // 2] if is_footage(key) else body

    async def HeadObject(self, request: web.BaseRequest, key: str) -> web.StreamResponse:  # noqa: N802
        version = self.must(key, request)
        size = len(version.body) * 2 if is_footage(key) else len(version.body)
        return headed(bytes(size), self.found(request, version))


class KeepsZeros(HonestS3):
    """As long as it was, and nothing in it."""

    def kept(self, key: str, body: bytes) -> bytes:
        return bytes(len(body)) if is_footage(key) else body


class MixesPartsUp(HonestS3):
    """Puts the parts together from the last to the first; its checksum is of the right order."""

    def assembled(self, upload: Upload, parts: list[Part]) -> Version:
        version = super().assembled(upload, parts)
        version.body = b"".join(part.body for part in reversed(parts))
        return version


class DropsTheLastPart(HonestS3):
    """Completes without it, and says what it has done."""

    def chosen(self, upload: Upload, body: bytes) -> list[Part]:
        return super().chosen(upload, body)[:-1]


class AnotherChecksum(HonestS3):
    """A checksum that is of none of its objects."""

    def said_of(self, version: Version, *, checksum: bool) -> dict[str, str]:
        said = super().said_of(version, checksum=checksum)
        if "x-amz-checksum-sha256" in said:
            other = sha256_b64(b"another")
            count = version.checksum.partition("-")[2]
            said["x-amz-checksum-sha256"] = f"{other}-{count}" if count else other
        return said


class SaysAnotherSize(HonestS3):
    """One byte more than it has."""

    async def HeadObject(self, request: web.BaseRequest, key: str) -> web.StreamResponse:  # noqa: N802
        version = self.must(key, request)
        more = b"x" if is_footage(key) else b""
        return headed(version.body + more, self.found(request, version))


class AnotherObjectUnderOurKey(HonestS3):
    """Somebody replaces the object as soon as it is there; the server says truly what it has."""

    def replace(self, key: str) -> None:
        version = self.vault.latest(key)
        if version is not None and is_footage(key):
            body = bytes(len(version.body))
            etag = hashlib.md5(body, usedforsecurity=False).hexdigest()
            self.vault.put(key, replace(version, body=body, parts=[], checksum=sha256_b64(body), etag=etag))

    async def PutObject(self, request: web.BaseRequest, key: str) -> web.StreamResponse:  # noqa: N802
        answer = await super().PutObject(request, key)
        self.replace(key)
        return answer

    async def CompleteMultipartUpload(self, request: web.BaseRequest, key: str) -> web.StreamResponse:  # noqa: N802
        answer = await super().CompleteMultipartUpload(request, key)
        self.replace(key)
        return answer


class LosesWhatItHasProven(HonestS3):
    """Its first proof is true; then the object is gone, and it goes on vouching from memory."""

    def __init__(self, vault: Vault | None = None, *, hashes: bool = True, host_style: bool = False) -> None:
        super().__init__(vault, hashes=hashes, host_style=host_style)
        self.remembered: dict[str, Version] = {}

    async def GetObject(self, request: web.BaseRequest, key: str) -> web.StreamResponse:  # noqa: N802
        answer = await super().GetObject(request, key)
        if is_footage(key):
            self.remembered[key] = self.vault.objects.pop(key)[-1]
        return answer

    async def HeadObject(self, request: web.BaseRequest, key: str) -> web.StreamResponse:  # noqa: N802
        version = self.remembered.get(key) or self.must(key, request)
        return headed(version.body, self.found(request, version))


class GivesOtherBytesBack(HonestS3):
    """Its proof is true; what it gives is not."""

    async def GetObject(self, request: web.BaseRequest, key: str) -> web.StreamResponse:  # noqa: N802
        version = self.must(key, request)
        return self.given(request, version, bytes(len(version.body)) if is_footage(key) else version.body)


class AttributesAreTheBytes(HonestS3):
    """It knows no `?attributes`: it gives the object itself. (As some do; nothing is wrong with it otherwise.)"""

    async def GetObjectAttributes(self, request: web.BaseRequest, key: str) -> web.StreamResponse:  # noqa: N802
        return await self.GetObject(request, key)


class AttributesForgeAProof(HonestS3):
    """It knows no `?attributes`, gives no hashes, and keeps zeros: what comes back where attributes are asked is whatever lies there."""

    def __init__(self, vault: Vault | None = None, *, hashes: bool = True, host_style: bool = False) -> None:
        super().__init__(vault, hashes=False, host_style=host_style)

    def kept(self, key: str, body: bytes) -> bytes:
        return bytes(len(body)) if is_footage(key) else body


# -- parts -------------------------------------------------------------------------------------------------------------


class ListsPartsThatItHasNot(HonestS3):
    """All parts are there, it says, of any upload; completing one makes an object of what is there."""

    async def ListParts(self, request: web.BaseRequest, key: str) -> web.StreamResponse:  # noqa: N802
        upload = self.upload(request, key)
        made_up = {number: Part(body=b"", size=5 << 20, checksum=sha256_b64(bytes(5 << 20))) for number in range(1, 4)}
        return self.listed(request, upload, made_up | {n: self.exaggerated(part) for n, part in upload.parts.items()})

    def exaggerated(self, part: Part) -> Part:
        return part

    async def CompleteMultipartUpload(self, request: web.BaseRequest, key: str) -> web.StreamResponse:  # noqa: N802
        await body_of(request)
        upload = self.upload(request, key)
        version = self.assembled(upload, [upload.parts[number] for number in sorted(upload.parts)])
        self.vault.put(key, version)
        return self.completed(key, version)


class ListsOtherSizes(HonestS3):
    """Each part is a byte longer, it says."""

    async def ListParts(self, request: web.BaseRequest, key: str) -> web.StreamResponse:  # noqa: N802
        upload = self.upload(request, key)
        return self.listed(request, upload, {n: replace(part, size=part.size + 1) for n, part in upload.parts.items()})


class EndlessParts(HonestS3):
    """There is always one more page of parts."""

    async def ListParts(self, request: web.BaseRequest, key: str) -> web.StreamResponse:  # noqa: N802
        after = int(request.query.get("part-number-marker", "0"))
        entry = xml("Part", text("PartNumber", after + 1), text("ETag", "x"), text("Size", 5 << 20))
        return document("ListPartsResult", text("NextPartNumberMarker", after + 1), text("IsTruncated", "true"), entry)


class SamePageForEver(HonestS3):
    """More parts there are, it says, and gives the first page again."""

    async def ListParts(self, request: web.BaseRequest, key: str) -> web.StreamResponse:  # noqa: N802
        return document("ListPartsResult", text("NextPartNumberMarker", 0), text("IsTruncated", "true"))


class ForgetsParts(HonestS3):
    """Takes a part, gives its ETag, and has it not."""

    async def UploadPart(self, request: web.BaseRequest, key: str) -> web.StreamResponse:  # noqa: N802
        answer = await super().UploadPart(request, key)
        self.upload(request, key).parts.pop(int(request.query["partNumber"]))
        return answer


class ForgetsUploads(HonestS3):
    """Every upload is unknown as soon as it has begun."""

    async def CreateMultipartUpload(self, request: web.BaseRequest, key: str) -> web.StreamResponse:  # noqa: N802
        answer = await super().CreateMultipartUpload(request, key)
        self.vault.uploads.clear()
        return answer


class CompletesWithAnError(HonestS3):
    """200, and an <Error> in the body, as S3 does when it fails after it has begun to answer."""

    async def CompleteMultipartUpload(self, request: web.BaseRequest, key: str) -> web.StreamResponse:  # noqa: N802
        await body_of(request)
        return problem("InternalError", status=200)


class CompletesWithAPage(HonestS3):
    """200, and a page of somebody else."""

    async def CompleteMultipartUpload(self, request: web.BaseRequest, key: str) -> web.StreamResponse:  # noqa: N802
        await body_of(request)
        return web.Response(text="<html>log in</html>", content_type="text/html")


class CompletesNothing(HonestS3):
    """200 and a document that says all is well, and no object."""

    async def CompleteMultipartUpload(self, request: web.BaseRequest, key: str) -> web.StreamResponse:  # noqa: N802
        body = await body_of(request)
        upload = self.upload(request, key)
        return self.completed(key, self.assembled(upload, self.chosen(upload, body)))


class CompletesAndHangsUp(HonestS3):
    """Makes the object; the answer never comes. It knows nothing of that upload from then on."""

    async def CompleteMultipartUpload(self, request: web.BaseRequest, key: str) -> web.StreamResponse:  # noqa: N802
        await super().CompleteMultipartUpload(request, key)
        self.vault.completed.clear()
        assert request.transport is not None
        request.transport.abort()
        return web.Response()


# -- answers -----------------------------------------------------------------------------------------------------------


class Instead(HonestS3):
    """Some operations are answered with something else, the first `times` times: of footage, where a key is named; or (`every`) of anything."""

    def __init__(
        self, vault: Vault | None = None, *, what: tuple[str, ...], answer: web.Response, times: int = 1 << 30, hashes: bool = True,
        every: bool = False,
    ) -> None:  # fmt: skip
        super().__init__(vault, hashes=hashes)
        self.what, self.instead, self.times, self.every = what, answer, times, every

    async def do(self, operation: str, request: web.BaseRequest, bucket: str, key: str) -> web.StreamResponse:
        if operation in self.what and self.times > 0 and (not key or is_footage(key) or self.every):
            self.times -= 1
            await body_of(request)
            headers = {n: v for n, v in self.instead.headers.items() if n.lower() != "content-length"}
            return web.Response(status=self.instead.status, headers=headers, body=self.instead.body)
        return await super().do(operation, request, bucket, key)


class NoETags(HonestS3):
    """Gives none with parts."""

    etag = ""

    async def UploadPart(self, request: web.BaseRequest, key: str) -> web.StreamResponse:  # noqa: N802
        answer = await super().UploadPart(request, key)
        answer.headers["ETag"] = self.etag
        return answer


class OddETags(NoETags):
    """Something that is no ETag."""

    etag = '"' + "<>&" * 2000 + '"'


class IgnoresIfNoneMatch(HonestS3):
    """Overwrites whatever lies there."""

    def unlike(self, request: web.BaseRequest, key: str) -> None:
        return None


class TakesMarksForTheObject(HonestS3):
    """What is said of an object by `PUT key?tagging` it takes for the object itself, and overwrites it (as rclone serve s3 does)."""

    async def PutObjectTagging(self, request: web.BaseRequest, key: str) -> web.StreamResponse:  # noqa: N802
        return await self.PutObject(request, key)

    async def PutObjectRetention(self, request: web.BaseRequest, key: str) -> web.StreamResponse:  # noqa: N802
        return await self.PutObject(request, key)

    async def GetObjectTagging(self, request: web.BaseRequest, key: str) -> web.StreamResponse:  # noqa: N802
        return await self.GetObject(request, key)


class ForgetsTags(HonestS3):
    """200 to all tags; none is kept."""

    def described(self, request: web.BaseRequest) -> Version:
        version = super().described(request)
        version.tags = ""
        return version

    async def PutObjectTagging(self, request: web.BaseRequest, _key: str) -> web.StreamResponse:  # noqa: N802
        await body_of(request)
        return web.Response()


class LocksWithoutEffect(HonestS3):
    """200 to whatever is said of Object Lock; nothing is locked."""

    def described(self, request: web.BaseRequest) -> Version:
        said = {n: v for n, v in request.headers.items() if "object-lock" not in n.lower()}
        meta = {n.lower(): v for n, v in said.items() if n.lower().startswith("x-amz-meta-")}
        return Version(body=b"", meta=meta, tags=said.get("X-Amz-Tagging", ""))

    async def GetObjectLockConfiguration(self, _request: web.BaseRequest, _key: str) -> web.StreamResponse:  # noqa: N802
        return document("ObjectLockConfiguration", text("ObjectLockEnabled", "Enabled"))

    async def PutObjectRetention(self, request: web.BaseRequest, key: str) -> web.StreamResponse:  # noqa: N802
        await body_of(request)
        return web.Response()


class AnotherBucket(HonestS3):
    """The marker says another name than before, from the second look on."""

    looks = 1

    async def GetObject(self, request: web.BaseRequest, key: str) -> web.StreamResponse:  # noqa: N802
        version = self.must(key, request)
        if key != MARKER:
            return self.given(request, version, version.body)
        self.looks -= 1
        other = bytes(version.body)
        if self.looks < 0:
            other = other.translate(bytes.maketrans(b"0123456789", b"1234567890"))
        return self.given(request, version, other)


class MarkerVanishes(HonestS3):
    """The bucket was emptied, or is another one: its marker is gone from the second look on."""

    looks = 1

    def gone(self, key: str) -> None:
        if key == MARKER:
            self.looks -= 1
            if self.looks < 0:
                raise S3Problem("NoSuchKey")

    async def GetObject(self, request: web.BaseRequest, key: str) -> web.StreamResponse:  # noqa: N802
        self.gone(key)
        return await super().GetObject(request, key)

    async def HeadObject(self, request: web.BaseRequest, key: str) -> web.StreamResponse:  # noqa: N802
        self.gone(key)
        return await super().HeadObject(request, key)


class PageToEverything(HonestS3):
    """A guest network's login page, 200, to everything after so many honest answers."""

    left = 12

    async def answer(self, request: web.BaseRequest) -> web.StreamResponse:
        self.left -= 1
        if self.left >= 0:
            return await super().answer(request)
        await body_of(request)
        return web.Response(text="<html><title>Welcome</title></html>", content_type="text/html")


class HashInTheWrongForm(HonestS3):
    """What it calls its checksum is hex, or of no length, or of another algorithm."""

    def said_of(self, version: Version, *, checksum: bool) -> dict[str, str]:
        said = super().said_of(version, checksum=checksum)
        if "x-amz-checksum-sha256" in said:
            said["x-amz-checksum-sha256"] = b64(b"\xff" * 20)
        return said


class EchoesAndMixesHashesUp(EchoesTheHash):
    """Looks at no checksum, and what it says of an object in parts is of nothing at all (as a mock does)."""

    def assembled(self, upload: Upload, parts: list[Part]) -> Version:
        version = super().assembled(upload, parts)
        version.checksum = f"{sha256_b64(b'of nothing')}-{len(parts)}"
        return version
