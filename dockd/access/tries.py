"""How many codes of a provider one address may bring, before anybody knows whether they are any. Pure: the caller says what time it is.

Rules kept here: each code costs the provider a question, with the dock's own secret, and whoever brings one needs no account; so one address (of IPv6 one
machine, and its network three times as much) has a few that came to nothing, and then one in five seconds; one that let somebody in costs nothing.
What is remembered is bounded.
"""

from __future__ import annotations

from collections import OrderedDict

from dockd.access.limits import near

OF_ADDRESS = 30
OF_NETWORK = 90
EVERY = 5.0  # seconds after which one more is let through
_MOST = 4096


class Tries:
    """See the module. Times are seconds of a clock that nobody sets."""

    def __init__(self) -> None:
        self._left: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def take(self, address: str, *, now: float) -> bool:
        """Whether this address has one left; then it has one less."""
        left = {key: self._of(key, most, now) for key, most in _counted(address).items()}
        if any(one < 1 for one in left.values()):
            return False
        for key, one in left.items():
            self._keep(key, one - 1, now)
        return True

    def give_back(self, address: str, *, now: float) -> None:
        """It let somebody in."""
        for key, most in _counted(address).items():
            self._keep(key, self._of(key, most, now) + 1, now)

    def _of(self, key: str, most: int, now: float) -> float:
        left, at = self._left.get(key, (float(most), now))
        return min(most, left + (now - at) / EVERY)

    def _keep(self, key: str, left: float, now: float) -> None:
        self._left[key] = left, now
        self._left.move_to_end(key)
        while len(self._left) > _MOST:
            self._left.popitem(last=False)


def _counted(address: str) -> dict[str, int]:
    """Of what this address is one, and how many codes that may bring."""
    place = near(address)
    return {address: OF_ADDRESS} if place == address else {address: OF_ADDRESS, place: OF_NETWORK}
