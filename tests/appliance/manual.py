"""What the documents tell the operator to type, taken from the documents themselves: a line that is wrong there fails here.

Rules kept here: a block is typed as it stands; where it names an example, the example is replaced, and a replacement that finds nothing is an error, so that
a document that was changed is read again by whoever changes it.
"""

from __future__ import annotations

import re
import textwrap
from collections.abc import Mapping

from tests.program import REPOSITORY

_BLOCK = re.compile(r"^```(?:sh)?\n(?P<fenced>(?s:.*?))^```$|(?:^ {4}.*\n(?:[ \t]*\n(?= {4}))*)+", re.MULTILINE)


def blocks(document: str, heading: str) -> list[str]:
    """The blocks of commands below a heading of docs/DOCUMENT, in their order. Raises AssertionError where there are none."""
    text = (REPOSITORY / "docs" / document).read_text(encoding="utf-8")
    parts = re.split(r"(?m)^#+ (.+)$", text)
    found = dict(zip(parts[1::2], parts[2::2], strict=True))
    assert heading in found, f"docs/{document} has no part {heading!r}: {list(found)}"
    made = [one["fenced"] or textwrap.dedent(one[0]) for one in _BLOCK.finditer(found[heading])]
    assert made, f"docs/{document}: nothing is to be typed in {heading!r}"
    return made


def with_(block: str, changes: Mapping[str, str]) -> str:
    """A block with its examples replaced. Raises AssertionError for one that is not in it."""
    for example, ours in changes.items():
        assert example in block, f"{example!r} is not in what the document has by now:\n{block}"
        block = block.replace(example, ours)
    return block
