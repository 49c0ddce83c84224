#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# Runs all tests in a short form: installs the Debian packages that are missing, builds with gcc and clang and
# with sanitizers, runs unit tests, lints, conformance, hostile clients, fuzz targets and the comparison with the
# stock library. Ends with "N passed, N failed". Everything goes to build-test/ (HV_WORK), logs included.
#   --long      the long form (hours of the same)
#   --only TEXT steps whose name contains TEXT (the builds they need have to be there or chosen too)
set -u

HERE=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
. "$HERE/lib/setup.sh"
. "$HERE/lib/steps.sh"

LONG=
ONLY=
while [ $# -gt 0 ]; do
    case $1 in
        --long) LONG=--long ;;
        --only) ONLY=${2:?} && shift ;;
        *) sed -n '3,7s/^# //p' "${BASH_SOURCE[0]}" && exit 2 ;;
    esac
    shift
done

WORK=${HV_WORK:-$HV_ROOT/build-test}
HV_LOGS=$WORK/logs
GCC=$WORK/gcc CLANG=$WORK/clang ASAN=$WORK/asan TSAN=$WORK/tsan IMAGE=$WORK/guest
HUGE_MIB=1536

trap 'hugepages_restore; services_restore' EXIT
trap 'step_abort; exit 1' INT TERM HUP

# short or long: the number for this form
form() {
    [ -z "$LONG" ] && echo "$1" || echo "$2"
}

wanted() {
    [[ -z $ONLY || $1 == *"$ONLY"* ]]
}

# run KIND NAME ARGUMENT...: a step, suite or conform of steps.sh if it is wanted.
run() {
    local kind=$1
    shift
    if wanted "$1"; then
        "$kind" "$@"
    fi
    return 0
}

# The thread sanitizer wants its address ranges free, which a large random offset does not leave.
fixed_addresses() {
    if setarch -R true 2>/dev/null; then
        echo 'setarch -R'
    else
        echo env
    fi
}

build_all() {
    run step 'build gcc' 900 bash -c '. "$0"; build_in "$@"' "$HERE/lib/setup.sh" "$GCC"
    run step 'build clang' 900 env CC=clang bash -c '. "$0"; build_in "$@"' "$HERE/lib/setup.sh" "$CLANG"
    run step 'build address,undefined sanitizer' 900 bash -c '. "$0"; build_in "$@"' "$HERE/lib/setup.sh" "$ASAN" \
        --debug --optimization=1 -Dapps=false -Db_lundef=false -Db_sanitize=address,undefined
    run step 'build thread sanitizer' 900 bash -c '. "$0"; build_in "$@"' "$HERE/lib/setup.sh" "$TSAN" \
        --debug --optimization=1 -Dapps=false -Db_lundef=false -Db_sanitize=thread
}

unit_tests() {
    run suite 'lint' 900 "$GCC" lint
    run suite 'unit gcc' 900 "$GCC" unit
    run suite 'unit clang' 900 "$CLANG" unit
    run suite 'unit fuse' 300 "$GCC" fuse
    run suite 'unit address,undefined sanitizer' 1200 "$ASAN" unit --timeout-multiplier 5
    run suite 'unit thread sanitizer' 1200 "$TSAN" unit --timeout-multiplier 10 --wrapper "$(fixed_addresses)"
}

# Unmodified clients on the library.
clients() {
    local testpmd=$HERE/conform/testpmd/run.py
    run step 'demo' 300 env HV_BUILD="$GCC" "$HV_ROOT/app/demo.sh" --seconds 2
    run conform 'conform testpmd' "$(form 600 3600)" "$testpmd" --lib "$GCC/lib" --logs "$HV_LOGS/testpmd" $LONG
    run conform 'conform testpmd without hugepages' 300 env HV_NO_HUGE=1 "$testpmd" --lib "$GCC/lib" \
        --logs "$HV_LOGS/testpmd-no-huge" --paths split-mergeable
    run conform 'conform testpmd clang' 300 "$testpmd" --lib "$CLANG/lib" --logs "$HV_LOGS/testpmd-clang" \
        --paths packed-mergeable
    run conform 'conform testpmd address,undefined sanitizer' 600 "$testpmd" --lib "$ASAN/lib" \
        --sanitizer address --logs "$HV_LOGS/testpmd-asan" --paths split-mergeable
    run conform 'conform testpmd thread sanitizer' 600 "$testpmd" --lib "$TSAN/lib" \
        --sanitizer thread --logs "$HV_LOGS/testpmd-tsan" --paths packed-mergeable
    run step 'guest image' 300 "$HERE/lib/guest-image.sh" "$IMAGE"
    run conform 'conform Open vSwitch' "$(form 900 3600)" "$HERE/conform/ovs/run.py" --lib "$GCC/lib" \
        --image "$IMAGE" --logs "$HV_LOGS/ovs" $LONG
    run step 'conform vhost-testpmd' 300 env HV_LIB="$GCC/lib" "$HERE/conform/vhost-testpmd.sh"
    run conform 'hostile' "$(form 900 3600)" "$HERE/conform/hostile/run.py" --lib "$GCC/lib" \
        --logs "$HV_LOGS/hostile" $LONG
}

# The same scripts on the library that ours replaces, so that a failure can be told from a wrong test.
stock() {
    run conform 'stock testpmd' 3600 "$HERE/conform/testpmd/run.py" --lib stock --logs "$HV_LOGS/stock-testpmd" --long
    run conform 'stock Open vSwitch' 3600 "$HERE/conform/ovs/run.py" --lib stock --image "$IMAGE" \
        --logs "$HV_LOGS/stock-ovs" --long
}

# No cell may be below 0.90 of stock (doc/performance.md); the short form leaves room for a machine that others use.
others() {
    run step 'fuzz' "$(form 900 7200)" "$HERE/fuzz/run.sh" --build "$WORK/fuzz" --seconds "$(form 10 600)"
    run step 'bench-compare' "$(form 600 7200)" "$HV_ROOT/app/bench-compare" --build "$GCC" \
        --gate "${HV_BENCH_GATE:-$(form 0.80 0.90)}" $(form --quick '')
}

main() {
    rm -rf "$HV_LOGS"
    mkdir -p "$HV_LOGS"
    echo '*' >"$WORK/.gitignore"
    if ! wanted packages || ! step 'packages' 1800 bash -c '. "$0"; install_packages demo test' "$HERE/lib/setup.sh"
    then
        [ -n "$ONLY" ] || { steps_summary; return 1; }
    fi
    hugepages_acquire "$HUGE_MIB"
    build_all
    unit_tests
    clients
    [ -z "$LONG" ] || stock
    others
    steps_summary
}

main
