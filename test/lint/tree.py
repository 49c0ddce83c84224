# SPDX-License-Identifier: BSD-3-Clause
"""What the lint programs share: the files of the tree, the compiler flags of lib/, and reporting."""
import json
import os
import shlex
import subprocess
import sys

FOLDERS = ('lib', 'app', 'examples', 'test', 'doc', '.ci')
# in the order in which they may include: from the lowest up
LAYERS = ('base', 'plat', 'guard', 'proto', 'mem', 'ring', 'dev', 'net', 'ctl', 'api')


class Lint:
    """Collects complaints; exit status 1 if there were any, or if nothing was looked at. Quiet: for planted mistakes."""

    def __init__(self, title, quiet=False):
        self.title = title
        self.quiet = quiet
        self.complaints = 0
        self.checked = 0

    def complain(self, text):
        if not self.quiet:
            print(text)
        self.complaints += 1

    def finish(self):
        print('%s: %d checked, %d complaints' % (self.title, self.checked, self.complaints))
        if self.checked == 0:
            print('%s: found nothing to check' % self.title)
        sys.exit(0 if self.complaints == 0 and self.checked > 0 else 1)


def files(src, *suffixes, below=FOLDERS):
    """Files of the source tree, relative to it, sorted; what git ignores or a build left is not in it."""
    found = []
    if os.path.isdir(os.path.join(src, '.git')) or os.path.isfile(os.path.join(src, '.git')):
        out = subprocess.run(['git', '-C', src, '-c', 'safe.directory=*', 'ls-files', '-co', '--exclude-standard', '-z'],
                             check=True, stdout=subprocess.PIPE).stdout
        built = {p.split('/')[0] for p in out.decode().split('\0') if p.endswith('/build.ninja')}
        found = [p for p in out.decode().split('\0')
                 if p and p.split('/')[0] not in built and os.path.isfile(os.path.join(src, p))]
    else:
        for root, dirs, names in os.walk(src):
            dirs[:] = [d for d in dirs if not os.path.exists(os.path.join(root, d, 'build.ninja'))
                       and d != '__pycache__']
            found += [os.path.relpath(os.path.join(root, n), src) for n in names]
    return sorted(p for p in found
                  if '__pycache__' not in p and (not suffixes or p.endswith(suffixes)) and (below is None or p.split('/')[0] in below))


def read(src, path):
    with open(os.path.join(src, path), encoding='utf-8', errors='replace') as f:
        return f.read()


def table(src, path):
    """'name  reason' per line, # comments; a line without a reason is refused."""
    rows = {}
    for line in read(src, path).splitlines():
        line = line.strip()
        if not line or line.startswith('#'):
            continue
        name, _, reason = line.partition(' ')
        if not reason.strip():
            sys.exit('%s: %s stands there without a reason' % (path, name))
        rows[name] = reason.strip()
    return rows


def flags(build, src):
    """{path of lib/*.c: (flags, folder to run in)}: include paths, macros and machine flags of the real build."""
    out = {}
    with open(os.path.join(build, 'compile_commands.json'), encoding='utf-8') as f:
        commands = json.load(f)
    for entry in commands:
        path = os.path.relpath(os.path.realpath(os.path.join(entry['directory'], entry['file'])), os.path.realpath(src))
        if not path.startswith('lib/') or path in out:
            continue
        keep, args = [], shlex.split(entry['command'])
        for i, a in enumerate(args):
            if a in ('-isystem', '-include', '-I', '-D'):
                keep += [a, args[i + 1]]
            elif a.startswith(('-I', '-D', '-isystem', '-include', '-m', '-std=')) and len(a) > 2:
                keep.append(a)
        out[path] = (keep, entry['directory'])
    return out


def run(args, cwd=None, env=None):
    """(status, stdout + stderr); a missing program is a failure that says so."""
    try:
        p = subprocess.run(args, cwd=cwd, env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
    except FileNotFoundError:
        sys.exit('%s is not installed: this check cannot run' % args[0])
    return p.returncode, p.stdout.decode(errors='replace')
