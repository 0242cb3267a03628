"""Who was let in by another's word: under a name of their own kind, for as long as that other vouches by the same rules."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import get_args

from dockd.access import Who
from dockd.access.desk import Access
from dockd.access.elsewhere import voucher
from dockd.access.id_token import Why
from dockd.page.opening import why_not
from dockd.page.pages.sign_in_elsewhere import _WHY_NOT
from dockd.settings import ListenAddress, defaults
from dockd.settings.schema import OidcSettings
from ingest import events
from ingest.clock import Clock

SETTINGS = OidcSettings(
    issuer="https://login.example.org", client_id="dock", roles=(("bwc-sergeants", "sergeant"), ("it", "ops"))
)


def access(folder: Path, settings: OidcSettings, heard: list[events.Event]) -> Access:
    async def record(event: events.Event) -> None:
        heard.append(event)

    return Access(
        folder / "access.db", clock=Clock(), idle=lambda: 900.0, record=record, tell=heard.append,
        elsewhere=settings.issuer is not None, voucher=voucher(settings),
    )  # fmt: skip


async def test_they_hold_until_the_rules_are_others(tmp_path: Path) -> None:
    heard: list[events.Event] = []
    one = access(tmp_path, SETTINGS, heard)
    shown = await one.sign_in_as("k.jones", "sergeant", via=f"{voucher(SETTINGS)} 4711", address="192.0.2.7")
    assert not await one.nobody_needed()
    assert await one.session(shown, doing=True) is not None
    await one.close()
    for settings, holds in (
        (SETTINGS, True), (replace(SETTINGS, scopes=("openid",)), True), (replace(SETTINGS, roles=(("it", "ops"),)), False),
        (replace(SETTINGS, issuer="https://login.example.com"), False), (OidcSettings(), False),
    ):  # fmt: skip
        again = access(tmp_path, settings, heard)
        assert (await again.session(shown, doing=False) is not None) is holds, settings
        await again.close()


async def test_custody_tells_two_of_one_name_apart(tmp_path: Path) -> None:
    heard: list[events.Event] = []
    one = access(tmp_path, SETTINGS, heard)
    shown = await one.sign_in_as("k.jones", "sergeant", via=f"{voucher(SETTINGS)} 4711", address="192.0.2.7")
    found = await one.session(shown, doing=True)
    assert found is not None
    me = Who(name=found.session.name, role=found.session.role, how="session", kind=found.session.kind)
    assert me.by == "oidc:k.jones"
    assert replace(me, kind="user").by == "user:k.jones"
    await one.sign_out(shown)
    await one.close()
    assert [getattr(event, "by", None) for event in heard] == ["oidc:k.jones", "oidc:k.jones"]


def test_a_provider_counts_as_somebody_who_can_sign_in(tmp_path: Path) -> None:
    usual = defaults()
    beyond = replace(
        usual, ledger=replace(usual.ledger, path=tmp_path / "ledger.db"),
        page=replace(usual.page, listen=ListenAddress("192.0.2.1", 8443), tls_cert_file=tmp_path / "c", tls_key_file=tmp_path / "k"),
    )  # fmt: skip
    assert "no user yet" in (why_not(beyond) or "")
    assert why_not(replace(beyond, oidc=SETTINGS)) is None


def test_whoever_is_not_let_in_is_told_why() -> None:
    assert set(_WHY_NOT) == set(get_args(Why))
