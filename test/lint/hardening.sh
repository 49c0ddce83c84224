#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# Hardening of the built library, read from its ELF files: hardening.sh <librte_vhost.so> <librte_vhost.a> <ABI number>
set -u
lib=$1 archive=$2 abi=$3
failed=0

for tool in readelf grep; do
    command -v "$tool" > /dev/null || { echo "$tool is not installed: this check cannot run"; exit 1; }
done
[ -f "$lib" ] || { echo "$lib does not exist"; exit 1; }
[ -f "$archive" ] || { echo "$archive does not exist"; exit 1; }

# want <text> <readelf option> <extended regular expression>: some line must match
want() {
    readelf -W "$2" "$lib" | grep -Eq "$3" || { echo "$lib: $1"; failed=1; }
}

# refuse <text> <readelf option> <extended regular expression>: no line may match
refuse() {
    readelf -W "$2" "$lib" | grep -E "$3" && { echo "$lib: $1"; failed=1; }
}

want 'no RELRO segment' -l 'GNU_RELRO'
want 'not bound at start (BIND_NOW), so RELRO is partial' -d 'BIND_NOW|FLAGS_1.*NOW'
want 'no GNU_STACK segment' -l 'GNU_STACK'
refuse 'executable stack' -l 'GNU_STACK.*RWE'
refuse 'segment writable and executable' -l 'LOAD.*RWE'
refuse 'text relocations' -d 'TEXTREL'
want 'no stack protector' --dyn-syms '__stack_chk_fail'
want 'no fortified function (FORTIFY_SOURCE)' --dyn-syms '__[a-z]+_chk@'
want "SONAME is not librte_vhost.so.$abi" -d "SONAME.*\[librte_vhost\.so\.$abi\]"
want 'may be unloaded (NODELETE missing)' -d 'FLAGS_1.*NODELETE'
refuse 'needs the stock library' -d 'NEEDED.*librte_vhost'
refuse 'has a search path of its own' -d 'RPATH|RUNPATH'

# -fcf-protection: the C library's start files (crti.o) have no such note on Debian 12, so the linker drops it from the
# shared library; ask each of our objects instead
objects=$(readelf -W -n "$archive" | grep -c '^File:')
marked=$(readelf -W -n "$archive" | grep -c 'x86 feature:.*IBT, SHSTK')
if [ "$objects" -eq 0 ] || [ "$marked" -lt "$objects" ]; then
    echo "$archive: $marked of $objects objects have indirect branch tracking and shadow stack (-fcf-protection)"
    failed=1
fi

[ $failed -eq 0 ] && echo "$lib: hardened"
exit $failed
