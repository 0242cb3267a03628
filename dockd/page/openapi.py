"""The OpenAPI 3.1 description of what the API has: each call, who may make it, what it takes, and every way in which it answers. Pure.

Kept equal to the routes by a test, and to the answers by others: every answer is held against these schemas, for each role (tests/api).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from dockd.access import Right
from dockd.page.schemas import COUNT, SCHEMAS, Schema, ref

_MOST_COUNT = 10**18 - 1
_JSON = "application/json"
_PROBLEM = "application/problem+json"
_STREAM = "text/event-stream"

# What `_clean` and `_number` of page/api.py take, and nothing else. A parameter that is empty is as one that is not there.
_NAME: Schema = {"type": "string", "minLength": 1, "maxLength": 1000, "pattern": r"^[^\u0000]+$"}
_ID: Schema = {"name": "id", "in": "path", "required": True, "schema": _NAME}
_NUMBER: Schema = {"name": "n", "in": "path", "required": True, "schema": {**COUNT, "maximum": 999_999_999}}


def _or_empty(schema: Schema) -> Schema:
    return {"anyOf": [schema, {"type": "string", "maxLength": 0}]}


_LIMIT: Schema = {
    "name": "limit", "in": "query", "description": "How many at most; 100 where it does not say", "schema": _or_empty({"type": "integer", "minimum": 1, "maximum": 1000}),
}  # fmt: skip
_CAMERA_IS: Schema = {
    "name": "camera", "in": "query", "description": "Those of this camera alone", "schema": {**_NAME, "minLength": 0, "pattern": r"^[^\u0000]*$"},
}  # fmt: skip


def _after(key: Schema) -> Schema:
    return {
        "name": "after", "in": "query", "description": "`next` of the page before; empty: from the start",
        "schema": _or_empty({**key, "maximum": _MOST_COUNT}) if key is COUNT else {**_NAME, "minLength": 0, "pattern": r"^[^\u0000]*$"},
    }  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Call:
    """One call. `gives` and `takes` name schemas (empty: none); `why`: further refusals beside those that every call of its kind has."""

    summary: str
    gives: str = ""
    takes: str = ""
    right: Right = "read"
    content: str = _JSON
    parameters: tuple[Schema, ...] = ()
    why: tuple[int, ...] = ()


_TEXT_KEY: Schema = {"type": "string"}
READS: dict[str, Call] = {
    "/status": Call(summary="What is so, in one look", gives="Status"),
    "/bays": Call(summary="All bays", gives="Bays", parameters=(_after(COUNT), _LIMIT)),
    "/bays/{n}": Call(summary="One bay", gives="Bay", parameters=(_NUMBER,)),
    "/cameras": Call(summary="All cameras that were ever docked here", gives="Cameras", parameters=(_after(_TEXT_KEY), _LIMIT)),
    "/cameras/{id}": Call(summary="One camera", gives="Camera", parameters=(_ID,)),
    "/segments": Call(
        summary="All segments, in the order in which they were first seen", gives="Segments", parameters=(_after(_TEXT_KEY), _LIMIT, _CAMERA_IS)
    ),
    "/segments/{id}": Call(summary="One segment", gives="Segment", parameters=(_ID,)),
    "/segments/{id}/custody": Call(summary="What happened to one segment", gives="Custody", parameters=(_ID, _after(COUNT), _LIMIT)),
    "/activity": Call(summary="Everything that happened", gives="Activity", parameters=(_after(COUNT), _LIMIT)),
    "/problems": Call(summary="What is wrong now, the worst first", gives="Problems", parameters=(_after(_TEXT_KEY), _LIMIT)),
    "/bandwidth": Call(summary="What may be sent to the store now, and what the timetable says next", gives="Bandwidth"),
    "/events": Call(
        summary="Server-Sent Events: snapshot, then bay, status, problem, and beat every 5 s", content=_STREAM, why=(503,)
    ),
    "/openapi.json": Call(summary="This document"),
    "/healthz": Call(summary="The process is alive", gives="Alive", right="open"),
    "/readyz": Call(summary="It can ingest now; 503 and why where it cannot", gives="Ready", why=(503,)),
    "/metrics": Call(summary="Prometheus", content="text/plain"),
}  # fmt: skip
"""Path below the base, and what is read there."""

CHANGES: dict[str, Call] = {
    "/bandwidth/override": Call(
        summary="Set what may be sent for a time (`for` a duration or `until` a time, at most 7 days), or lift it (`rate` null)",
        takes="Override", gives="Bandwidth", right="operate",
    ),
    "/segments/{id}/first": Call(summary="Send it next", takes="Nothing", gives="Segment", right="change", parameters=(_ID,)),
    "/segments/{id}/evidential": Call(summary="It is evidence, for good", takes="Nothing", gives="Segment", right="change", parameters=(_ID,)),
    "/segments/{id}/retry": Call(
        summary="Try a held one again, once its cause is gone", takes="Nothing", gives="Segment", right="change", parameters=(_ID,)
    ),
    "/bays/{n}/out-of-use": Call(
        summary="Nobody is to use this bay, and why; or it may be used again. `was`: the reason that held as far as you know (empty: in use): 409 where another holds", takes="OutOfUse", gives="Bay", right="change", parameters=(_NUMBER,)
    ),
    "/cameras/{id}/issue": Call(
        summary="A pool camera goes to an officer; to nobody (empty): it is back. `was`: who has it as far as you know (empty: nobody): 409 where another has", takes="Issue", gives="Camera", right="change", parameters=(_ID,)
    ),
    "/problems/{id}/seen": Call(
        summary="Somebody has seen to it, for so many hours", takes="Seen", gives="Problem", right="change", parameters=(_ID,)
    ),
    "/problems/{id}/close": Call(
        summary="It is over, and why: where it cannot close by itself (`closable`)", takes="Close", gives="Problem", right="change",
        parameters=(_ID,),
    ),
}  # fmt: skip
"""Path below the base of what changes something."""

_REFUSALS = {
    400: "What was asked for cannot be understood; nothing was changed",
    401: "Say who you are: sign in, or bring a token",
    403: "You may not do that, or not from there",
    404: "There is no such thing",
    408: "It did not come in time; nothing was changed",
    409: "It makes no sense as things are; `detail` says why",
    413: "That is too much",
    415: "That is no JSON",
    421: "This machine has another name",
    429: "Too many mistakes; Retry-After says when to try again",
    503: "Not now; Retry-After says when",
}
_SAYS_WHEN = (429, 503)
# Untouched by the ledger, so that it can be asked whatever becomes of that.
_OF_MEMORY = frozenset({"/healthz", "/openapi.json"})


def document(*, version: str) -> dict[str, Any]:
    """The whole description."""
    paths: dict[str, dict[str, Any]] = {}
    for path, call in READS.items():
        paths.setdefault(path, {})["get"] = _read(path, call)
        if call.content != _STREAM:
            paths[path]["head"] = _read(path, call, bare=True)
    for path, call in CHANGES.items():
        paths.setdefault(path, {})["post"] = _change(path, call)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "dockd", "version": version,
            "description": "The local API of one docking rack. Times are RFC 3339 UTC, sizes bytes. Nothing here wipes. While no user exists, whoever asks from "
            "this machine needs no login.",
        },
        "servers": [{"url": "/api/v1"}],
        "paths": paths,
        "components": {"schemas": SCHEMAS, "securitySchemes": _SCHEMES},
    }  # fmt: skip


_SCHEMES: dict[str, Any] = {
    "token": {"type": "http", "scheme": "bearer", "description": "As `dockd token create` gives it"},
    "session": {"type": "apiKey", "in": "cookie", "name": "__Host-dockd", "description": "A browser that has signed in"},
    "csrf": {"type": "apiKey", "in": "header", "name": "X-CSRF-Token", "description": "What the page that the browser has was given for this session"},
}  # fmt: skip


def _name(method: str, path: str) -> str:
    words = path.strip("/").replace("{", "").replace("}", "").replace("/", "_").replace(".", "_").replace("-", "_")
    return f"{method}_{words}"


def _refused(code: int) -> Schema:
    found: Schema = {"description": _REFUSALS[code], "content": {_PROBLEM: {"schema": ref("Error")}}}
    if code in _SAYS_WHEN:
        found["headers"] = {"Retry-After": {"description": "Seconds", "schema": COUNT}}
    return found


def _refusals(path: str, call: Call, *, change: bool) -> dict[str, Schema]:
    codes = {421, *call.why}
    if call.right != "open":
        codes |= {401, 403}
    if call.parameters or change:
        codes.add(400)
    if "{" in path:
        codes.add(404)
    if path not in _OF_MEMORY:
        codes.add(503)
    if change:
        codes |= {408, 409, 413, 415}
    return {str(code): _refused(code) for code in sorted(codes)}


def _read(path: str, call: Call, *, bare: bool = False) -> Schema:
    """`bare`: HEAD, which has the same heads and no body."""
    found: Schema = {"description": call.summary}
    if not bare:
        found["content"] = {call.content: {"schema": ref(call.gives)} if call.gives else {}}
    answers = {"200": found}
    parameters = list(call.parameters)
    if call.content == _JSON:
        found["headers"] = {
            "ETag": {
                "description": "Another one as soon as anything is new",
                "required": True,
                "schema": {"type": "string"},
            }
        }
        answers["304"] = {"description": "It has not changed: what If-None-Match names is still so"}
        parameters.append(
            {
                "name": "If-None-Match",
                "in": "header",
                "description": "ETag of what is known already",
                "schema": {"type": "string"},
            }
        )
    refusals = _refusals(path, call, change=False)
    if bare:
        refusals = {
            code: {key: part for key, part in one.items() if key != "content"} for code, one in refusals.items()
        }
    return {
        "operationId": _name("head" if bare else "get", path), "summary": call.summary, "parameters": parameters, "responses": answers | refusals,
        **_security(call, change=False),
    }  # fmt: skip


def _change(path: str, call: Call) -> Schema:
    return {
        "operationId": _name("post", path), "summary": call.summary, "parameters": list(call.parameters),
        "requestBody": {"required": True, "content": {_JSON: {"schema": ref(call.takes)}}},
        "responses": {"200": {"description": "It is so now", "content": {_JSON: {"schema": ref(call.gives)}}}} | _refusals(path, call, change=True),
        **_security(call, change=True),
    }  # fmt: skip


def _security(call: Call, *, change: bool) -> Schema:
    """Who may: any of these. The last, empty one: somebody on this machine, while there are no users."""
    if call.right == "open":
        return {"security": [], "x-dockd-right": call.right}
    browser: dict[str, list[str]] = {"session": [], "csrf": []} if change else {"session": []}
    return {"security": [{"token": []}, browser, {}], "x-dockd-right": call.right}
