"""P2: what counts as the store's proof, and the permit that is issued from it."""

from __future__ import annotations

from tests.mutants.planting import Mutant

_CONFIRM = ("tests/unit/ingest/test_confirm.py",)
_COPIES = ("tests/unit/ingest/test_copies.py",)
_PERMITS = ("tests/unit/ingest/ledger/test_permits.py",)
_TRUST = ("tests/unit/ingest/test_trust.py",)

PROOFS = (
    Mutant(
        name="receipt: its size is not compared", promise="P2: a proof for fewer bytes counts",
        file="ingest/confirm.py", old="if (claim.size, claim.sha256) != (digest.size, digest.sha256):", new="if claim.sha256 != digest.sha256:",
        tests=_CONFIRM, short=True,
    ),
    Mutant(
        name="receipt: its hash is not compared", promise="P2: a proof for other bytes counts",
        file="ingest/confirm.py", old="if (claim.size, claim.sha256) != (digest.size, digest.sha256):", new="if claim.size != digest.size:",
        tests=_CONFIRM, short=True,
    ),
    Mutant(
        name="receipt: its store's id is not compared", promise="P2: another store's proof counts",
        file="ingest/confirm.py", old="        if claim.store != pinned.id:\n            raise StoreDishonest", new="        if False:\n            raise StoreDishonest",
        tests=_CONFIRM, short=True,
    ),
    Mutant(
        name="receipt: its key is not compared", promise="P2: anybody's signature counts",
        file="ingest/confirm.py", old="if claim.key not in pinned.keys:", new="if claim.key is None:", tests=_CONFIRM,
    ),
    Mutant(
        name="receipt: its segment is not compared", promise="P2: the proof of a twin counts",
        file="ingest/confirm.py", old="if claim.segment not in (None, segment.id) or claim.camera", new="if claim.camera",
        tests=_CONFIRM, short=True,
    ),
    Mutant(
        name="receipt: its object is not compared", promise="P2: the proof of another object counts",
        file="ingest/confirm.py", old='if claim.object != upload.rstrip("/").rsplit("/", 1)[-1]:', new="if not claim.object:", tests=_CONFIRM,
    ),
    Mutant(
        name="receipt: its nonce is not compared", promise="P2: an old proof is played again",
        file="ingest/confirm.py", old="if claim.nonce != nonce:", new="if claim.nonce is None:", tests=_CONFIRM,
    ),
    Mutant(
        name="receipt: no fresh nonce", promise="P2: an old proof is played again",
        file="ingest/confirm.py", old="nonce = secrets.token_urlsafe(24)\n        clock", new="nonce = segment.id\n        clock",
        tests=("tests/unit/ingest/test_delivery.py::test_each_attestation_has_a_nonce_of_its_own",), short=True,
    ),
    Mutant(
        name="receipt: its custody head is not compared", promise="P4: a receipt does not pin the dock's history",
        file="ingest/confirm.py", old="if claim.head != head:", new="if claim.head is not None and head is None:", tests=_CONFIRM,
    ),
    Mutant(
        name="receipt: a receipt that does not match is committed", promise="P2: the ledger counts the store for other bytes",
        file="ingest/ledger/segments.py", old="if (row.size, row.sha256, row.camera) != (receipt.size, receipt.sha256, receipt.camera):",
        new="if row.camera != receipt.camera:", tests=("tests/unit/ingest/ledger/test_segments.py", *_PERMITS),
    ),
    Mutant(
        name="receipt: any signature is good", promise="P2: a receipt that nobody signed counts",
        file="ingest/store/receipts.py", old='raise Garbled("what the store calls a receipt is not signed by any of its keys")',
        new='return json.loads(base64.urlsafe_b64decode(text.split(".")[1] + "==")), next(iter(keys))',
        tests=("tests/contract/store/test_keys.py", "tests/contract/store/test_hostile.py", "tests/contract/store/test_answers.py", "tests/contract/store/test_odd_bytes.py"),
    ),
    Mutant(
        name="read-back: the bytes are not hashed", promise="P2: a store that gives other bytes back is believed",
        file="ingest/store/tus.py", old="            size, found = await whole(answer, blocks, size=segment.digest.size)\n",
        new="            size, found = (await whole(answer, blocks, size=segment.digest.size))[0], segment.digest.sha256\n",
        tests=("tests/contract/store/test_exam.py",),
    ),
    Mutant(
        name="sample: a receipt is enough, nothing is asked back", promise="P2: a store that signs in good faith for what it lost is believed",
        file="ingest/confirm.py", old='if pinned.method != "read-back" and (wrong := await', new='if not pinned.method and (wrong := await',
        tests=("tests/unit/ingest/test_sample.py",),
    ),
    Mutant(
        name="sample: nothing is asked back before a deletion", promise="P2: a store that lost it since signs from memory",
        file="ingest/confirm.py", old="            await self._there(segment, segment.object)\n", new="            await asyncio.sleep(0)\n",
        tests=("tests/unit/ingest/test_sample.py",),
    ),
    Mutant(
        name="memory: a store that was put back is not noticed", promise="P2: what it lost with that is not sent again",
        file="ingest/confirm.py", old="        if receipt.number is not None:\n            await", new="        if receipt.number == -1:\n            await",
        tests=("tests/recovery/test_restored_store.py",),
    ),
    Mutant(
        name="time: a clock that somebody set says how old a proof is", promise="P2: ten years ahead, a day after the first look has passed at once",
        file="ingest/ledger/passed.py", old="if clock.synchronised() is not True or not _was_synchronised(execute, segment):", new="if clock.now() < at:",
        tests=("tests/unit/ingest/ledger/test_timekeeping.py",),
    ),
    Mutant(
        name="trust: another store is taken for the pinned one", promise="P2: deleted against the word of a stranger",
        file="ingest/trust.py", old="if identity.id != pinned.id or identity.method != pinned.method:", new="if identity.method != pinned.method:",
        tests=_TRUST,
    ),
    Mutant(
        name="trust: a store that announces a weaker proof is taken", promise="P2: the kind of proof is chosen because a better one failed",
        file="ingest/trust.py", old="if identity.id != pinned.id or identity.method != pinned.method:", new="if identity.id != pinned.id:",
        tests=_TRUST,
    ),
    Mutant(
        name="trust: a new key needs no signature of an old one", promise="P2: another machine under the store's name is believed",
        file="ingest/trust.py", old="if not await self._store.vouches(key, pinned.keys):", new="if not key:", tests=_TRUST,
    ),
    Mutant(
        name="trust: a store that was caught is believed again", promise="P2: deleted against the word of a liar",
        file="ingest/trust.py", old="if found is None or found.dishonest is not None:", new="if found is None:", tests=_TRUST,
    ),
    Mutant(
        name="trust: what was caught is not written down", promise="P2: after a restart a liar is believed",
        file="ingest/trust.py", old="await self._ledger.commit(lambda tx: stores.caught(tx, store, error=error))",
        new="await self._ledger.read(lambda db: stores.pinned(db.execute))", tests=_TRUST,
    ),
    Mutant(
        name="honesty: the bait is true", promise="P2: a store that takes everything passes the honesty check",
        file="ingest/trust.py", old="wrong[secrets.randbelow(len(wrong))] ^= 1 << secrets.randbelow(8)", new="secrets.randbelow(8)",
        tests=(*_TRUST, "tests/contract/store/test_honesty.py"),
    ),
    Mutant(
        name="honesty: a store that signs for the bait passes", promise="P2: a liar's receipts count",
        file="ingest/store/tus.py", old="        self._must_not_vouch(answer, upload, segment, identity)\n", new="        self._identity = identity\n",
        tests=("tests/contract/store/test_honesty.py",), short=True,
    ),
    Mutant(
        name="history: the first receipts carry a new head", promise="P4: that a ledger was put back from an old copy stays hidden",
        file="ingest/confirm.py", old="last if last is not None and not self._agreed else self._ledger.head", new="self._ledger.head",
        tests=("tests/unit/ingest/test_confirm.py", "tests/e2e/test_history.py"),
    ),
    Mutant(
        name="sample: what the store gives back is not compared", promise="P2: a store that signs in good faith for what it lost is believed",
        file="ingest/sample.py", old="            if given == ours:\n", new="            if len(given) == len(ours):\n",
        tests=("tests/unit/ingest/test_sample.py",),
    ),
    Mutant(
        name="found: what the store signs for is found, nothing is read back", promise="P2: a store that kept other bytes gets the camera's deleted",
        file="ingest/confirm.py", old='held = True if pinned.method == "read-back" else await self._holds(segment, upload)', new="held = True",
        tests=("tests/unit/ingest/test_seek.py",),
    ),
    Mutant(
        name="attest: one 404 loses the last copy", promise="P5: footage that is safe in the store is told as lost",
        file="ingest/attest.py", old="if times < _ASKINGS and not", new="if times < 1 and not",
        tests=("tests/unit/ingest/test_delivery.py::test_the_last_copy_is_given_up_on_the_third_occasion",),
    ),
    Mutant(
        name="permit: wiped on upload instead of confirmation", promise="P2: deleted without a proof",
        file="ingest/ledger/permits.py", old="if not (row.in_store and row.on_camera):", new="if not (row.upload and row.on_camera):",
        tests=_PERMITS, short=True,
    ),
    Mutant(
        name="permit: confirmed is enough, no second attestation", promise="P2: the store may have lost it since",
        file="ingest/ledger/permits.py", old="if len(receipts) < 2:", new="if len(receipts) < 1:", tests=_PERMITS,
    ),
    Mutant(
        name="permit: receipts are not held against the bytes", promise="P2: deleted against a proof for something else",
        file="ingest/ledger/permits.py", old="if receipt[:4] != (store, row.object, row.size, row.sha256):", new="if receipt[0] != store:", tests=_PERMITS,
    ),
    Mutant(
        name="permit: an attestation never gets old", promise="P2: deleted against last year's proof",
        file="ingest/ledger/permits.py", old="or not 0 <= age <= ATTESTED_WITHIN_NS:", new="or age < 0:", tests=_PERMITS, short=True,
    ),
    Mutant(
        name="permit: an attestation of another boot counts", promise="P2: a clock that began anew makes an old proof fresh",
        file="ingest/ledger/permits.py", old="if boot != tx.clock.boot_id or not 0", new="if not 0", tests=_PERMITS,
    ),
    Mutant(
        name="permit: a store that was caught may still permit", promise="P2: deleted against the word of a liar",
        file="ingest/ledger/permits.py", old="    if store.dishonest is not None:\n        raise", new="    if store.dishonest == store.id:\n        raise", tests=_PERMITS,
    ),
    Mutant(
        name="permit: a store that was never tried may permit", promise="P2: nobody has seen it refuse wrong bytes",
        file="ingest/ledger/permits.py", old='    if store.method != "read-back" and store.honest_at is None:\n        raise',
        new='    if store.method == "read-back" and store.honest_at == 0.0:\n        raise', tests=_PERMITS,
    ),
    Mutant(
        name="permit: another camera's segment may be named", promise="P3: more than named",
        file="ingest/ledger/permits.py", old="if row.camera != camera:", new="if not row.camera:", tests=_PERMITS,
    ),
    Mutant(
        name="permit: a held segment may be named", promise="P1: what a person has to look at is deleted",
        file="ingest/ledger/permits.py", old="    if row.held is not None:\n        raise PermitRefused", new="    if row.held == row.id:\n        raise PermitRefused", tests=_PERMITS,
    ),
    Mutant(
        name="permit: one that is closed is still valid", promise="P2: used twice",
        file="ingest/ledger/permits.py", old="permit.boot_id, None) or store is None:", new="permit.boot_id, row and row[4]) or store is None:", tests=_PERMITS,
    ),
    Mutant(
        name="permit: a segment that was held meanwhile stays permitted", promise="P1: what a person has to look at is deleted",
        file="ingest/ledger/permits.py", old="and row.held is None and row.wipe_permit", new="and row.wipe_permit",
        tests=_PERMITS,
    ),
    Mutant(
        name="copies: a wipe needs no copy in the store", promise="P1: the last copy is deleted",
        file="ingest/copies.py", old="Step.WIPED: Rule(True, needs=_set(CAMERA, STORE)", new="Step.WIPED: Rule(True, needs=_set(CAMERA)", tests=_COPIES, at_import=True, short=True,
    ),
    Mutant(
        name="copies: a release needs no copy in the store", promise="P1: the last copy is deleted",
        file="ingest/copies.py", old="Step.RELEASED: Rule(True, needs=_set(SPOOL, STORE)", new="Step.RELEASED: Rule(True, needs=_set(SPOOL)", tests=_COPIES, at_import=True,
    ),
    Mutant(
        name="copies: a step that is not in the table is taken", promise="P1: copies that nobody has seen are counted",
        file="ingest/copies.py", old="if not rule.needs <= copies or rule.forbids & copies:", new="if not rule.needs <= copies:", tests=_COPIES,
    ),
)  # fmt: skip
