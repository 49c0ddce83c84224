# SPDX-License-Identifier: BSD-3-Clause
# Shared by app/demo.sh and test/run.sh: packages, hugepages, build folders. Source it; it changes
# nothing by itself. Each function prints what it changes on the machine.

HV_ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
HV_PAGES_BEFORE=
HV_MOUNTED=
HV_POLICY=

say() {
    printf '%s\n' "$*"
}

# The packages of the named groups that are not installed.
missing_packages() {
    local group package
    for group in "$@"; do
        while read -r package; do
            dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null | grep -qx installed ||
                printf '%s\n' "$package"
        done < <(awk -v group="$group" '$1 == group { print $2 }' "$HV_ROOT/test/packages.txt")
    done
}

# Run as root: directly, or through sudo where it asks nothing.
as_root() {
    if [ "$(id -u)" = 0 ]; then
        "$@"
    else
        sudo -n "$@"
    fi
}

apt_get() {
    as_root env DEBIAN_FRONTEND=noninteractive apt-get -q -o Acquire::Retries=5 \
        -o DPkg::Lock::Timeout=600 "$@" </dev/null
}

# A daemon that a package brings must not start just because somebody runs the tests.
services_off() {
    [ -e /usr/sbin/policy-rc.d ] && return 0
    HV_POLICY=1
    printf '#!/bin/sh\nexit 101\n' | as_root tee /usr/sbin/policy-rc.d >/dev/null
    as_root chmod 755 /usr/sbin/policy-rc.d
}

services_restore() {
    [ -n "$HV_POLICY" ] || return 0
    HV_POLICY=
    as_root rm -f /usr/sbin/policy-rc.d
}

# Install what is missing of the named groups; fail with the list where that is not possible.
install_packages() {
    local missing status=0
    mapfile -t missing < <(missing_packages "$@")
    [ "${#missing[@]}" -gt 0 ] || return 0
    say "Installing: ${missing[*]}"
    if ! as_root true 2>/dev/null; then
        say "Not root and no sudo; please install: apt-get install ${missing[*]}" >&2
        return 1
    fi
    services_off
    apt_get update && apt_get install -y --no-install-recommends "${missing[@]}" || status=$?
    services_restore
    return "$status"
}

# Make sure that so many MiB of 2 MiB pages are free, where root may; remembers what was there.
hugepages_acquire() {
    local wanted=$(($1 / 2)) file=/proc/sys/vm/nr_hugepages free total
    [ "$(id -u)" = 0 ] && [ -w "$file" ] || return 0
    grep -qx 'Hugepagesize: *2048 kB' /proc/meminfo || return 0
    free=$(awk '$1 == "HugePages_Free:" { print $2 }' /proc/meminfo)
    if [ "$free" -lt "$wanted" ]; then
        total=$(cat "$file")
        HV_PAGES_BEFORE=$total
        echo $((total + wanted - free)) >"$file" 2>/dev/null
    fi
    if ! awk '$3 == "hugetlbfs" { found = 1 } END { exit !found }' /proc/mounts; then
        mkdir -p /dev/hugepages
        mount -t hugetlbfs none /dev/hugepages 2>/dev/null && HV_MOUNTED=1
    fi
    return 0
}

hugepages_restore() {
    if [ -n "$HV_MOUNTED" ]; then
        HV_MOUNTED=
        umount /dev/hugepages
    fi
    if [ -n "$HV_PAGES_BEFORE" ]; then
        echo "$HV_PAGES_BEFORE" >/proc/sys/vm/nr_hugepages
        HV_PAGES_BEFORE=
    fi
    return 0
}

# build_in FOLDER [meson option...]: configure if that was not done yet, then build.
build_in() {
    local folder=$1
    shift
    if [ ! -f "$folder/build.ninja" ]; then
        meson setup "$@" "$folder" "$HV_ROOT" || return 1
    fi
    ninja -C "$folder"
}
