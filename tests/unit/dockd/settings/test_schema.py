"""The dataclasses, the example file and the published list of keys are one."""

from __future__ import annotations

import dataclasses
import re
import tomllib
from pathlib import Path
from typing import Any, get_type_hints

import pytest

from dockd.settings import (
    BaySettings,
    ListenAddress,
    Settings,
    StoreSettings,
    defaults,
    read_text,
)
from dockd.settings.schema import KEYS, SECTIONS

EXAMPLE = (Path(__file__).parents[4] / "config" / "dockd.toml").read_text(encoding="utf-8")
# A key without a default stands in the example behind a # and no space; prose has a space there.
EVERYTHING = re.sub(r"^#(?=\S)", "", EXAMPLE, flags=re.MULTILINE)

PUBLISHED = {
    "station": "name, rack",
    "docks": "usb, folders, mount_helper",
    "bays": "number, usb_path",
    "cameras": "profiles",
    "pull": "parallel, per_controller",
    "spool": "path, keep_free, keep_confirmed",
    "ledger": "path",
    "store": "kind, url, token_file, ca_file, client_cert_file, client_key_file, proxy, proxy_auth_file, region, object_lock, retain_evidential, pin",
    "upload": "parallel, chunk, retry_max",
    "bandwidth": "limit, timetable, evidential",
    "wipe": "enabled, grace",
    "ready": "min_battery, max_clock_offset, min_room, usable_after",
    "page": "listen, tls_cert_file, tls_key_file, allowed_hosts, idle, plain_http",
    "oidc": "issuer, client_id, client_secret_file, ca_file, scopes, name_claim, role_claim, roles, sign_in_anew",
    "log": "format, level, file",
    "registry": "file",
}
"""What users were promised, in its order."""


def keys_of(document: dict[str, Any]) -> dict[str, list[str]]:
    return {name: list(table[0] if isinstance(table, list) else table) for name, table in document.items()}


def test_the_fields_are_the_published_keys() -> None:
    assert {section: list(keys) for section, keys in KEYS.items()} == {
        section: keys.split(", ") for section, keys in PUBLISHED.items()
    }
    assert list(SECTIONS) == [field.name for field in dataclasses.fields(Settings)]


def test_the_example_lists_every_key_in_the_same_order() -> None:
    assert keys_of(tomllib.loads(EVERYTHING)) == {section: keys.split(", ") for section, keys in PUBLISHED.items()}


def test_the_example_as_it_stands_is_the_defaults() -> None:
    reading = read_text(EXAMPLE, file="dockd.toml", environ={})
    assert reading.mistakes == ()
    url = reading.settings.store.url
    assert url == "https://store.example.org"
    assert reading.settings == dataclasses.replace(defaults(), store=StoreSettings(url=url))


def test_every_default_is_written_out_in_the_example() -> None:
    document = tomllib.loads(EXAMPLE)
    for section, kind in SECTIONS.items():
        for field in dataclasses.fields(kind):
            default = field.metadata["default"]
            written = document.get(section, {}).get(field.name)
            if (section, field.name) != ("store", "url"):
                assert written == (list(default) if isinstance(default, tuple) else default), (section, field.name)


def test_the_examples_of_keys_without_a_default_are_right() -> None:
    assert read_text(EVERYTHING, file="dockd.toml", environ={}).mistakes == ()


def test_every_key_of_the_example_has_a_comment_before_it() -> None:
    lines = EXAMPLE.splitlines()
    for number, line in enumerate(lines):
        if re.match(r"#?[a-z_]+ = ", line):
            above = number - 1
            while re.match(r"#?[a-z_]+ = ", lines[above]):  # two that belong together share one
                above -= 1
            assert lines[above].startswith("# "), line


@pytest.mark.parametrize("section", SECTIONS)
def test_every_setting_is_frozen_typed_and_documented(section: str) -> None:
    kind = SECTIONS[section]
    assert kind.__doc__
    hints = get_type_hints(kind)
    for field in dataclasses.fields(kind):
        doc = field.metadata["doc"]
        assert doc.endswith(".")
        assert len(doc) > 15
        assert field.name in hints
    made = BaySettings(number=1, usb_path="1-1") if kind is BaySettings else kind()
    name = dataclasses.fields(kind)[0].name
    with pytest.raises(dataclasses.FrozenInstanceError):
        setattr(made, name, None)


def test_defaults_in_the_units_that_are_promised() -> None:
    settings = defaults()
    assert settings.docks.usb is True
    assert settings.docks.folders is None
    assert settings.docks.mount_helper == Path("/run/dockd/mount.sock")
    assert settings.bays == ()
    assert settings.cameras.profiles == Path("/etc/dockd/cameras")
    assert (settings.pull.parallel, settings.pull.per_controller) == (4, 2)
    assert settings.spool.path == Path("/var/lib/dockd/spool")
    assert settings.spool.keep_free == 5 * 2**30
    assert settings.spool.keep_confirmed == 0.0
    assert settings.ledger.path == Path("/var/lib/dockd/ledger.db")
    assert settings.keys_path == Path("/var/lib/dockd/keys")
    assert (settings.store.kind, settings.store.url, settings.store.pin) == ("tus", None, None)
    assert (settings.upload.parallel, settings.upload.chunk, settings.upload.retry_max) == (8, 64 * 2**20, 600.0)
    assert (settings.bandwidth.limit, settings.bandwidth.timetable) == (None, ())
    assert (settings.wipe.enabled, settings.wipe.grace) == (True, 0.0)
    assert (settings.ready.min_battery, settings.ready.max_clock_offset) == (80, 60.0)
    assert settings.page.listen == ListenAddress("127.0.0.1", 8080)
    assert settings.page.allowed_hosts == ()
    assert (settings.oidc.issuer, settings.oidc.roles, settings.oidc.sign_in_anew) == (None, None, True)
    assert (settings.log.format, settings.log.level, settings.log.file) == ("json", "info", None)
    assert settings.registry.file is None


def test_values_are_hashable_and_replaceable() -> None:
    settings = defaults()
    changed = dataclasses.replace(settings, pull=dataclasses.replace(settings.pull, parallel=9))
    assert (changed.pull.parallel, settings.pull.parallel) == (9, 4)
    assert len({settings, changed, defaults()}) == 2


@pytest.mark.parametrize(
    "pin",
    [
        "-5Wqnhl6YJmQ5jSG92gJ-CqYe04pWm-8gQlBJdqa94c",
        "_5Wqnhl6YJmQ5jSG92gJ-CqYe04pWm-8gQlBJdqa94c",
        "tus:https://s/files/",
    ],
)
def test_each_thumbprint_is_a_pin(pin: str) -> None:
    """One of 32 begins with a character that other names do not begin with."""
    found = read_text(f'[store]\nurl = "https://s"\npin = "{pin}"\n', file="x", environ={})
    assert (found.mistakes, found.settings.store.pin) == ((), pin)
