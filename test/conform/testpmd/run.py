#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""Conformance: unmodified dpdk-testpmd as switch over a librte_vhost, dpdk-testpmd as guests.

The guest process has two virtio-user ports, each paired with a pcap port: what one file holds
enters the first device, crosses the switch, leaves through the second device into another file,
and the other way round. The captures must equal what was sent, byte for byte and in order.
"""
import os
import re
import signal
import sys
import time

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', '..', 'lib'))
import frames  # noqa: E402
from process import Failure, resources  # noqa: E402
from run import Run, parser  # noqa: E402
from testpmd import Testpmd  # noqa: E402

RING_PACKED, IN_ORDER, MRG_RXBUF = 1 << 34, 1 << 35, 1 << 15
VECTORIZED = 'vectorized'

# The ring paths: options of virtio-user (whose own default is in_order=1,mrg_rxbuf=1), features
# of the three above that have to be negotiated, receive function that the guest has to choose.
PATHS = {
    'split-mergeable': ('in_order=0', MRG_RXBUF, 'mergeable buffer'),
    'split-nonmergeable': ('mrg_rxbuf=0,in_order=0', 0, 'standard'),
    'split-inorder': ('in_order=1', IN_ORDER | MRG_RXBUF, 'inorder'),
    'split-inorder-nonmergeable': ('mrg_rxbuf=0,in_order=1', IN_ORDER, 'inorder'),
    'split-vectorized': ('mrg_rxbuf=0,in_order=0,vectorized=1', 0, VECTORIZED),
    'packed-mergeable': ('packed_vq=1,in_order=0', RING_PACKED | MRG_RXBUF,
                         'packed ring mergeable buffer'),
    'packed-nonmergeable': ('packed_vq=1,mrg_rxbuf=0,in_order=0', RING_PACKED,
                            'packed ring standard'),
    'packed-inorder': ('packed_vq=1,in_order=1', RING_PACKED | IN_ORDER | MRG_RXBUF,
                       'packed ring mergeable buffer'),
    'packed-inorder-nonmergeable': ('packed_vq=1,mrg_rxbuf=0,in_order=1', RING_PACKED | IN_ORDER,
                                    'packed ring standard'),
    'packed-vectorized': ('packed_vq=1,mrg_rxbuf=0,in_order=1,vectorized=1',
                          RING_PACKED | IN_ORDER, 'packed ring vectorized'),
}
BASIC = ('split-mergeable', 'packed-mergeable')
SIZES = [64, 65, 128, 256, 512, 1024, 1518]
JUMBO = [9000, 64, 4096, 9000, 2049]
SWITCH_CPU, GUEST_CPU = 0, 1

# After a guest has gone the switch must hold the same fds. Its memory map may differ by the arenas
# and stacks that libc makes for threads when it likes; what leaks with every guest shows up as
# a multiple of this over the restarts.
MAPS_SLACK = 6
RSS_SLACK_KIB = 4096
SANITIZER_RSS_SLACK_KIB = 65536  # freed memory stays in quarantine, shadow memory is never given back


class Traffic:
    """Frames for both directions and every queue, as pcap files, and where their captures go."""

    def __init__(self, run, name, queues, sizes, count):
        self.queues = queues
        self.count = count
        self.sent = {}
        self.vdevs = []
        self.out = {}
        for side in (0, 1):
            parts = []
            for queue in range(queues):
                label = '%s-%d-%d' % (name, side, queue)
                made = frames.random_frames(sizes, count, label)
                source = run.path(label + '.in')
                frames.write_pcap(source, made)
                self.sent[side, queue] = made
                self.out[side, queue] = run.path(label + '.out')
                parts += ['rx_pcap=' + source, 'tx_pcap=' + self.out[side, queue]]
            self.vdevs.append('net_pcap%d,%s' % (side, ','.join(parts)))

    def expected(self):
        """{port: packets} that the two pcap ports of the guest have to send in the end."""
        return {0: self.queues * self.count, 2: self.queues * self.count}

    def compare(self):
        """What went in at one side must have come out at the other, on the same queue."""
        for (side, queue), sent in self.sent.items():
            got = frames.read_pcap(self.out[1 - side, queue])
            frames.compare('side %d to %d, queue %d' % (side, 1 - side, queue), sent, got)
        return sum(len(part) for part in self.sent.values())


def start_switch(run, queues=1, client=False):
    """The program under test: net_vhost0 and net_vhost1, each forwarding to the other."""
    vdevs = ['net_vhost%d,iface=%s,queues=%d%s' % (
        side, run.path('vhost%d' % side), queues, ',client=1' if client else '')
        for side in (0, 1)]
    options = ['--rxq=%d' % queues, '--txq=%d' % queues]
    switch = Testpmd('switch', run, SWITCH_CPU, vdevs, options, env=run.library.environment())
    switch.ready()
    run.library.assert_loaded(switch.pid)
    switch.start()
    return switch


def start_guest(run, traffic, path, server=False, forwarders=1):
    """Guest ports: 0 pcap, 1 virtio-user, 2 pcap, 3 virtio-user; forwarding 0-1 and 2-3.

    With four forwarders each direction of each pair has a thread of its own. Frames of several
    descriptors need that: one guest thread could wait for room in a send ring while the switch
    waits for room in the receive ring that this same thread should empty.
    """
    vdevs = []
    for side in (0, 1):
        vdevs.append(traffic.vdevs[side])
        vdevs.append(','.join(part for part in (
            'net_virtio_user%d' % side, 'mac=02:00:00:00:00:%02x' % (side + 1),
            'path=' + run.path('vhost%d' % side), 'queues=%d' % traffic.queues,
            'server=1' if server else '', PATHS[path][0]) if part))
    queue_options = ['--rxq=%d' % traffic.queues, '--txq=%d' % traffic.queues]
    return Testpmd('guest', run, GUEST_CPU, vdevs, queue_options, shared=True,
                   eal=['--force-max-simd-bitwidth=512', '--log-level=pmd.net.virtio.init:info'], forwarders=forwarders)


def assert_path(switch, guest, path):
    """Both sides have to be on the ring path that the check is named after."""
    _, wanted, function = PATHS[path]
    seen = re.findall(r'negotiated Virtio features: 0x([0-9a-f]+)', switch.text)
    if not seen:
        raise Failure('switch: no line with the negotiated features')
    features = int(seen[-1], 16) & (RING_PACKED | IN_ORDER | MRG_RXBUF)
    if features != wanted:
        raise Failure('negotiated %#x of the ring features, wanted %#x' % (features, wanted))
    if 'packed ring vectorized' in function and not cpu_has_avx512():
        return  # the guest's driver has no such function for this CPU
    for port in (1, 3):
        if 'using %s Rx path on port %d' % (function, port) not in guest.text:
            raise Failure('guest port %d does not use its %s path' % (port, function))


def cpu_has_avx512():
    with open('/proc/cpuinfo') as info:
        flags = next(line for line in info if line.startswith('flags')).split()
    return all('avx512' + part in flags for part in ('f', 'bw', 'vl'))


def pass_traffic(switch, guest, traffic, path):
    """Send all frames once; afterwards the captures are complete and compared."""
    for port in (0, 1):
        switch.wait_link(port, True)
    assert_path(switch, guest, path)
    guest.start()
    guest.wait_sent(traffic.expected())
    guest.stop()
    for port in (0, 2):
        guest.command('port stop %d' % port)  # completes the capture file
    return traffic.compare()


def guest_cycle(run, switch, traffic, path, server=False, forwarders=1):
    """A guest comes, its frames cross the switch, it goes; the switch has seen it go."""
    guest = start_guest(run, traffic, path, server, forwarders)
    guest.ready()
    passed = pass_traffic(switch, guest, traffic, path)
    guest.quit()
    for port in (0, 1):
        switch.wait_link(port, False)
    return passed


def check_path(run, path, queues, sizes, count):
    traffic = Traffic(run, path, queues, sizes, count)
    switch = start_switch(run, queues)
    passed = guest_cycle(run, switch, traffic, path, forwarders=4 if sizes is JUMBO else 1)
    run.library.assert_loaded(switch.pid)
    switch.stop()
    switch.quit()
    return '%d frames equal' % passed


def settled(program, seconds=1.5):
    """What it holds once the number of fds has not changed for a while (a client that has lost its
    server may open a socket for each attempt to connect)."""
    last = resources(program.pid)
    since = end = time.monotonic()
    end += 30
    while time.monotonic() - since < seconds:
        if time.monotonic() > end:
            raise Failure('%s: the number of fds does not settle: %d' % (program.name, last.fds))
        time.sleep(0.1)
        now = resources(program.pid)
        if now.fds != last.fds:
            since = time.monotonic()
        last = now
    return last


def assert_restored(run, switch, before, since):
    """The switch holds again what it held before (fds exactly, memory within the slack)."""
    after = settled(switch)
    slack = SANITIZER_RSS_SLACK_KIB if run.library.sanitizer else RSS_SLACK_KIB
    if (after.fds != before.fds or after.maps > before.maps + MAPS_SLACK or
            after.rss_kib > before.rss_kib + slack):
        raise Failure('%s: %s before, %s after %s' % (switch.name, before, after, since))
    return '%s -> %s' % (tuple(before), tuple(after))


def check_guest_restarts(run, path, queues, server, times):
    """The guest comes and goes; the switch stays and gives everything back."""
    traffic = Traffic(run, path, queues, SIZES, 500)
    switch = start_switch(run, queues, client=server)
    idle = settled(switch)
    guest_cycle(run, switch, traffic, path, server)
    warm = settled(switch)
    if warm.fds != idle.fds:
        raise Failure('%d fds before the first guest, %d after it' % (idle.fds, warm.fds))
    for _ in range(times - 1):
        guest_cycle(run, switch, traffic, path, server)
    note = assert_restored(run, switch, warm, '%d guests' % times)
    run.library.assert_loaded(switch.pid)
    switch.stop()
    switch.quit()
    return 'fds, maps, KiB: ' + note


def check_switch_restarts(run, path, queues, times):
    """The guest (socket server) stays; the switch is killed or quits, comes back and connects."""
    traffic = Traffic(run, path, queues, SIZES, 500)
    switch = start_switch(run, queues, client=True)
    guest = start_guest(run, traffic, path, server=True)
    guest.ready()
    passed = pass_traffic(switch, guest, traffic, path)
    for number in range(times):
        if number % 2:
            switch.stop()
            switch.quit()
        else:
            switch.kill(signal.SIGKILL)
        run.programs.remove(switch)
        for port in (1, 3):
            guest.wait_link(port, False)
        for port in (0, 2):
            guest.command('port start %d' % port)  # begins its file anew
        guest.command('clear port stats all')
        switch = start_switch(run, queues, client=True)
        for port in (1, 3):
            guest.wait_link(port, True)
        passed += pass_traffic(switch, guest, traffic, path)
    guest.quit()
    switch.stop()
    switch.quit()
    return '%d frames equal' % passed


def run_checks(run, paths):
    times = 20 if run.arguments.long else 3
    count = 4200 if run.arguments.long else 1400
    for path in paths:
        run.check(path, check_path, path, 1, SIZES, count)
    for path in paths:
        if PATHS[path][1] & MRG_RXBUF:
            run.check(path + ' 9000', check_path, path, 1, JUMBO, count // 7)
    for path in paths:
        if run.arguments.long or path in BASIC:
            run.check(path + ' 8 queues', check_path, path, 8, SIZES, count // 4)
    for path in paths:
        if path in BASIC:
            run.check(path + ' guest restarts', check_guest_restarts, path, 1, False, times)
            run.check(path + ' guest restarts, client mode', check_guest_restarts, path, 1, True,
                      times)
            run.check(path + ' switch restarts', check_switch_restarts, path, 1, times)


def main():
    options = parser(__doc__)
    options.add_argument('--paths', default=','.join(PATHS), help='comma-separated ring paths')
    arguments = options.parse_args()
    paths = arguments.paths.split(',')
    unknown = [path for path in paths if path not in PATHS]
    if unknown:
        options.error('no such path: %s; there are: %s' % (unknown[0], ' '.join(PATHS)))
    with Run(arguments) as run:
        run_checks(run, paths)
        return run.summary()


if __name__ == '__main__':
    sys.exit(main())
