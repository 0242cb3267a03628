"""Segments' documents with what other tables have of them: the last receipt, and whether the store knows that one is evidence."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from dockd.page.documents import Document, segment_document
from ingest.ledger import marks, views
from ingest.ledger.segments import Segment

Execute = Callable[..., Any]


def segment_documents(execute: Execute, rows: Sequence[Segment]) -> list[Document]:
    """One each, in order; asked in the same moment as the rows."""
    receipts = views.receipts(execute, [one.id for one in rows])
    told = {one.id: marks.mark_of(execute, one.id) for one in rows if one.evidential and one.in_store}
    return [segment_document(one, receipts.get(one.id), mark=told.get(one.id)) for one in rows]
