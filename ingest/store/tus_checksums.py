"""tus's checksum extension, where it is real: each request then carries the SHA-256 of its bytes, and what the line garbled is found at once.

Why it is tried first: there are servers that announce it and take any bytes under any checksum. So before the first segment of this process a
few bytes go there under a checksum that is not theirs; only a server that refuses them with 460 is told checksums. It is no proof of anything:
that is `claim`'s matter. A name that nobody has is asked for, and what is not an empty upload of just that length is another's: nothing is
written there, and nothing deleted. Source: https://tus.io/protocols/resumable-upload (1.0.0), "Checksum".
"""

from __future__ import annotations

import base64
import hashlib
import secrets
from collections.abc import AsyncIterator, Callable
from urllib.parse import urljoin

from ingest.model import Digest, SegmentDescription
from ingest.store.answers import plain
from ingest.store.line import Answer, Line

_TUS = {"Tus-Resumable": "1.0.0"}
_BAIT = 4096
_MISMATCH = 460


def announced(answer: Answer) -> bool:
    """Whether an answer to OPTIONS names the extension, with SHA-256."""
    extensions = [word.strip() for word in answer.headers.get("Tus-Extension", "").split(",")]
    algorithms = [word.strip() for word in answer.headers.get("Tus-Checksum-Algorithm", "").split(",")]
    return "checksum" in extensions and "sha256" in algorithms


def header(sha256: str) -> dict[str, str]:
    """The request header for bytes with this SHA-256 (hex)."""
    return {"Upload-Checksum": f"sha256 {base64.b64encode(bytes.fromhex(sha256)).decode()}"}


async def refuses_wrong_bytes(line: Line, url: str, *, metadata: Callable[[SegmentDescription], str]) -> bool:
    """Whether the server at `url` refuses bytes that are not their checksum's. Raises Retry where that cannot be known now."""
    doing = "a look at whether its checksums are real"
    bait = secrets.token_bytes(_BAIT)
    wrong = hashlib.sha256(bait + b"-").hexdigest()
    described = SegmentDescription(
        id=secrets.token_hex(16), camera=secrets.token_hex(8), path=b"DCIM/100MEDIA/MOV_%s.MP4" % secrets.token_hex(8).encode(), station="station",
        digest=Digest(size=_BAIT, sha256=wrong, xxh3_128=""), captured_at="2000-01-01T00:00:00.000Z",
    )  # fmt: skip
    headers = {"Upload-Length": str(_BAIT), "Upload-Metadata": metadata(described), **_TUS}
    made = await line.ask("POST", url, headers=headers, doing=doing, again=False)
    address = made.headers.get("Location", "")
    if made.status not in (200, 201) or not plain(address):
        return False
    upload = urljoin(url, address)
    if not line.ours(upload) or not await _empty(line, upload, doing=doing):
        return False

    async def body() -> AsyncIterator[bytes]:
        yield bait

    sent = {"Upload-Offset": "0", "Content-Type": "application/offset+octet-stream", **_TUS}
    answer = await line.give("PATCH", upload, headers=sent | header(wrong), body=body(), length=_BAIT, doing=doing)
    await line.ask("DELETE", upload, headers=_TUS, doing=doing, again=False)
    return answer.status == _MISMATCH


async def _empty(line: Line, upload: str, *, doing: str) -> bool:
    """Whether that is an upload of the bait's length of which nothing is there."""
    found = await line.ask("HEAD", upload, headers=_TUS, doing=doing)
    said = (found.headers.get("Upload-Offset", ""), found.headers.get("Upload-Length", ""))
    return found.status in (200, 204) and said == ("0", str(_BAIT))
