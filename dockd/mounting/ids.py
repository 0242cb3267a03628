"""Lets an unprivileged agent read and delete what root owns on an ext4 card, by mounts whose owners are mapped.

ext4 knows owners, and recorders run as root. Where the agent's user looks at such a mount, files of root are his, and those of
anybody else are nobody's: for them the rights of "others" hold. Nothing on the card is changed by that, and the agent gets no right to anything else on the
machine, as CAP_DAC_OVERRIDE would give it.
"""

from __future__ import annotations

import os
from pathlib import Path

from dockd.mounting import kernel


def namespace_for(uid: int, gid: int) -> int:
    """A descriptor of a user namespace in which root is this user. Before any thread was started: a child is forked.

    Raises OSError where user namespaces are switched off.
    """
    ready, tell_ready = os.pipe()
    go_on, tell_go_on = os.pipe()
    child = os.fork()
    if child == 0:
        _lend(ready=tell_ready, until=go_on, close=(ready, tell_go_on))
    os.close(tell_ready)
    os.close(go_on)
    try:
        if os.read(ready, 1) != b"y":
            raise OSError("user namespaces are switched off")
        Path(f"/proc/{child}/uid_map").write_text(f"0 {uid} 1", encoding="ascii")
        Path(f"/proc/{child}/gid_map").write_text(f"0 {gid} 1", encoding="ascii")
        return os.open(f"/proc/{child}/ns/user", os.O_RDONLY | os.O_CLOEXEC)
    finally:
        os.close(tell_go_on)
        os.close(ready)
        os.waitpid(child, 0)


def _lend(*, ready: int, until: int, close: tuple[int, int]) -> None:
    """The child: a namespace lives as long as somebody is in it, or has it open."""
    for descriptor in close:
        os.close(descriptor)
    try:
        kernel.enter_new_user_namespace()
        os.write(ready, b"y")
        os.read(until, 1)
    finally:
        os._exit(0)
