"""What is so of the rack as a whole at one moment: its status, and what is wrong. Pure but for what the moment holds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace

from dockd.page.documents import Document, bandwidth_part, when
from dockd.page.estimate import days_left
from dockd.page.guidance import OF_PROBLEMS
from dockd.page.language import said
from dockd.page.moment import Moment
from dockd.page.problems import AwayFact, BayFact, Problem, problems
from dockd.page.whereabouts import Whereabouts, whereabouts
from ingest.ledger.views import Away
from ingest.model import CameraId


def on_its_way(moment: Moment) -> Whereabouts:
    """Where everything is that the store has not confirmed."""
    return whereabouts(moment.sums.unproven, moment.here)


def what_is_wrong(moment: Moment, facts: Sequence[BayFact]) -> list[Problem]:
    """All problems; `facts`: what was told of each bay."""
    sums, store = moment.sums, moment.store
    troubles = dict(moment.sources.troubles.now)
    if moment.registry.trouble:
        troubles["registry_unread"] = moment.registry.trouble
    here = moment.here
    away = [
        replace(_away_fact(one, moment), sound=moment.is_sound)
        for one in sums.away
        if one.camera not in here and one.early
    ]
    return problems(
        bays=facts, away=away, store=store.word, store_message=store.message, spool_full=moment.full(),
        lost=sums.lost, doubt=sums.doubt, spoilt=sums.held.get("spool_spoils", 0), troubles=troubles, untold=sums.untold, newest=sums.newest,
    )  # fmt: skip


def status_of(
    moment: Moment, bays: Mapping[int, Document], facts: Sequence[BayFact], *, wrong: Sequence[Problem], eta: tuple[int, int] | None
) -> Document:  # fmt: skip
    """`GET /status`, but for the time. `wrong`: what is shown as wrong, the worst first; `eta` is the backlog's range in seconds."""
    sources, sums, here, room = moment.sources, moment.sums, moment.here, moment.room
    store, where = moment.store, on_its_way(moment)
    out = [one for one in sums.away if not one.early and one.camera not in here]
    oldest = None
    if sums.oldest is not None:
        camera, captured = sums.oldest
        oldest = {"captured_at": when(captured), "age_seconds": 0, "camera": camera, "bay": here.get(camera)}
    return {
        "station": sources.settings.station.name, "rack": sources.settings.station.rack,
        "bays_total": len(bays), "ready": sum(doc["state"] == "ready" for doc in bays.values()),
        "usable": sum(doc["state"] == "usable" for doc in bays.values()),
        "next_ready_at": min((doc["ready_at"] for doc in bays.values() if doc["ready_at"] is not None), default=None),
        "needs_action": sum(doc["verb"] == "act" for doc in bays.values()) + _unspoken(moment, facts) + sum(one.needs_somebody for one in wrong),
        "rack_problem": rack_problem(wrong), "oldest_unconfirmed": oldest,
        "backlog": {
            **asdict(where.coming), "on_cameras_alone": asdict(where.uncopied), "eta_seconds": {"low": eta[0], "high": eta[1]} if eta else None,
        },
        "held": asdict(where.held), "away": {**asdict(where.away), "cameras": where.cameras},
        "out": {"cameras": len(out), "segments": sum(one.segments for one in out)},
        "store": {
            "state": store.word, "since": when(store.since), "id": store.id, "message": store.message,
            "last_success": when(store.last_success),
        },
        "spool": {"free_bytes": room.free, "size_bytes": room.size, "days_left": days_left(room.free, sums.a_day), "kept": _kept(moment)},
        "bandwidth": bandwidth_part(sources.bandwidth.now),
        "wipe_enabled": sources.settings.wipe.enabled, "lost_segments": sums.lost, "in_doubt_segments": sums.doubt, "sound": _is_believed(moment), "trouble": moment.blind or None,
    }  # fmt: skip


def rack_problem(wrong: Sequence[Problem]) -> Document | None:
    """The worst that is wrong with the rack as a whole, in a sentence that may stand on a wall: no names, no paths, no footage."""
    worst = next((one for one in wrong if one.is_said_above), None)
    if worst is None:
        return None
    known = OF_PROBLEMS.get(worst.problem)
    if worst.problem == "store_down":  # its own sentence says whether somebody has to mend it
        text = worst.text
    else:
        text = said("{what}.", what=known.title if known is not None else said("Something is wrong with this dock"))
    return {"problem": worst.problem, "text": text, "act": worst.needs_somebody}


def _is_believed(moment: Moment) -> bool:
    """Whether nothing speaks against what the store has confirmed, or against what the dock says that it has."""
    return moment.is_sound and moment.store.word != "dishonest"


def _kept(moment: Moment) -> Document | None:
    if moment.kept is None:
        return None
    return {"bytes": moment.kept.bytes, "until": when(moment.kept.first), "text": moment.kept_words()}


def _away_fact(away: Away, moment: Moment) -> AwayFact:
    camera = CameraId(profile=away.profile, serial=away.serial, card=away.card)
    bay = moment.sources.rack.bays.get(away.bay) if away.bay is not None else None
    speaks = bay is not None and bay.camera is None and bay.last_camera == camera
    return AwayFact(
        camera=away.camera, bay=away.bay if speaks else None, segments=away.segments, alone=away.alone, name=camera.serial or camera.id,
        officer=moment.assigned_to(camera), docking=away.docking,
    )  # fmt: skip


def _unspoken(moment: Moment, facts: Sequence[BayFact]) -> int:
    """Cameras that left early with footage, and of which no bay speaks: theirs has another by now, or something else in it."""
    here = moment.here
    spoken = {fact.camera for fact in facts if fact.state == "removed_early"}
    told = spoken | here.keys() | moment.closed
    return sum(one.early and one.camera not in told for one in moment.sums.away)
