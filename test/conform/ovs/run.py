#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""Conformance: Debian's unmodified ovs-vswitchd-dpdk over a librte_vhost, two QEMU guests.

The guests run Debian's kernel under TCG; the switch's ports are vhost-user clients of the guests'
sockets. The guests ping each other and exchange a file, before and after each of: offloads off and
on, guest reboot, guest reset, restart of the switch.
"""
import os
import re
import signal
import subprocess
import sys
import time

sys.dont_write_bytecode = True
HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, '..', '..', 'lib'))
from guest import Guest  # noqa: E402
from process import Failure, Program, wait_until  # noqa: E402
from run import Run, parser  # noqa: E402

VSWITCHD = '/usr/lib/openvswitch-switch-dpdk/ovs-vswitchd-dpdk'
SCHEMA = '/usr/share/openvswitch/vswitch.ovsschema'
PINGS = 20
F_CSUM, F_GUEST_CSUM, F_HOST_TSO4 = 1 << 0, 1 << 1, 1 << 11
LARGEST_FRAME = 1514
# The one line of the library at WARNING that a good guest causes: its socket is not there yet.
EXPECTED_WARNING = re.compile(r'VHOST_CONFIG: .*failed to connect')


class Switch:
    """ovsdb-server and ovs-vswitchd with folders of their own, no service of the system."""

    def __init__(self, run, segmentation):
        if not run.huge:
            raise Failure('this Open vSwitch always gives EAL --in-memory, which does not go with '
                          '--no-huge: free hugepages are needed')
        self.run = run
        self.env = dict(run.library.environment())
        for name in ('RUN', 'DB', 'SYSCONF', 'LOG'):
            self.env['OVS_%sDIR' % name] = run.work
        self.env['RUNTIME_DIRECTORY'] = run.work
        self.log = run.path('vswitchd.log')
        self.plain = dict(self.env)
        self.plain.pop('LD_LIBRARY_PATH', None)
        self.plain.pop('LD_PRELOAD', None)
        self.remote = 'unix:' + run.path('db.sock')
        subprocess.run(['ovsdb-tool', 'create', run.path('conf.db'), SCHEMA], check=True,
                       env=self.plain)
        self.database = self._program('ovsdb-server', [
            'ovsdb-server', run.path('conf.db'), '--remote=p' + self.remote], self.plain)
        wait_until('the database socket', 30, lambda: os.path.exists(run.path('db.sock')))
        cpu = 1 << sorted(os.sched_getaffinity(0))[0]
        self.vsctl('--no-wait', 'init')
        self.vsctl('--no-wait', 'set', 'Open_vSwitch', '.', 'other_config:dpdk-init=true',
                   'other_config:dpdk-lcore-mask=%#x' % cpu, 'other_config:pmd-cpu-mask=%#x' % cpu,
                   'other_config:dpdk-socket-mem=512',
                   'other_config:userspace-tso-enable=%s' % ('true' if segmentation else 'false'),
                   'other_config:dpdk-extra=--no-pci --file-prefix %s' % run.prefix)
        self.daemon = None

    def _program(self, name, argv, env):
        program = Program(name, argv, env, os.path.join(self.run.log_dir, name + '.log'))
        self.run.programs.append(program)
        return program

    def vsctl(self, *args):
        result = subprocess.run(['ovs-vsctl', '--timeout=60', '--db=' + self.remote] + list(args),
                                env=self.plain, text=True, stdout=subprocess.PIPE,
                                stderr=subprocess.STDOUT)
        if result.returncode:
            raise Failure('ovs-vsctl %s: %s' % (' '.join(args), result.stdout))
        return result.stdout.strip()

    def start(self):
        # Its bridge and its datapath are network devices with fixed names: a namespace of its own
        # keeps them from the machine's network and from a second run.
        self.daemon = self._program('vswitchd', [
            'unshare', '--net', VSWITCHD, self.remote, '--pidfile=' + self.run.path('vswitchd.pid'),
            '--unixctl=' + self.run.path('vswitchd.ctl'), '--log-file=' + self.log], self.env)
        # Its own word; dpdk_initialized in the database may be that of the one before.
        self.daemon.expect('DPDK Enabled - initialized', 120)
        self.run.library.assert_loaded(self.daemon.pid)

    def add_ports(self, guests):
        self.vsctl('add-br', 'br0', '--', 'set', 'bridge', 'br0', 'datapath_type=netdev')
        for number, guest in enumerate(guests, 1):
            port = 'vhost%d' % number
            self.vsctl('add-port', 'br0', port, '--', 'set', 'Interface', port,
                       'type=dpdkvhostuserclient', 'options:vhost-server-path=' + guest.socket_path)

    def large_frames(self, number):
        """How many frames above 1522 bytes a guest has sent: left to the switch to segment."""
        text = self.vsctl('get', 'Interface', 'vhost%d' % number, 'statistics')
        found = re.search(r'rx_1523_to_max_packets=(\d+)', text)
        return int(found.group(1)) if found else 0

    def stop(self):
        """Ask it to end, as its service would."""
        if not self.daemon or not self.daemon.running():
            raise Failure('vswitchd does not run')
        subprocess.run(['ovs-appctl', '--timeout=60', '-t', self.run.path('vswitchd.ctl'), 'exit'],
                       env=self.plain, check=True, stdout=subprocess.DEVNULL)
        if self.daemon.wait() != 0:
            raise Failure('vswitchd did not end well:\n' + self.daemon.text[-2000:])

    def warnings(self):
        """Lines of the log at WARN or above: (those of vhost that nothing explains, all others)."""
        with open(self.log, errors='replace') as log:
            lines = [line.rstrip('\n') for line in log if re.search(r'\|(WARN|ERR|EMER)\|', line)]
        of_vhost = [line for line in lines if 'VHOST' in line or 'vhost' in line]
        return ([line for line in of_vhost if not EXPECTED_WARNING.search(line)],
                [line for line in lines if line not in of_vhost])


class Bench:
    """A switch and two booted guests, shared by the checks of one phase."""

    def __init__(self):
        self.switch = None
        self.guests = []

    def set_up(self, run, image, segmentation, device=''):
        self.switch = Switch(run, segmentation)
        self.switch.start()
        self.guests = [Guest(run, image, number, device) for number in (1, 2)]
        for guest in self.guests:
            guest.listening()
        self.switch.add_ports(self.guests)
        for guest in self.guests:
            guest.booted()

    def need(self):
        """A check of this phase makes no sense when the set-up has failed."""
        if len(self.guests) != 2 or not all(guest.running() for guest in self.guests):
            raise Failure('no two running guests')

    def ping(self):
        """Both ways, no loss."""
        self.need()
        one, two = self.guests
        for source, target in ((one, two), (two, one)):
            # Whether the switch's ports are up again shows best in an answer: Open vSwitch may leave
            # link_state in its database as it was.
            wait_until('%s reaches %s' % (source.name, target.name), 120, lambda: ' 0% packet loss' in
                       source.shell('ping -c 1 -W 2 ' + target.address, may_fail=True))
            text = source.shell('ping -c %d -i 0.1 -W 5 -s 1400 %s' % (PINGS, target.address))
            if '%d packets received, 0%% packet loss' % PINGS not in text:
                raise Failure('%s to %s: %s' % (source.name, target.name, text))
        return '2 x %d answers' % PINGS

    def transfer(self, kibibytes):
        """A file of random bytes over TCP, both ways; return the mean size of a sent packet."""
        self.need()
        sizes = []
        for source, target in (self.guests, self.guests[::-1]):
            sizes.append(self._transfer(source, target, kibibytes))
        return min(sizes)

    @staticmethod
    def _transfer(source, target, kibibytes):
        source.shell('dd if=/dev/urandom of=/tmp/out bs=1024 count=%d 2>/dev/null' % kibibytes)
        wanted = source.shell('sha256sum </tmp/out').split()[0]
        # A pipe that it holds open itself: nc would leave at the end of its input.
        target.shell('rm -f /tmp/in /tmp/hold; mkfifo /tmp/hold; '
                     '{ nc -l -p 5001 >/tmp/in 2>/tmp/err <>/tmp/hold & }')
        wait_until('listener in ' + target.name, 60, lambda: ':1389 ' in target.shell(
            'cat /proc/net/tcp /proc/net/tcp6', may_fail=True))
        bytes_before, packets_before = source.counter('tx_bytes'), source.counter('tx_packets')
        source.shell('nc %s 5001 </tmp/out' % target.address, seconds=300)
        target.shell('wait', seconds=300)
        packets = source.counter('tx_packets') - packets_before
        mean = (source.counter('tx_bytes') - bytes_before) / max(packets, 1)
        found = target.shell('sha256sum </tmp/in').split()[0]
        size = int(target.shell('wc -c </tmp/in').split()[0])
        if size != kibibytes * 1024 or found != wanted:
            raise Failure('%s to %s: %d of %d bytes, %s, wanted %s' % (
                source.name, target.name, size, kibibytes * 1024, found, wanted))
        return mean


def check_boot(run, bench, image, segmentation, device=''):
    bench.set_up(run, image, segmentation, device)


def check_ping(run, bench):
    return bench.ping()


def check_offloads_on(run, bench, size):
    bench.need()
    for guest in bench.guests:
        if guest.features() & (F_CSUM | F_HOST_TSO4) != F_CSUM | F_HOST_TSO4:
            raise Failure('%s did not get checksum and segmentation offload: %#x' % (
                guest.name, guest.features()))
        state = guest.shell('offload eth0 on')
        if 'tso=on' not in state or 'tx-checksum=on' not in state:
            raise Failure('%s: %s' % (guest.name, state))
    mean = bench.transfer(size)
    large = [wait_until('frames of guest%d to segment' % number, 30,
                        lambda n=number: bench.switch.large_frames(n), poll=0.5)
             for number in (1, 2)]
    return '2 x %d KiB, %d bytes a packet, %s frames to segment' % (size, mean, large)


def check_offloads_off(run, bench, size):
    bench.need()
    for guest in bench.guests:
        state = guest.shell('offload eth0 off')
        if 'tso=off' not in state or 'tx-checksum=off' not in state:
            raise Failure('%s: %s' % (guest.name, state))
    mean = bench.transfer(size)
    if mean > LARGEST_FRAME:
        raise Failure('the offloads were still on: %d bytes a packet' % mean)
    for guest in bench.guests:
        guest.shell('offload eth0 on')
    return '2 x %d KiB, %d bytes a packet' % (size, mean)


def check_device_without_offloads(run, bench, size):
    bench.need()
    for guest in bench.guests:
        if guest.features() & (F_CSUM | F_GUEST_CSUM | F_HOST_TSO4):
            raise Failure('%s still has offloads: %#x' % (guest.name, guest.features()))
    bench.ping()
    return '2 x %d KiB, %d bytes a packet' % (size, bench.transfer(size))


def check_after(run, bench, size, action, *args):
    """Traffic both ways after something was restarted."""
    bench.need()
    action(*args)
    bench.ping()
    mean = bench.transfer(size)
    return '2 x %d KiB, %d bytes a packet' % (size, mean)


def reboot(guest):
    guest.send('reboot -f')
    guest.booted()


def reset(guest):
    guest.send('')
    guest.monitor('system_reset')
    guest.booted()


def restart_switch(bench, brutal=False):
    if brutal:
        bench.switch.daemon.kill(signal.SIGKILL)
    else:
        bench.switch.stop()
    time.sleep(0.2)  # the guests notice the loss first
    bench.switch.start()


def check_warnings(run, bench):
    """Nothing at WARNING or above from the library over the whole life (contract row V65)."""
    bench.switch.stop()
    unexplained, others = bench.switch.warnings()
    if unexplained:
        raise Failure('%d lines:\n%s' % (len(unexplained), '\n'.join(unexplained[:10])))
    return '%d lines at WARN from elsewhere' % len(others)


def phase_with_offloads(run, image, size):
    bench = Bench()
    with run.phase():
        run.check('boot', check_boot, bench, image, True)
        run.check('ping', check_ping, bench)
        run.check('offloads on: transfer', check_offloads_on, bench, size)
        run.check('offloads off: transfer', check_offloads_off, bench, size)
        if not bench.guests:
            return
        run.check('guest reboot', check_after, bench, size, reboot, bench.guests[0])
        run.check('guest reset', check_after, bench, size, reset, bench.guests[1])
        run.check('switch restart', check_after, bench, size, restart_switch, bench)
        run.check('switch killed', check_after, bench, size, restart_switch, bench, True)
        run.check('no warning', check_warnings, bench)


def phase_without_offloads(run, image, size):
    bench = Bench()
    with run.phase():
        run.check('device without offloads: boot', check_boot, bench, image, False,
                  'csum=off,gso=off,guest_csum=off,guest_tso4=off,guest_tso6=off,guest_ecn=off,'
                  'guest_ufo=off,host_tso4=off,host_tso6=off,host_ufo=off')
        run.check('device without offloads: transfer', check_device_without_offloads, bench, size)
        run.check('device without offloads: no warning', check_warnings, bench)


def main():
    options = parser(__doc__)
    options.add_argument('--image', metavar='DIR', required=True,
                         help='folder with vmlinuz and initrd.gz, made by test/lib/guest-image.sh')
    arguments = options.parse_args()
    size = 65536 if arguments.long else 16384
    with Run(arguments) as run:
        for _ in range(3 if arguments.long else 1):
            phase_with_offloads(run, arguments.image, size)
            phase_without_offloads(run, arguments.image, size)
        return run.summary()


if __name__ == '__main__':
    sys.exit(main())
