"""`dockd profile`: camera profiles tried before a camera is."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from dockd.cli.common_options import fail, plain

if TYPE_CHECKING:
    from collections.abc import Sequence

    from dockd.docks.usb_explaining import Explained
    from dockd.docks.usb_ports import Look
    from dockd.profiles.model import Profile
    from dockd.profiles.sorting import Card, Sorted
    from dockd.settings import Settings

_FILE = click.Path(path_type=Path, dir_okay=False)


@click.group()
def profile() -> None:
    """Camera profiles: what a device is taken for, and why."""


@profile.command("check")
@click.argument("files", nargs=-1, metavar="[FILE]...", type=_FILE)
@click.option(
    "--device", metavar="WORD", help="Only this device: its port as `dockd bays learn` writes it, VID:PID, serial, or /dev/sdb1."
)  # fmt: skip
@click.option(
    "--described", type=_FILE, help="Look at what `udevadm info --export-db` wrote into this file, not at this machine."
)  # fmt: skip
@click.option(
    "--card", type=click.Path(path_type=Path, file_okay=False, exists=True), help="What lies on its card: where it is mounted, or a copy."
)  # fmt: skip
@click.option(
    "--config", type=_FILE, help="Whose profiles and list of cameras stand beside (default /etc/dockd/dockd.toml, where it is there)."
)  # fmt: skip
@click.option("--json", "as_json", is_flag=True, help="One JSON document on one line.")
def check(
    *, files: tuple[Path, ...], device: str | None, described: Path | None, card: Path | None, config: Path | None, as_json: bool
) -> None:  # fmt: skip
    """Check camera profiles (each FILE, as if it lay in the site's folder), and say what the attached devices are taken for, and why.

    Of each device: what udev says that a profile could ask for, which profile it is, which camera, whether it would be emptied, and why each other
    profile is not meant. With --card also what each file on it would be. Nothing is mounted, spoken to or written.

    Exit code 0: fine; 1: with --device or --described, there is no such device, or none is taken for what a FILE describes; 2: a profile or the
    configuration is wrong, with every mistake; 3: the description or the card cannot be read, or the devices of this machine, where they were asked for
    (there is neither FILE nor --card, or --device names one).
    """
    from dockd.cli.profile_words import document, lines

    settings = _settings(config)
    profiles, own = _profiles(files, settings, as_json=as_json)
    look, unseen = _look(described)
    lying = _card(card) if card is not None else None
    found = _explained(look, profiles, settings, lying)
    if device is not None:
        found = [one for one in found if one.answers_to(device)]
    files_of = _sorted(lying, found, own)
    if as_json:
        click.echo(json.dumps(document(own, found, files_of)))
    elif said := list(lines(own, found, files_of)):
        click.echo("\n".join(said))
    if unseen:
        click.echo(f"no device was looked at: {unseen}", err=True)
        if device is not None or not (files or card):
            sys.exit(3)
    elif not found and not as_json:
        click.echo(_nobody(device, among=len(look), described=described), err=True)
    sys.exit(_code(found, own, asked=device is not None or described is not None))


def _nobody(device: str | None, *, among: int, described: Path | None) -> str:
    where = f"in {described}" if described is not None else "attached"
    if device is None or not among:
        return f"no USB device is {where}" if described is None else f"there is no USB device {where}"
    return f"none of the {among} devices {where} is {device}: `dockd profile check` without --device names them all"


def _code(found: Sequence[Explained], own: Sequence[Profile], *, asked: bool) -> int:
    if not asked:
        return 0
    return 0 if found and (not own or any(one in own for each in found for one in each.taken)) else 1


def _settings(config: Path | None) -> Settings:
    from dockd.settings import DEFAULT_FILE, SettingsError, defaults, load

    if config is None and not DEFAULT_FILE.exists():
        return defaults()
    try:
        return load(config or DEFAULT_FILE, environ=os.environ, for_run=False)
    except SettingsError as error:
        fail(str(error), code=2)


def _profiles(
    files: Sequence[Path], settings: Settings, *, as_json: bool
) -> tuple[Sequence[Profile], Sequence[Profile]]:
    """All of them, and those of `files`."""
    from dockd.profiles.reading import ProfilesWrong, load_beside
    from dockd.shipped import shipped

    try:
        return load_beside(files, site=settings.cameras.profiles, shipped=shipped("cameras"))
    except ProfilesWrong as wrong:
        mistakes = [str(mistake) for mistake in wrong.mistakes]
        click.echo(json.dumps({"ok": False, "mistakes": mistakes}) if as_json else "\n".join(mistakes))
        sys.exit(2)


def _look(described: Path | None) -> tuple[Look, str]:
    """What is plugged in, and why that is not known."""
    from dockd.docks.udev import NoUdev, Udev
    from dockd.docks.usb_described import LARGEST, NoDescription, look_of

    if described is None:
        udev = Udev()
        try:
            udev.open()
            return udev.look(None), ""
        except NoUdev as error:
            return {}, error.message
    try:
        with described.open(encoding="utf-8", errors="surrogateescape") as file:
            return look_of(file.read(LARGEST + 1)), ""
    except (OSError, NoDescription) as error:
        fail(f"{described} cannot be used: {plain(error)}", code=3)


def _card(folder: Path) -> Card:
    from dockd.profiles.sorting import card_in
    from ingest.errors import DockdError

    try:
        return card_in(folder)
    except (OSError, DockdError) as error:
        fail(f"{folder} cannot be listed: {plain(error)}", code=3)


def _explained(look: Look, profiles: Sequence[Profile], settings: Settings, card: Card | None) -> list[Explained]:
    import functools

    from dockd.docks.usb_explaining import explain
    from dockd.page.registry import read_registry
    from dockd.profiles.identity import named_by

    listed = read_registry(settings.registry.file)
    if listed.trouble:
        click.echo(listed.trouble, err=True)
    named = functools.partial(named_by, frozenset(listed.assigned))
    names = card.names if card is not None else None
    found = [explain(facts, profiles, named=named, names=names) for _port, facts in sorted(look.items())]
    return [one for one in found if one is not None]


def _sorted(card: Card | None, found: Sequence[Explained], own: Sequence[Profile]) -> list[Sorted]:
    """The card as each FILE's profile sees it; where there is none, as the profile does that one device is taken for."""
    from dockd.profiles.sorting import sort

    if card is None:
        return []
    seen = own or {one.name: one for each in found for one in each.taken}.values()
    return [sort(card, one.rules, profile=one.name) for one in seen]
