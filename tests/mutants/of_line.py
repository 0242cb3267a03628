"""The line to a store: whose word an answer is, who may be told a secret, and what a dead line costs."""

from __future__ import annotations

from tests.mutants.planting import Mutant

_PROXY = ("tests/contract/store/test_proxy.py",)
_DEAD = ("tests/contract/central/test_dead_lines.py",)
_BEHIND = ("tests/contract/store/test_behind_certificates.py",)
_SOCKETS = ("tests/unit/ingest/store/test_sockets.py",)

LINE = (
    Mutant(
        name="proxy: its page is the store's word", promise="P1: a proxy's 404 counts as the store's, and a copy as lost",
        file="ingest/store/line.py", old='        if self._proxy is not None and answer.url.scheme != "https":\n', new='        if self._proxy is not None and answer.url.scheme == "ftp":\n',
        tests=_PROXY, short=True,
    ),
    Mutant(
        name="proxy: a page of the store's is the proxy's word", promise="P5: a store's own refusal is called the proxy's",
        file="ingest/store/proxy.py", old="if status == _CREDENTIALS or (status >= 400 and _is_its_own(headers)):", new="if status >= 400:",
        tests=_PROXY,
    ),
    Mutant(
        name="proxy: its password goes to the store too", promise="a secret goes to whom it is for alone",
        file="ingest/store/line.py", old='        if not url.startswith("https:"):  # then the proxy reads the request itself\n', new='        if url.startswith("https:"):\n',
        tests=_PROXY,
    ),
    Mutant(
        name="proxy: the one of the settings is passed by", promise="nothing leaves the station but by the proxy that was named",
        file="ingest/store/line.py", old="        if proxy is None:\n            return session.request(", new="        if proxy is None or proxy.url:\n            return session.request(",
        tests=_PROXY,
    ),
    Mutant(
        name="line: a dead one is never noticed", promise="a line that is back is used at once",
        file="ingest/store/sockets.py", old="if self._unanswered(each, now=now) >= self.deaf:", new="if self._unanswered(each, now=now) < 0:",
        tests=_SOCKETS,
    ),
    Mutant(
        name="line: a store that is slow counts as dead", promise="a store that is only slow is given its time",
        file="ingest/store/sockets.py", old="if before is None or acknowledged > before.acknowledged + _LOOK / 10:", new="if before is None:",
        tests=_SOCKETS,
    ),
    Mutant(
        name="line: another store's name at one look", promise="what a person is told of the store was found twice",
        file="ingest/store/unshown.py", old="            if found is None or found != first:\n", new="            if found is None:\n",
        tests=_BEHIND,
    ),
    Mutant(
        name="line: a store of any name is the pinned one", promise="another store is called by its name",
        file="ingest/store/unshown.py", old="all(found.vouches(key, pinned) for key in found.keys)", new="bool(found.keys)",
        tests=_BEHIND,
    ),
    Mutant(
        name="line: a first store is called another one", promise="another store is called by its name",
        file="ingest/store/unshown.py", old="        if not pinned:\n", new="        if pinned is None:\n",
        tests=_BEHIND,
    ),
    Mutant(
        name="central: a dead sender keeps its upload", promise="who comes back over another line is told what arrived",
        file="ingest/central/bringing.py", old="time.monotonic() - self._waits_since < SILENT:", new="time.monotonic() - self._waits_since < 1e9:",
        tests=_DEAD,
    ),
    Mutant(
        name="central: anybody's question ends a request", promise="nobody disturbs another token's upload",
        file="ingest/central/routes_files.py", old="and found.bringing is not None and self._is_owner(found, request):", new="and found.bringing is not None:",
        tests=_DEAD,
    ),
    Mutant(
        name="central: what was not read before the cut is forgotten", promise="what arrived is not sent twice",
        file="ingest/central/answers.py", old="            if left := _left_behind(request.content):\n                yield left\n", new="",
        tests=_DEAD,
    ),
)  # fmt: skip
