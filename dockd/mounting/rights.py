"""What the mount helper keeps of root's rights once it begins to serve: mounting, reading below folders that belong to the agent, and giving its socket away.

Why it exists: a unit can say what a service may have, not that it needs some of it for its first second alone. Rules kept here: before the first
thread, for rights are each thread's own; what is given up cannot be had again (with NoNewPrivileges not by another program either).
"""

from __future__ import annotations

import ctypes
import os
import struct

# Linux capabilities by number (capability.h).
_CHOWN, _DAC_OVERRIDE, _DAC_READ_SEARCH, _SYS_ADMIN = 0, 1, 2, 21
# Started by hand it may have to write its socket into a folder of somebody else's; under its unit it never had those two.
KEPT = frozenset({_CHOWN, _DAC_OVERRIDE, _DAC_READ_SEARCH, _SYS_ADMIN})
_VERSION = 0x20080522  # two words of 32 for each set
_HEADER = struct.Struct("=Ii")
_SETS = struct.Struct("=6I")  # effective, permitted, inheritable: the low words, then the high ones

_libc = ctypes.CDLL(None, use_errno=True)


def give_up_the_rest() -> None:
    """From here on this thread, and those that it starts, have nothing beyond `KEPT`. Raises OSError."""
    header = _HEADER.pack(_VERSION, 0)
    had = ctypes.create_string_buffer(_SETS.size)
    _checked(_libc.capget(header, had))
    kept = sum(1 << number for number in KEPT)
    effective, permitted, _, high_effective, high_permitted, _ = _SETS.unpack(had.raw)
    low, high = kept & 0xFFFFFFFF, kept >> 32
    left = _SETS.pack(effective & low, permitted & low, 0, high_effective & high, high_permitted & high, 0)
    _checked(_libc.capset(header, left))


def _checked(result: int) -> None:
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
