"""What people change, by the API of a real agent with a real store: it is done, kept with who did it, and outlives restarts on either side."""

from __future__ import annotations

import http.client
import json
import urllib.parse
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.agent import Running, running
from tests.program import StoreProcess, store_at

SMALL, LARGE = b"s" * 40_000, b"l" * 3_000_000


def post(agent: Running, path: str, body: Any = None) -> tuple[int, Any]:
    line = http.client.HTTPConnection(urllib.parse.urlsplit(agent.url).netloc, timeout=30)
    try:
        line.request(
            "POST", f"/api/v1{path}", body=json.dumps(body or {}), headers={"Content-Type": "application/json"}
        )
        answer = line.getresponse()
        return answer.status, json.loads(answer.read())
    finally:
        line.close()


def done(agent: Running, path: str, body: Any = None) -> Any:
    status, said = post(agent, path, body)
    assert status == 200, said
    return said


def by_path(agent: Running) -> dict[str, Any]:
    return {one["path"]: one for one in agent.api("/segments?limit=1000")["segments"]}


def who(agent: Running, action: str) -> list[Any]:
    after, found = "", []
    while True:
        page = agent.api(f"/activity?limit=1000&after={after}")
        found += page["activity"]
        if page["next"] is None:
            return [one["message"] for one in found if one["action"] == action]
        after = page["next"]


def evidence_at(store: StoreProcess) -> set[str]:
    with urllib.request.urlopen(f"{store.url}/api/v1/segments", timeout=30) as answer:
        return {one["filename"] for one in json.load(answer)["segments"] if one["evidential"]}


@pytest.fixture(scope="module")
def central(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StoreProcess]:
    """One that takes nothing larger than 2 MB, as yet."""
    folder = tmp_path_factory.mktemp("central")
    config = folder / "store.toml"
    config.write_text('[store]\nmax_size = "2 MB"\n')
    with store_at(folder / "root", "--config", str(config)) as store:
        yield store


@pytest.fixture(scope="module")
def agent(central: StoreProcess, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    folder = tmp_path_factory.mktemp("changes")
    registry = folder / "cameras.csv"
    registry.write_text("camera,assigned_to\nOWN,PC Smith\nPOOL,\n")
    with running(folder, central.url, more=f'[wipe]\nenabled = false\n[registry]\nfile = "{registry}"') as found:
        yield found


def test_evidence_is_known_to_the_store_though_it_was_away_and_the_agent_was_killed(
    agent: Running, central: StoreProcess
) -> None:
    agent.dock("OWN", {"DCIM/late.mp4": SMALL, "DCIM/plain.mp4": SMALL + b"2"})
    agent.until_state("OWN", "ready")
    late = by_path(agent)["DCIM/late.mp4"]
    assert late["evidential_at_store"] is None
    central.stop()
    said = done(agent, f"/segments/{late['id']}/evidential")
    assert (said["evidential"], said["evidential_at_store"]) == (True, "waiting")
    agent.kill()
    agent.start()
    assert by_path(agent)["DCIM/late.mp4"]["evidential_at_store"] == "waiting"
    central.start()
    agent.until(lambda: by_path(agent)["DCIM/late.mp4"]["evidential_at_store"] == "known", "the store knows")
    assert evidence_at(central) == {"late.mp4"}
    assert done(agent, f"/segments/{late['id']}/evidential")["evidential"] is True
    (entry,) = who(agent, "segment.evidential")
    assert entry.endswith("(marked by local)")
    assert len(who(agent, "segment.marked_at_store")) == 1


def test_what_is_held_is_tried_again_and_held_again_until_its_cause_is_gone(
    agent: Running, central: StoreProcess
) -> None:
    camera = agent.dock("POOL", {"DCIM/large.mp4": LARGE})
    agent.until_state("POOL", "store_refused")
    segment = by_path(agent)["DCIM/large.mp4"]["id"]

    def held() -> Any:
        return agent.api(f"/segments/{segment}")["held"]

    assert done(agent, f"/segments/{segment}/retry")["held"] is None
    agent.until(lambda: held() == "store_refused", "it is held again, for the store refuses it still")
    assert (camera / "DCIM/large.mp4").read_bytes() == LARGE
    config = Path(central.options[1])
    config.write_text('[store]\nmax_size = "20 MB"\n')
    central.stop()
    central.start()
    done(agent, f"/segments/{segment}/retry")
    agent.until(lambda: agent.api(f"/segments/{segment}")["confirmed_at"], "the store has it")
    assert held() is None
    assert len(who(agent, "segment.tried_again")) == 2
    assert (camera / "DCIM/large.mp4").read_bytes() == LARGE


def test_a_bay_out_of_use_serves_what_is_in_it_and_an_issued_camera_is_back_when_it_is_docked(agent: Running) -> None:
    number = agent.until_state("POOL", "ready")["number"]
    assert post(agent, "/cameras/OWN/issue", {"officer": "PC Jones"})[0] == 409
    said = done(agent, "/cameras/POOL/issue", {"officer": "PC Jones"})
    assert (said["assigned_to"], said["issued"]["by"]) == ("PC Jones", "local")
    said = done(agent, f"/bays/{number}/out-of-use", {"reason": "its socket is broken"})
    assert (said["state"], said["out_of_use"]["reason"], said["out_of_use"]["by"]) == ("ready", "its socket is broken", "local")  # fmt: skip
    agent.stop()
    agent.start()  # it lies in its bay yet
    bay = agent.until_state("POOL", "ready")
    assert bay["camera"]["assigned_to"] == "PC Jones"
    assert "This bay is out of use: “its socket is broken”. Put no other camera into it." in bay["why"]
    aside = (agent.docks / "POOL").rename(agent.folder / "out")
    agent.until(lambda: agent.api(f"/bays/{number}")["state"] == "out_of_use", "it was taken")
    assert agent.api("/cameras/POOL")["issued"]["officer"] == "PC Jones"
    aside.rename(agent.docks / "POOL")
    agent.until_state("POOL", "ready")
    assert agent.api("/cameras/POOL")["assigned_to"] is None
    assert "Jones" not in agent.said  # the log has no officers' names
    assert done(agent, f"/bays/{number}/out-of-use", {"in_use": True})["out_of_use"] is None
    assert len(who(agent, "bay.back_in_use")) == 1


def test_a_camera_that_never_comes_back_is_seen_to_and_then_closed(agent: Running, central: StoreProcess) -> None:
    central.stop()
    name = "a b ü"
    camera = agent.dock(name, {"DCIM/gone.mp4": SMALL})
    number = agent.until_state(name, "unconfirmed")["number"]
    camera.rename(agent.folder / "in-the-river")

    def early() -> Any:
        return next((one for one in agent.api("/problems")["problems"] if one["problem"] == "removed_early"), None)

    problem = agent.until(early, "it is missed")
    assert (problem["camera"], problem["closable"], problem["seen_by"]) == (name, True, None)
    seen = done(agent, f"/problems/{problem['id']}/seen", {"hours": 1})
    assert (seen["seen_by"], seen["since"]) == ("local", problem["since"])
    agent.stop()
    agent.start()
    again = agent.until(early, "it is missed still")
    assert (again["id"], again["since"], again["seen_by"]) == (problem["id"], problem["since"], "local")
    done(agent, f"/problems/{problem['id']}/close", {"reason": "it fell into the river"})
    assert early() is None
    assert agent.api(f"/bays/{number}")["state"] == "empty"
    assert post(agent, f"/problems/{problem['id']}/close", {"reason": "again"})[0] == 404
    central.start()
    agent.until(lambda: by_path(agent)["DCIM/gone.mp4"]["confirmed_at"], "what it left here reaches the store")
    assert early() is None
    assert agent.api(f"/bays/{number}")["state"] == "empty"
    (entry,) = who(agent, "problem.closed")
    assert "it fell into the river" in entry


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        ("/segments/nothing/first", {}, 404), ("/segments/nothing/evidential", {"x": 1}, 400), ("/segments/nothing/retry", {}, 404),
        ("/bays/99/out-of-use", {"reason": "x"}, 404), ("/bays/1/out-of-use", {}, 400), ("/bays/1/out-of-use", {"in_use": False}, 400),
        ("/bays/1/out-of-use", {"reason": "x", "in_use": True}, 400), ("/bays/x/out-of-use", {"reason": "x"}, 404), ("/bays/1/out-of-use", {"reason": 7}, 400),
        ("/cameras/OWN/issue", {}, 400), ("/cameras/no%2Fbody/issue", {"officer": "x"}, 404), ("/problems/x/seen", {"hours": True}, 400),
        ("/problems/x/seen", {"hours": 10**400}, 400), ("/problems/x/seen", {"hours": 1}, 404), ("/problems/x/close", {"reason": ""}, 400),
    ],
)  # fmt: skip
def test_what_cannot_be_done_says_why(agent: Running, path: str, body: Any, status: int) -> None:
    found, said = post(agent, path, body)
    assert (found, said["status"]) == (status, status)
    assert said["detail"]
