# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
#
# How QEMU is configured.  For scripts that set $build and source this:
# $configure_options and the environment.

# QEMU's configure takes the first python3, which has to be Debian's.
export PATH=/usr/bin:/bin:/usr/sbin:/sbin

# Each feature is named, so that what is built, and with it what the tests
# find, does not depend on which libraries a machine happens to have.
# shellcheck disable=SC2034
configure_options=(
    --meson=/usr/bin/meson
    --target-list=x86_64-softmmu
    # The source package has no firmware; these are Debian's folders for it.
    # link_firmware() of build-qemu has the other half.
    --firmwarepath=/usr/share/qemu:/usr/share/seabios:/usr/lib/ipxe/qemu
    --without-default-features
    --enable-werror
    # It takes a fifth of the time and most of the disk space of a build
    --disable-debug-info
    --enable-tcg --enable-kvm --enable-tools --enable-fdt=system
    --enable-linux-aio --enable-linux-io-uring
    --enable-vhost-user --enable-vhost-user-blk-server
    --enable-bochs --enable-cloop --enable-dmg --enable-parallels
    --enable-qcow1 --enable-qed --enable-vdi --enable-vvfat
    --enable-replication --enable-live-block-migration
    --enable-gnutls --enable-zstd
    --enable-avx2 --enable-malloc-trim
)
if command -v ccache > /dev/null; then
    configure_options+=('--cc=ccache gcc')
    # One cache for clones in different folders
    export CCACHE_BASEDIR="${CCACHE_BASEDIR-$build}"
    export CCACHE_NOHASHDIR="${CCACHE_NOHASHDIR-1}"
    # gcc lists the headers anyway.  To preprocess each file just to look it up
    # makes a first build take half as long again.
    export CCACHE_DEPEND="${CCACHE_DEPEND-1}"
fi
