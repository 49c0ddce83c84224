#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""
Each lib/<layer>/<file>.c has test/unit/<layer>/test_<file>.c, or another test of that folder says so in its head
("Covers ctl/conn.c, out.c."); tests are built. Files without stand in no_unit_test.txt with the reason and what covers
them instead.
Usage: units.py <source folder> <build folder>
"""
import json
import os
import re
import sys

import tree


def covered(src):
    """{path in lib: test}: by name and by the head comment of a test."""
    out = {}
    for test in tree.files(src, '.c', below=('test',)):
        parts = test.split('/')
        if parts[1] != 'unit' or len(parts) != 4 or not parts[3].startswith('test_'):
            continue
        out['lib/%s/%s' % (parts[2], parts[3][len('test_'):])] = test
        head = ' '.join(l.strip(' *') for l in tree.read(src, test).splitlines()[:12])
        for claim in re.findall(r'\bCovers ((?:[\w/]+\.c(?:, | and )?)+)', head):
            for name in re.findall(r'\w+\.c', claim):
                out.setdefault('lib/%s/%s' % (parts[2], name), test)
    return out


def main():
    src, build = os.path.realpath(sys.argv[1]), sys.argv[2]
    lint = tree.Lint('unit tests')
    excepted = tree.table(src, 'test/lint/no_unit_test.txt')
    with open(os.path.join(build, 'compile_commands.json'), encoding='utf-8') as f:
        built = {os.path.realpath(os.path.join(e['directory'], e['file'])) for e in json.load(f)}
    tests = covered(src)
    for path in tree.files(src, '.c', below=('lib',)):
        lint.checked += 1
        test = tests.get(path)
        if test is None and path not in excepted:
            lint.complain('%s has no unit test' % path)
        elif test is not None and path in excepted:
            lint.complain('no_unit_test.txt: %s is covered by %s' % (path, test))
        elif test is not None and os.path.join(src, test) not in built:
            lint.complain('%s is not built' % test)
    for path in excepted:
        if not os.path.exists(os.path.join(src, path)):
            lint.complain('no_unit_test.txt: %s does not exist' % path)
    lint.finish()


main()
