#!/bin/sh
# Run by mmdebstrap on the finished tree: makes it an appliance as Debian's installer leaves it, with one network card, and nothing of dockd's.
#   setup.sh ROOT CHANNEL POOL PACKAGE...
# CHANNEL: the rig's program, through which commands come in. POOL: a folder for what apt will ask for later, in place of the network.
set -eu
root=$1 channel=$2 pool=$3
shift 3
here=$(cd "$(dirname "$0")" && pwd)

# The rig's Python is its own, and nobody else's: what dockd needs, apt has to bring.
install -d "$root/opt/rig/debs"
chroot "$root" sh -eu -c 'cd /opt/rig/debs
    apt-get --quiet --quiet -o APT::Sandbox::User=root download python3.11-minimal libpython3.11-minimal libpython3.11-stdlib libexpat1
    for deb in *.deb; do dpkg-deb --extract "$deb" /opt/rig; done'
rm -r "$root/opt/rig/debs"
install -m 755 "$channel" "$root/opt/rig/channel"
install -m 644 "$here/rig-channel.service" "$root/etc/systemd/system/"
chroot "$root" systemctl enable rig-channel.service

# What apt would fetch, recommended packages too, as it does where nobody says otherwise.
rm -f "$root"/var/cache/apt/archives/*.deb
chroot "$root" apt-get --quiet --quiet --yes --download-only install "$@"
mv "$root"/var/cache/apt/archives/*.deb "$pool/"
rm -rf "$root"/var/lib/apt/lists/* "$root"/etc/apt/sources.list.d/*
echo 'deb [trusted=yes] file:/mnt/source/pool ./' > "$root/etc/apt/sources.list"

echo dock1 > "$root/etc/hostname"
cat > "$root/etc/hosts" <<'HOSTS'
127.0.0.1 localhost
127.0.1.1 dock1.north.example.org dock1
10.78.0.1 store.example.org loghost.example.org
HOSTS
cat > "$root/etc/network/interfaces" <<'INTERFACES'
auto lo eth0
iface lo inet loopback
iface eth0 inet static
    address 10.78.0.2/24
INTERFACES
: > "$root/etc/fstab"
# An appliance that has been set up has an id; without one each boot would count as the first.
echo 6f6e65207261636b20696e206e6f7274 > "$root/etc/machine-id"
# There is no network for them, and one of them would hold apt's lock.
for unit in apt-daily.timer apt-daily-upgrade.timer; do
    chroot "$root" systemctl mask --quiet "$unit"
done
