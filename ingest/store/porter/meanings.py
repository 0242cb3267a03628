"""What an error of the share's filesystem means for the caller: the table of `ingest.errors`, by errno.

Rules: an error says nothing of any segment unless it can only be that segment's; what a person has to mend is `Refused` and says what; what
may be over by itself is `StoreDown`. Nothing here is ever proof that a segment is not there: only ENOENT below a folder that was opened is.
"""

from __future__ import annotations

import errno
import os

from ingest.errors import DockdError, NeverStorable, Refused, StoreDown, StoreFull

_FULL = frozenset({errno.ENOSPC, errno.EDQUOT})
_NOT_OURS = frozenset({errno.EACCES, errno.EPERM})
_NEVER = frozenset({errno.ENAMETOOLONG, errno.EFBIG, errno.EILSEQ})
_IN_THE_WAY = frozenset({errno.ELOOP, errno.ENOTDIR, errno.EISDIR, errno.ENXIO, errno.EXDEV})


def of_share(error: OSError, *, doing: str, folder: bytes) -> DockdError:
    """The error that `error` stands for. `doing`: what was being done; `folder`: the share."""
    said = error.strerror or str(error)
    share = os.fsdecode(folder)
    if error.errno in _FULL:
        return StoreFull(
            f"the share {share} has no room for {doing} ({said}): it goes on by itself when there is room again"
        )
    if error.errno == errno.EROFS:
        return Refused(
            f"the share {share} is mounted read-only ({doing}): mount it read-write, and look whether its disk has errors"
        )
    if error.errno in _NOT_OURS:
        return Refused(
            f"the share {share} does not let this user do that ({doing}: {said}): give the user that dockd runs as the right to make and read "
            "files and folders in it"
        )
    if error.errno in _NEVER:
        return NeverStorable(
            f"the share {share} cannot hold this segment ({doing}: {said}): it is kept here; use a share that takes such files"
        )
    if error.errno in _IN_THE_WAY:
        return Refused(
            f"something lies in the share {share} where a folder or file of dockd's has to be ({doing}: {said}): links are not followed, and "
            "nothing is overwritten; take it away, or mount nothing inside the share"
        )
    return StoreDown(f"the share {share} gives errors ({doing}: {said}): is its server there, and is it still mounted?")
