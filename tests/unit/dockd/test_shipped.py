"""What is shipped is found, and what is not is named."""

from __future__ import annotations

from pathlib import Path

import pytest

from dockd.shipped import shipped


def test_the_working_tree_s_own_files_are_found() -> None:
    assert shipped() == Path(__file__).resolve().parents[3] / "config"


def test_what_is_not_shipped_is_named() -> None:
    with pytest.raises(FileNotFoundError, match="config/cameras/none.toml did not come with this installation"):
        shipped("cameras", "none.toml")
