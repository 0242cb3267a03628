"""What a review found unguarded: claims in green, what people closed, one look a page, what is expected of a bay."""

from __future__ import annotations

from tests.mutants.planting import Mutant

_CLOSED = ("tests/unit/dockd/page/test_closed.py",)
_BOOK = ("tests/unit/dockd/page/test_problem_book.py",)
_CLAIMS = ("tests/unit/dockd/page/test_claims.py",)

REVIEWED = (
    Mutant(
        name="claims: what is in doubt is in the store", promise="P5: all of last night's is in, and the store says that it is not",
        file="ingest/ledger/page_footage.py", old="INDEXED BY segments_held WHERE held = ?2 AND", new="INDEXED BY segments_held WHERE held = ?2 AND held = '' AND", tests=_CLAIMS, short=True,
    ),
    Mutant(
        name="claims: a caught store's word stands on the footage page", promise="P5: all of last night's is in by a word that is not believed",
        file="dockd/page/pages/footage.py", old="        if not found.sound:\n", new="        if False:\n", tests=_CLAIMS, short=True,
    ),
    Mutant(
        name="claims: a caught store's word is green on the front page", promise="P5: all is in by a word that is not believed",
        file="dockd/page/whole_rack.py", old='return moment.is_sound and moment.store.word != "dishonest"', new="return moment.is_sound", tests=_CLAIMS, short=True,
    ),
    Mutant(
        name="closed: a camera stays given up though it was in a bay since", promise="P5: a camera that left early with footage is not missed",
        file="dockd/page/view.py", old="if last.get(camera, 0) <= docking)", new="if camera)", tests=_CLOSED, short=True,
    ),
    Mutant(
        name="closed: losses are told apart by their number", promise="P5: footage is lost, and nothing is said of it",
        file="dockd/page/problems.py", old="    return (newest << _COUNT) + min(", new="    return min(", tests=_CLOSED, short=True,
    ),
    Mutant(
        name="closed: other losses are not looked for", promise="P5: footage is lost, and nothing is said of it",
        file="ingest/ledger/views.py", old='last(_LOST, "segment.lost", held=(IN_DOUBT,)) if losses else 0', new="0", tests=_CLOSED, short=True,
    ),
    Mutant(
        name="closed: other evidence is not looked for", promise="the store deletes evidence by age, and nobody is told",
        file="ingest/ledger/views.py", old='"segment.not_markable") if untold else 0', new='"segment.not_markable") if untold is None else 0', tests=_CLOSED, short=True,
    ),
    Mutant(
        name="closed: its bay is not freed by closing", promise="a bay that a person has freed is taken",
        file="dockd/page/doings.py", old='            self._sources.rack.forgive(document["camera"])', new="            pass", tests=_CLOSED, short=True,
    ),
    Mutant(
        name="closed: its bay is not freed when its cause is gone", promise="a bay that a person has freed sends somebody to look for its camera",
        file="dockd/page/view.py", old="                sources.rack.forgive(one.camera)", new="                pass", tests=_CLOSED, short=True,
    ),
    Mutant(
        name="closed: what grew while a person closed it is closed", promise="P5: what is worse than a person knew stays out of sight",
        file="dockd/page/problem_book.py", old="if now is not None and (now.since, now.worse_at) == (noted.since, noted.worse_at):", new="if now is not None:", tests=_BOOK, short=True,
    ),
    Mutant(
        name="closed: a person and a look write at once", promise="P5: what is worse than a person knew stays out of sight after a restart",
        file="dockd/page/problem_book.py", old="        async with self._writing:\n            await self._write()", new="        await self._write()", tests=_BOOK, short=True,
    ),
    Mutant(
        name="closed: seen to for a month", promise="P5: a problem is seen to by nobody",
        file="dockd/page/problem_book.py", old="known.seen_until > now + LONGEST_SEEN + _CLOCKS", new="known.seen_until > now + 1e9", tests=_BOOK, short=True,
    ),
)  # fmt: skip
