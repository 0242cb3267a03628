"""The staged rack's real server: one while nobody has access yet, and one that has a token for each role."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator

import pytest

from dockd.access import ROLES
from tests.page.running_stage import RunningStage, running_stage
from tests.program import DOCKD, REPOSITORY, environment


def _dockd(stage: RunningStage, *words: str, sent: str = "") -> str:
    command = [*DOCKD, *words, "--config", str(stage.folder / "stage" / "dockd.toml")]
    done = subprocess.run(
        command, capture_output=True, text=True, env=environment(), cwd=REPOSITORY, timeout=30, check=False, input=sent
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="session")
def doors(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, tuple[str, dict[str, str]]]]:
    """The address and the headers of whoever asks: `local` where there are no users, `nobody` where there are, and each role with its token."""
    first, second = tmp_path_factory.mktemp("open"), tmp_path_factory.mktemp("guarded")
    with running_stage(first) as free, running_stage(second) as guarded:
        found: dict[str, tuple[str, dict[str, str]]] = {"local": (free.url, {}), "nobody": (guarded.url, {})}
        _dockd(guarded, "user", "add", "pat", "--role", "ops", sent="correct horse battery staple\n")
        for role in ROLES:
            token = _dockd(guarded, "token", "create", "--role", role).split()[-1]
            found[role] = (guarded.url, {"Authorization": f"Bearer {token}"})
        yield found
