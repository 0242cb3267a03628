"""Values that the whole pipeline speaks in: frozen, typed, and knowing nobody.

Rules: no I/O, no clock, no manager. Paths on cameras are bytes, because names on cards are. Times are integers
(nanoseconds) where a machine made them and RFC 3339 text where they are told to others.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass, field
from typing import Literal

ProofMethod = Literal["receipt", "digest", "read-back"]

_HEX64 = re.compile(r"[0-9a-f]{64}")


def shown(path: bytes) -> str:
    """A camera path as text: UTF-8, with surrogate escapes where it is not (`path_b64` goes beside it)."""
    return path.decode("utf-8", "surrogateescape")


def legible(path: bytes) -> str:
    """A camera path for people and logs: control characters and bytes that are no UTF-8 come out escaped."""
    text = path.decode("utf-8", "backslashreplace")
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in text)


def whole_text(text: str) -> str:
    """Text that every reader can encode: lone surrogates (from headers, JSON or names that are no UTF-8) come out escaped.

    >>> whole_text("a\\udcffb") == r"a\\udcffb"
    True
    """
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return text.encode("utf-8", "backslashreplace").decode("utf-8")
    return text


def is_sha256(text: object) -> bool:
    """Whether `text` is 64 lower-case hex digits."""
    return isinstance(text, str) and _HEX64.fullmatch(text) is not None


@dataclass(frozen=True, kw_only=True)
class CameraId:
    """Who a camera is: profile + serial + card. The bay is where it is, never who.

    Serials collide (factory serial 000000), so the card (a volume's UUID, or a folder's own place) is part of it.
    """

    profile: str
    serial: str
    card: str = ""

    @property
    def id(self) -> str:
        """One printable word for addresses, logs and the store: the serial, told apart by card and profile if need be."""
        who = self.serial if self.profile == "folder" else f"{self.profile}:{self.serial}"
        return f"{who}~{self.card}" if self.card else who

    def __str__(self) -> str:
        return self.id


def folder_camera(name: bytes, *, card: str = "") -> CameraId:
    """The identity of a folder dock. A name that is no clean text is told apart by a hash of its bytes.

    >>> folder_camera(b"CAM01").id
    'CAM01'
    """
    clean = legible(name)
    if clean.encode("utf-8") != name:
        card = card or hashlib.sha256(name).hexdigest()[:12]
    return CameraId(profile="folder", serial=clean, card=card)


@dataclass(frozen=True, kw_only=True)
class Listed:
    """A regular file as a listing saw it. Sizes in bytes, times in nanoseconds since the epoch."""

    path: bytes
    size: int
    mtime_ns: int
    ctime_ns: int
    dev: int
    ino: int


@dataclass(frozen=True, kw_only=True)
class Skipped:
    """Something in the tree that is no segment: `kind` is symlink, fifo, socket, device, unreadable, other.

    `hides` is True where footage may lie behind it (a folder without permission): then the card may hold an only copy.
    """

    path: bytes
    kind: str
    message: str
    hides: bool = False


@dataclass(frozen=True, kw_only=True)
class Vitals:
    """What a camera says of itself: charge in per cent, its clock minus the station's in seconds. None: not known."""

    battery_percent: int | None = None
    clock_offset_seconds: float | None = None


@dataclass(frozen=True, kw_only=True)
class Digest:
    """What bytes are: size in bytes, SHA-256 (evidence) and XXH3-128 (speed), both lower-case hex."""

    size: int
    sha256: str
    xxh3_128: str


@dataclass(frozen=True, kw_only=True)
class Parts:
    """A segment's bytes cut into parts of `size` bytes each (the last may be shorter): the SHA-256 of every part, lower-case hex, in order."""

    size: int
    sha256: tuple[str, ...]

    @property
    def composite(self) -> str:
        """The SHA-256 of the parts' SHA-256 and how many they are, as S3 names a multipart object's checksum.

        >>> Parts(size=5, sha256=("ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",)).composite[-2:]
        '-1'
        """
        return f"{hashlib.sha256(b''.join(map(bytes.fromhex, self.sha256))).hexdigest()}-{len(self.sha256)}"


@dataclass(frozen=True, kw_only=True)
class SegmentDescription:
    """All that a store is told of a segment, and all that is needed to upload its spool copy.

    `parts`: digests of its parts, where the store wants them; they are known to belong to `digest`.
    """

    id: str
    camera: str
    path: bytes
    digest: Digest
    captured_at: str
    station: str
    evidential: bool = False
    parts: Parts | None = None


@dataclass(frozen=True, kw_only=True)
class Span:
    """`length` bytes from `offset` on."""

    offset: int
    length: int


@dataclass(frozen=True, kw_only=True)
class StoreIdentity:
    """Who a store says it is. `keys` are RFC 7638 thumbprints, empty for a store that signs nothing; `publics` the Ed25519 keys themselves
    (base64url of 32 bytes), as far as they are known.
    """

    id: str
    url: str
    method: ProofMethod
    durable: bool
    keys: tuple[str, ...] = ()
    publics: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Head:
    """The end of the custody chain: its last sequence number and that entry's SHA-256."""

    seq: int
    hash: str


@dataclass(frozen=True, kw_only=True)
class Claim:
    """What a store's answer says of an object, parsed but believed by nobody yet: only `ingest.confirm` makes a Receipt of it.

    `composite`: what it says of an object that came in parts, in the form of `Parts.composite`; then `sha256` is empty.
    """

    method: ProofMethod
    store: str
    object: str
    size: int
    sha256: str
    composite: str = ""
    key: str = ""
    stored_at: str = ""
    attested_at: str = ""
    durable: bool = False
    segment: str | None = None
    camera: str | None = None
    nonce: str | None = None
    head: Head | None = None
    number: int | None = None
    raw: str = ""


@dataclass(frozen=True, kw_only=True)
class Receipt:
    """A store's word for one segment's bytes, checked against ours by `ingest.confirm.receipt_from`, which alone makes it.

    `asked_boottime_ns` is CLOCK_BOOTTIME on this machine, boot `boot_id`, before the store was asked: the ten minutes of
    P2 count from there. `number`: which of this dock's receipts it is, where the store counts them.
    """

    segment: str
    camera: str
    store: str
    object: str
    method: ProofMethod
    size: int
    sha256: str
    durable: bool
    stored_at: str
    attested_at: str
    nonce: str
    head: Head | None
    raw: str
    asked_boottime_ns: int
    boot_id: str
    number: int | None = None


@dataclass(frozen=True, kw_only=True)
class PermittedSegment:
    """One named file that may be deleted: nothing else may."""

    segment: str
    path: bytes
    size: int
    sha256: str


@dataclass(frozen=True, kw_only=True)
class WipePermit:
    """Leave to delete named segments from one device. Only `ingest.ledger.permits.issue` makes one, from committed receipts.

    `deadline_ns` is CLOCK_BOOTTIME (it goes on in suspend), valid in boot `boot_id` only.
    """

    id: int
    camera: str
    device: str
    segments: tuple[PermittedSegment, ...]
    deadline_ns: int
    boot_id: str


@dataclass(frozen=True, kw_only=True)
class Tally:
    """Counts of segments and bytes at each point of the way, for one camera or for all."""

    listed: int = 0
    copied: int = 0
    confirmed: int = 0
    wiped: int = 0
    held: int = 0

    def as_dict(self) -> dict[str, int]:
        """The five names of the contract."""
        return {k: getattr(self, k) for k in ("listed", "copied", "confirmed", "wiped", "held")}


@dataclass(frozen=True, kw_only=True)
class Balance:
    """A Tally of segments and one of bytes."""

    segments: Tally = field(default_factory=Tally)
    bytes: Tally = field(default_factory=Tally)
