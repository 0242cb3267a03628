"""Words that stand everywhere in a bundle though somebody, or an account, may be called so: `file`, `ops`, `prometheus`.

Rules kept here: they are drawn from what dockd itself writes (the keys of the configuration, the registry of events, the roles) and from programs and accounts that
are nobody's name. Whoever is called so is hidden where they are meant, and not wherever the word stands. A given name is no ordinary word, whatever key is called so.
"""

from __future__ import annotations

import dataclasses
import re

import dockd.ops.happenings  # noqa: F401 (its events are of the registry, too)
from dockd.access.roles import ROLES
from dockd.settings.reading import PREFIX
from dockd.settings.schema import KEYS
from ingest import events

_PROGRAMS = (
    "dockd prometheus alertmanager grafana nagios icinga zabbix checkmk telegraf fluentbit fluentd vector promtail loki rsyslog syslog journal journald systemd udev "
    "chrony ntp ssh sshd cron curl python sqlite nginx caddy apache root daemon nobody admin administrator operator monitor monitoring metrics backup service system guest "
    "test demo auditor helpdesk support"
)
_NAMES_TOO = frozenset({"grace"})
DOTTED = frozenset(f"{section}.{key}" for section, keys in KEYS.items() for key in keys)
"""Keys of the configuration as they are told."""
VARIABLES = frozenset(f"{PREFIX}{one.replace('.', '__')}".lower() for one in DOTTED)
KEY = re.compile(
    rf"^[ \t]*(?:{'|'.join(sorted({one.partition('.')[2] for one in DOTTED}, key=len, reverse=True))})[ \t]*=", re.M
)
"""A key of the configuration where it is set."""
BY_NOBODY = frozenset(
    action for action, event in events.REGISTRY.items() for field in dataclasses.fields(event)
    if field.name == "by" and field.type not in ("str", "str | None")
)  # fmt: skip
"""Events whose `by` is a word out of few, and no person."""


def _said() -> set[str]:
    found = {*ROLES, *_PROGRAMS.split()}
    for section, keys in KEYS.items():
        found |= {section, *keys}
    for action, event in events.REGISTRY.items():
        found |= {*re.split(r"[.]", action), *(field.name for field in dataclasses.fields(event))}
    return found | {part for word in found for part in word.split("_")}


ORDINARY = frozenset(word.lower() for word in _said()) - _NAMES_TOO
