#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""
Layers: with the flags of the real build a layer reaches its own headers and those below, no others; an upward
include is a compile error; header names are unique and hide no system header; includes name no folders.
Usage: layers.py <source folder> <build folder>
"""
import os
import re
import sys
import tempfile

import tree

# name: the layers it may include from (doc/architecture.md)
BELOW = {
    'base': (),
    'plat': ('base',),
    'guard': ('base',),
    'proto': ('base', 'guard', 'plat'),
    'mem': ('base', 'guard', 'plat'),
    'ring': ('base', 'guard', 'plat', 'mem'),
    'dev': ('base', 'guard', 'plat', 'proto', 'mem', 'ring'),
    'net': ('base', 'guard', 'plat', 'mem', 'ring', 'dev'),
    'ctl': ('base', 'guard', 'plat', 'proto', 'mem', 'ring', 'dev'),
    'api': ('base', 'guard', 'plat', 'proto', 'mem', 'ring', 'dev', 'net', 'ctl'),
}
SYSTEM = ('/usr/include', '/usr/include/dpdk')
# limits.h hands <limits.h> on with #include_next
HANDED_ON = ('limits.h',)


def headers(src):
    """{header: layer}"""
    out = {}
    for path in tree.files(src, '.h', '.def', below=('lib',)):
        parts = path.split('/')
        if len(parts) == 3:
            out.setdefault(parts[2], []).append(parts[1])
    return out


def reachable(lint, src, layer, flags, cwd, names):
    """Names of headers the preprocessor finds with this layer's flags."""
    with tempfile.TemporaryDirectory() as tmp:
        probe = os.path.join(tmp, 'probe.c')
        with open(probe, 'w', encoding='utf-8') as f:
            for name in names:
                f.write('#if __has_include("%s")\nREACHES %s\n#endif\n' % (name, name))
        status, out = tree.run(['cc', '-E', '-P'] + flags + [probe], cwd=cwd)
        if status != 0:
            lint.complain('%s: %s' % (layer, out))
        return set(re.findall(r'^REACHES (\S+)$', out, re.M))


def compiles(flags, cwd, include):
    with tempfile.TemporaryDirectory() as tmp:
        probe = os.path.join(tmp, 'probe.c')
        with open(probe, 'w', encoding='utf-8') as f:
            f.write('#include "%s"\n' % include)
        return tree.run(['cc', '-fsyntax-only'] + flags + [probe], cwd=cwd)


def main():
    src, build = sys.argv[1], sys.argv[2]
    lint = tree.Lint('layers')
    where = headers(src)
    flags = {}
    for path, value in tree.flags(build, src).items():
        flags.setdefault(path.split('/')[1], value)
    for name, layers in where.items():
        if len(layers) > 1:
            lint.complain('%s exists in %s' % (name, ' and '.join(layers)))
        for folder in SYSTEM:
            if os.path.exists(os.path.join(folder, name)) and name not in HANDED_ON:
                lint.complain('lib/%s/%s hides %s/%s' % (layers[0], name, folder, name))
    for layer, below in BELOW.items():
        if layer not in flags:
            lint.complain('layer %s has no C file in the build' % layer)
            continue
        allowed = {n for n, l in where.items() if set(l) & set(below + (layer,))}
        got = reachable(lint, src, layer, *flags[layer], where)
        lint.checked += len(where)
        for name in sorted(got - allowed):
            lint.complain('%s can include %s of %s' % (layer, name, where[name][0]))
        for name in sorted(allowed - got):
            lint.complain('%s cannot include %s of %s' % (layer, name, where[name][0]))
    # the real thing once: upward does not compile, downward does
    if 'ring' in flags:
        status, out = compiles(*flags['ring'], 'door.h')
        if status == 0 or 'door.h' not in out:
            lint.complain('an include of dev/door.h from ring/ compiles')
        status, out = compiles(*flags['ring'], 'memmap.h')
        if status != 0:
            lint.complain('an include of mem/memmap.h from ring/ does not compile: %s' % out)
    for path in tree.files(src, '.c', '.h', below=('lib',)):
        for name in re.findall(r'^\s*#\s*include\s+"([^"]*/[^"]*)"', tree.read(src, path), re.M):
            lint.complain('%s: include "%s" names a folder' % (path, name))
    lint.finish()


main()
