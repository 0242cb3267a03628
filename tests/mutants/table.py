"""The bugs that are planted: one for each guard of the promises P1 to P5 (docs/architecture.md), each a change of a few words."""

from __future__ import annotations

from tests.mutants.of_access import ACCESS
from tests.mutants.of_addresses import ADDRESSES
from tests.mutants.of_bandwidth import BANDWIDTH
from tests.mutants.of_books import BOOKS
from tests.mutants.of_changes import CHANGES
from tests.mutants.of_copies import COPIES
from tests.mutants.of_deletions import DELETIONS
from tests.mutants.of_directory import DIRECTORY
from tests.mutants.of_door import DOOR
from tests.mutants.of_enrolling import ENROLLING
from tests.mutants.of_evidence import EVIDENCE
from tests.mutants.of_explaining import EXPLAINING
from tests.mutants.of_face import FACE
from tests.mutants.of_lanes import LANES
from tests.mutants.of_language import LANGUAGE
from tests.mutants.of_line import LINE
from tests.mutants.of_live import LIVE
from tests.mutants.of_marks import MARKS
from tests.mutants.of_metrics import METRICS
from tests.mutants.of_numbers import NUMBERS
from tests.mutants.of_oidc import OIDC
from tests.mutants.of_options import OPTIONS
from tests.mutants.of_proofs import PROOFS
from tests.mutants.of_queue import QUEUE
from tests.mutants.of_records import RECORDS
from tests.mutants.of_refusals import REFUSALS
from tests.mutants.of_reloads import RELOADS
from tests.mutants.of_reviewed import REVIEWED
from tests.mutants.of_room import ROOM
from tests.mutants.of_s3 import S3
from tests.mutants.of_saying import SAYING
from tests.mutants.of_soundness import SOUNDNESS
from tests.mutants.of_support import SUPPORT
from tests.mutants.of_typed import TYPED
from tests.mutants.of_waiting import WAITING
from tests.mutants.of_watchdog import WATCHDOG
from tests.mutants.of_whole_rack import WHOLE_RACK
from tests.mutants.of_writers import WRITERS
from tests.mutants.planting import Mutant

CONTROLS = (
    Mutant(
        name="control: a module that cannot be imported", promise="the tests import the copy",
        file="ingest/copies.py", old="NONE: Copies = frozenset()\n", new="NONE: Copies = frozenset()\nraise RuntimeError(NONE)\n", tests=("tests/unit/ingest/test_copies.py",), at_import=True,
    ),
    Mutant(
        name="control: a program that does not start", promise="a program that a test starts is the copy's",
        file="dockd/__main__.py", old="\nmain()\n", new='\nraise RuntimeError("planted")\n', tests=("tests/e2e/test_exit_codes.py",),
    ),
    Mutant(
        name="control: a worker that does not start", promise="a worker that a test starts is the copy's",
        file="ingest/worker/child.py", old='    say({"ready": os.getpid()})', new='    say({"unready": os.getpid()})',
        tests=("tests/unit/ingest/worker/test_pool.py",),
    ),
)  # fmt: skip

MUTANTS = (
    *ACCESS,
    *ADDRESSES,
    *COPIES,
    *PROOFS,
    *DELETIONS,
    *RECORDS,
    *QUEUE,
    *REFUSALS,
    *RELOADS,
    *REVIEWED,
    *ROOM,
    *BANDWIDTH,
    *BOOKS,
    *S3,
    *EVIDENCE,
    *DIRECTORY,
    *DOOR,
    *ENROLLING,
    *EXPLAINING,
    *LINE,
    *LIVE,
    *MARKS,
    *METRICS,
    *NUMBERS,
    *OIDC,
    *OPTIONS,
    *LANES,
    *SOUNDNESS,
    *SUPPORT,
    *FACE,
    *LANGUAGE,
    *SAYING,
    *TYPED,
    *WAITING,
    *WATCHDOG,
    *WHOLE_RACK,
    *WRITERS,
    *CHANGES,
)
