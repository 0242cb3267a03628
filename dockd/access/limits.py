"""How soon a password may be tried again. Pure: the caller says what time it is.

Rules kept here: after a few mistakes each further one makes the wait longer, for the account and for the address that asks; no wait is longer than a
quarter of an hour, and none is made longer by asking while it lasts, so that nobody is locked out for good. Whoever has signed in from an address
before is not kept out there by what others do elsewhere. What is remembered is bounded, and is forgotten when the agent ends: it can be
started again only by those who may do everything.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from ipaddress import IPv6Address, ip_address, ip_network

FREE = 5  # mistakes without a wait
FREE_ADDRESS = 20  # a whole parade room may be behind one address
LONGEST_WAIT = 900.0
LONGEST_OF_ADDRESS = 300.0
FORGOTTEN_AFTER = 3600.0
KNOWN_FOR = 30 * 86400.0
_MOST = 4096


@dataclass(slots=True)
class _Mistakes:
    count: int = 0
    last: float = 0.0
    not_before: float = 0.0


class Limits:
    """What has been tried wrongly, and by whom. Times are seconds of a clock that nobody sets."""

    def __init__(self) -> None:
        self._of: OrderedDict[tuple[str, str], _Mistakes] = OrderedDict()
        self._known: OrderedDict[tuple[str, str], float] = OrderedDict()

    def wait(self, *, name: str, address: str, now: float) -> float:
        """Seconds until this one may try; 0: now."""
        found = [self._of.get(key) for key, _free, _longest in self._keys(name, address, now)]
        return max([0.0, *(one.not_before - now for one in found if one is not None)])

    def wrong(self, *, name: str, address: str, now: float) -> None:
        """This one has tried, and was wrong."""
        for key, free, longest in self._keys(name, address, now):
            one = self._of.setdefault(key, _Mistakes())
            if now - one.last > FORGOTTEN_AFTER:
                one.count = 0
            one.count, one.last = one.count + 1, now
            if one.count >= free:
                one.not_before = now + min(longest, 2.0 ** min(one.count - free, 20))
            self._of.move_to_end(key)
        while len(self._of) > _MOST:
            self._of.popitem(last=False)

    def right(self, *, name: str, address: str, now: float) -> None:
        """This one has signed in: what went wrong before is forgotten for the account, and this address is known for it. The try, which was counted as a
        mistake before it was known to be none, counts for the address no more."""
        place = near(address)
        for key, _free, _longest in self._keys(name, address, now):
            one = self._of.get(key)
            if key[0] == "address" and one is not None:
                one.count, one.not_before = one.count - 1, now
        for key in (("here", f"{name} {place}"), ("account", name)):
            self._of.pop(key, None)
        self._known[name, place] = now
        self._known.move_to_end((name, place))
        while len(self._known) > _MOST:
            self._known.popitem(last=False)

    def _keys(self, name: str, address: str, now: float) -> list[tuple[tuple[str, str], int, float]]:
        """What counts for this one: (key, mistakes without a wait, longest wait)."""
        place = near(address)
        here = (("here", f"{name} {place}"), FREE, LONGEST_WAIT)
        known = self._known.get((name, place))
        if known is not None and now - known < KNOWN_FOR:
            return [here]
        return [here, (("account", name), FREE, LONGEST_WAIT), (("address", place), FREE_ADDRESS, LONGEST_OF_ADDRESS)]


def near(address: str) -> str:
    """What counts as one address: of IPv6 the network, since a machine has as many addresses as it likes.

    >>> near("2001:db8::1") == near("2001:db8::2"), near("192.0.2.1"), near("::ffff:192.0.2.1")
    (True, '192.0.2.1', '192.0.2.1')
    """
    try:
        found = ip_address(address)
    except ValueError:
        return ""
    if isinstance(found, IPv6Address):
        if found.ipv4_mapped is not None:
            return str(found.ipv4_mapped)
        return str(ip_network((found, 64), strict=False))
    return str(found)
