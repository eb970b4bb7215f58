# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
#
# The QEMUs that the series is for.  Each has a folder in bases/, and bases/default
# names the one that is taken if none is asked for.  A build folder is for one
# base, which its file .base names.

bases=$(dirname "${BASH_SOURCE[0]}")/../../bases
bases=$(realpath "$bases")

# base_build_dir [NAME]: print the build folder of a base
base_build_dir() {
    local default name

    default=$(cat "$bases/default")
    name=${1:-$default}
    if [ ! -e "$bases/$name/base" ]; then
        echo "There is no base $name; there are" \
             "$(cd "$bases" && echo */ | tr -d /)" >&2
        return 1
    fi
    if [ "$name" = "$default" ]; then
        echo "${bases%/*}/build"
    else
        echo "${bases%/*}/build-$name"
    fi
}

# base_set BUILD_DIR [NAME]: say for which base a new build folder is
base_set() {
    local name=${2:-$(cat "$bases/default")}

    mkdir -p "$1"
    if [ ! -e "$1/.base" ]; then
        echo "$name" > "$1/.base"
    elif [ "$name" != "$(cat "$1/.base")" ]; then
        echo "$1 is for QEMU $(cat "$1/.base"): remove it, or give" \
             "--base $(cat "$1/.base")" >&2
        return 1
    fi
}

# base_load BUILD_DIR: leave in $base_* what is known of its base
base_load() {
    local suite tested match meson=

    [ -e "$1/.base" ] || base_set "$1"
    base_name=$(cat "$1/.base")
    base_dir=$bases/$base_name
    # shellcheck disable=SC1091
    . "$base_dir/base"
    # shellcheck disable=SC2034 # for those who source this
    {
        base_patches=$base_dir/patches
        base_suite=$suite
        base_tested=$tested
        base_match=$match
        base_meson=$meson
    }
}

# base_options: print the options of configure, one a line
base_options() {
    sed -E '/^\s*(#|$)/d' "$base_dir/options"
}
