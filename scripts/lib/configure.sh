# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
#
# How QEMU is configured.  For scripts that have set $top and $build, called
# base_load, and source this: $configure_options and the environment.
# shellcheck disable=SC2154 # variables of base.sh

# QEMU's configure takes the first python3, which has to be Debian's.
export PATH=/usr/bin:/bin:/usr/sbin:/sbin

# A base may ask for a newer meson than this Debian has: that of its backports.
if [ -n "$base_meson" ] &&
   ! dpkg --compare-versions "$(meson --version)" ge "$base_meson"; then
    if [ ! -e "$build/meson" ]; then
        mkdir -p "$build/meson.new"
        dpkg -x "$(BUILD_DIR=$build "$top/scripts/fetch-deb" \
                       bookworm-backports meson)" "$build/meson.new"
        mv -T "$build/meson.new" "$build/meson"
    fi
    export PATH=$build/meson/usr/bin:$PATH
    export PYTHONPATH=$build/meson/usr/lib/python3/dist-packages
fi

# shellcheck disable=SC2034
mapfile -t configure_options < <(base_options)
if command -v ccache > /dev/null; then
    configure_options+=('--cc=ccache gcc')
    # One cache for clones in different folders
    export CCACHE_BASEDIR="${CCACHE_BASEDIR-$build}"
    export CCACHE_NOHASHDIR="${CCACHE_NOHASHDIR-1}"
    # gcc lists the headers anyway.  To preprocess each file just to look it up
    # makes a first build take half as long again.
    export CCACHE_DEPEND="${CCACHE_DEPEND-1}"
fi
