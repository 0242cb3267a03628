"""The shapes of all documents that the API gives and takes, as JSON Schema. Pure.

Rules kept here: nothing is in a document that is not in its schema; a test holds every answer against them.
"""

from __future__ import annotations

from typing import Any, get_args

from dockd.page.looks import BayState, Shape, Tone, Verb
from dockd.page.problems import PROBLEMS
from ingest.bandwidth import Source
from ingest.standing import StoreWord

Schema = dict[str, Any]

TEXT: Schema = {"type": "string"}
COUNT: Schema = {"type": "integer", "minimum": 0}
TIME: Schema = {"type": "string", "format": "date-time"}


def or_null(schema: Schema) -> Schema:
    """Or there is none."""
    if "$ref" in schema:
        return {"anyOf": [schema, {"type": "null"}]}
    return {**schema, "type": [schema["type"], "null"]}


def object_of(properties: dict[str, Schema], *, optional: tuple[str, ...] = ()) -> Schema:
    """An object with these names and no others."""
    return {
        "type": "object", "properties": properties, "required": [name for name in properties if name not in optional],
        "additionalProperties": False,
    }  # fmt: skip


def ref(name: str) -> Schema:
    """One of SCHEMAS by name."""
    return {"$ref": f"#/components/schemas/{name}"}


def _list(of: Schema) -> Schema:
    return {"type": "array", "items": of}


def _page(name: str, of: str, key: Schema) -> Schema:
    return object_of({name: _list(ref(of)), "next": or_null(key)})


_TALLY = object_of(dict.fromkeys(("listed", "copied", "confirmed", "wiped", "held"), COUNT))
_RATE = or_null(COUNT)
_SOURCE: Schema = {"type": "string", "enum": list(get_args(Source))}
_BANDWIDTH_NOW = {"limit_bytes_per_second": _RATE, "source": _SOURCE, "until": or_null(TIME)}
_BANDWIDTH = object_of({
    **_BANDWIDTH_NOW,
    "configured": object_of({
        "limit_bytes_per_second": _RATE, "timetable_lines": COUNT, "evidential": {"type": "string", "enum": ["limited", "unlimited"]},
    }),
    "next": _list(object_of({"at": TIME, "limit_bytes_per_second": _RATE, "source": _SOURCE})),
})  # fmt: skip
_OVERRIDE = object_of({"rate": or_null(TEXT), "for": TEXT, "until": TIME}, optional=("for", "until"))
_STATUS = object_of({
    "station": TEXT, "time": TIME, "sequence": COUNT, "rack": TEXT, "bays_total": COUNT, "ready": COUNT, "usable": COUNT, "next_ready_at": or_null(TIME), "needs_action": COUNT,
    "rack_problem": or_null(object_of({"problem": {"type": "string", "enum": list(PROBLEMS)}, "text": TEXT, "act": {"type": "boolean"}})),
    "oldest_unconfirmed": or_null(object_of({
        "captured_at": TIME, "age_seconds": COUNT, "camera": TEXT, "bay": or_null(COUNT),
    })),
    "backlog": object_of({
        "segments": COUNT, "bytes": COUNT, "on_cameras_alone": object_of({"segments": COUNT, "bytes": COUNT}),
        "eta_seconds": or_null(object_of({"low": COUNT, "high": COUNT})),
    }),
    "held": object_of({"segments": COUNT, "bytes": COUNT}),
    "away": object_of({"segments": COUNT, "bytes": COUNT, "cameras": COUNT}), "out": object_of({"cameras": COUNT, "segments": COUNT}),
    "store": object_of({
        "state": {"type": "string", "enum": list(get_args(StoreWord))}, "since": TIME, "id": or_null(TEXT), "message": TEXT,
        "last_success": or_null(TIME),
    }),
    "spool": object_of({
        "free_bytes": or_null(COUNT), "size_bytes": or_null(COUNT), "days_left": or_null({"type": "number"}),
        "kept": or_null(object_of({"bytes": COUNT, "until": TIME, "text": TEXT})),
    }),
    "bandwidth": object_of(_BANDWIDTH_NOW),
    "wipe_enabled": {"type": "boolean"}, "lost_segments": COUNT, "in_doubt_segments": COUNT, "sound": {"type": "boolean"}, "trouble": or_null(TEXT),
})  # fmt: skip
_BAY = object_of({
    "number": COUNT, "state": {"type": "string", "enum": list(get_args(BayState))}, "word": TEXT, "why": TEXT, "since": TIME,
    "camera": or_null(object_of({"id": TEXT, "serial": TEXT, "profile": TEXT, "assigned_to": or_null(TEXT)})),
    "segments": ref("Tally"), "bytes": ref("Tally"), "battery_percent": or_null(COUNT),
    "clock_offset_seconds": or_null({"type": "number"}), "ready_at": or_null(TIME), "verb": {"type": "string", "enum": list(get_args(Verb))}, "shape": {"type": "string", "enum": list(get_args(Shape))},
    "tone": {"type": "string", "enum": list(get_args(Tone))},
    "out_of_use": or_null(object_of({"reason": TEXT, "by": TEXT, "since": TIME})),
})  # fmt: skip
_CAMERA = object_of({
    "id": TEXT, "profile": TEXT, "serial": TEXT, "card": or_null(TEXT), "assigned_to": or_null(TEXT),
    "issued": or_null(object_of({"officer": TEXT, "by": TEXT, "since": TIME})), "bay": or_null(COUNT),
    "last_bay": or_null(COUNT), "first_seen": TIME, "last_seen": TIME,
})  # fmt: skip
_RECEIPT = object_of({
    "store": TEXT, "object": TEXT, "method": {"type": "string", "enum": ["receipt", "digest", "read-back"]}, "size": COUNT,
    "sha256": TEXT, "durable": {"type": "boolean"}, "stored_at": TEXT, "attested_at": TEXT, "nonce": TEXT, "seq": or_null(COUNT),
    "head": or_null(TEXT), "raw": TEXT,
})  # fmt: skip
_TIMES = object_of({
    "camera_time": TIME, "camera_offset_seconds": or_null({"type": "number"}), "listed_at": TIME,
    "station_synchronised": or_null({"type": "boolean"}), "listed_corrected": or_null(TIME),
    "trusted": {"type": "string", "enum": ["station", "station, as corrected", "neither"]}, "words": TEXT,
})  # fmt: skip
_SEGMENT = object_of({
    "id": TEXT, "camera": TEXT, "path": TEXT, "path_b64": TEXT, "size": COUNT, "sha256": or_null(TEXT), "xxh3_128": or_null(TEXT),
    "copies": _list({"type": "string", "enum": ["camera", "spool", "store"]}), "held": or_null(TEXT), "held_message": or_null(TEXT),
    "evidential": {"type": "boolean"}, "evidential_at_store": {"type": ["string", "null"], "enum": ["known", "waiting", "cannot", None]}, "captured_at": TIME, "listed_at": TIME, "pulled_at": or_null(TIME),
    "verified_at": or_null(TIME), "confirmed_at": or_null(TIME), "wiped_at": or_null(TIME), "receipt": or_null(ref("Receipt")),
    "kind": {"type": "string", "enum": ["segment", "sidecar", "other"]}, "recording": or_null(TEXT), "part": or_null(COUNT),
    "clock_offset_seconds": or_null({"type": "number"}), "times": _TIMES,
}, optional=("path_b64", "times"))  # fmt: skip
_ENTRY = object_of({"seq": COUNT, "at": TIME, "action": TEXT, "data": {"type": "object"}, "hash": TEXT, "text": TEXT})
_HAPPENED = object_of({
    "seq": COUNT, "at": TIME, "action": TEXT, "camera": or_null(TEXT), "segment": or_null(TEXT), "bay": or_null(COUNT),
    "message": TEXT,
})  # fmt: skip
_PROBLEM = object_of({
    "id": TEXT, "problem": {"type": "string", "enum": list(PROBLEMS)}, "text": TEXT, "advice": TEXT, "bay": or_null(COUNT),
    "camera": or_null(TEXT), "detail": TEXT, "since": TIME, "worse": or_null(TIME), "seen_by": or_null(TEXT),
    "seen_until": or_null(TIME), "closable": {"type": "boolean"},
})  # fmt: skip
_ERROR = object_of({"type": TEXT, "title": TEXT, "status": COUNT, "detail": TEXT})

# A person's words, in one line: not nothing, and signs that can be read.
_REASON: Schema = {"type": "string", "minLength": 1, "maxLength": 300, "pattern": r"^[^\u0000]*$"}
_OUT_OF_USE: Schema = {
    "oneOf": [
        object_of({"reason": _REASON, "was": TEXT}, optional=("was",)),
        object_of({"in_use": {"type": "boolean", "const": True}, "was": TEXT}, optional=("was",)),
    ]
}

SCHEMAS: dict[str, Schema] = {
    "Tally": _TALLY, "Status": _STATUS, "Bay": _BAY, "Bays": _page("bays", "Bay", COUNT), "Camera": _CAMERA,
    "Cameras": _page("cameras", "Camera", TEXT), "Receipt": _RECEIPT, "Segment": _SEGMENT,
    "Segments": _page("segments", "Segment", TEXT), "Entry": _ENTRY, "Custody": _page("entries", "Entry", COUNT),
    "Happened": _HAPPENED, "Activity": _page("activity", "Happened", COUNT), "Problem": _PROBLEM,
    "Problems": _page("problems", "Problem", TEXT), "Error": _ERROR, "Alive": object_of({"alive": {"type": "boolean"}}),
    "Ready": object_of({"ready": {"type": "boolean"}}), "Bandwidth": _BANDWIDTH, "Override": _OVERRIDE,
    "Nothing": object_of({}), "OutOfUse": _OUT_OF_USE, "Issue": object_of({"officer": {"type": "string", "maxLength": 100}, "was": TEXT}, optional=("was",)),
    "Seen": object_of({"hours": {"type": "number", "exclusiveMinimum": 0, "maximum": 24}}), "Close": object_of({"reason": _REASON}),
}  # fmt: skip
