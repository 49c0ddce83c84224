#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""
Each line of violation.def is reported somewhere in lib/ (guard/ itself does not count) and provoked in a test
(test/unit/guard does not count); doc/violations.md is what the build says of the list.
Usage: violations.py <source folder> <program that prints doc/violations.md>
"""
import re
import sys

import tree


def code_list(src):
    return re.findall(r'^VH_VIOLATION\((\w+), (\w+),', tree.read(src, 'lib/guard/violation.def'), re.M)


def main():
    src, printer = sys.argv[1], sys.argv[2]
    lint = tree.Lint('violations')
    lib = '\n'.join(tree.read(src, p) for p in tree.files(src, '.c', '.h', below=('lib',))
                    if not p.startswith('lib/guard/'))
    tests = '\n'.join(tree.read(src, p) for p in tree.files(src, '.c', '.h', '.py', '.sh', '.txt', below=('test',))
                      if not p.startswith(('test/unit/guard/', 'test/lint/')))
    for symbol, name in code_list(src):
        lint.checked += 1
        if not re.search(r'\bVH_V_%s\b' % symbol, lib):
            lint.complain('VH_V_%s (%s) is reported nowhere in lib/' % (symbol, name))
        # by symbol in C, or as nack.<name>, ["broken"]["<name>"] … of a counter elsewhere
        provoked = (r'\bVH_V_%s\b|\b(?:nack|closed|parked|observed|retry|drop|broken)\W{1,6}%s\b|'
                    r'\bfx_(?:wait_)?count\([^"]*"%s"' % (symbol, name, name))
        if not re.search(provoked, tests):
            lint.complain('VH_V_%s (%s) is provoked by no test' % (symbol, name))
    status, text = tree.run([printer])
    if status != 0:
        lint.complain('%s failed: %s' % (printer, text))
    elif tree.read(src, 'doc/violations.md') != text:
        lint.complain('doc/violations.md is stale: run "meson compile -C <build> violations-doc"')
    lint.finish()


main()
