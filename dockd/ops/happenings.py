"""What happens to the agent itself, beside footage. Entries of the one registry (`ingest.events`); none of them is for custody."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from ingest.events import Event
from ingest.events.base import Level, event


@event
class PageOpened(Event, action="page.listening", text="the page is at {url}", custody=False):
    """The page can be reached."""

    url: str


@event
class LogOpened(Event, action="log.opened", text="the log of run {run} begins", custody=False):
    """The first line of a run. `before`: the run before on this dock's state, and `before_last` the number of the last line that it wrote, where that is
    known; `before_boot` is another one than `boot` after a power cut or a restart of the machine, and the number may then be some lines too low."""

    run: str
    boot: str
    threshold: str
    heartbeat_seconds: int
    before: str | None = None
    before_last: int | None = None
    before_boot: str | None = None


@event
class LogClosed(Event, action="log.closed", text="the log of this run ends", custody=False):
    """The last line of a run. Whatever a log has of a run without it is not known to be all."""

    lines_lost: int


@event
class LogLost(
    Event,
    action="log.lost",
    text="{lines} lines of the log between {first} and {last} could not be written on the dock",
    level="error",
    outcome="failure",
    custody=False,
):
    """Told as soon as a line can be written again. `first` and `last` are sequence numbers."""

    lines: int
    first: int
    last: int


@event
class Heartbeat(
    Event,
    action="agent.heartbeat",
    text="{docked} cameras docked, {ready} ready, {needs_action} need action, {waiting} segments ({waiting_bytes} bytes) on their way, store {store}",
    custody=False,
):
    """Still there, and how things are."""

    docked: int
    ready: int
    needs_action: int
    waiting: int
    waiting_bytes: int
    store: str
    log_lines_lost: int
    boot: str


Renewal = Literal["unchanged", "renewed", "refused"]
Renewer = Literal["dockd", "file"]
_RENEWALS: dict[str, str] = {
    "renewed": "the page's certificate was renewed, and new connections are served with it",
    "refused": "the page's certificate was NOT renewed: the one of before stays in use",
}


@event
class SettingsReloaded(
    Event,
    action="settings.reloaded",
    text="the configuration was read again",
    custody=False,
):
    """SIGHUP, and the file was right. `certificate`: what became of the page's own."""

    applied: list[str]
    restart: list[str]
    certificate: Renewal = "unchanged"

    def message(self) -> str:
        """With what was changed by it.

        >>> SettingsReloaded(applied=[], restart=["store.url", "spool.path"]).message()
        'the configuration was read again; store.url and spool.path have changed, and want a restart of dockd to be followed'
        >>> SettingsReloaded(applied=["log.level"], restart=[]).message()
        'the configuration was read again; log.level has changed, and is followed from now on'
        >>> SettingsReloaded(applied=[], restart=[]).message()
        'the configuration was read again; nothing in it has changed'
        >>> SettingsReloaded(applied=[], restart=[], certificate="renewed").message()
        "the configuration was read again; nothing in it has changed; the page's certificate was renewed, and new connections are served with it"
        >>> SettingsReloaded(applied=[], restart=[], certificate="refused").message()
        "the configuration was read again; nothing in it has changed; the page's certificate was NOT renewed: the one of before stays in use"
        """
        said = [self.text]
        if self.applied:
            one = len(self.applied) == 1
            said.append(
                f"{listed(self.applied)} {'has' if one else 'have'} changed, and {'is' if one else 'are'} followed from now on"
            )
        if self.restart:
            one = len(self.restart) == 1
            said.append(
                f"{listed(self.restart)} {'has' if one else 'have'} changed, and want{'s' if one else ''} a restart of dockd to be followed"
            )
        said += [] if len(said) > 1 else ["nothing in it has changed"]
        said += [_RENEWALS[self.certificate]] if self.certificate in _RENEWALS else []
        return "; ".join(said)


def listed(names: Sequence[str]) -> str:
    """As people say a list.

    >>> listed(["a", "b", "c"])
    'a, b and c'
    """
    *some, last = names
    return f"{', '.join(some)} and {last}" if some else last


Refused = Literal["file", "page", "certificate", "list", "profiles", "credentials", "start"]
_STAYS: dict[str, str] = {
    "certificate": "the page's certificate cannot be used, and the one of before stays: {error}",
    "list": "the list of cameras has mistakes, and the one of before stays: {error}",
    "profiles": "the camera profiles have mistakes, and those of before stay: {error}",
    "credentials": "what this dock believes others by, or comes in with, cannot be used: {error}",
    "start": "dockd was started with a configuration that has mistakes, and what is wrong in it is not followed: {error}",
}
_MOST_MISTAKES = 100


@event
class SettingsRefused(
    Event,
    action="settings.refused",
    text="the configuration has mistakes, so the running one stays: {error}",
    level="error",
    outcome="failure",
    custody=False,
):
    """SIGHUP, and something was wrong; or a start that goes on without what is wrong. `what`: the file itself, or that the page would be open (then nothing of it
    is followed); or one of the files that it names (then that one alone stays as it was); or start. `mistakes`: each with its place, at most a hundred."""

    what: Refused
    error: str
    mistakes: list[str]

    @classmethod
    def of(cls, what: Refused, mistakes: Sequence[str]) -> SettingsRefused:
        """All of them in one.

        >>> SettingsRefused.of("file", ["d.toml:3: wipe.grace: x", "d.toml:9: log.level: y"]).message()
        'the configuration has mistakes, so the running one stays: d.toml:3: wipe.grace: x; d.toml:9: log.level: y'
        >>> SettingsRefused.of("file", ["x"] * 101).mistakes[99:]
        ['x', 'and 1 more: see dockd check-config']
        """
        told = list(mistakes[:_MOST_MISTAKES])
        if (more := len(mistakes) - len(told)) > 0:
            told.append(f"and {more} more: see dockd check-config")
        return cls(what=what, error="; ".join(told), mistakes=told)

    def message(self) -> str:
        """With what stays as it was.

        >>> SettingsRefused.of("list", ["/x:1: has no column named camera"]).message()
        'the list of cameras has mistakes, and the one of before stays: /x:1: has no column named camera'
        """
        return _STAYS.get(self.what, self.text).format_map({"error": self.error})


@event
class TroubleBegan(Event, action="agent.trouble", text="{error}", level="error", outcome="failure", custody=False):
    """A part of the agent cannot do its work; it is tried again by itself."""

    part: str
    error: str


@event
class TroubleOver(Event, action="agent.recovered", text="{part} works again", custody=False):
    """It can again."""

    part: str


@event
class SpoolPutRight(
    Event,
    action="spool.put_right",
    text="after the last end: {recovered} copies taken into the ledger, {rotted} not whole, {unexplained} files left "
    "that nobody can explain",
    level="warning",
    outcome="unknown",
    custody=False,
):
    """What a start found in the spool."""

    recovered: int
    rotted: int
    unexplained: int


@event
class SpoolKeeps(
    Event, action="spool.keeps", text="dock room is full: {error}", level="warning", outcome="unknown", custody=False
):
    """Why no room comes though the store has what is on the dock."""

    error: str


@event
class UsbTrouble(Event, action="docks.usb_trouble", text="{error}", level="warning", outcome="failure", custody=False):
    """Something about USB that ops should know: no udev, no mount helper, a wrong camera profile, a bay map that names no ports.

    `about`: settings, udev or helper.
    """

    about: str
    error: str


@event
class UsbWell(
    Event, action="docks.usb_well", text="cameras on USB: the trouble with the {about} is over", custody=False
):
    """What `docks.usb_trouble` told of this is over."""

    about: str


@event
class Ending(Event, action="agent.ending", text="dockd was asked to end ({signal})", custody=False):
    """SIGTERM or SIGINT."""

    signal: str


@event
class LibraryLine(Event, action="program.message", text="{error}", outcome="unknown", custody=False):
    """What a library, or a part without an event of its own, says through `logging`."""

    error: str


_WHICH_CERTIFICATE: dict[str, str] = {
    "client": "the certificate by which the store knows this dock", "page": "the page's certificate", "store": "the store's own certificate",
    "store_ca": "the certificate of the authority that vouches for the store",
}  # fmt: skip
_ERROR_DAYS = 3


def _of_certificate(event: Event, which: str) -> str:
    return event.text.format_map(event.data() | {"certificate": _WHICH_CERTIFICATE.get(which, which)})


@event
class CertificateEnds(
    Event, action="certificate.ends", text="{certificate} ends in {days} days, at {ends_at} ({path})", level="warning", outcome="unknown", custody=False
):  # fmt: skip
    """Said at 30, 14 and 3 days. `certificate`: client, page, store or store_ca."""

    certificate: str
    path: str
    ends_at: str
    days: int

    def severity(self) -> Level:
        """The last days are an error."""
        return "error" if self.days <= _ERROR_DAYS else self.level

    def message(self) -> str:
        """With the name that people know it by.

        >>> CertificateEnds(certificate="page", path="/p", ends_at="2030-01-01T00:00:00Z", days=14).message()
        "the page's certificate ends in 14 days, at 2030-01-01T00:00:00Z (/p)"
        """
        return self.text.format_map(
            self.data() | {"certificate": _WHICH_CERTIFICATE.get(self.certificate, self.certificate)}
        )


@event
class CertificateEnded(
    Event, action="certificate.ended", text="{certificate} is not good now: it ends at {ends_at} ({path})", level="error", outcome="failure", custody=False
):  # fmt: skip
    """It is over, or not good yet by this dock's clock."""

    certificate: str
    path: str
    ends_at: str

    def message(self) -> str:
        """With the name that people know it by."""
        return self.text.format_map(
            self.data() | {"certificate": _WHICH_CERTIFICATE.get(self.certificate, self.certificate)}
        )


@event
class CertificateUnread(
    Event, action="certificate.unread", text="{certificate} ({path}) cannot be read: {error}", level="error", outcome="failure", custody=False
):  # fmt: skip
    """Nobody knows when it ends."""

    certificate: str
    path: str
    error: str

    def message(self) -> str:
        """With the name that people know it by."""
        return self.text.format_map(
            self.data() | {"certificate": _WHICH_CERTIFICATE.get(self.certificate, self.certificate)}
        )


@event
class CertificateRenewed(
    Event, action="certificate.renewed", text="{certificate} was renewed, and connections from now on are made with it; it ends at {ends_at}", custody=False
):  # fmt: skip
    """`by`: dockd, which got it from the store, or file: somebody has put another one there."""

    certificate: str
    by: Renewer
    ends_at: str

    def message(self) -> str:
        """With the name that people know it by."""
        return self.text.format_map(
            self.data() | {"certificate": _WHICH_CERTIFICATE.get(self.certificate, self.certificate)}
        )


@event
class CertificateNotRenewed(
    Event, action="certificate.not_renewed", text="{certificate} could not be renewed: {error}; the one of before stays in use, and it is tried again",
    level="warning", outcome="failure", custody=False,
):  # fmt: skip
    """Said once for each reason."""

    certificate: str
    error: str
    retry_seconds: int

    def message(self) -> str:
        """With the name that people know it by."""
        return self.text.format_map(
            self.data() | {"certificate": _WHICH_CERTIFICATE.get(self.certificate, self.certificate)}
        )
