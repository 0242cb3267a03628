"""What is proven of a log: any subset, duplication and permutation of any runs' lines is told exactly, in every form that shippers leave."""

from __future__ import annotations

import json
import random
from collections import Counter
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dockd.ops.logproof import Account, TooScattered, Verdict, judge, what_it_says
from dockd.ops.logproof.numbers import Numbers, Range, Room
from ingest.clock import rfc3339

BOOT = "12345678-1234-1234-1234-123456789abc"
T0 = 1_795_000_000


def stamp(seconds: int) -> str:
    return rfc3339(T0 + seconds)


def line(run_: str, number: int, action: str = "camera.undocked", /, *, at: int = 0, host: str = "dock1", **more: Any) -> dict[str, Any]:  # fmt: skip
    return {
        "@timestamp": stamp(at), "log.level": "info", "message": "a", "event.action": action, "event.sequence": number, "service.name": "dockd",
        "service.ephemeral_id": run_, "host.name": host, **{f"dockd.{name}": value for name, value in more.items()},
    }  # fmt: skip


def whole_run(run: str, length: int, *, at: int = 0, before: tuple[str, int] | None = None, closed: bool = True, boot: str = BOOT, before_boot: str = BOOT) -> list[dict[str, Any]]:  # fmt: skip
    told: dict[str, Any] = {"before": before[0], "before_last": before[1], "before_boot": before_boot} if before else {}
    middle = [line(run, number, at=at + number) for number in range(2, length + (0 if closed else 1))]
    end = [line(run, length, "log.closed", at=at + length)] if closed else []
    return [line(run, 1, "log.opened", at=at, boot=boot, run=run, **told), *middle, *end]


def encoded(record: dict[str, Any], form: str) -> bytes:
    """As a shipper may leave it."""
    if form == "journal":
        fields = {
            "SYSLOG_IDENTIFIER": "dockd",
            "_HOSTNAME": record["host.name"],
            "DOCKD_TIMESTAMP": record["@timestamp"],
        }
        for name, value in record.items():
            if name.startswith(("dockd.", "event.", "service.eph")):
                fields["DOCKD_" + name.removeprefix("dockd.").upper().replace(".", "_")] = str(value)
        return json.dumps(fields).encode()
    if form == "nested":
        found: dict[str, Any] = {}
        for name, value in record.items():
            first, dot, rest = name.partition(".")
            if dot:
                found.setdefault(first, {})[rest] = value
            else:
                found[name] = value
        return json.dumps(found).encode()
    text = json.dumps(record, separators=(",", ":"))
    if form == "wrapped":
        return json.dumps({"host": "x", "MESSAGE": text}).encode()
    return (f"<14>Nov 21 03:00:00 dock1 dockd[1]: {text}" if form == "syslog" else text).encode()


FORMS = ("flat", "journal", "nested", "wrapped", "syslog")


def judged(lines: list[dict[str, Any]], *, form: str = "flat", **how: Any) -> Verdict:
    account = Account()
    for one in lines:
        account.hear(what_it_says(encoded(one, form)))
    return judge(account, **how)


def numbers_in(ranges: tuple[Range, ...]) -> set[int]:
    return {number for first, last in ranges for number in range(first, last + 1)}


@settings(max_examples=60, deadline=None)
@given(
    lengths=st.lists(st.integers(2, 40), min_size=1, max_size=4), form=st.sampled_from(FORMS), seed=st.integers(0, 2**32), copies=st.sampled_from([(1,), (0, 1), (1, 2), (0, 1, 2, 5)]),
)  # fmt: skip
def test_any_subset_duplication_and_permutation_is_told_exactly(
    lengths: list[int], form: str, seed: int, copies: tuple[int, ...]
) -> None:
    chance = random.Random(seed)
    runs = {f"run{index}": whole_run(f"run{index}", length, at=1000 * index) for index, length in enumerate(lengths)}
    there = {name: [chance.choice(copies) for _ in lines] for name, lines in runs.items()}
    sent = [
        one for name, lines in runs.items() for one, count in zip(lines, there[name], strict=True) for _ in range(count)
    ]
    chance.shuffle(sent)
    verdict = judged(sent, form=form)
    seen = [name for name in runs if any(there[name])]
    assert [run.run for run in verdict.runs] == seen
    for run in verdict.runs:
        count = Counter({number: many for number, many in enumerate(there[run.run], 1) if many})
        highest = max(count)
        assert (run.first, run.last, run.lines) == (min(count), highest, count.total())
        assert numbers_in(run.missing) == set(range(1, highest)) - set(count)
        assert run.missing_count == len(numbers_in(run.missing))
        assert numbers_in(run.twice) == {number for number, many in count.items() if many > 1}
        assert run.extra == count.total() - len(count)
        has_last = bool(count[len(runs[run.run])])
        assert run.end == ("closed" if has_last else "open" if run is verdict.runs[-1] else "unproven")
    # A run of which nothing is there, and of which no other tells, cannot be missed; of the newest the end may be still to come.
    assert verdict.whole == (
        bool(seen)
        and all(
            set(there[name]) == {1} or (name == seen[-1] and set(there[name][:-1]) == {1} and there[name][-1] == 0)
            for name in seen
        )
    )


@settings(max_examples=40, deadline=None)
@given(present=st.sets(st.integers(0, 20_000), max_size=60), first=st.integers(0, 9000), width=st.integers(0, 12_000))
def test_numbers_are_a_set(present: set[int], first: int, width: int) -> None:
    numbers = Numbers(Room())
    block = range(4096, 8192)
    for number in [*present, *block, *present]:
        numbers.add(number)
    known = present | set(block)
    last = first + width
    assert numbers.count == len(known)
    assert numbers.highest == max(known)
    assert numbers_in(tuple(numbers.present())) == known
    found = list(numbers.missing(first, last))
    assert numbers_in(tuple(found)) == set(range(first, last + 1)) - known
    assert all(one[1] + 1 < two[0] for one, two in pairwise(found))


def test_a_killed_run_is_whole_where_the_next_one_says_where_it_ended() -> None:
    first, second = whole_run("a", 7, closed=False), whole_run("b", 3, at=100, before=("a", 7))
    verdict = judged(first + second)
    assert (verdict.whole, [run.end for run in verdict.runs]) == (True, ["stopped", "closed"])
    cut = judged(first[:-2] + second)
    assert (cut.whole, cut.runs[0].missing) == (False, ((6, 7),))
    assert [run.end for run in judged(first + whole_run("b", 3, at=100)).runs] == ["unproven", "closed"]


def test_after_a_power_cut_the_end_is_not_known() -> None:
    verdict = judged(
        whole_run("a", 7, closed=False) + whole_run("b", 3, at=100, before=("a", 5), before_boot="another")
    )
    assert (verdict.whole, verdict.runs[0].end, verdict.runs[0].missing) == (False, "unproven", ())


def test_a_run_of_which_nothing_is_there_is_told_by_the_next() -> None:
    second = whole_run("b", 3, before=("a", 7))
    verdict = judged(second)
    assert [(one.run, one.lines, one.by) for one in verdict.absent] == [("a", 7, "b")]
    assert not verdict.whole
    assert judged(second, from_middle=True).whole


def test_the_oldest_run_may_begin_in_the_middle_where_that_is_said() -> None:
    lines = whole_run("a", 9)[4:]
    assert judged(lines).runs[0].missing == ((1, 4),)
    verdict = judged(lines, from_middle=True)
    assert (verdict.whole, verdict.runs[0].from_middle) == (True, True)
    assert not judged(whole_run("a", 9) + whole_run("b", 9, at=100)[3:], from_middle=True).whole


def test_what_the_dock_lost_itself_is_told_apart() -> None:
    lines = whole_run("a", 20, closed=False)
    del lines[4:9], lines[10:12]
    lines.append(line("a", 21, "log.lost", lines=5, first=4, last=8))
    (run,) = judged(lines).runs
    assert (run.missing, run.missing_count, run.told) == (((5, 9), (16, 17)), 7, 4)


def test_silence_is_told_and_is_no_loss() -> None:
    lines = [line("a", 1, "log.opened", at=0, boot=BOOT)]
    lines += [line("a", number, "agent.heartbeat", at=60 * number) for number in range(2, 5)]
    lines += [line("a", number, "agent.heartbeat", at=600 + 60 * number) for number in range(5, 9)]
    verdict = judged(lines)
    assert verdict.whole
    ((begin, end),) = verdict.runs[0].silent
    assert 600 <= end - begin <= 720
    assert not judged([*whole_run("b", 5), line("b", 6, at=7200)]).runs[0].silent  # without heartbeats nobody knows


def test_the_newest_run_must_have_been_heard_until_then() -> None:
    lines = whole_run("a", 5, closed=False)
    assert judged(lines, until=T0 + 60.0).whole
    verdict = judged(lines, until=T0 + 1000.0)
    assert (verdict.whole, int(verdict.runs[0].late or 0)) == (False, 995)


def test_a_run_that_ended_long_before_proves_nothing_of_what_came_after() -> None:
    """The dock may have begun another one, of which nothing was brought."""
    lines = whole_run("a", 5)
    assert judged(lines).whole
    assert judged(lines, until=T0 + 60.0).whole
    verdict = judged(lines, until=T0 + 1000.0)
    assert (verdict.whole, verdict.runs[0].end, int(verdict.runs[0].late or 0)) == (False, "closed", 995)
    both = lines + whole_run("b", 5, at=900, before=("a", 5))
    assert judged(both, until=T0 + 1000.0).whole, "only of the newest it is asked"


def test_who_does_not_say_when_was_not_heard_until_then() -> None:
    lines = [{name: value for name, value in one.items() if name != "@timestamp"} for one in whole_run("a", 5)]
    assert judged(lines).whole
    assert not judged(lines, until=T0 + 1000.0).whole


BROKEN = b'{"@timestamp":"2026-11-20T06:00:00Z","service.name":"dockd","event.seq'
UNNUMBERED = b'{"SYSLOG_IDENTIFIER":"dockd","MESSAGE":"its fields were dropped"}'


def judged_files(*files: list[dict[str, Any] | bytes], **how: Any) -> Verdict:
    account = Account()
    for lines in files:
        account.begin_file()
        for one in lines:
            account.hear(what_it_says(one if isinstance(one, bytes) else encoded(one, "flat")))
    return judge(account, **how)


@pytest.mark.parametrize("bad", [BROKEN, UNNUMBERED])
def test_what_comes_after_an_open_runs_last_line_may_be_its_own(bad: bytes) -> None:
    run: list[dict[str, Any] | bytes] = [*whole_run("a", 5, closed=False)]
    verdict = judged_files([*run, bad])
    assert (verdict.whole, verdict.runs[0].end, verdict.runs[0].hidden) == (False, "open", True)
    # In the middle its number would be among the missing, whichever file comes first; brought again it is there.
    assert judged_files([*run[:3], bad, *run[3:]]).whole
    assert judged_files([*run[:3], bad], run[3:]).whole
    assert judged_files(run[3:], [*run[:3], bad]).whole
    assert not judged_files([*run, bad, run[-1]]).runs[0].hidden
    # Of another file than its lines nothing is known, of one without any line neither.
    assert not judged_files(run, [bad]).whole
    assert judged_files(run, [*run, bad]).runs[0].hidden
    assert judged_files([*whole_run("z", 3, at=-100), bad], run).whole
    # A run whose end is known has nothing to hide.
    assert judged_files([*whole_run("a", 5), bad]).whole
    assert judged_files([*run, bad, *whole_run("b", 3, at=100, before=("a", 5))]).whole


def test_what_is_torn_in_a_file_without_the_run_counts_where_it_may_be_newer() -> None:
    """Two docks whose lines come in files of an hour each."""
    one: list[dict[str, Any] | bytes] = [*whole_run("a", 5, closed=False)]
    other = [line | {"host.name": "dock2"} for line in whole_run("b", 20, closed=False)]
    assert not judged_files([*one, *other[:8]], [BROKEN, BROKEN, *other[8:]]).whole
    assert not judged_files([*one, *other[:8]], [*other[8:15], BROKEN, *other[15:]]).whole
    assert not judged_files([*one, *other[:8]], [*other[8:], BROKEN]).whole
    # Older than the run's last line: of what came before it its numbers tell.
    late = [line | {"host.name": "dock2"} for line in whole_run("a", 5, at=500, closed=False)]
    assert not judged_files([BROKEN, *whole_run("b", 5)], [*late]).runs[-1].hidden
    assert not judged_files([*whole_run("b", 5), BROKEN], [*late]).runs[-1].hidden


def test_hosts_are_looked_at_apart() -> None:
    lines = whole_run("a", 5, closed=False) + [
        one | {"host.name": "dock2"} for one in whole_run("b", 5, at=50, closed=False)
    ]
    verdict = judged(lines)
    assert [(run.host, run.end) for run in verdict.runs] == [("dock1", "open"), ("dock2", "open")]
    assert verdict.whole


def test_no_line_of_dockd_proves_nothing() -> None:
    assert not judge(Account()).whole


def test_a_log_that_is_made_to_fill_the_memory_is_refused() -> None:
    account = Account()
    account.room.left = 100
    lines = [what_it_says(encoded(line("a", number << 13), "flat")) for number in range(1, 100)]
    for one in lines:
        account.hear(one)
    with pytest.raises(TooScattered):
        account.hear(what_it_says(encoded(line("a", 1 << 50), "flat")))


def test_a_long_log_in_order_costs_nothing() -> None:
    room = Room(left=2)
    numbers = Numbers(room)
    assert all(numbers.add(number) for number in range(200_000))
    assert list(numbers.present()) == [(0, 199_999)]
