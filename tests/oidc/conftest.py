"""One provider, and one `dockd run` that people sign in at by it, for all tests here."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.agent import Running, running
from tests.oidc.provider import SECRET, Provider, provider
from tests.program import store_at


@pytest.fixture(scope="session")
def far(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Provider]:
    with provider(tmp_path_factory.mktemp("provider") / "log") as found:
        yield found


@pytest.fixture(autouse=True)
def honest(far: Provider) -> Iterator[None]:
    yield
    if far.process.poll() is None:
        far.lies(None)


def configured(folder: Path, issuer: str) -> str:
    """The [oidc] of a dock in `folder`."""
    secret = folder / "oidc.secret"
    secret.write_text(SECRET + "\n")
    secret.chmod(0o600)
    return (
        f'[oidc]\nissuer = "{issuer}"\nclient_id = "dockd"\nclient_secret_file = "{secret}"\n'
        'roles = { "bwc-viewers" = "viewer", "bwc-sergeants" = "sergeant", "bwc-support" = "ops" }\n'
    )


@pytest.fixture(scope="session")
def dock(far: Provider, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    folder = tmp_path_factory.mktemp("oidc")
    with (
        store_at(folder / "central") as store,
        running(
            folder / "dock", store.url, more=configured(folder, far.issuer), page='allowed_hosts = ["dock.example"]'
        ) as found,
    ):
        yield found
