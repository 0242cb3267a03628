"""Any tus 1.0 server, and the embedded store (which adds signed receipts).

The kind of proof follows from what the store announces: signed receipts where it has /.well-known/dockd-store; Repr-Digest where its
OPTIONS answer says so (Want-Repr-Digest, RFC 9530); else the bytes are read back and hashed here.
Source: https://tus.io/protocols/resumable-upload (1.0.0), RFC 9530.
"""

from __future__ import annotations

import base64
import re
import secrets
import ssl
from collections.abc import Callable, Mapping, Sequence
from urllib.parse import urljoin, urlsplit, urlunsplit

from ingest.errors import (
    DockdError,
    Garbled,
    ObjectGone,
    StoreDishonest,
    StoreDown,
    Unproven,
)  # fmt: skip
from ingest.model import Claim, Head, ProofMethod, SegmentDescription, Span, StoreIdentity
from ingest.store import receipts, tus_checksums
from ingest.store.answers import history_conflict, plain
from ingest.store.base import Begun, Slices
from ingest.store.identity import WELL_KNOWN, Announced, understand
from ingest.store.line import Answer, Line, Patience, Proxy
from ingest.store.outgoing import Outgoing
from ingest.store.ranges import A_PART, number, ranged, whole
from ingest.store.unshown import Unshown

_TUS = {"Tus-Resumable": "1.0.0"}
_DIGEST = re.compile(r"(?:^|[,\s])sha-256=:([A-Za-z0-9+/]{43}=):")
_ODD = re.compile(rb"[^A-Za-z0-9._-]")
_LONGEST_NAME = 128
_PLAIN = (
    200,
    204,
    400,
    403,
    404,
    405,
    410,
    501,
)  # what a server without the well-known document may say when asked for it
_NOT_GIVEN = (401, 403, 405, 501)  # it keeps its bytes to itself
_REFUSED_BYTES = (400, 422, 460)  # "these bytes are not what was announced"
_REFUSED_PROOF = (404, 410, 422, 460)  # "nothing of it was kept"


class TusStore:
    """One tus server at `url`. `token` goes into Authorization; `patience` says when a silent line counts as cut.

    `observe(method, seconds)` is told of every request; `unshown`: who finds words for a line that ends as soon as the dock shows its certificate.
    """

    def __init__(
        self, url: str, *, token: Callable[[], str | None] = lambda: None, patience: Patience | None = None,
        tls: ssl.SSLContext | None = None, observe: Callable[[str, float], None] = lambda _method, _seconds: None,
        proxy: Proxy | None = None, outgoing: Outgoing | None = None, unshown: Unshown | None = None,
    ) -> None:  # fmt: skip
        self.url = url
        self._unshown = unshown
        self._line = Line(
            url, token=token, patience=patience or Patience(), tls=tls, observe=observe, proxy=proxy, outgoing=outgoing
        )  # fmt: skip
        self._upload_url = url
        self._identity: StoreIdentity | None = None
        self._announced: Announced | None = None
        self._announces_checksums = False
        self._checksums: bool | None = None  # None: not tried yet

    async def close(self) -> None:
        """Close the connections."""
        await self._line.close()

    # -- who it is -----------------------------------------------------------------------------------------------------

    async def identify(self) -> StoreIdentity:
        """Read the well-known document; a store without one is a plain tus server."""
        answer = await (self._ask_who() if self._unshown is None else self._unshown.told(self._ask_who))
        if answer.status == 200 and "json" in answer.headers.get("Content-Type", ""):
            announced = understand(answer.body, url=self.url)
            self._announced, self._upload_url = announced, announced.upload_url
            self._announces_checksums = False
            self._identity = announced.identity(self.url)
        elif answer.status in _PLAIN:
            self._identity = await self._plain()
        else:
            raise answer.error("a look at who it is")
        return self._identity

    async def _ask_who(self) -> Answer:
        return await self._line.ask("GET", urljoin(self.url, WELL_KNOWN), doing="a look at who it is")

    async def _plain(self) -> StoreIdentity:
        answer = await self._line.ask("OPTIONS", self.url, doing="a look at what it can do")
        if answer.status not in (200, 204):
            raise answer.error("a look at what it can do")
        if "1.0.0" not in answer.headers.get("Tus-Version", answer.headers.get("Tus-Resumable", "")):
            raise StoreDown(f"{self.url} does not speak tus 1.0: is store.url the address of its upload folder?")
        wanted = answer.headers.get("Want-Repr-Digest", "")
        method: ProofMethod = "digest" if "sha-256" in wanted.lower() else "read-back"
        self._announced, self._upload_url = None, self.url
        self._announces_checksums = tus_checksums.announced(answer)
        return StoreIdentity(id=f"tus:{self.url}", url=self.url, method=method, durable=False)

    async def vouches(self, key: str, pinned: tuple[str, ...]) -> bool:
        """Follow the store's line of statements "this key is followed by that one", each signed by the key before."""
        return self._announced is not None and self._announced.vouches(key, pinned)

    def _at_home(self, upload: str) -> str:
        """Where an object is now. A store that is known by its keys may have moved: then its objects have moved with it."""
        if self._announced is None or self._line.ours(upload):
            return upload
        parts, here = urlsplit(upload), urlsplit(self._upload_url)
        return urlunsplit((here.scheme, here.netloc, parts.path, parts.query, ""))

    # -- transfer ------------------------------------------------------------------------------------------------------

    async def announce(self, segment: SegmentDescription) -> str:
        """POST: creation."""
        plain = self._announced is None
        headers = {
            "Upload-Length": str(segment.digest.size), "Upload-Metadata": metadata(segment, plain_name=plain), **_TUS,
        }  # fmt: skip
        answer = await self._line.ask("POST", self._upload_url, headers=headers, doing="a new upload", again=False)
        if answer.status in (404, 410):
            raise StoreDown(
                f"the store answered {answer.status} to a new upload: is store.url the address of its upload folder?"
            )
        if answer.status not in (200, 201):
            raise answer.error("a new upload")
        try:
            address = urljoin(self._upload_url, _required(answer.headers, "Location", "a new upload"))
            ours = self._line.ours(address)
        except ValueError as error:
            raise Garbled("the store made an upload at an address that is none") from error
        if not ours:
            raise StoreDown(
                "the store wants the upload sent to another server: that is not followed; name it in store.url"
            )
        return address

    async def offset(self, upload: str, *, size: int) -> int:
        """HEAD: how much is there."""
        answer = await self._line.ask("HEAD", self._at_home(upload), headers=_TUS, doing="a look at an upload")
        if answer.status not in (200, 204):
            raise answer.error("a look at an upload")
        found, length = number(answer.headers.get("Upload-Offset")), answer.headers.get("Upload-Length")
        if length is not None and number(length) != size:
            raise Unproven(f"the store's upload is of {number(length)} bytes, {size} were announced")
        if found > size:
            raise Unproven(f"the store says that it has {found} bytes of {size}")
        return found

    def part_size(self, size: int, *, wanted: int, upload: str | None = None) -> int | None:
        """Of none: it takes bytes one after another."""
        return None

    async def checks(self) -> bool:
        """By the checksum extension. A store that signs for the whole needs none."""
        if not self._announces_checksums:
            return False
        if self._checksums is None:
            self._checksums = await tus_checksums.refuses_wrong_bytes(
                self._line, self._upload_url, metadata=lambda segment: metadata(segment, plain_name=True)
            )
        return self._checksums

    async def lacking(self, upload: str, *, size: int) -> Sequence[Span] | None:
        """It takes bytes one after another."""
        return None

    async def finish(self, upload: str, segment: SegmentDescription) -> None:
        """The last byte makes it whole."""

    async def mark(self, upload: str, segment: SegmentDescription) -> bool:
        """POST to the store's own call, where it announces that it has one; other makes have neither tags nor locks."""
        if not segment.evidential or self._announced is None or not self._announced.marks:
            return False
        home = self._at_home(upload)
        address = urljoin(home, f"../api/v1/segments/{urlsplit(home).path.rsplit('/', 1)[-1]}/evidential")
        answer = await self._line.ask("POST", address, doing="the mark of evidence")
        if answer.status not in (200, 204):
            raise answer.error("the mark of evidence")
        return True

    async def explain(self, upload: str, segment: SegmentDescription, *, custody: bytes, since: str = "") -> None:
        """Its metadata came with it, and there is no place beside it."""

    async def send(
        self, upload: str, *, offset: int, length: int, size: int, slices: Slices, sha256: str | None = None
    ) -> int:
        """PATCH from `offset` on. Raises StoreDown when nothing moves for the patience's `stall`; what `slices` raises."""
        answer = await self._patch(upload, offset=offset, length=length, slices=slices, sha256=sha256)
        if answer.status not in (200, 204):
            raise answer.error("bytes of a segment")
        return number(answer.headers.get("Upload-Offset"))

    async def _patch(
        self, upload: str, *, offset: int, length: int, slices: Slices, sha256: str | None = None
    ) -> Answer:
        headers = {"Upload-Offset": str(offset), "Content-Type": "application/offset+octet-stream", **_TUS}
        if sha256 is not None:
            headers |= tus_checksums.header(sha256)
        return await self._line.give(
            "PATCH",
            self._at_home(upload),
            headers=headers,
            body=slices(offset),
            length=length,
            doing="bytes of a segment",
        )

    async def withdraw(self, upload: str) -> None:
        """DELETE: termination. Whatever it answers, nothing is lost by it."""
        await self._line.ask("DELETE", upload, headers=_TUS, doing="the end of an empty upload", again=False)

    # -- proof ---------------------------------------------------------------------------------------------------------

    async def claim(
        self, upload: str, segment: SegmentDescription, *, nonce: str, head: Head | None, dock: str
    ) -> Claim:
        """By the kind of proof that the store announced when it was identified."""
        identity = self._identity or await self.identify()
        if identity.method == "receipt":
            answer = await self._ask_receipt(upload, nonce=nonce, head=head, dock=dock, size=segment.digest.size)
            if answer.status == 409:
                raise history_conflict(answer.body)
            return self._receipt(answer)
        if identity.method == "digest":
            return self._repr_digest(await self._ask_digest(upload, segment), upload, store=identity.id)
        return await self._read_back(upload, segment, store=identity.id)

    async def _ask_receipt(self, upload: str, *, nonce: str, head: Head | None, dock: str, size: int) -> Answer:
        query = {"nonce": nonce, "dock": dock}
        if head is not None:
            query |= {"head": head.hash, "seq": str(head.seq)}
        return await self._line.ask(
            "GET",
            f"{self._at_home(upload)}/receipt",
            query=query,
            doing="a receipt",
            largest=receipts.LARGEST_RECEIPT,
            size=size,
        )

    def _receipt(self, answer: Answer) -> Claim:
        if answer.status != 200:
            raise answer.error("a receipt")
        try:
            text = answer.body.decode("ascii").strip()
        except UnicodeDecodeError as error:
            raise Garbled("what the store calls a receipt is garbage") from error
        return receipts.claim_of(text, self._announced.keys if self._announced is not None else {})

    async def _ask_digest(self, upload: str, segment: SegmentDescription) -> Answer:
        headers = {"Want-Repr-Digest": "sha-256=10", **_TUS}
        return await self._line.ask("HEAD", upload, headers=headers, doing="a digest", size=segment.digest.size)

    def _repr_digest(self, answer: Answer, upload: str, *, store: str) -> Claim:
        if answer.status not in (200, 204):
            raise answer.error("a digest")
        said = answer.headers.get("Repr-Digest", "")
        match = _DIGEST.search(said) if plain(said) else None
        if match is None:
            raise Garbled("the store announces digests and gives none that can be read")
        found = base64.b64decode(match.group(1)).hex()
        size = number(answer.headers.get("Upload-Length"))
        return Claim(method="digest", store=store, object=upload, size=size, sha256=found, raw=said)

    async def _read_back(self, upload: str, segment: SegmentDescription, *, store: str) -> Claim:
        """GET the whole object and hash it here, never more than one byte beyond what was sent."""
        headers = {"Accept-Encoding": "identity", **_TUS}
        async with self._line.take(upload, headers=headers, doing="the bytes of a segment") as (answer, blocks):
            if answer.status in (405, 501):
                raise StoreDown(
                    f"the store answered {answer.status} when its bytes were asked back: it announces no proof and cannot be read, so that "
                    "nothing it takes can be proven; use a store that gives receipts, digests or its bytes"
                )
            if answer.status in (404, 410):
                raise ObjectGone(
                    f"the store answered {answer.status} when its bytes were asked back: they are not there, or it does not give them"
                )
            if answer.status != 200:
                raise answer.error("the bytes of a segment")
            size, found = await whole(answer, blocks, size=segment.digest.size)
        raw = f"{upload} {size} {found}"
        return Claim(method="read-back", store=store, object=upload, size=size, sha256=found, raw=raw)

    async def part(self, upload: str, *, offset: int, length: int, size: int, fresh: bool = False) -> bytes | None:
        """GET with Range. A server that knows no ranges is read from the beginning, where that is near."""
        headers = {"Accept-Encoding": "identity", "Range": f"bytes={offset}-{offset + length - 1}", **_TUS}
        async with self._line.take(self._at_home(upload), headers=headers, doing=A_PART, fresh=fresh) as (
            answer,
            blocks,
        ):
            if answer.status in _NOT_GIVEN:
                return None
            return await ranged(answer, blocks, offset=offset, length=length, size=size)

    # -- the honesty check ---------------------------------------------------------------------------------------------

    async def tempt(
        self,
        segment: SegmentDescription,
        slices: Slices,
        *,
        nonce: str,
        head: Head | None,
        dock: str,
        begun: Begun | None = None,
    ) -> None:
        """Bring `slices`, whose SHA-256 is not the announced one, the way that every segment goes. An honest store refuses the bytes or the proof.

        Only a refusal of these bytes counts: busy, down, full, bad credentials, a cut line or a malformed answer say nothing, and are raised. What
        is no new upload may be somebody's footage: nothing is sent there.
        """
        size = segment.digest.size
        upload = await self._empty(segment, begun, size=size)
        answer = await self._patch(upload, offset=0, length=size, slices=slices)
        if answer.status in _REFUSED_BYTES:
            return
        if answer.status not in (200, 204):
            raise _nothing_known(answer.error("the honesty check"))
        if number(answer.headers.get("Upload-Offset")) != size:
            raise StoreDown("the store took a part of the honesty check only: nothing is known of its honesty")
        identity = self._identity or await self.identify()
        if identity.method == "read-back":
            return
        if identity.method == "receipt":
            answer = await self._ask_receipt(upload, nonce=nonce, head=head, dock=dock, size=size)
        else:
            answer = await self._ask_digest(upload, segment)
        if answer.status in _REFUSED_PROOF:
            return
        if answer.status == 409:
            raise history_conflict(answer.body)
        if answer.status not in (200, 204):
            raise _nothing_known(answer.error("the honesty check"))
        self._must_not_vouch(answer, upload, segment, identity)

    async def _empty(self, segment: SegmentDescription, begun: Begun | None, *, size: int) -> str:
        """A new upload of which nothing is there. Raises StoreDown, and what `begun` raises."""
        upload = await self.announce(segment)
        if begun is not None:
            await begun(upload)
        if offset := await self.offset(upload, size=size):
            raise StoreDown(
                f"the store has {offset} bytes of an upload that was begun just now, for the honesty check: they may be somebody's footage, and "
                "nothing was sent. Have the store give each upload a name of its own"
            )
        return upload

    def _must_not_vouch(
        self, answer: Answer, upload: str, segment: SegmentDescription, identity: StoreIdentity
    ) -> None:
        if identity.method == "receipt":
            self._receipt(answer)  # garbled: nothing is known
            raise StoreDishonest(
                "it took bytes under a digest that is not theirs, and signed for them: its receipts prove nothing"
            )
        if self._repr_digest(answer, upload, store=identity.id).sha256 == segment.digest.sha256:
            raise StoreDishonest(
                "it gave the digest that was announced for bytes that have another one: its digests prove nothing"
            )


def _nothing_known(error: DockdError) -> DockdError:
    """A refusal that has nothing to do with the bytes is a store that cannot be used now."""
    return error if not isinstance(error, (Unproven, ObjectGone)) else StoreDown(error.message)


def metadata(segment: SegmentDescription, *, plain_name: bool = False) -> str:
    """The Upload-Metadata header: what the store is told of a segment.

    `plain_name`: other makes put `filename` into headers, and into file names and addresses of their own: it is plain, and no other upload's, not
    even of the same segment. Cameras use their names again, and what such a server takes for the same file it overwrites, or adds to. The
    true name is in `path`.
    """
    name = segment.path.rsplit(b"/", 1)[-1]
    if plain_name:
        own = f"{segment.id[:64]}-{secrets.token_hex(8)}_".encode("ascii", "replace")
        name = _ODD.sub(b"_", own) + _ODD.sub(b"_", name)[len(own) - _LONGEST_NAME :]
    values = {
        "filename": name, "sha256": segment.digest.sha256.encode(), "camera": segment.camera.encode(),
        "segment": segment.id.encode(), "station": segment.station.encode(), "captured_at": segment.captured_at.encode(),
        "evidential": b"true" if segment.evidential else b"false", "path": segment.path, "filetype": b"application/octet-stream",
    }  # fmt: skip
    return ",".join(f"{key} {base64.b64encode(value).decode()}" for key, value in values.items() if value)


def _required(headers: Mapping[str, str], name: str, doing: str) -> str:
    found = headers.get(name, "")
    if not found:
        raise Garbled(f"the store answered {doing} without {name}")
    if not plain(found):
        raise Garbled(f"the store answered {doing} with {name} that is no plain text of bounded length")
    return found
