"""P2 before a bucket: what its server checks, what of an upload counts, which bucket it is, and what may lie under a segment's name."""

from __future__ import annotations

from tests.mutants.planting import Mutant

_STORE = ("tests/unit/ingest/store/test_s3_store.py",)
_WORD = ("tests/unit/ingest/store/test_s3_word.py",)
_TEXTS = ("tests/unit/ingest/store/test_s3_texts.py",)
_EXAM = ("tests/contract/store/test_exam_s3.py",)
_LIES = ("tests/e2e/test_every_lie_of_s3.py",)
_BESIDE = ("tests/unit/ingest/store/test_s3_subresources.py",)

S3 = (
    Mutant(
        name="s3: evidence is marked without a trial", promise="P1: a server that knows no tags overwrites the only copy with them",
        file="ingest/store/s3/subresources.py", old="        if not await self._is_whole(bait):\n", new="        if not answer.status:\n", tests=_BESIDE, short=True,
    ),
    Mutant(
        name="s3: a trial of marks holds for ever", promise="P1: a server that was put in the place of another overwrites the only copy",
        file="ingest/store/s3/subresources.py", old="            if time.monotonic() - tried_at >= self._apart:\n", new="            if what not in self._known:\n", tests=_BESIDE,
    ),
    Mutant(
        name="s3: tags that are not given back are marks", promise="P5: the store is said to know what it does not",
        file="ingest/store/s3/subresources.py", old="        return there is None or there == dict(parse_qsl(tags))\n", new="        return there is None or there != {tags: tags}\n", tests=_BESIDE,
    ),
    Mutant(
        name="s3: a checksum of parts is not compared", promise="P2: a proof of other parts counts",
        file="ingest/confirm.py", old="if (claim.size, claim.composite) != (segment.digest.size, ours):", new="if (claim.size, ours) != (segment.digest.size, ours):",
        tests=("tests/unit/ingest/test_in_parts.py::test_a_proof_by_parts_counts_only_against_our_own_parts",), short=True,
    ),
    Mutant(
        name="s3: a checksum of parts that is not ours is not held against the bytes", promise="P2: what cannot be held against ours is taken for a lie",
        file="ingest/store/s3/objects.py", old="return True if parts is not None and found.checksum.composite == parts.composite else None",
        new="return True if parts is not None and found.checksum.composite else None", tests=(*_STORE, *_WORD),
    ),
    Mutant(
        name="s3: an upload may be of parts of any size", promise="P5: one header stops delivery for good",
        file="ingest/store/s3/addresses.py", old="return SMALLEST_PART <= part_size <= LARGEST_PART and -(-size // part_size) <= MOST_PARTS",
        new="return bool(part_size or size)", tests=_WORD,
    ),
    Mutant(
        name="s3: a SHA-256 that is true of a stranger's bytes condemns the store", promise="P5: whoever may write to the bucket stops every deletion",
        file="ingest/store/s3/objects.py", old="if said is None or said.parts is not None or said.sha256 == sha256:", new="if said is None or said.parts is not None:",
        tests=_WORD,
    ),
    Mutant(
        name="s3: a SHA-256 of nothing that is there passes", promise="P2: a store that says what is not so is believed on",
        file="ingest/store/s3/objects.py", old="if said is None or said.parts is not None or said.sha256 == sha256:", new="if said is None or sha256:",
        tests=_WORD,
    ),
    Mutant(
        name="s3: an answer that says nothing is no checksum", promise="a store of digests is another store until a restart",
        file="ingest/store/s3/objects.py", old="if answer.status in _NO_ATTRIBUTES:", new="if answer.status != 200:", tests=_WORD,
    ),
    Mutant(
        name="s3: hashes count though it was pinned as read back", promise="P2: what was pinned is not what is asked",
        file="ingest/store/s3/baits.py", old='return "digest" if self.refuses and self.gives != "none" and not self.read_back else "read-back"',
        new='return "digest" if self.refuses and self.gives != "none" else "read-back"', tests=_WORD,
    ),
    Mutant(
        name="s3: what was found counts as locked", promise="evidential footage lies without a lock, and its camera is wiped",
        file="ingest/store/s3/transfer.py", old="return _in_one_piece(key, segment, evidential=False)", new="return _in_one_piece(key, segment, evidential=segment.evidential)",
        tests=_WORD,
    ),
    Mutant(
        name="s3: an upload that was found counts as locked", promise="evidential footage lies without a lock, and its camera is wiped",
        file="ingest/store/s3/transfer.py", old="return replace(begun, evidential=False).of(upload)", new="return begun.of(upload)", tests=_WORD,
    ),
    Mutant(
        name="s3: a checksum of nobody knows how many parts is one of the whole", promise="P5: an honest store is condemned for its own hash",
        file="ingest/store/s3/documents.py", old='if not match[2] and kind.strip().upper() == "COMPOSITE":', new='if not match[2] and kind.strip().upper() == "-":',
        tests=_WORD,
    ),
    Mutant(
        name="s3: hashes that are listed of parts count in a store that is read back", promise="what is odd in a list sends a segment again for ever",
        file="ingest/store/s3/transfer.py", old="ours=segment.parts if hashes else None)", new="ours=segment.parts if hashes or part_size else None)",
        tests=_WORD,
    ),
    Mutant(
        name="s3: what was replaced since it was proven condemns the store", promise="P5: whoever may write to the bucket stops every deletion",
        file="ingest/confirm.py", old='        if pinned.method == "digest":\n            await self._ask(', new='        if pinned.method == "read-back":\n            await self._ask(',
        tests=_WORD,
    ),
    Mutant(
        name="s3: a part of another size counts as there", promise="P2: an object is made with a hole",
        file="ingest/store/s3/uploads.py", old="if not 1 <= one.number <= count or one.size != min(part_size, size - (one.number - 1) * part_size):",
        new="if not 1 <= one.number <= count:", tests=_TEXTS, short=True,
    ),
    Mutant(
        name="s3: a part with another checksum counts as there", promise="P2: an upload of other bytes goes on",
        file="ingest/store/s3/uploads.py", old="return one.sha256 is None or sums is None or one.sha256 == sums[one.number - 1]",
        new="return one.sha256 is None or sums is None or bool(sums[one.number - 1])", tests=_TEXTS,
    ),
    Mutant(
        name="s3: one page of the parts is enough", promise="what is there is sent again for ever",
        file="ingest/store/s3/uploads.py", old="        if page.next is None:\n            return [found[number]", new="        if page.next is None or found:\n            return [found[number]",
        tests=_EXAM,
    ),
    Mutant(
        name="s3: If-None-Match is left out", promise="P1: what lies under the name is overwritten",
        file="ingest/store/s3/transfer.py", old="return dict(UNLIKE) if (await self._finding.known()).unlike else {}",
        new="return {} if (await self._finding.known()).unlike else {}", tests=(*_STORE, *_EXAM), short=True,
    ),
    Mutant(
        name="s3: other bytes under its name are taken for its own", promise="P2: a segment is proven by a stranger's bytes",
        file="ingest/store/s3/objects.py", old="        return found if ours else None\n", new="        return found if ours is not None else None\n", tests=_STORE,
    ),
    Mutant(
        name="s3: the marker is not looked at before bytes are sent", promise="P2: footage goes to another bucket",
        file="ingest/store/s3/store.py", old="        await self._marker.see()\n        return (await self._transfer.begin", new="        return (await self._transfer.begin",
        tests=_STORE, short=True,
    ),
    Mutant(
        name="s3: another marker is as good", promise="P2: another bucket's word counts",
        file="ingest/store/s3/marker.py", old="if found != self._known:", new="if found is None:", tests=_STORE,
    ),
    Mutant(
        name="s3: a wrong checksum that is taken counts as refused", promise="P2: hashes that the client sent count as the store's",
        file="ingest/store/s3/baits.py", old="    if answer.status in TOOK:\n        return False\n    error = meaning", new="    if answer.status in TOOK:\n        return True\n    error = meaning",
        tests=(*_STORE, *_LIES), short=True,
    ),
    Mutant(
        name="s3: a part under a wrong checksum is not tried", promise="P2: hashes of parts that nobody looked at count",
        file="ingest/store/s3/baits.py", old="refuses = await _refuses_a_part(requests, in_parts, headers) and refused_it",
        new="refuses = refused_it and bool(in_parts and headers)", tests=(*_STORE, *_LIES),
    ),
    Mutant(
        name="s3: a lock is believed without trying", promise="evidential footage can be deleted, and nobody is told",
        file="ingest/store/s3/retention.py", old="        if deleted.status in (200, 204, 404):\n", new="        if deleted.status == 404:\n", tests=_STORE,
    ),
    Mutant(
        name="s3: 200 at the end is enough", promise="P2: an error after 200 is not heard",
        file="ingest/store/s3/uploads.py", old="if answer.status != 200 or problem is not None or not completed(answer.body):",
        new="if answer.status != 200 or (problem is not None and not answer.body):", tests=("tests/contract/store/test_exam_s3.py::test_200_at_the_end_is_not_enough",),
    ),
)  # fmt: skip
