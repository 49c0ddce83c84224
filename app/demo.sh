#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# Builds the library and shows Debian's own, unmodified dpdk-testpmd switching packets between two
# virtio-user guests over it: packets per second, which library is loaded, the guard's report.
# Installs missing Debian packages; leaves nothing behind but those and the build folder.
#   HV_BUILD=DIR   build folder (default: build)    HV_LIB=stock   the system's library instead
set -eu

. "$(dirname "${BASH_SOURCE[0]}")/../test/lib/setup.sh"
trap 'hugepages_restore; services_restore' EXIT
trap 'exit 1' INT TERM HUP

cd "$HV_ROOT"
build=${HV_BUILD:-build}
install_packages demo
if [ "${HV_LIB:-}" != stock ]; then
    say "Building in $build ..."
    log=$(mktemp)
    if ! build_in "$build" >"$log" 2>&1; then
        cat "$log"
        rm -f "$log"
        exit 1
    fi
    rm -f "$log"
fi
hugepages_acquire 800
python3 test/lib/demo.py --lib "${HV_LIB:-$build/lib}" "$@"
