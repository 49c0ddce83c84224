#!/bin/busybox sh
# SPDX-License-Identifier: BSD-3-Clause
# First process of a test guest: load the virtio network driver, configure eth0 from the kernel
# command line (hv.addr=A.B.C.D/N), then obey commands on the serial line.
/bin/busybox mkdir -p /proc /sys /dev /tmp /bin /sbin
/bin/busybox --install -s /bin
mount -t proc none /proc
mount -t sysfs none /sys
mount -t devtmpfs none /dev 2>/dev/null
mount -t tmpfs -o size=160m none /tmp
dmesg -n 1
while read -r module; do
    insmod "/modules/$module.ko" || echo "GUEST-FAULT $module"
done </modules/order
address=$(sed 's/.*hv.addr=\([^ ]*\).*/\1/' /proc/cmdline)
ip link set lo up
ip link set eth0 up
ip addr add "$address" dev eth0
# A plain reader of lines: with prompt and editing the shell would switch the line's mode all the time
# and lose what arrives meanwhile.
stty -F /dev/ttyS0 -echo
echo "GUEST-READY $address"
while :; do
    setsid sh /dev/ttyS0 </dev/null >/dev/ttyS0 2>&1
done
