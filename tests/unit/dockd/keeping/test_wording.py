"""What people are told at the end of a dock is what there is."""

from __future__ import annotations

from tests.program import REPOSITORY


def test_a_purge_names_the_command_that_ends_a_dock() -> None:
    said = (REPOSITORY / "packaging" / "debian" / "postrm").read_text(encoding="utf-8")
    assert "dockd decommission --out" in said
    assert "dockd custody export" not in said
