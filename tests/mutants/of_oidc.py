"""Whoever signs in elsewhere is who the provider says, to this dock, in this one sign-in; and may what the site has mapped."""

from __future__ import annotations

from tests.mutants.planting import Mutant

_TESTS = ("tests/unit/dockd/access/test_oidc.py",)
_HELD = ("tests/unit/dockd/access/test_elsewhere.py",)
_PROMISE = "nobody is let in by another's word"

OIDC = (
    Mutant(
        name="oidc: an ID token of another sign-in is taken", promise=_PROMISE, short=True,
        file="dockd/access/id_token.py", old='params={"nonce": expected.nonce, "client_id"', new='params={"client_id"', tests=_TESTS,
    ),
    Mutant(
        name="oidc: an ID token for another client is taken", promise=_PROMISE,
        file="dockd/access/id_token.py", old='"aud": {"essential": True, "value": expected.client_id}', new='"aud": {"essential": True}', tests=_TESTS,
    ),
    Mutant(
        name="oidc: an ID token of another issuer is taken", promise=_PROMISE,
        file="dockd/access/id_token.py", old='"iss": {"essential": True, "value": expected.issuer}', new='"iss": {"essential": True}', tests=_TESTS,
    ),
    Mutant(
        name="oidc: an ID token beside another access token is taken", promise=_PROMISE,
        file="dockd/access/id_token.py", old='"client_id": expected.client_id, "access_token": access_token}', new='"client_id": expected.client_id}', tests=_TESTS,
    ),
    Mutant(
        name="oidc: an ID token is never over", promise=_PROMISE,
        file="dockd/access/id_token.py", old="token.validate(now=int(now), leeway=LEEWAY)", new="token.validate(now=int(now), leeway=10**9)", tests=_TESTS,
    ),
    Mutant(
        name="oidc: whom the provider remembered counts as having given the password", promise="a rack's browser is everybody's",
        file="dockd/access/id_token.py", old="    if expected.anew and given is not None and", new="    if not expected.anew and given is not None and", tests=_TESTS,
    ),
    Mutant(
        name="oidc: a key that is for something else signs", promise=_PROMISE,
        file="dockd/access/id_token.py", old='    if kty not in _PARTS or entry.get("use", "sig") != "sig":', new="    if kty not in _PARTS:", tests=_TESTS,
    ),
    Mutant(
        name="oidc: whoever has an account may come in", promise="a role is what the site has mapped", short=True,
        file="dockd/access/id_token.py", old="    mapped = [role for word, role in roles if word in words]", new="    mapped = [role for word, role in roles if word in words or words]", tests=_TESTS,
    ),
    Mutant(
        name="oidc: the lowest of several roles", promise="a role is what the site has mapped",
        file="dockd/access/id_token.py", old="return max(mapped, key=ROLES.index)", new="return min(mapped, key=ROLES.index)", tests=_TESTS,
    ),
    Mutant(
        name="oidc: an answer with another state is taken", promise=_PROMISE, short=True,
        file="dockd/access/oidc.py", old='if not _equal(answer.get("state", ""), kept["state"]):', new='if not _equal(kept["state"], kept["state"]):', tests=_TESTS,
    ),
    Mutant(
        name="oidc: the answer of another provider is taken", promise=_PROMISE,
        file="dockd/access/oidc.py", old='if answer.get("iss", "" if metadata.says_issuer else issuer) != issuer:', new='if answer.get("iss", issuer) != issuer and not metadata.says_issuer:', tests=_TESTS,
    ),
    Mutant(
        name="oidc: one answer ends a sign-in twice", promise="each ends once",
        file="dockd/access/oidc.py", old="        self._ended[state] = now", new="        self._ended[str(now)] = now", tests=_TESTS,
    ),
    Mutant(
        name="oidc: one sign-in brings any number of codes", promise="whoever has no account does not make the dock flood the provider", short=True,
        file="dockd/access/oidc.py", old="        self._let_ask(kept[\"state\"], address)\n        claims = await self._claims(metadata, code, kept)\n",
        new="        claims = await self._claims(metadata, code, kept)\n        self._let_ask(kept[\"state\"], address)\n", tests=_TESTS,
    ),
    Mutant(
        name="oidc: one address brings any number of codes", promise="whoever has no account does not make the dock flood the provider",
        file="dockd/access/oidc.py", old="        if not self._tries.take(address, now=self._boot()):\n", new="        if not address:\n", tests=_TESTS,
    ),
    Mutant(
        name="oidc: a parade room is one who tries too often", promise="nobody is locked out by what others do",
        file="dockd/access/oidc.py", old="        self._tries.give_back(address, now=self._boot())\n", new="", tests=_TESTS,
    ),
    Mutant(
        name="oidc: who waits for a turn loses the time of it", promise="nobody is locked out by what others do",
        file="dockd/access/provider.py", old="            await self._few.acquire()\n", new="            async with asyncio.timeout(self._patience):\n                await self._few.acquire()\n", tests=_TESTS,
    ),
    Mutant(
        name="oidc: any number wait for a turn", promise="what comes from outside is bounded",
        file="dockd/access/provider.py", old="        if self._waiting >= MOST_WAITING:\n", new="        if self._waiting < 0:\n", tests=_TESTS,
    ),
    Mutant(
        name="oidc: a sign-in may be ended for ever", promise="each ends soon",
        file="dockd/access/oidc.py", old='sealed.encode("utf-8", "replace"), LONGEST, int', new='sealed.encode("utf-8", "replace"), 10**9, int', tests=_TESTS,
    ),
    Mutant(
        name="oidc: another issuer's discovery document is followed", promise=_PROMISE,
        file="dockd/access/provider.py", old='if not isinstance(found, dict) or found.get("issuer") != self.issuer:', new="if not isinstance(found, dict):", tests=_TESTS,
    ),
    Mutant(
        name="oidc: an address in clear is asked", promise="no secret crosses a network in clear",
        file="dockd/access/provider.py", old="    if not is_private_way(url) or not (url", new="    if not (url", tests=_TESTS,
    ),
    Mutant(
        name="oidc: a redirect is followed", promise="what is asked is what the site has named",
        file="dockd/access/provider.py", old="follow_redirects=False", new="follow_redirects=True", tests=_TESTS,
    ),
    Mutant(
        name="oidc: an answer has no bounds", promise="what comes from outside is bounded",
        file="dockd/access/provider.py", old="            if size > LARGEST:", new="            if size < 0:", tests=_TESTS,
    ),
    Mutant(
        name="oidc: a session goes on when the roles are others", promise="a role is what the site has mapped",
        file="dockd/access/desk.py", old='self._voucher in (None, session.via.partition(" ")[0])', new='self._voucher in (None, self._voucher)', tests=_HELD,
    ),
    Mutant(
        name="oidc: who signed in elsewhere is written down as a user of the same name", promise="every change goes into custody with who did it",
        file="dockd/access/known.py", old='return f"{self.kind}:{self.name}"', new='return f"user:{self.name}"', tests=_HELD,
    ),
)  # fmt: skip
