"""The patterns that profiles ask udev properties and names with. Pure.

Rules kept here: `*` any run of characters, `?` one, `|` between alternatives, case ignored, always the whole value; time in proportion to the
value's length times the pattern's, whatever a device calls itself; a value beyond any that udev gives fits nothing.
"""

from __future__ import annotations

LONGEST_VALUE = 1024
"""Characters of a property's value; udev's own are far shorter, and a longer one fits no pattern."""


def fits(pattern: str, value: str) -> bool:
    """Whether `value` as a whole is what `pattern` asks.

    >>> fits("vfat|ex*", "EXFAT"), fits("CAM??", "CAM7")
    (True, False)
    """
    if len(value) > LONGEST_VALUE:
        return False
    lowered = value.lower()
    return any(_glob(one, lowered) for one in pattern.lower().split("|"))


def literal(pattern: str) -> str:
    """What stands in a pattern besides its wildcards, of the alternative that says least.

    >>> literal("CAM*|*")
    ''
    """
    return min((one.replace("*", "").replace("?", "") for one in pattern.split("|")), key=len)


def _glob(pattern: str, text: str) -> bool:
    # Going back to the last star alone is enough: what an earlier one could still take, the last one can as well.
    at = place = 0
    star, resume = -1, 0
    while place < len(text):
        if at < len(pattern) and pattern[at] == "*":
            star, resume = at, place
            at += 1
        elif at < len(pattern) and pattern[at] in ("?", text[place]):
            at += 1
            place += 1
        elif star >= 0:
            resume += 1
            at, place = star + 1, resume
        else:
            return False
    return pattern[at:].strip("*") == ""
