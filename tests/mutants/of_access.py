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
_KEPT_OUT = "nobody is locked out by what others do"
_WHOLE = "a dock that had users is never open again by damage"
_WHOSE = "nobody but the agent and root says who may come in"

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
        file="dockd/access/file.py", old="            if not self._seen and not self._made.exists():\n", new="            if not self._seen:\n", tests=_BOOK, short=True,
    ),
    Mutant(
        name="access: a list that another makes is a damaged one", promise="nobody is told to begin a whole list anew", file="dockd/access/file.py",
        old="            return self._has_come(owner)\n", new="            raise Damaged(str(owner)) from None\n", tests=_BOOK,
    ),
    Mutant(
        name="access: what is no file is a list of users", promise=_WHOSE, file="dockd/access/file.py",
        old="        if not stat.S_ISREG(found.st_mode) or found.st_size == 0:\n", new="        if found.st_size == 0:\n", tests=_BOOK,
    ),
    Mutant(
        name="access: one that others may read stays so", promise="a password is not found by trying: its hash is nobody's to read", file="dockd/access/file.py",
        old="            if os.lstat(self.path).st_mode & 0o077:\n", new="            if os.lstat(self.path).st_mode < 0:\n", tests=_BOOK,
    ),
    Mutant(
        name="access: what root makes is root's", promise="a dock whose users were added by root lets them in", file="dockd/access/file.py",
        old="    if os.geteuid() == 0:\n", new="    if os.geteuid() < 0:\n", tests=_BOOK,
    ),
    Mutant(
        name="access: what was half written is played into the new list", promise=_WHOLE, file="dockd/access/file.py",
        old='.rename(kept.with_name(f"{name}-journal"))', new=".exists()", tests=_BOOK,
    ),
    Mutant(
        name="access: a list that is begun anew has nobody in it", promise=_WHOLE, file="dockd/access/file.py",
        old="            with self._made_aside(write) as aside:\n", new="            with self._made_aside(lambda db: None if db is not None else write(db)) as aside:\n", tests=_BOOK,
    ),
    Mutant(
        name="access: beginning anew takes the list away first", promise=_WHOLE, file="dockd/access/file.py",
        old="            with self._made_aside(write) as aside:\n", new="            self.path.unlink(missing_ok=True)\n            self._made.unlink(missing_ok=True)\n            with self._made_aside(write) as aside:\n", tests=_BOOK,
    ),
    Mutant(
        name="access: the list of before is not kept", promise="nothing that was is lost by beginning anew", file="dockd/access/file.py",
        old="                        os.link(self.path, kept, follow_symlinks=False)\n", new="                        os.stat(self.path, follow_symlinks=False)\n", tests=_BOOK,
    ),
    Mutant(
        name="access: a whole list is begun anew", promise="nobody is set aside by a slip", file="dockd/access/book.py",
        old="            self.known()\n            raise NotSo(f", new="            self.known()\n            str(f", tests=_BOOK,
    ),
    Mutant(
        name="access: a list is begun anew and custody does not hear of it", promise="every change goes into custody with who did it", file="dockd/access/book.py",
        old='            _write_down(db, at=now, by=by, what="access.begun_anew", name=name, role=None)\n', new="", tests=_BOOK,
    ),
    Mutant(
        name="access: a list of somebody else", promise=_WHOSE, file="dockd/access/file.py",
        old="        if found.st_uid not in (owner, os.geteuid(), 0):\n", new="        if found.st_uid < 0:\n", tests=_BOOK,
    ),
    Mutant(
        name="access: a list in a folder that others may write", promise=_WHOSE, file="dockd/access/file.py",
        old="        if found.st_mode & 0o022 and not found.st_mode & stat.S_ISVTX:\n", new="        if found.st_mode < 0:\n", tests=_BOOK,
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
        name="access: a session ends as often as it has tabs", promise="custody says once what was once", file="dockd/access/book.py",
        old='(kept,)).rowcount == 1\n', new='(kept,)).rowcount >= 0\n', tests=_DESK,
    ),
    Mutant(
        name="access: a session is younger for who looked at once", promise=_OVER, file="dockd/access/desk.py",
        old="        if await self._do(self._book.end_session, session.hash):\n", new="        self._times.pop(session.hash)\n        if await self._do(self._book.end_session, session.hash):\n", tests=_DESK,
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
        old="known=here)) > 0:\n", new="known=here)) > 1e9:\n", tests=_DESK, short=True,
    ),
    Mutant(
        name="access: many at once are tried before one counts", promise=_GUESSED, file="dockd/access/desk.py",
        old="        self._limits.wrong(name=name, address=address, now=now, known=here)\n", new="        self._limits.wait(name=name, address=address, now=now)\n",
        tests=_DESK,
    ),
    Mutant(
        name="access: an account is tried from everywhere", promise=_GUESSED, file="dockd/access/limits.py",
        old='    return [here] if known else [here, (("account", name), FREE, LONGEST_WAIT)]\n', new="    return [here]\n", tests=_LIMITS,
    ),
    Mutant(
        name="access: an address tries every account", promise=_GUESSED, file="dockd/access/limits.py",
        old='    found = [(("address", address), FREE_ADDRESS, LONGEST_OF_ADDRESS)]\n', new='    found = [(("address", address), FREE_ADDRESS, 0.0)]\n', tests=_LIMITS,
    ),
    Mutant(
        name="access: a network of addresses tries every account", promise=_GUESSED, file="dockd/access/limits.py",
        old='(("network", place), FREE_NETWORK, LONGEST_OF_ADDRESS)', new='(("network", place), FREE_NETWORK, 0.0)', tests=_LIMITS,
    ),
    Mutant(
        name="access: whoever comes again tries every account", promise=_GUESSED, file="dockd/access/limits.py",
        old="max(came + COMES_AGAIN, self._next.get(place, 0.0)) - now", new="came + COMES_AGAIN - now", tests=_LIMITS,
    ),
    Mutant(
        name="access: a name that is made up has a try of its own", promise=_KEPT_OUT, file="dockd/access/limits.py",
        old="max(came + COMES_AGAIN, self._next.get(place, 0.0)) - now", new="max(came, self._next.get(place, 0.0)) - now", tests=_LIMITS,
    ),
    Mutant(
        name="access: an address that waits waits for everybody", promise=_KEPT_OUT, file="dockd/access/limits.py",
        old="        return max(0.0, min(wait, self._until_a_try(name, near(address), now))) if wait > 0 else 0.0\n", new="        return wait\n", tests=_LIMITS,
    ),
    Mutant(
        name="access: one machine is its whole network", promise=_KEPT_OUT, file="dockd/access/limits.py",
        old='(("address", address), FREE_ADDRESS', new='(("address", place), FREE_ADDRESS', tests=_LIMITS,
    ),
    Mutant(
        name="access: a restart forgets who has signed in from where", promise=_KEPT_OUT, file="dockd/access/desk.py",
        old=", address=address, place=place\n", new=", address=address\n", tests=_DESK,
    ),
    Mutant(
        name="access: others keep a sergeant out", promise=_KEPT_OUT, file="dockd/access/limits.py",
        old="    return [here] if known else [here,", new="    return [here,", tests=_LIMITS,
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
