"""Upgrade, removal, purge and what comes after: footage, record, keys, users and a changed configuration outlive every one of them."""

from __future__ import annotations

import pytest

from tests.package.dock import CONFIGURATION, Dock
from tests.package.packages import GONE, Packages

APT = ("apt-get", "--quiet", "--yes", "--no-install-recommends")
PROGRAM = "/usr/lib/dockd"


def test_an_upgrade_loses_nothing(dock: Dock, packages: Packages) -> None:
    treasure, history = dock.treasure(), dock.history()
    assert len(dock.spooled()) == 2
    assert any("access.db" in name for name in treasure)
    assert any("/keys/" in name for name in treasure)
    assert len([entry for entry in history if '"segment.confirmed"' in entry]) == 3
    assert dock.system.path(f"/{GONE}").is_file()
    dock.system.run(*APT, "install", "/root/dockd.deb")
    assert (
        dock.system.run("dpkg-query", "--show", "--showformat=${Version} ${Status}", "dockd").out
        == f"{packages.version} install ok installed"
    )
    assert dock.treasure() == treasure
    assert dock.history() == history
    # A changed conffile stays, and nobody is asked about it where the package's own has not changed.
    assert dock.system.path("/etc/dockd/dockd.toml").read_text() == CONFIGURATION
    assert not list(dock.system.path("/etc/dockd").glob("*.dpkg-*"))
    # Nothing is left of a module that the newer version does not have, compiled or not.
    assert not list(dock.system.path(PROGRAM).rglob("gone*"))
    dock.goes_on(after=history)


def test_a_newer_shipped_configuration_does_not_take_the_place_of_the_site_s(dock: Dock) -> None:
    """As apt is told for machines that nobody sits at; what the package would have put there lies beside it."""
    system = dock.system
    system.run(
        "sh",
        "-c",
        "cd /root && dpkg-deb --raw-extract dockd.deb tree && echo '# one line more' >> tree/etc/dockd/dockd.toml",
    )
    system.run(
        "sh", "-c", "cd /root && rm -f tree/DEBIAN/md5sums && dpkg-deb -Zgzip -z1 --build tree newer.deb && rm -r tree"
    )
    system.run(*APT, "-o", "Dpkg::Options::=--force-confold", "install", "/root/newer.deb")
    assert system.path("/etc/dockd/dockd.toml").read_text() == CONFIGURATION
    assert system.path("/etc/dockd/dockd.toml.dpkg-dist").read_text().endswith("# one line more\n")


def test_removed_and_installed_again_it_goes_on(dock: Dock) -> None:
    treasure, history = dock.treasure(), dock.history()
    dock.system.run(*APT, "install", "/root/dockd.deb")
    dock.system.run("dockd", "--help")  # as root, who may compile what is missing
    dock.system.run(*APT, "remove", "dockd")
    assert not dock.system.path(PROGRAM).exists(), list(dock.system.path(PROGRAM).rglob("*"))
    assert not dock.system.path("/usr/bin/dockd").exists()
    assert dock.treasure() == treasure
    assert dock.system.path("/etc/dockd/dockd.toml").read_text() == CONFIGURATION
    dock.system.run(*APT, "install", "/root/dockd.deb")
    assert not dock.system.path("/etc/dockd/dockd.toml.kept").exists()
    dock.goes_on(after=history)


@pytest.mark.package_short
def test_a_purge_takes_no_footage_no_record_and_no_key(dock: Dock) -> None:
    system = dock.system
    system.run(*APT, "install", "/root/dockd.deb")
    treasure, history = dock.treasure(), dock.history()
    system.path("/etc/dockd/cameras.csv").write_text("camera,assigned_to,note\nC3441,PC 1204,\n")
    said = system.run(*APT, "purge", "dockd")
    assert "To take the dock out of service for good" in said.err
    assert dock.treasure() == treasure
    assert system.run("id", "--user", "--name", "dockd").out == "dockd\n"
    etc = system.path("/etc/dockd")
    assert sorted(path.name for path in etc.iterdir()) == ["cameras.csv", "dockd.toml.kept"]
    assert (etc / "dockd.toml.kept").read_text() == CONFIGURATION
    assert not system.path("/etc/systemd/system/multi-user.target.wants/dockd.service").is_symlink()
    again = system.run(*APT, "install", "/root/dockd.deb")
    assert "/etc/dockd/dockd.toml.kept" in again.err
    system.run("mv", "/etc/dockd/dockd.toml.kept", "/etc/dockd/dockd.toml")
    dock.goes_on(after=history)


def test_a_purge_after_a_removal_keeps_the_configuration_as_it_was_then(dock: Dock) -> None:
    system = dock.system
    system.run(*APT, "remove", "dockd")
    system.run("sh", "-c", "echo '# after the removal' >> /etc/dockd/dockd.toml")
    system.run(*APT, "purge", "dockd")
    assert system.path("/etc/dockd/dockd.toml.kept").read_text() == CONFIGURATION + "# after the removal\n"


def test_what_was_never_used_is_gone_after_a_purge(dock: Dock) -> None:
    system = dock.system
    system.run(
        "sh", "-c", "rm -r /var/lib/dockd && dpkg --force-confnew --force-confmiss --purge dockd; rm -rf /etc/dockd"
    )
    system.run(*APT, "install", "/root/dockd.deb")
    said = system.run(*APT, "purge", "dockd")
    assert "kept" not in said.err
    for folder in ("/var/lib/dockd", "/etc/dockd", "/var/log/dockd", PROGRAM, "/usr/share/dockd"):
        assert not system.path(folder).exists(), folder
