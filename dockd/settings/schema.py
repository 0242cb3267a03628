"""Every setting there is: its type, its default, and what it is for.

Why it exists: one place that the reader, the example file, the reference and the rest of dockd agree on. A test holds
the fields below, config/dockd.toml and the published list of keys equal.

Rules kept here: all values are frozen and made of the stages' own sections; a default is written as a user would write
it and goes through the same reader; sizes are bytes, rates bytes per second, durations seconds. No file is looked at.
"""

# ruff: noqa: RUF009 - setting() makes a dataclasses.field(), and its values are frozen.

from __future__ import annotations

from dataclasses import dataclass, field, fields
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal

from dockd.settings import kinds
from dockd.settings.addresses import ListenAddress
from dockd.settings.kinds import Kind
from dockd.settings.timetable import TimetableLine

_MIB = 2**20
_GIB = 2**30


def setting(kind: Kind, default: Any, doc: str) -> Any:
    """A dataclass field for one key. `default` is written as in the file (None: the key has none); `doc` is for users."""
    metadata = MappingProxyType({"kind": kind, "default": default, "doc": doc})
    return field(default=kinds.read_default(kind, default), metadata=metadata)


def required(kind: Kind, doc: str) -> Any:
    """A dataclass field for a key that has to be written."""
    return field(metadata=MappingProxyType({"kind": kind, "default": None, "doc": doc}))


@dataclass(frozen=True, kw_only=True, slots=True)
class StationSettings:
    """`[station]`: where this rack stands. Goes with every segment to the store, and onto the page."""

    name: str = setting(
        kinds.NAME,
        "station",
        "The station's name, as sergeants say it: on the page, and with every segment in the store.",
    )
    rack: str = setting(kinds.NAME, "1", "Which of the station's racks this is.")


@dataclass(frozen=True, kw_only=True, slots=True)
class DocksSettings:
    """`[docks]`: where cameras appear."""

    usb: bool = setting(kinds.FLAG, True, "Look for cameras on USB.")
    folders: Path | None = setting(
        kinds.path('one absolute path such as "/srv/docks"'),
        None,
        "A folder in which each sub-folder that appears is a docked camera, named by the sub-folder, and emptied as one. None: no folder docks.",
    )
    mount_helper: Path = setting(
        kinds.path('an absolute path such as "/run/dockd/mount.sock"'),
        "/run/dockd/mount.sock",
        "The socket of dockd-mount, which mounts cameras' volumes for dockd.",
    )


@dataclass(frozen=True, kw_only=True, slots=True)
class BaySettings:
    """One `[[bays]]` entry: which bay a port is. A port without an entry gets the next free number."""

    number: int = required(kinds.number(1, 999, of=""), "The number painted on the bay.")
    usb_path: str = required(
        kinds.identifier('the port\'s path such as "pci-0000:00:14.0-usb-0:1.4"'),
        "The USB port behind it: udev's ID_PATH up to the chain of ports, which the wiring alone decides (bus numbers and sdX change "
        "with every boot). `dockd bays learn` writes them. Or the name of a folder dock's folder.",
    )


@dataclass(frozen=True, kw_only=True, slots=True)
class CamerasSettings:
    """`[cameras]`: which cameras are known."""

    profiles: Path = setting(
        kinds.path('an absolute path such as "/etc/dockd/cameras"'),
        "/etc/dockd/cameras",
        "The folder of the site's own camera profiles, beside the shipped ones. A camera that one of them names may be emptied. Need not be there.",
    )


@dataclass(frozen=True, kw_only=True, slots=True)
class PullSettings:
    """`[pull]`: copying from cameras into the spool."""

    parallel: int = setting(
        kinds.number(1, 64, of="cameras at once"),
        4,
        "Cameras read at once; the others wait their turn. Few at a time, each at full speed, are done sooner than many.",
    )
    per_controller: int = setting(
        kinds.number(1, 64, of="cameras at once"),
        2,
        "Cameras read at once behind one USB controller, which they share. Folder docks do not count.",
    )


@dataclass(frozen=True, kw_only=True, slots=True)
class SpoolSettings:
    """`[spool]`: the copies on this machine's disk."""

    path: Path = setting(
        kinds.path('an absolute path such as "/var/lib/dockd/spool"'),
        "/var/lib/dockd/spool",
        "The folder of the copies that are not yet in the store, on a local disk. Nothing else may live in it.",
    )
    keep_free: int = setting(
        kinds.size(), "5 GiB", "How much of that disk is never filled: pulling waits before it gets there."
    )
    keep_confirmed: float = setting(
        kinds.duration(),
        "0 s",
        "How long the spool's copy is kept once the store has it for good.",
    )


@dataclass(frozen=True, kw_only=True, slots=True)
class LedgerSettings:
    """`[ledger]`: what happened, and what is where."""

    path: Path = setting(
        kinds.path('an absolute path such as "/var/lib/dockd/ledger.db"'),
        "/var/lib/dockd/ledger.db",
        "The ledger's file, on a local disk. The folder that it is in also holds keys/ and access.db.",
    )


@dataclass(frozen=True, kw_only=True, slots=True)
class StoreSettings:
    """`[store]`: the central store."""

    # `url` is None only in `defaults()` and where a command needs no store.

    kind: Literal["tus", "s3", "directory"] = setting(
        kinds.choice("tus", "s3", "directory"),
        "tus",
        "tus: dockd's own store, or another tus server; s3: a bucket; directory: a share that is mounted here.",
    )
    url: str | None = setting(
        kinds.STORE_URL,
        None,
        "Where it is. dockd's own store: its address; another tus server: the address at which uploads are created; "
        's3: the bucket\'s address as the server has it, "https://HOST/BUCKET" or "https://BUCKET.HOST"; directory: the absolute path of its folder. '
        "Has to be written.",
    )
    token_file: Path | None = setting(
        kinds.path("the absolute path of a file that holds the token", secret=True, file=True),
        None,
        "A file that holds the bearer token and is readable by dockd's user alone; a # at the start of a line or after a space begins a comment. s3: the access key and its secret, on two lines, as KEY:SECRET, or as "
        "an AWS credentials file.",
    )
    ca_file: Path | None = setting(
        kinds.path("the absolute path of a PEM file", file=True),
        None,
        "PEM certificates of the authorities that may vouch for the store. None: those of the operating system.",
    )
    client_cert_file: Path | None = setting(
        kinds.path("the absolute path of a PEM file", file=True),
        None,
        "PEM certificate by which this dock shows who it is, followed by its chain. `dockd enroll` gets one, and writes both keys.",
    )
    client_key_file: Path | None = setting(
        kinds.path("the absolute path of a PEM file", secret=True, file=True),
        None,
        "PEM key of that certificate; it may be in the same file.",
    )
    proxy: str | None = setting(
        kinds.PROXY_URL,
        None,
        'An HTTP proxy on the way to the store, such as "http://proxy.example.org:3128". None: none, whatever the environment says.',
    )
    proxy_auth_file: Path | None = setting(
        kinds.path("the absolute path of a file that holds USER:PASSWORD", secret=True, file=True),
        None,
        "A file that holds USER:PASSWORD for the proxy, readable by dockd's user alone.",
    )
    region: str = setting(kinds.NAME, "us-east-1", "s3: the region that requests are signed for.")
    object_lock: Literal["governance", "compliance", "off"] = setting(
        kinds.choice("governance", "compliance", "off"),
        "governance",
        "s3: how evidential segments are locked against deletion, in a bucket where that is seen to hold. off: not at all.",
    )
    retain_evidential: float = setting(
        kinds.duration(86400.0), "2557 d", "s3: how long an evidential segment is locked, from when it was captured."
    )
    pin: str | None = setting(
        kinds.identifier("the thumbprint of the store's key, or the id of a store that has none"),
        None,
        "Who the store must be: of dockd's own the thumbprint of its key, which `dockd store docks` shows there and `dockd enroll` writes here; of others "
        "the id that `dockd status --json` shows. None: the first honest store that answers is pinned in the ledger.",
    )


@dataclass(frozen=True, kw_only=True, slots=True)
class UploadSettings:
    """`[upload]`: sending to the store."""

    parallel: int = setting(
        kinds.number(1, 64, of="uploads at once"),
        8,
        "Connections that send at once, at most. dockd finds out by itself how many of them the line has use for.",
    )
    chunk: int = setting(
        kinds.size(16 * 1024, 4 * _GIB),
        "64 MiB",
        "Bytes sent in one request at most. How many it is follows from the line: what it carries in some seconds, and less "
        "after it was cut. 64 MiB is half a second at 1 Gbit/s: the requests' own cost is nothing beside it.",
    )
    retry_max: float = setting(
        kinds.duration(0.1, 86400.0), "10 min", "The longest wait between two tries while the store is away."
    )


@dataclass(frozen=True, kw_only=True, slots=True)
class BandwidthSettings:
    """`[bandwidth]`: how much of the station's line dockd may take, all uploads together."""

    limit: float | None = setting(kinds.RATE, None, "What all uploads together may take of the line. None: no limit.")
    timetable: tuple[TimetableLine, ...] = setting(
        kinds.TIMETABLE,
        (),
        "Rates by weekday and local time, instead of `limit` while a line fits; of several that fit the first one holds.",
    )
    evidential: Literal["unlimited", "limited"] = setting(
        kinds.choice("unlimited", "limited"),
        "limited",
        "Whether evidential segments keep to the limit. It is the line of a whole station: whoever limits dockd means "
        "all of it, unless they say otherwise here.",
    )


@dataclass(frozen=True, kw_only=True, slots=True)
class WipeSettings:
    """`[wipe]`: deleting from cameras what the store has confirmed."""

    enabled: bool = setting(
        kinds.FLAG,
        True,
        'Whether cameras are emptied. With false, ready means confirmed, and the page says "not emptied".',
    )
    grace: float = setting(kinds.duration(), "0 s", "How long after its confirmation a segment stays on the camera.")


@dataclass(frozen=True, kw_only=True, slots=True)
class ReadySettings:
    """`[ready]`: what else a camera needs before it is called ready, where it can be known."""

    min_battery: int = setting(
        kinds.number(0, 100, of="per cent"),
        80,
        "The least charge, in per cent. 80 is most of a shift from a worn battery, and one that stops just short of 100 still passes. "
        "0: not asked for.",
    )
    max_clock_offset: float = setting(
        kinds.duration(1.0, 86400.0),
        "60 s",
        "How wrong a camera's clock may be, either way. A good clock drifts by less in a month; an hour's "
        "slip or a reset clock is far beyond it.",
    )
    min_room: int = setting(
        kinds.size(),
        "8 GiB",
        "How much a camera must still be able to record before it may go out with footage on it that is safe on the dock and not yet "
        "in the store (usable). 8 GiB is more than four hours at 4 Mbit/s. One that does not tell its room stays in. 0: not asked for.",
    )
    usable_after: float = setting(
        kinds.duration(),
        "15 min",
        "How long such a camera has waited for the store, all copied, before it may go out, which is offered only while cameras are short: "
        "while fewer than half of those in the rack are ready. A store that is there needs minutes; so long it is better left in, and goes out empty.",
    )


@dataclass(frozen=True, kw_only=True, slots=True)
class PageSettings:
    """`[page]`: the local page and API."""

    listen: ListenAddress = setting(
        kinds.LISTEN,
        "127.0.0.1:8080",
        "Address and port; port 0 is any free one. Beyond this machine only with users, and with TLS.",
    )
    tls_cert_file: Path | None = setting(
        kinds.path("the absolute path of a PEM file", file=True), None, "PEM certificate chain of the page."
    )
    tls_key_file: Path | None = setting(
        kinds.path("the absolute path of a PEM file", secret=True, file=True), None, "PEM key of that certificate."
    )
    allowed_hosts: tuple[str, ...] = setting(
        kinds.HOSTS,
        (),
        "Names under which browsers may ask for the page, without port. The address listened on and localhost are "
        "always allowed.",
    )
    idle: float = setting(
        kinds.duration(60.0, 43200.0),
        "15 min",
        "Who has signed in and does nothing for so long is signed out. Nobody stays signed in for more than 12 h.",
    )
    plain_http: bool = setting(
        kinds.FLAG,
        False,
        "Whether other machines may ask without TLS. What is shown, and passwords, then go over the line in clear: every page says so.",
    )


@dataclass(frozen=True, kw_only=True, slots=True)
class OidcSettings:
    """`[oidc]`: people sign in at the force's own OpenID Connect provider, beside dockd's own users. Without `issuer`: they do not."""

    issuer: str | None = setting(
        kinds.ISSUER,
        None,
        "The provider, letter for letter as it calls itself in its discovery document. https; http on this machine alone.",
    )
    client_id: str | None = setting(
        kinds.identifier("the id that the provider has given to this dock"),
        None,
        "Under which id the provider knows this dock.",
    )
    client_secret_file: Path | None = setting(
        kinds.path("the absolute path of a file that holds the client's secret", secret=True, file=True),
        None,
        "A file that holds the client's secret and is readable by dockd's user alone. None: the provider has given none (a public client).",
    )
    ca_file: Path | None = setting(
        kinds.path("the absolute path of a PEM file", file=True),
        None,
        "PEM certificates of the authorities that may vouch for the provider. None: those of the operating system.",
    )
    scopes: tuple[str, ...] = setting(
        kinds.SCOPES, ("openid", "profile"), "What is asked for. openid has to be one of them."
    )
    name_claim: str = setting(
        kinds.NAME,
        "preferred_username",
        "The claim of the ID token by which people are called, on the page and in custody.",
    )
    role_claim: str = setting(
        kinds.NAME,
        "roles",
        "The claim of the ID token that says what somebody is: a word or a list of words. A dot leads into it: realm_access.roles.",
    )
    roles: tuple[tuple[str, Literal["viewer", "sergeant", "ops"]], ...] | None = setting(
        kinds.ROLES,
        None,
        'Which of those words is which role: { "bwc-sergeants" = "sergeant" }. Of several the highest holds; who has none of them may not come in.',
    )
    sign_in_anew: bool = setting(
        kinds.FLAG,
        True,
        "Whether the provider is to ask for the password each time, whoever it remembers in that browser: a rack's browser is everybody's.",
    )


@dataclass(frozen=True, kw_only=True, slots=True)
class LogSettings:
    """`[log]`: what dockd says while it runs."""

    format: Literal["json", "console", "journald"] = setting(
        kinds.choice("json", "console", "journald"),
        "json",
        "json: an object a line, with ECS names; console: text for people; journald: native fields of the journal.",
    )
    level: Literal["debug", "info", "warning", "error"] = setting(
        kinds.choice("debug", "info", "warning", "error"), "info", "The least that is logged."
    )
    file: Path | None = setting(
        kinds.path('an absolute path such as "/var/log/dockd/dockd.log"'),
        None,
        "A file to log to, where the form is json or console. None: standard error, which under systemd is the journal.",
    )


@dataclass(frozen=True, kw_only=True, slots=True)
class RegistrySettings:
    """`[registry]`: the site's list of its cameras."""

    file: Path | None = setting(
        kinds.path('an absolute path such as "/etc/dockd/cameras.csv"'),
        None,
        "CSV with a header: camera (serial or id), assigned_to (empty: pool), note. A USB camera that only a shipped profile knows is emptied only if "
        "it stands in there. None: no list.",
    )


@dataclass(frozen=True, kw_only=True, slots=True)
class Settings:
    """All settings of one dock. Made by `load()`; `dataclasses.replace` changes a copy."""

    station: StationSettings = StationSettings()
    docks: DocksSettings = DocksSettings()
    bays: tuple[BaySettings, ...] = ()
    cameras: CamerasSettings = CamerasSettings()
    pull: PullSettings = PullSettings()
    spool: SpoolSettings = SpoolSettings()
    ledger: LedgerSettings = LedgerSettings()
    store: StoreSettings = StoreSettings()
    upload: UploadSettings = UploadSettings()
    bandwidth: BandwidthSettings = BandwidthSettings()
    wipe: WipeSettings = WipeSettings()
    ready: ReadySettings = ReadySettings()
    page: PageSettings = PageSettings()
    oidc: OidcSettings = OidcSettings()
    log: LogSettings = LogSettings()
    registry: RegistrySettings = RegistrySettings()

    @property
    def keys_path(self) -> Path:
        """The folder of this dock's own keys, beside the ledger."""
        return self.ledger.path.parent / "keys"


SECTIONS: dict[str, type[Any]] = {
    "station": StationSettings,
    "docks": DocksSettings,
    "bays": BaySettings,
    "cameras": CamerasSettings,
    "pull": PullSettings,
    "spool": SpoolSettings,
    "ledger": LedgerSettings,
    "store": StoreSettings,
    "upload": UploadSettings,
    "bandwidth": BandwidthSettings,
    "wipe": WipeSettings,
    "ready": ReadySettings,
    "page": PageSettings,
    "oidc": OidcSettings,
    "log": LogSettings,
    "registry": RegistrySettings,
}
"""Every section and the dataclass of its keys; `bays` may come many times."""


def kinds_of(section: str) -> dict[str, Kind]:
    """Every key of a section and the kind of its value."""
    return {item.name: item.metadata["kind"] for item in fields(SECTIONS[section])}


KEYS: dict[str, dict[str, Kind]] = {section: kinds_of(section) for section in SECTIONS}
