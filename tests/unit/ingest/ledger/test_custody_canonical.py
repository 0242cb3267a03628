"""The one text of an entry, and the chain made of such texts: for any content, not for the examples that one thinks of."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from ingest.ledger.custody import GENESIS, canonical, entry_hash, entry_text

values = st.one_of(st.none(), st.booleans(), st.integers(-(2**63), 2**63), st.text(), st.lists(st.text(), max_size=4))
data = st.dictionaries(st.text(max_size=12), values, max_size=6)
TIME = "2026-11-20T10:54:00.123Z"


@given(data)
def test_text_is_ascii_without_line_ends_and_reads_back_as_it_was(content: dict[str, Any]) -> None:
    text = entry_text(seq=1, at=TIME, action="a.b", prev=GENESIS, data=content)
    assert text.isascii()
    assert "\n" not in text
    assert json.loads(text) == {"seq": 1, "at": TIME, "action": "a.b", "prev": GENESIS, "data": content}


@given(data)
def test_text_is_the_same_whatever_the_order(content: dict[str, Any]) -> None:
    shuffled = dict(reversed(content.items()))
    assert canonical(shuffled) == canonical(content)
    assert canonical(json.loads(canonical(content))) == canonical(content)


@given(data, data)
def test_other_content_has_another_text(one: dict[str, Any], other: dict[str, Any]) -> None:
    same = json.dumps(one, sort_keys=True) == json.dumps(other, sort_keys=True)
    assert (canonical(one) == canonical(other)) == same


@given(st.lists(data, min_size=2, max_size=6), st.data())
def test_no_entry_can_be_changed_without_changing_every_hash_after_it(
    contents: list[dict[str, Any]], draw: st.DataObject
) -> None:
    def chain(every: list[dict[str, Any]]) -> list[str]:
        hashes = [GENESIS]
        for seq, content in enumerate(every, 1):
            hashes.append(entry_hash(entry_text(seq=seq, at=TIME, action="a", prev=hashes[-1], data=content)))
        return hashes[1:]

    where = draw.draw(st.integers(0, len(contents) - 1))
    changed = [*contents]
    changed[where] = contents[where] | {"added by a forger": True}
    before, after = chain(contents), chain(changed)
    assert before[:where] == after[:where]
    assert all(mine != theirs for mine, theirs in zip(before[where:], after[where:], strict=True))
