"""A page that lives: it never tells older facts as new, the wall learns nothing that is not its own, and what is foretold can be foretold."""

from __future__ import annotations

from tests.mutants.planting import Mutant

_CHANNELS = ("tests/unit/dockd/page/test_live_channels.py",)
_SMALL = ("tests/unit/dockd/page/test_compression.py",)
_CHARGE = ("tests/unit/dockd/page/test_charging.py",)
_READY = ("tests/unit/dockd/page/test_ready_at.py",)

LIVE = (
    Mutant(
        name="live: what another run has told is thought to be known", promise="P5: a page that was open through a restart shows what was before",
        file="dockd/page/channels.py", old="since.run == self._view.run and ", new="", tests=_CHANNELS,
    ),
    Mutant(
        name="live: a moment that has not been is thought to be known", promise="P5: a page that was open when the clock was set back shows what was before",
        file="dockd/page/channels.py", old=" and since.sequence <= now.sequence else -1", new=" else -1", tests=_CHANNELS,
    ),
    Mutant(
        name="live: what stands above the bays is not told", promise="P5: the headline says what was before",
        file="dockd/page/channels.py", old="head=since.head or now.sequence != known", new="head=since.head", tests=_CHANNELS,
    ),
    Mutant(
        name="live: what is put off is forgotten", promise="P5: the headline says what was before the last change",
        file="dockd/page/channels.py", old="self._head_due = self._head_due or bool(changes)", new="self._head_due = bool(changes)", tests=_CHANNELS,
    ),
    Mutant(
        name="live: nobody hears that something has changed", promise="what changes is seen as it does",
        file="dockd/page/view.py", old="            source.tell(self._bell.set)\n", new="            source.tell(int)\n", tests=_CHANNELS,
    ),
    Mutant(
        name="live: a page says that it has what it was not drawn with", promise="P5: what changes while a page is made is missed by it",
        file="dockd/page/pages/front.py", old='since = f"{self._view.run}.{snapshot.sequence}"', new='since = f"{self._view.run}.{snapshot.sequence + 1}"', tests=_CHANNELS,
    ),
    Mutant(
        name="live: one that takes nothing is kept", promise="who watches and reads nothing keeps nobody out",
        file="dockd/page/live.py", old="asyncio.timeout(self._patience)", new="asyncio.timeout(None)", tests=("tests/unit/dockd/page/test_live.py",),
    ),
    Mutant(
        name="wall: it is told what the front page is", promise="a wall is read by everybody who passes",
        file="dockd/page/faces.py", old='return draw(language, "wall_tile.html", cell=cell(bay))', new='return draw(language, "live_tile.html", bay=bay)', tests=_CHANNELS,
    ),
    Mutant(
        name="small: the tag is that of the plain answer", promise="two answers of one tag are the same bytes",
        file="dockd/page/compression.py", old="is_weak=True", new="is_weak=False", tests=_SMALL,
    ),
    Mutant(
        name="small: who cannot read it gets it all the same", promise="the page can be read by every browser",
        file="dockd/page/compression.py", old='return rest.replace(" ", "") not in ("q=0", "q=0.0", "q=0.00", "q=0.000")', new="return bool(name)", tests=_SMALL,
    ),
    Mutant(
        name="statics: a new style under an old address is kept for good", promise="a page never wears another version's style",
        file="dockd/page/pages/static.py", old='_FOR_GOOD if request.query.get("v") == found.version else', new='_FOR_GOOD if "v" in request.query else', tests=_SMALL,
    ),
    Mutant(
        name="charge: one that is full enough and stands is a fault", promise="a camera that is fit is offered",
        file="dockd/page/charging.py", old="        if percent >= wanted:\n            return None\n", new="", tests=_CHARGE,
    ),
    Mutant(
        name="charge: what it says while it is read counts", promise="a camera that works is not said to be broken",
        file="dockd/page/charging.py", old="        if at_work or self._at_work:\n            self._words.clear()\n", new="", tests=_CHARGE,
    ),
    Mutant(
        name="ready: a charge that is not known is no charge", promise="P5: a moment is told that nobody knows",
        file="dockd/page/ready_at.py", old="    if todo.charge is None:\n        return None\n", new="    if todo.charge is None:\n        return max(parts, default=0.0)\n", tests=_READY,
    ),
    Mutant(
        name="ready: a moment that is over goes on being told", promise="P5: a time that has passed is told as one to come",
        file="dockd/page/ready_at.py", old="if self._said is not None and self._said > now else None", new="if self._said is not None else None", tests=_READY,
    ),
)  # fmt: skip
