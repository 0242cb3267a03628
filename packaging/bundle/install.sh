#!/bin/sh
# Install dockd on this Debian 12 machine from this folder alone: no network, and no package source of the machine's own is used.
# What is installed already stays as it is. Run again at any time, also for a newer bundle: that is an upgrade.
set -eu

here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd -P)
fail() {
    echo "install.sh: $*" >&2
    exit 1
}

[ "$(id -u)" -eq 0 ] || fail "this has to be root: sudo sh $0"
[ "$(dpkg --print-architecture)" = amd64 ] || fail "this bundle is for amd64, and this machine is $(dpkg --print-architecture)"
release=$(. /etc/os-release && echo "${VERSION_CODENAME:-}")
[ "$release" = bookworm ] || fail "this bundle is for Debian 12 (bookworm), and this machine runs ${release:-something else}"
(cd "$here" && sha256sum --check --quiet --strict SHA256SUMS) || fail "files have changed since the bundle was made: fetch it again"

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
ln -s "$here/packages" "$work/packages"
mkdir -p "$work/lists/partial" "$work/cache/archives/partial"
echo "deb [trusted=yes] file:$work/packages ./" > "$work/sources.list"

from_here() {
    apt-get --quiet --quiet -o Dir::Etc::SourceList="$work/sources.list" -o Dir::Etc::SourceParts=/dev/null \
        -o Dir::State::Lists="$work/lists" -o Dir::Cache="$work/cache" -o APT::Sandbox::User=root -o Acquire::Languages=none "$@"
}

from_here update
# A changed configuration file stays as it is; what the new package would put there lies beside it, as .dpkg-dist.
DEBIAN_FRONTEND=noninteractive from_here install --yes --no-install-recommends -o Dpkg::Options::=--force-confold dockd
dockd --version
