"""docs/wrong-configurations.md says what the command says, and the command keeps secrets to itself."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest

from tests.program import REPOSITORY


@pytest.fixture(scope="module")
def page() -> ModuleType:
    spec = importlib.util.spec_from_file_location(
        "wrong_configurations", REPOSITORY / "packaging/wrong_configurations.py"
    )
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_page_is_what_the_command_says(page: ModuleType) -> None:
    assert (REPOSITORY / "docs/wrong-configurations.md").read_text() == page.document(), "make wrong-configurations"


def test_each_is_refused_with_its_place_and_no_secret_is_repeated(page: ModuleType, tmp_path: Path) -> None:
    cases = page.cases()
    assert len(cases) >= 40
    for number, case in enumerate(cases):
        (tmp_path / str(number)).mkdir()
        code, lines = page.said(case, tmp_path / str(number))
        assert code == (0 if case.get("fine") else 2), case["what"]
        assert lines, case["what"]
        for line in lines:
            assert line.removeprefix("warning: ").startswith(("/etc/dockd/", "environment: ")), line
            assert ", expected " in line
            assert "hunter2" not in line
