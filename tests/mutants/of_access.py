"""Who is let in: nobody without a right, nobody by what holds no more, nobody by another's browser, and nobody by a list that is not whole."""

from __future__ import annotations

from tests.mutants.planting import Mutant

_DOOR = ("tests/unit/dockd/page/test_doorkeeper.py",)
_DESK = ("tests/unit/dockd/access/test_desk.py",)
_BOOK = ("tests/unit/dockd/access/test_book.py",)
_LIMITS = ("tests/unit/dockd/access/test_limits.py",)
_HASHING = ("tests/unit/dockd/access/test_hashing.py",)
_WORDS = ("tests/unit/dockd/access/test_words.py",)
_RUN = ("tests/e2e/test_access.py",)
_BEYOND = ("tests/e2e/test_access_beyond.py",)
_NOBODY = "nobody sees or changes anything without the right to it"
_FORGED = "a page elsewhere changes nothing with a sergeant's browser"
_OVER = "what holds no more opens nothing"
_GUESSED = "a password is not found by trying"

ACCESS = (
    Mutant(
        name="access: whoever asks is let in", promise=_NOBODY, file="dockd/page/doorkeeper.py",
        old="        if me.may(demanded):\n", new='        if me.may("open"):\n', tests=_DOOR, short=True,
    ),
    Mutant(
        name="access: an address that says nothing is open", promise=_NOBODY, file="dockd/page/rights.py",
        old='getattr(handler, _NEEDS, "operate")', new='getattr(handler, _NEEDS, "open")', tests=_DOOR,
    ),
    Mutant(
        name="access: a stranger sees the wall", promise=_NOBODY, file="dockd/access/roles.py",
        old='return right == "open" if self.how == "stranger" else may(self.role, right)', new="return may(self.role, right)", tests=_DOOR,
    ),
    Mutant(
        name="access: metrics for whoever comes through another server", promise=_NOBODY, file="dockd/page/doorkeeper.py",
        old=" and is_itself(request):", new=":", tests=_DOOR,
    ),
    Mutant(
        name="access: a form without its token", promise=_FORGED, file="dockd/page/asked.py",
        old="        _see_the_token(request, brought)\n", new="", tests=_DOOR, short=True,
    ),
    Mutant(
        name="access: a script without its token", promise=_FORGED, file="dockd/page/asked.py",
        old='        _see_the_token(request, request.headers.get(CSRF_HEADER, ""))\n', new="", tests=_DOOR,
    ),
    Mutant(
        name="access: a form that does not say where it is from", promise=_FORGED, file="dockd/page/asked.py",
        old='    if demanded and origin is None and site != "same-origin":\n', new="    if demanded and not request.headers:\n", tests=_DOOR,
    ),
    Mutant(
        name="access: one token for all sessions", promise=_FORGED, file="dockd/access/known.py",
        old='hmac.digest(shown.encode("utf-8", "surrogatepass"), b"dockd csrf"', new='hmac.digest(b"", b"dockd csrf" + shown[:0].encode()', tests=_DOOR,
    ),
    Mutant(
        name="access: the token unmasked", promise="the length of a compressed page tells nothing", file="dockd/access/masking.py",
        old="    mask = secrets.token_bytes(_BYTES)\n", new="    mask = bytes(secrets.SystemRandom().randrange(1)) + bytes(_BYTES)\n", tests=_DOOR,
    ),
    Mutant(
        name="access: any token in the wall's cookie", promise=_NOBODY, file="dockd/page/callers.py",
        old='            if token is not None and token.role == "wall":\n', new="            if token is not None:\n", tests=_DOOR,
    ),
    Mutant(
        name="access: any token in the wall's address", promise=_NOBODY, file="dockd/page/callers.py",
        old='        if token is None or token.role != "wall":\n', new="        if token is None:\n", tests=_DOOR,
    ),
    Mutant(
        name="access: a wrong token beside a right cookie", promise=_OVER, file="dockd/page/callers.py",
        old="        if AUTHORIZATION in request.headers:\n", new="        if AUTHORIZATION in request.headers and not request.cookies:\n", tests=_DOOR,
    ),
    Mutant(
        name="access: what goes on and on is never cut", promise=_OVER, file="dockd/page/doorkeeper.py",
        old="if not answering.done() and not await self._asking.holds(request):", new="if not answering.done() and self._held < 0:", tests=_DOOR,
    ),
    Mutant(
        name="access: a page by itself keeps a session alive", promise=_OVER, file="dockd/page/callers.py",
        old='        return mode == "navigate" and request.headers.get("Sec-Fetch-User") == "?1"\n', new='        return mode in ("navigate", "cors")\n', tests=_DOOR,
    ),
    Mutant(
        name="access: a list that is gone is a dock without users", promise="a dock that had users is never open again by damage",
        file="dockd/access/file.py", old="            if self._seen or self._made.exists():\n", new="            if self._seen:\n", tests=_BOOK, short=True,
    ),
    Mutant(
        name="access: a damaged list is an empty one", promise="a dock that had users is never open again by damage",
        file="dockd/access/desk.py", old="        except Damaged as error:\n            self._known = None\n",
        new="        except Damaged as error:\n            self._known = None\n            if error:\n                return Known()\n", tests=_DESK, short=True,
    ),
    Mutant(
        name="access: others may write the list", promise=_NOBODY,
        file="dockd/access/file.py", old="        if found.st_mode & 0o022:\n", new="        if found.st_mode < 0:\n", tests=_BOOK,
    ),
    Mutant(
        name="access: an expired token", promise=_OVER, file="dockd/access/known.py",
        old="return self.revoked_at is None and now < self.expires_at", new="return self.revoked_at is None and now > 0", tests=_BOOK,
    ),
    Mutant(
        name="access: a revoked token", promise=_OVER, file="dockd/access/known.py",
        old="return self.revoked_at is None and now < self.expires_at", new="return now < self.expires_at", tests=_BOOK,
    ),
    Mutant(
        name="access: a session without an end", promise=_OVER, file="dockd/access/desk.py",
        old="        if left.idle <= 0 or left.longest <= 0:\n", new="        if left.idle <= 0:\n", tests=_DESK,
    ),
    Mutant(
        name="access: a session that nobody uses", promise=_OVER, file="dockd/access/desk.py",
        old="        if left.idle <= 0 or left.longest <= 0:\n", new="        if left.longest <= 0:\n", tests=_DESK,
    ),
    Mutant(
        name="access: a clock that is set back lengthens a session", promise=_OVER, file="dockd/access/known.py",
        old="    if ahead > _SKEW:", new="    if ahead > 1e12:", tests=_DESK,
    ),
    Mutant(
        name="access: the same session at each sign-in", promise="no session is known to another before it is begun", file="dockd/access/desk.py",
        old="        shown, now = new_session(), self._clock.now()\n", new='        shown, now = new_session()[:0] + name.ljust(43, "x"), self._clock.now()\n', tests=_DESK,
    ),
    Mutant(
        name="access: the session of before goes on", promise=_OVER, file="dockd/page/pages/login.py",
        old='        await self._end_the_one_before(request)\n        response = web.Response(status=303, headers={"Location": onward})\n',
        new='        response = web.Response(status=303, headers={"Location": onward})\n', tests=_RUN,
    ),
    Mutant(
        name="access: a form elsewhere signs people out", promise=_FORGED, file="dockd/page/pages/login.py",
        old="        see_the_origin(request)\n        response = web", new="        response = web", tests=_RUN,
    ),
    Mutant(
        name="access: the way on is anywhere", promise="who signs in here is sent nowhere else", file="dockd/page/pages/login.py",
        old=' and "\\\\" not in said\n', new="\n", tests=_RUN,
    ),
    Mutant(
        name="access: no wait after mistakes", promise=_GUESSED, file="dockd/access/desk.py",
        old="now=now)) > 0:\n", new="now=now)) > 1e9:\n", tests=_DESK, short=True,
    ),
    Mutant(
        name="access: many at once are tried before one counts", promise=_GUESSED, file="dockd/access/desk.py",
        old="        self._limits.wrong(name=name, address=address, now=now)\n", new="        self._limits.wait(name=name, address=address, now=now)\n",
        tests=_DESK,
    ),
    Mutant(
        name="access: an account is tried from everywhere", promise=_GUESSED, file="dockd/access/limits.py",
        old='(("account", name), FREE, LONGEST_WAIT), ', new="", tests=_LIMITS,
    ),
    Mutant(
        name="access: an address tries every account", promise=_GUESSED, file="dockd/access/limits.py",
        old=', (("address", place), FREE_ADDRESS, LONGEST_OF_ADDRESS)]', new="]", tests=_LIMITS,
    ),
    Mutant(
        name="access: others keep a sergeant out", promise="nobody is locked out by what others do", file="dockd/access/limits.py",
        old="        if known is not None and now - known < KNOWN_FOR:\n", new="        if known is not None and now - known < 0:\n", tests=_LIMITS,
    ),
    Mutant(
        name="access: who is not there is known by the time", promise="nobody learns who has an account", file="dockd/access/hashing.py",
        old="        known = kept if kept is not None else nobodys\n", new="        if kept is None:\n            return not nobodys\n        known = kept\n", tests=_HASHING,
    ),
    Mutant(
        name="access: a password that was typed as a name is kept", promise="no secret is written down", file="dockd/access/desk.py",
        old="            await self._refuse(name if user is not None else _UNKNOWN, address)\n            raise Wrong\n",
        new="            await self._refuse(name, address)\n            raise Wrong\n", tests=_DESK,
    ),
    Mutant(
        name="access: a password made of the name", promise=_GUESSED, file="dockd/access/words.py",
        old="    if _bare(name) in _bare(password) and", new="    if not _bare(name) and", tests=_WORDS,
    ),
    Mutant(
        name="access: beyond this machine without users", promise=_NOBODY, file="dockd/page/opening.py",
        old="    if not users(settings):\n", new="    if users is None:\n", tests=_BEYOND,
    ),
    Mutant(
        name="access: in clear without that being wished for", promise="no password goes over a line in clear unasked", file="dockd/page/opening.py",
        old="    if page.tls_cert_file is None and not page.plain_http:\n", new="    if page.tls_cert_file is None and page.listen.port < 0:\n",
        tests=("tests/unit/dockd/page/test_opening.py",),
    ),
)  # fmt: skip
