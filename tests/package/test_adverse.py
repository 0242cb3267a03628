"""Installs that are broken off, machines that are not as they should be, and files that somebody has put elsewhere: footage outlives all of it.

None of these systems runs systemd: that is what a container is, too.
"""

from __future__ import annotations

import pytest

from tests.package.dock import CONFIGURATION, STATE, Dock
from tests.package.packages import OLDER, Packages
from tests.package.system import System

APT = ("apt-get", "--quiet", "--yes", "--no-install-recommends")
TOML = "/etc/dockd/dockd.toml"
# In place of a program that a step of dpkg uses: dpkg and its script are gone, as after a power cut.
GONE = """#!/bin/sh
{before}
for process in /proc/[0-9]*; do
    read -r name < "$process/comm" || continue
    case "$name" in dpkg | apt-get | dockd.p*) kill -KILL "${{process#/proc/}}" ;; esac
done
exit 1
"""
TORN = """case "$*" in
    *--fsys-tarfile*) /usr/bin/dpkg-deb "$@" | head -c 30000000 ;;
    *) exec /usr/bin/dpkg-deb "$@" ;;
esac"""
STEPS = {"prerm": ("find", ""), "unpacking": ("dpkg-deb", TORN), "postinst": ("python3.11", "")}


def broken_off(system: System, step: str) -> None:
    """An upgrade to the newer package that ends in the middle of `step`."""
    program, before = STEPS[step]
    wrapper = system.path(f"/usr/local/bin/{program}")
    wrapper.write_text(GONE.format(before=before))
    wrapper.chmod(0o755)
    done = system.run("dpkg", "--install", "/root/dockd.deb", accept=(137, -9))
    assert done.code != 0
    wrapper.unlink()


@pytest.mark.parametrize("step", STEPS)
def test_an_upgrade_that_was_broken_off_is_gone_on_with(dock: Dock, packages: Packages, step: str) -> None:
    treasure, history = dock.treasure(), dock.history()
    broken_off(dock.system, step)
    assert dock.system.run("dpkg", "--audit").out != ""
    assert dock.treasure() == treasure
    dock.system.run("dpkg", "--configure", "--pending", accept=(0, 1))
    dock.system.run(*APT, "install", "/root/dockd.deb")
    asked = ("dpkg-query", "--show", "--showformat=${Version} ${Status}", "dockd")
    assert dock.system.run(*asked).out == f"{packages.version} install ok installed"
    assert dock.treasure() == treasure
    assert dock.system.path(TOML).read_text() == CONFIGURATION
    dock.goes_on(after=history)


@pytest.mark.parametrize("step", ["unpacking", "postinst"])
def test_a_half_made_install_is_purged_and_nothing_of_the_site_s_is_lost(dock: Dock, step: str) -> None:
    treasure = dock.treasure()
    broken_off(dock.system, step)
    dock.system.run("dpkg", "--force-remove-reinstreq", "--purge", "dockd")
    assert dock.treasure() == treasure
    assert dock.system.path(f"{TOML}.kept").read_text() == CONFIGURATION


def test_a_purge_while_it_runs_takes_nothing_of_a_spool_elsewhere(dock: Dock) -> None:
    """The spool on a disk of its own, the state behind a link; the agent at work."""
    system = dock.system
    system.run(
        "sh", "-c", "mkdir /data && mount -t tmpfs tmpfs /data && install -d -o dockd -g dockd -m 700 /data/spool"
    )
    system.run("sh", "-c", f"mv {STATE} /data/state && ln -s /data/state {STATE}")
    system.path(TOML).write_text(CONFIGURATION.replace("[spool]", '[spool]\npath = "/data/spool"'))
    system.run("sh", "-c", f"mv {STATE}/spool/* /data/spool/")
    dock.command("check-config")
    with dock.agent():
        kept = dict.fromkeys(path.name for path in system.path("/data/spool").iterdir())
        assert len(kept) >= 4
        system.run(*APT, "purge", "dockd")
        assert dict.fromkeys(path.name for path in system.path("/data/spool").iterdir()) == kept
    assert system.path(STATE).is_symlink()
    assert {"ledger.db", "keys", "access.db"} <= {path.name for path in system.path("/data/state").iterdir()}


def test_a_configuration_behind_a_link(dock: Dock) -> None:
    """Upgraded, it stays what it is; purged, what it said is kept, whatever dpkg does with the file that it led to."""
    system = dock.system
    system.run("sh", "-c", f"mkdir /srv/site && mv {TOML} /srv/site/dockd.toml && ln -s /srv/site/dockd.toml {TOML}")
    history = dock.history()
    system.run(*APT, "install", "/root/dockd.deb")
    assert system.path(TOML).is_symlink()
    assert system.path("/srv/site/dockd.toml").read_text() == CONFIGURATION
    system.run(*APT, "purge", "dockd")
    kept = system.path(f"{TOML}.kept")
    assert (kept.is_symlink(), kept.read_text()) == (False, CONFIGURATION)
    system.run(*APT, "install", "/root/dockd.deb")
    system.run("mv", f"{TOML}.kept", TOML)
    dock.goes_on(after=history)


def test_an_older_package_in_a_newer_one_s_place(dock: Dock) -> None:
    treasure, history = dock.treasure(), dock.history()
    dock.system.run(*APT, "install", "/root/dockd.deb")
    dock.system.run(*APT, "--allow-downgrades", "install", "/root/older.deb")
    assert dock.system.run("dpkg-query", "--show", "--showformat=${Version}", "dockd").out == OLDER
    assert dock.treasure() == treasure
    dock.goes_on(after=history)


def test_every_script_once_more_changes_nothing(dock: Dock) -> None:
    system = dock.system
    system.run(*APT, "install", "/root/dockd.deb")
    treasure = dock.treasure()
    system.run("dpkg-reconfigure", "dockd")
    for words in (
        "postinst configure",
        "postinst configure 0.0.1",
        "prerm remove",
        "prerm remove",
        "postrm remove",
        "postrm remove",
    ):
        system.run("sh", "-c", f"DPKG_MAINTSCRIPT_PACKAGE=dockd /var/lib/dpkg/info/dockd.{words}")
    system.run(*APT, "install", "--reinstall", "/root/dockd.deb")
    assert dock.treasure() == treasure
    assert system.run("dpkg", "--verify", "dockd").out.split() == ["??5??????", "c", TOML]  # the site's own
    dock.command("check-config")


def test_a_user_of_that_name_with_another_number(dock: Dock) -> None:
    """Who was there before the package, without a group of that name; and files that are the old number's are told of."""
    system = dock.system
    system.run("dpkg", "--remove", "dockd")
    system.run("sh", "-c", "userdel dockd; groupdel dockd; useradd --uid 4242 --gid users --no-create-home dockd")
    said = system.run(*APT, "install", "/root/dockd.deb")
    assert system.run("id", "--user", "dockd").out == "4242\n"
    assert system.run("getent", "group", "dockd").out.startswith("dockd:")
    assert system.run("stat", "--format=%U", STATE).out == "dockd\n"
    assert "not everything in /var/lib/dockd belongs to the user dockd" in said.err
    system.run("chown", "-R", "dockd:dockd", STATE)
    assert "not everything" not in system.run("dpkg-reconfigure", "dockd").err
