"""The OpenAPI 3.1 description of what the API has. Pure.

Kept equal to the routes by a test, and to the documents by another: every answer is held against these schemas.
"""

from __future__ import annotations

from typing import Any, get_args

from dockd.page.looks import BayState
from dockd.page.problems import PROBLEMS
from ingest.bandwidth import Source
from ingest.standing import StoreWord

Schema = dict[str, Any]

_TEXT: Schema = {"type": "string"}
_COUNT: Schema = {"type": "integer", "minimum": 0}
_TIME: Schema = {"type": "string", "format": "date-time"}


def _or_null(schema: Schema) -> Schema:
    if "$ref" in schema:
        return {"anyOf": [schema, {"type": "null"}]}
    return {**schema, "type": [schema["type"], "null"]}


def _object(properties: dict[str, Schema], *, optional: tuple[str, ...] = ()) -> Schema:
    return {
        "type": "object", "properties": properties, "required": [name for name in properties if name not in optional],
        "additionalProperties": False,
    }  # fmt: skip


def _ref(name: str) -> Schema:
    return {"$ref": f"#/components/schemas/{name}"}


def _list(of: Schema) -> Schema:
    return {"type": "array", "items": of}


def _page(name: str, of: str, key: Schema) -> Schema:
    return _object({name: _list(_ref(of)), "next": _or_null(key)})


_TALLY = _object(dict.fromkeys(("listed", "copied", "confirmed", "wiped", "held"), _COUNT))
_RATE = _or_null(_COUNT)
_SOURCE: Schema = {"type": "string", "enum": list(get_args(Source))}
_BANDWIDTH_NOW = {"limit_bytes_per_second": _RATE, "source": _SOURCE, "until": _or_null(_TIME)}
_BANDWIDTH = _object({
    **_BANDWIDTH_NOW,
    "configured": _object({
        "limit_bytes_per_second": _RATE, "timetable_lines": _COUNT, "evidential": {"type": "string", "enum": ["limited", "unlimited"]},
    }),
    "next": _list(_object({"at": _TIME, "limit_bytes_per_second": _RATE, "source": _SOURCE})),
})  # fmt: skip
_OVERRIDE = _object({"rate": _or_null(_TEXT), "for": _TEXT, "until": _TIME}, optional=("for", "until"))
_STATUS = _object({
    "station": _TEXT, "time": _TIME, "sequence": _COUNT, "rack": _TEXT, "bays_total": _COUNT, "ready": _COUNT, "usable": _COUNT, "needs_action": _COUNT,
    "oldest_unconfirmed": _or_null(_object({
        "captured_at": _TIME, "age_seconds": _COUNT, "camera": _TEXT, "bay": _or_null(_COUNT),
    })),
    "backlog": _object({
        "segments": _COUNT, "bytes": _COUNT, "on_cameras_alone": _object({"segments": _COUNT, "bytes": _COUNT}),
        "eta_seconds": _or_null(_object({"low": _COUNT, "high": _COUNT})),
    }),
    "held": _object({"segments": _COUNT, "bytes": _COUNT}),
    "away": _object({"segments": _COUNT, "bytes": _COUNT, "cameras": _COUNT}), "out": _object({"cameras": _COUNT, "segments": _COUNT}),
    "store": _object({
        "state": {"type": "string", "enum": list(get_args(StoreWord))}, "since": _TIME, "id": _or_null(_TEXT), "message": _TEXT,
        "last_success": _or_null(_TIME),
    }),
    "spool": _object({
        "free_bytes": _or_null(_COUNT), "size_bytes": _or_null(_COUNT), "days_left": _or_null({"type": "number"}),
        "kept": _or_null(_object({"bytes": _COUNT, "until": _TIME, "text": _TEXT})),
    }),
    "bandwidth": _object(_BANDWIDTH_NOW),
    "wipe_enabled": {"type": "boolean"}, "lost_segments": _COUNT, "in_doubt_segments": _COUNT, "trouble": _or_null(_TEXT),
})  # fmt: skip
_BAY = _object({
    "number": _COUNT, "state": {"type": "string", "enum": list(get_args(BayState))}, "word": _TEXT, "why": _TEXT, "since": _TIME,
    "camera": _or_null(_object({"id": _TEXT, "serial": _TEXT, "profile": _TEXT, "assigned_to": _or_null(_TEXT)})),
    "segments": _ref("Tally"), "bytes": _ref("Tally"), "battery_percent": _or_null(_COUNT),
    "clock_offset_seconds": _or_null({"type": "number"}), "ready_at": _or_null(_TIME), "verb": _TEXT, "shape": _TEXT, "tone": _TEXT,
    "out_of_use": _or_null(_object({"reason": _TEXT, "by": _TEXT, "since": _TIME})),
})  # fmt: skip
_CAMERA = _object({
    "id": _TEXT, "profile": _TEXT, "serial": _TEXT, "card": _or_null(_TEXT), "assigned_to": _or_null(_TEXT), "bay": _or_null(_COUNT),
    "last_bay": _or_null(_COUNT), "first_seen": _TIME, "last_seen": _TIME,
})  # fmt: skip
_RECEIPT = _object({
    "store": _TEXT, "object": _TEXT, "method": {"type": "string", "enum": ["receipt", "digest", "read-back"]}, "size": _COUNT,
    "sha256": _TEXT, "durable": {"type": "boolean"}, "stored_at": _TEXT, "attested_at": _TEXT, "nonce": _TEXT, "seq": _or_null(_COUNT),
    "head": _or_null(_TEXT), "raw": _TEXT,
})  # fmt: skip
_TIMES = _object({
    "camera_time": _TIME, "camera_offset_seconds": _or_null({"type": "number"}), "listed_at": _TIME,
    "station_synchronised": _or_null({"type": "boolean"}), "listed_corrected": _or_null(_TIME),
    "trusted": {"type": "string", "enum": ["station", "station, as corrected", "neither"]}, "words": _TEXT,
})  # fmt: skip
_SEGMENT = _object({
    "id": _TEXT, "camera": _TEXT, "path": _TEXT, "path_b64": _TEXT, "size": _COUNT, "sha256": _or_null(_TEXT), "xxh3_128": _or_null(_TEXT),
    "copies": _list({"type": "string", "enum": ["camera", "spool", "store"]}), "held": _or_null(_TEXT), "held_message": _or_null(_TEXT),
    "evidential": {"type": "boolean"}, "captured_at": _TIME, "listed_at": _TIME, "pulled_at": _or_null(_TIME),
    "verified_at": _or_null(_TIME), "confirmed_at": _or_null(_TIME), "wiped_at": _or_null(_TIME), "receipt": _or_null(_ref("Receipt")),
    "kind": {"type": "string", "enum": ["segment", "sidecar", "other"]}, "recording": _or_null(_TEXT), "part": _or_null(_COUNT),
    "clock_offset_seconds": _or_null({"type": "number"}), "times": _TIMES,
}, optional=("path_b64", "times"))  # fmt: skip
_ENTRY = _object(
    {"seq": _COUNT, "at": _TIME, "action": _TEXT, "data": {"type": "object"}, "hash": _TEXT, "text": _TEXT}
)
_HAPPENED = _object({
    "seq": _COUNT, "at": _TIME, "action": _TEXT, "camera": _or_null(_TEXT), "segment": _or_null(_TEXT), "bay": _or_null(_COUNT),
    "message": _TEXT,
})  # fmt: skip
_PROBLEM = _object({
    "id": _TEXT, "problem": {"type": "string", "enum": list(PROBLEMS)}, "text": _TEXT, "advice": _TEXT, "bay": _or_null(_COUNT),
    "camera": _or_null(_TEXT), "detail": _TEXT, "since": _TIME, "worse": _or_null(_TIME), "seen_by": _or_null(_TEXT),
    "seen_until": _or_null(_TIME), "closable": {"type": "boolean"},
})  # fmt: skip
_ERROR = _object({"type": _TEXT, "title": _TEXT, "status": _COUNT, "detail": _TEXT})

SCHEMAS: dict[str, Schema] = {
    "Tally": _TALLY, "Status": _STATUS, "Bay": _BAY, "Bays": _page("bays", "Bay", _COUNT), "Camera": _CAMERA,
    "Cameras": _page("cameras", "Camera", _TEXT), "Receipt": _RECEIPT, "Segment": _SEGMENT,
    "Segments": _page("segments", "Segment", _TEXT), "Entry": _ENTRY, "Custody": _page("entries", "Entry", _COUNT),
    "Happened": _HAPPENED, "Activity": _page("activity", "Happened", _COUNT), "Problem": _PROBLEM,
    "Problems": _page("problems", "Problem", _TEXT), "Error": _ERROR, "Alive": _object({"alive": {"type": "boolean"}}),
    "Ready": _object({"ready": {"type": "boolean"}}), "Bandwidth": _BANDWIDTH, "Override": _OVERRIDE,
}  # fmt: skip

_ID = {"name": "id", "in": "path", "required": True, "schema": _TEXT}
_NUMBER = {"name": "n", "in": "path", "required": True, "schema": _COUNT}
_LIMIT = {"name": "limit", "in": "query", "schema": {"type": "integer", "minimum": 1, "maximum": 1000, "default": 100}}
_CAMERA_IS = {"name": "camera", "in": "query", "schema": _TEXT}


def _after(key: Schema) -> Schema:
    return {
        "name": "after",
        "in": "query",
        "description": "`next` of the page before; empty: from the start",
        "schema": key,
    }


_JSON = "application/json"
PATHS: dict[str, tuple[str, str, str, tuple[Schema, ...]]] = {
    "/status": ("What is so, in one look", "Status", _JSON, ()),
    "/bays": ("All bays", "Bays", _JSON, (_after(_COUNT), _LIMIT)),
    "/bays/{n}": ("One bay", "Bay", _JSON, (_NUMBER,)),
    "/cameras": ("All cameras that were ever docked here", "Cameras", _JSON, (_after(_TEXT), _LIMIT)),
    "/cameras/{id}": ("One camera", "Camera", _JSON, (_ID,)),
    "/segments": ("All segments, in the order in which they were first seen", "Segments", _JSON, (_after(_TEXT), _LIMIT, _CAMERA_IS)),
    "/segments/{id}": ("One segment", "Segment", _JSON, (_ID,)),
    "/segments/{id}/custody": ("What happened to one segment", "Custody", _JSON, (_ID, _after(_COUNT), _LIMIT)),
    "/activity": ("Everything that happened", "Activity", _JSON, (_after(_COUNT), _LIMIT)),
    "/problems": ("What is wrong now, the worst first", "Problems", _JSON, (_LIMIT,)),
    "/bandwidth": ("What may be sent to the store now, and what the timetable says next", "Bandwidth", _JSON, ()),
    "/events": ("Server-Sent Events: snapshot, then bay, status, problem, and beat every 5 s", "", "text/event-stream", ()),
    "/openapi.json": ("This document", "", _JSON, ()),
    "/healthz": ("The process is alive", "Alive", _JSON, ()),
    "/readyz": ("It can ingest now; 503 and why where it cannot", "Ready", _JSON, ()),
    "/metrics": ("Prometheus", "", "text/plain", ()),
}  # fmt: skip
"""Path below the base, and what it is for, the schema of its answer, its type, its parameters."""

CHANGES: dict[str, tuple[str, str, str]] = {
    "/bandwidth/override": (
        "Set what may be sent for a time (`for` a duration or `until` a time, at most 7 days), or lift it (`rate` null). From this machine alone",
        "Override", "Bandwidth",
    ),
}  # fmt: skip
"""Path below the base of what changes something, and what it is for, the schema of what is sent, that of the answer."""


def document(*, version: str) -> Schema:
    """The whole description."""
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "dockd", "version": version,
            "description": "The local API of one docking rack. Times are RFC 3339 UTC, sizes bytes. Nothing here wipes.",
        },
        "servers": [{"url": "/api/v1"}],
        "paths": {path: {"get": _operation(path, *said)} for path, said in PATHS.items()}
        | {path: {"post": _change(path, *said)} for path, said in CHANGES.items()},
        "components": {"schemas": SCHEMAS},
    }  # fmt: skip


def _change(path: str, summary: str, sent: str, answer: str) -> Schema:
    name = path.strip("/").replace("/", "_")
    return {
        "operationId": f"post_{name}", "summary": summary,
        "requestBody": {"required": True, "content": {_JSON: {"schema": _ref(sent)}}},
        "responses": {"200": {"description": "Done", "content": {_JSON: {"schema": _ref(answer)}}}, "default": _error()},
    }  # fmt: skip


def _error() -> Schema:
    return {"description": "Refused, and why", "content": {"application/problem+json": {"schema": _ref("Error")}}}


def _operation(path: str, summary: str, schema: str, content: str, parameters: tuple[Schema, ...]) -> Schema:
    found: Schema = {"description": summary, "content": {content: {"schema": _ref(schema)} if schema else {}}}
    name = path.strip("/").replace("{", "").replace("}", "").replace("/", "_").replace(".", "_")
    return {
        "operationId": f"get_{name}", "summary": summary, "parameters": list(parameters),
        "responses": {"200": found, "304": {"description": "It has not changed"}, "default": _error()},
    }  # fmt: skip
