"""A bare appliance: Debian 12 as its installer leaves it (priorities required and important, a kernel, one network card), and a pool of packages for its apt.

Rules kept here: nothing that dockd needs is in it for dockd's sake, not even Python: apt has to bring it. What apt will be asked for is fetched once, with the image, so
that the test itself reaches for no network. Both are named by what they were built from, and built anew when that changes (a minute or two).
"""

from __future__ import annotations

import os
import re
import shlex
from dataclasses import dataclass
from pathlib import Path

from tests.hil.rig.guest_build import INITRD_MODULES, SUITE, GuestImage
from tests.hil.rig.places import GUEST_FILES, built_once, key_of, state_folder
from tests.hil.rig.shell import host

HERE = Path(__file__).parent
CHANNEL = GUEST_FILES / "channel.py"
VARIANT = "important"
# Beyond what priority important brings: what every installed system has.
SYSTEM = ("linux-image-amd64", "initramfs-tools", "systemd-sysv", "dbus")
# What docs/logs.md has the operator install.
SHIPPER = ("rsyslog", "rsyslog-relp", "rsyslog-gnutls")
ROOT_SIZE = 16 << 30  # sparse
_NAME = re.compile(r"[a-z0-9][a-z0-9+.-]+")


@dataclass(frozen=True, kw_only=True)
class BareAppliance:
    """`pool` is a folder that apt can be pointed at."""

    image: GuestImage
    pool: Path


def bare_appliance(deb: Path) -> BareAppliance:
    """It, with what `deb` asks for in the pool. Raises HostCommandFailed (no network, no disk, no root)."""
    asked = sorted(needed(deb) | set(SHIPPER))
    inputs = [
        " ".join((VARIANT, SUITE, *SYSTEM, *asked, *INITRD_MODULES, str(ROOT_SIZE))).encode(),
        CHANNEL.read_bytes(),
    ]
    inputs += [path.read_bytes() for path in sorted((HERE / "guest").iterdir())]
    key = key_of(inputs)
    folder = state_folder() / f"appliance-{key}"
    with built_once(folder) as building:
        if building is not None:
            _build(building, asked)
    return BareAppliance(image=GuestImage(folder=folder, key=key), pool=folder / "pool")


def needed(deb: Path) -> set[str]:
    """The names of what a package depends on and recommends, the first where it lets one choose."""
    fields = host("dpkg-deb", "--field", deb, "Depends", "Recommends")
    clauses = ",".join(line.partition(":")[2] for line in fields.splitlines())
    return {found[0] for clause in clauses.split(",") if (found := _NAME.findall(clause))}


def _build(folder: Path, asked: list[str]) -> None:
    tree, pool = folder / "tree", folder / "pool"
    pool.mkdir()
    modules = "".join(f"{module}\n" for module in INITRD_MODULES)
    initramfs = '"$1/etc/initramfs-tools'
    prepare = (
        f'mkdir -p {initramfs}/conf.d" && printf "MODULES=list\\nCOMPRESS=zstd\\n" > {initramfs}/conf.d/rig"'
        f' && printf %s {shlex.quote(modules)} > {initramfs}/modules"'
    )
    setup = shlex.quote(str(HERE / "guest" / "setup.sh"))
    rest = " ".join(map(shlex.quote, (str(CHANNEL), str(pool), *asked)))
    mirror = [os.environ["DOCKD_HIL_MIRROR"]] if "DOCKD_HIL_MIRROR" in os.environ else []
    host(
        "mmdebstrap",
        f"--variant={VARIANT}",
        f"--include={','.join(SYSTEM)}",
        f"--essential-hook={prepare}",
        f'--customize-hook={setup} "$1" {rest}',
        SUITE,
        tree,
        *mirror,
        environment={name: os.environ[name] for name in ("http_proxy", "https_proxy") if name in os.environ},
        timeout=1500,
    )
    (pool / "Packages").write_text(
        host("sh", "-c", f"cd {shlex.quote(str(pool))} && dpkg-scanpackages --multiversion .")
    )
    next(tree.glob("boot/vmlinuz-*")).rename(folder / "vmlinuz")
    next(tree.glob("boot/initrd.img-*")).rename(folder / "initrd.img")
    image = folder / "root.ext4"
    with image.open("wb") as file:
        file.truncate(ROOT_SIZE)
    host("mkfs.ext4", "-q", "-F", "-L", "appliance", "-d", tree, image, timeout=300)
    host("rm", "-rf", "--one-file-system", tree)
