"""P1: two uploads that a store takes for one: what is sent under the second takes the place of footage that was proven under the first."""

from __future__ import annotations

from tests.mutants.planting import Mutant

_LEDGER = ("tests/unit/ingest/ledger/test_addresses.py",)
_DELIVERY = ("tests/unit/ingest/test_delivery.py::test_an_address_that_another_segment_has_is_never_taken",)
_NAMES = ("tests/contract/store/test_checksums.py::test_no_two_uploads_have_one_file_name",)
_TRUST = ("tests/unit/ingest/test_trust.py",)

ADDRESSES = (
    Mutant(
        name="addresses: a plain server is told the camera's own name", promise="P1: a server that names files by that overwrites proven footage",
        file="ingest/store/tus.py", old='        name = _ODD.sub(b"_", own) + _ODD.sub(b"_", name)[len(own) - _LONGEST_NAME :]\n', new='        name = _ODD.sub(b"_", name)[len(own) - _LONGEST_NAME :]\n',
        tests=_NAMES, short=True,
    ),
    Mutant(
        name="addresses: a second try has the name of the first", promise="P1: what came under an upload that was given up is in the file, too",
        file="ingest/store/tus.py", old="-{secrets.token_hex(8)}_", new="-{'0' * 16}_", tests=_NAMES,
    ),
    Mutant(
        name="addresses: an upload begins where another segment is", promise="P1: proven footage is overwritten",
        file="ingest/ledger/segments.py", old="    if upload is not None:\n        addresses.must_be_free(", new="    if upload == '':\n        addresses.must_be_free(", tests=_DELIVERY, short=True,
    ),
    Mutant(
        name="addresses: a receipt for another segment's object counts", promise="P2: one object is the proof of two segments",
        file="ingest/ledger/segments.py", old="        attested(tx, receipt)\n        return\n    addresses.must_be_free(tx.execute, receipt.object, segment=row.id)\n", new="        attested(tx, receipt)\n        return\n",
        tests=_LEDGER,
    ),
    Mutant(
        name="addresses: what is found at another segment's address counts", promise="P2: one object is the proof of two segments",
        file="ingest/ledger/segments.py", old="        return False\n    addresses.must_be_free(tx.execute, receipt.object, segment=row.id)\n", new="        return False\n", tests=_LEDGER,
    ),
    Mutant(
        name="addresses: an upload of another segment is ended", promise="P1: who asks for what is in doubt deletes another one's upload",
        file="ingest/seek.py", old="        await self._ledger.read(lambda db: addresses.must_be_free(db.execute, address, segment=row.id))\n", new="",
        tests=("tests/unit/ingest/test_seek.py::test_an_upload_that_is_another_segments_is_not_ended",),
    ),
    Mutant(
        name="addresses: where it was proven before is forgotten", promise="P1: footage that the store lost sight of is overwritten",
        file="ingest/ledger/addresses.py", old="SELECT segment FROM receipts WHERE object = ?1 AND segment <> ?2", new="SELECT segment FROM receipts WHERE object = ?1 AND segment <> ?2 AND 0",
        tests=_LEDGER,
    ),
    Mutant(
        name="addresses: nobody asks for the segment whose address was given away", promise="P1: its loss is not noticed, and its spool copy goes",
        file="ingest/delivery.py", old="            await self._whose_address(error)\n        if isinstance(error, StoreDishonest) and self.state.id is not None:\n            await self._link.caught(self.state.id, error.message)\n            await self._hold(",
        new="            pass\n        if isinstance(error, StoreDishonest) and self.state.id is not None:\n            await self._link.caught(self.state.id, error.message)\n            await self._hold(",
        tests=_DELIVERY,
    ),
    Mutant(
        name="bait: it is sent into an upload that has bytes", promise="P1: the honesty check overwrites footage",
        file="ingest/store/tus.py", old="        if offset := await self.offset(upload, size=size):\n", new="        if (offset := await self.offset(upload, size=size)) < 0:\n",
        tests=("tests/contract/store/test_honesty.py::test_an_upload_that_is_not_empty_gets_no_byte",), short=True,
    ),
    Mutant(
        name="bait: it has the name of the last segment", promise="P1: the honesty check overwrites footage",
        file="ingest/trust.py", old="path=_nobodys(path)", new="path=path", tests=_TRUST,
    ),
    Mutant(
        name="bait: it goes to an address that the ledger knows", promise="P1: the honesty check overwrites footage",
        file="ingest/trust.py", old="begun=self._free,\n", new="begun=None,\n", tests=_TRUST,
    ),
)  # fmt: skip
