"""How soon a password may be tried again. Pure: the caller says what time it is.

Rules kept here: after a few mistakes each further one makes the wait longer, for the account and for the address that asks (of IPv6 for the machine, and,
after many more, for its network); no wait is longer than a quarter of an hour, and none is made longer by asking while it lasts, so that nobody is locked
out for good. Whoever has signed in from an address before is not kept out there by what others try; who has not, and does not wait for
mistakes of their own, has a try all the same by coming again a little later: as many of those as an address has in a minute, whoever has them, are few.
What is remembered is bounded, and is forgotten when the agent ends: it can be started again only by those who may do everything.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from ipaddress import IPv6Address, ip_address, ip_network
from typing import TypeVar

FREE = 5  # mistakes without a wait
FREE_ADDRESS = 20  # a whole parade room may be behind one address
FREE_NETWORK = 100  # of IPv6: so many machines, and each as many addresses as it likes
LONGEST_WAIT = 900.0
LONGEST_OF_ADDRESS = 300.0
FORGOTTEN_AFTER = 3600.0
COMES_AGAIN = 10.0  # seconds after which who waits for others' mistakes alone may have a try
COMES_UNTIL = 600.0
EVERY = 20.0  # seconds between two such tries of one network
_MOST = 4096

_Key = TypeVar("_Key")
_Value = TypeVar("_Value")
_Keys = list[tuple[tuple[str, str], int, float]]


@dataclass(slots=True)
class _Mistakes:
    count: int = 0
    last: float = 0.0
    not_before: float = 0.0


class Limits:
    """What has been tried wrongly, and by whom. Times are seconds of a clock that nobody sets. `known`: they have signed in from there before."""

    def __init__(self) -> None:
        self._of: OrderedDict[tuple[str, str], _Mistakes] = OrderedDict()
        self._came: OrderedDict[tuple[str, str], float] = OrderedDict()
        self._next: OrderedDict[str, float] = OrderedDict()

    def wait(self, *, name: str, address: str, now: float, known: bool = False) -> float:
        """Seconds until this one may try; 0: now."""
        own, others = _own(name, address, known=known), _others(address, known=known)
        if (wait := self._longest(own, now)) > 0:
            return wait
        wait = self._longest(others, now)
        return max(0.0, min(wait, self._until_a_try(name, near(address), now))) if wait > 0 else 0.0

    def wrong(self, *, name: str, address: str, now: float, known: bool = False) -> None:
        """This one has tried, and was wrong."""
        others = _others(address, known=known)
        if self._longest(others, now) > 0:
            _put(self._next, near(address), now + EVERY)
            self._came.pop((name, near(address)), None)
        for key, free, longest in _own(name, address, known=known) + others:
            one = self._of.get(key, _Mistakes())
            if now - one.last > FORGOTTEN_AFTER:
                one.count = 0
            one.count, one.last = one.count + 1, now
            if one.count >= free:
                one.not_before = now + min(longest, 2.0 ** min(one.count - free, 20))
            _put(self._of, key, one)

    def right(self, *, name: str, address: str, now: float, known: bool = False) -> None:
        """This one has signed in: what went wrong before is forgotten for the account. The try, which was counted as a
        mistake before it was known to be none, counts for the address no more."""
        for key, _free, _longest in _others(address, known=known):
            one = self._of.get(key)
            if one is not None:
                one.count, one.not_before = one.count - 1, now
        for key, _free, _longest in _own(name, address, known=False):
            self._of.pop(key, None)

    def _longest(self, keys: _Keys, now: float) -> float:
        found = [self._of.get(key) for key, _free, _longest in keys]
        return max([0.0, *(one.not_before - now for one in found if one is not None)])

    def _until_a_try(self, name: str, place: str, now: float) -> float:
        """Seconds until somebody may try who waits for what others have done there: not at once, so that a name that is made up for each try has none."""
        came = self._came.get((name, place))
        if came is None or now - came > COMES_UNTIL:
            came = now
            _put(self._came, (name, place), now)
        return max(came + COMES_AGAIN, self._next.get(place, 0.0)) - now


def _own(name: str, address: str, *, known: bool) -> _Keys:
    """What counts for this account: (key, mistakes without a wait, longest wait)."""
    here = (("here", f"{name} {near(address)}"), FREE, LONGEST_WAIT)
    return [here] if known else [here, (("account", name), FREE, LONGEST_WAIT)]


def _others(address: str, *, known: bool) -> _Keys:
    """What counts for whoever asks from there."""
    place = near(address)
    if known:
        return []
    found = [(("address", address), FREE_ADDRESS, LONGEST_OF_ADDRESS)]
    if place != address:
        found.append((("network", place), FREE_NETWORK, LONGEST_OF_ADDRESS))
    return found


def _put(kept: OrderedDict[_Key, _Value], key: _Key, value: _Value) -> None:
    kept[key] = value
    kept.move_to_end(key)
    while len(kept) > _MOST:
        kept.popitem(last=False)


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
