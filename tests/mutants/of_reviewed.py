"""What a review found unguarded: claims in green, what people closed, one look a page, what is expected of a bay."""

from __future__ import annotations

from tests.mutants.planting import Mutant

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
)  # fmt: skip
