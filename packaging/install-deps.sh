#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# install-deps.sh [SECTION...]: install what the list of this distribution
# names and the machine lacks (sections build, run, test; all by default).
# Says what and why before anything is done, uses sudo only when not root, and
# leaves the package manager alone when nothing is missing. NO_INSTALL=1: only
# says what is missing.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
sections=${*:-build run test}

distribution() {
    # shellcheck disable=SC1091
    . /etc/os-release
    case "$ID" in
        debian) echo "debian-${VERSION_ID:-13}" ;;
        *) echo "$ID" ;;
    esac
}

# Lines "package<TAB>why" of the wanted sections.
wanted() {
    awk -v sections=" $sections " '
        /^#/ || NF == 0 { next }
        /^\[/ { name = substr($1, 2, length($1) - 2)
                on = index(sections, " " name " "); next }
        on { why = $0; sub(/^[^#]*# */, "", why); print $1 "\t" why }' "$1"
}

installed() {
    case "$name" in
        debian-*)
            [ "$(dpkg-query -W -f='${db:Status-Status}' "$1" 2>/dev/null)" = \
                installed ]
            ;;
        *) rpm -q --whatprovides "$1" >/dev/null 2>&1 ;;
    esac
}

as_root() {
    if [ "$(id -u)" = 0 ]; then
        "$@"
    else
        sudo "$@"
    fi
}

install() {
    case "$name" in
        debian-*)
            as_root apt-get -q update
            as_root env DEBIAN_FRONTEND=noninteractive apt-get -q -y \
                --no-install-recommends install "$@"
            ;;
        *) as_root dnf -y --setopt=install_weak_deps=False install "$@" ;;
    esac
}

name=$(distribution)
list="$here/$name.txt"
if [ ! -r "$list" ]; then
    echo "No package list for '$name': install what packaging/debian-13.txt" \
        "names under your distribution's names, then run make again." >&2
    exit 0
fi

missing=$(wanted "$list" | while IFS="$(printf '\t')" read -r package why; do
    installed "$package" || printf '%s\t%s\n' "$package" "$why"
done)
if [ -z "$missing" ]; then
    echo "Every package that is needed is installed."
    exit 0
fi

echo "Missing packages ($name):"
echo "$missing" | awk -F '\t' '{ printf "  %-26s %s\n", $1, $2 }'
if [ -n "${NO_INSTALL:-}" ]; then
    echo "NO_INSTALL is set: nothing is installed."
    exit 0
fi
echo "Installing them with the package manager$(
    [ "$(id -u)" = 0 ] || echo ' (through sudo)')."
# Package names hold no spaces: word splitting is wanted.
# shellcheck disable=SC2046
install $(echo "$missing" | cut -f 1)
