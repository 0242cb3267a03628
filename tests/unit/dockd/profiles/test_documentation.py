"""docs/camera-profiles.md and the reader know the same keys, defaults and profiles; its example is one."""

from __future__ import annotations

import re
import textwrap
from dataclasses import fields
from pathlib import Path

from dockd.profiles.model import Identity, Profile, Unlock
from dockd.profiles.parsing import LARGEST, read_profile
from dockd.profiles.reading import MOST_FILES, load_profiles
from dockd.profiles.schema import KEYS, LONGEST_PATTERN, MOST_PATTERNS, NEEDED, PROPERTY_SECTIONS

ROOT = Path(__file__).parents[4]
TEXT = (ROOT / "docs" / "camera-profiles.md").read_text()
ROWS = dict(re.findall(r"^\| `([a-z_.]+)` \| (`[^`]*`|[a-z ]+) \|", TEXT.partition("## Every key")[2], re.MULTILINE))


def test_every_key_and_no_other() -> None:
    known = [f"{section}.{key}".lstrip(".") for section, keys in KEYS.items() for key in keys]
    assert sorted(ROWS) == sorted([*known, *(f"match.{name}" for name in PROPERTY_SECTIONS)])


def test_what_is_needed() -> None:
    needed = {f"{section}.{key}".lstrip(".") for section, key in NEEDED}
    assert {key for key, default in ROWS.items() if default == "needed"} == needed | {"unlock.become_disk"}


def test_the_defaults_are_the_model_s() -> None:
    profile = Profile(name="n", title="t")
    for section, value in (("", profile), ("identity", Identity()), ("unlock", Unlock())):
        for item in fields(value):
            written = ROWS.get(f"{section}.{item.name}".lstrip("."), "").strip("`")
            default = getattr(value, item.name)
            if item.name.endswith("_pattern"):
                assert f"(?P<value>{written})" == default
            elif isinstance(default, bool):
                assert item.name == "shipped" or written == str(default).lower()
            elif isinstance(default, float):
                assert written == f'"{default:g} s"'
            elif isinstance(default, int):
                assert written == str(default)
            elif isinstance(default, str) and default and item.name not in ("name", "title"):
                assert written.strip('"').encode().decode("unicode_escape") == default


def test_the_shipped_ones() -> None:
    shipped = load_profiles(None, shipped=ROOT / "config" / "cameras")
    table = re.findall(r"^\| `([a-z-]+)` \| (disk|mtp|unlock) \|", TEXT, re.MULTILINE)
    assert sorted(table) == sorted((profile.name, profile.kind) for profile in shipped)


def test_bounds() -> None:
    assert f"at most {LARGEST // 1024} KiB, a folder holds at most {MOST_FILES}" in TEXT
    assert f"At most {MOST_PATTERNS} a list, each of at most {LONGEST_PATTERN} characters" in TEXT


def test_the_example_is_a_profile() -> None:
    example = re.search(r"^    name = .*?(?=^\S)", TEXT, re.MULTILINE | re.DOTALL)
    assert example is not None
    profile = read_profile(textwrap.dedent(example[0]), file="F", shipped=False)
    assert (profile.name, profile.generic, profile.wipe) == ("patrol", False, True)
