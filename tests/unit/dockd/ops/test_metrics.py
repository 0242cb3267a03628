"""Counters are fed by events; labels are closed sets."""

from __future__ import annotations

import asyncio
import math
import time

from prometheus_client.parser import text_string_to_metric_families

from dockd.ops.lag import sample_lag
from dockd.ops.metrics import CERTIFICATES, STORE_STATES, Gauges, Metrics
from ingest import events


def values(metrics: Metrics, gauges: Gauges | None = None) -> dict[str, float]:
    text = metrics.render(gauges or Gauges())[0].decode()
    return {
        sample.name + "".join(f"{{{k}={v}}}" for k, v in sample.labels.items()): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def test_events_are_counted() -> None:
    metrics = Metrics(version="1")
    copied = events.SegmentCopied(path="p", bytes=7, sha256="", xxh3_128="", second_read="")
    happened: list[events.Event] = [
        copied, copied,
        events.SegmentConfirmed(path="p", bytes=7, sha256="", store="s", object="o", method="receipt", stored_at="", receipt_sha256=""),
        events.SegmentWiped(path="p", bytes=7, sha256="", permit=1, seen=""),
        events.SegmentRotted(error="x"), events.SegmentStoreLost(store="s", error="x"), events.StoreCaught(store="s", error="x"),
        events.SegmentHeld(path="p", reason="integrity_failed", error="x"), events.SegmentHeld(path="p", reason="copy_failed", error="x"),
    ]  # fmt: skip
    for event in happened:
        metrics.hear(event, 0)
    found = values(metrics)
    assert found["dockd_pulled_bytes_total"] == 14
    assert found["dockd_confirmed_segments_total"] == 1
    assert found["dockd_wiped_segments_total"] == 1
    assert found["dockd_integrity_failures_total"] == 4


def test_what_was_sent_only_grows() -> None:
    metrics = Metrics(version="1")
    assert values(metrics, Gauges(uploaded_bytes=10))["dockd_uploaded_bytes_total"] == 10
    assert values(metrics, Gauges(uploaded_bytes=25))["dockd_uploaded_bytes_total"] == 25
    assert values(metrics, Gauges(uploaded_bytes=25))["dockd_uploaded_bytes_total"] == 25


def test_a_label_is_one_of_a_closed_set() -> None:
    metrics = Metrics(version="1")
    metrics.request("GET", 0.1)
    metrics.request("CAM-1234", 0.1)
    found = values(metrics, Gauges(held={"copy_failed": 2, "something new": 3}))
    assert found["dockd_held_segments{reason=copy_failed}"] == 2
    assert found["dockd_held_segments{reason=other}"] == 3
    assert found["dockd_store_request_duration_seconds_count{method=other}"] == 1
    assert not [name for name in found if "CAM-1234" in name or "something new" in name]


def test_the_store_is_in_one_of_its_states() -> None:
    for state, up in {"connected": 1, "slow": 1, "down": 0, "wrong-store": 0, "dishonest": 0, "unknown": 0}.items():
        found = values(Metrics(version="1"), Gauges(store_state=state))
        assert found["dockd_store_up"] == up
        assert {one: found[f"dockd_store_state{{state={one}}}"] for one in STORE_STATES} == {
            one: int(one == state) for one in STORE_STATES
        }


def test_a_clock_of_which_nobody_knows_is_not_told() -> None:
    told = {said: values(Metrics(version="1"), Gauges(clock_synchronised=said)) for said in (True, False, None)}
    assert [told[said].get("dockd_clock_synchronised") for said in told] == [1, 0, None]


def test_a_ledger_that_cannot_be_read_has_no_good_news() -> None:
    known = Gauges(problems={"footage_lost": 0, "ledger_unusable": 1}, custody_sequence=7)
    blind = Gauges(known=False, problems=known.problems, custody_sequence=7)
    of_the_ledger = {
        "dockd_unconfirmed_bytes", "dockd_unconfirmed_segments", "dockd_backlog_bytes", "dockd_backlog_segments", "dockd_lost_segments",
        "dockd_in_doubt_segments", "dockd_cameras_away", "dockd_held_segments{reason=copy_failed}", "dockd_problem_active{problem=footage_lost}",
        "dockd_problems{problem=footage_lost}",
    }  # fmt: skip
    before, found = values(Metrics(version="1"), known), values(Metrics(version="1"), blind)
    assert {name for name in of_the_ledger if before[name] == 0} == of_the_ledger
    assert {name for name in of_the_ledger if math.isnan(found[name])} == of_the_ledger
    assert found["dockd_problem_active{problem=ledger_unusable}"] == 1
    assert found["dockd_custody_sequence"] == 7


def test_what_the_log_lost_and_when_certificates_end() -> None:
    ends = {"page": 2e9, "client": 3e9, "of a camera": 4e9}
    found = values(Metrics(version="1"), Gauges(log_lines_lost=3, certificates=ends))
    assert found["dockd_log_lines_lost_total"] == 3
    told = {name: value for name, value in found.items() if name.startswith("dockd_certificate_")}
    assert told == {
        f"dockd_certificate_expiry_timestamp_seconds{{certificate={name}}}": ends[name] for name in ("client", "page")
    }
    assert set(CERTIFICATES) == {"client", "page", "store", "store_ca"}


def test_a_problem_is_counted_and_says_since_when() -> None:
    gauges = Gauges(problems={"removed_early": 2, "bay_fault": 0}, problems_since={"removed_early": 1.5e9})
    found = values(Metrics(version="1"), gauges)
    assert (
        found["dockd_problem_active{problem=removed_early}"],
        found["dockd_problem_active{problem=bay_fault}"],
    ) == (1, 0)
    assert found["dockd_problems{problem=removed_early}"] == 2
    assert found["dockd_problem_since_timestamp_seconds{problem=removed_early}"] == 1.5e9
    assert "dockd_problem_since_timestamp_seconds{problem=bay_fault}" not in found


def test_when_the_run_began_is_told() -> None:
    before = time.time()
    assert before <= values(Metrics(version="1"))["dockd_start_time_seconds"] <= time.time()


def test_two_registries_do_not_meet() -> None:
    one, other = Metrics(version="1"), Metrics(version="2")
    one.request("GET", 1.0)
    assert values(other)["dockd_store_request_duration_seconds_count{method=GET}"] == 0


async def test_a_loop_that_is_held_up_is_seen() -> None:
    told: list[float] = []
    task = asyncio.create_task(sample_lag(told.append, every=0.01))
    await asyncio.sleep(0.03)
    time.sleep(0.1)
    await asyncio.sleep(0.02)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert max(told) >= 0.05
