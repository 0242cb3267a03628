"""An ASC MHL 2.0 history for a folder of exported footage: the manifest of generation 1, and the chain file that names it.

Rules: ASC MHL knows no SHA-256, so a file is checked by the XXH3-128 that the pull computed; SHA-256, which is the evidence, stands in each
file's metadata and in SHA256SUMS beside the manifest. A manifest names files only: directory hashes are optional, and none are made up.
Source: the schema ASCMHL.xsd and the reference implementation, https://github.com/ascmitc/mhl (1.2).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from xml.sax.saxutils import escape, quoteattr

from ingest.clock import rfc3339
from ingest.ledger.footage import Footage
from ingest.model import whole_text

FOLDER = "ascmhl"
CHAIN = "ascmhl_chain.xml"
_C4 = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
_C4_LENGTH = 88


@dataclass(frozen=True, kw_only=True)
class Creator:
    """Who writes the manifest: the machine, dockd's version, and when (seconds since the epoch)."""

    host: str
    version: str
    now: float

    @property
    def file_name(self) -> str:
        """Of the manifest, as the specification has it."""
        stamp = rfc3339(self.now)
        return f"0001_dockd_{stamp[:10]}_{stamp[11:19].replace(':', '')}Z.mhl"


def manifest(found: Iterator[Footage], creator: Creator) -> Iterator[str]:
    """The manifest in pieces. Only segments whose bytes are known belong in."""
    yield '<?xml version="1.0" encoding="UTF-8"?>\n<hashlist version="2.0" xmlns="urn:ASC:MHL:v2.0">\n'
    yield (
        f"  <creatorinfo>\n    <creationdate>{_at(creator.now)}</creationdate>\n    <hostname>{_text(creator.host)}</hostname>\n"
        f"    <tool version={quoteattr(creator.version)}>dockd</tool>\n  </creatorinfo>\n"
    )
    yield "  <processinfo>\n    <process>transfer</process>\n    <ignore>\n"
    yield from (f"      <pattern>{pattern}</pattern>\n" for pattern in (".DS_Store", FOLDER, f"{FOLDER}/"))
    yield "    </ignore>\n  </processinfo>\n  <hashes>\n"
    for one in found:
        yield _hash(one)
    yield "  </hashes>\n</hashlist>\n"


def _hash(one: Footage) -> str:
    told = one.told
    modified = "" if told.mtime_ns is None else f' lastmodificationdate="{_at(told.mtime_ns / 1e9)}"'
    return (
        f'    <hash>\n      <path size="{told.size}"{modified}>{_text(one.place)}</path>\n'
        f'      <xxh128 action="original" hashdate={quoteattr(told.copied_at or told.listed_at or "")}>{_text(told.xxh3_128 or "")}</xxh128>\n'
        f'      <metadata>\n        <segment xmlns="urn:dockd:custody:1" id={quoteattr(one.segment)} sha256={quoteattr(told.sha256 or "")}/>\n'
        "      </metadata>\n    </hash>\n"
    )


def _text(text: str) -> str:
    return escape("".join(one if one.isprintable() else "?" for one in whole_text(text)))


def _at(seconds: float) -> str:
    return rfc3339(seconds)


def chain(name: str, digest: bytes) -> str:
    """The chain file: the manifest `name`, and the SHA-512 of its bytes."""
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n<ascmhldirectory xmlns="urn:ASC:MHL:DIRECTORY:v2.0">\n'
        f'  <hashlist sequencenr="1">\n    <path>{name}</path>\n    <c4>{c4(digest)}</c4>\n  </hashlist>\n</ascmhldirectory>\n'
    )


def c4(digest: bytes) -> str:
    """The C4 ID (SMPTE ST 2114) of a SHA-512.

    >>> import hashlib
    >>> c4(hashlib.sha512(b"").digest())[:12]
    'c459dsjfscH3'
    """
    number, said = int.from_bytes(digest, "big"), ""
    while number:
        number, rest = divmod(number, len(_C4))
        said = _C4[rest] + said
    return f"c4{said.rjust(_C4_LENGTH, _C4[0])}"
