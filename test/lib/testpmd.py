# SPDX-License-Identifier: BSD-3-Clause
"""Debian's dpdk-testpmd as switch (net_vhost) and as guest (virtio-user), driven at its own prompt."""
import os
import re

from process import Failure, Program, wait_until

# Events are masked: testpmd would print them from other threads into the letters of its prompt.
PROMPT = r'^testpmd> '
START_SECONDS = 90
COMMAND_SECONDS = 60

# A burst that does not fit is offered again for at most a second: the two sides run on two cores
# that others use as well, and what a full ring would drop is not the library's doing.
RETRY_DELAY_US = 20
RETRY_COUNT = 50000


def hugepages_usable(mebibytes):
    """Whether hugetlbfs is mounted and has so many MiB free."""
    if os.environ.get('HV_NO_HUGE'):
        return False
    with open('/proc/mounts') as mounts:
        if not any(line.split()[2] == 'hugetlbfs' for line in mounts):
            return False
    free = size = 0
    with open('/proc/meminfo') as info:
        for line in info:
            if line.startswith('HugePages_Free:'):
                free = int(line.split()[1])
            elif line.startswith('Hugepagesize:'):
                size = int(line.split()[1])
    return os.access('/dev/hugepages', os.W_OK) and free * size >= mebibytes * 1024


def _memory_arguments(mebibytes, shared, huge):
    if not huge:
        # EAL then backs its memory with one memfd, which a virtio-user guest can share.
        return ['--no-huge', '-m', str(mebibytes)]
    args = ['--in-memory', '-m', str(mebibytes)]
    return args + ['--single-file-segments'] if shared else args


class Testpmd(Program):
    """One dpdk-testpmd at its prompt, all its threads on one CPU."""

    def __init__(self, name, run, cpu, vdevs, options=(), shared=False, env=None, eal=(),
                 forwarders=1):
        """run: the Run that owns folder, prefix, memory choice. vdevs: values for --vdev."""
        self.prefix = '%s-%s' % (run.prefix, name)
        argv = ['dpdk-testpmd', '--lcores', '(0-%d)@%d' % (forwarders, cpu), '--main-lcore', '0',
                '-n', '1', '--no-pci', '--file-prefix', self.prefix]
        argv += _memory_arguments(run.mebibytes, shared, run.huge) + list(eal)
        for vdev in vdevs:
            argv += ['--vdev', vdev]
        argv += ['--', '-i', '--total-num-mbufs=16384', '--forward-mode=io',
                 '--mask-event=all', '--no-flush-rx', '--nb-cores=%d' % forwarders] + list(options)
        env = dict(env or run.plain_env())
        env['RUNTIME_DIRECTORY'] = run.folder
        super().__init__(name, argv, env, os.path.join(run.log_dir, name + '.log'))
        run.programs.append(self)

    def ready(self, seconds=START_SECONDS):
        """Wait for the first prompt and set the retries."""
        self.expect_output(PROMPT, seconds)
        self.command('set fwd io retry')
        self.command('set burst tx delay %d retry %d' % (RETRY_DELAY_US, RETRY_COUNT))
        return self

    def command(self, line, seconds=COMMAND_SECONDS):
        """Type one command; return what it printed."""
        self.send(line)
        return self.expect_output(PROMPT, seconds)[1]

    def start(self):
        self.command('start')

    def stop(self):
        self.command('stop')

    def quit(self):
        """Leave by the quit command; fail on another exit status than 0."""
        self.send('quit')
        status = self.wait()
        if status != 0:
            raise Failure('%s: exit status %d at quit; its last output:\n%s' % (
                self.name, status, self.text[-1500:]))

    def stats(self, port):
        """(received, sent) packets of one port."""
        text = self.command('show port stats %d' % port)
        received = re.search(r'RX-packets:\s*(\d+)', text)
        sent = re.search(r'TX-packets:\s*(\d+)', text)
        if not received or not sent:
            raise Failure('%s: no statistics of port %d in:\n%s' % (self.name, port, text))
        return int(received.group(1)), int(sent.group(1))

    def link_up(self, port):
        return 'Link status: up' in self.command('show port info %d' % port)

    def wait_link(self, port, up, seconds=60):
        wait_until('%s: port %d %s' % (self.name, port, 'up' if up else 'down'), seconds,
                   lambda: self.link_up(port) == up, poll=0.1)

    def wait_sent(self, wanted, idle_seconds=30):
        """Wait until ports have sent that much ({port: packets}); give up when nothing moves."""
        seen = {}

        def moved():
            now = {port: self.stats(port)[1] for port in wanted}
            if all(now[port] >= wanted[port] for port in wanted):
                return 'done'
            if now != seen:
                seen.update(now)
                return 'moved'
            return None

        while True:
            try:
                if wait_until('progress', idle_seconds, moved, poll=0.1) == 'done':
                    return
            except Failure:
                raise Failure('%s: nothing moves any more: ports sent %s of %s' % (
                    self.name, seen, wanted))
