"""What a person says of a store by options is held to what a configuration is held to."""

from __future__ import annotations

from tests.mutants.planting import Mutant

_OPTIONS = ("tests/unit/dockd/cli/test_store_options.py",)

OPTIONS = (
    Mutant(
        name="options: a secret that everybody may read goes unsaid", promise="secrets are dockd's user's alone",
        file="dockd/cli/store_options.py", old="    for one in (*clear, *named_files(reading)):", new="    for one in clear:", tests=_OPTIONS,
    ),
    Mutant(
        name="options: a refused address is repeated", promise="no secret is ever shown",
        file="dockd/cli/store_options.py", old='        raise click.UsageError(f"{option}: {error}") from None\n', new='        raise click.UsageError(f"{option}: {text} {error}") from None\n', tests=_OPTIONS,
    ),
    Mutant(
        name="options: a configured key goes to a store of another kind", promise="a secret goes to its own store alone",
        file="dockd/cli/store_options.py", old="store if kind == store.kind else StoreSettings(pin=store.pin)", new="store", tests=_OPTIONS,
    ),
    Mutant(
        name="options: a token in clear goes unsaid", promise="no secret crosses a network in clear unnoticed",
        file="dockd/settings/checking.py", old="    if plain and store.token_file is not None and not is_loopback(url_host(url)):\n", new="    if plain and store.token_file is None:\n", tests=_OPTIONS,
    ),
)  # fmt: skip
