#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# The built library exports what stock librte_vhost exports: same functions, same version nodes in the same order,
# same SONAME; plus the node HVHOST_1 with what hvhost.h declares, and nothing else (api.md 1.1, K33).
# Usage: exports.sh BUILT_LIBRARY [HVHOST_H]. Compares with the kept list, and with the stock library if installed.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
built=$1
header=${2:-$here/../../lib/hvhost.h}
kept=$here/exports_23.txt
soname=librte_vhost.so.23
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
failed=0

# "NODE symbol TYPE" of everything a library defines for others; the nodes themselves (ABS objects) are left out
exported() {
    readelf --dyn-syms -W "$1" | awk '
        $7 != "UND" && $7 != "ABS" && ($5 == "GLOBAL" || $5 == "WEAK") {
            n = split($8, part, "@")
            # part[2] is empty for a default version (@@), the node for a hidden one (@)
            node = n == 3 ? part[3] : n == 2 ? part[2] "(hidden)" : "(none)"
            print node, part[1], $4
        }' | LC_ALL=C sort
}

nodes() { # version definitions in file order
    readelf -V -W "$1" | awk '/Version definition section/ { on = 1; next }
        /Version needs section/ { on = 0 }
        on && /Name:/ && /Rev:/ { sub(/.*Name: */, ""); print $1 }'
}

soname_of() {
    readelf -d -W "$1" | sed -n 's/.*Library soname: \[\(.*\)\].*/\1/p'
}

same() { # same WHAT EXPECTED_FILE FOUND_FILE
    if diff -u --label expected --label found "$2" "$3" > "$tmp/diff"; then
        echo "ok: $1 ($(wc -l < "$2"))"
    else
        echo "FAILED: $1"
        cat "$tmp/diff"
        failed=1
    fi
}

sed -e 's/#.*//' -e '/^[[:space:]]*$/d' -e 's/$/ FUNC/' "$kept" | LC_ALL=C sort > "$tmp/kept"
if [ "$(wc -l < "$tmp/kept")" -ne 81 ]; then
    echo "FAILED: the kept list has $(wc -l < "$tmp/kept") functions, not 81"
    failed=1
fi
sed -n 's/^[a-z].*[ *]\(hvhost_[a-z0-9_]*\)(.*/HVHOST_1 \1 FUNC/p' "$header" | LC_ALL=C sort > "$tmp/ours"

exported "$built" > "$tmp/built"
grep -v '^HVHOST_1 ' "$tmp/built" > "$tmp/built.stock" || true
grep '^HVHOST_1 ' "$tmp/built" > "$tmp/built.ours" || true
same "stock's functions in the kept list" "$tmp/kept" "$tmp/built.stock"
same "functions of hvhost.h" "$tmp/ours" "$tmp/built.ours"

printf '%s\n' "$soname" DPDK_23 EXPERIMENTAL INTERNAL HVHOST_1 > "$tmp/nodes"
nodes "$built" > "$tmp/built.nodes"
same "version nodes in order" "$tmp/nodes" "$tmp/built.nodes"
echo "$soname" > "$tmp/soname"
soname_of "$built" > "$tmp/built.soname"
same "SONAME" "$tmp/soname" "$tmp/built.soname"

libdir=$(pkg-config --variable=libdir libdpdk 2> /dev/null || true)
stock=${libdir:-/usr/lib/$(uname -m)-linux-gnu}/$soname
if [ -e "$stock" ]; then
    exported "$stock" > "$tmp/stock"
    same "functions of the stock library" "$tmp/stock" "$tmp/built.stock"
    nodes "$stock" > "$tmp/stock.nodes"
    grep -v '^HVHOST_1$' "$tmp/built.nodes" > "$tmp/built.nodes.stock" || true
    same "version nodes of the stock library" "$tmp/stock.nodes" "$tmp/built.nodes.stock"
else
    echo "note: no stock library at $stock, compared with the kept list only"
fi
exit $failed
