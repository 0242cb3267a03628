"""One segment on one page: what the record says of it, for a file that goes to court.

Rules: everything comes from the ledger at one moment, and the whole record is checked before a word is written; what does not hold is said at the
top. What is not known is said, never left out. Names and words from outside are escaped and cut to what fits: one page is a promise.
"""

from dockd.certificate.facts import Certificate, facts
from dockd.certificate.pages import as_html, as_text

__all__ = ["Certificate", "as_html", "as_text", "facts"]
