"""Why a device is the camera that it is taken for, or none: each profile with what it asks for and what the device says. Pure.

Rules kept here: what is taken is decided by the agent's own decision (`usb_findings.decide`) and by nothing else; the reasons beside it are those of
the properties that the profiles ask for, so that whoever writes a profile sees which word does not fit.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from dockd.docks.usb_facts import Fact, place_of
from dockd.docks.usb_findings import Faulty, Finding, Ignored, Mtp, NotOurs, ToUnlock, Volumes, decide
from dockd.docks.usb_parts import may_hold_files
from dockd.docks.usb_words import called
from dockd.profiles.identity import identify, may_wipe
from dockd.profiles.model import Profile, Properties, candidates, contents_fit, properties_fit
from dockd.settings.mistakes import shown
from ingest.model import CameraId

Named = Callable[[CameraId], bool]
"""Whether the site's list of cameras names this one."""
_LONG_AGO, _NOW = 0.0, 1e9  # everything that may still come has come


@dataclass(frozen=True, kw_only=True)
class Considered:
    """One profile. `wrong`: why it does not fit, a sentence each; none where it does, by udev's properties."""

    profile: Profile
    wrong: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Explained:
    """One device. `verdict`: camera, undecided (what lies in its root decides, and is not known), no-camera, fault, machine.

    `says` is a sentence; `taken` the profiles that may be its own, the one that is tried first in front; `camera` who it is, where that is decided;
    `wiped` whether it would be emptied, with `withheld` as the reason where it would not.
    """

    place: str
    usb: Fact
    name: str
    volumes: tuple[Properties, ...]
    verdict: str
    says: str
    taken: tuple[Profile, ...]
    considered: tuple[Considered, ...]
    camera: CameraId | None = None
    wiped: bool = False
    withheld: str = ""

    def answers_to(self, word: str) -> bool:
        """Whether `word` names this device: its place, VID:PID, serial, or the node of a disk of it."""
        names = {
            self.place,
            self.vid_pid,
            self.usb.get("ID_SERIAL_SHORT"),
            *(one.get("DEVNAME", "") for one in self.volumes),
        }
        return word.casefold() in {one.casefold() for one in names if one}

    @property
    def vid_pid(self) -> str:
        """Maker and model, as lsusb writes them."""
        return f"{self.usb.get('ID_VENDOR_ID')}:{self.usb.get('ID_MODEL_ID')}"


def explain(
    facts: Sequence[Fact], profiles: Sequence[Profile], *, named: Named, names: Sequence[bytes] | None = None
) -> Explained | None:
    """What is in one port; None for a hub and for what has no USB device.

    `names`: those in the root of its volume, where somebody has looked; None: nobody has.
    """
    usb = next((fact for fact in facts if fact.kind == "usb"), None)
    if usb is None or usb.hub:
        return None
    finding = decide(
        facts, candidates=lambda device, volume: candidates(profiles, usb=device, volume=volume), since=_LONG_AGO, now=_NOW
    )  # fmt: skip
    volumes = tuple(_volumes(facts))
    verdict, says, taken = _verdict(finding, names)
    camera, wiped, withheld = None, False, ""
    if taken and verdict == "camera":
        camera = identify(taken[0], usb=usb.properties, volume=volumes[0] if volumes else None)
        wiped, withheld = may_wipe(taken[0], camera, named) if camera is not None else (False, "")
    return Explained(
        place=place_of(usb), usb=usb, name=called(usb).strip(" ()"), volumes=volumes, verdict=verdict, says=says, taken=taken,
        considered=tuple(_considered(profiles, usb.properties, volumes, names)), camera=camera, wiped=wiped, withheld=withheld,
    )  # fmt: skip


def _volumes(facts: Sequence[Fact]) -> Iterator[Properties]:
    """Whatever could hold files, with its disk's properties, as profiles are asked of it."""
    for disk in sorted((fact for fact in facts if fact.kind == "disk" and fact.size > 0), key=lambda fact: fact.path):
        below = [fact for fact in facts if fact.kind == "partition" and fact.path.startswith(disk.path + "/")]
        for fact in sorted(below, key=lambda fact: (fact.number, fact.path)) or [disk]:
            if may_hold_files(fact):
                yield {**disk.properties, **fact.properties}


def _verdict(finding: Finding, names: Sequence[bytes] | None) -> tuple[str, str, tuple[Profile, ...]]:
    match finding:
        case Volumes():
            return _by_contents([choice.profile for choice in finding.choices], names)
        case Mtp():
            return "camera", "A camera over PTP or MTP.", (finding.profile,)
        case ToUnlock():
            return "camera", "A camera that is told to become a disk; who it is, it tells then.", (finding.profile,)
        case NotOurs():
            return "no-camera", finding.why, ()
        case Faulty():
            return "fault", finding.why, ()
        case Ignored():
            return "machine", "It is built into the machine, and no profile names it: nothing is said of it.", ()
        case _:
            return "no-camera", "udev has not said yet what it is.", ()


def _by_contents(profiles: Sequence[Profile], names: Sequence[bytes] | None) -> tuple[str, str, tuple[Profile, ...]]:
    """The first whose contents are there is the camera's."""
    if names is None and profiles[0].match.contents:
        last = next((at for at, one in enumerate(profiles) if not one.match.contents), len(profiles))
        tried = tuple(profiles[: last + 1])
        return (
            "undecided",
            "What lies in its root decides which of them it is: the first whose contents are there.",
            tried,
        )
    if names is None:
        return "camera", "Its properties decide.", (profiles[0],)
    fitting = next((profile for profile in profiles if contents_fit(profile, names)), None)
    if fitting is None:
        return "no-camera", "No profile that fits it finds in its root what it asks for.", ()
    return "camera", "Its properties, and what lies in its root, decide.", (fitting,)


def _considered(
    profiles: Sequence[Profile], usb: Properties, volumes: Sequence[Properties], names: Sequence[bytes] | None
) -> Iterator[Considered]:
    """Those that fit first, in the order in which they are tried."""
    fitting: list[Profile] = []
    for volume in [*volumes, None]:
        fitting += [one for one in candidates(profiles, usb=usb, volume=volume) if one not in fitting]
    for profile in fitting:
        empty = names is not None and not contents_fit(profile, names)
        asked = ", ".join(f'"{one}"' for one in profile.match.contents)
        yield Considered(
            profile=profile, wrong=(f"match.contents = [{asked}]: not all of that is in its root",) if empty else ()
        )
    for profile in profiles:
        if profile not in fitting:
            yield Considered(profile=profile, wrong=tuple(_wrong(profile, usb, volumes)))


def _wrong(profile: Profile, usb: Properties, volumes: Sequence[Properties]) -> Iterator[str]:
    if profile.kind == "disk" and not volumes:
        yield "it is for disks, and this device shows none with a medium"
    yield from _unlike("match.usb", profile.match.usb, usb)
    if profile.kind == "disk" and volumes and not any(properties_fit(profile.match.volume, one) for one in volumes):
        yield from _unlike("match.volume", profile.match.volume, volumes[0])
    if properties_fit(profile.match.usb, usb) and profile.kind != "disk":
        yield "none of its interfaces is one that a camera has"


def _unlike(section: str, asked: Properties, said: Properties) -> Iterator[str]:
    for name, pattern in asked.items():
        if name not in said:
            yield f'{section}.{name} = "{pattern}": the device says nothing of it'
        elif not properties_fit({name: pattern}, said):
            yield f'{section}.{name} = "{pattern}": the device says {shown(said[name])}'
