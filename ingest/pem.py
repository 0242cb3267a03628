"""A certificate with its key, in PEM files that are renewed under a running process.

Rules: each file is read once and in bounds, so one that is renewed meanwhile is whole or refused; what was read is what is loaded, and nothing of a key is written anywhere; nobody is
ever asked for a password.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import ssl
from collections.abc import Iterator
from pathlib import Path

_LARGEST = 1 << 20


def read(file: Path) -> bytes:
    """Its bytes. Blocks. Raises OSError, and ValueError where it has more than a MiB."""
    with file.open("rb") as opened:
        found = opened.read(_LARGEST + 1)
    if len(found) > _LARGEST:
        raise ValueError(f"{file} has more than {_LARGEST} bytes")
    return found


def load(context: ssl.SSLContext, cert: bytes, key: bytes, *, who: str) -> None:
    """The certificate with its chain, and the key, into the context: connections from now on are made with it. A pair that cannot be used leaves a context broken, so
    try it in another one first. `who` has nobody to ask for the password of an encrypted key. Raises OSError, ValueError.
    """

    def no_password() -> str:
        raise ValueError(f"the key is encrypted, and {who} has nobody to ask for its password")

    with as_file(cert) as cert_name, as_file(key) as key_name:
        context.load_cert_chain(cert_name, key_name, password=no_password)


def digest(cert: bytes, key: bytes) -> bytes:
    """By which a renewed pair is told from the one of before: 32 bytes."""
    return hashlib.sha256(hashlib.sha256(cert).digest() + hashlib.sha256(key).digest()).digest()


@contextlib.contextmanager
def as_file(found: bytes) -> Iterator[str]:
    """A name by which OpenSSL reads these bytes; they are in memory alone."""
    fd = os.memfd_create("certificate", os.MFD_CLOEXEC)
    try:
        os.write(fd, found)
        yield f"/proc/self/fd/{fd}"
    finally:
        os.close(fd)


def why(wrong: Exception) -> str:
    """What is wrong, without the errno in front."""
    return wrong.strerror if isinstance(wrong, OSError) and wrong.strerror else str(wrong)
