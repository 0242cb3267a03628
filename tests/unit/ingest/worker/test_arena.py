from __future__ import annotations

import ctypes
import re
from pathlib import Path

import pytest

from ingest.worker.arena import HUGE_PAGE, Arena, ArenaBusyError

MIB = 1 << 20


def address(view: memoryview) -> int:
    return ctypes.addressof(ctypes.c_char.from_buffer(view))


def mapping_of(start: int) -> dict[str, str]:
    """What /proc/self/smaps says of the mapping that holds `start`."""
    found: dict[str, str] = {}
    inside = False
    for line in Path("/proc/self/smaps").read_text().splitlines():
        if bounds := re.match(r"([0-9a-f]+)-([0-9a-f]+) (\S+)", line):
            inside = int(bounds[1], 16) <= start < int(bounds[2], 16)
            if inside:
                found["permissions"] = bounds[3]
        elif inside:
            name, _, value = line.partition(":")
            found[name] = value.strip()
    return found


def test_buffers_are_on_huge_page_boundaries_and_do_not_overlap() -> None:
    arena = Arena(buffers=3, buffer_size=4 * MIB)
    starts = [address(view) for view in arena.buffers]
    assert [start % HUGE_PAGE for start in starts] == [0, 0, 0]
    assert starts == [starts[0], starts[0] + 4 * MIB, starts[0] + 8 * MIB]
    assert [len(view) for view in arena.buffers] == [4 * MIB] * 3


def test_the_mapping_is_private_and_asks_for_huge_pages() -> None:
    arena = Arena(buffers=2, buffer_size=2 * MIB)
    mapping = mapping_of(address(arena.buffers[0]))
    assert mapping["permissions"].endswith("p"), "a shared mapping never gets huge pages"
    if not Path("/sys/kernel/mm/transparent_hugepage").exists():
        pytest.skip("this kernel has no transparent huge pages to ask for")
    assert "hg" in mapping["VmFlags"].split()


def test_memory_is_touched_only_when_a_buffer_is_used() -> None:
    arena = Arena(buffers=4, buffer_size=4 * MIB)
    resident = int(mapping_of(address(arena.buffers[1]))["Rss"].split()[0])
    assert resident == 0
    arena.buffers[1][0] = 1
    resident = int(mapping_of(address(arena.buffers[1]))["Rss"].split()[0]) << 10
    assert 0 < resident <= 4 * MIB


@pytest.mark.parametrize(("buffers", "size"), [(1, 4 * MIB), (6, 0), (6, MIB), (6, 3 * MIB), (6, -2 * MIB)])
def test_sizes_that_cannot_work_are_refused(buffers: int, size: int) -> None:
    with pytest.raises(ValueError, match=str(buffers if buffers == 1 else size)):
        Arena(buffers=buffers, buffer_size=size)


def test_a_second_file_in_the_same_buffers_is_refused_and_the_first_unharmed() -> None:
    arena = Arena(buffers=2, buffer_size=2 * MIB)
    with arena.claimed() as buffers:
        with pytest.raises(ArenaBusyError, match="another file"), arena.claimed():
            pass
        assert buffers is arena.buffers
        with pytest.raises(ArenaBusyError), arena.claimed():  # a refusal does not let go of the first claim
            pass
    with arena.claimed():
        pass
