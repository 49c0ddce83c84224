# SPDX-License-Identifier: BSD-3-Clause
"""Run an unmodified program on a pseudo terminal, with a chosen librte_vhost below it.

A pseudo terminal keeps the program's output line-buffered. A thread empties it all the time, so that
a program can never block on its own output; everything also goes to a log file.
"""
import collections
import os
import pty
import re
import selectors
import signal
import subprocess
import threading
import time
import tty

SONAME = 'librte_vhost.so.23'
SYSTEM_DIRS = ('/usr/lib/', '/lib/')
STOP_SECONDS = 30

Resources = collections.namedtuple('Resources', 'fds maps rss_kib')


class Failure(Exception):
    """A check of a conformance script that does not hold."""


class Library:
    """Which librte_vhost the programs under test are to run on.

    choice: 'stock' for the one of the system, else the folder that holds librte_vhost.so.23.
    sanitizer: None, 'address' or 'thread': preload that run-time and collect its reports.
    report_dir: where those reports go; set before the first program starts.
    """

    def __init__(self, choice, sanitizer):
        self.report_dir = None
        self.stock = choice == 'stock'
        self.folder = None if self.stock else os.path.realpath(choice)
        self.sanitizer = sanitizer
        if not self.stock and not os.path.exists(os.path.join(self.folder, SONAME)):
            raise Failure('no %s in %s' % (SONAME, self.folder))
        if sanitizer and self.stock:
            raise Failure('a sanitizer run needs an instrumented library, not the stock one')

    def environment(self):
        """Environment of a program that is to run on this library."""
        env = dict(os.environ)
        env.pop('LD_LIBRARY_PATH', None)
        env.pop('LD_PRELOAD', None)
        if self.folder:
            env['LD_LIBRARY_PATH'] = self.folder
        if self.sanitizer:
            env.update(self._sanitizer_environment())
        return env

    def _sanitizer_environment(self):
        names = {'address': ['libasan.so', 'libubsan.so'], 'thread': ['libtsan.so']}
        preload = []
        for name in names[self.sanitizer]:
            path = subprocess.run(['gcc', '-print-file-name=' + name], check=True, text=True,
                                  stdout=subprocess.PIPE).stdout.strip()
            # It is a linker script or a link next to the shared object: take what it ends at.
            preload.append(os.path.realpath(path))
        log = 'log_path=' + os.path.join(self.report_dir, 'sanitizer')
        here = os.path.dirname(os.path.abspath(__file__))
        return {
            'LD_PRELOAD': ':'.join(preload),
            # Debian's programs leave memory behind at exit; only our own leaks count, and those
            # are found by the unit tests and by comparing the switch before and after.
            'ASAN_OPTIONS': 'detect_leaks=0:abort_on_error=0:handle_segv=1:' + log,
            'UBSAN_OPTIONS': 'print_stacktrace=1:' + log,
            'TSAN_OPTIONS': 'suppressions=%s:halt_on_error=0:exitcode=0:%s' % (
                os.path.join(here, 'tsan.supp'), log),
        }

    def assert_loaded(self, pid):
        """Fail unless the process maps this librte_vhost and no other; return its path."""
        found = loaded_libraries(pid)
        if len(found) != 1:
            raise Failure('process %d maps %d files named librte_vhost: %s' % (
                pid, len(found), ' '.join(sorted(found)) or 'none'))
        path = found.pop()
        if self.stock:
            good = path.startswith(SYSTEM_DIRS)
        else:
            good = path == os.path.realpath(os.path.join(self.folder, SONAME))
        if not good:
            raise Failure('process %d runs on %s, wanted %s' % (
                pid, path, 'that of the system' if self.stock else self.folder))
        if self.sanitizer:
            self._assert_sanitized(pid, path)
        return path

    def _assert_sanitized(self, pid, path):
        """The run-time has to be there, and the library has to call it."""
        with open('/proc/%d/maps' % pid) as maps, open(path, 'rb') as library:
            if '/lib%csan.so' % self.sanitizer[0] not in maps.read():
                raise Failure('process %d runs without the sanitizer' % pid)
            if b'__%csan_' % self.sanitizer[:1].encode() not in library.read():
                raise Failure('%s was not built with -fsanitize=%s' % (path, self.sanitizer))

    def sanitizer_reports(self):
        """Reports that the sanitizer run-times have written so far."""
        if not self.sanitizer:
            return []
        return sorted(os.path.join(self.report_dir, name) for name in os.listdir(self.report_dir)
                      if name.startswith('sanitizer.'))


def loaded_libraries(pid):
    """Paths of all files named librte_vhost.so* that a process maps."""
    found = set()
    with open('/proc/%d/maps' % pid) as maps:
        for line in maps:
            path = line.rstrip('\n').split(None, 5)[5:]
            if path and os.path.basename(path[0]).startswith('librte_vhost.so'):
                found.add(path[0])
    return found


def resources(pid):
    """What a process holds now: open fds, lines of its memory map, resident memory."""
    with open('/proc/%d/maps' % pid) as maps:
        map_count = sum(1 for _ in maps)
    rss = 0
    with open('/proc/%d/status' % pid) as status:
        for line in status:
            if line.startswith('VmRSS:'):
                rss = int(line.split()[1])
    return Resources(len(os.listdir('/proc/%d/fd' % pid)), map_count, rss)


def wait_until(what, seconds, condition, poll=0.05):
    """Poll a condition until it gives something true; return that, or raise Failure."""
    end = time.monotonic() + seconds
    while True:
        result = condition()
        if result:
            return result
        if time.monotonic() > end:
            raise Failure('not within %d s: %s' % (seconds, what))
        time.sleep(poll)


def _fixed_addresses(argv, env):
    """The thread sanitizer's run-time may not start where addresses are random over a wide range."""
    if 'libtsan' not in env.get('LD_PRELOAD', ''):
        return argv, env
    if subprocess.run(['setarch', '-R', 'true'], stderr=subprocess.DEVNULL).returncode:
        return argv, env
    env = dict(env)
    return ['setarch', '-R', 'env', 'LD_PRELOAD=' + env.pop('LD_PRELOAD')] + argv, env


class Program:
    """One child process, its standard input and output on a pseudo terminal, its errors on a pipe.

    text: all that it has written; output: only what went to standard output, where nothing that
    another thread logs can come between the letters of a prompt.
    """

    def __init__(self, name, argv, env, log_path):
        argv, env = _fixed_addresses(argv, env)
        self.name = name
        self.text = ''
        self.output = ''
        self._text_mark = self._output_mark = 0
        self._more = threading.Condition()
        self._log = open(log_path, 'a')
        self._log.write('$ %s\n' % ' '.join(argv))
        self._log.flush()
        self._master, slave = pty.openpty()
        tty.setraw(slave)
        self._errors, errors = os.pipe()
        self._child = subprocess.Popen(argv, stdin=slave, stdout=slave, stderr=errors, env=env,
                                       start_new_session=True, close_fds=True)
        os.close(slave)
        os.close(errors)
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    @property
    def pid(self):
        return self._child.pid

    def running(self):
        return self._child.poll() is None

    def _read(self):
        with selectors.DefaultSelector() as selector:
            for source in (self._master, self._errors):
                selector.register(source, selectors.EVENT_READ)
            while selector.get_map():
                for key, _ in selector.select():
                    if not self._read_some(key.fd):
                        selector.unregister(key.fd)
        with self._more:
            self._more.notify_all()

    def _read_some(self, source):
        try:
            data = os.read(source, 65536)
        except OSError:  # a pseudo terminal without a process on it
            return False
        text = data.decode('utf-8', 'replace').replace('\r', '')
        self._log.write(text)
        self._log.flush()
        with self._more:
            self.text += text
            if source == self._master:
                self.output += text
            self._more.notify_all()
        return bool(data)

    def send(self, line):
        """Type one line; what is expected next has to come after it."""
        with self._more:
            self._text_mark, self._output_mark = len(self.text), len(self.output)
        os.write(self._master, (line + '\n').encode())

    def expect(self, pattern, seconds=60):
        """Wait for a pattern in what came since the last match or send; return the match."""
        return self._expect(pattern, seconds, 'text')

    def expect_output(self, pattern, seconds=60):
        """The same in standard output alone; return (match, what came before it)."""
        with self._more:
            begin = self._output_mark
        match = self._expect(pattern, seconds, 'output')
        return match, match.string[begin:match.start()]

    def _expect(self, pattern, seconds, stream):
        wanted = re.compile(pattern, re.M)
        mark = '_%s_mark' % stream
        end = time.monotonic() + seconds
        with self._more:
            while True:
                match = wanted.search(getattr(self, stream), getattr(self, mark))
                if match:
                    setattr(self, mark, match.end())
                    return match
                left = end - time.monotonic()
                if left <= 0:
                    break
                if not self.running() and not self._reader.is_alive():
                    break
                self._more.wait(min(left, 0.5))
            tail = self.text[-1500:]
        state = 'still runs' if self.running() else 'ended with %s' % self._child.returncode
        raise Failure('%s (%s): no "%s" within %d s; its last output:\n%s' % (
            self.name, state, pattern, seconds, tail))

    def wait(self, seconds=STOP_SECONDS):
        """Wait for the end of the process; return its exit status."""
        try:
            status = self._child.wait(seconds)
        except subprocess.TimeoutExpired:
            raise Failure('%s did not end within %d s' % (self.name, seconds))
        self._finish()
        return status

    def kill(self, number=signal.SIGKILL):
        """End the process whatever it does; harmless when it has ended."""
        if self.running():
            self._child.send_signal(number)
        self._child.wait()
        self._finish()

    def _finish(self):
        self._reader.join(5)
        if self._master >= 0:
            os.close(self._master)
            os.close(self._errors)
            self._log.close()
            self._master = -1
