# SPDX-License-Identifier: BSD-3-Clause
"""One run of a conformance script: its folder, its options, its named checks, its summary."""
import argparse
import contextlib
import os
import re
import shutil
import signal
import sys
import tempfile
import time
import traceback

from process import Failure, Library
from testpmd import hugepages_usable

SANITIZER_LINE = re.compile(r'.*(runtime error: |ERROR: \w+Sanitizer|WARNING: \w+Sanitizer)')


def parser(description):
    """Options that every conformance script has."""
    options = argparse.ArgumentParser(description=description)
    options.add_argument('--lib', default=os.environ.get('HV_LIB', 'stock'), metavar='DIR',
                         help='folder of the librte_vhost to test, or "stock" (default: %(default)s)')
    options.add_argument('--sanitizer', choices=['address', 'thread'],
                         help='the library was built with it: preload its run-time')
    options.add_argument('--long', action='store_true', help='long form')
    options.add_argument('--logs', metavar='DIR', help='keep the logs there')
    options.add_argument('--only', metavar='TEXT', help='only checks whose name contains this')
    options.add_argument('--list', action='store_true', help='print the names of the checks')
    return options


class Run:
    """Runs checks one after the other; whatever they started ends with them."""

    mebibytes = 200

    def __init__(self, arguments):
        # A signal has to unwind the stack, so that the programs end and the folder goes.
        for number in (signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, lambda *_: sys.exit(1))
        self.arguments = arguments
        self.library = Library(arguments.lib, arguments.sanitizer)
        self.folder = tempfile.mkdtemp(prefix='hvt')
        self.prefix = os.path.basename(self.folder)
        self.log_dir = os.path.abspath(arguments.logs or os.path.join(self.folder, 'logs'))
        os.makedirs(self.log_dir, exist_ok=True)
        self.library.report_dir = self.log_dir
        self.huge = hugepages_usable(3 * self.mebibytes)
        self.programs = []
        self.passed = 0
        self.failed = 0
        self.work = None
        self._in_phase = False

    def path(self, name):
        """A name in the folder of the check that runs now."""
        return os.path.join(self.work, name)

    @staticmethod
    def plain_env():
        """Environment of programs that are not under test (guests): the system's libraries."""
        env = dict(os.environ)
        env.pop('LD_LIBRARY_PATH', None)
        env.pop('LD_PRELOAD', None)
        return env

    @contextlib.contextmanager
    def phase(self):
        """Checks inside share one folder and the programs that any of them started."""
        self._begin()
        self._in_phase = True
        try:
            yield
        finally:
            self._in_phase = False
            self._end()

    def _begin(self):
        if not self._in_phase:
            self.work = tempfile.mkdtemp(dir=self.folder)

    def _end(self):
        if not self._in_phase:
            self.end_programs()
            shutil.rmtree(self.work, ignore_errors=True)

    def check(self, name, function, *args):
        """Run one named check and print how it went."""
        only = self.arguments.only
        if only and only not in name:
            return
        if self.arguments.list:
            print(name)
            return
        begin = time.monotonic()
        self._begin()
        reports = len(self.library.sanitizer_reports())
        try:
            note = function(self, *args)
            self._assert_no_report(self.library.sanitizer_reports()[reports:])
        except Exception as error:  # any fault of a check is its failure, the next one still runs
            self.failed += 1
            print('FAIL %s (%.1f s)' % (name, time.monotonic() - begin))
            if isinstance(error, Failure):
                print('     ' + str(error).replace('\n', '\n     '))
            else:
                traceback.print_exc(file=sys.stdout)
            for report in self.library.sanitizer_reports()[reports:]:
                print('     see ' + report)
        else:
            self.passed += 1
            print('ok   %s (%.1f s)%s' % (name, time.monotonic() - begin,
                                          ': ' + note if note else ''))
        finally:
            self._end()
            sys.stdout.flush()

    def _assert_no_report(self, files):
        for name in files:
            with open(name) as report:
                raise Failure('sanitizer report:\n' + report.read()[:4000])
        for program in self.programs:
            found = SANITIZER_LINE.search(program.text)
            if found:
                raise Failure('%s: %s' % (program.name, program.text[found.start():][:4000]))

    def end_programs(self):
        for program in reversed(self.programs):
            program.kill()
        self.programs.clear()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.end_programs()
        shutil.rmtree(self.folder, ignore_errors=True)

    def summary(self):
        """Print the summary line, return the exit status."""
        if self.arguments.list:
            return 0
        if self.passed + self.failed == 0:
            print('no check of that name')
            return 1
        print('%d passed, %d failed' % (self.passed, self.failed))
        return 1 if self.failed else 0
