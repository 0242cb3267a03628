"""What the disk says of a configuration: the file itself, and the files and folders that it names.

Rules kept here: nothing is created, written or followed further than `stat` and a bounded read of the configuration;
a FIFO or device in place of a file is refused without being opened for reading; contents of named files are never read
(they may be secrets), only whether dockd could.
"""

from __future__ import annotations

import codecs
import errno
import os
import stat
from collections.abc import Iterator
from pathlib import Path

from dockd.settings.checking import overlaps
from dockd.settings.credentials import missing
from dockd.settings.documents import Origin
from dockd.settings.mistakes import Mistake
from dockd.settings.reading import Reading
from dockd.settings.schema import CamerasSettings, Settings
from dockd.settings.shares import Seen, seen

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
    ("oidc", "client_secret_file", True),
    ("oidc", "ca_file", False),
)
"""Files that have to be there already: section, key, whether it holds a secret. The list of cameras is none of them: a dock works without."""
_WORKS_WITHOUT = "oidc"  # a section whose files a start can do without: nobody signs in by them


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
        wide = raw.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
        said = "is UTF-16 text, as some editors on Windows save it" if wide else "is not UTF-8 text"
        return Origin(file, line, "").mistake(said, "a TOML file in UTF-8")


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
    share = _share(reading)
    there = seen(share) if share is not None else None

    def real(path: Path) -> Path:
        if path != share:
            return _real(path)
        return there.real if there is not None else Path(os.path.normpath(path))

    found = [*named_files(reading), *_folders(reading, share=there), *overlaps(reading, seen_as=real)]
    return [mistake for mistake in found if (mistake.line, mistake.key) not in already]


def _share(reading: Reading) -> Path | None:
    """The folder that the store is, where it is one: only another process touches it, for its server may be gone."""
    store = reading.settings.store
    return Path(store.url) if store.kind == "directory" and (store.url or "").startswith("/") and store.url else None


def _real(path: Path) -> Path:
    return Path(os.path.realpath(path))


def named_files(reading: Reading, *, secrets_open: bool = True) -> Iterator[Mistake]:
    """Every mistake of the files that have to be there already, for the user who runs this.

    `secrets_open`: a secret that everybody may read is one, too.
    """
    for section, key, secret in _NAMED_FILES:
        path: Path | None = getattr(getattr(reading.settings, section), key)
        if path is None:
            continue
        wrong = _wrong_with_file(path, secret=secret and secrets_open)
        if section == _WORKS_WITHOUT and _wrong_with_file(path, secret=False) is not None:
            continue  # `sign_in_files` tells of it
        if (
            wrong is not None
            and section == "store"
            and path.is_relative_to(reading.settings.keys_path)
            and _look(path) is None
        ):
            wrong = wrong[0], f"what `{enrols(reading.settings)}` gets from the store: this dock has to be enrolled"
        if wrong is not None:
            yield reading.origin(section, key).mistake(*wrong)


def sign_in_files(reading: Reading) -> Iterator[Mistake]:
    """Every mistake of the files without which dockd works, and nobody signs in at the provider. One that shows a secret is told by `named_files`."""
    for section, key, _ in _NAMED_FILES:
        path: Path | None = getattr(getattr(reading.settings, section), key) if section == _WORKS_WITHOUT else None
        if path is not None and (wrong := _wrong_with_file(path, secret=False)) is not None:
            yield reading.origin(section, key).mistake(*wrong)


def enrols(settings: Settings) -> str:
    """The command by which this dock gets what it comes in with to its store."""
    return f"dockd enroll {settings.store.url}" if settings.store.url else "dockd enroll URL"


def _wrong_with_file(path: Path, *, secret: bool) -> tuple[str, str] | None:
    expected = "the path of a file that dockd can read"
    status = _look(path)
    if status is None:
        return missing(path) or (f"{path} does not exist", expected)
    if isinstance(status, str):
        return status, expected + f" ({_AS_USER})"
    if stat.S_ISDIR(status.st_mode):
        return f"{path} is a directory", expected
    if not stat.S_ISREG(status.st_mode):
        return f"{path} is not a regular file", expected
    if not os.access(path, os.R_OK, effective_ids=True):
        return f"{path} may not be read by this user", expected
    if secret and status.st_mode & 0o007:
        return f"{path} can be read by everybody on this machine", f"a file of dockd's own: chmod 600 {path}"
    if status.st_size == 0:
        return f"{path} is empty", expected
    return None


_SERVER_GONE = frozenset({
    errno.EIO, errno.ESTALE, errno.ENOTCONN, errno.EHOSTDOWN, errno.EHOSTUNREACH, errno.ETIMEDOUT, errno.EREMOTEIO, errno.ECONNRESET,
})  # fmt: skip
_AS_USER = "is this the user that dockd runs as?"


def _not_seen(path: Path, code: int) -> tuple[str, str]:
    expected = f"a folder that dockd can read ({_AS_USER})"
    if code == errno.ENOTDIR:
        return f"{path} cannot be there: something on the way is not a folder", expected
    return f"{path} cannot be looked at ({os.strerror(code)})", expected


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


def _folders(reading: Reading, *, share: Seen | None) -> Iterator[Mistake]:
    settings = reading.settings
    if settings.docks.folders is not None:
        yield from _folder(reading, ("docks", "folders"), settings.docks.folders)
    # The shipped default need not be there: a site without profiles of its own has no such folder.
    if settings.cameras.profiles != CamerasSettings().profiles:
        yield from _folder(reading, ("cameras", "profiles"), settings.cameras.profiles)
    if share is not None:
        yield from _share_folder(reading, Path(settings.store.url or "/"), share)
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
    elif not os.access(path, os.R_OK | os.X_OK, effective_ids=True):
        yield reading.origin(*key).mistake(f"{path} may not be read by this user", "a folder that dockd can read")


def _share_folder(reading: Reading, path: Path, share: Seen) -> Iterator[Mistake]:
    """One that does not answer is no mistake in a configuration: dockd starts, and waits for it."""
    at = reading.origin("store", "url")
    if share.mode is not None and stat.S_ISDIR(share.mode):
        if not share.enters:
            yield at.mistake(f"{path} may not be read by this user", "a folder that dockd can read")
    elif share.error not in _SERVER_GONE:
        expected = f"a folder that is there: mkdir -p {path}"
        if share.error == errno.EACCES:
            yield at.mistake(
                f"{path} may not be looked at by this user: a folder on the way is closed to it",
                f"a folder that dockd can read ({_AS_USER})",
            )
        elif share.error in (0, errno.ENOENT):
            yield at.mistake(f"{path} {'does not exist' if share.error else 'is not a folder'}", expected)
        else:
            yield at.mistake(*_not_seen(path, share.error))
