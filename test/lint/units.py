#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""
Each lib/<layer>/<file>.c has test/unit/<layer>/test_<file>.c, which is built, or stands in no_unit_test.txt with the
reason and the test that covers it instead.
Usage: units.py <source folder> <build folder>
"""
import json
import os
import sys

import tree


def main():
    src, build = os.path.realpath(sys.argv[1]), sys.argv[2]
    lint = tree.Lint('unit tests')
    excepted = tree.table(src, 'test/lint/no_unit_test.txt')
    with open(os.path.join(build, 'compile_commands.json'), encoding='utf-8') as f:
        built = {os.path.realpath(os.path.join(e['directory'], e['file'])) for e in json.load(f)}
    for path in tree.files(src, '.c', below=('lib',)):
        _, layer, name = path.split('/')
        test = 'test/unit/%s/test_%s' % (layer, name)
        lint.checked += 1
        exists = os.path.exists(os.path.join(src, test))
        if not exists and path not in excepted:
            lint.complain('%s has no %s' % (path, test))
        elif exists and path in excepted:
            lint.complain('no_unit_test.txt: %s has a test' % path)
        elif exists and os.path.join(src, test) not in built:
            lint.complain('%s is not built' % test)
    for path in excepted:
        if not os.path.exists(os.path.join(src, path)):
            lint.complain('no_unit_test.txt: %s does not exist' % path)
    lint.finish()


main()
