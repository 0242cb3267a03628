"""What an S3 server's refusals mean for the caller: by its error code first, by the HTTP status where there is none (a HEAD has no body).

Rules: a segment is held only for what is wrong with that segment; a bad request of a kind that would befall every segment is the store's
trouble (`BadRequest`: who sent it finds out which of the two it is). A page that is no answer of S3 says nothing of any segment. A clock that is wrong is called that, and no key is blamed for it.
"""

from __future__ import annotations

import time

from ingest.clock import rfc3339
from ingest.errors import (
    DockdError,
    Garbled,
    NeverStorable,
    ObjectGone,
    Refused,
    Retry,
    StoreBusy,
    StoreDown,
    StoreFull,
    Unproven,
    UploadBlocked,
    WrongStore,
)  # fmt: skip
from ingest.store.answers import retry_after
from ingest.store.line import Answer
from ingest.store.s3.documents import Problem, problem_in


class BadRequest(StoreDown):
    """The store calls the request itself wrong: whether that is of this segment or of all has to be found out."""


class NotKnown(StoreDown):
    """The store does not know that request, or something that it asks for."""


class PartsGone(UploadBlocked):
    """Parts that the store listed are not there, or no object can be made of them."""


class Taken(UploadBlocked):
    """Something lies under that name already, and was not to be overwritten."""


_BUSY = (StoreBusy, "it is busy")
_KEYS = (Refused, "it does not take this dock's credentials; check store.token_file")
_RIGHTS = (
    Refused,
    "this dock's key may not do that; see the rights that it needs in docs/stores.md, and store.token_file",
)
_BYTES = (Unproven, "the bytes that arrived are not the ones announced")
_NEVER = (NeverStorable, "it will never take this as it is; somebody has to look at it")
_GONE = (ObjectGone, "that is not there (any more)")
_FULL = (StoreFull, "it has no room")
_AGAIN = (StoreDown, "it is tried again")
_ELSEWHERE = (UploadBlocked, "somebody else is at it; it is looked at again")
_PARTS = (PartsGone, "it has listed parts of which no object can be made")
_BUCKET = (WrongStore, "the bucket that store.url names is not there: create it, or correct store.url")
_REGION = (StoreDown, "requests are signed for another region than the bucket's: correct store.region")
_ADDRESS = (
    StoreDown,
    "redirects are not followed: name the bucket's own address in store.url, and its region in store.region",
)
_UNKNOWN = (NotKnown, "it does not know that request: is store.url the address of an S3 bucket?")
_BAD = (BadRequest, "it calls the request wrong")

_BY_CODE: dict[str, tuple[type[DockdError], str]] = {
    **dict.fromkeys(("SlowDown", "ServiceUnavailable", "Busy", "ServerBusy", "Throttling", "ThrottlingException", "TooManyRequests", "RequestLimitExceeded", "XMinioServerNotInitialized"), _BUSY),
    **dict.fromkeys(("InvalidAccessKeyId", "SignatureDoesNotMatch", "ExpiredToken", "InvalidToken", "TokenRefreshRequired", "InvalidSecurity", "NotSignedUp", "AccountProblem"), _KEYS),
    **dict.fromkeys(("AccessDenied", "AllAccessDisabled", "UnauthorizedAccess"), _RIGHTS),
    **dict.fromkeys(("BadDigest", "InvalidDigest", "XAmzContentSHA256Mismatch", "XAmzContentChecksumMismatch", "ChecksumMismatch"), _BYTES),
    **dict.fromkeys(("EntityTooLarge", "KeyTooLongError", "MetadataTooLarge"), _NEVER),
    **dict.fromkeys(("NoSuchKey", "NoSuchUpload", "NoSuchVersion"), _GONE),
    **dict.fromkeys(("QuotaExceeded", "InsufficientStorage", "XMinioStorageFull", "XMinioAdminBucketQuotaExceeded", "TooManyBuckets"), _FULL),
    **dict.fromkeys(("RequestTimeout", "IncompleteBody", "InternalError", "BadGateway", "GatewayTimeout"), _AGAIN),
    **dict.fromkeys(("OperationAborted", "ConditionalRequestConflict"), _ELSEWHERE),
    **dict.fromkeys(("InvalidPart", "InvalidPartOrder", "EntityTooSmall"), _PARTS),
    **dict.fromkeys(("PermanentRedirect", "TemporaryRedirect", "Redirect", "MovedPermanently"), _ADDRESS),
    **dict.fromkeys(("AuthorizationHeaderMalformed", "IllegalLocationConstraintException"), _REGION),
    **dict.fromkeys(("MethodNotAllowed", "NotImplemented"), _UNKNOWN),
    "NoSuchBucket": _BUCKET, "PreconditionFailed": (Taken, "something lies there already"),
}  # fmt: skip
_BY_STATUS: dict[int, tuple[type[DockdError], str]] = {
    400: _BAD, 401: _KEYS, 403: _RIGHTS, 404: _GONE, 405: _UNKNOWN, 408: _AGAIN, 409: _ELSEWHERE, 410: _GONE, 412: _BY_CODE["PreconditionFailed"],
    413: (StoreDown, "something on the way takes no requests of that size: lower upload.chunk, or raise its limit"),
    422: _BAD, 423: _ELSEWHERE, 429: _BUSY, 501: _UNKNOWN, 503: _BUSY, 507: _FULL,
}  # fmt: skip
# What they say of one object counts only in S3's own words: a page is from something on the way.
_OF_ONE = (400, 403, 404, 409, 412, 422)
_TIME = ("RequestTimeTooSkewed", "RequestExpired")


def meaning(answer: Answer, *, doing: str, problem: Problem | None = None) -> DockdError:
    """The error that a refusal stands for. `doing`: what was asked; `problem`: what its body says, where that has been read already."""
    said = problem or problem_in(answer.body) or Problem(code="")
    if said.code in _TIME:
        return _clock(answer, doing=doing)
    if answer.body and not said.code and answer.status in _OF_ONE:
        return StoreDown(
            f"the answer {answer.status} to {doing} is none of an S3 store: is store.url a bucket's address?"
        )
    kind, meant = (
        _BY_CODE.get(said.code)
        or _BY_STATUS.get(answer.status)
        or (_ADDRESS if 300 <= answer.status < 400 else (StoreDown, ""))
    )
    if not said.code and answer.status < 300:
        return Garbled(f"the store answered {answer.status} to {doing}, and not what was asked for")
    detail = ": ".join(filter(None, (said.code, said.message)))
    text = (
        f"the store answered {answer.status} to {doing}"
        + (f" ({detail})" if detail else "")
        + (f": {meant}" if meant else "")
    )
    region = said.region or _plain(answer.headers.get("x-amz-bucket-region", ""))
    if region and meant in (_ADDRESS[1], _REGION[1], _BAD[1]):
        text += f" (the bucket's region is {region})"
    if issubclass(kind, Retry):
        return kind(text, after=retry_after(answer.headers.get("Retry-After"), now=time.time()))
    return kind(text)


def _clock(answer: Answer, *, doing: str) -> StoreDown:
    there = _plain(answer.headers.get("Date", ""))
    store = f", the store's {there}" if there else ""
    return StoreDown(
        f"the store does not take {doing}, because this station's clock is wrong: it says {rfc3339(time.time())}{store}. Set the clock; "
        "the credentials are not at fault"
    )


def _plain(text: str) -> str:
    return text if text.isascii() and text.isprintable() and len(text) <= 64 else ""
