"""A configuration line for line: what dockd knows stays, and nothing else."""

from __future__ import annotations

import pytest

from dockd.support.configuration import overrides, shown

GONE = "# [taken out: "


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('[store]\nurl = "https://s"  # PLANTED\n', '[store]\nurl = "https://s"\n'),
        ("# PLANTED\n\n[wipe]\n", f"{GONE}a comment]\n\n[wipe]\n"),
        ('[store]\ntoken = "PLANTED"\n', f"[store]\ntoken = {GONE}not a key that dockd knows]\n"),
        ('[store]\ntoken_file = "PLANTED"\n', f"[store]\ntoken_file = {GONE}not the path of a file]\n"),
        ('[store]\ntoken_file = "/etc/t"\n', '[store]\ntoken_file = "/etc/t"\n'),
        ('[store]\ntoken_file = "credential:t"\n', '[store]\ntoken_file = "credential:t"\n'),
        ('[stor]\nurl = "PLANTED"\n', f"[stor]\nurl = {GONE}not a key that dockd knows]\n"),
        ('url = "PLANTED"\n', f"url = {GONE}not a key that dockd knows]\n"),
        ('store.url = "https://s"\n', 'store.url = "https://s"\n'),
        ('store = { token = "PLANTED" }\n', f"store = {GONE}a table in a line]\n"),
        ('[store]\nx = [\n "PLANTED",\n]\nkind = "s3"\n', f'[store]\nx = {GONE}not a key that dockd knows]\n{GONE}a part of a list or table]\n{GONE}a part of a list or table]\nkind = "s3"\n'),
        ('[bandwidth]\ntimetable = [\n  "Mon 07:00-08:00 unlimited",  # PLANTED ]\n]\nlimit = "1 Mbit/s"\n', '[bandwidth]\ntimetable = [\n  "Mon 07:00-08:00 unlimited",\n]\nlimit = "1 Mbit/s"\n'),
        ('[station]\nname = """\nPLANTED\n"""\nrack = "1"\n', f'[station]\nname = {GONE}a long text]\n{GONE}a part of a long text]\n{GONE[:0]}# [taken out: a part of a long text]\nrack = "1"\n'),
        ('[station]\nname = "PLANTED\nPLANTED\n', f"[station]\nname = {GONE}a text that does not end]\n{GONE}a line that is no TOML]\n"),
        ("PLANTED\n[PLANTED X]\n[pull]\nparallel = 2\n", f"{GONE}a line that is no TOML]\n{GONE}a line that is no TOML]\n[pull]\nparallel = 2\n"),
        ('[[bays]]\nnumber = 1\nusb_path = "1-1"\n', '[[bays]]\nnumber = 1\nusb_path = "1-1"\n'),
    ],
)  # fmt: skip
def test_line_for_line(text: str, said: str) -> None:
    assert shown(text)[0] == said
    assert "PLANTED" not in shown(text)[0]
    assert shown(text)[0].count("\n") == text.count("\n")


def test_what_the_environment_overrides() -> None:
    environ = "PATH=/bin\0DOCKD__STORE__URL=https://s\0DOCKD__STORE__TOKEN=PLANTED\0DOCKD__STORE__TOKEN_FILE=PLANTED\0DOCKD__PAGE__TLS_KEY_FILE=/k\0SECRET=PLANTED\0"
    assert overrides(environ) == [
        "DOCKD__PAGE__TLS_KEY_FILE=/k", "DOCKD__STORE__TOKEN=[taken out]", "DOCKD__STORE__TOKEN_FILE=[taken out]", "DOCKD__STORE__URL=https://s",
    ]  # fmt: skip
