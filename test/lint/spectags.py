#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""
Rule names cited in lib/ (HDR-1, SPLIT-5 …), as a summary of what is covered and where; fails on "spec:" tags that name no
known document and on files that walk rings or messages without citing a rule.
Usage: spectags.py <source folder>
"""
import collections
import re
import sys

import tree

FAMILIES = ('HDR', 'FD', 'FEAT', 'PROT', 'MEM', 'NUM', 'ADDR', 'BASE', 'KICK', 'CALL', 'ENA', 'IDX', 'MTU', 'RARP', 'STAT', 'UNK',
            'RING', 'SPLIT', 'PACKED', 'XLAT', 'ORDER', 'NOTIF', 'NET', 'LOG', 'LOGB', 'POST', 'MSG')
DOCUMENTS = ('virtio-1.3', 'vhost-user', 'linux', 'dpdk', 'RFC')
MUST_CITE = ('lib/ring/split.c', 'lib/ring/packed.c', 'lib/mem/translate.c', 'lib/mem/memmap.c', 'lib/proto/recv.c',
             'lib/proto/frame.c')


def main():
    src = sys.argv[1]
    lint = tree.Lint('spec tags')
    cited = collections.defaultdict(set)
    for path in tree.files(src, '.c', '.h', '.def', below=('lib',)):
        text = tree.read(src, path)
        rules = re.findall(r'\b((?:%s)-\d+)\b' % '|'.join(FAMILIES), text)
        for rule in rules:
            cited[rule].add(path)
            lint.checked += 1
        for tag in re.findall(r'\bspec:\s*(.*)', text):
            if not tag.startswith(DOCUMENTS):
                lint.complain('%s: "spec: %s" names none of %s' % (path, tag, ', '.join(DOCUMENTS)))
        if path in MUST_CITE and not rules and 'spec:' not in text:
            lint.complain('%s cites no rule' % path)
    for family in FAMILIES:
        numbers = sorted(int(r.split('-')[1]) for r in cited if r.startswith(family + '-'))
        if numbers:
            print('%-7s %s' % (family, ' '.join(map(str, numbers))))
    lint.finish()


main()
