"""Receipts: what the store signs for, and what a dock must show to get one.

A receipt says that these very bytes lie on this store's disk now. It carries the dock's nonce (so an old one cannot be
replayed) and its custody head (so the store's receipts pin the dock's history). `number` counts the receipts that this dock was given: a store
that was put back from an older copy of itself gives numbers that it has given before.

Rules: the head is committed, and the object looked at, before anything is signed; a dock whose history went back gets
409, and no dock's by what another has asked; nothing is signed for an unfinished, damaged or deleted object. What is asked is bounded and checked before that.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from ingest.central.access import Caller
from ingest.central.index import Row
from ingest.central.keys import KeyRing
from ingest.central.objects import Objects
from ingest.central.records import Records
from ingest.central.refusals import bad_request
from ingest.clock import Clock, rfc3339

_NONCE = re.compile(r"[A-Za-z0-9._~-]{16,128}")
_HEAD = re.compile(r"[0-9a-f]{64}")
_SEQ = re.compile(r"[0-9]{1,16}")
_MAX_SEQ = 10**13  # what a dock writes in its life, a hundred thousandfold
_MAX_DOCK = 256


@dataclass(frozen=True, kw_only=True)
class Question:
    """What a dock asks with: a fresh nonce, and the end of its custody chain."""

    nonce: str
    head: str | None = None
    seq: int | None = None
    dock: str | None = None


def parse_question(query: Mapping[str, str]) -> Question:
    """From the query of a receipt request. Raises Refusal 400."""
    nonce, head, seq, dock = (query.get(key) for key in ("nonce", "head", "seq", "dock"))
    if nonce is None or not _NONCE.fullmatch(nonce):
        raise bad_request("nonce", "nonce is to be 16 to 128 URL-safe characters, new for each request")
    if (head is None) != (seq is None):
        raise bad_request("head", "head and seq name the end of the dock's custody chain: send both, or neither")
    if head is not None and not _HEAD.fullmatch(head):
        raise bad_request("head", "head is to be the 64 lower-case hex digits of the last custody entry's hash")
    if seq is not None and (not _SEQ.fullmatch(seq) or int(seq) > _MAX_SEQ):
        raise bad_request("seq", f"seq is to be a whole number from 0 to {_MAX_SEQ}")
    if dock is not None and not 0 < len(dock.encode("utf-8", "surrogateescape")) <= _MAX_DOCK:
        raise bad_request("dock", f"dock is to be 1 to {_MAX_DOCK} bytes")
    return Question(nonce=nonce, head=head, seq=None if seq is None else int(seq), dock=dock)


class Receipts:
    """Signs."""

    def __init__(self, *, store_id: str, keys: KeyRing, objects: Objects, records: Records, clock: Clock) -> None:
        self._store_id = store_id
        self._keys = keys
        self._objects = objects
        self._records = records
        self._clock = clock

    async def attest(self, row: Row, question: Question, *, caller: Caller) -> str:
        """A compact JWS about the object as it lies on the disk. Raises Refusal 400, 409, 410; OSError."""
        object = row.description
        said = object.announced
        seen: dict[str, str | int] = {}
        if question.seq is not None and question.head is not None:
            # Which dock it is the question says. Whoever names none, neither here nor in the upload, has a history of its own.
            dock = question.dock or said.dock or said.station or ""
            number = await self._records.pin_head(
                dock=dock,
                owner=caller.id,
                called=caller.name,
                enrolled=caller.dock is not None,
                seq=question.seq,
                head=question.head,
            )
            seen = {"head": question.head, "seq": question.seq, "number": number}
        claims = {
            "iss": self._store_id,
            "sub": object.id,
            "size": object.size,
            "sha256": object.sha256,
            "stored_at": rfc3339(object.stored_at),
            "durable": True,
            "segment": said.segment,
            "camera": said.camera,
            "station": said.station,
            "nonce": question.nonce,
            **seen,
        }
        # Signed in turn with deletions: a receipt is never made for what this store has decided to delete.
        return await self._objects.look(
            row, who=caller.name, say=lambda: self._keys.sign({**claims, "attested_at": rfc3339(self._clock.now())})
        )
