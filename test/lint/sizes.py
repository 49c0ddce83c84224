#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""
Sizes: no file above 600 lines, no function above 60, median function of lib/ under 15 (a function is what
universal-ctags finds, first to last line). Tests may list their cases in a longer main().
Usage: sizes.py <source folder>
"""
import os
import re
import statistics
import sys

import tree

MAX_FILE = 600
MAX_FUNCTION = 60
MAX_MEDIAN = 15


def functions(src, paths):
    """[(path, line, name, lines)]"""
    args = ['ctags', '--languages=C', '--c-kinds=f', '-x', '--_xformat=%F|%n|%e|%N']
    status, out = tree.run(args + paths, cwd=src)
    if status != 0:
        sys.exit('ctags failed (universal-ctags is needed): %s' % out[:500])
    rows = []
    for line in out.splitlines():
        path, first, last, name = line.split('|')
        if last.isdigit():
            rows.append((path, int(first), name, int(last) - int(first) + 1))
    return rows


def main():
    src = sys.argv[1]
    lint = tree.Lint('sizes')
    for path in tree.files(src, '.c', '.h', '.def', '.sh', '.py', '.build'):
        lint.checked += 1
        lines = tree.read(src, path).count('\n')
        if lines > MAX_FILE:
            lint.complain('%s: %d lines, at most %d' % (path, lines, MAX_FILE))
    rows = functions(src, tree.files(src, '.c', '.h'))
    lib = [r for r in rows if r[0].startswith('lib/')]
    for path, line, name, length in rows:
        if length > MAX_FUNCTION and not (path.startswith('test/') and name == 'main'):
            lint.complain('%s:%d: %s() has %d lines, at most %d' % (path, line, name, length, MAX_FUNCTION))
    if lib:
        lengths = sorted(r[3] for r in lib)
        median = statistics.median(lengths)
        print('lib/: %d functions, median %g lines, 90th percentile %d, longest %d' % (
            len(lib), median, lengths[len(lengths) * 9 // 10], lengths[-1]))
        if median >= MAX_MEDIAN:
            lint.complain('median function of lib/ has %g lines, must be under %d' % (median, MAX_MEDIAN))
    lint.finish()


main()
