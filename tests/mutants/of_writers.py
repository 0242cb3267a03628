"""Files that somebody still writes, and what is said of one that was written on."""

from __future__ import annotations

from tests.mutants.planting import Mutant

_STORAGE = ("tests/contract/camera/test_mass_storage.py",)
_WRITTEN = ("tests/unit/ingest/test_still_written.py",)
_LIST = ("tests/unit/ingest/test_list.py",)

WRITERS = (
    Mutant(
        name="writers: a file that is open for writing is deleted", promise="P1: what is recorded from then on goes into a file without a name",
        file="ingest/camera/held_file.py", old="        links = os.fstat(self.fd).st_nlink\n        self._is_free()\n",
        new="        links = os.fstat(self.fd).st_nlink\n", tests=_STORAGE, short=True,
    ),
    Mutant(
        name="writers: a lease that is not given says nothing", promise="P1: what is recorded from then on goes into a file without a name",
        file="ingest/camera/held_file.py", old="            if error.errno == errno.EAGAIN:\n", new="            if error.errno == errno.EACCES:\n", tests=_STORAGE,
    ),
    Mutant(
        name="writers: no rest where nobody knows who writes", promise="P1: a file of another user is deleted under its writer",
        file="ingest/camera/held_file.py", old="if self._is_free() is None and self.own_times:", new="if self._is_free() is None and not self.fd:", tests=_STORAGE,
    ),
    Mutant(
        name="writers: a beginning counts as copied", promise="P5: each look at a recording makes a segment of it",
        file="ingest/worker/child.py", old="            source.at_rest()\n            source.unchanged()\n            try:\n",
        new="            source.unchanged()\n            try:\n", tests=_WRITTEN,
    ),
    Mutant(
        name="writers: leave is given to delete what is open for writing", promise="P1: what is recorded from then on goes into a file without a name",
        file="ingest/worker/child.py", old='            source.at_rest()\n            found = self._read(source, file, "proven")',
        new='            found = self._read(source, file, "proven")', tests=_WRITTEN,
    ),
    Mutant(
        name="listing: a file that was dated back is another one", promise="P5: footage that is whole in the store is called lost",
        file="ingest/list.py", old="file.mtime_ns >= known.mtime_ns or (proven and _one_file(known, file))", new="file.mtime_ns >= known.mtime_ns", tests=_LIST,
    ),
    Mutant(
        name="listing: any longer file is the one that was listed", promise="P5: footage that was lost before it was copied is not told",
        file="ingest/list.py", old="(proven and _one_file(known, file))", new="proven", tests=_LIST,
    ),
)  # fmt: skip
