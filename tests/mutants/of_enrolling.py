"""Who is let in to the store as a dock, whom a dock tells anything, and what it has until something better was proven."""

from __future__ import annotations

from tests.mutants.planting import Mutant

_BOOK = ("tests/unit/ingest/central/test_enrolment.py",)
_REQUESTS = ("tests/unit/ingest/central/test_signing_requests.py",)
_AUTHORITY = ("tests/unit/ingest/central/test_authority.py",)
_STORE = ("tests/contract/central/test_enroll.py",)
_DESK = ("tests/unit/ingest/store/test_enrolling.py",)
_WHOLE = ("tests/unit/dockd/enrolling/test_enrol.py",)
_AGREEING = ("tests/unit/dockd/enrolling/test_agreeing.py",)
_KEYS = ("tests/unit/dockd/enrolling/test_keys.py",)
_LINES = ("tests/unit/dockd/enrolling/test_configuration.py",)
_RENEWING = ("tests/unit/dockd/test_renewing.py",)
_EXPIRY = ("tests/unit/dockd/test_expiry.py",)
_TLS = ("tests/unit/dockd/test_store_lines.py",)
_NOBODY = "nobody comes in to the store as a dock that was not invited"
_ONCE = "an invitation is for one dock, once"
_OVER = "what was taken back opens nothing"
_NAMED = "who a certificate is for the store decides"
_TOLD = "nothing is told to a store that nobody has named"
_SWAP = "what is in use is replaced only by what was proven"
_SOON = "a certificate that ends is told of in time"
_REDEEMING = "ingest/central/redeeming.py"

ENROLLING = (
    Mutant(
        name="enrol: any secret", promise=_NOBODY, file=_REDEEMING,
        old="        if not hmac.compare_digest(of.secret, sha256(secret)):\n", new="        if not secret:\n", tests=_BOOK, short=True,
    ),
    Mutant(
        name="enrol: as many tries as it takes", promise=_NOBODY, file=_REDEEMING,
        old=" or of.tries >= _MOST_TRIES:", new=":", tests=_BOOK,
    ),
    Mutant(
        name="enrol: an invitation that is over", promise=_NOBODY, file=_REDEEMING,
        old="        if now > of.ends_at:\n", new="        if now > of.ends_at * 2:\n", tests=_BOOK,
    ),
    Mutant(
        name="enrol: a clock that went back", promise=_NOBODY, file=_REDEEMING,
        old="        if now < of.made_at - _CLOCK:\n", new="        if now < 0:\n", tests=_BOOK,
    ),
    Mutant(
        name="enrol: used again with another key", promise=_ONCE, file=_REDEEMING,
        old="        if of.half != half.id:\n", new="        if not of.half:\n", tests=_BOOK, short=True,
    ),
    Mutant(
        name="enrol: two at once", promise=_ONCE, file="ingest/central/enrolment_file.py",
        old='        with self._open() as connection:\n            connection.execute("BEGIN IMMEDIATE")\n', new='        with self._open() as connection:\n            connection.execute("BEGIN")\n', tests=_BOOK,
    ),
    Mutant(
        name="enrol: without the person who was to look", promise=_NOBODY, file=_REDEEMING,
        old="waits=True) if of.approval else self._enrol(", new="waits=True) if of.approval > 1 else self._enrol(", tests=_BOOK,
    ),
    Mutant(
        name="enrol: in the place of another", promise=_NOBODY, file="ingest/central/enrolment.py",
        old='            if _state(db, dock) == "enrolled" and not again:\n', new='            if _state(db, dock) == "nothing" and not again:\n', tests=_BOOK,
    ),
    Mutant(
        name="enrol: one key for two docks", promise=_NOBODY, file=_REDEEMING,
        old="WHERE half = ? AND (dock != ? OR ended = 1)", new="WHERE half = ? AND dock != ? AND ended = 2", tests=_BOOK,
    ),
    Mutant(
        name="enrol: a revoked dock renews", promise=_OVER, file=_REDEEMING,
        old="        if of is None or of.state == \"withdrawn\"", new="        if of is None or of.state == \"nothing\"", tests=_BOOK,
    ),
    Mutant(
        name="enrol: revoked and let in", promise=_OVER, file="ingest/central/enrolled.py",
        old="        if not found.holds:\n", new="        if found is None:\n", tests=_STORE, short=True,
    ),
    Mutant(
        name="enrol: a change is seen at the next start", promise=_OVER, file="ingest/central/enrolled.py",
        old="            if stamp != self._stamp:\n", new="            if self._stamp is None:\n", tests=_STORE,
    ),
    Mutant(
        name="enrol: a damaged book lets in who was in it", promise=_OVER, file="ingest/central/enrolled.py",
        old="            self._known, self._stamp = _NOBODY, None\n", new="            self._stamp = None\n", tests=_STORE,
    ),
    Mutant(
        name="enrol: a used invitation gives again what was taken back", promise=_OVER, file=_REDEEMING,
        old="            if not _holds(db, half, dock=of.dock):\n", new="            if not half.digest:\n", tests=_BOOK,
    ),
    Mutant(
        name="enrol: revoked, and its requests go on", promise=_OVER, file="ingest/central/answers.py",
        old="                    request.transport.abort()\n", new="                    request.transport.is_closing()\n", tests=_STORE,
    ),
    Mutant(
        name="enrol: revoked, and everybody's requests are cut", promise="a dock that was revoked stops no other", file="ingest/central/answers.py",
        old="                if request.get(_CALLER) in out and ", new="                if ", tests=_STORE,
    ),
    Mutant(
        name="enrol: what is replaced goes on", promise=_OVER, file=_REDEEMING,
        old='        db.execute("UPDATE credentials SET ended = 1 WHERE dock = ?", (of.dock,))\n', new="", tests=_BOOK,
    ),
    Mutant(
        name="enrol: without a certificate where one is wanted", promise=_NOBODY, file="ingest/central/access.py",
        old="        if by_certificate is None and self._certificate_wanted:\n", new="        if by_certificate is None and self._certificate_wanted and shown is not None:\n", tests=_STORE, short=True,
    ),
    Mutant(
        name="enrol: a certificate instead of the token", promise=_NOBODY, file="ingest/central/access.py",
        old="(by_certificate.dock is not None or self._path is None)", new="(by_certificate.dock is not None or self._path is not None)", tests=_STORE,
    ),
    Mutant(
        name="enrol: open to anyone after the first invitation", promise=_NOBODY, file="ingest/central/access.py",
        old="        if self._path is None and not self._enrolled.any:\n", new="        if self._path is None:\n", tests=_STORE,
    ),
    Mutant(
        name="enrol: guesses are not counted", promise=_NOBODY, file="ingest/central/routes_enroll.py",
        old="                self._when.append((self._now(), who))\n", new="                pass\n", tests=_STORE,
    ),
    Mutant(
        name="enrol: the request says who it is", promise=_NAMED, file="ingest/central/routes_enroll.py",
        old="issue=lambda dock: authority.issue(dock, found.key)", new='issue=lambda dock: authority.issue("rack-99", found.key)', tests=_STORE,
    ),
    Mutant(
        name="enrol: a request that its key has not signed", promise=_NAMED, file="ingest/central/signing_requests.py",
        old=" and request.is_signature_valid", new="", tests=_REQUESTS, short=True,
    ),
    Mutant(
        name="enrol: a key of any size", promise=_NAMED, file="ingest/central/signing_requests.py",
        old="_RSA_BITS[0] <= key.key_size <= _RSA_BITS[1]", new="key.key_size <= _RSA_BITS[1]", tests=_REQUESTS,
    ),
    Mutant(
        name="enrol: signed by a clock that is behind", promise=_NAMED, file="ingest/central/authority.py",
        old="self._clock.synchronised() is True", new="self._clock.synchronised() is not None", tests=_AUTHORITY,
    ),
    Mutant(
        name="enrol: signed by an authority that begins in years", promise=_NAMED, file="ingest/central/authority.py",
        old="            if starts <= now and ", new="            if ", tests=_AUTHORITY,
    ),
    Mutant(
        name="enrol: longer than its authority", promise=_NAMED, file="ingest/central/authority.py",
        old=" and ends - now > self._lifetime * _AHEAD:", new=" and ends > now:", tests=_AUTHORITY,
    ),
    Mutant(
        name="enrol: an offer of yesterday", promise=_TOLD, file="ingest/store/enrolling.py",
        old='        if said.get("nonce") != nonce or ', new="        if ", tests=_DESK, short=True,
    ),
    Mutant(
        name="enrol: anything that the store has signed is an offer", promise=_TOLD, file="ingest/store/receipts.py",
        old=' or found[0].get("typ") != typ:', new=":", tests=_DESK,
    ),
    Mutant(
        name="enrol: the token goes to whoever answers", promise=_TOLD, file="ingest/store/enrolling.py",
        old="(self._token() if self._known else None)", new="self._token()", tests=_DESK,
    ),
    Mutant(
        name="enrol: the invitation goes on with what follows", promise=_TOLD, file="ingest/store/enrolling.py",
        old="        finally:\n            self._invitation = None\n", new="        finally:\n            self._known = self._known\n", tests=_DESK,
    ),
    Mutant(
        name="enrol: a key that nobody has named", promise=_TOLD, file="dockd/enrolling/agreeing.py",
        old="            if not offer.known_by(one):\n", new="            if not one:\n", tests=_WHOLE, short=True,
    ),
    Mutant(
        name="enrol: somebody sits between", promise=_TOLD, file="dockd/enrolling/agreeing.py",
        old="        if offer.relayed:\n", new="        if offer.relayed and not named:\n", tests=_WHOLE,
    ),
    Mutant(
        name="enrol: no is taken for yes", promise=_TOLD, file="dockd/enrolling/agreeing.py",
        old="        if not self.person.agrees(lines):\n", new="        if self.person.agrees(lines) is None:\n", tests=_AGREEING,
    ),
    Mutant(
        name="enrol: what the dock has is shown to another store", promise=_TOLD, file="dockd/enrolling/enrol.py",
        old="                if not self.agreement.is_ours(offer):\n                    return None\n", new="", tests=_WHOLE,
    ),
    Mutant(
        name="enrol: another store beside the agent's", promise=_TOLD, file="dockd/enrolling/proving.py",
        old="        if pinned is not None and pinned.id != identity.id:\n", new="        if pinned is not None and not identity.id:\n", tests=_WHOLE,
    ),
    Mutant(
        name="enrol: a store that was caught is believed again", promise="a caught store is believed again by a person alone", file="dockd/enrolling/proving.py",
        old="            if found.before is not None and found.before.dishonest is not None:\n", new="            if found.before is not None and found.before.dishonest == '':\n", tests=_WHOLE,
    ),
    Mutant(
        name="enrol: a certificate for another key", promise=_SWAP, file="dockd/enrolling/keys.py",
        old=" or not _same(leaf_key, _private(key).public_key()):", new=":", tests=_KEYS, short=True,
    ),
    Mutant(
        name="enrol: a certificate that is over", promise=_SWAP, file="dockd/enrolling/keys.py",
        old="    _see_dates(leaf, now=now)\n", new="", tests=_KEYS,
    ),
    Mutant(
        name="enrol: a key is drawn over the one that waits", promise=_SWAP, file="dockd/enrolling/files.py",
        old="        os.link(aside, path)\n    except FileExistsError:\n        return text_of(path)\n", new="        os.replace(aside, path)\n    except FileExistsError:\n        return text_of(path)\n", tests=_KEYS,
    ),
    Mutant(
        name="enrol: a key that others may read", promise=_SWAP, file="dockd/enrolling/files.py",
        old="        if found.st_mode & 0o077:\n", new="        if found.st_mode & 0o007:\n", tests=_KEYS,
    ),
    Mutant(
        name="enrol: a configuration with mistakes", promise="nothing is written that would be refused", file="dockd/enrolling/configuration.py",
        old="        if mistakes:\n", new="        if not mistakes and not text:\n", tests=_LINES,
    ),
    Mutant(
        name="enrol: renewed with the key of before", promise=_SWAP, file="dockd/enrolling/keys.py",
        old="    key = ec.generate_private_key(ec.SECP256R1())\n", new="    key = ec.derive_private_key(7, ec.SECP256R1())\n", tests=_RENEWING,
    ),
    Mutant(
        name="enrol: renewed at another store", promise=_TOLD, file="dockd/renewing.py",
        old="        if offer.relayed or not any(offer.known_by(key) for key in keys):\n", new="        if offer.relayed and not keys:\n", tests=_RENEWING,
    ),
    Mutant(
        name="enrol: tried again at once", promise="a store is not asked without end", file="dockd/renewing.py",
        old="        self._not_before = self.clock.now() + wait\n", new="        self._not_before = self.clock.now()\n", tests=_RENEWING,
    ),
    Mutant(
        name="enrol: a key that was taken back is asked for again and again", promise=_SWAP, file="dockd/enrolling/getting.py",
        old='            if error.slug != "key":\n', new='            if error.slug != "no":\n', tests=_RENEWING,
    ),
    Mutant(
        name="enrol: a wrong pair is taken up", promise=_SWAP, file="ingest/store/tls.py",
        old="                _load(ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT), *found, names=self._names)\n", new="", tests=_TLS,
    ),
    Mutant(
        name="enrol: the end comes unannounced", promise=_SOON, file="dockd/expiry.py",
        old="        return sum(left <= min(days * _DAY, life / share) for days, share in _STAGES)\n", new="        return sum(left <= min(days, life / share) for days, share in _STAGES)\n", tests=_EXPIRY,
    ),
    Mutant(
        name="enrol: what cannot be read is left out", promise=_SOON, file="dockd/page/expiring.py",
        old="    over = [one for one in found if isinstance(one, Unread) or one.stage(now) == 4]\n", new="    over = [one for one in found if isinstance(one, Certificate) and one.stage(now) == 4]\n", tests=_EXPIRY,
    ),
    Mutant(
        name="enrol: a dock reads what others brought", promise="a stolen dock opens nothing but what it brought", file="ingest/central/access.py",
        old="        return self.dock is None or self.id == owner\n", new="        return bool(self.id or owner)\n", tests=_STORE,
    ),
)  # fmt: skip
