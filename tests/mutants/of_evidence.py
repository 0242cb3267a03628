"""Evidence at a bucket: what is said of an object that may be the only copy, what is seen before and after, and by what it counts as marked."""

from __future__ import annotations

from tests.mutants.planting import Mutant

_BESIDE = ("tests/unit/ingest/store/test_s3_subresources.py",)
_ODD = ("tests/unit/ingest/store/test_s3_odd_servers.py",)
_STORE = ("tests/unit/ingest/store/test_s3_store.py",)
_MARKING = ("tests/unit/ingest/test_marking.py",)

EVIDENCE = (
    Mutant(
        name="evidence: a mark goes again by itself when its line was cut", promise="P1: it reaches a server that was not tried, and overwrites the only copy",
        file="ingest/store/line.py", old="            self._once._retry_connection = False\n", new="", tests=_BESIDE,
    ),
    Mutant(
        name="evidence: a mark is sent over any line", promise="P1: it reaches a server that was not tried, and overwrites the only copy",
        file="ingest/store/s3/subresources.py", old='body=body, doing=doing, again=False)', new='body=body, doing=doing)', tests=_BESIDE,
    ),
    Mutant(
        name="evidence: a trial outlives a line that was cut", promise="P1: what stands there now overwrites the only copy",
        file="ingest/store/s3/subresources.py", old="            self._known.pop(what, None)\n", new="            self._known.get(what)\n", tests=_BESIDE,
    ),
    Mutant(
        name="evidence: nobody looks at what was marked", promise="P1: footage that its mark has overwritten is noticed when no other copy is left",
        file="ingest/store/s3/evidence.py", old="        if not at.touched:\n            return\n", new="        if at.key:\n            return\n", tests=_BESIDE, short=True,
    ),
    Mutant(
        name="evidence: bytes that nobody vouches for are not read back after a mark", promise="P1: footage that its mark has overwritten is noticed when no other copy is left",
        file="ingest/store/s3/evidence.py", old='        if (await self._finding.known()).method == "digest" and objects.comparable(found, segment):\n', new="        if found.size:\n", tests=_BESIDE,
    ),
    Mutant(
        name="evidence: whatever lies there is marked", promise="P5: somebody else's object is locked, and ours is said to be",
        file="ingest/store/s3/evidence.py", old="        if found.size != size or other:\n", new="        if found.size < 0:\n", tests=_BESIDE,
    ),
    Mutant(
        name="evidence: the newest version is marked, not the one that was seen", promise="P5: somebody else's object is marked, and ours is said to be",
        file="ingest/store/s3/subresources.py", old="        version = None if what in self._unnamed else at.version\n", new="        version = None\n", tests=_BESIDE,
    ),
    Mutant(
        name="evidence: a version that came on top is not noticed", promise="P5: ours is said to be there, and another is found in its place",
        file="ingest/store/s3/evidence.py", old="        if found.version != at.version:\n            return False\n", new="", tests=_BESIDE,
    ),
    Mutant(
        name="evidence: what came as evidence is believed to be locked", promise="P5: evidence is said to be locked, and is not",
        file="ingest/store/s3/evidence.py", old="        if self._retention.enough(found.lock, headers):\n", new="        if at.came or self._retention.enough(found.lock, headers):\n", tests=_BESIDE, short=True,
    ),
    Mutant(
        name="evidence: what came as evidence is believed to be tagged", promise="P5: evidence is said to be marked, and the bucket deletes it by age",
        file="ingest/store/s3/subresources.py", old="        if wanted.items() <= there.items():\n", new="        if at.came or wanted.items() <= there.items():\n", tests=_BESIDE,
    ),
    Mutant(
        name="evidence: 200 to a lock is a lock", promise="P5: evidence is said to be locked, and is not",
        file="ingest/store/s3/evidence.py", old="        return said is None or self._retention.enough(said, headers)\n", new="        return True\n", tests=_BESIDE,
    ),
    Mutant(
        name="evidence: a shorter lock is enough", promise="P5: evidence is said to be kept for years, and is for a moment",
        file="ingest/store/s3/retention.py", old="        return end >= asked - self._retain / 1000\n", new="        return end > 0\n", tests=_BESIDE,
    ),
    Mutant(
        name="evidence: a mark takes the place of others' tags", promise="P3: what others said of the footage is gone",
        file="ingest/store/s3/subresources.py", old="tagging({**there, **wanted})", new="tagging(wanted)", tests=_BESIDE,
    ),
    Mutant(
        name="evidence: tags that may not be read are replaced", promise="P3: what others said of the footage is gone",
        file="ingest/store/s3/subresources.py", old="        if there is None:\n            self._say", new="        there = {} if there is None else there\n        if there is None:\n            self._say", tests=_BESIDE,
    ),
    Mutant(
        name="evidence: one answer says for a minute that there are no marks", promise="P5: what stands in front of the store for a moment keeps evidence from it for a day",
        file="ingest/store/s3/store.py", old="        self._beside.doubt()\n", new="", tests=_BESIDE,
    ),
    Mutant(
        name="evidence: what a server does not find is what it does not know", promise="P5: what stands in front of the store for a moment keeps evidence from it for a day",
        file="ingest/store/s3/subresources.py", old="        if isinstance(error, ObjectGone):\n            raise _not_there(error) from error\n", new="        if isinstance(error, ObjectGone):\n            return False\n", tests=_BESIDE,
    ),
    Mutant(
        name="evidence: a mark that one object does not take is the store's trouble", promise="all other footage waits for it",
        file="ingest/store/s3/evidence.py", old="            if isinstance(error, (BadRequest, NotKnown)):", new="            if isinstance(error, NotKnown):", tests=_BESIDE,
    ),
    Mutant(
        name="evidence: two look at once whether locks hold", promise="what is tried is in the way of what is tried",
        file="ingest/store/s3/retention.py", old="        async with self._turn:\n", new="        if self._turn:\n", tests=_BESIDE,
    ),
    Mutant(
        name="evidence: that its description says too little is forgotten", promise="P5: what lies beside evidence at the store says that it is none",
        file="ingest/ledger/marks.py", old="max(late, excluded.late)", new="excluded.late", tests=_MARKING,
    ),
    Mutant(
        name="s3: an end overwrites where no condition is heeded", promise="P1: what lies under the name is overwritten",
        file="ingest/store/s3/transfer.py", old="            if self.note or not (await self._finding.known()).heeds:\n", new="            if self.note:\n", tests=_ODD, short=True,
    ),
    Mutant(
        name="s3: an object says that it is another segment's", promise="P4: who looks for a segment by its metadata does not find it",
        file="ingest/store/s3/addresses.py", old='        return _NEXT_NAME.sub("", self.key.rpartition("_")[2])\n', new='        return self.key.rpartition("_")[2]\n', tests=_STORE,
    ),
)  # fmt: skip
