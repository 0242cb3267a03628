"""A sign-in at a provider: the honest one gets its people in, and nothing that is wrong with it or with who comes back does."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import httpx2
import pytest
from joserfc.errors import SecurityWarning
from joserfc.jwk import ECKey, OctKey, RSAKey

from dockd.access.oidc import LONGEST, NotLetIn, Oidc, Provider, SignedIn
from dockd.access.provider import AT_ONCE, MOST_WAITING
from dockd.access.tries import OF_ADDRESS
from dockd.settings.schema import OidcSettings
from ingest.clock import Clock
from tests.simulators.provider import CLIENT, ISSUER, SimulatedProvider, answered

BACK = "https://dock-3.example.org/login/elsewhere/back"
KEY = ECKey.generate_key("P-256", {"kid": "one", "use": "sig"})
OTHER = ECKey.generate_key("P-256", {"kid": "two"})
RSA = RSAKey.generate_key(2048, {"kid": "rsa"})
SETTINGS = OidcSettings(
    issuer=ISSUER, client_id=CLIENT, roles=(("bwc-viewers", "viewer"), ("bwc-sergeants", "sergeant"), ("it", "ops"))
)


class Set(Clock):
    """A clock that a test sets."""

    at = 1_800_000_000.5

    def now(self) -> float:
        return self.at

    def boottime_ns(self) -> int:
        return int(self.at * 1e9)


class Dock:
    """One dock and one provider."""

    def __init__(self, settings: OidcSettings = SETTINGS, **wrong: Any) -> None:
        self.far = SimulatedProvider(**{"key": KEY} | wrong)
        self.clock = Set()
        self.provider = Provider(settings, transport=lambda: self.far)
        self.oidc = Oidc(settings, provider=self.provider, clock=self.clock)

    async def sign_in(self, **changed: str) -> SignedIn:
        begun = await self.oidc.begin(back=BACK, onward="/bays/3")
        answer = self.far.signs_in(begun.url) | changed
        return await self.oidc.end(sealed=begun.sealed, answer=answer, address="192.0.2.7")

    @property
    def asked_for_tokens(self) -> int:
        return sum(one.url.path.endswith("/token") for one in self.far.asked)

    async def why_not(self, **changed: str) -> str:
        with pytest.raises(NotLetIn) as refused:
            await self.sign_in(**changed)
        assert refused.value.message.isprintable()
        return refused.value.why


async def test_somebody_signs_in() -> None:
    assert await Dock().sign_in() == SignedIn(name="k.jones", role="sergeant", subject="4711", onward="/bays/3")


async def test_what_the_browser_is_sent_with() -> None:
    dock = Dock()
    begun = await dock.oidc.begin(back=BACK, onward="/")
    address, _, query = begun.url.partition("?")
    asked = dict(parse_qsl(query))
    assert address == f"{ISSUER}/authorize"
    assert {name: asked[name] for name in ("response_type", "client_id", "redirect_uri", "scope", "prompt")} == {
        "response_type": "code", "client_id": CLIENT, "redirect_uri": BACK, "scope": "openid profile", "prompt": "login"
    }  # fmt: skip
    assert asked["code_challenge_method"] == "S256"
    assert len({asked["state"], asked["nonce"], asked["code_challenge"]}) == 3
    assert min(len(asked[name]) for name in ("state", "nonce", "code_challenge")) >= 43
    assert not any(asked[name] in begun.sealed for name in ("state", "nonce"))
    again = await dock.oidc.begin(back=BACK, onward="/")
    assert not {asked[n] for n in ("state", "nonce", "code_challenge")} & set(
        dict(parse_qsl(urlsplit(again.url).query)).values()
    )


async def test_no_new_password_is_asked_for_where_the_site_says_so() -> None:
    dock = Dock(replace(SETTINGS, sign_in_anew=False))
    assert "prompt" not in (await dock.oidc.begin(back=BACK, onward="/")).url
    dock.far.claims = {"auth_time": 1_700_000_000}
    assert (await dock.sign_in()).name == "k.jones"


@pytest.mark.parametrize("way", [["client_secret_post"], ["client_secret_basic"], None])
async def test_the_secret_goes_to_the_token_endpoint_alone(way: list[str] | None, tmp_path: Path) -> None:
    file = tmp_path / "secret"
    file.write_text("hun+ter %2\nnot this\n")
    dock = Dock(replace(SETTINGS, client_secret_file=file), discovery={"token_endpoint_auth_methods_supported": way})
    await dock.sign_in()
    shown = [one for one in dock.far.asked if b"hun" in one.content or "Authorization" in one.headers]
    assert [one.url.path for one in shown] == ["/tenant/token"]
    if way == ["client_secret_post"]:
        assert b"client_secret=hun%2Bter+%252" in shown[0].content
    else:
        assert httpx2.BasicAuth(CLIENT, "hun%2Bter+%252")._auth_header == shown[0].headers["Authorization"]


WRONG_CLAIMS: dict[str, dict[str, Any]] = {
    "another issuer": {"iss": "https://login.example.org/tenant2"},
    "the issuer with a slash": {"iss": ISSUER + "/"},
    "a list of issuers": {"iss": [ISSUER]},
    "no issuer": {"iss": None},
    "another client's": {"aud": "another"},
    "another client's, made for this one": {"aud": "another", "azp": CLIENT},
    "several clients'": {"aud": [CLIENT, "another"]},
    "several clients', made for another": {"aud": [CLIENT, "another"], "azp": "another"},
    "made for another": {"azp": "another"},
    "nobody's": {"aud": None},
    "no clients'": {"aud": []},
    "over": {"exp": 1_800_000_000 - 61},
    "never over": {"exp": None},
    "over when it is text": {"exp": "1900000000"},
    "over at no number": {"exp": float("nan")},
    "of the future": {"iat": 1_800_000_000 + 120},
    "of no time": {"iat": None},
    "not yet": {"nbf": 1_800_000_000 + 120},
    "of another sign-in": {"nonce": "another"},
    "of no sign-in": {"nonce": None},
    "of a sign-in by truth": {"nonce": True},
    "beside another access token": {"at_hash": "AAAAAAAAAAAAAAAAAAAAAA"},
    "beside a list": {"at_hash": [1]},
    "nobody": {"sub": None},
    "somebody without a sign": {"sub": ""},
    "somebody on two lines": {"sub": "4711\n4712"},
    "somebody by number": {"sub": 4711},
    "who was remembered": {"auth_time": 1_800_000_000 - 3600},
    "who was remembered at no number": {"auth_time": float("nan")},
    "who was remembered at no time": {"auth_time": ""},
    "who was remembered at a list": {"auth_time": []},
    "who was remembered at a table": {"auth_time": {}},
    "who was remembered by truth": {"auth_time": True},
}


@pytest.mark.parametrize("wrong", WRONG_CLAIMS)
async def test_a_token_that_does_not_hold(wrong: str) -> None:
    assert await Dock(claims=WRONG_CLAIMS[wrong]).why_not() == "unproven"


@pytest.mark.parametrize(
    "fine",
    [{"aud": [CLIENT]}, {"aud": [CLIENT, "x"], "azp": CLIENT}, {"at_hash": None}, {"exp": 1_800_000_000 - 30}, {"iat": 1_800_000_030}, {"auth_time": 1_800_000_000}],
)  # fmt: skip
async def test_a_token_that_holds(fine: dict[str, Any]) -> None:
    assert (await Dock(claims=fine).sign_in()).role == "sergeant"


WRONG_SIGNATURES: dict[str, dict[str, Any]] = {
    "none": {"header": {"alg": "none"}},
    "a shared secret": {
        "header": {"alg": "HS256"},
        "signer": OctKey.import_key("the provider's public key, or a word"),
    },
    "another key": {"signer": OTHER},
    "another key, not named": {"signer": OTHER, "header": {"kid": None}},
    "another key, named": {"signer": OTHER, "header": {"kid": "three"}},
    "what must be understood and is not": {"header": {"crit": ["made-up"], "made-up": "so"}},
    "a key of another kind": {
        "key": RSA,
        "header": {"alg": "RS256"},
        "published": [KEY.as_dict(private=False) | {"kid": "rsa"}],
    },
    "no keys": {"published": []},
    "a secret is published": {"published": [{"kty": "oct", "k": "c2VjcmV0"}]},
    "a key that encrypts": {"published": [KEY.as_dict(private=False) | {"use": "enc"}]},
    "a key for another algorithm": {"published": [KEY.as_dict(private=False) | {"alg": "ES384"}]},
    "keys that are text": {"published": "keys"},
}


@pytest.mark.parametrize("wrong", WRONG_SIGNATURES)
async def test_a_signature_that_is_none(wrong: str) -> None:
    assert await Dock(**WRONG_SIGNATURES[wrong]).why_not() == "unproven"


@pytest.mark.parametrize("alg", ["RS256", "PS384"])
async def test_rsa(alg: str) -> None:
    claims = {"at_hash": None}
    assert (await Dock(key=RSA, header={"alg": alg}, claims=claims).sign_in()).name == "k.jones"


async def test_a_short_rsa_key_is_no_key() -> None:
    with pytest.warns(SecurityWarning):
        short = RSAKey.generate_key(1024, {"kid": "short"}, auto_kid=False)
    dock = Dock(key=RSA, header={"alg": "RS256", "kid": "short"}, published=[short.as_dict(private=False)])
    assert await dock.why_not() == "unproven"


async def test_a_new_key_of_the_provider_is_found() -> None:
    dock = Dock()
    await dock.sign_in()
    dock.far.key = OTHER
    assert await dock.why_not() == "unproven"  # it was looked for a moment ago
    keys, at = dock.provider._keys or ((), 0.0)
    dock.provider._keys = keys, at - 31.0
    assert (await dock.sign_in()).name == "k.jones"


@pytest.mark.parametrize(
    ("changed", "why"),
    [
        ({"state": "another"}, "stale"), ({"state": ""}, "stale"), ({"state": "é"}, "stale"),
        ({"iss": "https://evil.example.org"}, "unproven"), ({"iss": ""}, "unproven"),
        ({"error": "access_denied"}, "refused"), ({"error": "\n<script>"}, "refused"),
        ({"code": ""}, "unproven"), ({"code": "x" * 5000}, "unproven"), ({"code": "a\nb"}, "unproven"), ({"code": "never given"}, "refused"),
    ],
)  # fmt: skip
async def test_who_comes_back_with_something_wrong(changed: dict[str, str], why: str) -> None:
    assert await Dock().why_not(**changed) == why


async def test_an_answer_that_does_not_name_its_issuer() -> None:
    """Where the provider says that its answers do, one that does not is another's; where it does not say so, there is none to look at."""
    for says, let_in in ((True, False), (False, True)):
        dock = Dock(discovery={"authorization_response_iss_parameter_supported": says})
        begun = await dock.oidc.begin(back=BACK, onward="/")
        answer = dock.far.signs_in(begun.url)
        del answer["iss"]
        if let_in:
            await dock.oidc.end(sealed=begun.sealed, answer=answer, address="192.0.2.7")
        else:
            with pytest.raises(NotLetIn):
                await dock.oidc.end(sealed=begun.sealed, answer=answer, address="192.0.2.7")


async def test_another_browser_cannot_end_it() -> None:
    dock = Dock()
    mine, theirs = await dock.oidc.begin(back=BACK, onward="/"), await dock.oidc.begin(back=BACK, onward="/")
    answer = dock.far.signs_in(mine.url)
    for sealed in ("", "x", theirs.sealed, mine.sealed[:-4] + "AAA=", "é"):
        with pytest.raises(NotLetIn) as refused:
            await dock.oidc.end(sealed=sealed, answer=answer, address="192.0.2.7")
        assert refused.value.why == "stale"
    another = Dock()
    with pytest.raises(NotLetIn):
        await another.oidc.end(sealed=mine.sealed, answer=answer, address="192.0.2.7")
    assert (await dock.oidc.end(sealed=mine.sealed, answer=answer, address="192.0.2.7")).name == "k.jones"


async def test_another_sign_ins_code_is_no_use() -> None:
    """A code that was stolen from another's answer, brought to one's own sign-in: PKCE, and the nonce behind it."""
    dock = Dock()
    mine, theirs = await dock.oidc.begin(back=BACK, onward="/"), await dock.oidc.begin(back=BACK, onward="/")
    code = dock.far.signs_in(theirs.url)["code"]
    with pytest.raises(NotLetIn):
        await dock.oidc.end(
            sealed=mine.sealed, answer=dock.far.signs_in(mine.url) | {"code": code}, address="192.0.2.7"
        )


async def test_each_ends_once_even_where_the_provider_does_not_mind() -> None:
    dock = Dock(lets_codes_be_used_again=True)
    begun = await dock.oidc.begin(back=BACK, onward="/")
    answer = dock.far.signs_in(begun.url)
    await dock.oidc.end(sealed=begun.sealed, answer=answer, address="192.0.2.7")
    with pytest.raises(NotLetIn) as refused:
        await dock.oidc.end(sealed=begun.sealed, answer=answer, address="192.0.2.7")
    assert refused.value.why == "stale"


async def test_a_sign_in_that_was_begun_brings_one_code_to_the_provider() -> None:
    """Who has no account has begun one, too: the provider is asked once for it, whatever comes back, and however often."""
    dock = Dock()
    begun = await dock.oidc.begin(back=BACK, onward="/")
    answer = dock.far.signs_in(begun.url)
    ends = (
        dock.oidc.end(sealed=begun.sealed, answer=answer | {"code": f"junk{n}"}, address=f"192.0.2.{n}")
        for n in range(30)
    )
    refused = await asyncio.gather(*ends, return_exceptions=True)
    assert sorted(one.why for one in refused if isinstance(one, NotLetIn)) == ["refused"] + ["stale"] * 29
    assert dock.asked_for_tokens == 1


async def test_one_address_brings_few_codes_that_are_none() -> None:
    dock = Dock()
    assert [await dock.why_not(code="junk") for _ in range(OF_ADDRESS + 2)] == ["refused"] * OF_ADDRESS + ["often"] * 2
    assert dock.asked_for_tokens == OF_ADDRESS
    begun = await dock.oidc.begin(back=BACK, onward="/")
    answer = dock.far.signs_in(begun.url)
    assert (await dock.oidc.end(sealed=begun.sealed, answer=answer, address="192.0.2.8")).name == "k.jones"


async def test_a_whole_parade_room_signs_in_from_one_address() -> None:
    dock = Dock()
    for _ in range(2 * OF_ADDRESS):
        assert (await dock.sign_in()).name == "k.jones"


async def test_who_waits_for_a_turn_does_not_lose_the_time_of_theirs() -> None:
    dock = Dock()
    await dock.sign_in()
    for _ in range(AT_ONCE):
        await dock.provider._few.acquire()
    dock.provider._patience = 0.05
    signing_in = asyncio.create_task(dock.sign_in())
    assert not (await asyncio.wait({signing_in}, timeout=0.2))[0]
    dock.provider._patience = 60.0
    for _ in range(AT_ONCE):
        dock.provider._few.release()
    assert (await signing_in).name == "k.jones"


async def test_no_more_wait_for_a_turn_than_can_have_one_soon() -> None:
    dock = Dock()
    await dock.sign_in()
    for _ in range(AT_ONCE):
        await dock.provider._few.acquire()
    begun = [await dock.oidc.begin(back=BACK, onward="/") for _ in range(MOST_WAITING + 3)]
    answers = [dock.far.signs_in(one.url) for one in begun]
    ends = [
        asyncio.create_task(dock.oidc.end(sealed=one.sealed, answer=answer, address=f"192.0.2.{n}"))
        for n, (one, answer) in enumerate(zip(begun, answers, strict=True))
    ]
    for late in ends[MOST_WAITING:]:
        with pytest.raises(NotLetIn) as refused:
            await asyncio.wait_for(late, 15)
        assert refused.value.why == "busy"
    for _ in range(AT_ONCE):
        dock.provider._few.release()
    assert [one.name for one in await asyncio.gather(*ends[:MOST_WAITING])] == ["k.jones"] * MOST_WAITING
    late_one = dock.oidc.end(sealed=begun[-1].sealed, answer=answers[-1], address="192.0.2.99")
    assert (await late_one).name == "k.jones", "who was not even asked for has lost nothing"


async def test_nobody_takes_longer_than_ten_minutes() -> None:
    dock = Dock()
    begun = await dock.oidc.begin(back=BACK, onward="/")
    dock.clock.at += LONGEST + 1
    with pytest.raises(NotLetIn) as refused:
        await dock.oidc.end(sealed=begun.sealed, answer=dock.far.signs_in(begun.url), address="192.0.2.7")
    assert refused.value.why == "stale"


@pytest.mark.parametrize(
    ("said", "role"),
    [
        ("bwc-viewers", "viewer"), (["it", "bwc-viewers"], "ops"), (["bwc-viewers", "bwc-sergeants", 3, None], "sergeant"),
        (["nothing"], None), ("bwc-sergeants it", None), ([], None), (None, None), ({"it": True}, None), ("BWC-Sergeants", None), (True, None), ([["it"]], None),
    ],
)  # fmt: skip
async def test_a_role_is_what_the_site_has_mapped(said: Any, role: str | None) -> None:
    dock = Dock(claims={"roles": said})
    if role is None:
        assert await dock.why_not() == "no_role"
    else:
        assert (await dock.sign_in()).role == role


async def test_a_role_deep_in_the_token() -> None:
    dock = Dock(
        replace(SETTINGS, role_claim="realm_access.roles"), claims={"realm_access": {"roles": ["it"]}, "roles": None}
    )
    assert (await dock.sign_in()).role == "ops"
    dock.far.claims = {"realm_access": ["roles"]}
    assert await dock.why_not() == "no_role"


async def test_groups_that_did_not_fit() -> None:
    dock = Dock(replace(SETTINGS, role_claim="groups"), claims={"_claim_names": {"groups": "src1"}})
    assert await dock.why_not() == "too_many_groups"


@pytest.mark.parametrize("name", [None, "", " ", 5, "a\nb", "x" * 101, "‮gro.elpmaxe"])
async def test_a_name_that_cannot_be_written_down(name: Any) -> None:
    assert await Dock(claims={"preferred_username": name}).why_not() == "no_name"


@pytest.mark.parametrize(
    ("wrong", "why"),
    [
        ({"issuer": ISSUER + "/"}, "unproven"),
        ({"authorization_endpoint": "http://login.example.org/authorize"}, "unproven"),
        ({"token_endpoint": "http://login.example.org/token"}, "unproven"),
        ({"token_endpoint": "https://user:hunter2@login.example.org/token"}, "unproven"),
        ({"jwks_uri": "file:///etc/passwd"}, "unproven"),
        ({"jwks_uri": None}, "unproven"),
        ({"authorization_endpoint": "javascript:alert(1)"}, "unproven"),
        ({"code_challenge_methods_supported": ["plain"]}, "unproven"),
        ({"code_challenge_methods_supported": 7}, "unproven"),
    ],
)
async def test_a_discovery_document_that_is_not_followed(wrong: dict[str, Any], why: str) -> None:
    assert await Dock(discovery=wrong).why_not() == why


def large() -> httpx2.Response:
    return answered({"keys": [KEY.as_dict(private=False)], "issuer": ISSUER, "filling": "x" * (300 << 10)})


def packed() -> httpx2.Response:
    return httpx2.Response(200, content=b"\x1f\x8b", headers={"Content-Encoding": "gzip"})


def elsewhere() -> httpx2.Response:
    return answered({"issuer": ISSUER}, status=302, Location="https://evil.example.org/")


def deep() -> httpx2.Response:
    return httpx2.Response(200, content=b"[" * 100_000)


def away() -> httpx2.Response:
    raise httpx2.ConnectError("nobody listens")


def nothing() -> httpx2.Response:
    return answered([])


def busy() -> httpx2.Response:
    return httpx2.Response(503, content=b"x")


def tokens_of_nothing() -> httpx2.Response:
    return answered({"access_token": "a", "id_token": "b", "expires_in": [1], "token_type": {}})


@pytest.mark.parametrize("path", ["/tenant/.well-known/openid-configuration", "/tenant/keys", "/tenant/token"])
@pytest.mark.parametrize("wrong", [large, packed, elsewhere, deep, away, nothing, busy])
async def test_an_answer_that_is_none(path: str, wrong: Any) -> None:
    dock = Dock(answers={path: wrong})
    assert await dock.why_not() in ("away", "unproven")
    assert {one.url.host for one in dock.far.asked} == {"login.example.org"}


async def test_a_provider_that_was_away_is_left_alone_for_a_moment() -> None:
    dock = Dock(answers={"/tenant/.well-known/openid-configuration": away})
    for _ in range(3):
        assert await dock.why_not() == "away"
    assert len(dock.far.asked) == 1


async def test_what_is_known_is_not_asked_again() -> None:
    dock = Dock()
    for _ in range(3):
        await dock.sign_in()
    assert sorted(one.url.path.rpartition("/")[2] for one in dock.far.asked) == [
        "keys",
        "openid-configuration",
        "token",
        "token",
        "token",
    ]


@pytest.mark.parametrize("made", [None, "", "\n"])
async def test_a_secret_that_is_not_there(made: str | None, tmp_path: Path) -> None:
    file = tmp_path / "secret"
    if made is not None:
        file.write_text(made)
    assert await Dock(replace(SETTINGS, client_secret_file=file)).why_not() == "away"


async def test_a_secret_that_is_no_file_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "secret")
    assert await Dock(replace(SETTINGS, client_secret_file=tmp_path / "secret")).why_not() == "away"


@pytest.mark.parametrize(
    "made", [Path.touch, os.mkfifo, Path.mkdir, Path.exists, lambda path: path.write_text("no PEM")]
)
async def test_authorities_that_cannot_be_read(made: Callable[[Path], object], tmp_path: Path) -> None:
    file = tmp_path / "ca.pem"
    made(file)
    oidc = Oidc(SETTINGS, provider=Provider(replace(SETTINGS, ca_file=file)), clock=Set())
    with pytest.raises(NotLetIn, match="ca_file"):
        await oidc.begin(back=BACK, onward="/")
