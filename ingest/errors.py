"""What can go wrong, sorted by what the caller does next.

    DockdError
    |- Retry            try again later; `after` is a floor in seconds
    |  |- StoreDown         no answer, cut, or nonsense from the network
    |  |- StoreBusy         429, 503
    |  |- StoreFull         507
    |  |- Refused           401, 403: tell ops, retry slowly, delete nothing meanwhile
    |  |- ObjectGone        404, 410: that object or upload is not there (any more)
    |  |- Unproven          the store's answer does not prove these bytes
    |  |- Garbled           what came from the store is no answer at all
    |  |  `- Withheld          what came where bytes were asked back is none of them: it says nothing of them
    |  |- Unanswered        the store answers, and not for these segments
    |  |- UploadBlocked     409, 423: it stands elsewhere, or somebody else is writing
    |  |- Unforeseen        a defect of ours, or of what we stand on: logged, and tried again a few times
    |  |- SpoolFull         the dock's room is used up to `keep_free`
    |  |- SpoolFailed       the dock's own disk gives errors, or cannot be written
    |  |- CameraGone        the camera left, or its device answers with errors
    |  `- SourceUnstable    the file changed while it was read
    |     `- StillWritten      another program has it open for writing
    |- Hold             keep this one segment where it is until a person or a changed condition releases it
    |  |- NeverStorable     400, 413, 422
    |  |- Unreadable        a bad sector, no permission
    |  `- IntegrityFailed   two reads of one file differ, or the camera's own hash does
    `- Stop             no deletion at all until somebody acts
       |- StoreDishonest    caught vouching for bytes that it does not have
       |  `- AddressTaken      caught giving one segment's address to another
       |- WrongStore        not the store that is pinned
       |- HistoryConflict   409: the store knows a later custody history of this dock
       `- LedgerUnusable    locked, read-only, damaged, or from a newer version
          `- LedgerDamaged      its file is not what was written: put aside whole, and made anew from the spool

Every message names the thing and says what to do.
"""

from __future__ import annotations

from typing import ClassVar


class DockdError(Exception):
    """Base of everything that dockd raises on purpose. `message` is plain words for a person."""

    reason: ClassVar[str] = "failed"

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


class Retry(DockdError):
    """Try again later, never before `after` seconds (a floor, from Retry-After where there was one)."""

    reason = "retry"

    def __init__(self, message: str, *, after: float = 0.0) -> None:
        super().__init__(message)
        self.after = after


class StoreDown(Retry):
    """The store gave no answer, or the line was cut: ask for the offset and go on."""

    reason = "store_down"


class StoreBusy(Retry):
    """429 or 503."""

    reason = "store_busy"


class StoreFull(Retry):
    """507: the store has no room. Wait, and tell."""

    reason = "store_full"


class Refused(Retry):
    """401 or 403: the store does not take our credentials. Deletion stops, everything is kept, retried slowly."""

    reason = "store_refused_credentials"


class ObjectGone(Retry):
    """404 or 410: an upload that expired, or a stored object that is no longer there."""

    reason = "object_gone"


class Unproven(Retry):
    """The store's answer does not prove that it holds these bytes. Send again; delete nothing."""

    reason = "unproven"


class Garbled(Retry):
    """What came from the store is no answer: garbage, endless, unsigned. It says nothing for or against any bytes."""

    reason = "garbled"


class Withheld(Garbled):
    """Asked for bytes, the store gave a page, a refusal or nothing that fits. Whether it has them is not said."""

    reason = "withheld"


class Unanswered(Retry):
    """The store gives no proof of these segments, time after time, and is there for others."""

    reason = "unanswered"


class UploadBlocked(Retry):
    """409 or 423: that upload stands elsewhere, or somebody else is writing. Ask for the offset again; after some tries begin anew."""

    reason = "upload_blocked"


class Unforeseen(Retry):
    """What nobody foresaw went wrong with one segment: the traceback is in the log, the rest goes on."""

    reason = "failed"


class SpoolFull(Retry):
    """The spool has reached `spool.keep_free`."""

    reason = "spool_full"


class SpoolFailed(Retry):
    """The disk that the spool lies on gives errors, cannot be written, or is not mounted: no camera's fault."""

    reason = "spool_failed"


class CameraGone(Retry):
    """The camera was taken out, or its device fails: nothing that it says from here on is believed."""

    reason = "camera_gone"


class SourceUnstable(Retry):
    """The file's size, time or content changed while it was read: left for the next pass."""

    reason = "source_unstable"


class StillWritten(SourceUnstable):
    """Another program has the file open for writing: what is there now is a beginning, or may be."""


class Hold(DockdError):
    """Keep this segment wherever it is. `reason` is a stable word (metrics label)."""

    reason = "held"


class NeverStorable(Hold):
    """400, 413, 422: the store will never take this segment as it is."""

    reason = "store_refused"


class Unreadable(Hold):
    """The camera cannot give these bytes (bad sector, no permission)."""

    reason = "copy_failed"


class IntegrityFailed(Hold):
    """Two reads of the same file gave different bytes."""

    reason = "integrity_failed"


class Stop(DockdError):
    """Nothing at all may be deleted until somebody has acted."""

    reason = "stopped"


class StoreDishonest(Stop):
    """The store vouched for bytes that it does not have. No wipe by any method until a person pins it anew."""

    reason = "dishonest"


class AddressTaken(StoreDishonest):
    """The address that it gave for an upload is another segment's (`others`): what is sent there would take the place of that one's footage."""

    def __init__(self, message: str, *, others: tuple[str, ...]) -> None:
        super().__init__(message)
        self.others = others


class WrongStore(Stop):
    """The store that answered is not the pinned one."""

    reason = "wrong-store"


class HistoryConflict(Stop):
    """The store has seen a later or another custody history of this dock: the ledger went back in time.

    `seq` and `head` are what the store last saw, where it said so.
    """

    reason = "history_conflict"

    def __init__(self, message: str, *, seq: int | None = None, head: str | None = None) -> None:
        super().__init__(message)
        self.seq = seq
        self.head = head


class LedgerUnusable(Stop):
    """The ledger cannot be used as it is; the message says why and what to do."""

    reason = "ledger_unusable"


class LedgerDamaged(LedgerUnusable):
    """The ledger's file is not what dockd wrote: nothing but a new one can go on. `why`: a few words for the record."""

    reason = "ledger_damaged"

    def __init__(self, message: str, *, why: str) -> None:
        super().__init__(message)
        self.why = why
