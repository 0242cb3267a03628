"""What a part is: what it is called, what it is, how it is gathered, and what became of that."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from dataclasses import asdict, dataclass, field

from dockd.doctor.apart import Job, User
from dockd.doctor.machine import NotSeen
from dockd.settings.mistakes import printable
from dockd.support.names import Kind
from ingest.errors import DockdError


@dataclass(kw_only=True)
class Gathered:
    """`text` of a part; `names` to be hidden everywhere; `secrets` and `hashes` to be taken out everywhere; `notes`: what is to be said of it in the manifest."""

    text: str = ""
    names: list[tuple[Kind, str]] = field(default_factory=list)
    secrets: list[str] = field(default_factory=list)
    hashes: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    failed: str = ""


@dataclass(frozen=True, kw_only=True)
class Part:
    """`file` in the bundle ("": nothing of it goes there), `what` it is in a sentence; `look` gathers, within seconds; `as_agent`: as the agent's user.

    `lines`: it is a log, a JSON document a line where it can be; `document`: it is one JSON document; `anonymous`: it names nobody, whatever it says.
    """

    file: str
    what: str
    look: Callable[[], Gathered]
    within: float = 10.0
    most: int = 1 << 20
    as_agent: bool = False
    lines: bool = False
    document: bool = False
    anonymous: bool = False

    def job(self, agent: User | None) -> Job:
        """To be done apart."""
        return Job(
            look=lambda: _look(self), within=self.within, most=8 * self.most + (1 << 20), user=agent if self.as_agent else None
        )  # fmt: skip

    def result(self, said: bytes | None) -> Gathered:
        """By what its process said."""
        if said is None:
            return Gathered(failed=f"it was not there within {self.within:g} s, or is too large: left out")
        found = json.loads(said)
        return Gathered(**found | {"names": [tuple(one) for one in found["names"]]})


def _look(part: Part) -> bytes:
    try:
        found = part.look()
    except NotSeen as error:
        found = Gathered(failed=f"{error}{'; ask as root' if os.geteuid() else ''}")
    except DockdError as error:
        found = Gathered(failed=error.message)
    except PermissionError as error:
        found = Gathered(
            failed=f"{error.filename} may not be read by this user{'; ask as root' if os.geteuid() else ''}"
        )
    except Exception as error:  # noqa: BLE001 (a part that fails is told of as that, beside the others)
        found = Gathered(failed=f"{type(error).__name__}: {error}")
    found.failed = printable(found.failed)[:500]
    encoded = found.text.encode("utf-8", "backslashreplace")
    if len(encoded) > part.most:
        found.text = encoded[-part.most :].decode("utf-8", "replace").partition("\n")[2]
        found.notes.append(f"its last {part.most} bytes: it was {len(encoded)}")
    return json.dumps(asdict(found)).encode("ascii", "backslashreplace")
