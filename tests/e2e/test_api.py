"""The local API as programs ask it: every address, its shape held against the published description, and what it refuses."""

from __future__ import annotations

import base64
import hashlib
import http.client
import json
import re
import time
from collections.abc import Iterator
from datetime import datetime
from typing import Any

import pytest

from tests.agent import Events, Running, running
from tests.program import StoreProcess

STRANGE = b"\xff\xfe odd\nname.mp4"
FILES = {f"DCIM/{n:02}.mp4": bytes([n]) * (1000 + n) for n in range(12)}


@pytest.fixture(scope="module")
def agent(store: StoreProcess, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """Three cameras, all of them finished: one with twelve segments, one with a name that is no text, one with an angry name."""
    folder = tmp_path_factory.mktemp("api")
    registry = folder / "cameras.csv"
    registry.write_text("camera,assigned_to,note\nCAM-A,PC 4711 Öz,\nCAM-B,,pool\n", encoding="utf-8")
    before = Running(folder=folder, store=store.url)
    before.configure()
    before.dock("CAM-A", FILES)
    strange = before.dock("CAM-B", {})
    with open(strange.__fspath__().encode() + b"/" + STRANGE, "wb") as file:
        file.write(b"strange")
    before.dock("<img src=x onerror=alert(1)>", {"<b>.mp4": b"angry"})
    with running(folder, store.url, more=f'[registry]\nfile = "{registry}"') as found:
        for name in ("CAM-A", "CAM-B", "<img src=x onerror=alert(1)>"):
            found.until_state(name, "ready")
        yield found


def fits(document: Any, schema: dict[str, Any], schemas: dict[str, Any], at: str = "$") -> None:
    """Hold a document against the part of JSON Schema that the description uses. Raises AssertionError."""
    if "$ref" in schema:
        fits(document, schemas[schema["$ref"].rsplit("/", 1)[-1]], schemas, at)
        return
    if "anyOf" in schema:
        if document is None:
            assert {"type": "null"} in schema["anyOf"], at
        else:
            fits(document, next(one for one in schema["anyOf"] if one != {"type": "null"}), schemas, at)
        return
    allowed = schema["type"] if isinstance(schema["type"], list) else [schema["type"]]
    kinds = {
        "string": str,
        "integer": int,
        "number": (int, float),
        "boolean": bool,
        "object": dict,
        "array": list,
        "null": type(None),
    }
    assert any(isinstance(document, kinds[kind]) for kind in allowed), f"{at}: {document!r} is no {allowed}"  # type: ignore[arg-type]
    if document is None:
        return
    assert "enum" not in schema or document in schema["enum"], f"{at}: {document!r}"
    assert document >= schema["minimum"] if "minimum" in schema else True, at
    if schema.get("format") == "date-time":
        assert document.endswith("Z"), at
        datetime.fromisoformat(document)
    if isinstance(document, list):
        for number, item in enumerate(document):
            fits(item, schema["items"], schemas, f"{at}[{number}]")
    if isinstance(document, dict) and "properties" in schema:
        assert set(schema["required"]) <= document.keys(), (
            f"{at}: {set(schema['required']) - document.keys()} is missing"
        )
        assert document.keys() <= schema["properties"].keys(), (
            f"{at}: {document.keys() - schema['properties'].keys()} is unknown"
        )
        for name, value in document.items():
            fits(value, schema["properties"][name], schemas, f"{at}.{name}")


def test_every_address_answers_as_it_is_described(agent: Running) -> None:
    described = agent.api("/openapi.json")
    assert described["openapi"].startswith("3.1")
    segment = agent.api("/segments")["segments"][0]["id"]
    of = {"/bays/{n}": "/bays/1", "/cameras/{id}": "/cameras/CAM-A", "/segments/{id}": f"/segments/{segment}"}
    of["/segments/{id}/custody"] = f"/segments/{segment}/custody"
    promised = {
        "/status",
        "/bays",
        "/bays/{n}",
        "/cameras",
        "/cameras/{id}",
        "/segments",
        "/segments/{id}",
        "/segments/{id}/custody",
    }
    promised |= {
        "/bandwidth",
        "/bandwidth/override",
        "/activity",
        "/problems",
        "/events",
        "/healthz",
        "/readyz",
        "/metrics",
        "/openapi.json",
    }
    promised |= {f"/segments/{{id}}/{what}" for what in ("first", "evidential", "retry")}
    promised |= {"/bays/{n}/out-of-use", "/cameras/{id}/issue", "/problems/{id}/seen", "/problems/{id}/close"}
    assert set(described["paths"]) == promised
    for path, operations in described["paths"].items():
        if path == "/events" or "get" not in operations:
            continue
        answer = agent.ask("/api/v1" + of.get(path, path))
        content = operations["get"]["responses"]["200"]["content"]
        assert answer.status == 200, path
        assert answer.headers["Content-Type"].split(";")[0] in content, path
        schema = next(iter(content.values())).get("schema")
        if schema is not None:
            fits(answer.document, schema, described["components"]["schemas"], path)


def test_status(agent: Running) -> None:
    said = agent.api("/status")
    assert (said["station"], said["bays_total"], said["ready"], said["needs_action"]) == ("Test Street", 3, 3, 0)
    assert said["oldest_unconfirmed"] is None
    assert said["backlog"] == {
        "segments": 0, "bytes": 0, "on_cameras_alone": {"segments": 0, "bytes": 0}, "eta_seconds": None,
    }  # fmt: skip
    assert (said["held"], said["away"]) == ({"segments": 0, "bytes": 0}, {"segments": 0, "bytes": 0, "cameras": 0})
    assert said["store"]["state"] == "connected"
    assert said["store"]["id"]
    assert 0 < said["spool"]["free_bytes"] <= said["spool"]["size_bytes"]


def test_bays_count_segments_and_bytes(agent: Running) -> None:
    bay = agent.bays()["CAM-A"]
    size = sum(map(len, FILES.values()))
    assert bay["segments"] == {"listed": 12, "copied": 12, "confirmed": 12, "wiped": 12, "held": 0}
    assert bay["bytes"] == {"listed": size, "copied": size, "confirmed": size, "wiped": size, "held": 0}
    assert (bay["state"], bay["word"], bay["verb"]) == ("ready", "Take", "take")
    assert bay["camera"] == {"id": "CAM-A", "serial": "CAM-A", "profile": "folder", "assigned_to": "PC 4711 Öz"}
    assert (bay["battery_percent"], bay["clock_offset_seconds"], bay["ready_at"]) == (None, None, None)
    assert agent.api(f"/bays/{bay['number']}") == bay
    assert agent.bays()["CAM-B"]["camera"]["assigned_to"] is None


def test_a_segment_and_what_happened_to_it(agent: Running) -> None:
    found = {one["path"]: one for one in agent.api("/segments?camera=CAM-A")["segments"]}
    assert found.keys() == FILES.keys()
    one = found["DCIM/03.mp4"]
    assert one["sha256"] == hashlib.sha256(FILES["DCIM/03.mp4"]).hexdigest()
    assert (one["copies"], one["held"], one["size"]) == (["store"], None, 1003)
    assert one["listed_at"] <= one["pulled_at"] <= one["confirmed_at"] <= one["wiped_at"]
    assert one["receipt"]["sha256"] == one["sha256"]
    assert one["receipt"]["raw"].count(".") == 2
    alone = agent.api(f"/segments/{one['id']}")
    times = alone.pop("times")
    assert alone == one
    assert (times["listed_at"], times["trusted"] == "station") == (one["listed_at"], times["station_synchronised"])
    assert times["words"].startswith("How far the camera's clock was off is not known. The station's clock was ")
    entries = agent.api(f"/segments/{one['id']}/custody")["entries"]
    actions = [entry["action"] for entry in entries]
    wanted = ["segment.listed", "segment.copied", "segment.confirmed", "segment.attested", "segment.wiped"]
    assert [action for action in actions if action in wanted] == wanted
    assert all(hashlib.sha256(entry["text"].encode()).hexdigest() == entry["hash"] for entry in entries)


def test_a_path_that_is_no_text(agent: Running) -> None:
    answer = agent.ask("/api/v1/segments?camera=CAM-B")
    assert answer.body.isascii()
    (one,) = answer.document["segments"]
    assert base64.b64decode(one["path_b64"]) == STRANGE
    assert one["path"].encode("utf-8", "surrogateescape") == STRANGE


def test_cameras(agent: Running) -> None:
    found = {one["id"]: one for one in agent.api("/cameras")["cameras"]}
    assert found.keys() == {"CAM-A", "CAM-B", "<img src=x onerror=alert(1)>"}
    assert found["CAM-A"]["bay"] == agent.bays()["CAM-A"]["number"]
    assert agent.api("/cameras/%3Cimg%20src=x%20onerror=alert(1)%3E") == found["<img src=x onerror=alert(1)>"]


@pytest.mark.parametrize(
    ("path", "key", "name"), [("/segments", "segments", "id"), ("/cameras", "cameras", "id"), ("/bays", "bays", "number"), ("/activity", "activity", "seq")]
)  # fmt: skip
def test_lists_page_to_their_end(agent: Running, path: str, key: str, name: str) -> None:
    whole = agent.api(f"{path}?limit=1000")
    assert whole["next"] is None
    found: list[Any] = []
    after: Any = ""
    while after is not None:
        page = agent.api(f"{path}?limit=5&after={after}" if path != "/bays" else f"{path}?limit=2&after={after}")
        assert 1 <= len(page[key]) <= 5
        found += page[key]
        after = page["next"]
    assert [one[name] for one in found] == [one[name] for one in whole[key]]
    assert len({one[name] for one in found}) == len(found)


@pytest.mark.parametrize(
    "path", ["/api/v1/status", "/api/v1/bays", "/api/v1/bays/1", "/api/v1/segments", "/api/v1/cameras", "/api/v1/openapi.json", "/", "/static/page.css"]
)  # fmt: skip
def test_what_is_known_is_not_sent_again(agent: Running, path: str) -> None:
    first = agent.ask(path)
    tag = first.headers["ETag"]
    again = agent.ask(path, If_None_Match=f'"other", {tag}')
    if path == "/api/v1/status" and again.status == 200:  # the disk's room may have changed in between
        again = agent.ask(path, If_None_Match=again.headers["ETag"])
    assert (again.status, again.body) == (304, b"")
    assert agent.ask(path, If_None_Match='"other"').status == 200


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/nothing", 404), ("/bays/99", 404), ("/bays/x", 404), ("/bays/-1", 404), ("/bays/1%00", 404), ("/bays/99999999999999999999", 404),
        ("/segments/none", 404), ("/segments/..%2f..%2fetc%2fpasswd", 404), ("/segments/%00", 400), ("/cameras/none", 404),
        ("/segments/none/custody", 404), ("/segments?limit=0", 400), ("/segments?limit=1001", 400), ("/segments?limit=ten", 400),
        ("/segments?limit=%C2%B2", 400), ("/bays?after=x", 400), ("/activity?after=1e9", 400), ("/cameras?after=%00", 400),
        ("/segments?camera=" + "x" * 2000, 400),
    ],
)  # fmt: skip
def test_refusals_are_problem_documents(agent: Running, path: str, status: int) -> None:
    answer = agent.ask("/api/v1" + path)
    assert answer.status == status, answer
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert answer.document.keys() == {"type", "title", "status", "detail"}
    assert answer.document["status"] == status
    assert "Traceback" not in answer.body.decode()


@pytest.mark.parametrize(
    "path", ["/api/v1/segments?after=%FF%FE", "/api/v1/cameras/%FF%FE", "/api/v1/cameras?after=%ED%A0%80"]
)
def test_questions_that_are_no_text_are_harmless(agent: Running, path: str) -> None:
    assert agent.ask(path).status in (200, 400, 404)


def raw(
    agent: Running, method: str, path: str, *, host: str | None, claimed: str | None = "localhost"
) -> tuple[int, str]:
    connection = http.client.HTTPConnection(agent.url.removeprefix("http://"), timeout=30)
    try:
        connection.putrequest(method, path, skip_host=True)
        if host is not None:
            connection.putheader("Host", host)
        if claimed is not None:
            connection.putheader("X-Forwarded-Host", claimed)
        connection.endheaders()
        answer = connection.getresponse()
        return answer.status, answer.read().decode()
    finally:
        connection.close()


@pytest.mark.parametrize(
    "host", ["localhost", "localhost:8080", "127.0.0.1", "127.0.0.1:1", "[::1]:9", "LocalHost.", "127.9.9.9"]
)
def test_names_of_this_machine(agent: Running, host: str) -> None:
    assert raw(agent, "GET", "/api/v1/healthz", host=host)[0] == 200


@pytest.mark.parametrize(
    "host", ["evil.example", "localhost.evil.example", "127.0.0.1.evil.example", "", "[::1", "localhost:x", "10.0.0.1", "[::2]", "localhost evil", None]
)  # fmt: skip
@pytest.mark.parametrize("path", ["/", "/api/v1/status", "/metrics", "/static/page.css"])
def test_foreign_names_learn_nothing(agent: Running, host: str | None, path: str) -> None:
    status, body = raw(agent, "GET", path, host=host)
    assert status in (400, 421)
    assert "Test Street" not in body
    assert "CAM-A" not in body


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH"])
@pytest.mark.parametrize("path", ["/api/v1/status", "/api/v1/segments", "/api/v1/bays/1", "/"])
def test_nothing_can_be_changed(agent: Running, method: str, path: str) -> None:
    status, body = raw(agent, method, path, host="localhost", claimed=None)
    assert status == 405
    assert json.loads(body)["status"] == 405


@pytest.mark.parametrize("path", ["/", "/api/v1/status", "/api/v1/nothing", "/metrics", "/bays/1", "/static/live.js"])
def test_headers_that_go_with_everything(agent: Running, path: str) -> None:
    headers = agent.ask(path).headers
    policy = headers["Content-Security-Policy"]
    assert policy.startswith("default-src 'none'")
    assert "frame-ancestors 'none'" in policy
    assert "unsafe-inline" not in policy
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Cache-Control"] == ("no-cache" if path.startswith("/static/") else "no-store")
    assert "Access-Control-Allow-Origin" not in headers


def test_events_begin_with_everything_and_beat(agent: Running) -> None:
    stream = Events(agent.url)
    try:
        assert stream.headers["Content-Type"].startswith("text/event-stream")
        assert stream.headers["Cache-Control"] == "no-store"
        event, number, document = stream.next()
        assert event == "snapshot"
        assert stream.retry == "2000"
        assert {bay["camera"]["id"] for bay in document["bays"]} >= {"CAM-A", "CAM-B"}
        assert document["status"]["sequence"] == number
        began = time.monotonic()
        event, beat, document = stream.until(lambda event, _: event == "beat")
        assert beat >= number
        assert document.keys() == {"time", "sequence"}
        assert time.monotonic() - began < 15.0, "one comes every five seconds"
    finally:
        stream.close()


def test_events_tell_what_changes_in_order(agent: Running) -> None:
    stream = Events(agent.url)
    try:
        _, last, _ = stream.next()
        agent.dock("LATE", {"a.mp4": b"a" * 100_000})
        seen: list[str] = []
        while not seen or seen[-1] != "ready":
            event, number, document = stream.next()
            assert number >= last if event == "beat" else number == last + 1, "no event is missing"
            last = number
            if event == "bay" and document["camera"] and document["camera"]["id"] == "LATE":
                seen.append(document["state"])
        assert "empty" not in seen
    finally:
        stream.close()


def test_events_again_begin_with_everything_again(agent: Running) -> None:
    for _ in range(2):
        stream = Events(agent.url)
        assert stream.next()[0] == "snapshot"
        stream.close()


def test_ready_and_alive(agent: Running) -> None:
    assert agent.ask("/healthz").document == {"alive": True}
    assert agent.ask("/readyz").document == {"ready": True}


def test_activity_in_words(agent: Running) -> None:
    said = [one["message"] for one in agent.api("/activity?limit=1000")["activity"]]
    assert any(re.fullmatch(r"DCIM/03\.mp4 was deleted from camera CAM-A and seen gone", text) for text in said)
    assert not any("{" in text for text in said)
