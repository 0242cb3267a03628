"""The stage shows what the other tests take for granted: every state there is, each found out by the page from what the parts say."""

from __future__ import annotations

from typing import get_args

from dockd.page.looks import BayState
from tests.page.addresses import told
from tests.page.cast import cast
from tests.page.running_stage import RunningStage


def test_every_state_is_on_the_stage(stage: RunningStage) -> None:
    meant = {part.bay: part.state for part in cast()}
    assert set(meant.values()) == set(get_args(BayState))
    assert {bay["number"]: bay["state"] for bay in told(stage.url, "/bays")["bays"]} == meant
