"""Each setting is either applied by a reload or wants a restart, and everybody who says so says the same."""

from __future__ import annotations

import pytest

from dockd.settings.live import LIVE, RESTART, how, words
from dockd.settings.schema import KEYS

EVERY = {f"{section}.{key}" for section, keys in KEYS.items() for key in keys}


def test_every_setting_is_in_exactly_one_of_the_two() -> None:
    assert LIVE.keys() | RESTART.keys() == EVERY
    assert not LIVE.keys() & RESTART.keys()


def test_in_the_order_of_the_file() -> None:
    order = [f"{section}.{key}" for section, keys in KEYS.items() for key in keys]
    for table in (LIVE, RESTART):
        assert list(table) == [key for key in order if key in table]


def test_each_is_said_in_half_a_sentence() -> None:
    for section, keys in KEYS.items():
        for key in keys:
            said = words(section, key)
            assert said.startswith("live: " if how(section, key) == "live" else "needs a restart: ")
            assert not said.endswith(".")
    for ask in (how, words):
        with pytest.raises(KeyError):
            ask("wipe", "everything")


def test_whether_cameras_are_emptied_can_be_changed_without_a_restart() -> None:
    assert how("wipe", "enabled") == how("wipe", "grace") == "live"
