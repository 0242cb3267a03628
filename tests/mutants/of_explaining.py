"""What is said of a segment at the store beside its bytes (evidence is marked before its proof counts, a description is no proof), and servers that do
one thing otherwise than others."""

from __future__ import annotations

from tests.mutants.planting import Mutant

_ODD = ("tests/unit/ingest/store/test_s3_odd_servers.py",)
_EXPLAINING = ("tests/unit/ingest/test_explaining.py",)

EXPLAINING = (
    Mutant(
        name="explaining: a shorter record takes the place of a longer one", promise="P4: what happened to a segment is gone from beside it",
        file="ingest/explaining.py", old="custody=custody, since=since)", new="custody=custody)",
        tests=("tests/unit/ingest/test_explaining.py::test_a_ledger_that_was_made_anew_leaves_the_longer_record_of_before",),
    ),
    Mutant(
        name="explaining: what became evidence while it was proven counts unmarked", promise="evidential footage lies there without tag and lock",
        file="ingest/confirm.py", old="    if bool(segments.get(tx.execute, receipt.segment).evidential) != evidential:\n", new="    if evidential is None:\n",
        tests=_EXPLAINING, short=True,
    ),
    Mutant(
        name="explaining: one description that is refused is the store's trouble", promise="footage is never proven, and the others wait with it",
        file="ingest/explaining.py", old="        except DockdError as error:\n            return error\n", new="        except DockdError:\n            raise\n",
        tests=_EXPLAINING, short=True,
    ),
    Mutant(
        name="s3: an upload that has lost a part is gone on with", promise="a segment is never stored",
        file="ingest/store/s3/transfer.py", old="        except PartsGone as error:  # the server", new="        except UploadBlocked if size < 0 else () as error:  # the server",
        tests=_ODD, short=True,
    ),
    Mutant(
        name="s3: without its condition an end overwrites what is there", promise="P1: what lies under the name is overwritten",
        file="ingest/store/s3/transfer.py", old='        raise Taken("something lies under its name already")\n', new="        return\n", tests=_ODD,
    ),
    Mutant(
        name="s3: an upload is aborted that may be the object's", promise="P1: what may be the only copy is taken apart",
        file="ingest/store/s3/transfer.py", old="            # What is there may be this very upload's:", new="            await uploads.abort(self._requests, address.key, upload)\n            # What is there may be this very upload's:",
        tests=_ODD,
    ),
    Mutant(
        name="s3: a page holds a segment", promise="one answer from something on the way keeps footage back until a person comes",
        file="ingest/store/s3/meanings.py", old="if answer.body and not said.code and answer.status in _OF_ONE:", new="if answer.body and not said.code and answer.status in (404, 412):", tests=_ODD, short=True,
    ),
    Mutant(
        name="s3: bytes go on without a look at the marker", promise="P2: footage goes to another bucket",
        file="ingest/store/s3/store.py", old="before bytes that are written.\"\"\"\n        await self._marker.see()\n", new="before bytes that are written.\"\"\"\n", tests=_ODD, short=True,
    ),
    Mutant(
        name="s3: an upload is ended without a look at the marker", promise="P2: footage goes to another bucket",
        file="ingest/store/s3/store.py", old="            await self._marker.see()\n        await self._transfer.finish", new="            address_of(upload)\n        await self._transfer.finish", tests=_ODD,
    ),
    Mutant(
        name="tus: the bait's place is not looked at", promise="P3: what somebody else has there is deleted",
        file="ingest/store/tus_checksums.py", old='said == ("0", str(_BAIT))', new='said != ("", "")',
        tests=("tests/contract/store/test_checksums.py",), short=True,
    ),
    Mutant(
        name="s3: who founds a store at once looks at the marker once", promise="docks know one bucket as several stores",
        file="ingest/store/s3/marker.py", old="        if not kept:\n            await asyncio", new="        if kept:\n            await asyncio", tests=_ODD,
    ),
    Mutant(
        name="s3: a busy moment counts as no right to delete", promise="locks that do not hold are relied on",
        file="ingest/store/s3/retention.py", old="    if not isinstance(error, (Refused, BadRequest, NotKnown)):\n        raise StoreDown", new="    if answer.status == 0:\n        raise StoreDown", tests=_ODD,
    ),
)  # fmt: skip
