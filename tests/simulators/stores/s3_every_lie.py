"""Every lie of an S3 server by its name: what `tests/e2e/test_every_lie_of_s3.py` tries, one by one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from aiohttp import web

from tests.simulators.stores import s3_lies as lies
from tests.simulators.stores.s3 import HonestS3, document, problem, text
from tests.simulators.stores.s3_vault import Vault

Kind = Literal["hashes", "plain"]
H: tuple[Kind, ...] = ("hashes",)
P: tuple[Kind, ...] = ("plain",)
HP = H + P
Make = Callable[[Vault, Kind], HonestS3]


@dataclass(frozen=True, kw_only=True)
class Lie:
    """`well`: it does no harm, and everything is proven and wiped; `partly`: about some segments only, the others may be wiped.

    `parts`: a segment that goes in parts is on the camera, too; `says`: what dockd has to say of it, a pattern; `caught`: kinds in which it is
    condemned for good; `quick`: kinds in which it is tried in every run of the tests; all are tried with the real servers.
    """

    make: Make
    kinds: tuple[Kind, ...] = HP
    well: bool = False
    partly: bool = False
    parts: bool = False
    quick: tuple[Kind, ...] = ()
    says: str = ""
    caught: tuple[Kind, ...] = ()


def _plainly(far: type[HonestS3]) -> Make:
    return lambda vault, kind: far(vault, hashes=kind == "hashes")


def _instead(*what: str, answer: Callable[[], web.Response], times: int = 1 << 30, every: bool = False) -> Make:
    return lambda vault, kind: lies.Instead(
        vault, what=what, answer=answer(), times=times, hashes=kind == "hashes", every=every
    )


def _code(code: str, *what: str, times: int = 1 << 30, **headers: str) -> Make:
    return _instead(*what, answer=lambda: problem(code, status=None, **headers), times=times)


def _all(code: str) -> Make:
    """The marker and everything else."""
    return _instead(*_ALL, answer=lambda: problem(code), every=True)


def _body(body: str, *what: str) -> Make:
    return _instead(*what, answer=lambda: web.Response(body=body.encode("utf-8", "surrogateescape")))


def _redirect(status: int, *what: str) -> Make:
    return _instead(*what, answer=lambda: web.Response(status=status, headers={"Location": "http://127.0.0.2:1/footage"}))  # fmt: skip


_ALL = ("PutObject", "HeadObject", "GetObject", "CreateMultipartUpload", "UploadPart", "ListParts", "CompleteMultipartUpload", "HeadBucket", "ListObjectsV2")  # fmt: skip

EVERY: dict[str, Lie] = {
    # with the bytes
    "one bit": Lie(quick=HP, make=_plainly(lies.KeepsOneBitOther), caught=H),
    "half": Lie(make=_plainly(lies.KeepsHalf)),
    "zeros": Lie(make=_plainly(lies.KeepsZeros), parts=True, caught=H),
    "zeros, and attributes that are bytes": Lie(make=_plainly(lies.AttributesForgeAProof), kinds=P),
    "parts in another order": Lie(make=_plainly(lies.MixesPartsUp), parts=True, partly=True, caught=H),
    "the last part dropped": Lie(make=_plainly(lies.DropsTheLastPart), parts=True, partly=True),
    "replaced under its key": Lie(quick=P, make=_plainly(lies.AnotherObjectUnderOurKey)),
    "other bytes given back": Lie(make=_plainly(lies.GivesOtherBytesBack), caught=H),
    "proven, then lost": Lie(quick=HP, make=_plainly(lies.LosesWhatItHasProven)),
    # with the hash
    "the client's hash": Lie(make=_plainly(lies.EchoesTheHash), kinds=H, well=True),  # found out, and read back
    "the client's hash, and a hole": Lie(quick=H, make=_plainly(lies.EchoesAndKeepsOtherBytes), kinds=H),
    "the client's hash of parts, and zeros": Lie(
        make=_plainly(lies.EchoesTheHashOfParts), kinds=H, parts=True, partly=True
    ),
    "another hash": Lie(make=_plainly(lies.AnotherChecksum), kinds=H, well=True),
    "a hash of another form": Lie(make=_plainly(lies.HashInTheWrongForm), kinds=H, well=True),
    "another size": Lie(make=_plainly(lies.SaysAnotherSize), kinds=H),
    "another size in HEAD alone": Lie(make=_plainly(lies.SaysAnotherSize), kinds=P, well=True),
    "attributes that are the bytes": Lie(make=_plainly(lies.AttributesAreTheBytes), well=True, parts=True),
    # with parts
    "parts that it has not": Lie(quick=HP, make=_plainly(lies.ListsPartsThatItHasNot), parts=True, partly=True),
    "parts of other sizes": Lie(make=_plainly(lies.ListsOtherSizes), parts=True, partly=True),
    "endless parts": Lie(make=_plainly(lies.EndlessParts), parts=True, partly=True),
    "the same page for ever": Lie(make=_plainly(lies.SamePageForEver), parts=True, partly=True),
    "parts forgotten": Lie(make=_plainly(lies.ForgetsParts), parts=True, partly=True),
    "uploads forgotten": Lie(make=_plainly(lies.ForgetsUploads), parts=True, partly=True),
    "200 and an error at the end": Lie(quick=H, make=_plainly(lies.CompletesWithAnError), parts=True, partly=True),
    "200 and nothing at the end": Lie(make=_plainly(lies.CompletesNothing), parts=True, partly=True),
    "no answer at the end": Lie(make=_plainly(lies.CompletesAndHangsUp), parts=True, well=True),
    "no ETags": Lie(make=_plainly(lies.NoETags), parts=True, well=True),
    "odd ETags": Lie(make=_plainly(lies.OddETags), parts=True, well=True),
    "garbage for parts": Lie(make=_body(lies.GARBAGE[4], "ListParts", "CreateMultipartUpload"), parts=True, partly=True),
    "an XML bomb": Lie(make=_body(lies.BOMB, "ListParts"), parts=True, partly=True),
    "an XML bomb at the beginning": Lie(make=_body(lies.BOMB, "CreateMultipartUpload"), parts=True, partly=True),
    "a file of ours in XML": Lie(make=_body(lies.OUTSIDE, "CreateMultipartUpload", "ListParts"), parts=True, partly=True),
    "a page at the end": Lie(make=_body("<html>log in</html>", "CompleteMultipartUpload"), parts=True, partly=True),
    "attributes that bomb": Lie(make=_body(lies.BOMB, "GetObjectAttributes"), parts=True, well=True),
    # with what is its own
    "If-None-Match ignored": Lie(make=_plainly(lies.IgnoresIfNoneMatch), well=True, parts=True),
    "locks without effect": Lie(make=_plainly(lies.LocksWithoutEffect), well=True),
    "another marker": Lie(make=_plainly(lies.AnotherBucket), says="(is pinned|is another store now)"),
    "a marker that vanishes": Lie(quick=H, make=_plainly(lies.MarkerVanishes), says="marker"),
    # with answers
    "busy once": Lie(make=_code("SlowDown", "PutObject", times=1), well=True),
    "busy for ever": Lie(make=_code("SlowDown", "PutObject", Retry_After="1"), says="busy"),
    "a clock that is wrong": Lie(make=_all("RequestTimeTooSkewed"), says="clock is wrong"),
    "no such bucket": Lie(make=_all("NoSuchBucket"), says="the bucket that store.url names is not there"),
    "bad credentials": Lie(make=_all("InvalidAccessKeyId"), says="credentials"),
    "no rights to write": Lie(make=_code("AccessDenied", "PutObject"), says="docs/stores.md"),
    "no rights to read": Lie(make=_code("AccessDenied", "GetObject", "HeadObject")),
    "full": Lie(make=_code("QuotaExceeded", "PutObject"), says="no room"),
    "301 of everything": Lie(quick=P, make=_redirect(301, *_ALL), says="redirects are not followed"),
    "307 of bytes": Lie(make=_redirect(307, "PutObject", "UploadPart"), says="redirects are not followed"),
    "307 of bytes asked back": Lie(make=_redirect(307, "GetObject")),
    "200 to everything": Lie(make=_instead(*_ALL, answer=web.Response)),
    "a document to everything": Lie(make=_instead(*_ALL, answer=lambda: document("Result", text("IsTruncated", "true")))),
    "a page to everything after a while": Lie(make=_plainly(lies.PageToEverything), partly=True),
}  # fmt: skip
