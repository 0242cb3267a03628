"""What a listing means: the same file, one that grew, another one, dockd's own deletion, another card. Nothing here touches a disk."""

from __future__ import annotations

from typing import Any

import pytest

from ingest.ledger.segments import Segment
from ingest.list import Comparison, Seen, compare
from ingest.model import Listed, Skipped

LINK = Skipped(path=b"link", kind="symlink", message="")


def known(path: bytes = b"a", **changes: Any) -> Segment:
    """A segment that was pulled, as the ledger has it."""
    fields: dict[str, Any] = dict.fromkeys(Segment.__dataclass_fields__)
    fields |= {
        "id": f"id-{path.decode()}", "camera": "CAM", "path": path, "size": 10, "mtime_ns": 100, "ctime_ns": 200, "dev": 1, "ino": 7,
        "docking": 1, "sha256": "f" * 64, "on_camera": 1, "in_spool": 1, "in_store": 0,
    }  # fmt: skip
    return Segment(**fields | changes)


def listed(path: bytes = b"a", **changes: Any) -> Listed:
    fields = {"size": 10, "mtime_ns": 100, "ctime_ns": 200, "dev": 1, "ino": 7}
    return Listed(path=path, **fields | changes)


def look(
    *files: Listed, expected: tuple[Segment, ...] = (), before: tuple[Segment, ...] = (), first: bool = True, change_times: bool = True,
    ours: tuple[str, ...] = (), hidden: bytes = b"",
) -> dict[str, list[str]]:  # fmt: skip
    """What was found, by kind, as paths or ids; kinds of which there is nothing are left out."""
    skipped = (LINK, Skipped(path=hidden, kind="unreadable", message="", hides=True)) if hidden else (LINK,)
    seen = Seen(files=files, skipped=skipped, change_times=change_times)
    found = compare(seen, expected=expected, before=before, first=first, ours=ours)
    return said(found)


def said(found: Comparison) -> dict[str, list[str]]:
    kinds: dict[str, list[str]] = {"new": [file.path.decode() for file in found.new]}
    for name in ("same", "unsure", "grown", "replaced"):
        kinds[name] = [segment.id for segment, _file in getattr(found, name)]
    for name in ("deleted", "vanished"):
        kinds[name] = [segment.id for segment in getattr(found, name)]
    kinds["other_card"] = [str(found.other_card)] if found.other_card else []
    return {name: sorted(what) for name, what in kinds.items() if what}


def test_a_new_camera() -> None:
    assert look(listed(b"a"), listed(b"b")) == {"new": ["a", "b"]}


def test_an_empty_camera_of_which_nothing_is_expected() -> None:
    assert look() == {}


def test_untouched() -> None:
    assert look(listed(), expected=(known(),)) == {"same": ["id-a"]}


@pytest.mark.parametrize("change", [{"ctime_ns": 201}, {"ino": 8}, {"dev": 2}])
def test_touched_but_alike_has_to_be_read(change: dict[str, Any]) -> None:
    assert look(listed(**change), expected=(known(),)) == {"unsure": ["id-a"]}


def test_where_change_times_prove_nothing_it_has_to_be_read() -> None:
    assert look(listed(), expected=(known(),), change_times=False) == {"unsure": ["id-a"]}


@pytest.mark.parametrize("change", [{"size": 11}, {"size": 9}, {"mtime_ns": 101}, {"mtime_ns": 99}])
def test_what_was_pulled_and_looks_otherwise_is_another(change: dict[str, Any]) -> None:
    assert look(listed(**change), expected=(known(),), first=False) == {"replaced": ["id-a"]}


def test_what_was_never_pulled_may_grow() -> None:
    waiting = known(sha256=None, in_spool=0)
    assert look(listed(size=11, mtime_ns=101, ctime_ns=201), expected=(waiting,)) == {"grown": ["id-a"]}
    assert look(listed(size=9, mtime_ns=101), expected=(waiting,), first=False) == {"replaced": ["id-a"]}
    assert look(listed(ctime_ns=201), expected=(waiting,)) == {"same": ["id-a"]}


def test_what_was_never_pulled_and_is_longer_is_the_same_file_whatever_time_it_was_given_in_the_end() -> None:
    """As `cp -a` does: it writes, and dates the file back."""
    waiting = known(sha256=None, in_spool=0)
    for size in (10, 11):
        dated_back: dict[str, Any] = {"size": size, "mtime_ns": 50, "ctime_ns": 201}
        for first in (True, False):
            assert look(listed(**dated_back), expected=(waiting,), first=first) == {"grown": ["id-a"]}
        for other in ({"ino": 8}, {"dev": 2}):
            assert look(listed(**dated_back | other), expected=(waiting,), first=False) == {"replaced": ["id-a"]}
        assert look(listed(**dated_back), expected=(waiting,), first=False, change_times=False) == {
            "replaced": ["id-a"]
        }
    assert look(listed(size=9, mtime_ns=50), expected=(waiting,), first=False) == {"replaced": ["id-a"]}


def test_gone_within_a_docking_is_gone() -> None:
    assert look(expected=(known(),), first=False) == {"vanished": ["id-a"]}
    assert look(expected=(known(wipe_permit=3),), first=False) == {"deleted": ["id-a"]}


def test_some_gone_at_the_first_look() -> None:
    both = (known(b"a"), known(b"b"))
    assert look(listed(b"a"), expected=both) == {"same": ["id-a"], "vanished": ["id-b"]}


def test_an_empty_listing_says_nothing() -> None:
    """A pulled cable leaves a FAT mount that lists as empty: neither wiped nor vanished."""
    assert look(expected=(known(b"a"), known(b"b"))) == {"other_card": ["2"]}
    assert look(expected=(known(b"a", wipe_permit=3), known(b"b"))) == {"other_card": ["2"]}
    assert look(expected=(known(b"a", wipe_permit=3),)) == {"other_card": ["1"]}, "the permit was for another device"


def test_all_gone_under_a_permit_for_this_device() -> None:
    both = (known(b"a", wipe_permit=3), known(b"b", wipe_permit=3))
    assert look(expected=both, ours=("id-a", "id-b")) == {"deleted": ["id-a", "id-b"]}


def test_another_card_with_the_same_names() -> None:
    both = (known(b"a"), known(b"b"))
    assert look(listed(b"a", size=99), listed(b"c"), expected=both) == {"new": ["a", "c"], "other_card": ["2"]}


def test_another_card_whose_files_could_be_grown_ones() -> None:
    waiting = (known(b"a", sha256=None), known(b"b", sha256=None))
    later = listed(b"a", size=99, mtime_ns=999, ino=55)
    assert look(later, expected=waiting) == {"new": ["a"], "other_card": ["2"]}


def test_a_grown_file_with_its_own_inode_is_the_same_card() -> None:
    waiting = (known(b"a", sha256=None), known(b"b", sha256=None))
    assert look(listed(b"a", size=99, mtime_ns=999), expected=waiting) == {"grown": ["id-a"], "vanished": ["id-b"]}


def test_each_card_keeps_its_own() -> None:
    """Two cards of one camera were seen before, in dockings 1 and 2; now the second is back, with one file less."""
    cards = (known(b"a", docking=1), known(b"b", docking=1), known(b"c", docking=2), known(b"d", docking=2))
    assert look(listed(b"c"), expected=cards) == {"same": ["id-c"], "vanished": ["id-d"], "other_card": ["2"]}


def test_cards_with_equal_names_are_told_apart_by_what_their_files_look_like() -> None:
    one = known(b"a", id="one", docking=1)
    two = known(b"a", id="two", docking=2, size=20, ino=8)
    assert look(listed(b"a"), expected=(one, two)) == {"same": ["one"], "other_card": ["1"]}
    assert look(listed(b"a", size=20, ino=8), expected=(one, two)) == {"same": ["two"], "other_card": ["1"]}
    assert look(listed(b"a", size=30, ino=9), expected=(one, two)) == {"new": ["a"], "other_card": ["2"]}


def test_a_file_that_was_wiped_and_is_there_again_is_read() -> None:
    old = known(on_camera=0, in_store=1)
    assert look(listed(ino=9), before=(old,)) == {"unsure": ["id-a"]}
    assert look(listed(size=11), before=(old,)) == {"new": ["a"]}
    assert look(listed(), before=(known(on_camera=0, sha256=None),)) == {"new": ["a"]}


def test_the_latest_that_was_at_a_place_counts() -> None:
    assert look(listed(), before=(known(id="old"), known(id="new"))) == {"unsure": ["new"]}


@pytest.mark.parametrize(
    ("hidden", "vanished"),
    [(b".", []), (b"dir", ["id-other"]), (b"dir/lost", ["id-other"]), (b"di", ["id-dir/lost", "id-other"]), (b"elsewhere", ["id-dir/lost", "id-other"])],
)  # fmt: skip
@pytest.mark.parametrize("first", [True, False])
def test_what_may_lie_where_nobody_could_look_is_not_missing(hidden: bytes, vanished: list[str], first: bool) -> None:
    expected = (known(b"here"), known(b"dir/lost"), known(b"other"))
    found = look(listed(b"here"), expected=expected, first=first, hidden=hidden)
    assert found.get("vanished", []) == vanished


def test_a_device_that_failed_while_it_was_listed_is_neither_empty_nor_another_card() -> None:
    assert look(expected=(known(b"a"), known(b"b")), hidden=b".") == {}
    assert look(expected=(known(b"a", wipe_permit=3),), hidden=b".", ours=("id-a",)) == {}
