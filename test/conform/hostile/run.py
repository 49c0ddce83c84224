#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""Conformance: hostile clients on one port of an unmodified dpdk-testpmd, another tenant on the other.

The switch runs both ports on one core and sends every frame back. A canary on port 1 makes requests and
sends paced frames all the time; the attacker does its worst on port 0. Times are judged against a control
run with a well-behaved client in the attacker's place (requirements U1, U2, U4, U9).
"""
import json
import os
import re
import socket
import subprocess
import sys
import threading
import time

sys.dont_write_bytecode = True
HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, '..', '..', 'lib'))
from process import Failure, resources, wait_until  # noqa: E402
from run import Run, parser  # noqa: E402
from testpmd import Testpmd  # noqa: E402

SWITCH_CPU, CLIENT_CPU = 0, 1
HOLD_MS = 3000

# U4, in microseconds
MEDIAN_US, P99_US, MAX_US = 1000, 10000, 100000
# While an attacked ring is polled beside its own, the canary's rate at full speed may fall to this share of the
# control run's, and the round trip of a single frame rise by this factor (and this much, us).
FLOOD_SHARE = 0.3
PING_FACTOR, PING_SLACK_US = 3, 2
TRIES = 3
MAPS_SLACK = 6
RSS_SLACK_KIB = 4096

# What ours counts, by telemetry's names: one of several with "|", may be missing with "?"; (): nothing may be counted.
# 'closed': the connection has to end by itself, 'stopped': a ring, with its error fd signalled.
CASES = {
    'header-silence': (('conn.closed.msg_timeout',), 'closed'),
    'half-table': (('conn.closed.msg_timeout',), 'closed'),
    'one-byte': (('conn.closed.msg_timeout',), 'closed'),
    'drip': (('conn.closed.msg_timeout',), 'closed'),
    'unread-replies': (('conn.closed.reply_timeout',), 'closed'),
    'unread-enable': (('conn.closed.reply_timeout',), 'closed'),
    # counted only where signalling has to fall back to writing
    'call-max': (('?vq.observed.notify_blocked',), None),
    'call-full-pipe': (('ctl.nack.fd_type',), 'refused'),
    'call-broken-pipe': (('ctl.nack.fd_type',), 'refused'),
    'sparse-1tib': ((), None),
    'loop-self': (('vq.broken.chain_loop',), 'stopped'),
    'loop-all': (('vq.broken.chain_loop',), 'stopped'),
    'loop-empty': (('vq.broken.chain_loop',), 'stopped'),
    # more descriptors than one call may look at: whether it is a loop need not be found out
    'loop-empty-32768': (('vq.broken.chain_loop|vq.drop.chain_len',), None),
    'loop-receive': (('vq.broken.chain_loop',), 'stopped'),
    'loop-receive-empty': (('vq.broken.chain_loop',), 'stopped'),
    'loop-table': (('vq.broken.chain_loop',), 'stopped'),
    'nested-table': (('vq.broken.desc_flags',), 'stopped'),
    'packed-endless': (('vq.broken.chain_loop',), 'stopped'),
    'packed-endless-receive': (('vq.broken.chain_loop',), 'stopped'),
    'packed-table': (('vq.broken.desc_flags',), 'stopped'),
}
# What the stock library does not survive, or not without harm to the other tenant. With --prove exactly these run,
# and each has to fail: that is how the checks show that they can.
STOCK_FAILS = ('honest-V01', 'hostile-header-silence', 'hostile-unread-replies', 'hostile-unread-enable',
               'hostile-call-max', 'hostile-call-full-pipe', 'hostile-call-broken-pipe', 'hostile-sparse-1tib',
               'hostile-loop-empty-32768')
# These may still end the process: how it went is printed, not judged.
REPORT_ONLY = ('truncated', 'truncated-before-kick')


class Slow(Failure):
    """A time or a rate that misses its limit: on a shared machine worth a second look."""


class Clients:
    """The programs of test/hostile, on their own core."""

    def __init__(self, folder):
        self.folder = folder

    def argv(self, name, *args):
        path = os.path.join(self.folder, name)
        if not os.path.exists(path):
            raise Failure('no program %s: build it first, or name its folder with --programs' % path)
        return ['taskset', '-c', str(CLIENT_CPU), path] + list(args)

    def output(self, *argv):
        done = subprocess.run(self.argv(*argv), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                              timeout=120)
        return done.returncode, done.stdout


class Canary:
    """The other tenant."""

    def __init__(self, clients, path):
        self.child = subprocess.Popen(clients.argv('canary', path), stdin=subprocess.PIPE,
                                      stdout=subprocess.PIPE, text=True)
        if self.child.stdout.readline() != 'ready\n':
            raise Failure('canary: no traffic, exit status %s' % self.child.wait())

    def ask(self, word):
        self.child.stdin.write(word + '\n')
        self.child.stdin.flush()
        # it may have to wait for frames that never come, but not for long
        guard = threading.Timer(20, self.child.kill)
        guard.start()
        line = self.child.stdout.readline()
        guard.cancel()
        if not line:
            raise Failure('canary ended with status %s' % self.child.wait())
        return json.loads(line)

    def end(self):
        """@return its exit status: not 0 when it crashed, or a sanitizer in it complained"""
        self.child.stdin.close()
        try:
            self.child.wait(10)
        except subprocess.TimeoutExpired:
            self.child.kill()
            self.child.wait()
        return self.child.returncode


def ask_telemetry(run, switch, command):
    """Answer of the switch's telemetry socket; None where the library has no such command."""
    folder = os.path.join(run.folder, 'dpdk', switch.prefix)
    names = [n for n in os.listdir(folder) if n.startswith('dpdk_telemetry.v2')]
    if len(names) != 1:
        raise Failure('telemetry sockets in %s: %s' % (folder, names or 'none'))
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as s:
        s.settimeout(5)
        s.connect(os.path.join(folder, names[0]))
        s.recv(1 << 16)
        s.send(command.encode())
        answer = json.loads(s.recv(1 << 16))
    return answer.get(command.split(',')[0])


def counters(run, switch):
    """All violations of the process so far, {'vq.broken.chain_loop': 1, ...}; None: no such library."""
    answer = ask_telemetry(run, switch, '/vhost/violations')
    if not answer:
        return None
    return {'%s.%s.%s' % (group, outcome, name): count
            for group, outcomes in answer.items() if isinstance(outcomes, dict)
            for outcome, names in outcomes.items() if isinstance(names, dict)
            for name, count in names.items()}


def moved(before, after):
    return {name: count - before.get(name, 0) for name, count in after.items()
            if count != before.get(name, 0)}


class Bench:
    """A switch that serves several cases as long as it stays well, and its control run."""

    def __init__(self, run, clients):
        self.run = run
        self.clients = clients
        self.switch = None
        self.control = None
        self.starts = 0

    def port(self, number):
        return self.run.path('%d.sock' % number)

    def fresh(self):
        """The running switch, or a new one."""
        if self.switch is not None and self.switch.running():
            return self.switch
        self.starts += 1
        vdevs = ['net_vhost%d,iface=%s,queues=1' % (n, self.port(n)) for n in (0, 1)]
        for n in (0, 1):
            if os.path.exists(self.port(n)):
                os.unlink(self.port(n))
        self.switch = Testpmd('switch%d' % self.starts, self.run, SWITCH_CPU, vdevs,
                              options=['--port-topology=loop'], env=self.run.library.environment())
        self.switch.ready()
        # no retries: the switch itself would wait for a port that takes no frames
        self.switch.command('set fwd io')
        self.run.library.assert_loaded(self.switch.pid)
        self.switch.start()
        self.control = self.period(lambda: self.behaved(HOLD_MS / 1000))
        return self.switch

    def spoiled(self):
        """Never use this switch again."""
        if self.switch is not None:
            self.switch.kill()
        self.switch = None

    def behaved(self, seconds):
        """A well-behaved client on port 0 for a while; its own report."""
        client = Canary(self.clients, self.port(0))
        try:
            time.sleep(seconds)
            report = client.ask('report')
        finally:
            status = client.end()
        if status != 0:
            raise Failure('the well-behaved client ended with status %d' % status)
        if report['lost'] or report['damaged'] or not report['clean']:
            raise Failure('port 0: a well-behaved client saw %s' % report)
        return report

    def period(self, work):
        """What the canary on port 1 saw while work was done, and its rate at the end of it."""
        canary = Canary(self.clients, self.port(1))
        try:
            worker = Worker(work)
            time.sleep(HOLD_MS / 1000 - 1.5)
            # the attacker still holds on: how fast is the core it shares?
            report = canary.ask('report')
            report['flood'] = canary.ask('flood')
            worker.join()
            last = canary.ask('report')
            for key in ('request_p99_us', 'request_max_us', 'frame_max_us'):
                report[key] = max(report[key], last[key])
            for key in ('lost', 'damaged'):
                report[key] += last[key]
            for key in ('unanswered', 'closed'):
                report[key] = report[key] or last[key]
            report['clean'] = report['clean'] and last['clean']
            report['result'] = worker.result
        finally:
            status = canary.end()
        if status != 0:
            raise Failure('the canary ended with status %d' % status)
        return report


class Worker(threading.Thread):
    """Does something beside; join raises what it raised."""

    def __init__(self, work):
        super().__init__()
        self.work = work
        self.result = self.error = None
        self.start()

    def run(self):
        try:
            self.result = self.work()
        except Exception as error:  # raised again by join
            self.error = error

    def join(self, timeout=None):
        super().join(timeout)
        if self.error:
            raise self.error


def judge_canary(report, control):
    """Requirement U4."""
    wrong, slow = [], []
    for key, limit in (('request_median_us', MEDIAN_US), ('request_p99_us', P99_US),
                       ('request_max_us', MAX_US)):
        # a machine that is slow by itself must not fail the library: twice the control run counts then
        limit = max(limit, 2 * control[key])
        if report[key] > limit:
            slow.append('%s %.0f above %.0f' % (key, report[key], limit))
    if report['unanswered']:
        wrong.append('a request was not answered')
    if report['closed']:
        wrong.append('its connection was closed')
    if report['lost'] or report['damaged'] or not report['clean']:
        wrong.append('lost %d, damaged %d, memory and rings %s' % (
            report['lost'], report['damaged'], 'clean' if report['clean'] else 'NOT clean'))
    rate, usual = report['flood']['frames_per_second'], control['flood']['frames_per_second']
    if rate < FLOOD_SHARE * usual:
        slow.append('%.0f frames/s, control run %.0f' % (rate, usual))
    ping, usual = report['flood']['ping_us'], control['flood']['ping_us']
    if ping > PING_FACTOR * usual + PING_SLACK_US:
        slow.append('round trip %.1f us, control run %.1f' % (ping, usual))
    if report['flood']['lost']:
        wrong.append('%d frames lost at full speed' % report['flood']['lost'])
    if wrong or slow:
        raise (Failure if wrong else Slow)('the other tenant: ' + '; '.join(wrong + slow))


def judge_counters(before, after, wanted):
    if before is None:
        return 'the library has no counters'
    delta = moved(before, after)
    missing = [names for names in wanted if names[0] != '?' and not set(names.split('|')) & set(delta)]
    surplus = [name for name in delta if not any(name in names.lstrip('?').split('|') for names in wanted)]
    if missing or surplus:
        raise Failure('violations counted: %s, wanted: %s' % (
            delta or 'none', ' '.join(wanted) or 'none'))
    return ' '.join('%s +%d' % item for item in delta.items()) or 'nothing counted'


def judge_attacker(outcome, wanted):
    if wanted == 'closed' and outcome['closed_ms'] < 0:
        raise Failure('the connection was not closed: %s' % outcome)
    if wanted == 'refused' and not outcome['refused'] and outcome['closed_ms'] < 0:
        raise Failure('nothing was refused: %s' % outcome)
    if wanted == 'stopped' and not outcome['err_signalled']:
        raise Failure('the error fd of the ring was not signalled: %s' % outcome)


def settled(pid):
    """What the process holds once nothing is given back any more."""
    seen, same = None, 0
    while same < 5:
        now = resources(pid)
        same = same + 1 if seen is not None and now.fds == seen.fds and now.maps == seen.maps else 0
        seen = now
        time.sleep(0.1)
    return seen


def same_resources(before, pid):
    """Requirements U2 and, roughly, U3: waits for what is given back late."""
    def back():
        now = resources(pid)
        return (now.fds == before.fds and now.maps <= before.maps + MAPS_SLACK and
                now.rss_kib <= before.rss_kib + RSS_SLACK_KIB)
    try:
        wait_until('resources back', 8, back, poll=0.2)
    except Failure:
        raise Failure('held before %s, after %s' % (before, resources(pid)))


def attack(bench, name):
    """The attacker's own report."""
    status, text = bench.clients.output('hostile', bench.port(0), name, str(HOLD_MS))
    lines = text.strip().splitlines()
    if status != 0 or not lines:
        raise Failure('attack %s was not carried out (status %d): %s' % (name, status, text))
    return json.loads(lines[-1])


def summary(report):
    return 'requests p99 %.2f ms max %.1f ms, %.0f frames/s, round trip %.1f us' % (
        report['request_p99_us'] / 1000, report['request_max_us'] / 1000,
        report['flood']['frames_per_second'], report['flood']['ping_us'])


def hostile_case(run, bench, name):
    slow = []
    while True:
        try:
            return one_try(run, bench, name) + ''.join(' (a try before: %s)' % s for s in slow)
        except Slow as error:
            slow.append(error)
            if len(slow) == TRIES:
                raise


def one_try(run, bench, name):
    counted, seen = CASES[name]
    switch = bench.fresh()
    try:
        before, held = counters(run, switch), settled(switch.pid)
        report = bench.period(lambda: attack(bench, name))
        if not switch.running():
            raise Failure('the switch died')
        judge_canary(report, bench.control)
        same_resources(held, switch.pid)
        bench.behaved(0.3)
        if before is not None:
            judge_attacker(report['result'], seen)
        note = judge_counters(before, counters(run, switch), counted)
        return '%s; %s' % (summary(report), note)
    except Exception as error:
        alive = switch.running()
        bench.spoiled()
        if isinstance(error, Failure) and not alive:
            raise Failure('the switch died (%s)' % error)
        raise


def report_only(run, bench, name):
    switch = bench.fresh()
    try:
        judge_canary(bench.period(lambda: attack(bench, name)), bench.control)
        return 'the other tenant did not notice'
    except Failure as error:
        time.sleep(1)
        return 'reported only: %s (%s)' % (
            'the switch lives' if switch.running() else 'the switch died',
            re.sub(r'\s+', ' ', str(error))[:150])
    finally:
        bench.spoiled()


def control_case(run, bench):
    bench.fresh()
    judge_canary(bench.control, bench.control)
    return summary(bench.control)


def honest_case(run, bench, row):
    switch = bench.fresh()
    try:
        before, held = counters(run, switch), settled(switch.pid)
        status, text = bench.clients.output('honest', bench.port(0), row)
        if status != 0:
            raise Failure(text.strip())
        same_resources(held, switch.pid)
        judge_counters(before, counters(run, switch), ())
    except Exception:
        bench.spoiled()
        raise


def check(run, prove, name, function, *args):
    if not prove:
        run.check(name, function, *args)
    elif name in STOCK_FAILS:
        run.check('prove-' + name, must_fail, name, function, *args)


def must_fail(run, name, function, *args):
    try:
        function(run, *args)
    except Failure as found:
        return 'found: ' + re.sub(r'\s+', ' ', str(found))[:160]
    raise Failure('%s passes on a library that it is known to find fault with' % name)


def main():
    options = parser(__doc__)
    options.add_argument('--programs', metavar='DIR', default=os.environ.get('HV_PROGRAMS'),
                         help='folder of the built canary, hostile and honest '
                              '(default: test/hostile of the build folder that --lib is in, else of build/)')
    options.add_argument('--prove', action='store_true',
                         help='with the stock library: the checks that it is known to fail do fail')
    arguments = options.parse_args()
    if arguments.prove and arguments.lib != 'stock':
        options.error('--prove is for --lib stock')
    folder = arguments.programs
    if folder is None:
        root = os.path.join(HERE, '..', '..', '..')
        build = os.path.join(root, 'build') if arguments.lib == 'stock' else os.path.join(arguments.lib, '..')
        folder = os.path.realpath(os.path.join(build, 'test', 'hostile'))
    clients = Clients(folder)
    try:
        os.nice(-15)  # all of ours before whatever else the machine does
    except PermissionError:
        pass
    with Run(arguments) as run:
        with run.phase():
            bench = Bench(run, clients)
            run.check('control', control_case, bench)
            rows = clients.output('honest', 'list')[1].split()
            for row in rows:
                check(run, arguments.prove, 'honest-' + row, honest_case, bench, row)
            for name in CASES:
                check(run, arguments.prove, 'hostile-' + name, hostile_case, bench, name)
            for name in REPORT_ONLY:
                check(run, arguments.prove, 'report-' + name, report_only, bench, name)
        return run.summary()


if __name__ == '__main__':
    try:
        sys.exit(main())
    except Failure as failure:
        print('hostile: %s' % failure)
        sys.exit(1)
