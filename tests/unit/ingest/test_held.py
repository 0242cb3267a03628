"""Which held segment a person may have tried again, by why it is held and where its copies are."""

from __future__ import annotations

import doctest

import pytest

from ingest import held


def test_examples() -> None:
    assert doctest.testmod(held).failed == 0


@pytest.mark.parametrize(
    "reason", ["copy_failed", "integrity_failed", "source_unstable", "spool_rotted", "spool_spoils"]
)
@pytest.mark.parametrize(("docked", "why"), [(False, "wants_camera"), (True, None)])
def test_what_only_the_camera_has_is_read_again_from_it(reason: str, docked: bool, why: str | None) -> None:
    assert held.why_not(reason=reason, on_camera=True, in_spool=False, in_store=False, docked=docked) == why


@pytest.mark.parametrize(
    "reason", ["store_refused", "unproven", "upload_blocked", "store_lost", "failed", "spool_unread"]
)
def test_what_is_on_the_dock_is_sent_again_wherever_its_camera_is(reason: str) -> None:
    assert held.why_not(reason=reason, on_camera=True, in_spool=True, in_store=False, docked=False) is None


@pytest.mark.parametrize("reason", ["not_deletable", "copy_failed", "source_unstable", "unproven_in_time"])
@pytest.mark.parametrize(("docked", "why"), [(False, "wants_camera_to_delete"), (True, None)])
def test_what_could_not_be_deleted_wants_its_camera(reason: str, docked: bool, why: str | None) -> None:
    assert held.why_not(reason=reason, on_camera=True, in_spool=False, in_store=True, docked=docked) == why


@pytest.mark.parametrize(("reason", "why"), [("dishonest", "wants_pin"), ("in_doubt", "asked")])
def test_what_no_person_can_say_to_be_over(reason: str, why: str) -> None:
    assert held.why_not(reason=reason, on_camera=True, in_spool=True, in_store=False, docked=True) == why


@pytest.mark.parametrize("docked", [False, True])
def test_what_is_nowhere_cannot_be_tried(docked: bool) -> None:
    assert held.why_not(reason="failed", on_camera=False, in_spool=False, in_store=False, docked=docked) == "nowhere"


@pytest.mark.parametrize("docked", [False, True])
def test_what_is_in_the_store_alone_waits_for_nothing(docked: bool) -> None:
    why = held.why_not(reason="unproven_in_time", on_camera=False, in_spool=False, in_store=True, docked=docked)
    assert why is None
