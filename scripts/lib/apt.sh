# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
#
# Debian's archive through a private apt configuration: the mirrors that the
# machine is configured with, other suites, nothing of the system changed.

debian_keyring=/usr/share/keyrings/debian-archive-keyring.gpg
debian_releases='bookworm|trixie|forky|sid|oldoldstable|oldstable|stable|testing'
debian_releases+='|unstable'

# Print "URI suite-suffix" for each configured entry of a Debian release
# (suffix: '', '-updates' or '-security').  apt itself reads the
# configuration, so every form that it knows is understood.  An entry that is
# somebody else's may slip through; Debian's key keeps its packages out.
debian_mirrors() {
    # shellcheck disable=SC2016 # apt expands these
    apt-get indextargets --no-release-info --format \
        '$(REPO_URI) $(RELEASE) $(COMPONENT)' "Created-By: Packages" |
        sed -nE "s/^(\S+) ($debian_releases)(|-updates|-security) main\$/\1 \3/p" |
        sort -u
}

# debian_sources SUITE: print the sources file for SUITE of the same mirrors,
# which is either a release, then with its updates, or bookworm-backports and the
# like.
debian_sources() {
    local suite=$1 uri suffix

    debian_mirrors | while read -r uri suffix; do
        if [ -n "$suffix" ] && [ "$suite" != "${suite%-*}" ]; then
            continue
        fi
        printf 'Types: deb deb-src\nURIs: %s\nSuites: %s\n' \
            "$uri" "$suite$suffix"
        printf 'Components: main\nSigned-By: %s\n\n' "$debian_keyring"
    done
}

# debian_apt_setup BUILD_DIR SUITE: make the private configuration for SUITE,
# fetch its package lists, and leave the options for apt in $debian_apt.
#
# An entry that cannot be reached does not matter as long as another has what
# is asked for, so the caller's download decides, not `apt-get update`.
debian_apt_setup() {
    local dir=$1/apt/$2 suite=$2

    mkdir -p "$dir/sources.d" "$dir/lists/partial" "$dir/cache/archives/partial"
    exec {debian_apt_lock}>"$dir/lock"
    flock "$debian_apt_lock"

    debian_sources "$suite" > "$dir/sources.d/debian.sources"
    if [ ! -s "$dir/sources.d/debian.sources" ]; then
        echo "No entry of a Debian release with component main is configured" \
             "in /etc/apt, so there is no mirror to get $suite from" >&2
        return 1
    fi

    cat > "$dir/apt.conf" <<CONF
Dir::Etc::sourcelist "/dev/null";
Dir::Etc::sourceparts "$dir/sources.d";
Dir::Etc::preferences "/dev/null";
Dir::Etc::preferencesparts "/dev/null";
Dir::State::lists "$dir/lists";
Dir::Cache "$dir/cache";
Acquire::Languages "none";
Acquire::Retries "2";
Acquire::http::Timeout "30";
APT::Sandbox::User "root";
#clear APT::Default-Release;
#clear APT::Update::Post-Invoke;
#clear APT::Update::Post-Invoke-Success;
CONF
    debian_apt=(-c "$dir/apt.conf")

    echo "Reading the package lists of $suite" >&2
    apt-get "${debian_apt[@]}" -qq update >&2 || true
}

# The newest version of QEMU's source there; nothing if there is none
debian_qemu_version() {
    { apt-cache "${debian_apt[@]}" showsrc --only-source qemu || true; } |
        sed -n 's/^Version: //p' | sort -V | tail -n 1
}
