# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
#
# Folders with a Debian of their own, made from the mirror that this machine is
# configured with.  For scripts that run as root and have sourced apt.sh.
# shellcheck disable=SC2154 # variables of apt.sh

# How apt of this machine reaches its mirror: proxies, certificates and the like
apt_transport() {
    apt-config dump | grep -E '^Acquire::(https?|Check-[A-Za-z-]*)(::| )' || true
}

# chroot_make ROOT SUITE: the least that a Debian can be
chroot_make() {
    local root=$1 suite=$2 uri

    uri=$(debian_mirrors | sed -n 's/ $//p' | head -n 1)
    if [ -z "$uri" ]; then
        echo "No entry of a Debian release with component main is configured" \
             "in /etc/apt" >&2
        return 1
    fi
    rm -rf "$root.new"
    debootstrap --variant=minbase --keyring="$debian_keyring" \
        --include=ca-certificates "$suite" "$root.new" "$uri"
    rm -f "$root.new/etc/apt/sources.list"
    debian_sources "$suite" \
        > "$root.new/etc/apt/sources.list.d/debian.sources"
    apt_transport > "$root.new/etc/apt/apt.conf.d/90host"
    # Nothing that is installed there is to be started
    printf '#!/bin/sh\nexit 101\n' > "$root.new/usr/sbin/policy-rc.d"
    chmod +x "$root.new/usr/sbin/policy-rc.d"
    # Nor does anything there have to outlast a crash of the machine
    echo force-unsafe-io > "$root.new/etc/dpkg/dpkg.cfg.d/unsafe-io"
    mv -T "$root.new" "$root"
}

# in_chroot ROOT [--bind FROM TO]... COMMAND...
#
# What is mounted for it, and what it leaves running, is gone afterwards.
in_chroot() {
    cp -L /etc/resolv.conf /etc/hosts "$1/etc/"
    # shellcheck disable=SC2016 # the inner shell expands it
    unshare --mount --pid --fork --kill-child bash -euc '
        root=$1
        shift
        mount -t proc proc "$root/proc"
        mount --rbind /dev "$root/dev"
        while [ "$1" = --bind ]; do
            mkdir -p "$root/$3"
            mount --bind "$2" "$root/$3"
            shift 3
        done
        exec env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root \
            LC_ALL=C.UTF-8 DEBIAN_FRONTEND=noninteractive \
            ${http_proxy:+http_proxy="$http_proxy"} \
            ${https_proxy:+https_proxy="$https_proxy"} \
            chroot "$root" "$@"' in_chroot "$@"
}

# chroot_install ROOT PACKAGE...
chroot_install() {
    local root=$1
    shift

    # An entry that cannot be reached does not matter if the rest has it all
    in_chroot "$root" apt-get -q update || true
    in_chroot "$root" apt-get -q install -y --no-install-recommends "$@"
}
