#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""
What the checkers of the marker cannot see: only base/guest.h holds the force cast; the two functions that make or
unmake guest pointers, and the copy that guest.h calls as it would memcpy(), have listed users. (Integers cast to guest pointers: marker.py clang.)
Usage: casts.py <source folder>
"""
import re
import sys

import tree

HOLDER = 'lib/base/guest.h'
# marks a byte order, not guest memory
OTHER_FORCE = 'lib/base/le.h'

def strip_comments(text):
    """Comments and strings blanked, line numbers kept."""
    blank = lambda m: re.sub(r'[^\n]', ' ', m.group(0))
    return re.sub(r'/\*.*?\*/|//[^\n]*|"(?:\\.|[^"\\\n])*"', blank, text, flags=re.S)


def scan(lint, path, text, users):
    for n, line in enumerate(strip_comments(text).splitlines(), 1):
        if re.search(r'\bVH_GUEST_FORCE\b|\bforce\b.*__attribute__|__attribute__.*\bforce\b', line):
            lint.complain('%s:%d: the marker is cast away outside %s' % (path, n, HOLDER))
        for function in users:
            if re.search(r'\b%s\b' % function, line) and '%s:%s' % (function, path) not in users[function]:
                lint.complain('%s:%d: %s() is for the users listed in test/lint/guest_users.txt' % (path, n, function))


def main():
    src = sys.argv[1]
    lint = tree.Lint('guest casts')
    rows = tree.table(src, 'test/lint/guest_users.txt')
    users = {f: {r for r in rows if r.startswith(f + ':')} for f in ('vh_guest_addr', 'vh_guest_from_mapping', 'vh_copy_long')}
    planted = tree.Lint('planted', quiet=True)
    scan(planted, 'fixtures/casts.c', tree.read(src, 'test/lint/fixtures/casts.c'), users)
    want = tree.read(src, 'test/lint/fixtures/casts.c').count('/* caught */')
    if planted.complaints != want:
        lint.complain('%d of %d planted mistakes found in fixtures/casts.c' % (planted.complaints, want))
    for path in tree.files(src, '.c', '.h', below=('lib',)):
        if path in (HOLDER, OTHER_FORCE):
            continue
        lint.checked += 1
        scan(lint, path, tree.read(src, path), users)
    for row in rows:
        function, _, path = row.partition(':')
        try:
            used = re.search(r'\b%s\b' % function, strip_comments(tree.read(src, path)))
        except FileNotFoundError:
            used = None
        if not used:
            lint.complain('test/lint/guest_users.txt: %s does not use it (any more)' % row)
    lint.finish()


main()
