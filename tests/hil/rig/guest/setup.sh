#!/bin/sh
# Run by mmdebstrap on the finished tree ($1), from the folder of this file: makes it a guest of the rig.
set -eu
root=$1
here=$(cd "$(dirname "$0")" && pwd)

install -m 755 "$here/channel.py" "$root/usr/local/sbin/dockd-hil-channel"
install -m 644 "$here/dockd-hil-channel.service" "$root/etc/systemd/system/"
chroot "$root" systemctl enable dockd-hil-channel.service
chroot "$root" systemctl set-default multi-user.target

echo dockd-rig > "$root/etc/hostname"
: > "$root/etc/fstab"
# A machine id from the start: without one each boot counts as the first and sets up every unit anew.
echo 6f6e6520706173732069742074776963 > "$root/etc/machine-id"
# The journal stays in memory, so that nothing but the test writes to the root disk.
mkdir -p "$root/etc/systemd/journald.conf.d"
printf '[Journal]\nStorage=volatile\nRuntimeMaxUse=16M\n' > "$root/etc/systemd/journald.conf.d/rig.conf"
for unit in apt-daily.timer apt-daily-upgrade.timer dpkg-db-backup.timer e2scrub_all.timer e2scrub_reap.service \
            fstrim.timer getty@tty1.service serial-getty@ttyS0.service systemd-timesyncd.service; do
  chroot "$root" systemctl mask "$unit" > /dev/null 2>&1 || true
done
rm -rf "$root"/var/cache/apt/archives/*.deb "$root"/var/lib/apt/lists/*
# Whom the agent runs as; the helper that mounts is root's.
chroot "$root" useradd --system --user-group --no-create-home --shell /usr/sbin/nologin dockd
