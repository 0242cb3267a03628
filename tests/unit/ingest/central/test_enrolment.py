"""The book of docks: an invitation is for one half of one dock, once; what was taken back opens nothing; and all of it stays written down."""

from __future__ import annotations

import sqlite3
import threading
from pathlib import Path

import pytest

from ingest.central.authority import Issued
from ingest.central.enrolment import Enrolment, Invited, NotSoError, Way, sha256
from ingest.central.enrolment_file import EnrolmentFile
from ingest.central.redeeming import Given, Half, Redeeming
from ingest.central.refusals import Refusal, StoreUnusableError
from tests.unit.ingest.central.set_clock import DAY, SetClock


class Book:
    """Both sides of one docks.db, on a clock that is set."""

    def __init__(self, folder: Path) -> None:
        self.clock = SetClock()
        self.file = EnrolmentFile(folder / "docks.db")
        self.operator = Enrolment(self.file, clock=self.clock)
        self.desk = Redeeming(self.file, clock=self.clock)
        self._made = 0

    def invite(
        self,
        dock: str = "rack-1",
        *,
        ways: tuple[Way, ...] = ("certificate", "token"),
        approval: bool = False,
        again: bool = False,
    ) -> Invited:
        return self.operator.invite(dock, who="os:ann", lasts=DAY, ways=ways, approval=approval, again=again)

    def token(self, text: str) -> Half:
        return Half(way="token", digest=sha256(text))

    def certificate(self, key: str) -> Half:
        def issue(dock: str) -> Issued:
            self._made += 1
            ends = self.clock.now() + 90 * DAY
            return Issued(
                pem=f"PEM {dock} {self._made}",
                fingerprint=sha256(f"{key}{self._made}"),
                serial="1",
                starts=0,
                ends=ends,
            )

        return Half(way="certificate", digest=sha256(key), issue=issue)

    def redeem(self, invited: Invited, half: Half, *, secret: str | None = None) -> Given:
        return self.desk.redeem(f"{invited.id}.{secret or invited.secret}", half, who="10.0.0.7")

    @property
    def actions(self) -> list[str]:
        return [line.action for line in self.operator.log()]

    def holds(self, way: Way, digest: str) -> bool:
        known = self.operator.known()
        found = (known.tokens if way == "token" else known.certificates).get(digest)
        return found is not None and found.holds


@pytest.fixture
def book(tmp_path: Path) -> Book:
    return Book(tmp_path)


def refusal(book: Book, invited: Invited, half: Half, *, secret: str | None = None) -> tuple[int, str]:
    with pytest.raises(Refusal) as found:
        book.redeem(invited, half, secret=secret)
    return found.value.status, found.value.slug


def test_an_invitation_gives_a_token_its_place_once(book: Book) -> None:
    invited = book.invite()
    given = book.redeem(invited, book.token("one"))
    assert (given.dock, given.way, given.certificate, given.waits) == ("rack-1", "token", None, False)
    assert book.holds("token", sha256("one"))
    assert refusal(book, invited, book.token("two")) == (403, "used")
    assert not book.holds("token", sha256("two"))
    assert book.actions == ["dock.invited", "dock.asked", "dock.enrolled", "invitation.used_again"]


def test_asked_again_with_the_same_key_it_gives_the_same(book: Book) -> None:
    """The answer was lost, and the dock asks again: not another certificate, and nothing is complained of."""
    invited, half = book.invite(), book.certificate("key")
    first = book.redeem(invited, half)
    book.clock.pass_(3600)
    assert book.redeem(invited, half) == first
    book.clock.pass_(2 * DAY)
    assert refusal(book, invited, half) == (401, "invitation-over")
    assert book.actions.count("dock.enrolled") == 1


def test_five_wrong_secrets_end_it(book: Book) -> None:
    invited = book.invite()
    for _ in range(5):
        assert refusal(book, invited, book.token("x"), secret="w" * 43) == (401, "invitation")
    assert refusal(book, invited, book.token("x")) == (401, "invitation")
    assert book.actions.count("invitation.wrong_secret") == 5


def test_nothing_tells_what_is_unknown_from_what_is_wrong(book: Book) -> None:
    invited = book.invite()
    with pytest.raises(Refusal) as unknown:
        book.desk.redeem(f"{'0' * 12}.{invited.secret}", book.token("x"), who="somewhere")
    with pytest.raises(Refusal) as wrong:
        book.redeem(invited, book.token("x"), secret="w" * 43)
    assert unknown.value.problem() == wrong.value.problem()


def test_it_ends_and_a_clock_that_went_back_does_not_open_it_again(book: Book) -> None:
    invited = book.invite()
    book.clock.pass_(DAY + 1)
    assert refusal(book, invited, book.token("x")) == (401, "invitation-over")
    book.clock.jump(-3 * DAY)
    assert refusal(book, invited, book.token("x")) == (503, "clock")


def test_a_newer_invitation_withdraws_the_one_before(book: Book) -> None:
    old, new = book.invite(), book.invite()
    assert refusal(book, old, book.token("x")) == (401, "invitation")
    book.redeem(new, book.token("x"))


def test_only_what_it_is_for(book: Book) -> None:
    invited = book.invite(ways=("certificate",))
    assert refusal(book, invited, book.token("x")) == (400, "way")
    book.redeem(invited, book.certificate("key"))


def test_of_two_at_once_one_is_enrolled(book: Book) -> None:
    invited, halves = book.invite(), [book.token(str(n)) for n in range(6)]
    done: list[str] = []

    def ask(half: Half) -> None:
        try:
            done.append(book.redeem(invited, half).dock)
        except Refusal as refused:
            done.append(refused.slug)

    threads = [threading.Thread(target=ask, args=(half,)) for half in halves]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    assert sorted(done) == ["rack-1", *["used"] * 5]
    assert sum(one.holds for one in book.operator.known().tokens.values()) == 1


def test_a_person_looks_first_where_that_was_said(book: Book) -> None:
    invited, half = book.invite(approval=True), book.certificate("key")
    assert book.redeem(invited, half).waits
    assert book.redeem(invited, half).waits
    assert refusal(book, invited, book.certificate("other")) == (403, "used")
    assert book.operator.waiting("rack-1") == half.digest
    with pytest.raises(NotSoError, match="has the key"):
        book.operator.approve("rack-1", key="0" * 64, who="os:ann")
    book.clock.pass_(3 * DAY)
    assert book.redeem(invited, half).waits
    book.operator.approve("rack-1", key=half.digest, who="os:ann")
    assert book.redeem(invited, half).certificate == "PEM rack-1 1"
    with pytest.raises(NotSoError, match="waits for approval"):
        book.operator.waiting("rack-1")


def test_who_is_enrolled_is_replaced_only_where_the_operator_said_so(book: Book) -> None:
    book.redeem(book.invite(), book.token("one"))
    with pytest.raises(NotSoError, match="--again"):
        book.invite()
    invited = book.invite(again=True)
    assert book.holds("token", sha256("one"))  # until it is used
    book.redeem(invited, book.certificate("key"))
    assert not book.holds("token", sha256("one"))
    assert "dock.replaced" in book.actions


def test_what_was_revoked_opens_nothing_until_it_is_invited_again(book: Book) -> None:
    book.redeem(book.invite(), book.token("one"))
    book.operator.revoke("rack-1", who="os:ann", reason="stolen")
    assert not book.holds("token", sha256("one"))
    with pytest.raises(Refusal, match="taken back"):
        book.desk.renew("rack-1", book.token("two"), shown=sha256("one"))
    invited = book.invite()
    assert refusal(book, invited, book.token("one")) == (400, "key")  # whoever stole it has that one
    book.redeem(invited, book.token("two"))
    assert not book.holds("token", sha256("one"))
    assert [(line.who, line.detail["reason"]) for line in book.operator.log() if line.action == "dock.revoked"] == [
        ("os:ann", "stolen")
    ]


@pytest.mark.parametrize("way", ["certificate", "token"])
@pytest.mark.parametrize("how", ["revoked", "replaced"])
def test_an_invitation_that_was_used_gives_nothing_again_once_that_was_taken_back(
    book: Book, way: Way, how: str
) -> None:
    """Else a dock is told that it is enrolled, with what opens nothing."""
    invited, half = book.invite(), book.certificate("key") if way == "certificate" else book.token("key")
    book.redeem(invited, half)
    if how == "revoked":
        book.operator.revoke("rack-1", who="os:ann", reason="")
    else:
        book.redeem(book.invite(again=True), book.token("another"))
    assert refusal(book, invited, half) == (403, "revoked")
    book.redeem(book.invite(again=True), book.token("one more"))
    assert refusal(book, invited, half) == (403, "revoked")


def test_revoking_ends_an_invitation_that_is_still_open(book: Book) -> None:
    invited = book.invite()
    book.operator.revoke("rack-1", who="os:ann", reason="")
    assert refusal(book, invited, book.token("x")) == (401, "invitation")
    with pytest.raises(NotSoError, match="no dock called rack-7"):
        book.operator.revoke("rack-7", who="os:ann", reason="")


def test_two_docks_cannot_have_one_key(book: Book) -> None:
    book.redeem(book.invite("rack-1"), book.certificate("key"))
    assert refusal(book, book.invite("rack-2"), book.certificate("key")) == (400, "key")
    book.redeem(book.invite("rack-3"), book.token("t"))
    with pytest.raises(Refusal, match="used before"):
        book.desk.renew("rack-3", book.certificate("key"), shown=sha256("t"))


def test_a_renewed_token_holds_beside_the_one_before_for_a_day(book: Book) -> None:
    book.redeem(book.invite(), book.token("one"))
    book.desk.renew("rack-1", book.token("two"), shown=sha256("one"))
    known = book.operator.known().tokens
    assert known[sha256("one")].ends_at == book.clock.now() + DAY
    assert known[sha256("two")].ends_at is None
    book.desk.renew("rack-1", book.token("two"), shown=sha256("one"))  # its answer was lost
    assert book.operator.known().tokens[sha256("two")].ends_at is None


def test_what_was_taken_back_or_is_over_renews_nothing_though_its_dock_is_enrolled(book: Book) -> None:
    """Somebody has what the dock had, and keeps a renewal back until the dock was invited again: it brings in nobody."""
    book.redeem(book.invite(), book.token("stolen"))
    book.redeem(book.invite(again=True), book.token("own"))
    for shown in (sha256("stolen"), sha256("unknown")):
        with pytest.raises(Refusal, match="taken back") as refused:
            book.desk.renew("rack-1", book.token("thief's"), shown=shown)
        assert (refused.value.status, refused.value.slug) == (403, "revoked")
    book.redeem(book.invite("rack-2"), book.token("another's"))
    with pytest.raises(Refusal, match="taken back"):
        book.desk.renew("rack-1", book.token("thief's"), shown=sha256("another's"))
    book.desk.renew("rack-1", book.token("next"), shown=sha256("own"))
    book.clock.pass_(DAY + 1)
    with pytest.raises(Refusal, match="is over") as refused:
        book.desk.renew("rack-1", book.token("thief's"), shown=sha256("own"))
    assert refused.value.status == 401
    assert not book.holds("token", sha256("thief's"))
    assert book.actions.count("dock.renewed") == 1


def test_a_dock_that_renews_without_end_is_slowed_down(book: Book) -> None:
    book.redeem(book.invite(), book.certificate("key"))
    for n in range(19):
        book.desk.renew("rack-1", book.certificate(f"key {n}"), shown=sha256("key1"))
    with pytest.raises(Refusal, match="20 times") as refused:
        book.desk.renew("rack-1", book.certificate("one more"), shown=sha256("key1"))
    assert refused.value.status == 429
    book.clock.pass_(DAY)
    book.desk.renew("rack-1", book.certificate("one more"), shown=sha256("key1"))


@pytest.mark.parametrize("name", ["", "a b", "../x", "-x", "x" * 64, "ра", "x\n", "CN=x,O=y", "."])
def test_names_that_no_dock_has(book: Book, name: str) -> None:
    with pytest.raises(NotSoError):
        book.invite(name)


def test_the_log_is_kept_for_good_and_no_secret_is_in_the_file(book: Book) -> None:
    invited = book.invite()
    book.redeem(invited, book.token("what nobody knows"))
    with sqlite3.connect(book.file.path) as db:
        for change in ("DELETE FROM enrolment_log", "UPDATE enrolment_log SET who = 'nobody'"):
            with pytest.raises(sqlite3.IntegrityError, match="kept for good"):
                db.execute(change)
    db.close()
    raw = book.file.path.read_bytes()
    assert invited.secret.encode() not in raw
    assert b"what nobody knows" not in raw
    assert book.file.path.stat().st_mode & 0o777 == 0o600


def test_a_file_that_is_not_whole_is_not_taken_for_an_empty_one(book: Book) -> None:
    book.invite()
    book.file.path.write_bytes(b"")
    with pytest.raises(StoreUnusableError, match="it is empty"):
        book.invite()
    book.file.path.write_bytes(b"nonsense" * 1000)
    with pytest.raises(StoreUnusableError, match="put it back"):
        book.operator.docks()


def test_a_list_of_what_there_is(book: Book) -> None:
    book.redeem(book.invite("a"), book.certificate("key"))
    book.invite("b")
    book.redeem(book.invite("c", approval=True), book.certificate("c"))
    book.redeem(book.invite("d"), book.token("d"))
    book.operator.revoke("d", who="os:ann", reason="")
    rows = {one.dock: (one.state, one.way) for one in book.operator.docks()}
    assert rows == {
        "a": ("enrolled", "certificate"),
        "b": ("invited", None),
        "c": ("asked", "certificate"),
        "d": ("revoked", "token"),
    }
    book.clock.pass_(2 * DAY)
    assert {one.dock: one.state for one in book.operator.docks()}["b"] == "over"
