#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# Hardening of the built library, read from its ELF file: hardening.sh <librte_vhost.so> <ABI number>
set -u
lib=$1 abi=$2
failed=0

for tool in readelf grep; do
    command -v "$tool" > /dev/null || { echo "$tool is not installed: this check cannot run"; exit 1; }
done
[ -f "$lib" ] || { echo "$lib does not exist"; exit 1; }

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
want 'no IBT in the property note (-fcf-protection)' -n 'x86 feature:.*IBT'
want 'no shadow stack in the property note (-fcf-protection)' -n 'x86 feature:.*SHSTK'
want 'no stack protector' --dyn-syms '__stack_chk_fail'
want 'no fortified function (FORTIFY_SOURCE)' --dyn-syms '__[a-z]+_chk@'
want "SONAME is not librte_vhost.so.$abi" -d "SONAME.*\[librte_vhost\.so\.$abi\]"
want 'may be unloaded (NODELETE missing)' -d 'FLAGS_1.*NODELETE'
refuse 'needs the stock library' -d 'NEEDED.*librte_vhost'
refuse 'has a search path of its own' -d 'RPATH|RUNPATH'

[ $failed -eq 0 ] && echo "$lib: hardened"
exit $failed
