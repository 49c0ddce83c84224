#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# Installation and configuration: files of "meson install" in an empty folder, a program built with the installed
# pkg-config file, and a configure error that is clear for another DPDK release.
# install.sh <source folder> <build folder> <ABI number> <C compiler>
set -u
src=$1 build=$2 abi=$3 cc=$4
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
failed=0

complain() {
    echo "install: $1"
    failed=1
}

check_files() {
    local dir lib
    lib=$(find "$work/root" -name "librte_vhost.so.$abi.0" -type f)
    [ -n "$lib" ] || { complain "no librte_vhost.so.$abi.0"; return; }
    dir=$(dirname "$lib")
    [ "$(readlink "$dir/librte_vhost.so.$abi")" = "librte_vhost.so.$abi.0" ] || complain "librte_vhost.so.$abi is no link to it"
    [ "$(readlink -f "$dir/librte_vhost.so")" = "$lib" ] || complain 'librte_vhost.so is no link to it'
    [ -f "$dir/librte_vhost.a" ] || complain 'no librte_vhost.a'
    [ -f "$dir/pkgconfig/hardened-vhost.pc" ] || complain 'no hardened-vhost.pc'
    [ -n "$(find "$work/root" -path '*/include/*' -name hvhost.h)" ] || complain 'no hvhost.h'
    # the public headers are those of libdpdk-dev
    [ -z "$(find "$work/root" -name 'rte_*.h')" ] || complain 'installs headers that belong to DPDK'
    if readelf -d "$lib" | grep -Eq 'RPATH|RUNPATH'; then complain 'the installed library has a search path of its own'; fi
}

# A program that uses both the DPDK function and ours, by the installed pkg-config file, run on the installed library.
check_program() {
    local pc flags
    pc=$(find "$work/root" -name hardened-vhost.pc)
    cat > "$work/prog.c" << 'EOF'
#include <stdio.h>
#include <string.h>
#include <rte_vhost.h>
#include <hvhost.h>
int main(void)
{
	puts(hvhost_version());
	return strncmp(hvhost_version(), "hardened-vhost ", 15) == 0 && rte_vhost_get_mtu(5, &(uint16_t){ 0 }) < 0 ? 0 : 1;
}
EOF
    # the prefix is that of a real installation: shift it below the empty folder
    sed "s|^prefix=.*|prefix=$work/root$(sed -n 's/^prefix=//p' "$pc")|" "$pc" > "$work/hardened-vhost.pc"
    flags=$(PKG_CONFIG_PATH=$work pkg-config --cflags --libs hardened-vhost) || { complain 'pkg-config fails'; return; }
    # shellcheck disable=SC2086
    "$cc" "$work/prog.c" -o "$work/prog" $flags || { complain 'a program does not build with hardened-vhost.pc'; return; }
    LD_LIBRARY_PATH=$(dirname "$(find "$work/root" -name "librte_vhost.so.$abi")") "$work/prog" ||
        complain 'a program built with hardened-vhost.pc fails'
}

check_other_dpdk() {
    mkdir -p "$work/pc"
    printf 'Name: libdpdk\nDescription: another release\nVersion: 23.11.0\nLibs: -lrte_eal\nCflags:\n' > "$work/pc/libdpdk.pc"
    if PKG_CONFIG_PATH=$work/pc meson setup "$work/other" "$src" > "$work/log" 2>&1; then
        complain 'configures with DPDK 23.11'
    elif ! grep -q 'ERROR:.*23\.11.*22\.11' "$work/log"; then
        complain 'the configure error for DPDK 23.11 does not name both releases:'
        grep ERROR "$work/log"
    fi
}

for tool in meson pkg-config readelf "${cc%% *}"; do
    command -v "$tool" > /dev/null || { echo "$tool is not installed: this check cannot run"; exit 1; }
done
if DESTDIR=$work/root meson install -C "$build" --no-rebuild > "$work/log" 2>&1; then
    check_files
    check_program
else
    cat "$work/log"
    complain 'meson install fails'
fi
check_other_dpdk
[ $failed -eq 0 ] && echo 'install: all there'
exit $failed
