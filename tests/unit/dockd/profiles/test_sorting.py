"""A card, as a profile sees it."""

from __future__ import annotations

from pathlib import Path

from dockd.profiles.sorting import card_in, sort
from ingest.rules import FileRules


def test_each_file_once_and_links_are_passed_over(tmp_path: Path) -> None:
    card = tmp_path / "card"
    (card / "DCIM" / "1").mkdir(parents=True)
    for name in ("a.MP4", "b.mp4", "c.thm", "notes", ".hidden"):
        (card / "DCIM" / "1" / name).write_bytes(b"12")
    (card / "DCIM" / "out").symlink_to(tmp_path)
    found = sort(
        card_in(card), FileRules(segments=("DCIM/*/*.mp4",), sidecars=("**/*.thm",), ignorable=("**/.hidden",)), profile="p"
    )  # fmt: skip
    assert {kind: (pile.files, pile.size) for kind, pile in found.piles.items()} == {
        "segment": (2, 4), "sidecar": (1, 2), "other": (1, 2), "ignorable": (1, 2),
    }  # fmt: skip
    assert found.endings == (("notes", 1),)
    assert [one.kind for one in found.skipped] == ["symlink"]
    assert found.whole


def test_the_folder_may_be_named_by_a_link(tmp_path: Path) -> None:
    (tmp_path / "card").mkdir()
    (tmp_path / "link").symlink_to("card")
    assert card_in(tmp_path / "link").names == ()
