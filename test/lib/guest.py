# SPDX-License-Identifier: BSD-3-Clause
"""A QEMU guest with a real Linux driver, driven through a shell on its serial line."""
import json
import os
import re
import socket

from process import Failure, Program, wait_until

BOOT_SECONDS = 180
COMMAND_SECONDS = 120
MEBIBYTES = 256


class Guest(Program):
    """One guest with one vhost-user network device whose socket QEMU listens on."""

    def __init__(self, run, image, number, device=''):
        """number: 1, 2, ...: address 10.0.0.<number>. device: more properties of the device."""
        self.address = '10.0.0.%d' % number
        self.socket_path = run.path('vm%d' % number)
        self._monitor_path = run.path('qmp%d' % number)
        self._count = 0
        cpus = sorted(os.sched_getaffinity(0))[1:] or [0]  # the first one is the switch's
        argv = [
            'taskset', '-c', ','.join(map(str, cpus)),
            'qemu-system-x86_64', '-accel', 'tcg', '-cpu', 'max', '-m', str(MEBIBYTES),
            '-object', 'memory-backend-memfd,id=m,size=%dM,share=on' % MEBIBYTES,
            '-numa', 'node,memdev=m', '-kernel', os.path.join(image, 'vmlinuz'),
            '-initrd', os.path.join(image, 'initrd.gz'),
            '-append', 'console=ttyS0 quiet panic=-1 random.trust_cpu=on hv.addr=%s/24' % self.address,
            '-nographic', '-nodefaults', '-serial', 'stdio',
            '-qmp', 'unix:%s,server=on,wait=off' % self._monitor_path,
            '-chardev', 'socket,id=c,path=%s,server=on,wait=on' % self.socket_path,
            '-netdev', 'vhost-user,id=n,chardev=c',
            # The boot ROM must not touch the device; MSI-X with vhost-user crashes this QEMU's TCG.
            '-device', 'virtio-net-pci,netdev=n,mac=02:00:00:00:01:%02x,romfile=,vectors=0%s' % (
                number, ',' + device if device else '')]
        super().__init__('guest%d' % number, argv, run.plain_env(),
                         os.path.join(run.log_dir, 'guest%d.log' % number))
        run.programs.append(self)

    def booted(self):
        """Wait for the guest's own shell; returns the guest."""
        self.expect_output('GUEST-READY ' + re.escape(self.address), BOOT_SECONDS)
        if 'GUEST-FAULT' in self.text:
            raise Failure('%s: a module did not load' % self.name)
        return self

    def shell(self, command, seconds=COMMAND_SECONDS, may_fail=False):
        """Run a command in the guest; return its output, fail on a status other than 0."""
        self._count += 1
        end = 'END-%d-' % self._count
        # The quotes keep the echo of the command itself from looking like its end.
        self.send("%s; echo 'END'-%d-$?." % (command, self._count))
        match, output = self.expect_output(end + r'(\d+)\.', seconds)
        if match.group(1) != '0' and not may_fail:
            raise Failure('%s: "%s" ended with %s:\n%s' % (
                self.name, command, match.group(1), output))
        return output

    def monitor(self, command):
        """One QMP command without arguments."""
        with socket.socket(socket.AF_UNIX) as link:
            link.settimeout(30)
            link.connect(self._monitor_path)
            stream = link.makefile('rw')
            stream.readline()
            for name in ('qmp_capabilities', command):
                stream.write(json.dumps({'execute': name}) + '\n')
                stream.flush()
                while True:
                    answer = json.loads(stream.readline())
                    if 'return' in answer:
                        break
                    if 'error' in answer:
                        raise Failure('%s: %s: %s' % (self.name, command, answer['error']))

    def features(self):
        """Bits of the virtio features that the guest's driver negotiated."""
        text = self.shell('cat /sys/bus/virtio/devices/virtio0/features')
        return int(re.search(r'[01]{64}', text).group(0)[::-1], 2)

    def counter(self, name):
        return int(re.search(r'\d+', self.shell(
            'cat /sys/class/net/eth0/statistics/' + name)).group(0))

    def listening(self):
        """Wait until QEMU has made its socket."""
        wait_until(self.name + ': socket', 30, lambda: os.path.exists(self.socket_path))
        return self
