"""What the tests of an upgrade share: dockd as it was at the first issue's commit."""

from __future__ import annotations

import os

import pytest

from tests.upgrade.first_commit import Installed, first_commit, missing


@pytest.fixture(scope="session")
def history() -> None:
    """Skips with the reason where the history is not here; with CI=true that is a failure."""
    reason = missing()
    if reason is not None:
        pytest.fail(reason) if os.environ.get("CI") == "true" else pytest.skip(reason)


@pytest.fixture(scope="session")
def before(history: None) -> Installed:
    """dockd as it was at the first issue's commit, installed from its own package."""
    return first_commit()
