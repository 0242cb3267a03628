"""What is sent is hostile: names are text, the address is the connection's own, and only this dock's names are answered."""

from __future__ import annotations

from tests.mutants.planting import Mutant

_REFUSALS = ("tests/e2e/test_refusals.py",)

REFUSALS = (
    Mutant(
        name="refusals: names are a part of the page", promise="what cameras, files and people are called is text",
        file="dockd/page/rendering.py", old="autoescape=True", new="autoescape=False", tests=("tests/e2e/test_stored_script.py",),
    ),
    Mutant(
        name="refusals: any name is answered", promise="a page elsewhere that has its own name point here learns nothing",
        file="dockd/page/doorkeeper.py", old="            self._right_host(request)\n", new="            host_of(request)\n", tests=_REFUSALS,
    ),
    Mutant(
        name="refusals: the address is what is claimed", promise="nobody gets round a limit by a header",
        file="dockd/page/nearby.py", old="        return str(ip_address(peer[0]))\n", new='        return str(ip_address(request.headers.get("X-Forwarded-For", peer[0])))\n', tests=_REFUSALS,
    ),
)  # fmt: skip
