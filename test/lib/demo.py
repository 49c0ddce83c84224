# SPDX-License-Identifier: BSD-3-Clause
"""The traffic part of app/demo.sh: unmodified testpmd switches packets between virtio-user guests.

Ends with status 1 when no packet crosses or when the switch runs on another librte_vhost.
"""
import json
import os
import subprocess
import sys
import tempfile
import time

sys.dont_write_bytecode = True
from process import Failure  # noqa: E402
from run import Run, parser  # noqa: E402
from testpmd import Testpmd  # noqa: E402

RING = 256
BURST = 32
IN_FLIGHT_BURSTS = 6


def start_guests(run):
    """Two virtio-user guests; with only two CPUs they share one process on the second one.

    Two busy processes on one CPU would take turns of milliseconds, and the demonstration would
    measure the kernel's scheduler.
    """
    devices = ['net_virtio_user%d,mac=02:00:00:00:00:%02x,path=%s,queue_size=%d' % (
        side, side + 1, run.path('vhost%d' % side), RING) for side in (0, 1)]
    cpus = sorted(os.sched_getaffinity(0))
    if len(cpus) > 2:
        groups = [(cpus[1], devices[:1]), (cpus[2], devices[1:])]
        print('Guests:   two dpdk-testpmd processes, one virtio-user device each')
    else:
        groups = [(cpus[-1], devices)]
        print('Guests:   two virtio-user devices in one dpdk-testpmd (this machine has %d CPUs)'
              % len(cpus))
    guests = [Testpmd('guest%d' % number, run, cpu, group, ['--port-topology=loop'], shared=True)
              for number, (cpu, group) in enumerate(groups)]
    for guest in guests:
        guest.ready()
    return guests


def measure(switch, seconds):
    """[(received per second, sent per second)] of the switch's two ports."""
    before, begin = [switch.stats(port) for port in (0, 1)], time.monotonic()
    time.sleep(seconds)
    after, end = [switch.stats(port) for port in (0, 1)], time.monotonic()
    return [tuple((new - old) / (end - begin) for old, new in zip(*pair))
            for pair in zip(before, after)]


def telemetry(switch, run, commands):
    """{command: answer} of Debian's dpdk-telemetry.py, which prints one line of JSON per command."""
    env = dict(run.plain_env(), RUNTIME_DIRECTORY=run.folder)
    output = subprocess.run(['dpdk-telemetry.py', '-f', switch.prefix], env=env, text=True,
                            input=''.join(line + '\n' for line in commands + ['quit']),
                            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=30).stdout
    answers = [json.loads(line) for line in output.splitlines() if line.startswith('{"/vhost')]
    if len(answers) != len(commands):
        raise Failure('dpdk-telemetry.py said:\n' + output)
    return {command: next(iter(answer.values())) for command, answer in zip(commands, answers)}


def print_device(device, violations):
    print('  device %s: %s, %s, %s memory region(s)' % (
        device['vid'], device['path'], device['state'], device['regions']))
    print('    features: %s' % ' '.join(device['features']))
    for number, ring in sorted(device['rings'].items()):
        print('    ring %s: %s, %s entries, %s' % (
            number, ring['format'], ring['size'], ring['not_ready'] or 'ready'))
    counted = ['%s.%s %s' % (group, name, count) for group, names in violations.items()
               if isinstance(names, dict) for name, count in names.items()]
    print('    violations: %s' % (', '.join(counted) or 'none'))


def guard_report(switch, run):
    """What the guard says of both devices; the stock library has nothing to say."""
    commands = ['/vhost/list', '/vhost/about']
    for vid in (0, 1):
        commands += ['/vhost/device,%d' % vid, '/vhost/violations,%d' % vid]
    answers = telemetry(switch, run, commands)
    print('Guard (%s, through dpdk-telemetry.py):' % ' '.join(commands))
    if run.library.stock:
        print('  none: %s' % answers)
        return
    silent = [command for command, answer in answers.items() if answer is None]
    if silent:
        raise Failure('no answer to %s' % ' '.join(silent))
    about = answers['/vhost/about']
    print('  %s %s for %s, ABI %s, on %s' % (
        about['name'], about['version'], about['built_for'], about['abi'], about['running_on']))
    for vid in answers['/vhost/list']:
        print_device(answers['/vhost/device,%d' % vid], answers['/vhost/violations,%d' % vid])


def demonstrate(run, seconds):
    cpu = sorted(os.sched_getaffinity(0))[0]
    switch = Testpmd('switch', run, cpu, [
        'net_vhost%d,iface=%s' % (side, run.path('vhost%d' % side)) for side in (0, 1)],
        env=run.library.environment())
    switch.ready()
    print('Memory:   %s' % ('hugepages' if run.huge else 'no hugepages (--no-huge)'))
    print('Switch:   dpdk-testpmd, pid %d, ports net_vhost0 and net_vhost1' % switch.pid)
    print('Library:  %s (from /proc/%d/maps)' % (run.library.assert_loaded(switch.pid), switch.pid))
    switch.start()
    guests = start_guests(run)
    for port in (0, 1):
        switch.wait_link(port, True)
    for guest in guests:
        guest.command('start tx_first %d' % IN_FLIGHT_BURSTS)
    rates = measure(switch, seconds)
    print('Traffic:  64-byte frames for %g s' % seconds)
    for port, (received, sent) in enumerate(rates):
        print('  port %d:  %10d pps from the guest, %10d pps to the guest' % (
            port, received, sent))
    guard_report(switch, run)
    run.library.assert_loaded(switch.pid)
    for program in guests + [switch]:
        program.stop()
        program.quit()
    if any(rate < 1 for pair in rates for rate in pair):
        raise Failure('no packets passed')


def main():
    options = parser(__doc__)
    options.add_argument('--seconds', type=float, default=4, help='how long to measure')
    arguments = options.parse_args()
    with Run(arguments) as run:
        run.work = tempfile.mkdtemp(dir=run.folder)
        try:
            demonstrate(run, arguments.seconds)
        except Failure as failure:
            print('FAILED: %s' % failure)
            return 1
    print('Done.')
    return 0


if __name__ == '__main__':
    sys.exit(main())
