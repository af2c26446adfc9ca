#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# make demo: from nothing to hot-plugged disks. Installs what is missing,
# builds, starts a berthd of its own with throw-away certificates and takes a
# VM through its disks' life; each step prints the command that did it.
# URI=qemu:///system make demo uses this host's libvirt. Whatever happens,
# nothing is left running and no file stays.
set -eu

cd "$(dirname "$0")/../.."
BUILD=${BUILD:-build}
tmp=
berthd=
demo_vm=

# --- the frame ---------------------------------------------------------------

say() {
    if [ -t 1 ]; then
        printf '\n\033[1m%s\033[0m\n' "$*"
    else
        printf '\n%s\n' "$*"
    fi
}

# "berthctl" in the printed commands stands for this one.
ctl() {
    "$BUILD/berthctl" --connect "localhost:$port" --ca "$tmp/tls/ca.pem" \
        --cert "$tmp/tls/client.pem" --key "$tmp/tls/client.key" "$@"
}

# Print a command, run it, print what it says.
step() {
    printf '$ berthctl %s\n' "$*"
    ctl "$@"
}

fail() {
    echo "make demo: $*" >&2
    exit 1
}

# QEMU and its helpers name the temporary directory in their command line:
# nobody else's process can.
leftovers() {
    for process in /proc/[0-9]*; do
        pid=${process#/proc/}
        [ "$pid" != $$ ] || continue
        # It may have ended meanwhile: then there is nothing to read.
        { tr '\0' ' ' <"$process/cmdline"; } 2>/dev/null |
            grep -qF "$tmp/" && echo "$pid"
    done
    return 0
}

clean_up() {
    status=$?
    trap - EXIT
    trap '' INT TERM HUP
    if [ -n "$demo_vm" ] && kill -0 "$berthd" 2>/dev/null; then
        ctl vm destroy "$demo_vm" >/dev/null 2>&1 || :
        ctl vm delete "$demo_vm" >/dev/null 2>&1 || :
    fi
    if [ -n "$berthd" ]; then
        kill "$berthd" 2>/dev/null || :
        wait "$berthd" 2>/dev/null || :
    fi
    if [ -n "$tmp" ]; then
        [ "$status" = 0 ] || [ ! -s "$tmp/berthd.log" ] || {
            echo "make demo: the last lines of berthd's log:" >&2
            tail -n 20 "$tmp/berthd.log" >&2
        }
        for pid in $(leftovers); do
            kill -9 "$pid" 2>/dev/null || :
        done
        rm -rf "$tmp"
    fi
    exit "$status"
}

# --- what it needs -----------------------------------------------------------

prepare() {
    say "Packages and build"
    packaging/install-deps.sh build run
    ${MAKE:-make} -s -j2 all
    # Not /tmp: disk images are opened past the page cache, which a tmpfs of
    # an older kernel refuses. QEMU's own user must be able to enter it.
    tmp=$(mktemp -d /var/tmp/berth-demo.XXXXXX)
    chmod 755 "$tmp"
    mkdir "$tmp/images" "$tmp/root" "$tmp/root/etc"
    tests/lib/make-certs "$tmp/tls"
}

# Files that libvirt keeps beside its root do not go to the user's home. And
# it asks QEMU anew at every turn (4 s each) where /dev/kvm is there but closed
# to the user that QEMU runs as: then QEMU runs as root in the demo.
tune_embedded() {
    for name in CACHE_HOME CONFIG_HOME DATA_HOME STATE_HOME RUNTIME_DIR; do
        export "XDG_$name=$tmp/xdg"
    done
    [ "$(id -u)" = 0 ] && [ -e /dev/kvm ] || return 0
    group=$(stat -c '%a %G' /dev/kvm)
    case $group in
    *[67]\ *|?[67]?\ kvm) ;;
    *)
        printf '%s\n' 'stdio_handler = "file"' 'user = "root"' \
            'group = "root"' >>"$tmp/root/etc/qemu.conf"
        ;;
    esac
}

start_berthd() {
    cat >"$tmp/berth.conf" <<EOF
[listen]
tls = 127.0.0.1:0
socket = $tmp/berthd.sock
socket_group =
[tls]
cert = $tmp/tls/server.pem
key = $tmp/tls/server.key
ca = $tmp/tls/ca.pem
[hypervisor local]
uri = $URI
[paths]
images = $tmp/images
[state]
dir = $tmp/state
[peer engine]
match = cn:engine-1
roles = DataCenterAdmin
EOF
    "$BUILD/berthd" -c "$tmp/berth.conf" >"$tmp/berthd.log" 2>&1 &
    berthd=$!
    tries=0
    until port=$(sed -n 's/.*listening on TLS 127\.0\.0\.1:\([0-9]*\).*/\1/p' \
        "$tmp/berthd.log") && [ -n "$port" ]; do
        kill -0 "$berthd" 2>/dev/null || fail "berthd did not start"
        tries=$((tries + 1))
        [ "$tries" -lt 300 ] || fail "berthd does not listen"
        sleep 0.1
    done
}

address_of() { # DISK
    ctl -o json disk show "$vm" "$1" | tr -d ' \n' |
        sed -n 's/.*"address":\({[^}]*}\).*/\1/p'
}

same() { # WHAT BEFORE AFTER
    [ -n "$2" ] || fail "$1 has no address"
    [ "$2" = "$3" ] || fail "$1 moved from $2 to $3"
    echo "=> $1 has the same address as before."
}

# --- the show ----------------------------------------------------------------

trap clean_up EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP
vm=demo
prepare
if [ -z "${URI:-}" ]; then
    URI="qemu:///embed?root=$tmp/root"
    tune_embedded
else
    vm=demo-$$ # this host may have a VM "demo"
fi

say "berthd starts on $URI and listens for mutual TLS"
start_berthd
echo "berthd runs as process $berthd; \"berthctl\" below stands for:"
echo "  $BUILD/berthctl --connect localhost:$port --ca $tmp/tls/ca.pem \\"
echo "      --cert $tmp/tls/client.pem --key $tmp/tls/client.key"
step host status

say "A VM: q35, with a virtio-scsi controller that has its own fixed address"
demo_vm=$vm
step vm create "$vm" --memory 256M --vcpus 1

say "A first disk while the VM is off (a cold plug): it waits in the definition"
step disk add "$vm" "$tmp/images/system.qcow2" --size 2G --format qcow2 \
    --serial system

say "The VM starts; paused, for its disk holds no operating system"
step vm start "$vm" --paused

say "Two more disks while it runs (hot plug): each lands on the next unit"
step disk add "$vm" "$tmp/images/data.qcow2" --size 1G --format qcow2 \
    --serial data
step disk add "$vm" "$tmp/images/log.qcow2" --size 1G --format qcow2 \
    --serial log

say "All disks, and where they sit in the VM"
step disk ls "$vm"
step vm topology "$vm"
before=$(address_of data)

say "Unplug one: it is out of the VM, and its place is kept"
step disk unplug "$vm" data
step disk ls "$vm"

say "Plug it again"
step disk plug "$vm" data
step disk ls "$vm"
same "data" "$before" "$(address_of data)"

say "Stop the VM and start it again"
step vm destroy "$vm"
step vm start "$vm" --paused
step disk ls "$vm"
step vm topology "$vm"
same "data" "$before" "$(address_of data)"

say "Clean up"
step vm destroy "$vm"
step vm delete "$vm"
demo_vm=
echo
echo "That was all of it. Nothing is left running; README.md goes on from here."
