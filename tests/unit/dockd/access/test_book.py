"""access.db: what is kept in it, by whose hand it is changed, and that nobody is let in by one that is not whole."""

from __future__ import annotations

import os
import resource
import signal
import sqlite3
import stat
import threading
from pathlib import Path

import pytest

from dockd.access.book import Book, Damaged, NotSo, Unwritten
from dockd.access.known import KNOWN_FOR, Session, hashed, new_session, new_token

HASH = "$argon2id$kept"


def begin(book: Book, name: str, version: int | None, *, at: float = 0.0, via: str = "password") -> str:
    shown = new_session()
    book.begin_session(
        Session(hash=hashed(shown), name=name, role="viewer", via=via, version=version, made_at=at, seen_at=at),
        ended=-1.0,
    )
    return shown


@pytest.fixture
def book(tmp_path: Path) -> Book:
    return Book(tmp_path / "access.db", clock=lambda: 1000.0)


def test_nothing_is_made_by_looking(book: Book) -> None:
    assert not book.known().users
    assert list(book.path.parent.iterdir()) == []


def test_users_and_what_was_changed(book: Book) -> None:
    book.add_user("ann", role="viewer", password=HASH, by="os:root")
    with pytest.raises(NotSo, match="already"):
        book.add_user("ann", role="ops", password=HASH, by="os:root")
    book.change_user("ann", by="os:eve", role="ops")
    book.change_user("ann", by="os:eve", password=HASH + "2")
    with pytest.raises(NotSo):
        book.change_user("bob", by="os:eve", role="ops")
    with pytest.raises(NotSo):
        book.remove_user("bob", by="os:eve")
    known = book.known()
    assert (known.users["ann"].role, known.users["ann"].password) == ("ops", HASH + "2")
    assert [(one.seq, one.by, one.what, one.name, one.role) for one in known.untold] == [
        (1, "os:root", "user.added", "ann", "viewer"), (2, "os:eve", "user.role_changed", "ann", "ops"),
        (3, "os:eve", "user.password_changed", "ann", None),
    ]  # fmt: skip
    book.told(2)
    assert [one.seq for one in book.known().untold] == [3]
    assert stat.S_IMODE(book.path.stat().st_mode) == 0o600


def test_what_was_changed_cannot_be_unsaid(book: Book) -> None:
    book.add_user("ann", role="viewer", password=HASH, by="os:root")
    with sqlite3.connect(book.path) as db:
        for statement in ("DELETE FROM audit", "UPDATE audit SET by = 'nobody'"):
            with pytest.raises(sqlite3.IntegrityError, match="append-only"):
                db.execute(statement)
    db.close()


@pytest.mark.parametrize("what", ["role", "password", "removed"])
def test_a_session_ends_with_its_user(book: Book, what: str) -> None:
    book.add_user("ann", role="viewer", password=HASH, by="x")
    shown = begin(book, "ann", book.known().users["ann"].version)
    assert book.known().session(shown) is not None
    if what == "removed":
        book.remove_user("ann", by="x")
        book.add_user("ann", role="viewer", password=HASH, by="x")
    else:
        book.change_user(
            "ann", by="x", role="sergeant" if what == "role" else None, password="other" if what != "role" else None
        )
    assert book.known().session(shown) is None


def test_a_session_of_a_user_that_has_changed_does_not_hold_even_where_it_stands(book: Book) -> None:
    book.add_user("ann", role="viewer", password=HASH, by="x")
    shown = begin(book, "ann", 999)
    assert book.known().session(shown) is None
    other = begin(book, "ann", book.known().users["ann"].version)
    with sqlite3.connect(book.path) as db:
        db.execute("UPDATE users SET role = 'ops'")
    db.close()
    assert book.known().session(other) is None


def test_no_more_than_twenty_sessions_each(book: Book) -> None:
    book.add_user("ann", role="viewer", password=HASH, by="x")
    book.add_user("bob", role="viewer", password=HASH, by="x")
    users = book.known().users
    bobs = begin(book, "bob", users["bob"].version)
    anns = [begin(book, "ann", users["ann"].version, at=float(n)) for n in range(30)]
    known = book.known()
    assert [known.session(one) is not None for one in anns] == [False] * 10 + [True] * 20
    assert known.session(bobs) is not None


def test_where_somebody_is_known_is_bounded_and_ends(book: Book) -> None:
    book.add_user("ann", role="viewer", password=HASH, by="x")
    for n in range(30):
        one = Session(hash=f"h{n}", name="ann", role="viewer", via="password", version=1, made_at=float(n), seen_at=0.0)
        book.begin_session(one, ended=-1.0, place=f"192.0.2.{n}")
    known = book.known()
    assert [known.has_signed_in("ann", place=f"192.0.2.{n}", now=30.0) for n in range(30)] == [False] * 10 + [True] * 20
    assert not known.has_signed_in("bob", place="192.0.2.29", now=30.0)
    assert not known.has_signed_in("ann", place="192.0.2.29", now=29.0 + KNOWN_FOR)


def test_a_list_of_before_is_brought_to_todays_tables_by_whoever_comes_first(tmp_path: Path) -> None:
    path = tmp_path / "access.db"
    Book(path).add_user("ann", role="ops", password=HASH, by="x")
    with sqlite3.connect(path) as db:
        db.execute("DROP TABLE places")
        db.execute("DELETE FROM migrations WHERE number > 1")
    db.close()
    found: list[object] = []

    def look() -> None:
        book = Book(path)
        try:
            found.append(list(book.known().users))
        except Exception as error:  # noqa: BLE001 - told below
            found.append(error)
        finally:
            book.close()

    threads = [threading.Thread(target=look) for _ in range(6)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    assert found == [["ann"]] * 6


def test_tokens(book: Book) -> None:
    shown = new_token()
    made = book.add_token(shown, name=None, role="viewer", lasts=60.0, by="x")
    with pytest.raises(NotSo, match="already"):
        book.add_token(new_token(), name=made.name, role="viewer", lasts=60.0, by="x")
    known = book.known()
    assert known.token(shown, now=1000.0) == made
    assert known.token(shown, now=1060.0) is None, "it has expired"
    assert known.token(shown[:-1], now=1000.0) is None
    assert known.token(shown.removeprefix("dockd_"), now=1000.0) is None
    book.revoke_token(made.name, by="x")
    assert book.known().token(shown, now=1000.0) is None
    with pytest.raises(NotSo):
        book.revoke_token("other", by="x")
    assert shown.encode() not in book.path.read_bytes()


def test_nothing_secret_is_in_the_file(book: Book) -> None:
    book.add_user("ann", role="viewer", password=HASH, by="x")
    shown = begin(book, "ann", 1)
    assert shown.encode() not in book.path.read_bytes()


def test_what_another_changes_is_seen_and_what_nobody_changes_is_not_read_again(book: Book, tmp_path: Path) -> None:
    other = Book(tmp_path / "access.db")
    book.add_user("ann", role="viewer", password=HASH, by="x")
    first = book.known()
    assert book.known() is first
    other.change_user("ann", by="y", role="ops")
    second = book.known()
    assert second.users["ann"].role == "ops"
    assert book.known() is second
    book.change_user("ann", by="y", role="viewer")
    assert book.known().users["ann"].role == "viewer"


def cut(path: Path) -> None:
    path.write_bytes(b"")


def garbage(path: Path) -> None:
    path.write_bytes(os.urandom(8192))


def holed(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[4096:] = os.urandom(len(content) - 4096)
    path.write_bytes(content)


def another(path: Path) -> None:
    path.unlink()
    with sqlite3.connect(path) as db:
        db.execute("CREATE TABLE users (name TEXT)")
    db.close()


def emptied(path: Path) -> None:
    path.unlink()
    sqlite3.connect(path).close()
    path.touch()


def gone(path: Path) -> None:
    path.unlink()


def linked(path: Path) -> None:
    path.rename(path.with_name("elsewhere.db"))
    path.symlink_to("elsewhere.db")


def newer(path: Path) -> None:
    with sqlite3.connect(path) as db:
        db.execute("INSERT INTO migrations VALUES (99, '0099_later')")
    db.close()


def writable(path: Path) -> None:
    path.chmod(0o666)


def folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


DAMAGE = (cut, garbage, holed, another, emptied, gone, linked, newer, writable, folder)


@pytest.mark.parametrize("damage", DAMAGE, ids=lambda one: one.__name__)
@pytest.mark.parametrize("running", [True, False], ids=["while-it-runs", "at-the-start"])
def test_nobody_is_known_by_a_file_that_is_not_whole(book: Book, damage, running: bool) -> None:  # type: ignore[no-untyped-def]
    book.add_user("ann", role="ops", password=HASH, by="x")
    assert book.known().users
    if not running:
        book.close()
        book = Book(book.path)
    damage(book.path)
    for _ in range(2):
        with pytest.raises(Damaged):
            book.known()
    with pytest.raises(Damaged):
        book.add_user("eve", role="ops", password=HASH, by="x")
    book.close()


def test_a_new_list_is_begun_only_where_that_is_said(book: Book) -> None:
    book.add_user("ann", role="ops", password=HASH, by="x")
    book.add_token(new_token(), name="east", role="wall", lasts=60.0, by="x")
    garbage(book.path)
    content = book.path.read_bytes()
    book.see_unreadable()
    with pytest.raises(Damaged):
        book.known()
    book.path.with_name("access.db-journal").write_bytes(b"of the list before")
    kept = book.begin_anew("bob", role="ops", password=HASH, by="os:eve")
    assert kept is not None
    assert kept.read_bytes() == content
    assert not book.path.with_name("access.db-journal").exists(), "it would be played back into the new list"
    assert kept.with_name(f"{kept.name}-journal").read_bytes() == b"of the list before"
    known = book.known()
    assert (list(known.users), known.tokens, known.sessions) == (["bob"], {}, {})
    assert [(one.by, one.what, one.name) for one in known.untold] == [
        ("os:eve", "access.begun_anew", "bob"), ("os:eve", "user.added", "bob"),
    ]  # fmt: skip
    gone(book.path)
    with pytest.raises(Damaged):
        book.known()
    assert book.begin_anew("carl", role="ops", password=HASH, by="x") is None
    assert list(book.known().users) == ["carl"]


def test_a_list_that_can_be_read_is_not_begun_anew(book: Book) -> None:
    with pytest.raises(NotSo, match="without --begin-anew"):
        book.see_unreadable()
    book.add_user("ann", role="ops", password=HASH, by="x")
    with pytest.raises(NotSo, match="without --begin-anew"):
        book.see_unreadable()


@pytest.mark.parametrize("damage", [cut, garbage, gone, linked, folder], ids=lambda one: one.__name__)
def test_a_new_list_that_cannot_be_written_opens_nothing(book: Book, damage) -> None:  # type: ignore[no-untyped-def]
    """A disk that is full: what is there stays, and so does the word that there was a list."""
    book.add_user("ann", role="ops", password=HASH, by="x")
    book.close()
    damage(book.path)
    before = sorted(path.name for path in book.path.parent.iterdir())
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    heard = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (2048, limits[1]))
    try:
        with pytest.raises(Unwritten):
            book.begin_anew("bob", role="ops", password=HASH, by="x")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        signal.signal(signal.SIGXFSZ, heard)
    assert sorted(path.name for path in book.path.parent.iterdir()) == before
    for one in (book, Book(book.path)):
        with pytest.raises(Damaged):
            one.known()


def test_a_user_who_cannot_be_put_in_leaves_no_empty_list(book: Book) -> None:
    book.add_user("ann", role="ops", password=HASH, by="x")
    garbage(book.path)
    with pytest.raises(Unwritten):
        book.begin_anew("bob", role="king", password=HASH, by="x")  # type: ignore[arg-type]
    with pytest.raises(Damaged):
        Book(book.path).known()


def test_at_no_moment_is_the_dock_without_users_while_a_list_is_begun_anew(book: Book) -> None:
    book.add_user("ann", role="ops", password=HASH, by="x")
    garbage(book.path)
    seen: set[tuple[str, ...]] = set()
    done = threading.Event()

    def look() -> None:
        one = Book(book.path)
        while not done.is_set():
            try:
                seen.add(tuple(one.known().users))
            except (Damaged, Unwritten):
                seen.add(("nobody can be looked up",))
        one.close()

    looking = threading.Thread(target=look)
    looking.start()
    try:
        for _ in range(5):
            book.begin_anew("bob", role="ops", password=HASH, by="x")
            book.close()
            garbage(book.path)
    finally:
        done.set()
        looking.join()
    assert () not in seen


# -- whose it is ---------------------------------------------------------------------------------------------------------


def test_one_that_others_may_read_is_theirs_no_more(book: Book) -> None:
    book.add_user("ann", role="ops", password=HASH, by="x")
    book.close()
    book.path.chmod(0o644)
    assert Book(book.path).known().users
    assert stat.S_IMODE(book.path.stat().st_mode) == 0o600


@pytest.mark.parametrize("damage", [folder, linked], ids=lambda one: one.__name__)
def test_what_is_no_file_is_not_even_opened(book: Book, damage) -> None:  # type: ignore[no-untyped-def]
    book.add_user("ann", role="ops", password=HASH, by="x")
    book.close()
    damage(book.path)
    with pytest.raises(Damaged, match="no file of users"):
        book.known()


@pytest.mark.parametrize("mode", [0o770, 0o707])
def test_nobody_is_known_by_a_folder_that_others_may_write(book: Book, mode: int) -> None:
    book.path.parent.chmod(mode)
    with pytest.raises(Damaged, match="chmod go-w"):
        book.known()
    book.path.parent.chmod(0o700)
    book.add_user("ann", role="ops", password=HASH, by="x")
    book.path.parent.chmod(mode)
    with pytest.raises(Damaged, match="chmod go-w"):
        book.known()
    with pytest.raises(Unwritten, match="chmod go-w"):
        book.begin_anew("eve", role="ops", password=HASH, by="x")
    book.path.parent.chmod(0o700)


as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files away")
AGENT, ANOTHER = 54321, 54322


@as_root
def test_what_root_makes_in_the_agents_folder_is_the_agents(book: Book) -> None:
    os.chown(book.path.parent, AGENT, AGENT)
    book.add_user("ann", role="ops", password=HASH, by="x")
    assert {path.name: path.stat().st_uid for path in book.path.parent.iterdir()} == {
        "access.db": AGENT, "access.db.made": AGENT,
    }  # fmt: skip
    garbage(book.path)
    book.begin_anew("bob", role="ops", password=HASH, by="x")
    assert {path.stat().st_uid for path in book.path.parent.iterdir()} == {AGENT}


@as_root
def test_nobody_is_known_by_a_file_of_somebody_else(book: Book) -> None:
    os.chown(book.path.parent, AGENT, AGENT)
    book.add_user("ann", role="ops", password=HASH, by="x")
    for owner in (AGENT, 0):
        os.chown(book.path, owner, owner)
        assert book.known().users
    os.chown(book.path, ANOTHER, AGENT)
    with pytest.raises(Damaged, match="belongs to somebody else"):
        book.known()


def test_one_that_is_being_written_is_no_damage(book: Book, tmp_path: Path) -> None:
    book.add_user("ann", role="ops", password=HASH, by="x")
    with sqlite3.connect(book.path, isolation_level=None) as db:
        db.execute("BEGIN IMMEDIATE")
        assert "ann" in book.known().users
        db.execute("COMMIT")
        db.execute("BEGIN EXCLUSIVE")
        impatient = Book(tmp_path / "access.db", patience=0.05)
        with pytest.raises(Unwritten):
            impatient.known()
        db.execute("ROLLBACK")
        assert "ann" in impatient.known().users
        impatient.close()
    db.close()


def test_two_that_make_it_at_once_make_one(tmp_path: Path) -> None:
    failures: list[BaseException] = []

    def add(name: str) -> None:
        book = Book(tmp_path / "access.db")
        try:
            book.add_user(name, role="viewer", password=HASH, by="x")
        except BaseException as error:  # noqa: BLE001 - told below
            failures.append(error)
        finally:
            book.close()

    threads = [threading.Thread(target=add, args=(f"user{n}",)) for n in range(6)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    assert not failures
    assert len(Book(tmp_path / "access.db").known().users) == 6
    assert sorted(path.name for path in tmp_path.iterdir()) == ["access.db", "access.db.made"]


class _Late(type(Path())):  # type: ignore[misc]
    """A name at which nothing is, until somebody asks whether there was something."""

    def exists(self) -> bool:
        Book(Path(self.parent) / "access.db").make()
        return bool(super().exists())


def test_one_that_another_makes_between_two_looks_is_not_gone(tmp_path: Path) -> None:
    book = Book(_Late(tmp_path / "access.db"))
    book.add_user("ann", role="viewer", password=HASH, by="x")
    assert list(book.known().users) == ["ann"]
    book.close()


def test_one_that_cannot_be_opened_for_want_of_a_descriptor_is_no_damage(book: Book) -> None:
    """Whoever is told that it is damaged is told to begin another."""
    book.add_user("ann", role="ops", password="h", by="t")
    book.close()
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    lowest = os.open("/", os.O_RDONLY)
    os.close(lowest)
    resource.setrlimit(resource.RLIMIT_NOFILE, (lowest, before[1]))
    try:
        with pytest.raises(Unwritten):
            book.known()
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)
    assert list(book.known().users) == ["ann"]
