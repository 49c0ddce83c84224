#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# Builds every fuzz target with clang, libFuzzer, ASan and UBSan in a build folder of its own and runs each for a while.
# Usage: run.sh [--seconds N] [--build FOLDER] [--only TARGET] [--long-corpus FOLDER]
# Prints the number of executions per target; a crash is kept as FOLDER/crash-*, printed with the way to repeat it, and
# makes the script fail. Every crash found becomes a unit case before it is fixed.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
src=$(cd "$here/../.." && pwd)
seconds=20
build=$src/build-fuzz
only=
corpus=

usage() {
    sed -n '3,6s/^# //p' "$0"
    exit 2
}

while [ $# -gt 0 ]; do
    [ $# -ge 2 ] || usage
    case $1 in
        --seconds) seconds=$2 ;;
        --build) build=$2 ;;
        --only) only=$2 ;;
        --long-corpus) corpus=$2 ;;
        *) usage ;;
    esac
    shift 2
done

command -v clang > /dev/null || { echo "run.sh: clang is not installed (Debian: clang libclang-rt-dev)" >&2; exit 1; }

layers=(api ctl net dev ring mem proto guard plat base)
flags=(-g -O1 -std=gnu11 -fno-omit-frame-pointer)
sanitize=address,undefined

mkdir -p "$build"
echo "*" > "$build/.gitignore"
log=$build/build.log
build_layers() {
    if [ ! -e "$build/lib/build.ninja" ]; then
        CC=clang meson setup "$build/lib" "$src" --buildtype=debugoptimized -Dapps=false -Dtests=false \
            -Db_sanitize=$sanitize -Db_lundef=false -Dc_args=-fsanitize=fuzzer-no-link
    fi
    ninja -C "$build/lib" "${layers[@]/#/lib/libvh_}"
}
# targets of ninja are files: give the array its suffix
layers=("${layers[@]/%/.a}")
build_layers > "$log" 2>&1 || { cat "$log"; exit 1; }

includes=()
libs=()
for l in "${layers[@]%.a}"; do
    includes+=("-I$src/lib/$l")
    libs+=("$build/lib/lib/libvh_$l.a")
done
read -ra dpdk_cflags <<< "$(pkg-config --cflags libdpdk)"
dpdk_libs=()
for l in eal kvargs telemetry ethdev net mbuf mempool mempool_ring ring hash cmdline rcu; do
    dpdk_libs+=("-lrte_$l")
done

failed=0
found=0
for source in "$here"/fuzz_*.c; do
    target=$(basename "$source" .c)
    [ -z "$only" ] || [ "$only" = "$target" ] || continue
    found=1
    clang "${flags[@]}" -fsanitize=fuzzer,$sanitize -fno-sanitize-recover=undefined -D_GNU_SOURCE \
        -DALLOW_EXPERIMENTAL_API -DALLOW_INTERNAL_API -Wall -Wextra -Werror -Wno-unused-parameter \
        -Wno-missing-field-initializers -Wno-address-of-packed-member \
        "${includes[@]}" "-I$src/lib" "-I$here" "${dpdk_cflags[@]/#-I/-isystem}" "$source" \
        -Wl,--start-group "${libs[@]}" -Wl,--end-group "${dpdk_libs[@]}" -lnuma -lpthread \
        -o "$build/$target"
    seeds=$build/seeds/$target
    python3 "$here/seeds.py" "$target" "$seeds"
    own=${corpus:-$build/corpus}/$target
    mkdir -p "$own"
    out=$build/$target.log
    rc=0
    ASAN_OPTIONS=quarantine_size_mb=16 UBSAN_OPTIONS=print_stacktrace=1 "$build/$target" \
        -max_total_time="$seconds" -max_len=4096 -timeout=10 -rss_limit_mb=2048 -print_final_stats=1 -print_funcs=0 -artifact_prefix="$build/crash-$target-" \
        "$own" "$seeds" > "$out" 2>&1 || rc=$?
    runs=$(sed -n 's/^stat::number_of_executed_units: *//p' "$out")
    if [ $rc -ne 0 ] || [ -z "$runs" ] || [ "$runs" -lt 1 ]; then
        failed=1
        echo "FAILED: $target (exit code $rc, ${runs:-0} executions)"
        tail -n 60 "$out"
        echo "repeat with: $build/$target $build/crash-$target-..."
    else
        covered=$(sed -n 's/.*\bcov: \([0-9]*\).*/\1/p' "$out" | tail -n 1)
        echo "ok: $target: $runs executions in $seconds s, $covered branches reached, no crash"
    fi
done
[ $found -eq 1 ] || { echo "run.sh: no target ${only:-at all}" >&2; exit 1; }
exit $failed
