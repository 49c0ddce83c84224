#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# app/vhost-testpmd between two virtio-user guests (Debian's dpdk-testpmd), in io and in mac mode, and
# once more after both guests were killed. Fails if nothing arrives, if the wrong librte_vhost is
# loaded, or if the program does not end cleanly.
#
# usage: HV_LIB=DIR test/conform/vhost-testpmd.sh [PROGRAM]
#   HV_LIB   folder of the librte_vhost.so.23 to test; empty: the one of the system
#   PROGRAM  vhost-testpmd (default: the one built beside HV_LIB, else the one in build/)
set -u

here=$(cd "$(dirname "$0")" && pwd)
lib=${HV_LIB:-}
[ -n "$lib" ] && lib=$(realpath "$lib")
program=${1:-}
if [ -z "$program" ]; then
    program=$here/../../build/app/vhost-testpmd/vhost-testpmd
    [ -n "$lib" ] && program=$lib/../app/vhost-testpmd/vhost-testpmd
fi
program=$(realpath -m "$program")

work=$(mktemp -d /tmp/hvtXXXXXX)
pids=()
failed=0

cleanup() {
    local pid
    for pid in "${pids[@]}"; do
        kill -KILL "$pid" 2>/dev/null
    done
    wait 2>/dev/null
    rm -rf "$work"
}
trap cleanup EXIT
trap 'exit 1' INT TERM HUP

fail() {
    echo "FAIL: $*"
    failed=1
}

# A missing piece is a failure of the test, not a pass.
for needed in "$program" dpdk-testpmd; do
    if ! command -v "$needed" >/dev/null; then
        echo "FAIL: $needed not found"
        exit 1
    fi
done
system=$(ldconfig -p | awk '/librte_vhost\.so\.23 / { print $NF; exit }')
expected=$system
[ -n "$lib" ] && expected=$lib/librte_vhost.so.23
expected=$(realpath "$expected" 2>/dev/null)
if [ -z "$expected" ] || [ ! -f "$expected" ]; then
    echo "FAIL: no librte_vhost.so.23 in ${lib:-the system}"
    exit 1
fi

# Three processes of at most 256 MiB; without hugepages EAL backs its memory with one shared memfd.
free_kib=$(awk '/^HugePages_Free/ { n = $2 } /^Hugepagesize/ { s = $2 } END { print n * s }' \
    /proc/meminfo)
if [ "$free_kib" -ge $((3 * 256 * 1024)) ] && [ -w /dev/hugepages ]; then
    memory=(--in-memory -m 200)
    shared=(--in-memory -m 200 --single-file-segments)
else
    memory=(--no-huge -m 256)
    shared=("${memory[@]}")
fi
export RUNTIME_DIRECTORY=$work

mkfifo "$work/hold" "$work/console"
exec 8<>"$work/hold" 9<>"$work/console"

# wait_for SECONDS COMMAND...: until the command succeeds.
wait_for() {
    local tenths=$(($1 * 10))
    shift
    while ! "$@"; do
        tenths=$((tenths - 1))
        [ "$tenths" -gt 0 ] || return 1
        sleep 0.1
    done
}

gone() {
    ! kill -0 "$1" 2>/dev/null || [ "$(awk '{ print $3 }' "/proc/$1/stat" 2>/dev/null)" = Z ]
}

start_switch() {
    local mode=$1
    rm -f "$work/switch.log"
    env -u LD_PRELOAD LD_LIBRARY_PATH="${lib:-$(dirname "$system")}" "$program" \
        --lcores 0@0,1@0 --main-lcore 0 -n 1 --no-pci "${memory[@]}" --file-prefix "sw$$" \
        -- --ports 2 --socket-dir "$work" --fwd "$mode" --auto-start \
        <&9 >"$work/switch.log" 2>&1 &
    switch=$!
    pids+=("$switch")
    # the prompt comes after both sockets listen
    wait_for 60 grep -qs 'vhost-testpmd>' "$work/switch.log"
}

start_guest() {
    local n=$1
    env -u LD_LIBRARY_PATH -u LD_PRELOAD dpdk-testpmd --lcores 0@1,1@1 --main-lcore 0 -n 1 \
        --no-pci "${shared[@]}" --file-prefix "g$n-$$" \
        --vdev "net_virtio_user0,mac=02:00:00:00:00:0$n,path=$work/vhost$n.sock,queues=1" \
        -- --auto-start --tx-first --forward-mode=io --total-num-mbufs=8192 \
        <&8 >"$work/guest$n.log" 2>&1 &
    guests+=($!)
    pids+=($!)
}

# Packets that guest $1 was given, as the switch counts them.
sent_to() {
    awk -v port="$1" '/statistics of port/ { p = $5 + 0 } /TX-packets:/ && p == port { n = $2 }
        END { print n + 0 }' "$work/switch.log"
}

both_connected() {
    [ "$(grep -c 'USER1: port .: device .* started' "$work/switch.log")" -ge "$1" ]
}

# Both ports must have been given packets since the last time.
check_traffic() {
    local what=$1 port n
    echo 'clear port stats' >&9
    sleep 2
    echo 'show port stats all' >&9
    sleep 1
    for port in 0 1; do
        n=$(sent_to "$port")
        if [ "$n" -gt 0 ]; then
            echo "  $what: port $port was given $n packets in 2 s"
        else
            fail "$what: nothing was forwarded to port $port"
        fi
    done
}

check_library() {
    local found
    found=$(awk '/librte_vhost\.so/ { print $6 }' "/proc/$switch/maps" | sort -u)
    [ "$found" = "$expected" ] || fail "loaded is \"$found\", not $expected"
}

check_exit() {
    local what=$1 code
    kill -TERM "$switch"
    if ! wait_for 20 gone "$switch"; then
        fail "$what: still there 20 s after SIGTERM"
        return
    fi
    wait "$switch"
    code=$?
    [ "$code" -eq 0 ] || fail "$what: exit code $code"
    [ -z "$(find "$work" -name 'vhost*.sock')" ] || fail "$what: socket files were left"
}

stop_guests() {
    kill -KILL "${guests[@]}" 2>/dev/null
    wait "${guests[@]}" 2>/dev/null
    guests=()
}

run_mode() {
    local mode=$1
    guests=()
    if ! start_switch "$mode"; then
        fail "$mode: did not start"
        return
    fi
    check_library
    start_guest 0
    start_guest 1
    wait_for 60 both_connected 2 || fail "$mode: the guests did not connect"
    check_traffic "$mode"
    stop_guests
    start_guest 0
    start_guest 1
    wait_for 60 both_connected 4 || fail "$mode: the guests did not connect again"
    check_traffic "$mode, guests started anew"
    check_exit "$mode"
    stop_guests
}

echo "vhost-testpmd on $expected"
for mode in io mac; do
    before=$failed
    failed=0
    run_mode "$mode"
    if [ "$failed" -ne 0 ]; then
        sed 's/^/  | /' "$work/switch.log" | grep -v VHOST_CONFIG | tail -40
    fi
    failed=$((failed | before))
done
[ "$failed" -eq 0 ] && echo "PASS"
exit "$failed"
