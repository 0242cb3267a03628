"""What the disk says of a configuration: the file itself, and the files and folders that it names.

Rules kept here: nothing is created, written or followed further than `stat` and a bounded read of the configuration;
a FIFO or device in place of a file is refused without being opened for reading; contents of named files are never read
(they may be secrets), only whether dockd could.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path

from dockd.settings.checking import overlaps
from dockd.settings.documents import Origin
from dockd.settings.mistakes import Mistake
from dockd.settings.reading import Reading
from dockd.settings.schema import CamerasSettings

MAX_BYTES = 1024 * 1024
"""A configuration file is at most 1 MiB."""

_FILE = "a readable TOML file"
_SOMETHING = "at least [store] with a url in it"
_NAMED_FILES = (
    ("store", "token_file", True),
    ("store", "ca_file", False),
    ("store", "client_cert_file", False),
    ("store", "client_key_file", True),
    ("store", "proxy_auth_file", True),
    ("page", "tls_cert_file", False),
    ("page", "tls_key_file", True),
    ("registry", "file", False),
)
"""Files that have to be there already: section, key, whether it holds a secret."""


def read_file(path: Path, *, file: str, something: str = _SOMETHING) -> str | Mistake:
    """The text of a configuration file, or the one mistake that keeps it from being read. Raises nothing.

    `something` says in words what an empty one lacks.
    """
    at = Origin(file, None, "")
    try:
        raw = _bytes(path)
    except FileNotFoundError:
        return at.mistake("there is no such file", _FILE)
    except PermissionError:
        return at.mistake("may not be read by this user", _FILE)
    except (OSError, ValueError) as error:
        said = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        return at.mistake(f"cannot be read: {said}", _FILE)
    if isinstance(raw, str):
        return at.mistake(raw, _FILE)
    if len(raw) > MAX_BYTES:
        return at.mistake("is larger than 1 MiB", _FILE + " of at most 1 MiB")
    if not raw.strip():
        return at.mistake("is empty", something)
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        return Origin(file, line, "").mistake("is not UTF-8 text", "a TOML file in UTF-8")


def _bytes(path: Path) -> bytes | str:
    """At most a byte more than allowed, or in words why there is nothing to read. Raises OSError, ValueError."""
    # Non-blocking: opening a FIFO that nobody writes to would wait for ever.
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY)
    try:
        mode = os.fstat(descriptor).st_mode
        if stat.S_ISDIR(mode):
            return "is a directory"
        if not stat.S_ISREG(mode):
            return "is not a regular file"
        with open(descriptor, "rb", closefd=False) as opened:
            return opened.read(MAX_BYTES + 1)
    finally:
        os.close(descriptor)


def file_checks(reading: Reading) -> list[Mistake]:
    """Every mistake that only the disk shows, for the user who runs this."""
    already = {(mistake.line, mistake.key) for mistake in reading.mistakes}
    found = [*_named_files(reading), *_folders(reading), *overlaps(reading, seen_as=_real)]
    return [mistake for mistake in found if (mistake.line, mistake.key) not in already]


def _real(path: Path) -> Path:
    return Path(os.path.realpath(path))


def _named_files(reading: Reading) -> Iterator[Mistake]:
    for section, key, secret in _NAMED_FILES:
        path: Path | None = getattr(getattr(reading.settings, section), key)
        if path is None:
            continue
        wrong = _wrong_with_file(path, secret=secret)
        if wrong is not None:
            yield reading.origin(section, key).mistake(*wrong)


def _wrong_with_file(path: Path, *, secret: bool) -> tuple[str, str] | None:
    expected = "the path of a file that dockd can read"
    status = _look(path)
    if status is None:
        return f"{path} does not exist", expected
    if isinstance(status, str):
        return status, expected + f" ({_AS_USER})"
    if not stat.S_ISREG(status.st_mode):
        return f"{path} is not a regular file", expected
    if not os.access(path, os.R_OK):
        return f"{path} may not be read by this user", expected
    if secret and status.st_mode & 0o007:
        return f"{path} can be read by everybody on this machine", f"a file of dockd's own: chmod 600 {path}"
    if status.st_size == 0:
        return f"{path} is empty", expected
    return None


_AS_USER = "is this the user that dockd runs as?"


def _look(path: Path) -> os.stat_result | str | None:
    """What is there; None where nothing is; in words why it cannot be seen. Raises nothing."""
    try:
        return path.stat()
    except FileNotFoundError:
        return None
    except PermissionError:
        return f"{path} may not be looked at by this user: a folder on the way is closed to it"
    except NotADirectoryError:
        return f"{path} cannot be there: something on the way is not a folder"
    except (OSError, ValueError) as error:
        said = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        return f"{path} cannot be looked at ({said})"


def _folders(reading: Reading) -> Iterator[Mistake]:
    settings = reading.settings
    if settings.docks.folders is not None:
        yield from _folder(reading, ("docks", "folders"), settings.docks.folders)
    # The shipped default need not be there: a site without profiles of its own has no such folder.
    if settings.cameras.profiles != CamerasSettings().profiles:
        yield from _folder(reading, ("cameras", "profiles"), settings.cameras.profiles)
    if settings.store.kind == "directory" and (settings.store.url or "").startswith("/"):
        yield from _folder(reading, ("store", "url"), Path(settings.store.url or "/"))
    if settings.log.file is not None:
        log_folder = [*_folder(reading, ("log", "file"), settings.log.file.parent)]
        yield from log_folder or _kind(reading, ("log", "file"), settings.log.file, folder=False)
    yield from _kind(reading, ("ledger", "path"), settings.ledger.path, folder=False)
    yield from _kind(reading, ("spool", "path"), settings.spool.path, folder=True)


def _kind(reading: Reading, key: tuple[str, str], path: Path, *, folder: bool) -> Iterator[Mistake]:
    """A place that dockd makes itself: it need not be there, but what is there is of the right kind, and can be seen."""
    status = _look(path)
    expected = "the path of a folder" if folder else "the path of a file"
    if isinstance(status, str):
        yield reading.origin(*key).mistake(status, f"a place that dockd's user may enter ({_AS_USER})")
    elif status is not None and stat.S_ISDIR(status.st_mode) is not folder:
        yield reading.origin(*key).mistake(f"{path} is {'not a folder' if folder else 'a directory'}", expected)


def _folder(reading: Reading, key: tuple[str, str], path: Path) -> Iterator[Mistake]:
    status = _look(path)
    if isinstance(status, str):
        yield reading.origin(*key).mistake(status, f"a folder that dockd can read ({_AS_USER})")
    elif status is None or not stat.S_ISDIR(status.st_mode):
        what = "does not exist" if status is None else "is not a folder"
        yield reading.origin(*key).mistake(f"{path} {what}", f"a folder that is there: mkdir -p {path}")
    elif not os.access(path, os.R_OK | os.X_OK):
        yield reading.origin(*key).mistake(f"{path} may not be read by this user", "a folder that dockd can read")
