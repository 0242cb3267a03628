"""What `@event` makes: values that every reader may hold and nobody may change."""

from __future__ import annotations

from dataclasses import FrozenInstanceError, fields
from typing import Any

import pytest

from ingest.events import REGISTRY, AgentStopped, CameraDocked, SegmentListed, StorePinned, UserSignedIn
from ingest.events.base import Event


def _any(kind: type[Event], **more: Any) -> Event:
    """One of this kind: a word for whatever it must have."""
    return kind(**dict.fromkeys(kind.fields, "a word") | more)


@pytest.mark.parametrize("kind", REGISTRY.values(), ids=lambda kind: kind.action)
def test_every_kind_is_a_value(kind: type[Event]) -> None:
    one, same, other = _any(kind), _any(kind), _any(kind, bay=7)
    assert (one == same, hash(one) == hash(same), one == other) == (True, True, False)
    said = ", ".join(f"{field.name}='a word'" for field in fields(kind))
    assert repr(one) == f"{kind.__qualname__}({said})"
    for name in ("bay", "new"):
        with pytest.raises(FrozenInstanceError):
            setattr(one, name, 3)
    with pytest.raises(FrozenInstanceError):
        del one.bay
    assert one == same


@pytest.mark.parametrize("kind", [CameraDocked, SegmentListed, StorePinned, UserSignedIn])
def test_what_is_missing_or_unknown_is_refused(kind: type[Event]) -> None:
    with pytest.raises(TypeError, match="without"):
        kind()
    with pytest.raises(TypeError, match="has no weather"):
        _any(kind, weather="fine")
    with pytest.raises(TypeError):
        kind("camera")  # type: ignore[call-arg]  # by name alone


def test_two_kinds_with_the_same_fields_differ() -> None:
    assert AgentStopped() != Event()
    assert AgentStopped().data() == {}
