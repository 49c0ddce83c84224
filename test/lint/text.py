#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""
Text rules: a licence line at the head of each source file, no line of C above 120 columns (tab = 8), no space
indentation in C, no blanks at line ends, no paths of a particular machine, links to listed hosts only.
Usage: text.py <source folder>
"""
import re
import sys

import tree

LICENSED = ('.c', '.h', '.def', '.sh', '.py', '.build', '.map', '.gp', '.plt', 'meson_options.txt')
BINARY = ('.png', '.pcap', '.gz', '.svg')
MAX_COLUMNS = 120
FORBIDDEN = (
    (r'(?<![\w.*"}])/(?:work|home|root|mnt|media|Users)/', 'path of a particular machine'),
    (r'/tmp/(?:hv|build|claude)\b', 'path of a particular machine'),
    (r'\b(?:10|192\.168|172\.(?:1[6-9]|2\d|3[01]))\.\d+\.\d+\.\d+:\d{4,5}\b', 'address of a particular network'),
    (r'(?i)\b(?:co-authored-by|generated (?:by|with) an?)\b', 'note about who wrote it'),
    (r'(?i)\b(?:language model|chat ?bot|helper session)\b', 'note about who wrote it'),
    (r'(?i)\b(?:index-url|extra-index|apt-proxy|proxy\.golang|pypi\.org|crates\.io|npmjs)\b', 'package host'),
    (r'<{7} |>{7} ', 'merge conflict'),
)
HOSTS = ('docs.oasis-open.org', 'www.qemu.org', 'qemu.org', 'doc.dpdk.org', 'www.dpdk.org', 'core.dpdk.org', 'spdx.org',
         'www.kernel.org', 'docs.openvswitch.org', 'www.openvswitch.org', 'www.debian.org', 'mesonbuild.com', 'cmocka.org',
         'editorconfig.org', 'semver.org', 'cve.org', 'www.cve.org', 'nvd.nist.gov', 'github.com')


def columns(line):
    return len(line.expandtabs(8))


def check_c(lint, path, number, line, before):
    if columns(line) > MAX_COLUMNS:
        lint.complain('%s:%d: %d columns, at most %d' % (path, number, columns(line), MAX_COLUMNS))
    # behind an unfinished line they align an argument
    if re.match(r' {2,}[^\s*]', line) and re.search(r'[{};]$', before):
        lint.complain('%s:%d: indented with spaces' % (path, number))


def check_line(lint, path, number, line, before):
    if line != line.rstrip():
        lint.complain('%s:%d: blanks at the end' % (path, number))
    if path.endswith(('.c', '.h')):
        check_c(lint, path, number, line, before)
    if path == 'test/lint/text.py':
        return # the patterns themselves
    for pattern, what in FORBIDDEN:
        if re.search(pattern, line):
            lint.complain('%s:%d: %s: %s' % (path, number, what, line.strip()[:80]))
    for host in re.findall(r'https?://([\w.-]+)', line):
        if host not in HOSTS:
            lint.complain('%s:%d: link to %s, which is not listed in text.py' % (path, number, host))


def main():
    src = sys.argv[1]
    lint = tree.Lint('text')
    for path in tree.files(src, below=None):
        if path.endswith(BINARY):
            continue
        lint.checked += 1
        text = tree.read(src, path)
        if path.endswith(LICENSED) and 'SPDX-License-Identifier: BSD-3-Clause' not in '\n'.join(text.splitlines()[:3]):
            lint.complain('%s: no SPDX line in the first three lines' % path)
        if text and not text.endswith('\n'):
            lint.complain('%s: no newline at the end' % path)
        before = ''
        for number, line in enumerate(text.splitlines(), 1):
            check_line(lint, path, number, line, before)
            before = line
    lint.finish()


main()
