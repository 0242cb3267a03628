"""What is shipped for Prometheus, Alertmanager and Grafana speaks of metrics that there are; each alert has its page and its tests.

What the tools themselves say of it: `make test-monitoring`.
"""

from __future__ import annotations

import json
import re
import shlex
from dataclasses import fields
from functools import cache
from pathlib import Path
from typing import Any, get_args

import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families

from dockd.ops import happenings
from dockd.ops.metrics import CERTIFICATES, HELD_REASONS, STORE_STATES, Gauges, Metrics
from dockd.page.looks import BayState
from dockd.page.problems import PROBLEMS
from ingest.events import REGISTRY

ROOT = Path(__file__).parents[2]
SHIPPED = ROOT / "config" / "monitoring"
RUNBOOKS = ROOT / "docs" / "runbooks"
DOCUMENT = (ROOT / "docs" / "monitoring.md").read_text(encoding="utf-8")
PARTS = ("What it means", "Is footage in danger?", "What to do, in this order", "It is over when", "Whom to call")
# Kinds of problem that an alert goes by without naming them: by what the metric of the thing itself says.
BY_THEMSELVES = {
    "store_down": 'dockd_store_up == 0', "store_dishonest": 'state="dishonest"', "wrong_store": 'state="wrong-store"', "bay_fault": 'state="bay_fault"',
    "removed_early": "dockd:camera_overdue:age_seconds",
}  # fmt: skip
VALUES: dict[str, frozenset[str]] = {
    "state": frozenset(get_args(BayState)) | frozenset(STORE_STATES), "problem": frozenset(PROBLEMS), "reason": frozenset(HELD_REASONS),
    "certificate": frozenset(CERTIFICATES), "job": frozenset({"dockd"}), "alertstate": frozenset({"firing"}),
    "alertname": frozenset({"Dockd.+"}),
}  # fmt: skip
_QUOTED = re.compile(r'"(?:[^"\\]|\\.)*"')
_NAME = re.compile(r"(?<![\w:])(?:dockd[:_][\w:]+|process_\w+|up|ALERTS)(?![\w:])")
_MATCHER = re.compile(r'(\w+)\s*(=~|!~|!=|=)\s*"([^"]*)"')


def rules(name: str) -> list[dict[str, Any]]:
    """The rules of a file, in order."""
    found: list[dict[str, Any]] = [
        rule for group in yaml.safe_load((SHIPPED / name).read_text(encoding="utf-8"))["groups"] for rule in group["rules"]
    ]  # fmt: skip
    return found


RECORDED = rules("dockd.rules.yml")
ALERTS = rules("dockd.alerts.yml")
NAMES = sorted({alert["alert"] for alert in ALERTS})


@cache
def exported() -> frozenset[str]:
    """Every name that a scrape can have, and what Prometheus adds."""
    everything = Gauges(
        clock_synchronised=True, ended_before=True, certificates=dict.fromkeys(CERTIFICATES, 1.0), problems=dict.fromkeys(PROBLEMS, 1),
        problems_since=dict.fromkeys(PROBLEMS, 1.0), bays=dict.fromkeys(get_args(BayState), 1),
    )  # fmt: skip
    text = Metrics(version="1").render(everything)[0].decode()
    samples = [sample.name for family in text_string_to_metric_families(text) for sample in family.samples]
    return frozenset(samples) | {"up", "ALERTS"}


def dashboard_expressions() -> list[str]:
    """What the dashboard asks Prometheus."""
    found: list[str] = []

    def look(part: Any) -> None:
        if isinstance(part, dict):
            found.extend(value for key, value in part.items() if key == "expr" and isinstance(value, str))
            part = list(part.values())
        if isinstance(part, list):
            for one in part:
                look(one)

    look(json.loads((SHIPPED / "grafana" / "dockd.json").read_text(encoding="utf-8")))
    return found


def unknown(expression: str) -> set[str]:
    """Names in it that neither the agent nor a rule gives."""
    named = set(_NAME.findall(_QUOTED.sub('""', expression)))
    return named - exported() - {rule["record"] for rule in RECORDED}


def wrong_matchers(expression: str) -> list[str]:
    """What it selects by, and no dock has: labels that only some sites give to their targets among them. `$variables` are a dashboard's own."""
    found = []
    for label, how, value in _MATCHER.findall(expression):
        if value.startswith("$"):
            continue
        if label not in VALUES:
            found.append(label)
        elif how in ("=", "=~"):
            found += [f"{label}={one}" for one in value.split("|") if one not in VALUES[label]]
    return found


EXPRESSIONS = [rule["expr"] for rule in [*RECORDED, *ALERTS]]


def test_every_expression_speaks_of_what_there_is() -> None:
    every = EXPRESSIONS + dashboard_expressions()
    assert len(every) > 60
    assert [(one, names) for one in every if (names := unknown(one))] == []
    assert [(one, wrong) for one in every if (wrong := wrong_matchers(one))] == []


def test_what_there_is_not_is_found() -> None:
    assert unknown('sum(dockd_bayz{state="dockd_x"}) + dockd:none:sum / up') == {"dockd_bayz", "dockd:none:sum"}
    assert wrong_matchers('dockd_bays{state="emty",station="North"} * dockd_problems{problem=~"footage_lost|lost"}') == [
        "state=emty", "station", "problem=lost",
    ]  # fmt: skip


@pytest.mark.parametrize("alert", ALERTS, ids=[f"{one['alert']}-{one['labels']['severity']}" for one in ALERTS])
def test_an_alert_says_what_is_wrong_and_where_to_read_on(alert: dict[str, Any]) -> None:
    assert alert["alert"].startswith("Dockd")
    assert alert["labels"].keys() == {"severity"}
    assert alert["labels"]["severity"] in ("critical", "warning", "info")
    said = alert["annotations"]
    assert said.keys() == {"summary", "description", "runbook_url"}
    assert said["runbook_url"] == "{{ $externalLabels.dockd_docs }}docs/runbooks/" + alert["alert"] + ".md"
    assert "{{ $labels.instance }}" in said["summary"] or alert["alert"] == "DockdNothingWatched"
    assert 60 < len(said["description"]) < 400
    assert said["description"].endswith(".")


def test_each_alert_has_its_runbook_and_there_are_no_others() -> None:
    assert sorted(page.stem for page in RUNBOOKS.glob("*")) == NAMES
    for page in RUNBOOKS.glob("*.md"):
        text = page.read_text(encoding="utf-8")
        assert text.startswith(f"# {page.stem}\n")
        assert tuple(re.findall(r"(?m)^## (.*)$", text)) == PARTS, page.name
        assert len(text.splitlines()) < 60, page.name


# What stands in the journal and is no event: who says it, and where that is said.
NO_EVENTS = {"log cannot be": "dockd/ops/logs.py", "Traceback": None, "watchdog timeout": None}


def sought_in_the_journal(text: str) -> list[str]:
    """What the commands of a runbook look for among dockd's own lines."""
    lines = re.findall(r"(?m)^ {8}journalctl (?!-k)[^|\n]*\| (grep [^|\n]*)", text)
    return [word for line in lines for word in shlex.split(line)[1:] if not word.startswith("-") and not word.isdigit()]


def messages() -> dict[str, str]:
    """The words of every event, as they stand in the journal whatever the format is."""
    assert happenings.LogLost.action in REGISTRY
    anything: Any = "-"  # it is put into a sentence
    return {action: kind(**{one.name: anything for one in fields(kind)}).message() for action, kind in REGISTRY.items()}


def test_what_runbooks_look_for_in_the_journal_stands_there_and_not_in_every_line() -> None:
    said = messages()
    found = {(page.stem, word) for page in RUNBOOKS.glob("*.md") for word in sought_in_the_journal(page.read_text(encoding="utf-8"))}  # fmt: skip
    assert len(found) > 15
    for page, word in found:
        if word in NO_EVENTS:
            source = NO_EVENTS[word]
            assert source is None or word in (ROOT / source).read_text(encoding="utf-8")
            continue
        hit = [action for action, text in said.items() if word in text]
        assert 1 <= len(hit) <= 4, f"{page}: {word!r} finds {hit}"


def test_each_kind_of_problem_has_one_alert() -> None:
    """A kind that is new goes to the one for everything else, until it has one of its own."""
    (rest,) = (one["expr"] for one in ALERTS if one["alert"] == "DockdProblem")
    ((_, how, listed),) = _MATCHER.findall(rest)
    assert how == "!~"
    own = set(listed.split("|"))
    assert own <= set(PROBLEMS)
    others = [one for one in ALERTS if one["alert"] != "DockdProblem"]
    of: dict[str, set[str]] = {kind: set() for kind in own}
    for alert in others:
        for label, how, value in _MATCHER.findall(alert["expr"]):
            if label == "problem" and how in ("=", "=~") and "unless ignoring (problem)" not in alert["expr"]:
                for kind in value.split("|"):
                    of[kind].add(alert["alert"])
    for kind, by in BY_THEMSELVES.items():
        of[kind] |= {one["alert"] for one in others if by in one["expr"]}
    assert {kind: by for kind, by in of.items() if len(by) != 1} == {}


def test_each_alert_is_seen_to_wait_to_fire_and_to_end() -> None:
    """In the unit tests of the rules: nothing before, then it fires, with each of its severities, and then it is over."""
    groups = yaml.safe_load((ROOT / "tests" / "monitoring" / "alerts.test.yml").read_text(encoding="utf-8"))["tests"]
    shown: set[tuple[str, str]] = set()
    for group in groups:
        for severity in ("critical", "warning", "info"):
            of = f'severity="{severity}"'
            fires = [
                any(of in sample["labels"] for sample in check["exp_samples"]) for check in group["promql_expr_test"]
            ]
            if True in fires and not fires[0] and not fires[-1]:
                shown.add((group["name"], severity))
    assert shown == {(alert["alert"], alert["labels"]["severity"]) for alert in ALERTS}


def test_the_document_lists_every_metric_figure_and_alert() -> None:
    told = set(re.findall(r"(?m)^\| `([\w:]+)(?:\{[\w, ]+\})?` \|", DOCUMENT))
    there = {
        re.sub(r"_(bucket|count|sum)$", "", name) for name in exported() if name.startswith("dockd_") and not name.endswith("_created")
    }  # fmt: skip
    assert told == there | {rule["record"] for rule in RECORDED}
    listed = re.findall(r"(?m)^\| \[(\w+)\]\(runbooks/\1\.md\) \| (\w+) \| .* \| (.*) \|$", DOCUMENT)
    assert listed == [(one["alert"], one["labels"]["severity"], one.get("for", "at once")) for one in ALERTS]
    for rule in RECORDED:
        assert " ".join(rule["expr"].split()).replace("|", "\\|") in DOCUMENT, rule["record"]
