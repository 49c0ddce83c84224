#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""
The guest marker: clang (noderef, address_space) and sparse read every C file of lib/ and accept no plain use of
peer-writable memory. Both must first catch the mistakes planted in fixtures/ and pass the clean one.
Usage: marker.py clang|sparse <source folder> <build folder>
"""
import os
import re
import sys
from concurrent.futures import ThreadPoolExecutor

import tree

CLANG = ['clang', '-fsyntax-only', '-DVH_CHECK_GUEST', '-Wno-everything', '-Werror=noderef',
         '-Werror=incompatible-pointer-types', '-Werror=incompatible-pointer-types-discards-qualifiers',
         '-Werror=int-conversion', '-Werror=incompatible-library-redeclaration']
# sparse knows neither this builtin of DPDK's copy header nor __VERSION__, nor -isystem written as one word; nor
# __has_include, by which glibc takes struct statx from the kernel's header
SPARSE = ['sparse', '-Wno-decl', '-Waddress-space', '-Wcast-from-as', '-Wcast-to-as', '-Wbitwise', '-Wno-unknown-attribute',
          '-Wno-non-pointer-null',
          '-D__builtin_ia32_palignr128(a,b,n)=(a)', '-D__VERSION__="sparse"',
          '-D__statx_defined', '-D__statx_timestamp_defined', '-include', 'linux/stat.h']


def command(tool, flags):
    if tool == 'clang':
        return CLANG + flags
    keep, i = [], 0
    while i < len(flags):
        f = flags[i]
        if f.startswith('-isystem'):
            i += f == '-isystem'
            keep.insert(0, '-I' + (flags[i] if f == '-isystem' else f[len('-isystem'):]))
        elif not f.startswith('-m'):
            keep.append(f)
        i += 1
    # own folders come first, and -include searches only the folders named before it
    paths = [f for f in keep if f.startswith('-I') and not f.startswith('-I/')] + [f for f in keep if f.startswith('-I/')]
    return SPARSE + paths + [f for f in keep if not f.startswith('-I')]


def findings(tool, flags, path, cwd):
    """Diagnostics that concern our own files."""
    status, out = tree.run(command(tool, flags) + [path], cwd=cwd)
    lines = [l for l in out.splitlines() if re.match(r'\S+:\d+:\d+: (?:fatal )?(?:warning|error): ', l)]
    ours = [l for l in lines if not l.startswith('/usr/')]
    # what goes wrong in a system header may hide the rest of the file
    lost = [l for l in lines if l.startswith('/usr/') and ': error: ' in l]
    if status != 0 and not lines:
        lost.append(out.strip()[:500] or 'status %d' % status)
    return ours + lost


def integer_casts(flags, path, cwd):
    """Integers turned into guest pointers: no warning tells, but clang's syntax tree does."""
    _, out = tree.run(['clang', '-fsyntax-only', '-DVH_CHECK_GUEST', '-w', '-fno-color-diagnostics', '-Xclang', '-ast-dump']
                      + flags + [path], cwd=cwd)
    if not re.search(r"'[^'\n]*__guest[^'\n]*'[^\n]*<IntegralToPointer>", out):
        return [] # as always; what follows only finds the place
    found, file, line = [], path, '0'
    for text in out.splitlines():
        # places are printed relative to the place before: <file:line:col>, <line:n:col> or <col:n>
        for name, number in re.findall(r'[<, ](/[^:<> ]+|\.\./[^:<> ]+|line):(\d+):\d+', text):
            file, line = (file if name == 'line' else name), number
        if '<IntegralToPointer>' in text and "'" in text and '__guest' in text.split("'")[1]:
            found.append('%s:%s:1: error: an integer becomes a guest pointer' % (file, line))
    return found


def check(tool, flags, path, cwd):
    return findings(tool, flags, path, cwd) + (integer_casts(flags, path, cwd) if tool == 'clang' else [])


def planted(lint, tool, src, flags, cwd):
    """Each line of the fixture marked with 'caught by: ...' must be found, and only those."""
    path = os.path.join(src, 'test/lint/fixtures/marker.c')
    want = set()
    for n, line in enumerate(tree.read(src, 'test/lint/fixtures/marker.c').splitlines(), 1):
        m = re.search(r'/\* caught by: (.*?) \*/', line)
        if m and tool in m.group(1).split():
            want.add(n)
    got = {int(l.split(':')[1]) for l in check(tool, flags, path, cwd) if 'fixtures/marker.c:' in l}
    lint.checked += len(want)
    for n in sorted(want - got):
        lint.complain('%s does not see the planted mistake in line %d of fixtures/marker.c' % (tool, n))
    for n in sorted(got - want):
        lint.complain('%s complains about the harmless line %d of fixtures/marker.c' % (tool, n))


def main():
    tool, src, build = sys.argv[1], os.path.realpath(sys.argv[2]), os.path.realpath(sys.argv[3])
    lint = tree.Lint('marker by ' + tool)
    per_file = tree.flags(build, src)
    fixture_flags = next((v for k, v in sorted(per_file.items()) if k.startswith('lib/dev/')), None)
    if fixture_flags is None:
        sys.exit('no file of lib/dev/ in compile_commands.json')
    planted(lint, tool, src, *fixture_flags)
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        jobs = {p: pool.submit(check, tool, f, os.path.join(src, p), cwd) for p, (f, cwd) in per_file.items()}
    for path in sorted(jobs):
        lint.checked += 1
        for line in jobs[path].result():
            lint.complain(line)
    for path in tree.files(src, '.c', below=('lib',)):
        if path not in per_file:
            lint.complain('%s is not built, so nobody checks it' % path)
    lint.finish()


main()
