"""Who reaches the page costs the intake nothing, and is taken for this machine itself, or for who they were, only while they are."""

from __future__ import annotations

from tests.mutants.planting import Mutant

_DOOR = ("tests/unit/dockd/page/test_doorkeeper.py",)
_CONNECTIONS = ("tests/unit/dockd/page/test_connections.py",)
_SEATS = ("tests/unit/dockd/page/test_seats.py",)
_WATCH = "nobody who watches keeps out those who have signed in"
_NOBODY = "nobody sees or changes anything without the right to it"
_WHOM = "nothing is shown to one, or done by one, that was made for another"
_FOR_WHOM = ("tests/unit/dockd/page/test_for_whom.py",)
_OVER = "what holds no more opens nothing"
_INTAKE = "whoever can reach the page does not stop the intake of footage"

DOOR = (
    Mutant(
        name="door: whoever reaches it is at this machine", promise=_NOBODY, file="dockd/page/nearby.py",
        old="    return is_loopback(address_of_peer(request))\n", new="    return request is not None\n", tests=_DOOR, short=True,
    ),
    Mutant(
        name="door: without users another server reads for anybody", promise=_NOBODY, file="dockd/page/callers.py",
        old="            if (why := why_not_itself(request)) is not None:\n", new="            if (why := why_not_itself(request)) == _BY_THEMSELVES:\n", tests=_DOOR,
    ),
    Mutant(
        name="door: one token for the forms of all runs", promise="a page elsewhere changes nothing with the browser of a dock without users", file="dockd/page/callers.py",
        old="        self._local = secrets.token_bytes(32)\n", new="        self._local = bytes(secrets.SystemRandom().randrange(1)) + bytes(32)\n", tests=_DOOR,
    ),
    Mutant(
        name="door: a form that was begun before they were signed out", promise=_OVER, file="dockd/page/asked.py",
        old="        await request[STILL](request)\n        _see_the_token", new="        _see_the_token", tests=_DOOR,
    ),
    Mutant(
        name="door: a document that was begun before the token was revoked", promise=_OVER, file="dockd/page/asked.py",
        old="    await request[STILL](request)\n    return me, wanted\n", new="    return me, wanted\n", tests=_DOOR,
    ),
    Mutant(
        name="door: what never comes is waited for", promise=_INTAKE, file="dockd/page/asked.py",
        old="asyncio.timeout(request[PATIENCE])", new="asyncio.timeout(None)", tests=_DOOR,
    ),
    Mutant(
        name="door: a token goes from one address into another", promise="no secret is written down", file="dockd/page/doorkeeper.py",
        old='        if "token" in request.query or TOKEN_BEGINS in unquote(wanted):\n', new="        if TOKEN_BEGINS in self._names or unquote(wanted) in self._names:\n", tests=_DOOR,
    ),
    Mutant(
        name="door: two sergeants are one", promise=_WHOM, file="dockd/access/roles.py",
        old='f"{self.how} {self.by} {self.role}"', new='f"{self.how} {self.role}"', tests=_FOR_WHOM,
    ),
    Mutant(
        name="door: a line that does not say to whom it speaks", promise=_WHOM, file="dockd/page/live.py",
        old='        for_whom = b"" if kind == "documents" else', new='        for_whom = b"" if kind else', tests=_FOR_WHOM,
    ),
    Mutant(
        name="door: what is read again does not say for whom", promise=_WHOM, file="dockd/page/live.py",
        old="        response.headers[MARK] = who(request).mark\n", new='        response.headers[MARK] = ""\n', tests=_FOR_WHOM,
    ),
    Mutant(
        name="door: what was read stays when one signs out", promise=_WHOM, file="dockd/page/pages/login.py",
        old=', "Clear-Site-Data": \'"cache"\'})', new="})", tests=_FOR_WHOM,
    ),
    Mutant(
        name="connections: without an end", promise=_INTAKE, file="dockd/page/connections.py",
        old="len(self._held) < most and ", new="", tests=_CONNECTIONS, short=True,
    ),
    Mutant(
        name="connections: one address takes them all", promise=_INTAKE, file="dockd/page/connections.py",
        old=" and Counter(self._held.values())[place] < most * 3 // 8", new=" and Counter(self._held.values())[place] < most", tests=_CONNECTIONS,
    ),
    Mutant(
        name="connections: all descriptors are for the page", promise=_INTAKE, file="dockd/page/connections.py",
        old="_SHARE_OF_ALL = 4\n", new="_SHARE_OF_ALL = 1\n", tests=_CONNECTIONS,
    ),
    Mutant(
        name="connections: no rest where there is no descriptor", promise="the log stays for what concerns somebody", file="dockd/page/connections.py",
        old="if now - self._said_at.get(what, -_SAID_EVERY) < _SAID_EVERY:", new="if now < self._said_at.get(what, -_SAID_EVERY):", tests=_CONNECTIONS,
    ),
    Mutant(
        name="connections: the certificate of the start", promise="a renewed certificate is used, and half of one is not", file="dockd/page/opening.py",
        old="        self.context, self._seen = _read(cert, key)\n        return", new="        _context, self._seen = _read(cert, key)\n        return", tests=_CONNECTIONS,
    ),
    Mutant(
        name="seats: without an end", promise=_INTAKE, file="dockd/page/seats.py",
        old='(("all", ""), self._most), ', new="", tests=_SEATS, short=True,
    ),
    Mutant(
        name="seats: a viewer comes without one", promise=_INTAKE, file="dockd/page/live.py",
        old="if self._closed or not self._seats.take(seat):", new="if self._closed or (self._seats.take(seat) and not seat):", tests=("tests/unit/dockd/page/test_live.py",),
    ),
    Mutant(
        name="seats: one token takes them all", promise=_WATCH, file="dockd/page/seats.py",
        old='            found.append((("who", seat.who), _OF_ONE))\n', new="            pass\n", tests=_SEATS,
    ),
    Mutant(
        name="seats: walls take them all", promise=_WATCH, file="dockd/page/seats.py",
        old="self._most // 2", new="self._most", tests=_SEATS,
    ),
    Mutant(
        name="seats: one address takes them all", promise=_WATCH, file="dockd/page/seats.py",
        old="self._most * 3 // 5", new="self._most", tests=_SEATS,
    ),
    Mutant(
        name="door: without a descriptor the list is a damaged one", promise="nobody is told to begin a whole list anew", file="dockd/access/book.py",
        old="code == sqlite3.SQLITE_CANTOPEN and", new="code == -1 and", tests=("tests/unit/dockd/access/test_book.py",),
    ),
    Mutant(
        name="door: when a password was asked for by no time", promise="a token that does not hold is refused in words", file="dockd/access/id_token.py",
        old="isinstance(given, bool) or not isinstance(given, (int, float))", new="isinstance(given, bool)", tests=("tests/unit/dockd/access/test_oidc.py",),
    ),
)  # fmt: skip
