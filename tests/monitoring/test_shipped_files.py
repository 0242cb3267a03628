"""What is shipped for Prometheus, Alertmanager and Grafana, judged by their own tools."""

from __future__ import annotations

import copy
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.monitoring.tools import SHIPPED, said_by
from tests.unit.test_monitoring import ALERTS, NAMES, dashboard_expressions

HERE = Path(__file__).parent
DASHBOARD = SHIPPED / "grafana" / "dockd.json"


@pytest.mark.monitoring_short
def test_promtool_finds_nothing_in_the_rules() -> None:
    code, said = said_by("promtool", "check", "rules", *sorted(SHIPPED.glob("dockd.*.yml")))
    assert (code, said.count("SUCCESS")) == (0, 2), said


def tried(folder: Path, alerts: dict[str, Any], tests: list[dict[str, Any]]) -> tuple[int, str]:
    """What promtool says of these tests, each with the alert that it is about and the figures that this one goes by: with all rules before it a test takes ten times as long."""
    whole = yaml.safe_load((HERE / "alerts.test.yml").read_text())
    figures = [
        rule for group in yaml.safe_load((SHIPPED / "dockd.rules.yml").read_text())["groups"] for rule in group["rules"]
    ]
    files = []
    for name in sorted({one["name"] for one in tests}):
        own = [rule for group in alerts["groups"] for rule in group["rules"] if rule["alert"] == name]
        needed = [rule for rule in figures if any(rule["record"] in one["expr"] for one in own)]
        rules, file = folder / f"{name}.yml", folder / f"{name}.test.yml"
        rules.write_text(
            json.dumps({"groups": [{"name": "figures", "rules": needed}, {"name": "alert", "rules": own}]})
        )
        about = [one for one in tests if one["name"] == name]
        file.write_text(
            json.dumps(whole | {"rule_files": [str(rules)], "group_eval_order": ["figures", "alert"], "tests": about})
        )
        files.append(file)
    return said_by("promtool", "test", "rules", *files)


@pytest.mark.monitoring_short
def test_each_alert_waits_fires_and_ends_as_its_tests_say(tmp_path: Path) -> None:
    alerts = yaml.safe_load((SHIPPED / "dockd.alerts.yml").read_text())
    whole = yaml.safe_load((HERE / "alerts.test.yml").read_text())
    code, said = tried(tmp_path, alerts, whole["tests"])
    assert (code, said.count("SUCCESS")) == (0, len(NAMES)), said


def test_a_rule_that_is_wrong_fails_its_tests(tmp_path: Path) -> None:
    """The tests of the rules can fail: each alert that fires half as soon or twice as late is found, and each limit that is another."""
    tests = yaml.safe_load((HERE / "alerts.test.yml").read_text())
    alerts = yaml.safe_load((SHIPPED / "dockd.alerts.yml").read_text())
    waits = set()
    for at, rule in enumerate(one for group in alerts["groups"] for one in group["rules"]):
        if "for" in rule and rule["for"] not in ("8h", "4h"):
            seconds = int(rule["for"][:-1]) * {"m": 60, "h": 3600}[rule["for"][-1]]
            rule["for"] = f"{seconds * 2 if at % 2 else seconds // 2}s"
            waits.add(rule["alert"])
    code, said = tried(tmp_path, alerts, [one for one in tests["tests"] if one["name"] in waits])
    assert code == 1
    assert {name for name in waits if f'ALERTS{{alertname=\\"{name}\\"' not in said} == set()


@pytest.mark.monitoring_short
def test_the_examples_are_what_their_readers_take(tmp_path: Path) -> None:
    code, said = said_by("promtool", "check", "config", "--syntax-only", SHIPPED / "prometheus.example.yml")
    assert code == 0, said
    code, said = said_by("amtool", "check-config", SHIPPED / "alertmanager.example.yml")
    assert code == 0, said


@pytest.mark.monitoring_short
@pytest.mark.parametrize("severity", ["critical", "warning", "info"])
def test_who_hears_of_what(severity: str) -> None:
    heard = {"critical": "ops-on-call", "warning": "ops-mail", "info": "ops-mail"}
    of = [one["alert"] for one in ALERTS if one["labels"]["severity"] == severity]
    assert of
    config = SHIPPED / "alertmanager.example.yml"
    code, said = said_by("amtool", "config", "routes", "test", f"--config.file={config}", f"--verify.receivers={heard[severity]}", f"alertname={of[0]}", f"severity={severity}")  # fmt: skip
    assert code == 0, said


@pytest.mark.monitoring_short
def test_every_question_of_the_dashboard_can_be_asked(tmp_path: Path) -> None:
    asked = [one.replace("$instance", ".+") for one in dashboard_expressions()]
    assert len(asked) > 30
    rules = [{"record": f"dashboard:{at}", "expr": one} for at, one in enumerate(asked)]
    file = tmp_path / "dashboard.yml"
    file.write_text(json.dumps({"groups": [{"name": "dashboard", "rules": rules}]}))
    code, said = said_by("promtool", "check", "rules", file)
    assert code == 0, said


@pytest.fixture(scope="module")
def grafana(tmp_path_factory: pytest.TempPathFactory) -> Callable[[Path], tuple[int, str]]:
    """Grafana's own model, asked of a file, in an environment of its own."""
    folder = tmp_path_factory.mktemp("grafana")
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", folder], check=True, timeout=120)
    pip = [sys.executable, "-m", "pip", "--python", folder / "bin" / "python", "--disable-pip-version-check", "install"]
    wanted = ["--quiet", "--no-compile", "--require-hashes", "--no-deps", "-r", HERE / "grafana-requirements.txt"]
    subprocess.run([str(one) for one in (*pip, *wanted)], check=True, timeout=300)

    def ask(file: Path) -> tuple[int, str]:
        command = [folder / "bin" / "python", HERE / "grafana_schema.py", file]
        plain = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
        ran = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False, env=plain)
        return ran.returncode, ran.stdout + ran.stderr

    return ask


WRONG: dict[str, Callable[[dict[str, Any]], Any]] = {
    ".panels[1].options.colourMode: Grafana knows no such thing": lambda it: it["panels"][1]["options"].update(colourMode="value"),
    "'timeserie' is no kind of panel": lambda it: it["panels"][10].update(type="timeserie"),
    "display_mode: 'lst' is none of": lambda it: it["panels"][10]["options"]["legend"].update(displayMode="lst"),
    "grid_pos.w: '12' is no int": lambda it: it["panels"][10]["gridPos"].update(w="12"),
    "line_width: '1' is no float": lambda it: it["panels"][10]["fieldConfig"]["defaults"]["custom"].update(lineWidth="1"),
    ".refrsh: Grafana knows no such thing": lambda it: it.update(refrsh="30s"),
}  # fmt: skip


def test_the_dashboard_is_what_grafana_calls_one(grafana: Callable[[Path], tuple[int, str]], tmp_path: Path) -> None:
    assert grafana(DASHBOARD) == (0, "\n")
    whole = json.loads(DASHBOARD.read_text(encoding="utf-8"))
    for says, spoil in WRONG.items():
        spoilt = copy.deepcopy(whole)
        spoil(spoilt)
        file = tmp_path / "spoilt.json"
        file.write_text(json.dumps(spoilt))
        code, said = grafana(file)
        assert code == 1
        assert says in said, said


@pytest.mark.monitoring_short
def test_panels_stand_beside_each_other_and_not_on_each_other() -> None:
    taken: dict[tuple[int, int], str] = {}
    whole = json.loads(DASHBOARD.read_text(encoding="utf-8"))
    for panel in whole["panels"]:
        at = panel["gridPos"]
        assert at["x"] + at["w"] <= 24
        for x in range(at["x"], at["x"] + at["w"]):
            for y in range(at["y"], at["y"] + at["h"]):
                assert taken.setdefault((x, y), panel["title"]) == panel["title"]
    assert len({panel["id"] for panel in whole["panels"]}) == len(whole["panels"])
